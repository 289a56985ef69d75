//! Runs a plan.

use std::mem::{swap, take};
use std::time::Instant;

use anyhow::{Result, bail};

use super::{
    GRADIENT, INPUT_GRADIENTS, MAX_INPUTS, OUTPUT, Place, Plan, Planned, SAVED, Step, Task,
};
use crate::nn::graph::Graph;
use crate::nn::network::Feed;
use crate::nn::operators::{Backward, Forward, ParameterGradients, Parameters, Pass, StateRefs};
use crate::nn::shared::{PackedWeights, Rows, Use};
use crate::nn::{Gradient, Parameter};
use crate::ops::{Buffer, Cpu, elementwise};

/// Values that an arena keeps although the plans at work need less than half of it.
const KEPT: usize = 4 << 20;
/// Runs that need less than half of an arena before it is made smaller: batches of short and of long
/// sentences take turns.
const SMALL_RUNS: u32 = 64;

/// The memory of all values of a run, kept from run to run.
#[derive(Debug, Default)]
pub struct Arena {
    values: Buffer,
    bytes: Vec<u8>,
    /// The gradients of earlier uses of a parameter, while a later one is found.
    earlier: Vec<Gradient>,
    /// The rows of earlier uses of a layer, each at the number of its weights.
    rows: Vec<Rows>,
    packed: PackedWeights,
    /// Runs since one needed at least half of the values.
    small_runs: u32,
}

impl Arena {
    /// The bytes that it holds.
    pub(in crate::nn) fn bytes(&self) -> u64 {
        (size_of_val(&*self.values) + self.bytes.len()) as u64
    }

    fn begin(&mut self, plan: &Plan) {
        self.fit(plan.sizes);
        self.packed.begin_run();
    }

    /// Makes it large enough for a plan, and smaller where it has been much too large for long.
    fn fit(&mut self, [values, bytes]: [usize; 2]) {
        let is_small = self.values.len() > KEPT && self.values.len() / 2 > values;
        self.small_runs = if is_small { self.small_runs + 1 } else { 0 };
        if self.small_runs > SMALL_RUNS {
            self.values = Buffer::default();
        }
        if self.values.len() < values {
            // What is in it belongs to an earlier run: the old memory goes before the new comes.
            self.values = Buffer::default();
            self.values = Buffer::zeros(values);
        }
        if self.bytes.len() < bytes {
            self.bytes.resize(bytes, 0);
        }
    }
}

/// What a plan runs on.
pub(in crate::nn) struct Execution<'a, 'f> {
    pub cpu: &'a Cpu,
    pub parameters: &'a [Parameter],
    pub gradients: &'a mut [Gradient],
    pub arena: &'a mut Arena,
    pub feed: &'a mut Feed<'f>,
    pub pass: Pass,
    pub scale: Option<f32>,
}

/// The node of a step, whether it is its backward pass, and the seconds that it took. Steps that
/// only move gradients have no node.
pub(in crate::nn) type StepTime = (Option<(usize, bool)>, f64);

impl Planned {
    fn parameters<'a>(&'a self, all: &'a [Parameter]) -> Parameters<'a> {
        Parameters { all, indices: &self.node.parameters, are_shared: self.shares }
    }

    /// The integers that the node reads of what is fed.
    fn ids<'a>(&self, feed: &Feed<'a>) -> &'a [u32] {
        self.node.ids.map_or(&[], |read| read.of(feed.ids[read.input], feed.batch))
    }
}

impl Plan {
    /// Checks that the ids that are fed are within what the nodes that read them have, and that whole
    /// time steps are fed where one of them is read.
    ///
    /// # Errors
    /// The node, the id and its position.
    pub(in crate::nn) fn check_ids(&self, graph: &Graph, feed: &Feed) -> Result<()> {
        for step in &self.steps {
            let Step::Forward(task) = step else { continue };
            let planned = &self.nodes[task.node];
            let Some(read) = planned.node.ids else { continue };
            let (count, batch) = (feed.ids[read.input].len(), feed.batch);
            if read.step.is_some() && !count.is_multiple_of(batch.max(1)) {
                let (name, ids) = (&planned.node.name, &graph.ids[read.input].name);
                bail!("{name}: the {count} values of {ids} are not whole steps of {batch}");
            }
            let within = planned.node.op.get().ids_within(&planned.shapes);
            let is_outside = |&id: &u32| !within.contains(&(id as usize));
            if let Some(at) = planned.ids(feed).iter().position(is_outside) {
                let (name, ids) = (&planned.node.name, &graph.ids[read.input].name);
                let id = planned.ids(feed)[at];
                let rule = match within.start {
                    0 => format!("below {}", within.end),
                    start => format!("{start} to {}", within.end - 1),
                };
                bail!("{name}: {ids} has {id} at position {at}; all must be {rule}");
            }
        }
        Ok(())
    }

    /// Runs all steps.
    pub(in crate::nn) fn run(&self, on: &mut Execution) {
        on.arena.begin(self);
        if self.key.gradients {
            self.leave_others(on);
        }
        self.steps.iter().for_each(|step| self.step(step, on));
    }

    /// How many backward passes give a parameter's gradient.
    fn uses(&self, parameter: usize) -> usize {
        let uses = |step: &&Step| match step {
            Step::Backward(task) => self.nodes[task.node].node.parameters.contains(&parameter),
            _ => false,
        };
        self.steps.iter().filter(uses).count()
    }

    /// Parameters that the loss does not depend on get a gradient that leaves them as they are: zeros, and
    /// of a statistic its value.
    fn leave_others(&self, on: &mut Execution) {
        let mut is_reached = vec![false; on.parameters.len()];
        for step in &self.steps {
            if let Step::Backward(task) = step {
                let own = &self.nodes[task.node].node.parameters;
                own.iter().for_each(|&parameter| is_reached[parameter] = true);
            }
        }
        let parameters = on.parameters.iter().zip(on.gradients.iter_mut()).zip(is_reached);
        for ((parameter, gradient), _) in parameters.filter(|(_, is_reached)| !is_reached) {
            let to = gradient.dense(parameter.len());
            match parameter.statistic_momentum() {
                Some(_) => to.copy_from_slice(&parameter.values()),
                None => to.fill(0.0),
            }
        }
    }

    /// Runs all steps, each against the clock.
    pub(in crate::nn) fn run_timed(&self, on: &mut Execution) -> Vec<StepTime> {
        on.arena.begin(self);
        let timed = |step: &Step| {
            let start = Instant::now();
            self.step(step, on);
            let node = match step {
                Step::Forward(task) => Some((task.node, false)),
                Step::Backward(task) => Some((task.node, true)),
                Step::Copy { .. } | Step::Add { .. } => None,
            };
            (node, start.elapsed().as_secs_f64())
        };
        self.steps.iter().map(timed).collect()
    }

    /// An output of the last run.
    pub(in crate::nn) fn output<'a>(
        &self,
        i: usize,
        arena: &'a mut Arena,
        feed: &Feed,
    ) -> &'a mut [f32] {
        match &self.outputs[i] {
            Place::Input(input) => {
                // Nobody changes what was fed: a copy is in the arena's tail.
                let fed = feed.inputs[*input];
                let start = self.sizes[0];
                let to = &mut arena.values.at_least(start + fed.len())[start..];
                to.copy_from_slice(fed);
                to
            }
            Place::Arena(range) => &mut arena.values[range.clone()],
        }
    }

    fn step(&self, step: &Step, on: &mut Execution) {
        match step {
            Step::Forward(task) => self.forward(task, on),
            Step::Backward(task) => self.backward(task, on),
            Step::Copy { from: Place::Input(fed), to } => {
                elementwise::copy(on.cpu, on.feed.inputs[*fed], &mut on.arena.values[to.clone()]);
            }
            Step::Copy { from: Place::Arena(from), to } => {
                let [from, to] = disjoint(&mut on.arena.values, [from.clone(), to.clone()]);
                elementwise::copy(on.cpu, from, to);
            }
            Step::Add { from, to } => {
                let [from, to] = disjoint(&mut on.arena.values, [from.clone(), to.clone()]);
                elementwise::add_assign(on.cpu, to, from);
            }
        }
    }

    fn forward(&self, task: &Task, on: &mut Execution) {
        let planned = &self.nodes[task.node];
        let mut parts = disjoint(&mut on.arena.values, task.parts.clone());
        let (y, saved) = (take(&mut parts[OUTPUT]), take(&mut parts[SAVED]));
        let x = inputs(task, &parts, &on.feed.inputs);
        planned.node.op.get().forward(Forward {
            cpu: on.cpu,
            shapes: &planned.shapes,
            x,
            in_place: task.in_place,
            ids: planned.ids(on.feed),
            parameters: planned.parameters(on.parameters),
            packed: &mut on.arena.packed,
            y,
            saved,
            bytes: &mut on.arena.bytes[task.bytes.clone()],
            states: StateRefs { all: on.feed.states, indices: &planned.node.states },
            pass: on.pass,
            scale: on.scale,
        });
    }

    fn backward(&self, task: &Task, on: &mut Execution) {
        let planned = &self.nodes[task.node];
        let indices = &planned.node.parameters;
        on.arena.earlier.resize_with(on.parameters.len(), Gradient::default);
        on.arena.rows.resize_with(on.parameters.len(), Rows::default);
        for (&i, _) in indices.iter().zip(task.uses).filter(|(_, of)| of.adds()) {
            swap(&mut on.gradients[i], &mut on.arena.earlier[i]);
        }
        let mut by_rows = [false; MAX_INPUTS];
        let mut parts = disjoint(&mut on.arena.values, task.parts.clone());
        let [y, saved, dy] = [OUTPUT, SAVED, GRADIENT].map(|i| take(&mut parts[i]));
        let mut dx = [const { None }; MAX_INPUTS];
        for (i, dx) in dx.iter_mut().enumerate() {
            *dx = Some(take(&mut parts[INPUT_GRADIENTS + i])).filter(|dx| !dx.is_empty());
        }
        let x = inputs(task, &parts, &on.feed.inputs);
        planned.node.op.get().backward(Backward {
            cpu: on.cpu,
            shapes: &planned.shapes,
            x,
            ids: planned.ids(on.feed),
            parameters: planned.parameters(on.parameters),
            packed: &mut on.arena.packed,
            y,
            saved,
            bytes: &on.arena.bytes[task.bytes.clone()],
            dy,
            dx,
            gradients: ParameterGradients {
                all: on.gradients,
                indices,
                uses: task.uses,
                rows: &mut on.arena.rows,
                is_apart: planned.is_apart,
                by_rows: &mut by_rows,
            },
            pass: on.pass,
        });
        for ((&i, of), by_rows) in indices.iter().zip(task.uses).zip(by_rows) {
            if of.adds() && !by_rows {
                swap(&mut on.gradients[i], &mut on.arena.earlier[i]);
                on.gradients[i].add(on.cpu, &on.arena.earlier[i]);
            }
            if of == Use::Last && on.parameters[i].statistic_momentum().is_some() {
                // Of the statistics of several batches the mean.
                let count = self.uses(i) as f32;
                let values = on.gradients[i].dense(on.parameters[i].len());
                values.iter_mut().for_each(|value| *value /= count);
            }
        }
    }
}

/// The inputs of a pass, from the arena and from what is fed.
fn inputs<'a, const N: usize>(
    task: &Task,
    parts: &'a [&mut [f32]; N],
    fed: &[&'a [f32]],
) -> [&'a [f32]; MAX_INPUTS] {
    std::array::from_fn(|i| match (task.fed[i], task.same[i]) {
        (Some(input), _) => fed[input],
        (None, Some(same)) => &*parts[same],
        (None, None) => &*parts[i],
    })
}

/// Parts of the arena that do not overlap.
fn disjoint<const N: usize>(
    values: &mut [f32],
    parts: [std::ops::Range<usize>; N],
) -> [&mut [f32]; N] {
    match values.get_disjoint_mut(parts) {
        Ok(parts) => parts,
        // The plan's blocks that are needed at one step do not overlap: memory.rs has the test.
        Err(error) => unreachable!("the plan's memory overlaps: {error}"),
    }
}
