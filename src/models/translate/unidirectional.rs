//! An encoder and a decoder with attention, as the reference has them (Sutskever et al., arXiv
//! 1409.3215; Bahdanau et al., arXiv 1409.0473; Vinyals et al., arXiv 1412.7449).
//!
//! ```text
//! encoder      h_t, s = GRU(E[source_t], s)                    all layers, from s = 0
//! decoder      x_t    = [D[y_t], c_(t-1)] · W + b              c_(-1) = 0
//!              s_t    = GRU(x_t, s_(t-1))                      from the encoder's last states
//!              a_t    = softmax(v · tanh(h · U + q_t))         q_t = s_t · Q + r, all layers
//!              c_t    = Σ a_t h
//!              o_t    = [s_t, c_t] · O + o                     the top layer's state
//!              logits = o_t · Pᵀ + p
//! ```
//!
//! With long short-term memory in place of the GRU, s_t are the cells and hidden values of all
//! layers; h and s_t in o_t are only the hidden values.

use anyhow::Result;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::architecture::Losses;
use crate::nn::graph::Initial;
use crate::nn::{Builder, Graph, Ids, Init, Output, Value};

/// The recurrent cell of encoder and decoder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Cell {
    /// GRU (Cho et al., arXiv 1406.1078): the reference's default.
    #[default]
    Gru,
    /// LSTM with a forget bias of 1: the reference's `use_lstm`.
    Lstm,
}

/// The sizes and settings of a network.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Unidirectional {
    /// Words of the source and of the target.
    pub vocabularies: [usize; 2],
    /// The recurrent cell.
    pub cell: Cell,
    /// Hidden units per layer, and the embedding size.
    pub hidden_size: usize,
    /// Layers of the encoder, and of the decoder.
    pub num_layers: usize,
    /// Negative samples per time step for sampled softmax; 0: the full softmax.
    pub num_samples: usize,
    /// The initialisation of all parameters without one of their own.
    pub initial: Initial,
}

/// The projection to the target's words.
const PROJECTION: [&str; 2] = ["proj_w", "proj_b"];

/// The state before a step of the decoder, and after it.
#[derive(Clone, Debug)]
struct Step<'g> {
    /// The state of every layer (batch, [`Unidirectional::state_size`]).
    states: Vec<Value<'g>>,
    /// The attention context: the weighted mean of the memory (batch, hidden).
    context: Value<'g>,
}

/// What the decoder attends to at every step.
#[derive(Clone, Copy, Debug)]
struct Memory<'g> {
    /// The encoder's outputs (positions · batch, hidden).
    outputs: Value<'g>,
    /// The keys of attention (positions · batch, hidden).
    features: Value<'g>,
}

impl Unidirectional {
    /// The size of a layer's state: the cells, if there are any, then the hidden values.
    fn state_size(&self) -> usize {
        match self.cell {
            Cell::Gru => self.hidden_size,
            Cell::Lstm => 2 * self.hidden_size,
        }
    }

    /// A layer of encoder or decoder over the steps `x`, from `start` or zero: its outputs
    /// (steps · batch, hidden), and the states after each step.
    fn layer<'g>(&self, name: &str, x: Value<'g>, start: Option<Value<'g>>) -> [Value<'g>; 2] {
        let (size, init) = (self.hidden_size, Init::of(self.initial));
        match self.cell {
            Cell::Gru => [x.gru(name, size, start, None, init); 2],
            Cell::Lstm => {
                let states = x.lstm_states(name, size, start, init);
                [states.slice(1, size, size), states]
            }
        }
    }

    /// The encoder: its outputs, and the last state of every layer.
    fn encoder<'g>(&self, source: Ids<'g>) -> (Memory<'g>, Vec<Value<'g>>) {
        let (size, init) = (self.hidden_size, Init::of(self.initial));
        let vectors = Init::uniform(3f32.sqrt());
        let mut x = source.embedding("encoder/embedding", self.vocabularies[0], size, vectors);
        let mut states = Vec::with_capacity(self.num_layers);
        for i in 0..self.num_layers {
            let [outputs, after] = self.layer(&format!("encoder/cell_{i}"), x, None);
            states.push(after.last_step());
            x = outputs;
        }
        (Memory { outputs: x, features: x.project("attention/features", size, init) }, states)
    }

    /// One step of the decoder after `word`: the input (batch, 2 · hidden) of its output layer, the
    /// attention's weights (batch, positions), and what the next step begins with.
    fn step<'g>(
        &self,
        memory: Memory<'g>,
        word: Ids<'g>,
        from: Step<'g>,
    ) -> (Value<'g>, Value<'g>, Step<'g>) {
        let (size, init) = (self.hidden_size, Init::of(self.initial));
        let word = word.embedding("decoder/embedding", self.vocabularies[1], size, init);
        let mut x = word.concat(1, &[from.context]).linear("decoder/input", size, init);
        let mut states = Vec::with_capacity(self.num_layers);
        for (i, state) in from.states.into_iter().enumerate() {
            let [output, after] = self.layer(&format!("decoder/cell_{i}"), x, Some(state));
            states.push(after);
            x = output;
        }
        let query = states[0].concat(1, &states[1..]).linear("attention/query", size, init);
        let weights = memory.features.attention("attention/v", query, None, init);
        let context = weights.context(memory.outputs);
        if !self.is_sampled() {
            // The reference's `OutputProjectionWrapper` around the cells.
            x = x.linear("decoder/projection", self.vocabularies[1], init);
        }
        (x.concat(1, &[context]), weights, Step { states, context })
    }

    /// The outputs (steps · batch, hidden) of `steps` steps of the decoder from `first` on.
    fn decoder<'g>(
        &self,
        g: &'g Builder,
        memory: Memory<'g>,
        words: Ids<'g>,
        first: Step<'g>,
        steps: usize,
    ) -> Value<'g> {
        let (mut outputs, mut next) = (Vec::with_capacity(steps), first);
        for t in 0..steps {
            let build = || self.step(memory, words.step(t), next);
            let (output, _, after) = if t == 0 { build() } else { g.shared(build) };
            outputs.push(output);
            next = after;
        }
        self.output(outputs[0].stack(&outputs[1..]))
    }

    /// Whether training takes samples of the target's words. The network has a projection to all of
    /// them then; else its cells have one, as the reference's.
    fn is_sampled(&self) -> bool {
        (1..self.vocabularies[1]).contains(&self.num_samples)
    }

    fn output<'g>(&self, x: Value<'g>) -> Value<'g> {
        let width = if self.is_sampled() { self.hidden_size } else { self.vocabularies[1] };
        x.linear("attention/output", width, Init::of(self.initial))
    }

    /// The logits of all words.
    fn logits<'g>(&self, output: Value<'g>) -> Value<'g> {
        let init = Init::of(self.initial).random_bias();
        match self.is_sampled() {
            true => output.linear_by_rows(PROJECTION, self.vocabularies[1], init),
            false => output,
        }
    }

    /// The network of `steps` positions of the target, for training and for the losses of known
    /// translations. It is fed `context` (batch, hidden) of zeros, the `weights` of the losses
    /// (steps · batch), and the words `source` (positions · batch), `words` and `targets`
    /// (steps · batch).
    ///
    /// # Errors
    /// A layer that does not fit its input.
    pub fn unrolled(&self, steps: usize) -> Result<(Graph, Losses)> {
        Graph::build(|g| {
            let context = g.input("context", &[self.hidden_size]);
            let weights = g.rows("weights", steps, &[]);
            let source = g.ids("source");
            let (words, targets) = (g.ids_of("words", steps), g.ids_of("targets", steps));
            let (memory, states) = self.encoder(source);
            let output = self.decoder(g, memory, words, Step { states, context }, steps);
            let exact = self.logits(output).weighted_cross_entropy(Some(targets), weights).output();
            let sampled = self.is_sampled().then(|| {
                g.shared(|| {
                    let (init, sizes) =
                        (Init::of(self.initial), [self.vocabularies[1], self.num_samples]);
                    let logits = output.sampled_logits(PROJECTION, targets, sizes, init);
                    logits.weighted_cross_entropy(None, weights).output()
                })
            });
            Losses { exact, trained: sampled.unwrap_or(exact) }
        })
    }

    /// Only the encoder: it is fed `source`.
    ///
    /// # Errors
    /// As [`Unidirectional::unrolled`].
    pub fn encoding(&self) -> Result<(Graph, Vec<Output>)> {
        Graph::build(|g| {
            let (memory, states) = self.encoder(g.ids("source"));
            let all = [memory.outputs, memory.features].into_iter().chain(states);
            all.map(Value::output).collect()
        })
    }

    /// One step of the decoder: it is fed what [`Unidirectional::encoding`] gave, memory and features
    /// first, then the states; then the context, and the `words` (batch). It gives the logits
    /// (batch, words), the attention's weights (batch, positions), the states and the context.
    ///
    /// # Errors
    /// As [`Unidirectional::unrolled`].
    pub fn decoding(&self) -> Result<(Graph, Vec<Output>)> {
        Graph::build(|g| {
            let input = |name: &str| g.input(name, &[self.hidden_size]);
            let memory = Memory { outputs: input("memory"), features: input("features") };
            let state = |i: usize| g.input(&format!("state_{i}"), &[self.state_size()]);
            let states = (0..self.num_layers).map(state).collect();
            let from = Step { states, context: input("context") };
            let (x, weights, next) = self.step(memory, g.ids("words"), from);
            let logits = self.logits(self.output(x));
            let all = [logits, weights].into_iter().chain(next.states).chain([next.context]);
            all.map(Value::output).collect()
        })
    }
}
