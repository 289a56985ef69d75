//! The order of steps and the life of every value.

use std::collections::BTreeMap;

use anyhow::{Result, bail};

use super::memory::{Block, place};
use super::{
    GRADIENT, INPUT_GRADIENTS, Key, MAX_INPUTS, OUTPUT, PARTS, Place, Plan, Planned, SAVED, Source,
    Step, Task, backward, fuse,
};
use crate::nn::operators::{GradientRule, Reads};
use crate::nn::shared::Use;

/// A part of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub block: usize,
    pub offset: usize,
    pub len: usize,
}

/// A step whose blocks have no places yet.
#[derive(Debug)]
pub(super) enum Draft {
    Forward(Operands),
    Backward(Operands),
    Copy { from: Operand, to: Part },
    Add { from: Part, to: Part },
}

/// Where an operand is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operand {
    Input(usize),
    Part(Part),
}

/// The operands of a node's pass.
#[derive(Debug)]
pub(super) struct Operands {
    pub node: usize,
    pub parts: [Option<Part>; PARTS],
    pub fed: [Option<usize>; MAX_INPUTS],
    pub bytes: Option<usize>,
    pub in_place: bool,
    pub uses: [Use; MAX_INPUTS],
}

impl Operands {
    pub fn of(node: usize) -> Self {
        Self {
            node,
            parts: [None; PARTS],
            fed: [None; MAX_INPUTS],
            bytes: None,
            in_place: false,
            uses: [Use::Only; MAX_INPUTS],
        }
    }
}

/// A schedule in the making.
pub(super) struct Scheduler {
    pub nodes: Vec<Planned>,
    pub outputs: Vec<Source>,
    pub gradients: bool,
    pub live: Vec<bool>,
    /// Which live nodes read each node's output, once for each time.
    readers: Vec<Vec<usize>>,
    /// Whether a node or what it reads has parameters.
    pub needs_gradient: Vec<bool>,
    pub drafts: Vec<Draft>,
    pub blocks: Vec<Block>,
    byte_blocks: Vec<Block>,
    /// The output of each node with its prefix.
    pub whole: Vec<Option<Part>>,
    pub saved: Vec<Option<Part>>,
    pub bytes: Vec<Option<usize>>,
    /// The gradient of each node's output.
    pub gradient: Vec<Option<Part>>,
}

/// Plans the steps for `outputs`, which are where the rewrites have left those of `key`.
pub(super) fn schedule(nodes: Vec<Planned>, outputs: Vec<Source>, key: Key) -> Result<Plan> {
    let count = nodes.len();
    let live = fuse::live(&nodes, &outputs);
    let nodes = with_shares(nodes, &live);
    let mut scheduler = Scheduler {
        gradients: key.gradients,
        readers: readers(&nodes, &live),
        live,
        needs_gradient: needs_gradient(&nodes),
        outputs,
        nodes,
        drafts: Vec::new(),
        blocks: Vec::new(),
        byte_blocks: Vec::new(),
        whole: vec![None; count],
        saved: vec![None; count],
        bytes: vec![None; count],
        gradient: vec![None; count],
    };
    if key.gradients {
        scheduler.check_losses()?;
    }
    for node in (0..count).filter(|&node| scheduler.live[node]).collect::<Vec<_>>() {
        scheduler.forward(node);
    }
    if key.gradients {
        backward::backward(&mut scheduler);
    }
    Ok(scheduler.finish(key))
}

/// The nodes with the mark of those whose parameters another live one uses too.
fn with_shares(mut nodes: Vec<Planned>, live: &[bool]) -> Vec<Planned> {
    let mut users = BTreeMap::<usize, usize>::new();
    for (planned, _) in nodes.iter().zip(live).filter(|(_, live)| **live) {
        planned.node.parameters.iter().for_each(|&i| *users.entry(i).or_default() += 1);
    }
    for planned in &mut nodes {
        planned.shares = planned.node.parameters.first().is_some_and(|i| users.get(i) > Some(&1));
    }
    nodes
}

fn readers(nodes: &[Planned], live: &[bool]) -> Vec<Vec<usize>> {
    let mut readers = vec![Vec::new(); nodes.len()];
    for (reader, planned) in nodes.iter().enumerate().filter(|(reader, _)| live[*reader]) {
        for read in &planned.node.inputs {
            if let Source::Node(node) = *read {
                readers[node].push(reader);
            }
        }
    }
    readers
}

fn needs_gradient(nodes: &[Planned]) -> Vec<bool> {
    let mut needs = Vec::with_capacity(nodes.len());
    for planned in nodes {
        let reads = planned.node.inputs.iter();
        let any = reads.clone().any(|read| matches!(*read, Source::Node(i) if needs[i]));
        needs.push(any || !planned.node.parameters.is_empty());
    }
    needs
}

impl Scheduler {
    /// The step that is planned next.
    pub fn now(&self) -> usize {
        self.drafts.len()
    }

    /// A new block, needed from now on.
    pub fn block(&mut self, len: usize) -> Part {
        let now = self.now();
        self.blocks.push(Block { len, first: now, last: now });
        Part { block: self.blocks.len() - 1, offset: 0, len }
    }

    /// A part that the next step needs.
    pub fn touch(&mut self, part: Part) -> Part {
        self.blocks[part.block].last = self.now();
        part
    }

    pub fn touch_bytes(&mut self, block: usize) -> usize {
        self.byte_blocks[block].last = self.now();
        block
    }

    /// The output of a node, without its prefix.
    pub fn value(&self, node: usize) -> Part {
        // A node is planned before whoever reads it.
        let whole = self.whole[node].unwrap_or(Part { block: 0, offset: 0, len: 0 });
        let len = self.nodes[node].shapes.outputs();
        Part { offset: whole.offset + whole.len - len, len, ..whole }
    }

    /// Fills in the inputs of a node's pass.
    pub fn read_inputs(&mut self, operands: &mut Operands, but_first: bool) {
        let inputs = self.nodes[operands.node].node.inputs.clone();
        for (i, input) in inputs.into_iter().enumerate().skip(usize::from(but_first)) {
            match input {
                Source::Input(fed) => operands.fed[i] = Some(fed),
                Source::Node(node) => {
                    let part = self.value(node);
                    operands.parts[i] = Some(self.touch(part));
                }
            }
        }
    }

    fn check_losses(&self) -> Result<()> {
        for &output in &self.outputs {
            let name = match output {
                Source::Input(_) => "an input",
                Source::Node(i) => {
                    let node = &self.nodes[i].node;
                    if node.op.get().gradient() == GradientRule::Loss {
                        continue;
                    }
                    &node.name
                }
            };
            bail!("gradients need a loss, but {name} is not one");
        }
        Ok(())
    }

    /// Plans the forward pass of a node.
    fn forward(&mut self, node: usize) {
        let planned = &self.nodes[node];
        let (op, shapes) = (planned.node.op.clone(), planned.shapes.clone());
        let op = op.get();
        if op.gradient() == GradientRule::Loss {
            return self.loss(node);
        }
        let mut operands = Operands::of(node);
        let first = self.nodes[node].node.inputs.first().copied();
        if let Some(Source::Node(input)) = first
            && op.runs_in_place()
            && self.may_overwrite(input, node)
        {
            operands.in_place = true;
            let part = self.value(input);
            self.whole[node] = Some(self.touch(part));
        } else {
            self.whole[node] = Some(self.block(op.prefix(&shapes) + shapes.outputs()));
        }
        operands.parts[OUTPUT] = self.whole[node];
        let in_place = operands.in_place;
        self.read_inputs(&mut operands, in_place);
        let (saved, bytes) = (op.saved(&shapes), op.saved_bytes(&shapes));
        if saved > 0 {
            self.saved[node] = Some(self.block(saved));
            operands.parts[SAVED] = self.saved[node];
        }
        if bytes > 0 {
            let now = self.now();
            self.byte_blocks.push(Block { len: bytes, first: now, last: now });
            self.bytes[node] = Some(self.byte_blocks.len() - 1);
            operands.bytes = self.bytes[node];
        }
        self.drafts.push(Draft::Forward(operands));
    }

    /// Plans a loss, whose input becomes its gradient.
    fn loss(&mut self, node: usize) {
        let input = self.nodes[node].node.inputs[0];
        let len = self.nodes[node].shapes.values();
        let part = match input {
            Source::Node(input) if !self.gradients || self.may_overwrite(input, node) => {
                self.value(input)
            }
            input => {
                let from = match input {
                    Source::Input(fed) => Operand::Input(fed),
                    Source::Node(input) => {
                        let part = self.value(input);
                        Operand::Part(self.touch(part))
                    }
                };
                let to = self.block(len);
                self.drafts.push(Draft::Copy { from, to });
                to
            }
        };
        let mut operands = Operands::of(node);
        self.read_inputs(&mut operands, true);
        operands.parts[SAVED] = Some(self.touch(part));
        let output = self.block(self.nodes[node].shapes.outputs());
        self.whole[node] = Some(output);
        operands.parts[OUTPUT] = Some(output);
        self.drafts.push(Draft::Forward(operands));
        if let (true, Source::Node(input)) = (self.gradients, input) {
            backward::receive(self, input, part);
        }
    }

    /// Whether nobody needs the output of `node` any more once `reader` has read it.
    fn may_overwrite(&self, node: usize, reader: usize) -> bool {
        let source = Source::Node(node);
        let reads = |i: usize| -> Reads {
            let is_undone = self.gradients && self.needs_gradient[i];
            if is_undone { self.nodes[i].node.op.get().reads() } else { Reads::default() }
        };
        let times = self.readers[node].iter().filter(|&&i| i == reader).count();
        let is_last = |i: usize| i < reader || (i == reader && times == 1);
        let is_free = |i: usize| is_last(i) && !reads(i).inputs;
        let mut readers = self.readers[node].iter().copied();
        !self.outputs.contains(&source) && !reads(node).output && readers.all(is_free)
    }

    /// Gives every block its place.
    fn finish(mut self, key: Key) -> Plan {
        for output in self.outputs.clone() {
            if let Source::Node(node) = output {
                let part = self.value(node);
                self.touch(part);
                self.blocks[part.block].last = usize::MAX;
            }
        }
        let (starts, values) = place(&self.blocks);
        let (byte_starts, bytes) = place(&self.byte_blocks);
        let range = |part: Part| {
            let start = starts[part.block] + part.offset;
            start..start + part.len
        };
        let bytes_of = |block: usize| {
            let start = byte_starts[block];
            start..start + self.byte_blocks[block].len
        };
        let task = |operands: Operands| {
            let mut same = [None; MAX_INPUTS];
            let mut parts = operands.parts;
            for i in 1..MAX_INPUTS {
                same[i] = (0..i).find(|&j| parts[i].is_some() && parts[j] == parts[i]);
            }
            for (part, same) in parts.iter_mut().zip(same) {
                if same.is_some() {
                    *part = None;
                }
            }
            Task {
                node: operands.node,
                parts: parts.map(|part| part.map_or(0..0, range)),
                fed: operands.fed,
                same,
                bytes: operands.bytes.map_or(0..0, bytes_of),
                in_place: operands.in_place,
                uses: operands.uses,
            }
        };
        let step = |draft: Draft| match draft {
            Draft::Forward(operands) => Step::Forward(task(operands)),
            Draft::Backward(operands) => Step::Backward(task(operands)),
            Draft::Add { from, to } => Step::Add { from: range(from), to: range(to) },
            Draft::Copy { from: Operand::Input(fed), to } => {
                Step::Copy { from: Place::Input(fed), to: range(to) }
            }
            Draft::Copy { from: Operand::Part(part), to } => {
                Step::Copy { from: Place::Arena(range(part)), to: range(to) }
            }
        };
        let steps = std::mem::take(&mut self.drafts).into_iter().map(step).collect();
        let output = |&output: &Source| match output {
            Source::Input(fed) => Place::Input(fed),
            Source::Node(node) => Place::Arena(range(self.value(node))),
        };
        let outputs = self.outputs.iter().map(output).collect();
        Plan { key, steps, sizes: [values, bytes], outputs, nodes: self.nodes }
    }
}

/// The place of the gradient of a node's input of that number.
pub(super) fn input_gradient(i: usize) -> usize {
    INPUT_GRADIENTS + i
}

/// The place of the gradient of a node's output.
pub(super) const OUTPUT_GRADIENT: usize = GRADIENT;
