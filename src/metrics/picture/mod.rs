//! What a classifier does right and wrong, as PNG: a confusion matrix, and a sheet of the worst
//! mistakes. A map of labelled points. And what a translation attended to.

mod attention;
mod confusion;
mod map;
mod sheet;

use std::iter;

use anyhow::Result;
use plotters::coord::Shift;
use plotters::drawing::DrawingArea;

use super::plot::canvas::Bitmap;
use super::plot::style::{SCALE, undrawable};
pub use attention::Attention;
pub use confusion::ConfusionMatrix;
pub use map::{MapPoint, write_map_png, write_map_svg};
pub use sheet::write_sheet;
pub use sheet::{Mistake, TopLosses};

type Area<'a> = DrawingArea<Bitmap<'a>, Shift>;

/// The space around a picture, in its pixels.
const MARGIN: i32 = 24;

/// A point of the drawing from one of the picture.
fn at(x: i32, y: i32) -> (i32, i32) {
    (x * SCALE, y * SCALE)
}

/// A text without the characters that XML refuses.
fn printable(text: &str) -> String {
    let is_refused = |c: char| c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}');
    text.chars().map(|c| if is_refused(c) { '\u{fffd}' } else { c }).collect()
}

/// The names of classes as a picture shows them: one with a letter that it lacks is a number.
fn legible(classes: &[String]) -> Result<Vec<String>> {
    let shown = |(index, name): (usize, &String)| -> Result<String> {
        let is_legible = undrawable(iter::once(name.as_str()))? == 0;
        Ok(if is_legible { name.clone() } else { format!("class {index}") })
    };
    classes.iter().enumerate().map(shown).collect()
}
