//! A bidirectional encoder and a decoder with attention between its two layers, so that whole windows
//! of both are one node each (Bahdanau et al., arXiv 1409.0473; attention below the upper layer as in
//! Wu et al., arXiv 1609.08144; tied vectors: Press and Wolf, arXiv 1608.05859).
//!
//! ```text
//! encoder      h_t    = [→GRU(E[source_t]), ←GRU(E[source_t])]     padding is masked
//! start        s_0    = tanh([→h_last, ←h_first] · S + s)          of either layer of the decoder
//! decoder      l_t    = GRU(D[y_t], l_(t-1))
//!              a_t    = softmax(v · tanh(h · U + l_t · Q + r))
//!              c_t    = Σ a_t h
//!              u_t    = GRU([l_t, c_t], u_(t-1))
//!              o_t    = tanh([u_t, c_t, D[y_t]] · O + o)
//!              logits = o_t · Pᵀ + p                               P = D = E where they are tied
//! ```

use anyhow::Result;

use super::architecture::Losses;
use crate::nn::graph::Initial;
use crate::nn::{Builder, Graph, Ids, Init, Output, Value};

/// The sizes and settings of a network.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bidirectional {
    /// Tokens of the source and of the target.
    pub vocabularies: [usize; 2],
    /// The width of a token's vector.
    pub embedding_size: usize,
    /// Units of either direction of the encoder, and of either layer of the decoder.
    pub hidden_size: usize,
    /// The share of values that dropout keeps.
    pub keep: f32,
    /// ε of label smoothing.
    pub smoothing: f32,
    /// Whether source, target and projection have the same vectors.
    pub tied: bool,
}

/// What the decoder attends to at every step.
#[derive(Clone, Copy, Debug)]
struct Memory<'g> {
    /// The encoder's outputs (positions · batch, 2 · hidden).
    outputs: Value<'g>,
    /// The keys of attention (positions · batch, hidden).
    features: Value<'g>,
    /// The tokens of each source (batch).
    lengths: Ids<'g>,
}

/// The tables of tokens' vectors, and the biases of the projection.
const SOURCE: &str = "encoder/embedding";
const TARGET: &str = "decoder/embedding";
const PROJECTION: &str = "projection";

/// The initialisation of all layers except the tables.
fn init() -> Init {
    Init::of(Initial::GlorotUniform)
}

impl Bidirectional {
    /// The vectors of tokens of one side. Their variance is such that logits of tied vectors begin
    /// small.
    fn vectors<'g>(&self, g: &'g Builder, tokens: Ids<'g>, side: usize) -> Value<'g> {
        let init = Init::uniform((1.0 / self.embedding_size as f32).sqrt());
        let (table, count) = ([SOURCE, TARGET][side], self.vocabularies[side]);
        let embed = |table| tokens.embedding(table, count, self.embedding_size, init);
        let x = if self.tied { g.shared(|| embed(SOURCE)) } else { embed(table) };
        x.dropout(table, self.keep)
    }

    /// The encoder, and the states that both layers of the decoder begin with.
    fn encoder<'g>(
        &self,
        g: &'g Builder,
        source: Ids<'g>,
        lengths: Ids<'g>,
    ) -> (Memory<'g>, [Value<'g>; 2]) {
        let size = self.hidden_size;
        let x = self.vectors(g, source, 0);
        let gru = |x: Value<'g>, name| x.gru(name, size, None, Some(lengths), init());
        let forward = gru(x, "encoder/forward");
        let backward = gru(x.reversed(lengths), "encoder/backward");
        let last = forward.last_step().concat(1, &[backward.last_step()]);
        let outputs = forward.concat(1, &[backward.reversed(lengths)]);
        let outputs = outputs.dropout("encoder/outputs", self.keep);
        let features = outputs.project("attention/features", size, init());
        let start = |name| last.linear(name, size, init()).tanh();
        (
            Memory { outputs, features, lengths },
            ["decoder/start/lower", "decoder/start/upper"].map(start),
        )
    }

    /// A window of the decoder after `words`: what the projection reads (steps · batch, embedding),
    /// the attention's weights (steps · batch, positions), and the states of both layers.
    fn decoder<'g>(
        &self,
        g: &'g Builder,
        memory: Memory<'g>,
        words: Ids<'g>,
        [lower, upper]: [Value<'g>; 2],
    ) -> (Value<'g>, Value<'g>, [Value<'g>; 2]) {
        let size = self.hidden_size;
        let word = self.vectors(g, words, 1);
        let lower = word.gru("decoder/lower", size, Some(lower), None, init());
        let query = lower.linear("attention/query", size, init());
        let weights = memory.features.attention("attention/v", query, Some(memory.lengths), init());
        let context = weights.context(memory.outputs);
        let x = lower.concat(1, &[context]).dropout("decoder/lower", self.keep);
        let upper = x.gru("decoder/upper", size, Some(upper), None, init());
        let x = upper.concat(1, &[context, word]);
        let output = x.linear("decoder/output", self.embedding_size, init()).tanh();
        (output.dropout("decoder/output", self.keep), weights, [lower, upper])
    }

    /// The logits of all tokens.
    fn logits<'g>(&self, g: &'g Builder, output: Value<'g>) -> Value<'g> {
        let biases = "projection/biases";
        let project =
            |weights| output.linear_by_rows([weights, biases], self.vocabularies[1], init());
        match self.tied {
            true => g.shared(|| project(SOURCE)),
            false => project(PROJECTION),
        }
    }

    /// The network for training and for the losses of known translations, described for `steps`
    /// positions of the target. It is fed the `weights` of the losses (steps · batch), the words
    /// `source` (positions · batch), `words` and `targets` (steps · batch), and the `lengths`
    /// (batch) of the sources.
    ///
    /// # Errors
    /// A layer that does not fit its input.
    pub fn unrolled(&self, steps: usize) -> Result<(Graph, Losses)> {
        Graph::build(|g| {
            let weights = g.rows("weights", steps, &[]);
            let source = g.ids("source");
            let (words, targets) = (g.ids_of("words", steps), g.ids_of("targets", steps));
            let (memory, states) = self.encoder(g, source, g.lengths("lengths"));
            let (output, _, _) = self.decoder(g, memory, words, states);
            let logits = self.logits(g, output);
            let exact = logits.weighted_cross_entropy(Some(targets), weights).output();
            let smoothed = logits.smoothed_cross_entropy(Some(targets), weights, self.smoothing);
            Losses { exact, trained: if self.smoothing > 0.0 { smoothed.output() } else { exact } }
        })
    }

    /// Only the encoder: it is fed `source` and `lengths`.
    ///
    /// # Errors
    /// As [`Bidirectional::unrolled`].
    pub fn encoding(&self) -> Result<(Graph, Vec<Output>)> {
        Graph::build(|g| {
            let source = g.ids("source");
            let (memory, states) = self.encoder(g, source, g.lengths("lengths"));
            let all = [memory.outputs, memory.features].into_iter().chain(states);
            all.map(Value::output).collect()
        })
    }

    /// One step of the decoder: it is fed what [`Bidirectional::encoding`] gave, memory and features
    /// first, then the states; the `words` (batch) and the `lengths` of the sources. It gives the
    /// logits (batch, words), the attention's weights (batch, positions) and the states.
    ///
    /// # Errors
    /// As [`Bidirectional::unrolled`].
    pub fn decoding(&self) -> Result<(Graph, Vec<Output>)> {
        Graph::build(|g| {
            let size = self.hidden_size;
            let (outputs, features) =
                (g.input("memory", &[2 * size]), g.input("features", &[size]));
            let states = ["lower", "upper"].map(|name| g.input(name, &[size]));
            let words = g.ids("words");
            let memory = Memory { outputs, features, lengths: g.lengths("lengths") };
            let (x, weights, states) = self.decoder(g, memory, words, states);
            let all = [self.logits(g, x), weights].into_iter().chain(states);
            all.map(Value::output).collect()
        })
    }
}
