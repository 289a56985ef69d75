//! The network of a config, before it has parameters or data: what tables, benchmarks and checks go
//! by.

use anyhow::{Result, ensure};

use super::Entry;
use super::experiment::Experiment;
use super::run_config::{RunConfig, Settings as _};
use crate::nn::optimizer::Method;
use crate::nn::plan::Plan;
use crate::nn::{Graph, Mode, Network, NodeTime, Output, RandomFeed};
use crate::ops::Cpu;
use crate::system::memory;

/// The largest difference from the plain computation, relative to the largest output.
const TOLERANCE: f64 = 1e-4;
/// Examples on which the two are compared, and rows of each at most.
const COMPARED: [usize; 2] = [2, 2];

/// The network of a config.
#[derive(Debug)]
pub struct Description {
    /// The network.
    pub graph: Graph,
    /// Its outputs, such as the logits.
    pub output: Output,
    /// What is trained on.
    pub loss: Output,
    /// Examples of a step.
    pub batch: usize,
    /// Rows of an example: 1, or the time steps of a window.
    pub steps: usize,
    /// The seed of the parameters.
    pub seed: u64,
}

impl Description {
    /// Values of all parameters.
    pub fn parameters(&self) -> usize {
        self.graph.parameters.iter().map(|spec| spec.shape.iter().product::<usize>()).sum()
    }

    /// Multiplications and additions of a training step on one row of one example.
    pub fn operations(&self) -> f64 {
        let sum = self.graph.operations(self.loss, self.batch, self.steps);
        sum as f64 / (self.batch * self.steps) as f64
    }

    /// Bytes of the values of a training step, and of a forward pass.
    ///
    /// # Errors
    /// A layer that does not fit its input.
    pub fn memory(&self) -> Result<[usize; 2]> {
        let sizes = [self.batch, self.steps];
        let of = |mode, output| -> Result<usize> {
            Ok(Plan::of(&self.graph, mode, output, sizes)?.memory())
        };
        let training = Mode::Gradients { step: 0, scale: 1.0 };
        Ok([of(training, self.loss)?, of(Mode::Inference, self.output)?])
    }

    /// The times of all passes of a training step on random data.
    ///
    /// # Errors
    /// When the network cannot be made.
    pub fn times(self, cpu: &Cpu) -> Result<Vec<NodeTime>> {
        let mut network = Network::new(self.graph, self.seed)?;
        let mut random = RandomFeed::new(&network, self.batch, self.steps, self.seed);
        let mode = Mode::Gradients { step: 0, scale: 1.0 / self.batch as f32 };
        network.time_nodes(cpu, mode, self.loss, &mut random)
    }

    /// Compares the fast computation on a few random examples with the plain formulas.
    ///
    /// # Errors
    /// When they differ.
    pub fn compare(&self, cpu: &Cpu) -> Result<()> {
        let mut network = Network::new(self.graph.clone(), self.seed)?;
        let [batch, steps] = COMPARED;
        let mut random = RandomFeed::new(&network, batch, self.steps.min(steps), self.seed);
        let want = network.reference(self.output, &random.feed())?;
        let got = network.run(cpu, Mode::Inference, self.output, random.feed())?;
        let largest = want.iter().fold(f64::MIN_POSITIVE, |a, b| a.max(b.abs()));
        let errors = got.iter().zip(&want).map(|(&got, want)| (f64::from(got) - want).abs());
        // Not a number must not pass for a small error.
        let error = errors.fold(0.0, |a, b| if b <= a { a } else { b }) / largest;
        ensure!(
            error < TOLERANCE,
            "the network differs from the plain computation by {error:.1e} of its largest output \
            at {}",
            cpu.isa().name()
        );
        Ok(())
    }
}

/// The config keys that decide how much memory a network takes.
const SIZES: [&str; 8] = [
    "network.hidden_size",
    "network.num_layers",
    "data.source_vocab",
    "data.target_vocab",
    "train.batch_size",
    "train.batch_tokens",
    "train.num_steps",
    "train.towers",
];

/// Refuses a config whose training on `data` does not fit into memory: the parameters with gradients
/// and optimizer state, and the values of a step.
///
/// # Errors
/// The sizes with their keys, and how much memory is needed.
pub fn ensure_fits<E: Experiment>(config: &RunConfig<E::Settings>, data: &E::Data) -> Result<()> {
    let Some(network) = E::describe(config, Some(data))? else { return Ok(()) };
    let [step, _] = network.memory()?;
    let unused: Vec<&str> =
        config.unused().into_iter().flat_map(|(_, keys)| keys).copied().collect();
    let config = toml::Value::try_from(config)?;
    let values = copies(&config).saturating_mul(network.parameters() as u64);
    let values = values.saturating_add(network.graph.packed_values() as u64);
    let bytes = values.saturating_mul(size_of::<f32>() as u64).saturating_add(step as u64);
    let size = |key: &&str| Some(format!("{key} = {}", value(&config, key)?));
    let decides = |key: &&&str| !unused.contains(*key);
    memory::ensure_fits(bytes, || {
        SIZES.iter().filter(decides).filter_map(size).collect::<Vec<_>>().join(", ")
    })
}

/// How many times the values of the parameters are held: they themselves, the gradients of each
/// tower, what the optimizer keeps, and their average.
fn copies(config: &toml::Value) -> u64 {
    let towers = value(config, "train.towers").and_then(toml::Value::as_integer).unwrap_or(1);
    let method = value(config, "optimizer.name").cloned().and_then(|name| name.try_into().ok());
    let kept = method.map_or(0, |method: Method| method.state().len());
    let decay = value(config, "train.average_decay").and_then(toml::Value::as_float);
    let averaged = decay.is_some_and(|decay| decay > 0.0);
    1 + towers.unsigned_abs() + kept as u64 + u64::from(averaged)
}

/// The value of a dotted key, if the config has it.
fn value<'a>(config: &'a toml::Value, key: &str) -> Option<&'a toml::Value> {
    key.split('.').try_fold(config, |table, part| table.get(part))
}

/// The network of the config given by `name` and `sets`, and the config's name; none for a model
/// without a layer graph.
///
/// # Errors
/// No such config, or a value that is refused.
pub fn describe<E: Experiment>(
    entry: &Entry,
    name: Option<&str>,
    sets: &[String],
) -> Result<(String, Option<Description>)> {
    let loaded = entry.load(name, sets)?;
    Ok((loaded.name, E::describe(&loaded.config, None)?))
}
