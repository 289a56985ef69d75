//! An LSTM layer over windows of time steps.

use candle_core::Result;

use super::Parameter;
use crate::ops::Cpu;
use crate::ops::lstm::{Gradients, Shape, Trace, Weights, backward, forward};

/// A layer of long short-term memory: gates in the order i, j, f, o with one bias, no
/// peepholes, forget bias 0 (TensorFlow's `BasicLSTMCell`).
#[derive(Debug)]
pub struct Lstm {
    /// (input + hidden, 4 · hidden)
    pub kernel: Parameter,
    /// (4 · hidden)
    pub bias: Parameter,
    trace: Trace,
}

impl Lstm {
    /// A layer with a kernel uniform in ±`scale` and a bias of zeros.
    ///
    /// # Errors
    /// When Candle cannot make the tensors.
    pub fn new(name: &str, input: usize, hidden: usize, scale: f32, seed: u64) -> Result<Self> {
        let kernel = [input + hidden, 4 * hidden];
        Ok(Self {
            kernel: Parameter::uniform(&format!("{name}/kernel"), &kernel, scale, seed)?,
            bias: Parameter::zeros(&format!("{name}/bias"), &[4 * hidden])?,
            trace: Trace::default(),
        })
    }

    /// The sizes of this layer for a window of `batch` by `steps`.
    pub fn shape(&self, batch: usize, steps: usize) -> Shape {
        let hidden = self.bias.len() / 4;
        Shape { batch, steps, input: self.kernel.shape()[0] - hidden, hidden }
    }

    /// Runs a window of inputs `xs` (steps · batch, input) from `state`, which becomes the
    /// state after the window. The outputs are (steps · batch, hidden).
    pub fn forward(
        &mut self,
        cpu: &Cpu,
        shape: Shape,
        xs: &[f32],
        state: &mut LstmState,
    ) -> &[f32] {
        self.trace.start(shape, &state.cell, &state.hidden);
        let (kernel, bias) = (self.kernel.values(), self.bias.values());
        let weights = Weights { kernel: &kernel, bias: &bias };
        forward(cpu, shape, weights, xs, &mut self.trace);
        state.cell.copy_from_slice(self.trace.last_cell(shape));
        state.hidden.copy_from_slice(self.trace.last_hidden(shape));
        self.trace.outputs(shape)
    }

    /// The gradients of the last window, from that of its outputs `d_outputs` (steps ·
    /// batch, hidden): of the parameters in their gradient buffers, of the inputs in
    /// `d_inputs` (steps · batch, input).
    pub fn backward(
        &mut self,
        cpu: &Cpu,
        shape: Shape,
        xs: &[f32],
        d_outputs: &[f32],
        d_inputs: &mut [f32],
    ) {
        let (kernel_len, bias_len) = (self.kernel.len(), self.bias.len());
        let mut d_kernel = std::mem::take(&mut self.kernel.gradient);
        let mut d_bias = std::mem::take(&mut self.bias.gradient);
        let gradients = Gradients {
            kernel: d_kernel.at_least(kernel_len),
            bias: d_bias.at_least(bias_len),
            inputs: d_inputs,
        };
        {
            let (kernel, bias) = (self.kernel.values(), self.bias.values());
            let weights = Weights { kernel: &kernel, bias: &bias };
            backward(cpu, shape, weights, xs, d_outputs, &mut self.trace, gradients);
        }
        self.kernel.gradient = d_kernel;
        self.bias.gradient = d_bias;
    }
}

/// The state that a layer carries from window to window: cell and hidden (batch, hidden).
#[derive(Clone, Debug, PartialEq)]
pub struct LstmState {
    /// (batch, hidden)
    pub cell: Vec<f32>,
    /// (batch, hidden)
    pub hidden: Vec<f32>,
}

impl LstmState {
    /// The state of zeros.
    pub fn zeros(batch: usize, hidden: usize) -> Self {
        Self { cell: vec![0.0; batch * hidden], hidden: vec![0.0; batch * hidden] }
    }
}
