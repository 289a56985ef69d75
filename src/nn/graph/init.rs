//! The values that parameters begin with.

/// The first values of one parameter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Initial {
    /// Uniform in [-scale, scale).
    Uniform(f32),
    /// Normal with that standard deviation, drawn again beyond two of them.
    TruncatedNormal(f64),
    /// Uniform in ±√(6 / (fan in + fan out)) (Glorot and Bengio, 2010): TensorFlow 1.0's default.
    /// The fans of a vector are its length, those of a matrix its sides.
    GlorotUniform,
    /// Uniform in ±√(3 / d), d being the product of all axes but the last, 1 for a vector:
    /// TensorFlow's `uniform_unit_scaling_initializer`, its default until 0.12.
    UnitScaling,
    /// Every value the same.
    Constant(f32),
    /// A moving statistic of the data, not a weight: it begins at `value`, and each step keeps
    /// the share `momentum` of it.
    Statistic {
        /// The first value.
        value: f32,
        /// The share that stays in a step.
        momentum: f32,
    },
}

impl Initial {
    /// The bound of a uniform distribution for a parameter of that shape; none of another kind.
    pub fn bound(self, shape: &[usize]) -> Option<f32> {
        let (last, before) = shape.split_last()?;
        let square = match self {
            Self::Uniform(scale) => return Some(scale),
            Self::GlorotUniform => {
                let (rows, field) = match before.split_last() {
                    Some((rows, field)) => (rows, field.iter().product()),
                    None => (last, 1),
                };
                6.0 / ((rows + last) * field) as f64
            }
            Self::UnitScaling => 3.0 / before.iter().product::<usize>() as f64,
            _ => return None,
        };
        Some(square.sqrt() as f32)
    }
}

/// Which parameters of a layer weight decay applies to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Decay {
    /// None.
    #[default]
    None,
    /// The weights, not the biases.
    Weights,
    /// Weights and biases.
    All,
}

/// The first values of a layer's weights and biases, and whether they decay.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Init {
    /// Those of the weights.
    pub weights: Initial,
    /// Those of the biases.
    pub biases: Initial,
    /// Which of them decay.
    pub decay: Decay,
}

impl Init {
    /// Weights from a normal distribution cut at two standard deviations; biases of zero.
    pub fn truncated_normal(stddev: f64) -> Self {
        let (weights, biases) = (Initial::TruncatedNormal(stddev), Initial::Constant(0.0));
        Self { weights, biases, decay: Decay::None }
    }

    /// Weights uniform in ±`scale`; biases of zero.
    pub fn uniform(scale: f32) -> Self {
        let (weights, biases) = (Initial::Uniform(scale), Initial::Constant(0.0));
        Self { weights, biases, decay: Decay::None }
    }

    /// Weights of that distribution; biases of zero.
    pub fn of(weights: Initial) -> Self {
        Self { weights, biases: Initial::Constant(0.0), decay: Decay::None }
    }

    /// The same with every bias at `value`.
    pub fn bias(self, value: f32) -> Self {
        Self { biases: Initial::Constant(value), ..self }
    }

    /// The same with biases drawn as the weights are.
    pub fn random_bias(self) -> Self {
        Self { biases: self.weights, ..self }
    }

    /// The same with weight decay on the weights.
    pub fn decay_weights(self) -> Self {
        Self { decay: Decay::Weights, ..self }
    }

    /// The same with weight decay on weights and biases.
    pub fn decay_all(self) -> Self {
        Self { decay: Decay::All, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bounds for 1,024 units and 40,000 words, in TensorFlow 0.12 and 1.0.
    #[test]
    fn bounds_equal_tensorflow() {
        let (n, words) = (1024, 40_000);
        for (shape, unit, glorot) in [
            (vec![words, n], 0.00866, 0.01209),
            (vec![2 * n, 2 * n], 0.03827, 0.03827),
            (vec![2 * n, n], 0.03827, 0.04419),
            (vec![3 * n, n], 0.03125, 0.03827),
            (vec![n, n], 0.05413, 0.05413),
            (vec![n], 1.732, 0.05413),
            (vec![words], 1.732, 0.00866),
        ] {
            for (initial, want) in [(Initial::UnitScaling, unit), (Initial::GlorotUniform, glorot)]
            {
                let bound = initial.bound(&shape).unwrap();
                assert!((bound / want - 1.0).abs() < 1e-3, "{initial:?} {shape:?}: {bound}");
            }
        }
    }
}
