//! Scores as sacreBLEU prints them.

use anyhow::Result;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::metrics::bootstrap::Estimate;
use crate::metrics::corpus::Signature;
use crate::models::options::OutputOptions;

/// The score of a corpus by one metric.
#[derive(Serialize)]
pub(super) struct Scored {
    name: String,
    score: f64,
    signature: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    verbose_score: Option<String>,
    #[serde(flatten)]
    settings: Signature,
}

impl Scored {
    pub fn new(name: String, score: f64, details: Option<String>, signature: Signature) -> Self {
        let verbose_score = details;
        Self { name, score, signature: signature.to_string(), verbose_score, settings: signature }
    }
}

/// The name with the signature, and the score with its details.
fn line(name: &str, signature: &str, score: f64, details: Option<&str>) -> (String, String) {
    let details = details.map(|details| format!(" {details}")).unwrap_or_default();
    (format!("{name}|{signature}"), format!("{score:.1}{details}"))
}

/// Prints one score, or several with aligned equals signs.
pub(super) fn print_scored(scored: &[Scored], output: OutputOptions) -> Result<()> {
    let lines = scored.iter().map(|Scored { name, score, signature, verbose_score, .. }| {
        line(name, signature, *score, verbose_score.as_deref())
    });
    let lines: Vec<_> = lines.collect();
    let width = lines.iter().map(|(left, _)| left.chars().count()).max().unwrap_or_default();
    let lines = lines.iter().map(|(left, right)| format!("{left:>width$} = {right}"));
    let text = lines.collect::<Vec<_>>().join("\n");
    match scored {
        [one] => output.report(one, text),
        several => output.report(&several, text),
    }
}

/// The score of one line.
#[derive(Serialize)]
pub(super) struct Sentence {
    pub score: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verbose_score: Option<String>,
}

/// The scores of all lines by one metric.
#[derive(Serialize)]
pub(super) struct Sentences {
    name: String,
    sentences: Vec<Sentence>,
    signature: String,
    #[serde(flatten)]
    settings: Signature,
}

impl Sentences {
    pub fn new(name: String, sentences: Vec<Sentence>, signature: Signature) -> Self {
        Self { name, sentences, signature: signature.to_string(), settings: signature }
    }

    pub fn print(&self, output: OutputOptions) -> Result<()> {
        let lines = self.sentences.iter().map(|Sentence { score, verbose_score }| {
            let details = verbose_score.as_deref();
            let (left, right) = line(&self.name, &self.signature, *score, details);
            format!("{left} = {right}")
        });
        output.report(self, lines.collect::<Vec<_>>().join("\n"))
    }
}

/// One system's result for one metric, with the bootstrap.
#[derive(Serialize)]
pub(super) struct System {
    score: f64,
    /// None for the baseline.
    p_value: Option<f64>,
    mean: f64,
    ci: f64,
    signature: String,
}

impl System {
    pub fn new(score: f64, estimate: Estimate, p_value: Option<f64>, of: &Signature) -> Self {
        let Estimate { mean, interval } = estimate;
        Self { score, p_value, mean, ci: interval, signature: of.to_string() }
    }

    /// `20.1 (20.0 ± 0.5) (p = 0.0120)*`, with a star if the difference is significant.
    fn cell(&self) -> String {
        let Self { score, mean, ci, .. } = self;
        let p_value = self.p_value.map(|p| {
            let star = if p > SIGNIFICANT { "" } else { "*" };
            format!(" (p = {p:.4}){star}")
        });
        format!("{score:.1} ({mean:.1} ± {ci:.1}){}", p_value.unwrap_or_default())
    }
}

/// The largest p-value with which a difference is called significant.
const SIGNIFICANT: f64 = 0.05;

/// A baseline and a system, compared by one metric.
pub(super) struct Compared {
    pub metric: String,
    pub names: [String; 2],
    pub systems: [System; 2],
    pub signature: Signature,
}

/// Prints a table with a line for each system and a column for each metric, and the signatures.
pub(super) fn print_compared(compared: &[Compared], output: OutputOptions) -> Result<()> {
    let Some(Compared { names, .. }) = compared.first() else { return Ok(()) };
    let value = |system: usize| {
        let scores = compared.iter().map(|of| (of.metric.clone(), json!(of.systems[system])));
        let scores: Map<String, Value> = scores.collect();
        let mut value = json!({ "system": names[system] });
        value.as_object_mut().into_iter().for_each(|object| object.extend(scores.clone()));
        value
    };
    output.report(&[value(0), value(1)], table(compared, names))
}

fn table(compared: &[Compared], names: &[String; 2]) -> String {
    let mut columns = vec![[String::new(), names[0].clone(), names[1].clone()]];
    columns.extend(compared.iter().map(
        |Compared { metric, systems: [baseline, system], .. }| {
            [format!("{metric} (μ ± 95% CI)"), baseline.cell(), system.cell()]
        },
    ));
    let mut rows = [const { String::new() }; 3];
    for column in columns {
        let width = column.iter().map(|cell| cell.chars().count()).max().unwrap_or_default();
        for (row, cell) in rows.iter_mut().zip(column) {
            row.push_str(&format!("{cell:<width$}  "));
        }
    }
    let mut lines: Vec<_> = rows.iter().map(|row| row.trim_end().to_owned()).collect();
    lines.extend(compared.iter().map(|of| format!("{}|{}", of.metric, of.signature)));
    lines.join("\n")
}
