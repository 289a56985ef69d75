//! Running a program: its networks are built when the sizes of their inputs are first seen.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use anyhow::{Context, Result, bail};

use super::importer::{Imported, import};
use super::program::{Program, Stage, Tensors};
use crate::data::graphdef::{NodeOutput, Tensor, Values};
use crate::nn::{Feed, Mode, NodeTime, RandomFeed};
use crate::ops::Cpu;

/// A program with its networks.
#[derive(Debug)]
pub struct Runner {
    program: Arc<Program>,
    networks: BTreeMap<(usize, Vec<Vec<usize>>), Made>,
}

/// A stage compiled for some sizes.
#[derive(Debug)]
enum Made {
    Network(Box<Imported>),
    /// Layers do not fit, so that its nodes are computed one by one.
    Nodes,
}

impl Runner {
    /// A runner of a program.
    pub fn new(program: Arc<Program>) -> Self {
        Self { program, networks: BTreeMap::new() }
    }

    /// The program.
    pub fn program(&self) -> &Arc<Program> {
        &self.program
    }

    /// Computes the wanted tensors from the output of [`Program::prepare`].
    ///
    /// # Errors
    /// The first node that cannot be computed, with the shapes.
    pub fn finish(&mut self, cpu: &Cpu, mut known: Tensors) -> Result<Vec<Arc<Tensor>>> {
        let program = Arc::clone(&self.program);
        for (number, stage) in program.stages.iter().enumerate().skip(1) {
            match number % 2 {
                0 => program.evaluate(stage, &mut known)?,
                _ => self.network(cpu, (number, stage), &mut known)?,
            }
        }
        let find = |output: &NodeOutput| match known.get(output) {
            Some(tensor) => Ok(Arc::clone(tensor)),
            None => program.constants.tensor(*output),
        };
        program.wanted.iter().map(find).collect()
    }

    /// The times of the layers of all networks that have run, in their order, on random numbers.
    ///
    /// # Errors
    /// As [`Network::time_nodes`](crate::nn::Network::time_nodes).
    pub fn time_nodes(&mut self, cpu: &Cpu, batch: usize) -> Result<Vec<NodeTime>> {
        let mut times = Vec::new();
        for made in self.networks.values_mut() {
            let Made::Network(imported) = made else { continue };
            let Imported { network, outputs } = &mut **imported;
            let mut random = RandomFeed::new(network, batch, 1, 1);
            times.extend(network.time_nodes(cpu, Mode::Inference, outputs[0], &mut random)?);
        }
        Ok(times)
    }

    fn network(
        &mut self,
        cpu: &Cpu,
        (number, stage): (usize, &Stage),
        known: &mut Tensors,
    ) -> Result<()> {
        if stage.nodes.is_empty() {
            return Ok(());
        }
        let program = Arc::clone(&self.program);
        let inputs = inputs(stage, known)?;
        let Some((batch, shapes)) = example_shapes(&inputs) else {
            return program.evaluate(stage, known);
        };
        let made = match self.networks.entry((number, shapes.clone())) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => place.insert(make(&program, stage, shapes)),
        };
        let Made::Network(imported) = made else { return program.evaluate(stage, known) };
        let inputs = inputs.iter().map(|tensor| match &tensor.values {
            Values::Float(values) => Ok(&values[..]),
            other => bail!("a network reads {}, not float", other.data_type()),
        });
        let inputs = inputs.collect::<Result<_>>()?;
        let feed = Feed { batch, inputs, ids: Vec::new(), states: &mut [] };
        let results = imported.network.run_for(cpu, Mode::Inference, &imported.outputs, feed)?;
        for ((place, output), values) in stage.gives.iter().zip(&imported.outputs).zip(results) {
            let shape = imported.network.graph().shape(*output, batch);
            known.insert(*place, Arc::new(Tensor::new(shape, Values::Float(values))?));
        }
        Ok(())
    }
}

/// The inputs of a stage.
fn inputs(stage: &Stage, known: &Tensors) -> Result<Vec<Arc<Tensor>>> {
    let find = |output: &NodeOutput| known.get(output).map(Arc::clone);
    stage.reads.iter().map(|output| find(output).context("a tensor is not fed")).collect()
}

/// The number of examples, and the shape of one example of each input; none if these are not
/// batches of floats.
fn example_shapes(inputs: &[Arc<Tensor>]) -> Option<(usize, Vec<Vec<usize>>)> {
    let batch = *inputs.first()?.shape.first()?;
    let example = |tensor: &Arc<Tensor>| {
        let (first, rest) = tensor.shape.split_first()?;
        let is_batch = *first == batch && batch > 0 && !rest.is_empty();
        (is_batch && matches!(tensor.values, Values::Float(_))).then(|| rest.to_vec())
    };
    Some((batch, inputs.iter().map(example).collect::<Option<_>>()?))
}

/// The network of a stage for examples of these shapes.
fn make(program: &Program, stage: &Stage, shapes: Vec<Vec<usize>>) -> Made {
    let nodes: Option<Vec<_>> =
        stage.nodes.iter().map(|(index, layer)| Some((*index, layer.clone()?))).collect();
    let inputs: Vec<_> = stage.reads.iter().copied().zip(shapes).collect();
    let Some(nodes) = nodes else { return Made::Nodes };
    match import((&program.graph, &program.constants), &nodes, &inputs, &stage.gives) {
        Ok(imported) => Made::Network(Box::new(imported)),
        Err(error) => {
            tracing::debug!("computed node by node: {error:#}");
            Made::Nodes
        }
    }
}
