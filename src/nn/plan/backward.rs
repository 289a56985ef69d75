//! The backward pass: each node's gradient, in reverse.
//!
//! A value that several nodes read gets the sum of their gradients, the last reader's first. The
//! gradient of a parameter that several nodes use is summed in the same order.

use std::collections::HashMap;

use super::schedule::{Draft, OUTPUT_GRADIENT, Operand, Operands, Part, Scheduler, input_gradient};
use super::{OUTPUT, SAVED, Source};
use crate::nn::operators::GradientRule;
use crate::nn::shared::Use;

/// Plans the backward pass of every node that has parameters or reads one that has.
pub(super) fn backward(scheduler: &mut Scheduler) {
    // Those that have a gradient already.
    let mut parameters = Vec::new();
    for node in (0..scheduler.nodes.len()).rev() {
        let rule = scheduler.nodes[node].node.op.get().gradient();
        let is_wanted = scheduler.live[node] && scheduler.needs_gradient[node];
        let Some(dy) = scheduler.gradient[node].filter(|_| is_wanted) else { continue };
        match rule {
            GradientRule::Loss => {}
            GradientRule::PassedOn => pass_on(scheduler, node, dy),
            GradientRule::InPlace => {
                step(scheduler, node, dy, &mut parameters);
                if let Some((_, input)) = wanted(scheduler, node).next() {
                    receive(scheduler, input, dy);
                }
            }
            GradientRule::Computed => computed(scheduler, node, dy, &mut parameters),
        }
    }
    mark_apart(scheduler);
    mark_last_uses(scheduler);
}

/// The inputs of a node whose gradient is wanted: number and node.
fn wanted(scheduler: &Scheduler, node: usize) -> impl Iterator<Item = (usize, usize)> + use<> {
    let inputs = scheduler.nodes[node].node.inputs.iter().enumerate();
    let wanted = inputs.filter_map(|(i, input)| match *input {
        Source::Node(input) if scheduler.needs_gradient[input] => Some((i, input)),
        _ => None,
    });
    wanted.collect::<Vec<_>>().into_iter()
}

/// The output of `node` has the gradient `part`, to be added to what other readers have given.
pub(super) fn receive(scheduler: &mut Scheduler, node: usize, part: Part) {
    match scheduler.gradient[node] {
        None => scheduler.gradient[node] = Some(part),
        Some(sum) => {
            let (from, to) = (scheduler.touch(part), scheduler.touch(sum));
            scheduler.drafts.push(Draft::Add { from, to });
        }
    }
}

fn pass_on(scheduler: &mut Scheduler, node: usize, dy: Part) {
    let inputs: Vec<_> = wanted(scheduler, node).collect();
    for (n, &(_, input)) in inputs.iter().enumerate() {
        let is_last = n + 1 == inputs.len();
        if is_last || scheduler.gradient[input].is_some() {
            receive(scheduler, input, dy);
        } else {
            let from = Operand::Part(scheduler.touch(dy));
            let to = scheduler.block(dy.len);
            scheduler.drafts.push(Draft::Copy { from, to });
            scheduler.gradient[input] = Some(to);
        }
    }
}

/// A backward pass that writes the gradients of its inputs to memory of their own.
fn computed(scheduler: &mut Scheduler, node: usize, dy: Part, parameters: &mut Vec<usize>) {
    let inputs: Vec<_> = wanted(scheduler, node).collect();
    let mut operands = operands(scheduler, node, dy, parameters);
    let mut gradients = Vec::with_capacity(inputs.len());
    for &(i, input) in &inputs {
        let to = scheduler.block(scheduler.nodes[input].shapes.outputs());
        operands.parts[input_gradient(i)] = Some(to);
        gradients.push((input, to));
    }
    scheduler.drafts.push(Draft::Backward(operands));
    for (input, gradient) in gradients {
        receive(scheduler, input, gradient);
    }
}

fn step(scheduler: &mut Scheduler, node: usize, dy: Part, parameters: &mut Vec<usize>) {
    let operands = operands(scheduler, node, dy, parameters);
    scheduler.drafts.push(Draft::Backward(operands));
}

/// What the backward pass of a node reads.
fn operands(
    scheduler: &mut Scheduler,
    node: usize,
    dy: Part,
    parameters: &mut Vec<usize>,
) -> Operands {
    let reads = scheduler.nodes[node].node.op.get().reads();
    let mut operands = Operands::of(node);
    operands.parts[OUTPUT_GRADIENT] = Some(scheduler.touch(dy));
    if reads.inputs {
        scheduler.read_inputs(&mut operands, false);
    }
    if let Some(whole) = scheduler.whole[node].filter(|_| reads.output) {
        operands.parts[OUTPUT] = Some(scheduler.touch(whole));
    }
    if let Some(saved) = scheduler.saved[node] {
        operands.parts[SAVED] = Some(scheduler.touch(saved));
    }
    operands.bytes = scheduler.bytes[node].map(|block| scheduler.touch_bytes(block));
    for (i, parameter) in scheduler.nodes[node].node.parameters.iter().enumerate() {
        operands.uses[i] = Use::Between;
        if !parameters.contains(parameter) {
            operands.uses[i] = Use::First;
            parameters.push(*parameter);
        }
    }
    operands
}

/// Marks the nodes that share some of their parameters with a node that has others, or is of another kind.
fn mark_apart(scheduler: &mut Scheduler) {
    let runs = scheduler.drafts.iter().filter_map(|draft| match draft {
        Draft::Backward(operands) => Some(operands.node),
        _ => None,
    });
    let runs: Vec<usize> = runs.collect();
    // Of each parameter the first node that has it, and whether all others are like that one.
    let mut users: HashMap<usize, (usize, bool)> = HashMap::new();
    for &run in &runs {
        let own = &scheduler.nodes[run].node;
        for &parameter in &own.parameters {
            let (first, are_alike) = users.entry(parameter).or_insert((run, true));
            let first = &scheduler.nodes[*first].node;
            *are_alike &=
                first.parameters == own.parameters && first.op.get().kind() == own.op.get().kind();
        }
    }
    for run in runs {
        let planned = &mut scheduler.nodes[run];
        planned.is_apart = planned.node.parameters.iter().any(|parameter| !users[parameter].1);
    }
}

/// Marks the last use of each parameter, and those that are the only one.
fn mark_last_uses(scheduler: &mut Scheduler) {
    let mut seen = Vec::new();
    for draft in scheduler.drafts.iter_mut().rev() {
        let Draft::Backward(operands) = draft else { continue };
        let parameters = &scheduler.nodes[operands.node].node.parameters;
        for (of, parameter) in operands.uses.iter_mut().zip(parameters) {
            if !seen.contains(parameter) {
                seen.push(*parameter);
                *of = if of.adds() { Use::Last } else { Use::Only };
            }
        }
    }
}
