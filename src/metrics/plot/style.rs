//! How runs and phases are distinguished: colours, lines, markers, and the text style.

use ab_glyph::{Font, FontRef};
use anyhow::{Result, anyhow};
use plotters::prelude::{RGBColor, ShapeStyle};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, FontStyle, IntoTextStyle, TextStyle, register_font};

use super::BOUND;

/// Pixels of the drawing for one of the picture: whole pixels are all that the backends know, and
/// lines of whole pixels are jagged.
pub(in crate::metrics) const SCALE: i32 = 3;

pub(in crate::metrics) const GRID: RGBColor = RGBColor(225, 225, 225);
pub(in crate::metrics) const INK: RGBColor = RGBColor(60, 60, 60);

/// The palette of Okabe and Ito, whose colours can be distinguished with any colour vision. Its
/// yellow is too faint for a line on white and is replaced by a grey.
const COLOURS: [RGBColor; 8] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    RGBColor(0, 0, 0),
    RGBColor(128, 128, 128),
];

/// The colour of the chart's `run`th run.
pub(super) fn colour(run: usize) -> RGBColor {
    COLOURS[run % COLOURS.len()]
}

/// The colours in the order of runs, as `#0072b2`: pages draw with the same.
pub fn palette() -> Vec<String> {
    COLOURS
        .iter()
        .map(|RGBColor(red, green, blue)| format!("#{red:02x}{green:02x}{blue:02x}"))
        .collect()
}

/// How a curve's points are joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Line {
    Solid,
    Dashed,
    Light,
    Dotted,
    None,
}

impl Line {
    pub(super) fn of_phase(phase: &str) -> Self {
        match phase {
            "train" => Self::Light,
            "epoch" => Self::Dashed,
            "test" => Self::None,
            BOUND => Self::Dotted,
            _ => Self::Solid,
        }
    }

    /// What becomes of a run's colour. A light one is mixed with white and not transparent, so
    /// that a line does not darken where it crosses itself.
    pub(super) fn shade(self, colour: RGBColor) -> RGBColor {
        if self == Self::Light { with_white(colour) } else { colour }
    }

    /// The stroke in a run's colour.
    pub(super) fn stroke(self, colour: RGBColor) -> ShapeStyle {
        let thin = matches!(self, Self::Light | Self::Dotted);
        let width = if thin { 3 * SCALE / 2 } else { 2 * SCALE };
        self.shade(colour).stroke_width(width as u32)
    }
}

/// What is at a point. It follows the run as the colour does, with another period, so that 24 runs
/// look different and the first eight do so without their colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Marker {
    Circle,
    Square,
    Triangle,
}

impl Marker {
    pub(super) fn of_run(run: usize) -> Self {
        [Self::Circle, Self::Square, Self::Triangle][run % 3]
    }
}

/// DejaVu Sans 2.37, reduced to the letters of Latin-1 and some punctuation. Its licence is next to
/// it.
const FONT: &[u8] = include_bytes!("font/DejaVuSans-latin.ttf");

/// How many of `texts` have a letter that the embedded font lacks, and so a PNG.
///
/// # Errors
/// When the embedded font cannot be read.
pub(in crate::metrics) fn undrawable<'a>(texts: impl Iterator<Item = &'a str>) -> Result<usize> {
    let font = FontRef::try_from_slice(FONT)?;
    let is_missing = |letter| font.glyph_id(letter).0 == 0;
    Ok(texts.filter(|text| text.chars().any(is_missing)).count())
}

/// The style of text of `size` pixels of the picture.
///
/// # Errors
/// When the embedded font cannot be read.
pub(in crate::metrics) fn text_style(size: i32) -> Result<TextStyle<'static>> {
    // Under this name an SVG asks its viewer for the viewer's own font of the kind.
    register_font("sans-serif", FontStyle::Normal, FONT)
        .map_err(|_| anyhow!("the embedded font cannot be read"))?;
    Ok(("sans-serif", size * SCALE, &INK).into_text_style(&(0, 0)))
}

/// As [`text_style`], for text whose point is the middle of its height, left, centre or right.
///
/// # Errors
/// When the embedded font cannot be read.
pub(in crate::metrics) fn text_style_at(size: i32, x: HPos) -> Result<TextStyle<'static>> {
    Ok(text_style(size)?.pos(Pos::new(x, VPos::Center)))
}

fn with_white(RGBColor(red, green, blue): RGBColor) -> RGBColor {
    let mix = |channel: u8| (f64::from(channel) * 0.7 + 255.0 * 0.3) as u8;
    RGBColor(mix(red), mix(green), mix(blue))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twenty_four_runs_look_different() {
        let mut looks: Vec<_> =
            (0..24).map(|run| (colour(run), Marker::of_run(run) as u8)).collect();
        looks.sort_by_key(|&(RGBColor(r, g, b), marker)| (r, g, b, marker));
        looks.dedup();
        assert_eq!(looks.len(), 24);
    }

    #[test]
    fn letters_that_the_font_lacks_are_found() {
        let texts = ["plain", "naïve", "привет", "東京", "plain 東"];
        assert_eq!(undrawable(texts.into_iter()).unwrap(), 3);
    }

    #[test]
    fn light_lines_are_lighter_in_every_colour() {
        for run in 0..COLOURS.len() {
            let (full, light) = (colour(run), with_white(colour(run)));
            assert!(full.0 <= light.0 && full.1 <= light.1 && full.2 <= light.2);
        }
    }
}
