//! The legend beside the chart: the runs by their colours, below them the phases by their lines.

use anyhow::Result;
use plotters::coord::Shift;
use plotters::drawing::DrawingArea;
use plotters::prelude::{DrawingBackend, RGBColor};
use plotters::style::TextStyle;
use plotters::style::text_anchor::HPos;

use super::Chart;
use super::draw::{marker, path};
use super::style::{INK, Line, Marker, SCALE, colour, text_style_at};

const ROW: i32 = 26 * SCALE;
const SAMPLE: i32 = 40 * SCALE;
const GAP: i32 = 10 * SCALE;
const MARGIN: i32 = 20 * SCALE;
/// Longer names would leave too little of the picture for the curves; they lose their middle.
const MAX_TEXT: i32 = 240 * SCALE;

/// The rows from top to bottom, with the width that they need.
pub(super) struct Legend {
    rows: Vec<Row>,
    style: TextStyle<'static>,
    width: i32,
}

struct Row {
    label: String,
    colour: RGBColor,
    line: Line,
    marker: Option<Marker>,
}

impl Row {
    /// A row without a sample, such as a heading.
    fn text(label: String) -> Self {
        Self { label, colour: INK, line: Line::None, marker: None }
    }

    /// Where the label begins: beside the sample, or in its place.
    fn indent(&self) -> i32 {
        if self.line == Line::None && self.marker.is_none() { 0 } else { SAMPLE + GAP }
    }
}

impl Legend {
    /// Lays out a legend of at most `height` pixels; runs for which there is no room are counted.
    pub(super) fn of<DB: DrawingBackend>(
        area: &DrawingArea<DB, Shift>,
        chart: &Chart,
        height: i32,
    ) -> Result<Self>
    where
        DB::ErrorType: 'static,
    {
        let style = text_style_at(15, HPos::Left)?;
        let mut rows = rows(chart, (height / ROW).max(4) as usize);
        let mut width = 0;
        for row in &mut rows {
            let measure = |label: &str| Ok(area.estimate_text_size(label, &style)?.0 as i32);
            row.label = shorten(&row.label, MAX_TEXT, measure)?;
            width = width.max(row.indent() + measure(&row.label)?);
        }
        Ok(Self { rows, style, width: width + MARGIN })
    }

    /// Pixels that the legend takes beside the chart, its margin included.
    pub(super) fn width(&self) -> i32 {
        self.width
    }

    /// Draws the legend with its upper left corner at `(left, top)`.
    pub(super) fn draw<DB: DrawingBackend>(
        &self,
        area: &DrawingArea<DB, Shift>,
        (left, top): (i32, i32),
    ) -> Result<()>
    where
        DB::ErrorType: 'static,
    {
        for (index, row) in self.rows.iter().enumerate() {
            let y = top + index as i32 * ROW + ROW / 2;
            path(area, &[(left, y), (left + SAMPLE, y)], row.line, row.colour)?;
            if let Some(shape) = row.marker {
                marker(area, (left + SAMPLE / 2, y), shape, row.line, row.colour)?;
            }
            area.draw_text(&row.label, &self.style, (left + row.indent(), y))?;
        }
        Ok(())
    }
}

fn rows(chart: &Chart, max_rows: usize) -> Vec<Row> {
    let (runs, phases) = (chart.runs(), chart.phases());
    let run = |index: usize| Row {
        label: runs[index].to_owned(),
        colour: colour(index),
        line: Line::Solid,
        marker: Some(Marker::of_run(index)),
    };
    // A single run's phases show its colour; those of several have none of their own.
    let (ink, shape) =
        if runs.len() == 1 { (colour(0), Marker::of_run(0)) } else { (INK, Marker::Circle) };
    let phase = |phase: &&str| {
        let line = chart.line_of(phase);
        let marker = (!matches!(line, Line::Light | Line::Dotted)).then_some(shape);
        Row { label: (*phase).to_owned(), colour: ink, line, marker }
    };

    let room = max_rows.saturating_sub(phases.len() + 1).max(2);
    let shown = if runs.len() > room { room - 1 } else { runs.len() };
    let mut rows: Vec<Row> = match runs.as_slice() {
        [only] => vec![Row::text((*only).to_owned())],
        _ => (0..shown).map(run).collect(),
    };
    if shown < runs.len() {
        rows.push(Row::text(format!("and {} more", runs.len() - shown)));
    }
    if runs.len() > 1 {
        rows.push(Row::text(String::new()));
    }
    rows.extend(phases.iter().map(phase));
    rows
}

/// Takes letters from the middle until the label, as `measure` sees it, is at most `room` long:
/// names of runs differ at their ends.
pub(in crate::metrics) fn shorten(
    label: &str,
    room: i32,
    measure: impl Fn(&str) -> Result<i32>,
) -> Result<String> {
    /// No label is as wide.
    const MAX_LETTERS: usize = 300;
    let letters: Vec<char> = label.chars().collect();
    let cut = |kept: usize| -> String {
        let (head, tail) = (kept / 2, letters.len() - (kept - kept / 2));
        letters[..head].iter().chain(['…'].iter()).chain(&letters[tail..]).collect()
    };
    let mut kept = letters.len().min(MAX_LETTERS);
    let mut short = if kept < letters.len() { cut(kept) } else { label.to_owned() };
    while kept > 2 && measure(&short)? > room {
        kept -= 1;
        short = cut(kept);
    }
    Ok(short)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::plot::{Curve, X};

    fn labels(n_runs: usize, max_rows: usize) -> Vec<String> {
        let curves = (0..n_runs).flat_map(|run| {
            ["train", "valid"].map(|phase| Curve {
                run: format!("run {run}"),
                phase: phase.to_owned(),
                points: vec![(0.0, 1.0)],
                band: Vec::new(),
            })
        });
        let chart = Chart {
            name: "loss".to_owned(),
            title: String::new(),
            x: X::Step,
            y_label: String::new(),
            log_y: false,
            curves: curves.collect(),
        };
        rows(&chart, max_rows).into_iter().map(|row| row.label).collect()
    }

    #[test]
    fn runs_stand_above_phases() {
        assert_eq!(labels(2, 20), ["run 0", "run 1", "", "train", "valid"]);
        assert_eq!(labels(1, 20), ["run 0", "train", "valid"]);
    }

    #[test]
    fn runs_without_room_are_counted() {
        assert_eq!(labels(9, 6), ["run 0", "run 1", "and 7 more", "", "train", "valid"]);
        assert_eq!(labels(3, 6), ["run 0", "run 1", "run 2", "", "train", "valid"]);
    }

    #[test]
    fn a_long_name_loses_its_middle() {
        let measure = |label: &str| Ok(label.chars().count() as i32 * MAX_TEXT / 10);
        assert_eq!(shorten("abcdefghij", MAX_TEXT, measure).unwrap(), "abcdefghij");
        assert_eq!(shorten("abcdefghijklm", MAX_TEXT, measure).unwrap(), "abcd…ijklm");
        assert_eq!(shorten("äöüäöüäöüäöüä", MAX_TEXT, measure).unwrap(), "äöüä…üäöüä");
    }
}
