//! A sheet of small pictures, enlarged, each with what it is and what it was taken for.

use std::cmp::Ordering;
use std::path::Path;

use anyhow::{Result, ensure};
use plotters::element::{PathElement, Rectangle};
use plotters::prelude::{RGBColor, WHITE};
use plotters::style::Color;
use plotters::style::text_anchor::HPos;

use super::{Area, MARGIN, at, legible};
use crate::atomic;
use crate::metrics::Raster;
use crate::metrics::plot::canvas::picture;
use crate::metrics::plot::legend::shorten;
use crate::metrics::plot::style::{INK, SCALE, text_style_at};
use crate::system::wording::plural;

/// Pictures of a row, and of a sheet.
const COLUMNS: usize = 6;
const MAX_MISTAKES: usize = 36;
/// About the side of an enlarged picture.
const ENLARGED: usize = 168;
const TITLE: i32 = 44;
/// A picture's place: its width with the space to the next one, and the lines below it.
const WIDTH: i32 = 208;
const CAPTION: i32 = 52;
const ARROW: i32 = 16;
const FONT_SIZE: i32 = 14;

/// Draws up to 36 mistakes with their pictures into a PNG file, which appears as a whole. `title`
/// is the line above them, `classes` the classes' names. All pictures have one size.
///
/// # Errors
/// When a picture is empty, differs from the others in size, or has a number of bytes that does
/// not fit; when a class has no name; when the file cannot be written.
pub fn write_sheet(
    path: &Path,
    title: &str,
    classes: &[String],
    mistakes: &[(Mistake, Raster<'_>)],
) -> Result<()> {
    atomic::write(path, &png(title, &legible(classes)?, mistakes)?)
}

fn png(title: &str, classes: &[String], mistakes: &[(Mistake, Raster<'_>)]) -> Result<Vec<u8>> {
    let shown = &mistakes[..mistakes.len().min(MAX_MISTAKES)];
    for (mistake, raster) in shown {
        ensure_drawable(mistake, raster, &shown[0].1, classes.len())?;
    }
    let side = shown.first().map_or(1, |(_, raster)| raster.width.max(raster.height));
    let factor = (ENLARGED / side).max(1) as i32;
    let enlarged = factor * side as i32;
    let (width, height) = (WIDTH.max(enlarged + 20), enlarged + CAPTION);
    let rows = shown.len().div_ceil(COLUMNS).max(1) as i32;
    let size = (2 * MARGIN + COLUMNS as i32 * width, 2 * MARGIN + TITLE + rows * height);
    picture((size.0 as u32, size.1 as u32), |area| {
        area.fill(&WHITE)?;
        let style = text_style_at(22, HPos::Left)?;
        area.draw_text(title, &style, at(MARGIN, MARGIN + 12))?;
        if shown.is_empty() {
            let style = text_style_at(15, HPos::Left)?;
            area.draw_text("no mistakes", &style, at(MARGIN, MARGIN + TITLE + 20))?;
        }
        for (index, (mistake, raster)) in shown.iter().enumerate() {
            let (column, row) = ((index % COLUMNS) as i32, (index / COLUMNS) as i32);
            let left = MARGIN + column * width + (width - enlarged) / 2;
            let top = MARGIN + TITLE + row * height;
            enlarge(area, raster, (left, top), factor)?;
            let middle = MARGIN + column * width + width / 2;
            let names = [&classes[mistake.truth], &classes[mistake.predicted]];
            let below = format!("{:.1} %, no. {}", 100.0 * mistake.probability, mistake.index);
            caption(area, names, &below, (middle, top + enlarged), width)?;
        }
        Ok(())
    })
}

fn ensure_drawable(
    mistake: &Mistake,
    raster: &Raster<'_>,
    first: &Raster<'_>,
    n_classes: usize,
) -> Result<()> {
    let Raster { width, height, channels, pixels } = *raster;
    let same = (width, height, channels) == (first.width, first.height, first.channels);
    ensure!(
        same && [1, 3].contains(&channels) && width * height > 0,
        "image {} has {width}×{height} pixels of {channels} {}, but pixels need 1 or 3 bytes \
         and all images of a sheet the same size",
        mistake.index,
        plural(channels, "byte")
    );
    ensure!(
        pixels.len() == width * height * channels,
        "image {} has {} {}, but its size needs {}",
        mistake.index,
        pixels.len(),
        plural(pixels.len(), "byte"),
        width * height * channels
    );
    ensure!(
        mistake.truth.max(mistake.predicted) < n_classes,
        "image {} has class {} and prediction {}, but there are {n_classes} classes",
        mistake.index,
        mistake.truth,
        mistake.predicted
    );
    Ok(())
}

/// Each pixel becomes a square of `factor` pixels, so that the sheet shows what the network saw.
fn enlarge(
    area: &Area<'_>,
    raster: &Raster<'_>,
    (left, top): (i32, i32),
    factor: i32,
) -> Result<()> {
    for row in 0..raster.height {
        for column in 0..raster.width {
            let [red, green, blue] = raster.colour(column, row);
            let (x, y) = (left + column as i32 * factor, top + row as i32 * factor);
            let corners = [at(x, y), at(x + factor, y + factor)];
            area.draw(&Rectangle::new(corners, RGBColor(red, green, blue).filled()))?;
        }
    }
    Ok(())
}

/// Writes `true → predicted` and a line below it, about a point at the picture's foot.
fn caption(
    area: &Area<'_>,
    names: [&String; 2],
    below: &str,
    (middle, top): (i32, i32),
    width: i32,
) -> Result<()> {
    let style = text_style_at(FONT_SIZE, HPos::Left)?;
    let measure = |name: &str| Ok(area.estimate_text_size(name, &style)?.0 as i32 / SCALE);
    let room = (width - 3 * ARROW) / 2;
    let [truth, predicted] = names.map(|name| shorten(name, room, measure));
    let (truth, predicted) = (truth?, predicted?);
    let of_truth = measure(&truth)?;
    let start = middle - (of_truth + 2 * ARROW + measure(&predicted)?) / 2;
    let line = top + 14;
    area.draw_text(&truth, &style, at(start, line))?;
    arrow(area, (start + of_truth + ARROW / 2, line + 1))?;
    area.draw_text(&predicted, &style, at(start + of_truth + 2 * ARROW, line))?;
    let centred = text_style_at(FONT_SIZE, HPos::Center)?;
    area.draw_text(below, &centred, at(middle, line + 18))?;
    Ok(())
}

/// An arrow to the right, which the embedded font has none of.
fn arrow(area: &Area<'_>, (x, y): (i32, i32)) -> Result<()> {
    let style = INK.stroke_width(SCALE as u32 * 3 / 2);
    let tip = x + ARROW;
    for path in
        [vec![at(x, y), at(tip, y)], vec![at(tip - 5, y - 4), at(tip, y), at(tip - 5, y + 4)]]
    {
        area.draw(&PathElement::new(path, style))?;
    }
    Ok(())
}

/// A picture that was taken for something else.
#[derive(Clone, Debug, PartialEq)]
pub struct Mistake {
    /// The picture's place in its set.
    pub index: u64,
    /// Its class.
    pub truth: usize,
    /// What it was taken for.
    pub predicted: usize,
    /// The probability that was given to `predicted`.
    pub probability: f32,
}

/// The worst mistakes of a whole evaluation. Which these are does not depend on the order in
/// which they come.
#[derive(Clone, Debug)]
pub struct TopLosses {
    limit: usize,
    /// From the worst on.
    mistakes: Vec<Mistake>,
}

impl TopLosses {
    /// Keeps at most `limit` mistakes.
    pub fn new(limit: usize) -> Self {
        Self { limit, mistakes: Vec::with_capacity(limit + 1) }
    }

    /// Keeps a mistake if it is one of the worst, and says so.
    pub fn add(&mut self, mistake: Mistake) -> bool {
        let place = self.mistakes.partition_point(|kept| order(kept, &mistake).is_lt());
        if place >= self.limit {
            return false;
        }
        self.mistakes.insert(place, mistake);
        self.mistakes.truncate(self.limit);
        true
    }

    /// The mistakes from the worst on.
    pub fn mistakes(&self) -> &[Mistake] {
        &self.mistakes
    }
}

/// The worse mistake is the smaller one; of equal ones, the earlier picture.
fn order(one: &Mistake, other: &Mistake) -> Ordering {
    other.probability.total_cmp(&one.probability).then(one.index.cmp(&other.index))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn classes() -> Vec<String> {
        ["cat", "dog"].map(str::to_owned).to_vec()
    }

    fn mistake(index: u64) -> Mistake {
        Mistake { index, truth: 0, predicted: 1, probability: 0.987 }
    }

    #[test]
    fn a_sheet_holds_up_to_36_pictures() {
        let pixels = [7; 24 * 24 * 3];
        let raster = Raster { width: 24, height: 24, channels: 3, pixels: &pixels };
        let height = |count| {
            let mistakes: Vec<_> = (0..count).map(|index| (mistake(index), raster)).collect();
            let png = png("worst", &classes(), &mistakes).unwrap();
            let reader = png::Decoder::new(std::io::Cursor::new(png)).read_info().unwrap();
            reader.info().height
        };
        let heights = [0, 1, 7, 36, 50].map(height);
        assert!(heights[1] < heights[2] && heights[2] < heights[3]);
        assert_eq!(heights[3], heights[4]);
        assert!(heights[0] <= heights[1]);
    }

    #[test]
    fn what_does_not_fit_is_an_error() {
        let raster = Raster { width: 2, height: 2, channels: 1, pixels: &[1, 2, 3, 4] };
        let error = |mistakes: &[(Mistake, Raster<'_>)]| {
            png("worst", &classes(), mistakes).unwrap_err().to_string()
        };
        let short = Raster { pixels: &[1], ..raster };
        assert_eq!(error(&[(mistake(8), short)]), "image 8 has 1 byte, but its size needs 4");
        let other = Raster { width: 4, height: 1, ..raster };
        assert!(error(&[(mistake(1), raster), (mistake(2), other)]).contains("the same size"));
        let unknown = Mistake { predicted: 2, ..mistake(3) };
        assert!(error(&[(unknown, raster)]).contains("there are 2 classes"));
    }

    #[test]
    fn the_surest_are_kept_in_any_order() {
        let mistake = |index: u64| {
            let probability = [0.5, 0.9, 0.7, 0.9, 0.6][index as usize];
            Mistake { index, truth: 0, predicted: 1, probability }
        };
        for order in [[0, 1, 2, 3, 4], [4, 3, 2, 1, 0], [2, 3, 0, 4, 1]] {
            let mut worst = TopLosses::new(3);
            order.iter().for_each(|&index| {
                worst.add(mistake(index));
            });
            let kept: Vec<u64> = worst.mistakes().iter().map(|mistake| mistake.index).collect();
            assert_eq!(kept, [1, 3, 2]);
            assert!(!worst.add(mistake(0)));
        }
        assert!(!TopLosses::new(0).add(mistake(1)));
    }
}
