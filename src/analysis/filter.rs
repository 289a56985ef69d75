//! Which runs are meant: `train.learning_rate>0.5`.

use std::fmt;
use std::str::FromStr;

use anyhow::{Error, Result, bail, ensure};
use serde_json::Value;

use super::{RunSummary, shown};
use crate::run::State;

/// A comparison of a value of a run with a constant.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// A key of the config, a metric, or `step`, `seconds`, `state`, `preset`.
    pub key: String,
    /// How the two are compared.
    pub relation: Relation,
    /// The constant as it was written.
    pub constant: String,
}

/// How two values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// The same number, or the same text.
    Equal,
    /// Another one.
    Unequal,
    /// A smaller number.
    Less,
    /// A smaller number, or the same.
    AtMost,
    /// A larger number.
    More,
    /// A larger number, or the same.
    AtLeast,
}

/// Longer signs first: each is looked for in this order.
const SIGNS: [(&str, Relation); 7] = [
    ("!=", Relation::Unequal),
    ("<=", Relation::AtMost),
    (">=", Relation::AtLeast),
    ("==", Relation::Equal),
    ("=", Relation::Equal),
    ("<", Relation::Less),
    (">", Relation::More),
];

impl FromStr for Condition {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let first = text.find(['!', '<', '>', '=']);
        let at = first.and_then(|at| {
            let sign = SIGNS.iter().find(|(sign, _)| text[at..].starts_with(sign))?;
            Some((&text[..at], sign.1, &text[at + sign.0.len()..]))
        });
        let Some((key, relation, constant)) = at else {
            bail!("\"{text}\" is not a condition; give a key, one of = != < <= > >=, and a value");
        };
        let (key, constant) = (key.trim(), constant.trim());
        ensure!(!key.is_empty() && !constant.is_empty(), "\"{text}\" lacks a key or a value");
        let is_order = !matches!(relation, Relation::Equal | Relation::Unequal);
        ensure!(
            !is_order || constant.parse::<f64>().is_ok_and(f64::is_finite),
            "\"{text}\" compares with a value that is not a number; use = or !=, and give each \
             condition separately"
        );
        let is_state = || State::NAMES.contains(&constant.trim_matches('"'));
        ensure!(
            key != "state" || is_state(),
            "\"{text}\" is not a state; the states are: {}",
            State::NAMES.join(", ")
        );
        Ok(Self { key: key.to_owned(), relation, constant: constant.to_owned() })
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = SIGNS.iter().rfind(|(_, relation)| *relation == self.relation);
        write!(f, "{} {} {}", self.key, sign.map_or("?", |(sign, _)| sign), self.constant)
    }
}

impl Condition {
    /// Whether it holds of `value`: numbers as numbers, all else as text.
    pub fn holds_of(&self, value: &Value) -> bool {
        let numbers = value.as_f64().zip(self.constant.parse::<f64>().ok());
        let text = self.constant.trim_matches('"');
        match (self.relation, numbers) {
            (Relation::Equal, Some((a, b))) => a == b,
            (Relation::Unequal, Some((a, b))) => a != b,
            (Relation::Less, Some((a, b))) => a < b,
            (Relation::AtMost, Some((a, b))) => a <= b,
            (Relation::More, Some((a, b))) => a > b,
            (Relation::AtLeast, Some((a, b))) => a >= b,
            (Relation::Equal, None) => shown(value) == text,
            (Relation::Unequal, None) => shown(value) != text,
            _ => false,
        }
    }

    /// Whether it holds of a run; of one that has no such value it does not.
    pub fn holds(&self, run: &RunSummary) -> bool {
        run.value(&self.key).is_some_and(|value| self.holds_of(&value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_read_and_hold() {
        for (text, value, holds) in [
            ("a.b>0.5", Value::from(1.0), true),
            ("a.b>0.5", Value::from(0.5), false),
            ("a.b >= 0.5", Value::from(0.5), true),
            ("a.b<1e-3", Value::from(0.0001), true),
            ("a.b<=2", Value::from(3), false),
            ("a.b=1", Value::from(1.0), true),
            ("a.b!=1", Value::from(1.0), false),
            ("a.b==adam", Value::from("adam"), true),
            ("a.b=\"adam\"", Value::from("adam"), true),
            ("a.b!=adam", Value::from("sgd"), true),
            ("a.b>1", Value::from("sgd"), false),
            ("a.b=true", Value::from(true), true),
        ] {
            let condition: Condition = text.parse().unwrap();
            assert_eq!(
                (condition.key.as_str(), condition.holds_of(&value)),
                ("a.b", holds),
                "{text}"
            );
        }
        assert_eq!("a<=2".parse::<Condition>().unwrap().to_string(), "a <= 2");
    }

    #[test]
    fn what_is_no_condition_is_refused() {
        for (text, part) in [
            ("a.b", "is not a condition"),
            ("=1", "lacks a key or a value"),
            ("a=", "lacks a key or a value"),
            ("a<x", "compares with a value that is not a number"),
            ("state=done", "is not a state; the states are: running, finished"),
            ("a>nan", "compares with a value that is not a number"),
        ] {
            let error = text.parse::<Condition>().unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }
}
