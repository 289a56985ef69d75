//! From a drawing to the bytes of a picture.

use anyhow::Result;
use plotters::coord::Shift;
use plotters::drawing::DrawingArea;
use plotters::prelude::{BitMapBackend, DrawingBackend, IntoDrawingArea, SVGBackend};
use plotters_backend::{
    BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingErrorKind, FontTransform,
};

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

/// A bitmap that draws thick paths with round joints. Plotters gives them mitred ones, whose tips
/// are far out of a curve where it turns back on itself.
pub(in crate::metrics) struct Bitmap<'a>(BitMapBackend<'a>);

type Drawn<'a> = Result<(), DrawingErrorKind<<BitMapBackend<'a> as DrawingBackend>::ErrorType>>;

impl<'a> Bitmap<'a> {
    /// `pixels` are red, green and blue, row by row, `size` is width and height.
    pub(super) fn new(pixels: &'a mut [u8], size: (u32, u32)) -> Self {
        Self(BitMapBackend::with_buffer(pixels, size))
    }
}

impl<'a> DrawingBackend for Bitmap<'a> {
    type ErrorType = <BitMapBackend<'a> as DrawingBackend>::ErrorType;

    fn get_size(&self) -> (u32, u32) {
        self.0.get_size()
    }

    fn ensure_prepared(&mut self) -> Drawn<'a> {
        self.0.ensure_prepared()
    }

    fn present(&mut self) -> Drawn<'a> {
        self.0.present()
    }

    fn draw_pixel(&mut self, point: BackendCoord, color: BackendColor) -> Drawn<'a> {
        self.0.draw_pixel(point, color)
    }

    fn draw_line<S: BackendStyle>(
        &mut self,
        from: BackendCoord,
        to: BackendCoord,
        style: &S,
    ) -> Drawn<'a> {
        self.0.draw_line(from, to, style)
    }

    fn draw_rect<S: BackendStyle>(
        &mut self,
        upper_left: BackendCoord,
        bottom_right: BackendCoord,
        style: &S,
        fill: bool,
    ) -> Drawn<'a> {
        self.0.draw_rect(upper_left, bottom_right, style, fill)
    }

    fn draw_path<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        path: I,
        style: &S,
    ) -> Drawn<'a> {
        let path: Vec<BackendCoord> = path.into_iter().collect();
        for (index, ends) in path.windows(2).enumerate() {
            if index > 0 && style.stroke_width() > 1 {
                self.0.draw_circle(ends[0], style.stroke_width() / 2, &style.color(), true)?;
            }
            self.0.draw_path(ends.iter().copied(), style)?;
        }
        Ok(())
    }

    /// The font's letters are above the middle of the box that Plotters gives them, by this share
    /// of their size.
    fn draw_text<S: BackendTextStyle>(
        &mut self,
        text: &str,
        style: &S,
        (x, y): BackendCoord,
    ) -> Drawn<'a> {
        let shift = (style.size() * 0.2).round() as i32;
        let (x, y) = match style.transform() {
            FontTransform::None => (x, y + shift),
            FontTransform::Rotate90 => (x - shift, y),
            FontTransform::Rotate180 => (x, y - shift),
            FontTransform::Rotate270 => (x + shift, y),
        };
        self.0.draw_text(text, style, (x, y))
    }
}

#[cfg(test)]
mod tests {
    use plotters::style::{BLACK, Color, ShapeStyle};

    use super::*;

    #[test]
    fn a_path_that_turns_back_stays_within_half_its_width() {
        let (width, height) = (40, 100);
        let mut pixels = vec![255; 3 * width * height];
        let style: ShapeStyle = Color::stroke_width(&BLACK, 6);
        let path = [(18, 80), (20, 20), (21, 80)];
        Bitmap::new(&mut pixels, (width as u32, height as u32)).draw_path(path, &style).unwrap();
        let rows: Vec<usize> =
            (0..pixels.len()).filter(|&i| pixels[i] == 0).map(|i| i / (3 * width)).collect();
        assert!(rows[0] >= 17 && rows[rows.len() - 1] <= 83, "{rows:?}");
    }
}
