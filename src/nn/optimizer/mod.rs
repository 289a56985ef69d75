//! Optimizers: they update the parameters of a network with their gradients, and keep state for
//! each.

mod config;
mod schedule;

use std::array;

use anyhow::{Result, bail};

use super::{Gradient, Parameter};
use crate::ops::optimizer::{
    Adam, Averaged, Momentum, Rule, Sgd, average, decay_at, step, step_rows,
};
use crate::ops::{Cpu, ensure_finite};

pub use config::{Method, OptimizerConfig};
pub use schedule::Schedule;

/// What applies to the parameters with any optimizer.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Settings {
    /// λ of the weight decay of parameters that decay; zero for none.
    pub weight_decay: f32,
    /// The largest global norm of the gradients of the loss; larger ones are clipped to it
    /// (Pascanu et al., arXiv 1211.5063).
    pub max_norm: Option<f64>,
    /// The decay of the exponential moving average of the parameters; none for no average.
    pub average_decay: Option<f32>,
}

/// An optimizer of one network, with its state.
#[derive(Debug)]
pub struct Optimizer {
    config: OptimizerConfig,
    settings: Settings,
    /// For each kind of state a tensor of each trained parameter. Averages are the last kind.
    slots: Vec<Vec<Parameter>>,
}

/// One step of all parameters.
#[derive(Clone, Copy)]
struct Step<'a> {
    cpu: &'a Cpu,
    rate: f32,
    clip: f32,
    /// Steps done when this one is.
    count: u64,
    /// The decay of the averages.
    decay: Option<f32>,
}

/// One trained parameter: its place among them, itself and its gradient.
type Trained<'a> = (usize, &'a Parameter, &'a Gradient);

impl Optimizer {
    /// An optimizer of `parameters` with the state it begins with: for each kind of state and each
    /// parameter that is trained, a tensor `<kind>/<parameter>` of the parameter's shape. The kinds
    /// are `momentum`; `adam_m` and `adam_v`; and `average`, which begins at the parameter's value.
    ///
    /// # Errors
    /// When Candle cannot make the tensors.
    pub fn new(
        config: &OptimizerConfig,
        settings: Settings,
        parameters: &[Parameter],
    ) -> Result<Self> {
        let trained = || parameters.iter().filter(|p| p.statistic_momentum().is_none());
        let beside = |kind: &str, of: &Parameter| {
            Parameter::zeros(&format!("{kind}/{}", of.name()), of.shape())
        };
        let mut slots = Vec::new();
        for kind in config.name.state() {
            slots.push(trained().map(|of| beside(kind, of)).collect::<candle_core::Result<_>>()?);
        }
        if settings.average_decay.is_some() {
            let begun = |of: &Parameter| {
                let average = beside("average", of)?;
                average.set(&of.values())?;
                Ok(average)
            };
            slots.push(trained().map(begun).collect::<Result<_>>()?);
        }
        Ok(Self { config: config.clone(), settings, slots })
    }

    /// Takes step number `step`, counted from 0, at the learning rate `rate`: changes `parameters`,
    /// those of [`Optimizer::new`], by their gradients. A statistic moves towards its gradient,
    /// which is the statistic of the batch.
    ///
    /// # Errors
    /// When a gradient has a value that is not finite, or another size than its parameter: nothing
    /// has changed then. What Candle reports of the storage.
    ///
    /// # Panics
    /// When a gradient names a row that its parameter has not.
    pub fn step(
        &mut self,
        cpu: &Cpu,
        parameters: &[Parameter],
        gradients: &[Gradient],
        rate: f64,
        step: u64,
    ) -> Result<()> {
        check_sizes(parameters, gradients)?;
        let norm = global_norm(cpu, parameters, gradients)?;
        let clip = self.settings.max_norm.map_or(1.0, |max| (max / norm.max(max)) as f32);
        let count = step + 1;
        let decay = self.settings.average_decay.map(|decay| decay_at(decay, count));
        let task = Step { cpu, rate: rate as f32, clip, count, decay };
        let mut trained = 0;
        for (parameter, gradient) in parameters.iter().zip(gradients) {
            if let Some(momentum) = parameter.statistic_momentum() {
                let follow = |values: &mut [f32]| average(cpu, values, gradient.values(), momentum);
                parameter.update(follow)?;
            } else {
                self.descend(task, (trained, parameter, gradient))?;
                trained += 1;
            }
        }
        Ok(())
    }

    /// Every tensor of the state, kind by kind in the parameters' order, for checkpoints.
    pub fn state(&self) -> Vec<&Parameter> {
        self.slots.iter().flatten().collect()
    }

    /// The moving averages of the trained parameters, in their order; empty without averages.
    pub fn averages(&self) -> &[Parameter] {
        match (self.settings.average_decay, self.slots.last()) {
            (Some(_), Some(averages)) => averages,
            _ => &[],
        }
    }

    fn descend(&self, task: Step, trained: Trained) -> Result<()> {
        let Step { rate, clip, .. } = task;
        let OptimizerConfig { name, momentum, beta1, beta2, epsilon } = self.config;
        let weight_decay = if trained.1.decays() { self.settings.weight_decay } else { 0.0 };
        match name {
            Method::Sgd => self.apply::<0, 1, _>(task, Sgd { rate, clip, weight_decay }, trained),
            Method::Momentum | Method::Nesterov => {
                let nesterov = name == Method::Nesterov;
                let rule = Momentum { rate, clip, weight_decay, momentum, nesterov };
                self.apply::<1, 2, _>(task, rule, trained)
            }
            Method::Adam | Method::AdamW => {
                let decoupled = name == Method::AdamW;
                let correction = Adam::correction(beta1, beta2, task.count);
                let rule =
                    Adam { rate, clip, weight_decay, decoupled, beta1, beta2, epsilon, correction };
                self.apply::<2, 3, _>(task, rule, trained)
            }
        }
    }

    /// Takes the step of one parameter by a rule with `N` states, which has `M` with an average.
    fn apply<const N: usize, const M: usize, R>(
        &self,
        task: Step,
        rule: R,
        trained: Trained,
    ) -> Result<()>
    where
        R: Rule<N>,
        Averaged<R>: Rule<M>,
    {
        match (trained.2, task.decay) {
            (Gradient::Dense { .. }, Some(decay)) => {
                self.dense::<M>(task, Averaged { rule, decay }, trained)
            }
            (Gradient::Dense { .. }, None) => self.dense::<N>(task, rule, trained),
            (Gradient::Rows { .. }, decay) => {
                self.rows::<N>(task, rule, trained)?;
                decay.map_or(Ok(()), |decay| self.average(task, decay, trained))
            }
        }
    }

    fn dense<const N: usize>(
        &self,
        task: Step,
        rule: impl Rule<N>,
        (index, parameter, gradient): Trained,
    ) -> Result<()> {
        update_together(parameter, self.states(index), |weights, states: [_; N]| {
            step(task.cpu, rule, weights, states, gradient.values());
        })
    }

    fn rows<const N: usize>(
        &self,
        task: Step,
        rule: impl Rule<N>,
        (index, parameter, gradient): Trained,
    ) -> Result<()> {
        let Gradient::Rows { ids, width, .. } = gradient else { return Ok(()) };
        update_together(parameter, self.states(index), |table, states: [_; N]| {
            step_rows(task.cpu, rule, *width, table, states, ids, gradient.values());
        })
    }

    /// Lets the average of a table follow: all of its rows, since all still move towards theirs.
    fn average(&self, task: Step, decay: f32, (index, parameter, _): Trained) -> Result<()> {
        Ok(self.averages()[index].update(|averages| {
            average(task.cpu, averages, &parameter.values(), decay);
        })?)
    }

    /// The state of a trained parameter, of the first `N` kinds.
    fn states<const N: usize>(&self, index: usize) -> [&Parameter; N] {
        array::from_fn(|kind| &self.slots[kind][index])
    }
}

/// Values of a row, which is what the first axis counts.
fn row(parameter: &Parameter) -> usize {
    parameter.shape().iter().skip(1).product()
}

/// Checks that every parameter has a gradient of its size.
///
/// # Errors
/// When one has not.
fn check_sizes(parameters: &[Parameter], gradients: &[Gradient]) -> Result<()> {
    if parameters.len() != gradients.len() {
        bail!("there are {} parameters and {} gradients", parameters.len(), gradients.len());
    }
    for (parameter, gradient) in parameters.iter().zip(gradients) {
        let name = parameter.name();
        match gradient {
            Gradient::Dense { len, .. } if *len != parameter.len() => {
                bail!("the gradient of {name} has {len} values, not {}", parameter.len())
            }
            Gradient::Rows { width, .. } if row(parameter) != *width => {
                bail!("the gradient of {name} has rows of {width}, not {:?}", parameter.shape())
            }
            _ => (),
        }
    }
    Ok(())
}

/// The norm over the gradients of all trained parameters.
///
/// # Errors
/// Names the first parameter whose gradient has a value that is not finite.
fn global_norm(cpu: &Cpu, parameters: &[Parameter], gradients: &[Gradient]) -> Result<f64> {
    let mut squares = 0.0;
    for (parameter, gradient) in parameters.iter().zip(gradients) {
        let sum = gradient.sum_of_squares(cpu);
        ensure_finite(sum, &format!("the gradient of {}", parameter.name()))?;
        if parameter.statistic_momentum().is_none() {
            squares += sum;
        }
    }
    Ok(squares.sqrt())
}

/// Changes the values of `parameter` and of `others` in place.
///
/// # Errors
/// What Candle reports of the storage.
fn update_together<const N: usize>(
    parameter: &Parameter,
    others: [&Parameter; N],
    work: impl FnOnce(&mut [f32], [&mut [f32]; N]),
) -> Result<()> {
    parameter.update(|values| {
        let held = std::array::from_fn(|_| <&mut [f32]>::default());
        hold(&others, 0, held, |others| work(values, others))
    })?
}

/// Borrows the values of `parameters` from the one at `at` on, one inside the other, since Candle
/// lends values to a closure.
fn hold<const N: usize, F: FnOnce([&mut [f32]; N])>(
    parameters: &[&Parameter; N],
    at: usize,
    held: [&mut [f32]; N],
    work: F,
) -> Result<()> {
    let Some(parameter) = parameters.get(at) else {
        work(held);
        return Ok(());
    };
    parameter.update(|values| {
        let mut held: [&mut [f32]; N] = held;
        held[at] = values;
        hold(parameters, at + 1, held, work)
    })?
}

#[cfg(test)]
mod tests;
