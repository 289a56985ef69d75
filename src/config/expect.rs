//! `[expect]`: the scores that a config claims.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Invalid, at_least};

/// A published score and how far from it a run may end.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Expectation {
    /// The published score, in the metric's unit.
    pub value: f64,
    /// The distance that still counts as reached, in the same unit.
    pub tolerance: f64,
}

/// Metric name → expectation. A field of this type is one of a config's free tables.
pub type Expect = BTreeMap<String, Expectation>;

/// Checks that the table at `key` names only `metrics` and has no negative tolerance.
pub fn check_expect(key: &str, expect: &Expect, metrics: &[&str]) -> Result<(), Invalid> {
    for (name, expectation) in expect {
        if !metrics.contains(&name.as_str()) {
            let rule = format!("is not a metric; the metrics are: {}", metrics.join(", "));
            return Err(Invalid::new(format!("{key}.{name}"), rule));
        }
        at_least(&format!("{key}.{name}.tolerance"), expectation.tolerance, 0.0)?;
    }
    Ok(())
}
