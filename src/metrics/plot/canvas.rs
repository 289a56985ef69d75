//! From a drawing to the bytes of a picture.

use anyhow::Result;
use plotters::coord::Shift;
use plotters::drawing::DrawingArea;
use plotters::prelude::{IntoDrawingArea, SVGBackend};

use super::bitmap::Bitmap;
use super::style::SCALE;
use super::{Chart, draw};
use crate::metrics::Raster;

/// A chart's width and height in pixels.
const SIZE: (u32, u32) = (1200, 750);

pub(super) fn png(chart: &Chart) -> Result<Vec<u8>> {
    picture(SIZE, |area| draw::draw(area, chart))
}

pub(super) fn svg(chart: &Chart) -> Result<String> {
    vector(SIZE, |area| draw::draw(area, chart))
}

/// The SVG of a picture of `size` pixels that `draw` draws with [`SCALE`] times as many each way.
pub(in crate::metrics) fn vector(
    size: (u32, u32),
    draw: impl FnOnce(&DrawingArea<SVGBackend<'_>, Shift>) -> Result<()>,
) -> Result<String> {
    let mut text = String::new();
    let drawn = drawn_size(size);
    draw(&SVGBackend::with_string(&mut text, drawn).into_drawing_area())?;
    // The view box keeps the fine coordinates; the picture is shown at its intended size.
    let drawn = format!(r#"<svg width="{}" height="{}""#, drawn.0, drawn.1);
    let shown = format!(r#"<svg width="{}" height="{}""#, size.0, size.1);
    Ok(text.replacen(&drawn, &shown, 1))
}

/// The PNG of a picture of `size` pixels that `draw` draws with [`SCALE`] times as many each way.
pub(in crate::metrics) fn picture(
    size: (u32, u32),
    draw: impl FnOnce(&DrawingArea<Bitmap<'_>, Shift>) -> Result<()>,
) -> Result<Vec<u8>> {
    let (width, height) = drawn_size(size);
    let mut drawn = vec![0; 3 * width as usize * height as usize];
    draw(&Bitmap::new(&mut drawn, (width, height)).into_drawing_area())?;
    let pixels = shrink(&drawn, 3 * width as usize);
    Raster { width: size.0 as usize, height: size.1 as usize, channels: 3, pixels: &pixels }.png()
}

fn drawn_size((width, height): (u32, u32)) -> (u32, u32) {
    (width * SCALE as u32, height * SCALE as u32)
}

/// Each pixel of the picture is the mean of a square of `SCALE` × `SCALE` drawn ones, whose rows
/// have `row` bytes.
fn shrink(drawn: &[u8], row: usize) -> Vec<u8> {
    let scale = SCALE as usize;
    let mut picture = Vec::with_capacity(drawn.len() / (scale * scale));
    for rows in drawn.chunks_exact(scale * row) {
        for left in (0..row).step_by(3 * scale) {
            for channel in 0..3 {
                let place = |index: usize| index / scale * row + left + index % scale * 3 + channel;
                let sum: usize =
                    (0..scale * scale).map(|index| usize::from(rows[place(index)])).sum();
                picture.push((sum / (scale * scale)) as u8);
            }
        }
    }
    picture
}
