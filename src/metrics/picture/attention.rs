//! Which words of a sentence each word of its translation attended to, as SVG.

use std::path::Path;

use anyhow::{Result, ensure};
use plotters::coord::Shift;
use plotters::drawing::DrawingArea;
use plotters::element::{PathElement, Rectangle};
use plotters::prelude::{DrawingBackend, RGBColor, WHITE};
use plotters::style::text_anchor::HPos;
use plotters::style::{Color, FontTransform};

use super::{MARGIN, at, printable};
use crate::atomic;
use crate::metrics::plot::canvas::vector;
use crate::metrics::plot::legend::shorten;
use crate::metrics::plot::style::{GRID, SCALE, text_style_at};
use crate::metrics::{Picture, Raster};

/// The attention of a translation.
#[derive(Clone, Debug, PartialEq)]
pub struct Attention {
    /// The words of the sentence.
    pub source: Vec<String>,
    /// The words of its translation.
    pub target: Vec<String>,
    /// Of each word of the translation its weights on those of the sentence, from 0 to 1.
    pub weights: Vec<Vec<f32>>,
}

/// Pixels of a side of a cell in TensorBoard.
const PIXELS: usize = 16;
const TITLE: i32 = 40;
/// The name of an axis.
const AXIS: i32 = 24;
const GAP: i32 = 8;
/// The longest word in pixels; longer ones lose their middle.
const MAX_NAME: i32 = 180;
/// Cells of short sentences are large, and those of long ones still hold a word beside them.
const CELLS: (i32, i32) = (14, 28);
const ALL_CELLS: i32 = 1000;
/// Sizes of the words' letters.
const FONTS: (i32, i32) = (9, 16);
/// The line that explains the shades.
const LEGEND: i32 = 34;
const SHADES: &str = "black: all of a word's attention, white: none";
const MIN_WIDTH: i32 = 340;
/// The name of the axis at the left.
const MIN_ROWS: i32 = 80;

impl Attention {
    /// Draws it into an SVG file, which appears as a whole: the source's words above, those of the
    /// translation at the left, grey cells. `title` is the line above it.
    ///
    /// # Errors
    /// Weights that are not those of the words, or not finite; a file that cannot be written.
    pub fn write_svg(&self, path: &Path, title: &str) -> Result<()> {
        atomic::write(path, svg(self, title)?.as_bytes())
    }

    /// Only the cells, as TensorBoard shows them: one row per word of the translation.
    ///
    /// # Errors
    /// Weights that are not those of the words, or not finite; no words.
    pub fn summary(&self) -> Result<Picture> {
        self.check()?;
        let (width, height) = (PIXELS * self.source.len(), PIXELS * self.target.len());
        let grey = |i: usize| shade(self.weights[i / width / PIXELS][i % width / PIXELS]).0;
        let pixels: Vec<u8> = (0..width * height).map(grey).collect();
        Raster { width, height, channels: 1, pixels: &pixels }.summary()
    }

    fn check(&self) -> Result<()> {
        let (rows, columns) = (self.target.len(), self.source.len());
        let fits = self.weights.len() == rows
            && self.weights.iter().all(|weights| weights.len() == columns);
        ensure!(fits, "the attention is not a {rows} × {columns} matrix");
        let is_finite = self.weights.iter().flatten().all(|weight| weight.is_finite());
        ensure!(is_finite, "a weight of the attention is not finite");
        Ok(())
    }
}

/// Where things are, in pixels of the picture.
struct Layout {
    cell: i32,
    font: i32,
    /// The words as they are shown.
    source: Vec<String>,
    target: Vec<String>,
    /// Of the cells' upper left corner.
    left: i32,
    top: i32,
    width: i32,
    height: i32,
}

impl Layout {
    fn of(attention: &Attention) -> Result<Self> {
        let (columns, rows) = (attention.source.len() as i32, attention.target.len() as i32);
        let cell = (ALL_CELLS / columns.max(rows).max(1)).clamp(CELLS.0, CELLS.1);
        let font = (cell * 4 / 7).clamp(FONTS.0, FONTS.1);
        let shown = |words: &[String]| -> Result<Vec<String>> {
            let short = |word: &String| shorten(&legible(word), MAX_NAME, |w| Ok(width(w, font)));
            words.iter().map(short).collect()
        };
        let longest =
            |words: &[String]| words.iter().map(|word| width(word, font)).max().unwrap_or(0);
        let (source, target) = (shown(&attention.source)?, shown(&attention.target)?);
        let left = MARGIN + AXIS + longest(&target) + GAP;
        let top = MARGIN + TITLE + AXIS + longest(&source) + GAP;
        let width = (left + cell * columns + MARGIN).max(MIN_WIDTH);
        let height = top + (cell * rows).max(MIN_ROWS) + LEGEND + MARGIN;
        Ok(Self { cell, font, source, target, left, top, width, height })
    }

    /// The right and the lower end of the cells.
    fn ends(&self) -> (i32, i32) {
        let end = |start: i32, words: &[String]| start + self.cell * words.len() as i32;
        (end(self.left, &self.source), end(self.top, &self.target))
    }
}

fn svg(attention: &Attention, title: &str) -> Result<String> {
    attention.check()?;
    let layout = Layout::of(attention)?;
    vector((layout.width as u32, layout.height as u32), |area| {
        area.fill(&WHITE)?;
        draw_words(area, &layout, title)?;
        draw_cells(area, &layout, attention)?;
        let legend = at(MARGIN, layout.height - MARGIN);
        area.draw_text(SHADES, &text_style_at(14, HPos::Left)?, legend)?;
        Ok(())
    })
}

fn draw_words<DB: DrawingBackend>(
    area: &DrawingArea<DB, Shift>,
    layout: &Layout,
    title: &str,
) -> Result<()>
where
    DB::ErrorType: 'static,
{
    area.draw_text(&legible(title), &text_style_at(20, HPos::Left)?, at(MARGIN, MARGIN + 10))?;
    let axis = text_style_at(14, HPos::Left)?;
    area.draw_text("source", &axis, at(layout.left, MARGIN + TITLE + AXIS / 2))?;
    let upwards = text_style_at(14, HPos::Right)?.transform(FontTransform::Rotate270);
    area.draw_text("translation", &upwards, at(MARGIN + AXIS / 2, layout.top))?;

    let middle = |start: i32, index: usize| start + layout.cell * index as i32 + layout.cell / 2;
    let row = text_style_at(layout.font, HPos::Right)?;
    for (index, word) in layout.target.iter().enumerate() {
        area.draw_text(word, &row, at(layout.left - GAP, middle(layout.top, index)))?;
    }
    let column = text_style_at(layout.font, HPos::Left)?.transform(FontTransform::Rotate270);
    for (index, word) in layout.source.iter().enumerate() {
        area.draw_text(word, &column, at(middle(layout.left, index), layout.top - GAP))?;
    }
    Ok(())
}

fn draw_cells<DB: DrawingBackend>(
    area: &DrawingArea<DB, Shift>,
    layout: &Layout,
    attention: &Attention,
) -> Result<()>
where
    DB::ErrorType: 'static,
{
    let cell = layout.cell;
    for (row, weights) in attention.weights.iter().enumerate() {
        for (column, &weight) in weights.iter().enumerate() {
            let shade = shade(weight);
            // The paper is white: most cells of long sentences need no ink.
            if shade != WHITE {
                let (x, y) = (layout.left + cell * column as i32, layout.top + cell * row as i32);
                let corners = [at(x, y), at(x + cell, y + cell)];
                area.draw(&Rectangle::new(corners, shade.filled()))?;
            }
        }
    }
    let (right, bottom) = layout.ends();
    let line = |from, to| PathElement::new([from, to], GRID.stroke_width(SCALE as u32));
    for column in 0..=layout.source.len() as i32 {
        let x = layout.left + cell * column;
        area.draw(&line(at(x, layout.top), at(x, bottom)))?;
    }
    for row in 0..=layout.target.len() as i32 {
        let y = layout.top + cell * row;
        area.draw(&line(at(layout.left, y), at(right, y)))?;
    }
    Ok(())
}

/// White for a weight of 0, black for 1.
fn shade(weight: f32) -> RGBColor {
    let grey = (255.0 * (1.0 - weight.clamp(0.0, 1.0))).round() as u8;
    RGBColor(grey, grey, grey)
}

/// A word as a picture can show it. XML has no place for control characters, and a reader sees no
/// blank.
fn legible(word: &str) -> String {
    if word.chars().all(char::is_whitespace) {
        return "␣".to_owned();
    }
    printable(word)
}

/// About the width of a word in letters of a size, in any font that a viewer has: the embedded one
/// knows few alphabets. East Asian letters are as wide as they are high.
fn width(word: &str, size: i32) -> i32 {
    let hundredths = |c: char| if c >= '\u{1100}' { 85 } else { 54 };
    (word.chars().map(hundredths).sum::<i32>() * size + 99) / 100
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    fn even(source: &str, target: &str) -> Attention {
        let (source, target) = (words(source), words(target));
        let weights = vec![vec![1.0 / source.len() as f32; source.len()]; target.len()];
        Attention { source, target, weights }
    }

    fn sides(svg: &str) -> [f64; 2] {
        ["width=\"", "height=\""].map(|name| {
            let rest = svg.split(name).nth(1).unwrap();
            rest.split('"').next().unwrap().parse().unwrap()
        })
    }

    #[test]
    fn words_of_any_alphabet_stand_beside_grey_cells() {
        let mut attention = even("l'été <brûlant>", "жаркое 夏 _EOS");
        attention.weights[1] = vec![1.0, 0.0];
        let drawn = svg(&attention, "line 7").unwrap();
        for word in ["l&apos;été", "&lt;brûlant&gt;", "жаркое", "夏", "_EOS", "line 7"] {
            assert!(drawn.contains(word), "{word} is not in {drawn}");
        }
        // Four cells of a half, one of all; the one of nothing is the paper.
        assert_eq!(drawn.matches("#808080").count(), 4, "{drawn}");
        assert_eq!(drawn.matches("#000000").count(), 1, "{drawn}");
        assert_eq!(svg(&attention, "line 7").unwrap(), drawn);
    }

    #[test]
    fn pictures_grow_with_their_sentences_within_bounds() {
        let short = sides(&svg(&even("a b", "c"), "").unwrap());
        let text = vec!["word"; 60].join(" ");
        let long = sides(&svg(&even(&text, &text), "").unwrap());
        assert!(short[0] < 400.0 && short[1] < 300.0, "{short:?}");
        assert!(long.iter().all(|side| (900.0..1400.0).contains(side)), "{long:?}");
        let word = "x".repeat(500);
        let wide = sides(&svg(&even(&word, &word), "").unwrap());
        assert!(wide.iter().all(|&side| side < 500.0), "{wide:?}");
        svg(&Attention { source: vec![], target: vec![], weights: vec![] }, "").unwrap();
    }

    #[test]
    fn what_xml_cannot_hold_is_replaced() {
        let drawn = svg(&even("a\u{1}b \u{0}", "\u{a0} \t"), "\u{7}").unwrap();
        assert!(drawn.contains("a\u{fffd}b") && drawn.matches('␣').count() >= 2, "{drawn}");
        assert!(drawn.chars().all(|c| c == '\n' || !c.is_control()), "{drawn:?}");
        assert_eq!(legible(""), "␣");
    }

    #[test]
    fn weights_are_those_of_the_words() {
        let mut attention = even("a b", "c d");
        attention.weights[1].pop();
        let error = svg(&attention, "").unwrap_err().to_string();
        assert_eq!(error, "the attention is not a 2 × 2 matrix");
        attention.weights[1] = vec![f32::NAN, 0.0];
        assert!(svg(&attention, "").unwrap_err().to_string().ends_with("not finite"));
    }
}
