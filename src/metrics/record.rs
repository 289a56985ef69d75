//! One moment of a run: where it stood and what was measured there.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

/// One line of `metrics.jsonl`.
///
/// Everything outside `timing` is a function of the run's configuration, seed and data, so two
/// runs of the same kind write the same bytes there. A number that is not finite is written as
/// `null`, which JSON lacks a number for, and read back as NaN.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Steps that were complete when the record was made.
    pub step: u64,
    /// The epoch that the step belongs to, counted from 1.
    pub epoch: u64,
    /// What was measured: `train`, `epoch` (a whole epoch of training), `valid` or `test`.
    pub phase: String,
    /// What was measured, by name: `perplexity`, `learning_rate`, ….
    #[serde(deserialize_with = "null_as_nan")]
    pub metrics: BTreeMap<String, f64>,
    /// How long it took, by name: `seconds`, `words_per_second`, …. Differs from run to run.
    #[serde(default, deserialize_with = "null_as_nan")]
    pub timing: BTreeMap<String, f64>,
}

impl Record {
    /// A record without any measurement yet.
    pub fn new(step: u64, epoch: u64, phase: &str) -> Self {
        let (metrics, timing) = (BTreeMap::new(), BTreeMap::new());
        Self { step, epoch, phase: phase.to_owned(), metrics, timing }
    }

    /// Adds a measurement that is the same whenever the run is repeated.
    pub fn metric(mut self, name: &str, value: f64) -> Self {
        self.metrics.insert(name.to_owned(), value);
        self
    }

    /// Adds a measurement that depends on the machine and the moment.
    pub fn timing(mut self, name: &str, value: f64) -> Self {
        self.timing.insert(name.to_owned(), value);
        self
    }
}

fn null_as_nan<'de, D: Deserializer<'de>>(source: D) -> Result<BTreeMap<String, f64>, D::Error> {
    let values = BTreeMap::<String, Option<f64>>::deserialize(source)?;
    Ok(values.into_iter().map(|(name, value)| (name, value.unwrap_or(f64::NAN))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn back(record: &Record) -> Record {
        serde_json::from_str(&serde_json::to_string(record).unwrap()).unwrap()
    }

    #[test]
    fn is_one_line_of_json_with_sorted_names() {
        let record = Record::new(1327, 1, "valid")
            .metric("perplexity", 183.1)
            .timing("words_per_second", 9100.0)
            .timing("seconds", 71.2);
        let line = concat!(
            r#"{"step":1327,"epoch":1,"phase":"valid","metrics":{"perplexity":183.1},"#,
            r#""timing":{"seconds":71.2,"words_per_second":9100.0}}"#
        );
        assert_eq!(serde_json::to_string(&record).unwrap(), line);
        assert_eq!(serde_json::from_str::<Record>(line).unwrap(), record);
    }

    #[test]
    fn numbers_come_back_to_the_bit() {
        let values =
            [0.1 + 0.2, 1.0 / 3.0, -0.0, 5e-324, f64::MAX, f64::from(116.97_f32), 1e21, 0.1];
        for value in values {
            let read = back(&Record::new(1, 1, "train").metric("x", value)).metrics["x"];
            assert_eq!(read.to_bits(), value.to_bits(), "{value}");
        }
    }

    #[test]
    fn numbers_that_are_not_finite_come_back_as_nan() {
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let read = back(&Record::new(1, 1, "train").metric("x", value).timing("y", value));
            assert!(read.metrics["x"].is_nan() && read.timing["y"].is_nan());
        }
    }
}
