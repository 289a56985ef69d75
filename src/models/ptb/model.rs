//! The language model: embedding, LSTM layers, softmax (arXiv 1409.2329, figure 2).

use anyhow::Result;

use crate::nn::{Feed, Graph, Ids, Init, Mode, Network, Output, Value};
use crate::ops::Cpu;

/// The sizes and settings of a model.
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
    /// The probability that dropout keeps a value: 1 - the dropout rate.
    pub keep_prob: f32,
    /// The seed of the initial parameters and of dropout.
    pub seed: u64,
}

/// The logits (steps · batch, words) of the words that follow `words`.
fn network(words: Ids<'_>, of: Architecture) -> Value<'_> {
    let Architecture { vocab_size, hidden_size, num_layers, keep_prob, .. } = of;
    let init = Init::uniform(of.init_scale);
    let x = words.embedding("embedding", vocab_size, hidden_size, init);
    let mut x = x.dropout("0", keep_prob);
    for i in 0..num_layers {
        x = x.lstm(&format!("lstm_{i}"), hidden_size, init);
        x = x.dropout(&format!("{}", i + 1), keep_prob);
    }
    x.linear_named("softmax", ["softmax_w", "softmax_b"], vocab_size, init.random_bias())
}

impl Architecture {
    /// The network with its logits and its losses.
    ///
    /// # Errors
    /// A layer that does not fit its input.
    pub fn graph(self) -> Result<(Graph, [Output; 2])> {
        Graph::build(|g| {
            let (words, targets) = (g.ids("words"), g.ids("targets"));
            let logits = network(words, self);
            [logits.output(), logits.cross_entropy(targets).output()]
        })
    }
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

impl<'a> Window<'a> {
    /// The window with the recurrent state before it, which becomes that after it.
    pub fn feed(self, state: &'a mut State) -> Feed<'a> {
        let (inputs, ids) = (Vec::new(), vec![self.inputs, self.targets]);
        Feed { batch: self.batch, inputs, ids, states: state }
    }
}

/// The recurrent state: cell and hidden state of each layer, (batch, hidden) each.
pub type State = Vec<Vec<f32>>;

/// The word language model of Zaremba et al.
#[derive(Debug)]
pub struct LanguageModel {
    /// The network.
    pub network: Network,
    /// The logits (steps · batch, words).
    pub logits: Output,
    /// The cross-entropies in nats (steps · batch).
    pub losses: Output,
    architecture: Architecture,
}

impl LanguageModel {
    /// A model with random parameters.
    ///
    /// # Errors
    /// When Candle cannot make the tensors.
    pub fn new(architecture: Architecture) -> Result<Self> {
        let (graph, [logits, losses]) = architecture.graph()?;
        Ok(Self { network: Network::new(graph, architecture.seed)?, logits, losses, architecture })
    }

    /// The sizes and settings of the model.
    pub fn architecture(&self) -> Architecture {
        self.architecture
    }

    /// The state of zeros for `batch` sequences.
    pub fn zero_state(&self, batch: usize) -> State {
        self.network.zero_states(batch)
    }

    /// The losses in nats of a window's words, without dropout, time-major. `state` advances to the end
    /// of the window.
    ///
    /// # Errors
    /// Sizes that do not fit.
    pub fn evaluate(&mut self, cpu: &Cpu, window: Window, state: &mut State) -> Result<&[f32]> {
        Ok(self.network.run(cpu, Mode::Inference, self.losses, window.feed(state))?)
    }

    /// The logits (steps · batch, words) after the words `inputs`; `state` advances.
    ///
    /// # Errors
    /// Sizes that do not fit.
    pub fn logits(
        &mut self,
        cpu: &Cpu,
        batch: usize,
        inputs: &[u32],
        state: &mut State,
    ) -> Result<&[f32]> {
        let feed = Window { batch, inputs, targets: &[] }.feed(state);
        Ok(self.network.run(cpu, Mode::Inference, self.logits, feed)?)
    }
}
