//! How often each class is taken for each other.

use std::path::Path;

use anyhow::Result;
use plotters::element::Rectangle;
use plotters::prelude::{RGBColor, WHITE};
use plotters::style::text_anchor::HPos;
use plotters::style::{Color, FontTransform};

use super::{Area, MARGIN, at, legible};
use crate::atomic;
use crate::metrics::plot::canvas::picture;
use crate::metrics::plot::legend::shorten;
use crate::metrics::plot::style::{GRID, SCALE, text_style_at};

/// Counts of predictions by true and by predicted class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfusionMatrix {
    classes: Vec<String>,
    /// `truth · classes + predicted`.
    counts: Vec<u64>,
}

impl ConfusionMatrix {
    /// A matrix without counts for classes of these names.
    pub fn new(classes: Vec<String>) -> Self {
        let counts = vec![0; classes.len() * classes.len()];
        Self { classes, counts }
    }

    /// Counts one prediction.
    ///
    /// # Panics
    /// When there is no such class.
    pub fn add(&mut self, truth: usize, predicted: usize) {
        let n = self.classes.len();
        assert!(truth < n && predicted < n, "classes {truth} and {predicted} of {n}");
        self.counts[truth * n + predicted] += 1;
    }

    /// The names of the classes.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// How often the class `truth` was taken for `predicted`.
    ///
    /// # Panics
    /// When there is no such class.
    pub fn count(&self, truth: usize, predicted: usize) -> u64 {
        self.of_class(truth)[predicted]
    }

    /// All predictions.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The share of the class `truth` that was recognised, where any was there.
    ///
    /// # Panics
    /// When there is no such class.
    pub fn recall(&self, truth: usize) -> Option<f64> {
        share(self.count(truth, truth), self.of_class(truth).iter().sum())
    }

    /// The share of the predictions of `class` that are right, where there are any.
    ///
    /// # Panics
    /// When there is no such class.
    pub fn precision(&self, class: usize) -> Option<f64> {
        let predicted = (0..self.classes.len()).map(|truth| self.count(truth, class)).sum();
        share(self.count(class, class), predicted)
    }

    /// Draws the matrix into a PNG file, which appears as a whole. `title` is the line above it. Names of
    /// classes that it cannot show are numbers there, which is said.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write_png(&self, path: &Path, title: &str) -> Result<()> {
        let classes = legible(&self.classes)?;
        let differ = classes.iter().zip(&self.classes).filter(|(shown, name)| shown != name);
        let numbers = differ.count();
        if numbers > 0 {
            tracing::warn!(
                "{numbers} of {} classes have characters that the font cannot draw; {} shows \
                 class numbers instead (from 0)",
                classes.len(),
                path.display()
            );
        }
        let counts = self.counts.clone();
        atomic::write(path, &png(&Self { classes, counts }, title)?)
    }

    /// A row of the matrix.
    fn of_class(&self, truth: usize) -> &[u64] {
        let n = self.classes.len();
        &self.counts[truth * n..][..n]
    }
}

fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// Right predictions are blue, mistakes orange, told apart by any colour vision.
const RIGHT: RGBColor = RGBColor(0, 114, 178);
const WRONG: RGBColor = RGBColor(213, 94, 0);

const TITLE: i32 = 48;
/// The description of an axis.
const AXIS: i32 = 28;
const GAP: i32 = 10;
/// The longest name of a class in pixels; longer ones lose their middle.
const MAX_NAME: i32 = 160;
/// The column of recalls, and the row of precisions.
const RECALL: i32 = 78;
const PRECISION: i32 = 34;
/// The name of that row, which is below the classes' names.
const PRECISION_NAME: i32 = 72;
/// The line that explains the colours.
const LEGEND: i32 = 30;
const COLOURS: &str = "blue: correct, shaded by the fraction of the row; \
                       orange: errors, shaded by its square root";
/// Cells of few classes are large, and those of many still hold a count of five digits.
const CELLS: (i32, i32) = (44, 72);
const ALL_CELLS: i32 = 720;
/// A class of average length, in letters, for the picture's height before letters are measured.
const CHARACTER_WIDTH: i32 = 9;

/// Where things are, in pixels of the picture.
struct Layout {
    cell: i32,
    n: i32,
    /// Of the cells' upper left corner.
    left: i32,
    top: i32,
    width: i32,
    height: i32,
    /// Whether the predicted classes' names stand upright.
    upright: bool,
}

impl Layout {
    fn of(confusion: &ConfusionMatrix, title: &str) -> Self {
        let n = confusion.classes().len() as i32;
        let cell = (ALL_CELLS / n.max(1)).clamp(CELLS.0, CELLS.1);
        let letters = confusion.classes().iter().map(|name| name.chars().count() as i32);
        let name = (letters.max().unwrap_or(0) * CHARACTER_WIDTH).min(MAX_NAME);
        let upright = name > cell - GAP;
        let left = MARGIN + AXIS + name.max(PRECISION_NAME) + GAP;
        let top = MARGIN + TITLE + AXIS + GAP + if upright { name } else { 16 };
        let title = title.chars().count() as i32 * 12 + 2 * MARGIN;
        let legend = COLOURS.chars().count() as i32 * 7 + 2 * MARGIN;
        let width = (left + cell * n + RECALL + MARGIN).max(title).max(legend).min(4_000);
        let height = top + cell * n + PRECISION + LEGEND + MARGIN;
        Self { cell, n, left, top, width, height, upright }
    }

    /// The middle of a column or a row of cells.
    fn middle(&self, start: i32, index: usize) -> i32 {
        start + self.cell * index as i32 + self.cell / 2
    }
}

pub(super) fn png(confusion: &ConfusionMatrix, title: &str) -> Result<Vec<u8>> {
    let layout = Layout::of(confusion, title);
    picture((layout.width as u32, layout.height as u32), |area| {
        area.fill(&WHITE)?;
        draw_names(area, &layout, confusion, title)?;
        draw_cells(area, &layout, confusion)?;
        draw_shares(area, &layout, confusion)?;
        let legend = at(MARGIN, layout.height - MARGIN);
        area.draw_text(COLOURS, &text_style_at(13, HPos::Left)?, legend)?;
        Ok(())
    })
}

fn draw_names(
    area: &Area<'_>,
    layout: &Layout,
    confusion: &ConfusionMatrix,
    title: &str,
) -> Result<()> {
    area.draw_text(title, &text_style_at(22, HPos::Left)?, at(MARGIN, MARGIN + 12))?;
    let axis = text_style_at(15, HPos::Center)?;
    let middle = layout.cell * layout.n / 2;
    area.draw_text("predicted", &axis, at(layout.left + middle, MARGIN + TITLE + AXIS / 2))?;
    let upwards = axis.transform(FontTransform::Rotate270);
    area.draw_text("true", &upwards, at(MARGIN + AXIS / 2, layout.top + middle))?;

    let row = text_style_at(15, HPos::Right)?;
    let column = if layout.upright {
        text_style_at(15, HPos::Left)?.transform(FontTransform::Rotate270)
    } else {
        text_style_at(15, HPos::Center)?
    };
    for (index, name) in confusion.classes().iter().enumerate() {
        let measure = |name: &str| Ok(area.estimate_text_size(name, &row)?.0 as i32);
        let name = shorten(name, MAX_NAME * SCALE, measure)?;
        area.draw_text(&name, &row, at(layout.left - GAP, layout.middle(layout.top, index)))?;
        let above = if layout.upright { GAP } else { GAP + 6 };
        let place = at(layout.middle(layout.left, index), layout.top - above);
        area.draw_text(&name, &column, place)?;
    }
    Ok(())
}

fn draw_cells(area: &Area<'_>, layout: &Layout, confusion: &ConfusionMatrix) -> Result<()> {
    let n = layout.n as usize;
    for truth in 0..n {
        let of_class: u64 = (0..n).map(|predicted| confusion.count(truth, predicted)).sum();
        for predicted in 0..n {
            let count = confusion.count(truth, predicted);
            let share = count as f64 / of_class.max(1) as f64;
            let (x, y) = (
                layout.left + layout.cell * predicted as i32,
                layout.top + layout.cell * truth as i32,
            );
            let corners = [at(x, y), at(x + layout.cell, y + layout.cell)];
            let colour = shade(share, truth == predicted);
            area.draw(&Rectangle::new(corners, colour.filled()))?;
            area.draw(&Rectangle::new(corners, GRID.stroke_width(SCALE as u32)))?;
            // Zeros would hide where the mistakes are.
            if count > 0 {
                let style = text_style_at(count_size(count, layout.cell), HPos::Center)?;
                let style = if is_dark(colour) { style.color(&WHITE) } else { style };
                let middle = at(x + layout.cell / 2, y + layout.cell / 2);
                area.draw_text(&count.to_string(), &style, middle)?;
            }
        }
    }
    Ok(())
}

/// The size of letters with which a count fits into its cell.
fn count_size(count: u64, cell: i32) -> i32 {
    let digits = count.to_string().len() as i32;
    // A digit is about 0.64 of the letters' size wide.
    ((cell - 8) * 100 / (64 * digits)).clamp(7, 16)
}

/// Whether white letters are read more easily than dark ones on a colour, by the contrast of
/// WCAG 2.
fn is_dark(RGBColor(red, green, blue): RGBColor) -> bool {
    let linear = |channel: u8| (f64::from(channel) / 255.0).powf(2.2);
    0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue) < 0.27
}

/// The colour of a cell. Mistakes are shown by the root of their share, so
/// that one in a hundred is seen.
fn shade(share: f64, right: bool) -> RGBColor {
    let strength = if right { share } else { share.sqrt() };
    let full = if right { RIGHT } else { WRONG };
    let mix = |channel: u8| (255.0 + (f64::from(channel) - 255.0) * strength).round() as u8;
    RGBColor(mix(full.0), mix(full.1), mix(full.2))
}

/// The share of each class that was recognised, at the end of its row, and the share of each
/// prediction that was right, below its column.
fn draw_shares(area: &Area<'_>, layout: &Layout, confusion: &ConfusionMatrix) -> Result<()> {
    let right = layout.left + layout.cell * layout.n + RECALL;
    let below = layout.top + layout.cell * layout.n + PRECISION / 2;
    let (style, centred) = (text_style_at(15, HPos::Right)?, text_style_at(13, HPos::Center)?);
    area.draw_text("recall", &style, at(right, layout.top - GAP - 6))?;
    area.draw_text("precision", &style, at(layout.left - GAP, below))?;
    for class in 0..confusion.classes().len() {
        if let Some(recall) = confusion.recall(class) {
            let label = format!("{:.1} %", 100.0 * recall);
            area.draw_text(&label, &style, at(right, layout.middle(layout.top, class)))?;
        }
        if let Some(precision) = confusion.precision(class) {
            let label = format!("{:.1}", 100.0 * precision);
            area.draw_text(&label, &centred, at(layout.middle(layout.left, class), below))?;
        }
    }
    area.draw_text("%", &style, at(right, below))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_cannot_be_shown_is_a_number() {
        let names = ["cat", "кошка", "猫", "été"].map(str::to_owned);
        assert_eq!(legible(&names).unwrap(), ["cat", "class 1", "class 2", "été"]);
    }

    #[test]
    fn counts_and_shares() {
        let mut confusion = ConfusionMatrix::new(["a", "b", "c"].map(str::to_owned).to_vec());
        assert_eq!(confusion.recall(0), None);
        for (truth, predicted) in [(0, 0), (0, 0), (0, 1), (1, 1)] {
            confusion.add(truth, predicted);
        }
        assert_eq!((confusion.count(0, 1), confusion.count(1, 0)), (1, 0));
        assert_eq!(confusion.total(), 4);
        assert_eq!((confusion.recall(0), confusion.recall(2)), (Some(2.0 / 3.0), None));
        assert_eq!((confusion.precision(1), confusion.precision(2)), (Some(0.5), None));
    }

    fn size(png: &[u8]) -> (u32, u32) {
        let reader = png::Decoder::new(std::io::Cursor::new(png)).read_info().unwrap();
        (reader.info().width, reader.info().height)
    }

    fn of(names: &[&str]) -> ConfusionMatrix {
        let mut confusion =
            ConfusionMatrix::new(names.iter().map(|&name| name.to_owned()).collect());
        for truth in 0..names.len() {
            (0..90).for_each(|_| confusion.add(truth, truth));
            (0..10).for_each(|_| confusion.add(truth, (truth + 1) % names.len()));
        }
        confusion
    }

    #[test]
    fn pictures_have_room_for_their_classes() {
        let two = png(&of(&["a", "b"]), "two").unwrap();
        let names: Vec<String> = (0..20).map(|i| format!("a class of long name {i}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let twenty = png(&of(&names), "twenty").unwrap();
        assert!(size(&two).0 < size(&twenty).0 && size(&twenty).1 > 20 * CELLS.0 as u32);
        assert_eq!(png(&of(&["a", "b"]), "two").unwrap(), two, "the same counts, the same bytes");
        png(&ConfusionMatrix::new(vec![]), "none").unwrap();
    }

    #[test]
    fn small_mistakes_are_seen_and_nothing_is_white() {
        assert_eq!(shade(0.0, true), RGBColor(255, 255, 255));
        assert_eq!(shade(0.0, false), RGBColor(255, 255, 255));
        assert_eq!(shade(1.0, true), RIGHT);
        assert!(shade(0.01, false).2 < 235);
    }

    #[test]
    fn letters_are_white_where_that_is_read_more_easily() {
        let is_dark = |share, right| is_dark(shade(share, right));
        assert!(is_dark(1.0, true) && is_dark(1.0, false));
        assert!(!is_dark(0.6, true) && !is_dark(0.3, false));
    }

    #[test]
    fn counts_fit_into_their_cells() {
        assert_eq!(count_size(9, 72), 16);
        assert!(count_size(12_345, 44) >= 11);
    }
}
