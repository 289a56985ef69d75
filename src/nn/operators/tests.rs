//! One test for all operators: the forward pass against the plain formula, the gradients against
//! finite differences of it, at every instruction level, with the same bits for any threads.

use super::cases::Case;
use super::*;
use crate::nn::shared::{PackedWeights, Rows, Use};
use crate::nn::{Gradient, Parameter};
use crate::ops::{Cpu, Isa};
use crate::rng::Stream;

/// Values of a tensor that are compared with finite differences.
const PLACES: usize = 25;
/// The factor of a loss.
const SCALE: f32 = 0.5;

/// A case with numbers.
struct Trial {
    case: Case,
    shapes: Shapes,
    x: Vec<Vec<f64>>,
    parameters: Vec<Vec<f64>>,
    states: Vec<Vec<f64>>,
    dy: Vec<f64>,
    pass: Pass,
}

/// Random numbers that are `f32`.
fn random(name: &str, len: usize) -> Vec<f64> {
    let mut numbers = Stream::new(7, name).at(0);
    (0..len).map(|_| f64::from(numbers.uniform_between(-0.9, 0.9))).collect()
}

fn single(values: &[f64]) -> Vec<f32> {
    values.iter().map(|&value| value as f32).collect()
}

fn len(shape: &[usize]) -> usize {
    shape.iter().product()
}

impl Trial {
    fn new(case: Case) -> Self {
        let op = case.op.get();
        let (batch, inputs) = (case.batch, case.inputs.clone());
        let mut shapes = Shapes { batch, ids: case.ids.len(), inputs, output: Vec::new() };
        shapes.output = op.shape(&shapes).unwrap();
        let parameter_shapes = op.parameters(&case.inputs);
        let numbered = |name: &str, shapes: &[Vec<usize>]| -> Vec<Vec<f64>> {
            let of = |(i, shape): (usize, &Vec<usize>)| random(&format!("{name}{i}"), len(shape));
            shapes.iter().enumerate().map(of).collect()
        };
        let mut parameters = numbered("parameter", &parameter_shapes);
        if let (Some(_), Some(variance)) = (case.statistics, parameters.last_mut()) {
            variance.iter_mut().for_each(|value| *value = 0.5 + value.abs());
        }
        let states = match case.op {
            Op::Lstm(Lstm { hidden }) => vec![vec![batch, hidden]; 2],
            _ => Vec::new(),
        };
        let shard = Shard { first: 0, total: batch };
        Self {
            x: numbered("x", &shapes.inputs),
            parameters,
            states: numbered("state", &states),
            dy: random("dy", len(&shapes.output)),
            pass: Pass { training: case.training, step: 3, seed: 1, shard },
            shapes,
            case,
        }
    }

    fn is_loss(&self) -> bool {
        self.case.op.get().gradient() == GradientRule::Loss
    }

    fn reference(&self, x: &[Vec<f64>], parameters: &[Vec<f64>]) -> Vec<f64> {
        let x: Vec<&[f64]> = x.iter().map(|x| &x[..]).collect();
        self.case.op.get().reference(Reference {
            shapes: &self.shapes,
            x: &x,
            ids: &self.case.ids,
            parameters,
            states: &mut self.states.clone(),
            pass: self.pass,
        })
    }

    /// The scalar whose gradient is taken.
    fn objective(&self, x: &[Vec<f64>], parameters: &[Vec<f64>]) -> f64 {
        let y = self.reference(x, parameters);
        match self.is_loss() {
            true => f64::from(SCALE) * y.iter().sum::<f64>(),
            false => y.iter().zip(&self.dy).map(|(y, dy)| y * dy).sum(),
        }
    }

    /// The slope along one value of an input, or of a parameter.
    fn slope(&self, of_parameter: bool, i: usize, place: usize) -> f64 {
        let step = 1e-5;
        let at = |moved: f64| {
            let (mut x, mut parameters) = (self.x.clone(), self.parameters.clone());
            let tensors = if of_parameter { &mut parameters } else { &mut x };
            tensors[i][place] += moved;
            self.objective(&x, &parameters)
        };
        (at(step) - at(-step)) / (2.0 * step)
    }

    /// Output, gradients of inputs, gradients of parameters.
    fn run(&self, cpu: &Cpu, in_place: bool) -> (Vec<f32>, Vec<Vec<f32>>, Vec<Vec<f32>>) {
        let op = self.case.op.get();
        let parameters: Vec<Parameter> = self
            .parameters
            .iter()
            .map(|values| {
                let parameter = Parameter::zeros("p", &[values.len()]).unwrap();
                parameter.set(&single(values)).unwrap();
                parameter
            })
            .collect();
        let indices: Vec<usize> = (0..parameters.len()).collect();
        let x: Vec<Vec<f32>> = self.x.iter().map(|x| single(x)).collect();
        let mut states: Vec<Vec<f32>> = self.states.iter().map(|state| single(state)).collect();
        let state_indices: Vec<usize> = (0..states.len()).collect();
        let mut inputs: [&[f32]; MAX_INPUTS] = [&[]; MAX_INPUTS];
        inputs.iter_mut().zip(&x).for_each(|(to, x)| *to = x);
        let prefix = op.prefix(&self.shapes);
        let mut y = vec![f32::NAN; prefix + self.shapes.outputs()];
        let mut saved = vec![f32::NAN; op.saved(&self.shapes)];
        let mut bytes = vec![99; op.saved_bytes(&self.shapes)];
        let mut given = inputs;
        if in_place {
            y.copy_from_slice(inputs[0]);
            given[0] = &[];
        }
        if self.is_loss() {
            saved = x[0].clone();
        }
        let all = Parameters { all: &parameters, indices: &indices, are_shared: false };
        let mut packed = PackedWeights::default();
        let mut rows: Vec<Rows> = parameters.iter().map(|_| Rows::default()).collect();
        op.forward(Forward {
            cpu,
            shapes: &self.shapes,
            x: given,
            in_place,
            ids: &self.case.ids,
            parameters: all,
            packed: &mut packed,
            y: &mut y,
            saved: &mut saved,
            bytes: &mut bytes,
            states: StateRefs { all: &mut states, indices: &state_indices },
            pass: self.pass,
            scale: Some(SCALE),
        });
        let output = y[prefix..].to_vec();
        let mut dy = single(&self.dy);
        if self.is_loss() {
            return (output, vec![saved], Vec::new());
        }
        if !self.case.training {
            return (output, Vec::new(), Vec::new());
        }
        if op.gradient() == GradientRule::PassedOn {
            return (output, vec![dy; x.len()], Vec::new());
        }
        let reads = op.reads();
        let mut gradients: Vec<Gradient> = parameters.iter().map(|_| Gradient::default()).collect();
        let mut dx: Vec<Vec<f32>> = x.iter().map(|x| vec![f32::NAN; x.len()]).collect();
        let mut wanted = [const { None }; MAX_INPUTS];
        if op.gradient() == GradientRule::Computed {
            wanted.iter_mut().zip(&mut dx).for_each(|(to, dx)| *to = Some(&mut dx[..]));
        }
        let mut nothing = Vec::new();
        op.backward(Backward {
            cpu,
            shapes: &self.shapes,
            // What it does not say that it reads is not there.
            x: if reads.inputs { inputs } else { [&[]; MAX_INPUTS] },
            ids: &self.case.ids,
            parameters: all,
            packed: &mut packed,
            y: if reads.output { &mut y } else { &mut nothing },
            saved: &mut saved,
            bytes: &bytes,
            dy: &mut dy,
            dx: wanted,
            gradients: ParameterGradients {
                is_apart: false,
                all: &mut gradients,
                indices: &indices,
                uses: [Use::Only; MAX_INPUTS],
                rows: &mut rows,
                by_rows: &mut [false; MAX_INPUTS],
            },
            pass: self.pass,
        });
        if op.gradient() == GradientRule::InPlace {
            dx = vec![dy];
        }
        let dense = gradients.iter().zip(&self.parameters);
        let dense = dense.map(|(gradient, parameter)| gradient.in_a_table(parameter.len()));
        (output, dx, dense.collect())
    }
}

#[track_caller]
fn near(name: &str, what: &str, got: &[f32], want: &[(usize, f64)]) {
    let largest = want.iter().fold(0.0f64, |largest, (_, want)| largest.max(want.abs()));
    for &(place, want) in want {
        let error = (f64::from(got[place]) - want).abs();
        assert!(
            error <= 1e-4 * (largest + 0.01),
            "{name}: {what} {place}: {} and {want}",
            got[place]
        );
    }
}

fn places(len: usize) -> impl Iterator<Item = usize> {
    (0..len).step_by(len.div_ceil(PLACES).max(1))
}

fn check(name: &str, trial: &Trial) {
    let want: Vec<(usize, f64)> =
        trial.reference(&trial.x, &trial.parameters).into_iter().enumerate().collect();
    let slopes =
        |of_parameter: bool, tensors: &[Vec<f64>], count: usize| -> Vec<Vec<(usize, f64)>> {
            let of = |i: usize| {
                let slope = |place| (place, trial.slope(of_parameter, i, place));
                places(tensors[i].len()).map(slope).collect()
            };
            (0..count).map(of).collect()
        };
    let trained = trial.case.statistics.unwrap_or(trial.parameters.len());
    let has_gradient = trial.case.training;
    // A loss gives the gradient of its logits, not that of its weights.
    let inputs = if trial.is_loss() { 1 } else { trial.x.len() };
    let of_inputs = slopes(false, &trial.x, if has_gradient { inputs } else { 0 });
    let of_parameters = slopes(true, &trial.parameters, if has_gradient { trained } else { 0 });
    for isa in Isa::available() {
        let name = format!("{name} {:?} at {isa:?}", trial.case.inputs);
        let one = trial.run(&Cpu::new(isa, 1).unwrap(), false);
        near(&name, "output", &one.0, &want);
        if !has_gradient {
            continue;
        }
        for (i, want) in of_inputs.iter().enumerate() {
            near(&name, &format!("gradient of input {i}"), &one.1[i], want);
        }
        for (i, want) in of_parameters.iter().enumerate() {
            if !one.2.is_empty() {
                near(&name, &format!("gradient of parameter {i}"), &one.2[i], want);
            }
        }
        let three = trial.run(&Cpu::new(isa, 3).unwrap(), false);
        assert!(three == one, "{name}: the bits depend on the threads");
        if trial.case.op.get().runs_in_place() {
            assert!(trial.run(&Cpu::new(isa, 1).unwrap(), true) == one, "{name}: in place");
        }
    }
}

#[test]
fn every_operator_equals_its_formula_and_finite_differences() {
    for (name, cases) in all_cases() {
        assert!(!cases.is_empty(), "{name} has no case");
        for case in cases {
            check(name, &Trial::new(case));
        }
    }
}

#[test]
fn operations_are_counted() {
    for (name, cases) in all_cases() {
        for case in cases {
            let trial = Trial::new(case);
            let count = trial.case.op.get().operations(&trial.shapes);
            let moves =
                ["Concat", "Embedding", "LastStep", "Pad", "Reshape", "Reverse", "Slice", "Stack"];
            let moves = moves.contains(&name);
            assert!(moves || count.forward > 0, "{name} takes no operation");
            let has_weights = [
                "Conv2d",
                "ConvPool",
                "DepthwiseConv2d",
                "Gru",
                "Linear",
                "Lstm",
                "LstmStates",
                "SampledLogits",
                "SeparableConv2d",
            ]
            .contains(&name);
            assert_eq!(count.parameter_gradient > 0, has_weights, "{name}");
        }
    }
}

#[test]
fn parts_of_a_batch_have_the_masks_of_the_whole() {
    let dropout = Dropout { keep: 0.5, stream: "dropout/test".into() };
    let cpu = Cpu::in_order();
    let mask = |batch: usize, steps: usize, shard| {
        let output = vec![steps * batch, 3];
        let shapes = Shapes { batch, ids: 0, inputs: vec![output.clone()], output };
        let pass = Pass { training: true, step: 5, seed: 2, shard };
        let mut values = vec![1.0; shapes.outputs()];
        dropout.apply(&cpu, pass, &shapes, &mut values);
        values
    };
    for steps in [1, 4] {
        let whole = mask(6, steps, Shard { first: 0, total: 6 });
        for first in [0, 2, 4] {
            let part = mask(2, steps, Shard { first, total: 6 });
            for step in 0..steps {
                let from = (step * 6 + first) * 3;
                assert_eq!(
                    part[step * 6..(step + 1) * 6],
                    whole[from..from + 6],
                    "{steps} {first}"
                );
            }
        }
    }
}
