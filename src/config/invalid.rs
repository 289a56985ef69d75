//! A value out of its range, and the rules that find one.

use std::collections::BTreeMap;
use std::fmt::Display;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A value that breaks a rule; the loader adds the value itself and where it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    /// The dotted key, such as `train.batch_size`.
    pub key: String,
    /// What the value must be, such as `must be at least 1`.
    pub rule: String,
}

impl Invalid {
    /// The value of `key` breaks `rule`.
    pub fn new(key: impl Into<String>, rule: impl Into<String>) -> Self {
        Self { key: key.into(), rule: rule.into() }
    }
}

fn check(holds: bool, key: &str, rule: impl FnOnce() -> String) -> Result<(), Invalid> {
    if holds { Ok(()) } else { Err(Invalid::new(key, rule())) }
}

/// `value` ≥ `min`.
pub fn at_least<T: PartialOrd + Display>(key: &str, value: T, min: T) -> Result<(), Invalid> {
    check(value >= min, key, || format!("must be at least {min}"))
}

/// `min` ≤ `value` ≤ `max`.
pub fn in_range<T: PartialOrd + Display>(
    key: &str,
    value: T,
    min: T,
    max: T,
) -> Result<(), Invalid> {
    check(value >= min && value <= max, key, || format!("must be from {min} to {max}"))
}

/// 0 < `value` ≤ `max`.
pub fn above_zero_up_to(key: &str, value: f64, max: f64) -> Result<(), Invalid> {
    check(value > 0.0 && value <= max, key, || format!("must be above 0 and at most {max}"))
}

/// `value` > 0.
pub fn positive(key: &str, value: f64) -> Result<(), Invalid> {
    check(value > 0.0, key, || "must be above 0".to_owned())
}

/// `value` is one of `choices`.
pub fn one_of(key: &str, value: &str, choices: &[&str]) -> Result<(), Invalid> {
    check(choices.contains(&value), key, || format!("must be one of: {}", choices.join(", ")))
}

/// Checks that `value` divides `whole`, the value of `whole_key`.
pub fn divides(key: &str, value: usize, whole_key: &str, whole: usize) -> Result<(), Invalid> {
    if whole.is_multiple_of(value) {
        return Ok(());
    }
    Err(Invalid::new(key, format!("must divide {whole_key} = {whole}")))
}

/// An expected score, published or measured, and its tolerance. A better score always passes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table { value = …, tolerance = … }")]
pub struct Expectation {
    /// The score, in the metric's unit.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_hold_at_their_bounds() {
        assert_eq!(at_least("k", 1, 1), Ok(()));
        assert_eq!(in_range("k", 0.0, 0.0, 1.0), Ok(()));
        assert_eq!(in_range("k", 1.0, 0.0, 1.0), Ok(()));
        assert_eq!(at_least("k", 0, 1), Err(Invalid::new("k", "must be at least 1")));
        assert_eq!(positive("k", 0.0), Err(Invalid::new("k", "must be above 0")));
        assert_eq!(one_of("k", "c", &["a", "b"]), Err(Invalid::new("k", "must be one of: a, b")));
    }

    #[test]
    fn not_a_number_breaks_every_rule() {
        assert!(at_least("k", f64::NAN, 0.0).is_err());
        assert!(in_range("k", f64::NAN, 0.0, 1.0).is_err());
        assert!(positive("k", f64::NAN).is_err());
    }
}
