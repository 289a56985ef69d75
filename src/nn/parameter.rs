//! A named parameter: a Candle variable, or a constant that is elsewhere.

use std::cell::Cell;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use candle_core::{CpuStorage, Device, InplaceOp1, Layout, Result, Storage, Tensor, Var, bail};

use crate::ops::pages;
use crate::rng::Stream;

/// A tensor of a network: a weight that is trained, or a statistic that follows the data.
#[derive(Debug)]
pub struct Parameter {
    name: String,
    value: Value,
    decays: bool,
    momentum: Option<f32>,
    /// How often its values have changed, counted for all replicas.
    version: Arc<AtomicU64>,
}

/// Where the values are.
#[derive(Clone, Debug)]
enum Value {
    Variable(Var),
    /// They are copied from their place when they are asked for.
    Constant {
        shape: Vec<usize>,
        source: Arc<dyn Constant>,
    },
}

/// Values that are in a file, such as those of a frozen graph.
pub trait Constant: fmt::Debug + Send + Sync {
    /// Copies the values.
    ///
    /// # Panics
    /// When there are more or fewer of them.
    fn copy_to(&self, values: &mut [f32]);
}

impl Parameter {
    /// A parameter that never changes, whose values are elsewhere.
    pub fn lent(name: &str, shape: &[usize], source: Arc<dyn Constant>) -> Self {
        let value = Value::Constant { shape: shape.to_vec(), source };
        let version = Arc::default();
        Self { name: name.to_string(), value, decays: false, momentum: None, version }
    }

    /// Whether it never changes.
    pub fn is_constant(&self) -> bool {
        matches!(self.value, Value::Constant { .. })
    }

    /// A parameter uniform in [-`scale`, `scale`), from the stream "init/`name`".
    ///
    /// # Errors
    /// When Candle cannot make the tensor.
    pub fn uniform(name: &str, shape: &[usize], scale: f32, seed: u64) -> Result<Self> {
        let mut numbers = Stream::new(seed, &format!("init/{name}")).at(0);
        let fill = |values: &mut [f32]| {
            values.iter_mut().for_each(|value| *value = numbers.uniform_between(-scale, scale));
        };
        Self::new(name, shape, fill)
    }

    /// A parameter from a normal distribution of that standard deviation, cut at two of
    /// them, from the stream "init/`name`".
    ///
    /// # Errors
    /// When Candle cannot make the tensor.
    pub fn truncated_normal(name: &str, shape: &[usize], stddev: f64, seed: u64) -> Result<Self> {
        let mut numbers = Stream::new(seed, &format!("init/{name}")).at(0);
        let mut draw = || (stddev * numbers.truncated_normal()) as f32;
        Self::new(name, shape, |values| values.iter_mut().for_each(|value| *value = draw()))
    }

    /// A parameter whose values are all the same.
    ///
    /// # Errors
    /// When Candle cannot make the tensor.
    pub fn constant(name: &str, shape: &[usize], value: f32) -> Result<Self> {
        Self::new(name, shape, |values| values.fill(value))
    }

    /// A parameter of zeros.
    ///
    /// # Errors
    /// When Candle cannot make the tensor.
    pub fn zeros(name: &str, shape: &[usize]) -> Result<Self> {
        Self::new(name, shape, |_| ())
    }

    /// A statistic of the data, such as a moving mean: it is saved and not trained. Each step keeps
    /// the share `momentum` of it.
    ///
    /// # Errors
    /// When Candle cannot make the tensor.
    pub fn statistic(name: &str, shape: &[usize], value: f32, momentum: f32) -> Result<Self> {
        Ok(Self { momentum: Some(momentum), ..Self::constant(name, shape, value)? })
    }

    /// The same in the group that weight decay applies to.
    pub fn decayed(self) -> Self {
        Self { decays: true, ..self }
    }

    /// Whether weight decay applies to it.
    pub fn decays(&self) -> bool {
        self.decays
    }

    /// The share of a statistic that stays in a step; none for a weight.
    pub fn statistic_momentum(&self) -> Option<f32> {
        self.momentum
    }

    fn new(name: &str, shape: &[usize], fill: impl FnOnce(&mut [f32])) -> Result<Self> {
        let mut values = vec![0.0; shape.iter().product()];
        pages::prefer_huge_pages(&mut values);
        fill(&mut values);
        let value = Value::Variable(Var::from_vec(values, shape, &Device::Cpu)?);
        let version = Arc::default();
        Ok(Self { name: name.to_string(), value, decays: false, momentum: None, version })
    }

    /// The same parameter, in the same memory: for a replica that computes on a part of a batch.
    pub fn replica(&self) -> Self {
        let (name, value, version) =
            (self.name.clone(), self.value.clone(), Arc::clone(&self.version));
        Self { name, value, version, ..*self }
    }

    /// The same under another name.
    pub(super) fn named(self, name: &str) -> Self {
        Self { name: name.to_string(), ..self }
    }

    /// How often its values have changed.
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// The name, which is that of the tensor in a checkpoint.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The shape.
    pub fn shape(&self) -> &[usize] {
        match &self.value {
            Value::Variable(variable) => variable.dims(),
            Value::Constant { shape, .. } => shape,
        }
    }

    /// The value as a tensor, which shares the memory of a parameter that can change.
    ///
    /// # Errors
    /// When Candle cannot make the tensor.
    pub fn tensor(&self) -> Result<Tensor> {
        match &self.value {
            Value::Variable(variable) => Ok(variable.as_tensor().clone()),
            Value::Constant { shape, .. } => {
                Tensor::from_vec(self.values().to_vec(), &shape[..], &Device::Cpu)
            }
        }
    }

    /// The number of values.
    pub fn len(&self) -> usize {
        self.shape().iter().product()
    }

    /// Whether there are no values at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The values, row by row.
    pub fn values(&self) -> impl Deref<Target = [f32]> {
        match &self.value {
            Value::Variable(variable) => Values::Variable(variable.storage_and_layout().0),
            Value::Constant { source, .. } => {
                let mut values = vec![0.0; self.len()];
                source.copy_to(&mut values);
                Values::Constant(values)
            }
        }
    }

    /// Changes the values in place.
    ///
    /// # Errors
    /// What Candle reports of the storage.
    pub fn update<R>(&self, work: impl FnOnce(&mut [f32]) -> R) -> Result<R> {
        self.version.fetch_add(1, Ordering::AcqRel);
        let Value::Variable(value) = &self.value else { bail!("{} is a constant", self.name) };
        let result = Cell::new(None);
        let work = |values: &mut [f32]| result.set(Some(work(values)));
        value.inplace_op1(&Update(Cell::new(Some(work))))?;
        let Some(result) = result.take() else { bail!("{} was not updated", self.name) };
        Ok(result)
    }

    /// Copies `values` into the parameter.
    ///
    /// # Errors
    /// When there are more or fewer of them.
    pub fn set(&self, values: &[f32]) -> Result<()> {
        if values.len() != self.len() {
            bail!("{} has {} values, not {}", self.name, self.len(), values.len());
        }
        self.update(|to| to.copy_from_slice(values))
    }
}

/// The values of a parameter, borrowed for reading through Candle's guard, or a copy.
enum Values<G> {
    Variable(G),
    Constant(Vec<f32>),
}

impl<G: Deref<Target = Storage>> Deref for Values<G> {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        let guard = match self {
            Self::Variable(guard) => guard,
            Self::Constant(values) => return values,
        };
        match &**guard {
            Storage::Cpu(CpuStorage::F32(values)) => values,
            // `Parameter::new` makes no other storage.
            _ => unreachable!("parameters are f32 on the CPU"),
        }
    }
}

/// A closure over a parameter's values, as Candle's in-place operator.
struct Update<F>(Cell<Option<F>>);

impl<F: FnOnce(&mut [f32])> InplaceOp1 for Update<F> {
    fn name(&self) -> &'static str {
        "update-parameter"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, _: &Layout) -> Result<()> {
        match (storage, self.0.take()) {
            (CpuStorage::F32(values), Some(work)) => work(values),
            _ => bail!("{} runs only once, on f32 values", self.name()),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_uniform_and_follows_seed_and_name() {
        let values = |name, seed| Parameter::uniform(name, &[100, 50], 0.1, seed).unwrap();
        let first = values("a", 1);
        assert!(first.values().iter().all(|v| (-0.1..0.1).contains(v)));
        let mean = first.values().iter().sum::<f32>() / 5000.0;
        assert!(mean.abs() < 0.005, "{mean}");
        assert_eq!(*first.values(), *values("a", 1).values());
        assert_ne!(*first.values(), *values("a", 2).values());
        assert_ne!(*first.values(), *values("b", 1).values());
    }

    #[test]
    fn a_replica_shares_the_value_and_its_group() {
        let parameter = Parameter::constant("p", &[3], 0.1).unwrap().decayed();
        let replica = parameter.replica();
        parameter.set(&[1.0, 2.0, 3.0]).unwrap();
        assert_eq!((&*replica.values(), replica.decays()), (&[1.0, 2.0, 3.0][..], true));
        let mean = Parameter::statistic("m", &[2], 0.0, 0.9).unwrap();
        assert_eq!((mean.statistic_momentum(), parameter.statistic_momentum()), (Some(0.9), None));
        let normal = Parameter::truncated_normal("n", &[1000], 0.5, 1).unwrap();
        assert!(normal.values().iter().all(|value| value.abs() < 1.0));
        assert!(normal.values().iter().any(|value| value.abs() > 0.8));
    }

    #[test]
    fn is_changed_in_place() {
        let parameter = Parameter::zeros("p", &[2, 2]).unwrap();
        parameter.update(|values| values[3] = 7.0).unwrap();
        assert_eq!(*parameter.values(), [0.0, 0.0, 0.0, 7.0]);
        parameter.set(&[1.0; 4]).unwrap();
        assert_eq!(parameter.tensor().unwrap().to_vec2::<f32>().unwrap(), [[1.0, 1.0], [1.0, 1.0]]);
        assert!(parameter.set(&[1.0]).unwrap_err().to_string().contains("has 4 values, not 1"));
    }
}
