//! What metrics of a corpus have in common: sums over its segments, and a score of the sums.

use std::fmt;
use std::ops::AddAssign;

use serde::ser::{Serialize, SerializeMap, Serializer};

/// The version of sacreBLEU whose numbers the metrics give.
const VERSION: &str = "2.4.3";

/// A metric whose score of a corpus follows from sums over its segments.
pub trait CorpusMetric {
    /// What is summed.
    type Statistics: Copy + Default + AddAssign;

    /// The statistics of a hypothesis against its references, one or more, all as plain text.
    fn statistics(&self, hypothesis: &str, references: &[&str]) -> Self::Statistics;

    /// The score of sums, from 0 to 100.
    fn score(&self, sums: &Self::Statistics) -> f64;

    /// What sacreBLEU calls the metric, such as `chrF2++`.
    fn name(&self) -> String;

    /// What the score depends on, by the names of sacreBLEU's signature.
    fn settings(&self) -> Vec<(&'static str, String)>;

    /// What the score consists of, if sacreBLEU says it after the score.
    fn details(&self, _sums: &Self::Statistics) -> Option<String> {
        None
    }
}

/// The sums of all segments.
pub fn sum<S: Copy + Default + AddAssign>(segments: &[S]) -> S {
    segments.iter().fold(S::default(), |mut sums, &segment| {
        sums += segment;
        sums
    })
}

/// How a score was computed, as sacreBLEU writes it: `nrefs:1|case:mixed|…|version:2.4.3`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature(Vec<(&'static str, String)>);

impl Signature {
    /// The signature of `metric` for this number of references per segment. `resampling` is the
    /// number of samples of a bootstrap and its seed.
    pub fn new(
        metric: &impl CorpusMetric,
        references: usize,
        resampling: Option<(u64, u64)>,
    ) -> Self {
        let mut parts = vec![("nrefs", references.to_string())];
        if let Some((samples, seed)) = resampling {
            parts.extend([("bs", samples.to_string()), ("seed", seed.to_string())]);
        }
        parts.extend(metric.settings());
        parts.push(("version", VERSION.to_owned()));
        Self(parts)
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<_> = self.0.iter().map(|(name, value)| format!("{name}:{value}")).collect();
        f.write_str(&parts.join("|"))
    }
}

impl Serialize for Signature {
    /// A map of the parts, each value a string.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

/// Whether Python parts words at `c`, in `str.split` and `str.rstrip`: at four control characters
/// beside what Unicode calls white space.
pub(super) fn is_space(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\x1c'..='\x1f')
}

/// The words between white space.
pub(super) fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(is_space).filter(|word| !word.is_empty())
}
