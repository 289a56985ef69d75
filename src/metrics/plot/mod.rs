//! Curves of one or several runs, drawn as PNG and SVG.
//!
//! What is drawn needs no library and no font of the system: a subset of DejaVu Sans is embedded.

mod axis;
pub(super) mod canvas;
mod draw;
pub(super) mod legend;
mod mean;
pub(super) mod style;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

use self::style::Line;
pub use self::style::palette;
use super::{ELAPSED, Record};
use crate::atomic;

/// A lower bound of the other metrics in its record, such as the perplexity of the grammar that
/// wrote a text. It has no chart of its own.
const BOUND: &str = "floor";

/// What the horizontal axis of a chart shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum X {
    /// Steps done.
    #[default]
    Step,
    /// Epochs done.
    Epoch,
    /// Minutes of training, evaluations included.
    Time,
}

impl X {
    fn label(self) -> &'static str {
        match self {
            Self::Step => "step",
            Self::Epoch => "epoch",
            Self::Time => "minutes",
        }
    }
}

/// How records become curves.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct View {
    /// The horizontal axis.
    pub x: X,
    /// The share of the past in the moving average that is drawn of the phase `train`; 0: none.
    pub smooth: f64,
    /// Whether several runs are drawn as their mean and the band that they are in.
    pub mean: bool,
}

/// What one run measured in one phase.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    /// The run's name in the legend. Curves of the same run have the same colour.
    pub run: String,
    /// The phase of the records: `train` is drawn light, `epoch` dashed, `test` as rings, any other
    /// as a solid line. `floor` is a lower bound of the metric; it is drawn dotted.
    pub phase: String,
    /// Pairs of x and y. One that is not finite leaves a gap.
    pub points: Vec<(f64, f64)>,
    /// The lowest and the highest value at each point of a mean; empty for a single run.
    pub band: Vec<(f64, f64)>,
}

/// Curves that share two axes.
#[derive(Clone, Debug, PartialEq)]
pub struct Chart {
    /// The metric's name, and the stem of its files.
    pub name: String,
    /// The line above the chart.
    pub title: String,
    /// What the horizontal axis shows.
    pub x: X,
    /// What the vertical axis shows, and its unit.
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

    /// Whether a point has its place on the axes.
    fn holds(&self, (x, y): (f64, f64)) -> bool {
        has_place((x, y)) && (y > 0.0 || !self.log_y)
    }

    /// The runs in the order of their curves.
    fn runs(&self) -> Vec<&str> {
        unique(self.curves.iter().map(|curve| curve.run.as_str()))
    }

    /// The phases in the order of their curves.
    fn phases(&self) -> Vec<&str> {
        unique(self.curves.iter().map(|curve| curve.phase.as_str()))
    }

    /// How a phase is drawn: light and dashed lines stay in the background if there are other
    /// lines.
    fn line_of(&self, phase: &str) -> Line {
        let line = Line::of_phase(phase);
        if line != Line::None && self.phases().len() == 1 { Line::Solid } else { line }
    }
}

/// One chart for each metric that occurs in `runs`, in alphabetic order.
///
/// `runs` are pairs of a name for the legend, each another, and the run's records. A metric that
/// has no two different points has no chart; one whose largest value is over five times its
/// smallest gets a logarithmic axis.
pub fn charts(runs: &[(String, Vec<Record>)], view: View) -> Vec<Chart> {
    let mut curves = BTreeMap::<&str, Vec<Curve>>::new();
    for (run, records) in runs {
        for (metric, phases) in by_metric(records, view) {
            let of_run = phases.into_iter().map(|(phase, points)| Curve {
                run: run.clone(),
                phase: phase.to_owned(),
                points,
                band: Vec::new(),
            });
            curves.entry(metric).or_default().extend(of_run);
        }
    }
    curves
        .into_iter()
        .map(|(metric, curves)| {
            let n = unique(curves.iter().map(|curve| curve.run.as_str())).len();
            let curves = if view.mean && n > 1 { mean::mean(&curves, n) } else { curves };
            (metric, curves.into_iter().filter(is_drawable).collect::<Vec<_>>())
        })
        .filter(|(_, curves)| varies(curves))
        .map(|(metric, curves)| chart(metric, view.x, curves))
        .collect()
}

fn is_drawable(curve: &Curve) -> bool {
    curve.points.iter().any(|&point| has_place(point))
}

/// Whether a point has a place on linear axes. Numbers near the ends of the range of f64 have none, as
/// arithmetic with them overflows.
fn has_place((x, y): (f64, f64)) -> bool {
    let drawable = |value: f64| value == 0.0 || (1e-200..1e200).contains(&value.abs());
    drawable(x) && drawable(y)
}

/// Whether there are two points at different places with different values.
fn varies(curves: &[Curve]) -> bool {
    let mut points = curves.iter().flat_map(|c| &c.points).filter(|point| has_place(**point));
    let Some(first) = points.next() else { return false };
    let (mut x, mut y) = (false, false);
    points.for_each(|point| (x, y) = (x || point.0 != first.0, y || point.1 != first.1));
    x && y
}

/// The files of the charts: `<dir>/<metric>.png` and `<dir>/<metric>.svg`.
pub fn files(dir: &Path, charts: &[Chart]) -> Vec<PathBuf> {
    let file = |chart: &Chart, kind| dir.join(format!("{}.{kind}", file_stem(&chart.name)));
    charts.iter().flat_map(|chart| ["png", "svg"].map(|kind| file(chart, kind))).collect()
}

/// Writes the [`files`] of each chart, and returns their paths.
///
/// # Errors
/// There is no chart to draw, a chart has no finite point, or a file cannot be written.
pub fn write(dir: &Path, charts: &[Chart]) -> Result<Vec<PathBuf>> {
    ensure!(
        !charts.is_empty(),
        "no metric has two different values to draw yet: train a few more steps"
    );
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

fn by_metric(records: &[Record], view: View) -> BTreeMap<&str, Phases<'_>> {
    let x_of = places(records, view.x);
    let mut metrics = BTreeMap::<&str, Phases<'_>>::new();
    let mut last_epoch = BTreeMap::new();
    for record in records {
        for (metric, &value) in record.metrics.iter().filter(|(metric, _)| *metric != BOUND) {
            let phases = metrics.entry(metric).or_default();
            let point = (x_of(record), value);
            let last = last_epoch.insert((metric, &record.phase), record.epoch);
            match phases.iter_mut().find(|(phase, _)| *phase == record.phase) {
                Some((_, points)) => {
                    if last != Some(record.epoch) && is_running_mean(records, metric, record) {
                        points.push((f64::NAN, f64::NAN));
                    }
                    points.push(point);
                }
                None => phases.push((&record.phase, vec![point])),
            }
        }
    }
    for (metric, phases) in &mut metrics {
        let train = phases.iter_mut().filter(|(phase, _)| *phase == "train");
        train.for_each(|(_, points)| smooth(points, view.smooth));
        add_bound(records, metric, phases);
    }
    metrics
}

/// Whether a metric of training is a mean since the begin of its epoch: the whole epoch has one
/// then. Such means of two epochs are not joined.
fn is_running_mean(records: &[Record], metric: &str, record: &Record) -> bool {
    let of_epoch = |other: &Record| other.phase == "epoch" && other.metrics.contains_key(metric);
    record.phase == "train" && records.iter().any(of_epoch)
}

/// Where a record is on the horizontal axis.
fn places(records: &[Record], x: X) -> impl Fn(&Record) -> f64 {
    // An epoch's last record is at its end.
    let steps_of_epoch = |record: &Record| record.step as f64 / record.epoch.max(1) as f64;
    let per_epoch = records.iter().map(steps_of_epoch).fold(1.0, f64::max);
    move |record| match x {
        X::Step => record.step as f64,
        X::Epoch => record.step as f64 / per_epoch,
        X::Time => record.timing.get(ELAPSED).map_or(f64::NAN, |seconds| seconds / 60.0),
    }
}

/// Puts an exponential moving average in the points' place, begun anew after each gap.
fn smooth(points: &mut [(f64, f64)], share: f64) {
    let (mut average, mut weight) = (0.0, 0.0);
    for (_, y) in points {
        if y.is_finite() {
            average = share * average + (1.0 - share) * *y;
            weight = share * weight + (1.0 - share);
            *y = average / weight;
        } else {
            (average, weight) = (0.0, 0.0);
        }
    }
}

/// Adds the line of a metric's lower bound, if a record gives one.
fn add_bound(records: &[Record], metric: &str, phases: &mut Phases<'_>) {
    let beside = |record: &&Record| record.metrics.contains_key(metric);
    let bound = records.iter().rev().filter(beside).find_map(|record| record.metrics.get(BOUND));
    let steps = phases.iter().flat_map(|(_, points)| points).map(|point| point.0);
    let steps = steps.filter(|x| x.is_finite());
    let ends = [steps.clone().reduce(f64::min), steps.reduce(f64::max)];
    if let (Some(&bound), [Some(first), Some(last)]) = (bound, ends) {
        phases.push((BOUND, vec![(first, bound), (last, bound)]));
    }
}

fn chart(metric: &str, x: X, curves: Vec<Curve>) -> Chart {
    let points = curves.iter().flat_map(|curve| &curve.points);
    let (low, high) = points
        .filter(|point| has_place(**point))
        .map(|point| point.1)
        .fold((f64::INFINITY, 0.0), |(low, high), value| (value.min(low), value.max(high)));
    let (title, unit) = name_of(metric);
    let log_y = low > 0.0 && high / low > 5.0 && unit != Some(SHARE);
    let scale = if log_y { Some("log scale") } else { None };
    let notes: Vec<_> = unit.into_iter().chain(scale).collect();
    let y_label = match &notes[..] {
        [] => title.clone(),
        notes => format!("{title} ({})", notes.join(", ")),
    };
    Chart { name: metric.to_owned(), title, x, y_label, log_y, curves }
}

/// The unit of what is between 0 and 1.
const SHARE: &str = "share";

/// A metric's name for readers, and its unit.
fn name_of(metric: &str) -> (String, Option<&'static str>) {
    let (name, unit) = match metric {
        "loss" => ("Loss", Some("nats")),
        "loss_raw" => ("Loss of a step", Some("nats")),
        "cross_entropy" => ("Cross-entropy", Some("nats")),
        "cross_entropy_raw" => ("Cross-entropy of a step", Some("nats")),
        "error" => ("Error", Some("%")),
        "precision" => ("Precision @ 1", Some(SHARE)),
        "accuracy" => ("Accuracy", Some(SHARE)),
        "bleu" => ("BLEU", None),
        "analogy" => ("Analogies answered", Some(SHARE)),
        "similarity" => ("Word similarity", Some("Spearman's rho")),
        "kept_share" => ("Words kept by subsampling", Some(SHARE)),
        _ => {
            let words = metric.replace('_', " ");
            let mut letters = words.chars();
            let first = letters.next().into_iter().flat_map(char::to_uppercase);
            return (first.chain(letters).collect(), None);
        }
    };
    (name.to_owned(), unit)
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

/// A metric may have any name, but its file must stay in the requested folder.
fn file_stem(name: &str) -> String {
    let safe = |c: char| if c.is_alphanumeric() || c == '-' { c } else { '_' };
    name.chars().map(safe).collect()
}

#[cfg(test)]
mod tests;
