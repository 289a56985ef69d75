//! Which optimizer, and its constants.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The optimizers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// Plain gradient descent.
    #[default]
    Sgd,
    /// Gradient descent with momentum.
    Momentum,
    /// Gradient descent with Nesterov's momentum.
    Nesterov,
    /// Adam, with weight decay as part of the gradient (L2 regularisation).
    Adam,
    /// Adam, with decoupled weight decay.
    AdamW,
}

impl Method {
    /// The kinds of state kept for every parameter.
    pub fn state(self) -> &'static [&'static str] {
        match self {
            Self::Sgd => &[],
            Self::Momentum | Self::Nesterov => &["momentum"],
            Self::Adam | Self::AdamW => &["adam_m", "adam_v"],
        }
    }
}

/// An optimizer and its constants; those of other optimizers have no effect.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OptimizerConfig {
    /// "sgd", "momentum", "nesterov", "adam" or "adamw".
    pub name: Method,
    /// The momentum coefficient, for momentum and nesterov.
    pub momentum: f32,
    /// The decay rate of the first moment, the mean gradient, for adam and adamw.
    pub beta1: f32,
    /// The decay rate of the second moment, the mean square, for adam and adamw.
    pub beta2: f32,
    /// Added to the denominator, the root of the second moment, for adam and adamw.
    pub epsilon: f32,
}

impl Default for OptimizerConfig {
    fn default() -> Self {
        Self { name: Method::Sgd, momentum: 0.9, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 }
    }
}

impl OptimizerConfig {
    /// Checks the range of every value.
    ///
    /// # Errors
    /// The key and the rule that its value breaks.
    pub fn check(&self) -> Result<(), (&'static str, String)> {
        let shares = [("momentum", self.momentum), ("beta1", self.beta1), ("beta2", self.beta2)];
        for (key, share) in shares {
            if !(0.0..1.0).contains(&share) {
                return Err((key, "must be at least 0 and below 1".to_string()));
            }
        }
        if !(self.epsilon > 0.0 && self.epsilon.is_finite()) {
            return Err(("epsilon", "must be above 0".to_string()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_read_with_defaults_and_without_unknown_keys() {
        let read = |text: &str| serde_json::from_str::<OptimizerConfig>(text);
        let names = ["sgd", "momentum", "nesterov", "adam", "adamw"];
        let methods =
            [Method::Sgd, Method::Momentum, Method::Nesterov, Method::Adam, Method::AdamW];
        for (name, method) in names.into_iter().zip(methods) {
            let config = read(&format!(r#"{{"name": "{name}"}}"#)).unwrap();
            assert_eq!(config, OptimizerConfig { name: method, ..Default::default() });
            let text = serde_json::to_string(&config).unwrap();
            assert_eq!(read(&text).unwrap(), config);
        }
        assert_eq!(read(r#"{"beta2": 0.98}"#).unwrap().beta2, 0.98);
        assert!(read(r#"{"beta3": 0.98}"#).is_err());
        assert!(read(r#"{"name": "adagrad"}"#).is_err());
    }

    #[test]
    fn names_the_value_out_of_its_range() {
        let config = OptimizerConfig::default();
        assert_eq!(config.check(), Ok(()));
        let key = |config: OptimizerConfig| config.check().unwrap_err().0;
        assert_eq!(key(OptimizerConfig { momentum: 1.0, ..config.clone() }), "momentum");
        assert_eq!(key(OptimizerConfig { beta1: -0.1, ..config.clone() }), "beta1");
        assert_eq!(key(OptimizerConfig { beta2: f32::NAN, ..config.clone() }), "beta2");
        assert_eq!(key(OptimizerConfig { epsilon: 0.0, ..config }), "epsilon");
    }
}
