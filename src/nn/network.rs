//! A network: a graph with parameters, their gradients, and the memory of its values.

use std::ops::Range;
use std::sync::Arc;

use anyhow::{Result, bail};

use super::graph::{Graph, Initial, Output, ParameterSpec};
use super::operators::{Pass, Shard};
use super::parameter::Constant;
use super::plan::{Arena, Execution, Key, Plan, StepTime};
use super::{Gradient, Parameter};
use crate::ops::{Cpu, norm};

/// Plans that are kept: a model that scores lines sees many lengths.
const MAX_PLANS: usize = 64;

/// What a run is fed. Rows of images and of labels are (batch, …), those of a recurrent network
/// time-major (steps · batch, …).
#[derive(Debug)]
pub struct Feed<'a> {
    /// Examples side by side.
    pub batch: usize,
    /// The inputs of numbers, in the order in which the graph declares them.
    pub inputs: Vec<&'a [f32]>,
    /// The inputs of integers; those that the wanted outputs do not need may be empty.
    pub ids: Vec<&'a [u32]>,
    /// The states before the run, which become those after it: [`Network::zero_states`].
    pub states: &'a mut [Vec<f32>],
}

impl<'a> Feed<'a> {
    /// `batch` images, with labels or without.
    pub fn images(batch: usize, images: &'a [f32], labels: &'a [u32]) -> Self {
        Self { batch, inputs: vec![images], ids: vec![labels], states: &mut [] }
    }

    /// The inputs of some of the examples, where each has a row of its own, without ids or states.
    fn examples(&self, range: Range<usize>) -> Self {
        let rows = |values: &&'a [f32]| {
            let row = values.len() / self.batch;
            &values[range.start * row..range.end * row]
        };
        Self {
            batch: range.len(),
            inputs: self.inputs.iter().map(rows).collect(),
            ids: vec![&[]; self.ids.len()],
            states: &mut [],
        }
    }
}

/// What a run is for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Mode {
    /// Values as they are after training.
    Inference,
    /// Values as in training, under the dropout masks of that step of the run.
    Training {
        /// The step.
        step: u64,
    },
    /// As in training, and the gradients of `scale` · Σ losses for every parameter.
    Gradients {
        /// The step.
        step: u64,
        /// The factor of the losses.
        scale: f32,
    },
}

/// A graph with parameters. Runs of one network share its memory, so it does one at a time.
#[derive(Debug)]
pub struct Network {
    graph: Arc<Graph>,
    seed: u64,
    parameters: Vec<Parameter>,
    gradients: Vec<Gradient>,
    plans: Vec<Plan>,
    arena: Arena,
    /// The output of the last run that was done in parts.
    gathered: Vec<f32>,
    shard: Option<Shard>,
    fused: bool,
}

impl Network {
    /// A network with its first parameters, each from the stream `init/<name>` of `seed`.
    ///
    /// # Errors
    /// When Candle cannot make the tensors.
    pub fn new(graph: Graph, seed: u64) -> Result<Self> {
        let parameter = |spec: &ParameterSpec| {
            let (name, shape) = (&spec.name, &spec.shape[..]);
            let parameter = match spec.initial {
                Initial::Uniform(_) | Initial::GlorotUniform | Initial::UnitScaling => {
                    let bound = spec.initial.bound(shape).unwrap_or(0.0);
                    Parameter::uniform(name, shape, bound, seed)
                }
                Initial::TruncatedNormal(stddev) => {
                    Parameter::truncated_normal(name, shape, stddev, seed)
                }
                Initial::Constant(value) => Parameter::constant(name, shape, value),
                Initial::Statistic { value, momentum } => {
                    Parameter::statistic(name, shape, value, momentum)
                }
            }?;
            Ok(if spec.decays { parameter.decayed() } else { parameter })
        };
        let parameters = graph.parameters.iter().map(parameter).collect::<Result<Vec<_>>>()?;
        Ok(Self::of(Arc::new(graph), seed, parameters))
    }

    /// A network for inference alone, whose parameters are constants: each is what `constant` gives for
    /// its name and shape. What is made of them, such as filters in the order in which they are read,
    /// is kept; they themselves are not.
    ///
    /// # Errors
    /// What `constant` says.
    pub fn of_constants(
        graph: Graph,
        constant: impl Fn(&ParameterSpec) -> Result<Arc<dyn Constant>>,
    ) -> Result<Self> {
        let lent =
            |spec: &ParameterSpec| Ok(Parameter::lent(&spec.name, &spec.shape, constant(spec)?));
        let parameters = graph.parameters.iter().map(lent).collect::<Result<Vec<_>>>()?;
        Ok(Self::of(Arc::new(graph), 0, parameters))
    }

    fn of(graph: Arc<Graph>, seed: u64, parameters: Vec<Parameter>) -> Self {
        let gradients = parameters.iter().map(|_| Gradient::default()).collect();
        Self {
            graph,
            seed,
            parameters,
            gradients,
            plans: Vec::new(),
            arena: Arena::default(),
            gathered: Vec::new(),
            shard: None,
            fused: true,
        }
    }

    /// The same network with the same parameters, in the same memory, and gradients of its own.
    pub fn replica(&self) -> Self {
        let parameters = self.parameters.iter().map(Parameter::replica).collect();
        Self::of(Arc::clone(&self.graph), self.seed, parameters)
    }

    /// Another graph over parameters of this network, which are found by their names: another bucket,
    /// or one step of a decoder.
    ///
    /// # Errors
    /// A parameter that this network lacks or has in another shape.
    pub fn sharing(&self, graph: Graph) -> Result<Self> {
        let find = |spec: &ParameterSpec| {
            let named = |own: &&Parameter| own.name() == spec.name && own.shape() == spec.shape;
            match self.parameters.iter().find(named) {
                Some(own) => Ok(own.replica()),
                None => bail!("the network has no parameter {} of that shape", spec.name),
            }
        };
        let parameters = graph.parameters.iter().map(find).collect::<Result<Vec<_>>>()?;
        Ok(Self::of(Arc::new(graph), self.seed, parameters))
    }

    /// Takes the memory of values and gradients over from another network of the same parameters,
    /// whose last run is lost.
    pub fn take_memory(&mut self, other: &mut Self) {
        std::mem::swap(&mut self.arena, &mut other.arena);
        std::mem::swap(&mut self.gradients, &mut other.gradients);
    }

    /// The same network with other values of its parameters, such as their moving averages, which are
    /// named `<slot>/<parameter>` in `values`. Parameters that it lacks are shared.
    pub fn with_values(&self, values: &[Parameter]) -> Self {
        let mut network = self.replica();
        for parameter in &mut network.parameters {
            // Everything after the slot is the name: "average/a/b" does not belong to "b".
            let own = |other: &&Parameter| {
                other.name().split_once('/').is_some_and(|(_, own)| own == parameter.name())
            };
            if let Some(other) = values.iter().find(own) {
                *parameter = other.replica().named(parameter.name());
            }
        }
        network
    }

    /// The same network without rewrites, which tests hold the rewrites to.
    #[cfg(test)]
    pub(super) fn unfused(self) -> Self {
        Self { fused: false, ..self }
    }

    /// The part of a batch that later runs are fed.
    pub(super) fn set_shard(&mut self, shard: Shard) {
        self.shard = Some(shard);
    }

    /// The seed of its parameters and masks.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The graph.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// Every parameter, in the order in which the layers were built.
    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    /// The gradient of each parameter after a run for gradients.
    pub fn gradients(&self) -> &[Gradient] {
        &self.gradients
    }

    /// Parameters and gradients at once.
    pub fn parameters_and_gradients(&mut self) -> (&[Parameter], &mut [Gradient]) {
        (&self.parameters, &mut self.gradients)
    }

    /// Σ w² / 2 over the parameters that decay, TensorFlow's `l2_loss`.
    pub fn l2_loss(&self, cpu: &Cpu) -> f64 {
        let decaying = self.parameters.iter().filter(|parameter| parameter.decays());
        decaying.map(|parameter| norm::sum_of_squares(cpu, &parameter.values()) / 2.0).sum()
    }

    /// States of zeros for `batch` examples.
    pub fn zero_states(&self, batch: usize) -> Vec<Vec<f32>> {
        self.graph.states.iter().map(|state| vec![0.0; batch * state.width]).collect()
    }

    /// Runs the network for one output, which may be changed by the caller.
    ///
    /// # Errors
    /// Sizes of what is fed that do not fit the graph, each with its name.
    pub fn run(
        &mut self,
        cpu: &Cpu,
        mode: Mode,
        output: Output,
        mut feed: Feed,
    ) -> Result<&mut [f32]> {
        let plan = self.plan(mode, &[output], &feed)?;
        if self.plans[plan].at_once() < feed.batch {
            let mut gathered = std::mem::take(&mut self.gathered);
            self.run_in_parts(cpu, &[output], &feed, std::slice::from_mut(&mut gathered))?;
            self.gathered = gathered;
            return Ok(&mut self.gathered);
        }
        self.execute(cpu, mode, plan, &mut feed);
        Ok(self.plans[plan].output(0, &mut self.arena, &feed))
    }

    /// Runs the network for several outputs: a copy of each.
    ///
    /// # Errors
    /// As [`Network::run`].
    pub fn run_for(
        &mut self,
        cpu: &Cpu,
        mode: Mode,
        outputs: &[Output],
        mut feed: Feed,
    ) -> Result<Vec<Vec<f32>>> {
        let plan = self.plan(mode, outputs, &feed)?;
        if self.plans[plan].at_once() < feed.batch {
            let mut gathered = vec![Vec::new(); outputs.len()];
            self.run_in_parts(cpu, outputs, &feed, &mut gathered)?;
            return Ok(gathered);
        }
        self.execute(cpu, mode, plan, &mut feed);
        let copy = |i| self.plans[plan].output(i, &mut self.arena, &feed).to_vec();
        Ok((0..outputs.len()).map(copy).collect())
    }

    /// Runs the network for inference on a few examples at a time, and gathers each output.
    fn run_in_parts(
        &mut self,
        cpu: &Cpu,
        outputs: &[Output],
        feed: &Feed,
        gathered: &mut [Vec<f32>],
    ) -> Result<()> {
        let whole = self.plan(Mode::Inference, outputs, feed)?;
        let at_once = self.plans[whole].at_once();
        gathered.iter_mut().for_each(Vec::clear);
        for first in (0..feed.batch).step_by(at_once) {
            let mut part = feed.examples(first..feed.batch.min(first + at_once));
            let plan = self.plan(Mode::Inference, outputs, &part)?;
            self.execute(cpu, Mode::Inference, plan, &mut part);
            for (i, gathered) in gathered.iter_mut().enumerate() {
                gathered.extend_from_slice(self.plans[plan].output(i, &mut self.arena, &part));
            }
        }
        Ok(())
    }

    fn execute(&mut self, cpu: &Cpu, mode: Mode, plan: usize, feed: &mut Feed) {
        let Self { plans, parameters, gradients, arena, .. } = self;
        let (pass, scale) = pass(mode, self.seed, self.shard, feed.batch);
        plans[plan].run(&mut Execution { cpu, parameters, gradients, arena, feed, pass, scale });
    }

    /// The seconds of each step of a run, with its node and whether it is a backward pass.
    pub(super) fn time(
        &mut self,
        cpu: &Cpu,
        mode: Mode,
        output: Output,
        feed: &mut Feed,
    ) -> Result<(&Plan, Vec<StepTime>)> {
        let plan = self.plan(mode, &[output], feed)?;
        let Self { plans, parameters, gradients, arena, .. } = self;
        let (pass, scale) = pass(mode, self.seed, self.shard, feed.batch);
        let mut on = Execution { cpu, parameters, gradients, arena, feed, pass, scale };
        let times = plans[plan].run_timed(&mut on);
        Ok((&self.plans[plan], times))
    }

    /// The plan for a mode and sizes, made the first time they are seen.
    fn plan(&mut self, mode: Mode, outputs: &[Output], feed: &Feed) -> Result<usize> {
        let key = Key {
            outputs: outputs.to_vec(),
            training: mode != Mode::Inference,
            gradients: matches!(mode, Mode::Gradients { .. }),
            batch: feed.batch,
            rows: self.rows(feed)?,
            ids: feed.ids.iter().map(|ids| ids.len()).collect(),
        };
        let known = self.plans.iter().position(|plan| plan.key == key);
        if known.is_none() {
            let plan = Plan::fitting(&self.graph, key, self.fused, self.arena.bytes())?;
            if self.plans.len() == MAX_PLANS {
                self.plans.remove(0);
            }
            self.plans.push(plan);
        }
        let plan = known.unwrap_or(self.plans.len() - 1);
        self.plans[plan].check_ids(&self.graph, feed)?;
        Ok(plan)
    }

    /// How a run of `mode` on `batch` examples goes: for tables and tests.
    ///
    /// # Errors
    /// As [`Network::run`].
    pub fn plan_for(&mut self, mode: Mode, outputs: &[Output], feed: &Feed) -> Result<&Plan> {
        let plan = self.plan(mode, outputs, feed)?;
        Ok(&self.plans[plan])
    }

    /// The rows of each input.
    fn rows(&self, feed: &Feed) -> Result<Vec<usize>> {
        let Graph { inputs, ids, states, .. } = &*self.graph;
        if feed.inputs.len() != inputs.len() || feed.ids.len() != ids.len() {
            bail!(
                "the network takes {} float inputs and {} integer inputs, not {} and {}",
                inputs.len(),
                ids.len(),
                feed.inputs.len(),
                feed.ids.len()
            );
        }
        let lens = feed.states.iter().map(Vec::len);
        if !lens.eq(states.iter().map(|state| feed.batch * state.width)) {
            bail!("the states are not those of {} examples of this network", feed.batch);
        }
        let rows = |(input, values): (&super::graph::Input, &&[f32])| {
            let row: usize = input.shape[1..].iter().product();
            let rows = values.len() / row.max(1);
            if rows * row != values.len() || !rows.is_multiple_of(feed.batch.max(1)) {
                let (name, count, batch) = (&input.name, values.len(), feed.batch);
                bail!("{name}: {count} values are not rows of {row} for batch {batch}");
            }
            Ok(rows)
        };
        inputs.iter().zip(&feed.inputs).map(rows).collect()
    }
}

/// What the operators know of a run, and the factor of the losses whose gradients it gives.
fn pass(mode: Mode, seed: u64, shard: Option<Shard>, batch: usize) -> (Pass, Option<f32>) {
    let (step, scale) = match mode {
        Mode::Inference => (0, None),
        Mode::Training { step } => (step, None),
        Mode::Gradients { step, scale } => (step, Some(scale)),
    };
    let shard = shard.unwrap_or(Shard { first: 0, total: batch });
    (Pass { training: mode != Mode::Inference, step, seed, shard }, scale)
}
