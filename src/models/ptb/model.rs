//! The language model: embedding, LSTM layers, softmax (arXiv 1409.2329, figure 2).

use candle_core::Result;

use crate::nn::{
    Embedding, GlobalNorm, GradientDescent, Lstm, LstmState, Parameter, SoftmaxOutput,
};
use crate::ops::dropout::dropout;
use crate::ops::{Buffer, Cpu};
use crate::rng::Stream;

/// What a model is made from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Architecture {
    /// Words, and so classes of the softmax.
    pub vocab_size: usize,
    /// Units of every layer, and the width of a word's vector.
    pub hidden_size: usize,
    /// LSTM layers.
    pub num_layers: usize,
    /// Parameters start uniform in ± this.
    pub init_scale: f32,
    /// The probability of keeping a value in dropout.
    pub keep_prob: f32,
    /// The seed of the initial parameters and of dropout.
    pub seed: u64,
}

/// A window of words: time-major, word `t * batch + b`.
#[derive(Clone, Copy, Debug)]
pub struct Window<'a> {
    /// Sequences side by side.
    pub batch: usize,
    /// The words (steps · batch).
    pub inputs: &'a [u32],
    /// The words that follow (steps · batch).
    pub targets: &'a [u32],
}

impl Window<'_> {
    /// Time steps.
    pub fn steps(&self) -> usize {
        self.inputs.len() / self.batch
    }
}

/// The recurrent state: one a layer.
pub type State = Vec<LstmState>;

/// A step that made a value that is not finite.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotFinite {
    /// The tensor: "loss" or a parameter whose gradient it is.
    pub tensor: String,
}

/// The word language model of Zaremba et al.
#[derive(Debug)]
pub struct LanguageModel {
    architecture: Architecture,
    embedding: Embedding,
    layers: Vec<Lstm>,
    output: SoftmaxOutput,
    /// The input of every layer and of the softmax, after dropout.
    xs: Vec<Buffer>,
    /// The gradients of two neighbouring `xs`, in turn.
    d_xs: [Buffer; 2],
}

impl LanguageModel {
    /// A model with random parameters.
    ///
    /// # Errors
    /// When Candle cannot make the tensors.
    pub fn new(architecture: Architecture) -> Result<Self> {
        let Architecture { vocab_size, hidden_size, num_layers, init_scale, seed, .. } =
            architecture;
        let layer = |i| Lstm::new(&format!("lstm_{i}"), hidden_size, hidden_size, init_scale, seed);
        Ok(Self {
            architecture,
            embedding: Embedding::new("embedding", vocab_size, hidden_size, init_scale, seed)?,
            layers: (0..num_layers).map(layer).collect::<Result<_>>()?,
            output: SoftmaxOutput::new(hidden_size, vocab_size, init_scale, seed)?,
            xs: vec![Buffer::default(); num_layers + 1],
            d_xs: Default::default(),
        })
    }

    /// What the model was made from.
    pub fn architecture(&self) -> Architecture {
        self.architecture
    }

    /// The state of zeros for `batch` sequences.
    pub fn zero_state(&self, batch: usize) -> State {
        let hidden = self.architecture.hidden_size;
        vec![LstmState::zeros(batch, hidden); self.layers.len()]
    }

    /// Every parameter, in a fixed order.
    pub fn parameters(&self) -> Vec<&Parameter> {
        let layers = self.layers.iter().flat_map(|layer| [&layer.kernel, &layer.bias]);
        std::iter::once(&self.embedding.table)
            .chain(layers)
            .chain([&self.output.weight, &self.output.bias])
            .collect()
    }

    /// The losses in nats of a window's words, without dropout, time-major. `state` goes on
    /// to the end of the window.
    pub fn evaluate(&mut self, cpu: &Cpu, window: Window, state: &mut State) -> &[f32] {
        self.forward(cpu, window.batch, window.inputs, state, None);
        let len = window.inputs.len() * self.architecture.hidden_size;
        self.output.losses(cpu, &self.xs[self.layers.len()][..len], window.targets, None)
    }

    /// The logits (steps · batch, words) after the words `inputs`; `state` goes on.
    pub fn logits(&mut self, cpu: &Cpu, batch: usize, inputs: &[u32], state: &mut State) -> &[f32] {
        self.forward(cpu, batch, inputs, state, None);
        let len = inputs.len() * self.architecture.hidden_size;
        self.output.logits(cpu, &self.xs[self.layers.len()][..len])
    }

    /// One step of training on a window: the cost, which is the sum of the losses over time
    /// averaged over the batch.
    ///
    /// # Errors
    /// [`NotFinite`] when the cost or a gradient is not finite; no parameter has then
    /// changed. The outer error is Candle's.
    pub fn train(
        &mut self,
        cpu: &Cpu,
        window: Window,
        state: &mut State,
        step: u64,
        learning_rate: f64,
        max_grad_norm: f64,
    ) -> Result<std::result::Result<f64, NotFinite>> {
        self.forward(cpu, window.batch, window.inputs, state, Some(step));
        let cost = self.backward(cpu, window, step);
        if !cost.is_finite() {
            return Ok(Err(NotFinite { tensor: "loss".to_string() }));
        }
        let norm = self.global_norm(cpu);
        if let Some(tensor) = norm.not_finite() {
            return Ok(Err(NotFinite { tensor: format!("gradient of {tensor}") }));
        }
        let clip = norm.clip_factor(max_grad_norm);
        self.descend(cpu, GradientDescent { rate: learning_rate as f32, clip })?;
        Ok(Ok(cost))
    }

    /// Fills `xs`: the outputs of the last layer are the last of them.
    fn forward(
        &mut self,
        cpu: &Cpu,
        batch: usize,
        inputs: &[u32],
        state: &mut State,
        training_step: Option<u64>,
    ) {
        let len = inputs.len() * self.architecture.hidden_size;
        self.embedding.forward(cpu, inputs, self.xs[0].at_least(len));
        self.dropout(cpu, 0, len, training_step);
        for i in 0..self.layers.len() {
            let (before, after) = self.xs.split_at_mut(i + 1);
            let shape = self.layers[i].shape(batch, inputs.len() / batch);
            let outputs = self.layers[i].forward(cpu, shape, &before[i][..len], &mut state[i]);
            after[0].at_least(len).copy_from_slice(outputs);
            self.dropout(cpu, i + 1, len, training_step);
        }
    }

    /// The cost of the window that went forward, and all gradients.
    fn backward(&mut self, cpu: &Cpu, window: Window, step: u64) -> f64 {
        let n_layers = self.layers.len();
        let len = window.inputs.len() * self.architecture.hidden_size;
        let scale = 1.0 / window.batch as f32;
        let outputs = &self.xs[n_layers][..len];
        let losses = self.output.losses(cpu, outputs, window.targets, Some(scale));
        let cost = losses.iter().copied().map(f64::from).sum::<f64>() / window.batch as f64;

        let [mut d_out, mut d_in] = std::mem::take(&mut self.d_xs);
        self.output.backward(cpu, outputs, d_out.at_least(len));
        for i in (0..n_layers).rev() {
            self.dropout_gradient(cpu, i + 1, step, d_out.at_least(len));
            let shape = self.layers[i].shape(window.batch, window.steps());
            let xs = &self.xs[i][..len];
            self.layers[i].backward(cpu, shape, xs, d_out.at_least(len), d_in.at_least(len));
            std::mem::swap(&mut d_out, &mut d_in);
        }
        self.dropout_gradient(cpu, 0, step, d_out.at_least(len));
        self.embedding.gradient().copy_from_slice(d_out.at_least(len));
        self.d_xs = [d_out, d_in];
        cost
    }

    fn global_norm(&mut self, cpu: &Cpu) -> GlobalNorm {
        let mut norm = GlobalNorm::default();
        norm.add_rows(cpu, &mut self.embedding);
        for parameter in &self.parameters()[1..] {
            norm.add(cpu, parameter);
        }
        norm
    }

    fn descend(&self, cpu: &Cpu, optimizer: GradientDescent) -> Result<()> {
        optimizer.descend_rows(cpu, &self.embedding)?;
        for parameter in &self.parameters()[1..] {
            optimizer.descend(cpu, parameter)?;
        }
        Ok(())
    }

    fn dropout(&mut self, cpu: &Cpu, place: usize, len: usize, training_step: Option<u64>) {
        if let Some(step) = training_step {
            let mut xs = std::mem::take(&mut self.xs[place]);
            self.dropout_gradient(cpu, place, step, &mut xs[..len]);
            self.xs[place] = xs;
        }
    }

    /// Dropout is linear: its gradient is dropout with the same mask.
    fn dropout_gradient(&self, cpu: &Cpu, place: usize, step: u64, values: &mut [f32]) {
        let keep = self.architecture.keep_prob;
        if keep < 1.0 {
            let stream = Stream::new(self.architecture.seed, &format!("dropout/{place}"));
            dropout(cpu, stream, step, keep, values);
        }
    }
}
