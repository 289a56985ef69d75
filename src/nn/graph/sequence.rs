//! The layers of sequences, as methods of the values that they read: recurrent layers, attention, and
//! the projection to the words of a vocabulary.

use super::{Decay, Ids, Init, Unshaped, Value};
use crate::nn::operators::{
    AdditiveAttention, Context, Gru, LastStep, Linear, Lstm, LstmStates, Op, Reverse,
    SampledLogits, Stack,
};

impl<'g> Value<'g> {
    /// An LSTM layer over a window: gates in the order i, j, f, o, one bias, forget bias 0
    /// (TensorFlow's `BasicLSTMCell`; Zaremba et al., arXiv 1409.2329). Rows are time-major: row t
    /// · batch + b. The parameters are `name/kernel` (inputs + `hidden`, 4 · `hidden`) and
    /// `name/bias`; the states `state/<name>/cell` and `state/<name>/hidden` carry over to the next
    /// window.
    pub fn lstm(self, name: &str, hidden: usize, init: Init) -> Self {
        let op = Op::Lstm(Lstm { hidden });
        let parameters = vec![
            self.parameter(format!("{name}/kernel"), &op, 0, init.weights, Decay::None),
            self.parameter(format!("{name}/bias"), &op, 1, init.biases, Decay::None),
        ];
        let state = |part| self.builder.state(format!("state/{name}/{part}"), hidden);
        let states = vec![state("cell"), state("hidden")];
        let (name, inputs) = (name.to_string(), vec![self.source]);
        self.builder.push(Unshaped { name, op, inputs, ids: None, parameters, states })
    }

    /// An LSTM layer over a window (Hochreiter and Schmidhuber, 1997; TensorFlow's `BasicLSTMCell`
    /// with its forget bias of 1): time-major rows (steps · batch, …) give the state after each
    /// step (steps · batch, 2 · `hidden`), cells before hidden values. It begins at `start` (batch,
    /// 2 · `hidden`), or at zero. The parameters are `name/weights` (inputs + `hidden`, 4 ·
    /// `hidden`: i, j, f, o) and `name/biases`.
    pub fn lstm_states(self, name: &str, hidden: usize, start: Option<Self>, init: Init) -> Self {
        let op = Op::LstmStates(LstmStates { hidden, forget_bias: 1.0 });
        let parameters = self.weights_and_biases(name, &op, init);
        let inputs = [Some(self.source), start.map(|start| start.source)];
        self.builder.push(Unshaped {
            name: name.to_string(),
            op,
            inputs: inputs.into_iter().flatten().collect(),
            ids: None,
            parameters,
            states: Vec::new(),
        })
    }

    /// A GRU layer over a window (Cho et al., arXiv 1406.1078; TensorFlow's `GRUCell`): time-major
    /// rows (steps · batch, …) give (steps · batch, `hidden`). It begins at `start` (batch,
    /// `hidden`), or at zero. Sequences of different `lengths` (batch) are side by side with their
    /// padding after them, which leaves the state as it is. The parameters are `name/gates/weights`
    /// (inputs + `hidden`, 2 · `hidden`: reset, update) with biases of 1, and
    /// `name/candidate/weights` (inputs + `hidden`, `hidden`) with biases of 0.
    pub fn gru(
        self,
        name: &str,
        hidden: usize,
        start: Option<Self>,
        lengths: Option<Ids<'g>>,
        init: Init,
    ) -> Self {
        let op = Op::Gru(Gru { hidden });
        let (of_gates, of_candidate) = (init.bias(1.0), init.bias(0.0));
        let parameter = |part: &str, index, initial| {
            self.parameter(format!("{name}/{part}"), &op, index, initial, Decay::None)
        };
        let parameters = vec![
            parameter("gates/weights", 0, of_gates.weights),
            parameter("gates/biases", 1, of_gates.biases),
            parameter("candidate/weights", 2, of_candidate.weights),
            parameter("candidate/biases", 3, of_candidate.biases),
        ];
        let inputs = [Some(self.source), start.map(|start| start.source)];
        self.builder.push(Unshaped {
            name: name.to_string(),
            op,
            inputs: inputs.into_iter().flatten().collect(),
            ids: lengths.map(|lengths| lengths.read),
            parameters,
            states: Vec::new(),
        })
    }

    /// How much each position of these features (positions · batch, width) matters to `query`
    /// (steps · batch, width): softmax of v · tanh(features + query), (steps · batch, positions)
    /// (Bahdanau et al., arXiv 1409.0473; Vinyals et al., arXiv 1412.7449). Positions after
    /// `lengths` weigh nothing. The parameter `name` is v (width).
    pub fn attention(self, name: &str, query: Self, lengths: Option<Ids<'g>>, init: Init) -> Self {
        let op = Op::AdditiveAttention(AdditiveAttention);
        let v = self.parameter(name.to_string(), &op, 0, init.weights, Decay::None);
        self.builder.push(Unshaped {
            name: name.to_string(),
            op,
            inputs: vec![self.source, query.source],
            ids: lengths.map(|lengths| lengths.read),
            parameters: vec![v],
            states: Vec::new(),
        })
    }

    /// The mean of the vectors of `memory` (positions · batch, width) with these weights
    /// (steps · batch, positions): (steps · batch, width).
    pub fn context(self, memory: Self) -> Self {
        self.several(self.builder.numbered("context"), Op::Context(Context), &[memory])
    }

    /// The time steps of each sequence in the other order; of sequences of different `lengths`
    /// (batch) the padding stays behind: (steps · batch, width).
    pub fn reversed(self, lengths: Ids<'g>) -> Self {
        self.builder.push(Unshaped {
            name: self.builder.numbered("reverse"),
            op: Op::Reverse(Reverse),
            inputs: vec![self.source],
            ids: Some(lengths.read),
            parameters: Vec::new(),
            states: Vec::new(),
        })
    }

    /// The rows of the last time step: (steps · batch, width) gives (batch, width).
    pub fn last_step(self) -> Self {
        self.unary(self.builder.numbered("last"), Op::LastStep(LastStep))
    }

    /// The rows of this value, then those of `others`: time steps (batch, width) become a sequence
    /// (steps · batch, width).
    pub fn stack(self, others: &[Self]) -> Self {
        self.in_fours(others, |first, rest| {
            first.several(first.builder.numbered("stack"), Op::Stack(Stack), rest)
        })
    }

    /// The logits of each row's own class, first, and of `samples` classes that are drawn for each
    /// time step: (rows, 1 + `samples`) (Jean et al., arXiv 1412.2007). `labels` are sorted by
    /// falling frequency. The parameters `weights` (`classes`, width) and `biases` (`classes`) are
    /// those of [`Value::linear_by_rows`].
    pub fn sampled_logits(
        self,
        [weights, biases]: [&str; 2],
        labels: Ids<'g>,
        [classes, samples]: [usize; 2],
        init: Init,
    ) -> Self {
        let stream = format!("sampled/{weights}");
        let op = Op::SampledLogits(SampledLogits { classes, samples, stream });
        let parameters = self.projection([weights, biases], &op, init);
        let (name, inputs) = (weights.to_string(), vec![self.source]);
        let (ids, states) = (Some(labels.read), Vec::new());
        self.builder.push(Unshaped { name, op, inputs, ids, parameters, states })
    }

    /// As [`Value::linear_named`], with weights (`outputs`, inputs): one row per output.
    pub fn linear_by_rows(self, [weights, biases]: [&str; 2], outputs: usize, init: Init) -> Self {
        let op = Op::Linear(Linear { transposed: true, ..Linear::new(outputs) });
        let parameters = self.projection([weights, biases], &op, init);
        self.node(weights.to_string(), op, parameters)
    }

    fn projection(self, [weights, biases]: [&str; 2], op: &Op, init: Init) -> Vec<usize> {
        vec![
            self.parameter(weights.to_string(), op, 0, init.weights, Decay::None),
            self.parameter(biases.to_string(), op, 1, init.biases, Decay::None),
        ]
    }
}
