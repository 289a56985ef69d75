//! Curves of one or several runs, drawn as PNG and SVG.
//!
//! What is drawn needs no library and no font of the system: a subset of DejaVu Sans is embedded.

mod axis;
pub(super) mod bitmap;
pub(super) mod canvas;
mod draw;
pub(super) mod legend;
pub(super) mod style;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

use self::style::Line;
use super::Record;
use crate::atomic;

/// The metric that is the least value of the others in its record, such as the perplexity of the
/// process that wrote a text. It has no chart of its own.
const FLOOR: &str = "floor";

/// What one run measured in one phase.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    /// The run's name in the legend. Curves of the same run have the same colour.
    pub run: String,
    /// The phase of the records: `train` is drawn light, `epoch` dashed, `test` as rings, any
    /// other as a solid line. Of phase `floor` is the least value that the metric can have, which
    /// is dotted.
    pub phase: String,
    /// Pairs of x and y. One that is not finite leaves a gap.
    pub points: Vec<(f64, f64)>,
}

/// Curves that share two axes.
#[derive(Clone, Debug, PartialEq)]
pub struct Chart {
    /// The metric's name, and the stem of its files.
    pub name: String,
    /// The line above the chart.
    pub title: String,
    /// What the horizontal axis counts.
    pub x_label: String,
    /// What the vertical axis says beyond the title.
    pub y_label: String,
    /// Whether the vertical axis is logarithmic; values that are not positive leave a gap then.
    pub log_y: bool,
    /// The curves, those of a run one after the other.
    pub curves: Vec<Curve>,
}

impl Chart {
    /// Draws the chart into a PNG file of 1200×750 pixels, which appears as a whole.
    ///
    /// # Errors
    /// When no point can be drawn, or the file cannot be written.
    pub fn write_png(&self, path: &Path) -> Result<()> {
        atomic::write(path, &canvas::png(self)?)
    }

    /// Draws the chart into an SVG file of the same size, which appears as a whole.
    ///
    /// # Errors
    /// When no point can be drawn, or the file cannot be written.
    pub fn write_svg(&self, path: &Path) -> Result<()> {
        atomic::write(path, canvas::svg(self)?.as_bytes())
    }

    /// Whether a point has its place on the axes. Numbers near the ends of the range of f64 have
    /// none, as arithmetic with them overflows.
    fn holds(&self, (x, y): (f64, f64)) -> bool {
        let drawable = |value: f64| value == 0.0 || (1e-200..1e200).contains(&value.abs());
        drawable(x) && drawable(y) && (y > 0.0 || !self.log_y)
    }

    /// The runs in the order of their curves.
    fn runs(&self) -> Vec<&str> {
        unique(self.curves.iter().map(|curve| curve.run.as_str()))
    }

    /// The phases in the order of their curves.
    fn phases(&self) -> Vec<&str> {
        unique(self.curves.iter().map(|curve| curve.phase.as_str()))
    }

    /// How a phase is drawn: light and dashed lines step back behind others, if there are any.
    fn line_of(&self, phase: &str) -> Line {
        let line = Line::of_phase(phase);
        if line != Line::None && self.phases().len() == 1 { Line::Solid } else { line }
    }
}

/// One chart for each metric that occurs in `runs`, over the step, in alphabetic order.
///
/// `runs` are pairs of a name for the legend, each another, and the run's records. A metric
/// without a finite value has no chart; one whose largest value is over five times its smallest gets
/// a logarithmic axis.
pub fn charts(runs: &[(String, Vec<Record>)]) -> Vec<Chart> {
    let mut curves = BTreeMap::<&str, Vec<Curve>>::new();
    for (run, records) in runs {
        for (metric, phases) in by_metric(records) {
            let of_run = phases.into_iter().map(|(phase, points)| Curve {
                run: run.clone(),
                phase: phase.to_owned(),
                points,
            });
            curves.entry(metric).or_default().extend(of_run);
        }
    }
    let drawable =
        |curve: &Curve| curve.points.iter().any(|&(x, y)| x.is_finite() && y.is_finite());
    curves
        .into_iter()
        .map(|(metric, curves)| (metric, curves.into_iter().filter(drawable).collect::<Vec<_>>()))
        .filter(|(_, curves)| !curves.is_empty())
        .map(|(metric, curves)| chart(metric, curves))
        .collect()
}

/// The files of the charts: `<dir>/<metric>.png` and `<dir>/<metric>.svg`.
pub fn files(dir: &Path, charts: &[Chart]) -> Vec<PathBuf> {
    let file = |chart: &Chart, kind| dir.join(format!("{}.{kind}", file_stem(&chart.name)));
    charts.iter().flat_map(|chart| ["png", "svg"].map(|kind| file(chart, kind))).collect()
}

/// Writes the [`files`] of each chart, and returns their paths.
///
/// # Errors
/// When there is no chart, when one has no point that can be drawn, or a file cannot be written.
pub fn write(dir: &Path, charts: &[Chart]) -> Result<Vec<PathBuf>> {
    ensure!(!charts.is_empty(), "no metric has a finite value to draw yet: train some steps first");
    atomic::create_folder(dir)?;
    let paths = files(dir, charts);
    for (chart, paths) in charts.iter().zip(paths.chunks(2)) {
        chart.write_png(&paths[0])?;
        chart.write_svg(&paths[1])?;
    }
    Ok(paths)
}

/// The points of each phase, in the order in which the run came to them.
type Phases<'a> = Vec<(&'a str, Vec<(f64, f64)>)>;

fn by_metric(records: &[Record]) -> BTreeMap<&str, Phases<'_>> {
    let mut metrics = BTreeMap::<&str, Phases<'_>>::new();
    for record in records {
        for (metric, &value) in record.metrics.iter().filter(|(metric, _)| *metric != FLOOR) {
            let phases = metrics.entry(metric).or_default();
            let point = (record.step as f64, value);
            match phases.iter_mut().find(|(phase, _)| *phase == record.phase) {
                Some((_, points)) => points.push(point),
                None => phases.push((&record.phase, vec![point])),
            }
        }
    }
    for (metric, phases) in &mut metrics {
        add_floor(records, metric, phases);
    }
    metrics
}

/// A line below all that the run measured of the metric, where a record says how low it can be.
fn add_floor(records: &[Record], metric: &str, phases: &mut Phases<'_>) {
    let beside = |record: &&Record| record.metrics.contains_key(metric);
    let floor = records.iter().rev().filter(beside).find_map(|record| record.metrics.get(FLOOR));
    let steps = phases.iter().flat_map(|(_, points)| points).map(|point| point.0);
    let ends = [steps.clone().reduce(f64::min), steps.reduce(f64::max)];
    if let (Some(&floor), [Some(first), Some(last)]) = (floor, ends) {
        phases.push((FLOOR, vec![(first, floor), (last, floor)]));
    }
}

fn chart(metric: &str, curves: Vec<Curve>) -> Chart {
    let values = || curves.iter().flat_map(|curve| &curve.points).map(|point| point.1);
    let (low, high) = values()
        .filter(|value| value.is_finite())
        .fold((f64::INFINITY, 0.0), |(low, high), value| (value.min(low), value.max(high)));
    let log_y = low > 0.0 && high / low > 5.0;
    Chart {
        name: metric.to_owned(),
        title: metric.replace('_', " "),
        x_label: "step".to_owned(),
        y_label: if log_y { "log scale".to_owned() } else { String::new() },
        log_y,
        curves,
    }
}

fn unique<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut unique = Vec::new();
    for name in names {
        if !unique.contains(&name) {
            unique.push(name);
        }
    }
    unique
}

/// A metric may have any name; its file lies in the folder that was asked for.
fn file_stem(name: &str) -> String {
    let safe = |c: char| if c.is_alphanumeric() || c == '-' { c } else { '_' };
    name.chars().map(safe).collect()
}

#[cfg(test)]
mod tests;
