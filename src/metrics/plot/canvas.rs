//! From a drawing to the bytes of a picture.

use anyhow::{Context, Result};
use plotters::prelude::{IntoDrawingArea, SVGBackend};

use super::bitmap::Bitmap;
use super::style::SCALE;
use super::{Chart, draw};

/// The picture's width and height in pixels.
const SIZE: (u32, u32) = (1200, 750);
const DRAWN: (u32, u32) = (SIZE.0 * SCALE as u32, SIZE.1 * SCALE as u32);

pub(super) fn png(chart: &Chart) -> Result<Vec<u8>> {
    let mut drawn = vec![0; 3 * (DRAWN.0 * DRAWN.1) as usize];
    draw::draw(&Bitmap::new(&mut drawn, DRAWN).into_drawing_area(), chart)?;

    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, SIZE.0, SIZE.1);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header().context("cannot begin a PNG")?;
    writer.write_image_data(&shrink(&drawn)).context("cannot encode a PNG")?;
    writer.finish().context("cannot complete a PNG")?;
    Ok(bytes)
}

pub(super) fn svg(chart: &Chart) -> Result<String> {
    let mut text = String::new();
    draw::draw(&SVGBackend::with_string(&mut text, DRAWN).into_drawing_area(), chart)?;
    // The view box keeps the fine coordinates; the picture is shown at its intended size.
    let drawn = format!(r#"<svg width="{}" height="{}""#, DRAWN.0, DRAWN.1);
    let shown = format!(r#"<svg width="{}" height="{}""#, SIZE.0, SIZE.1);
    Ok(text.replacen(&drawn, &shown, 1))
}

/// Each pixel of the picture is the mean of a square of `SCALE` × `SCALE` drawn ones.
fn shrink(drawn: &[u8]) -> Vec<u8> {
    let scale = SCALE as usize;
    let row = 3 * DRAWN.0 as usize;
    let mut picture = Vec::with_capacity(3 * (SIZE.0 * SIZE.1) as usize);
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
