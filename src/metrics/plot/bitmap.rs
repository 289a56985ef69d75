//! Plotters' bitmap with rounded joints and centred letters.

use plotters::prelude::{BitMapBackend, DrawingBackend};
use plotters_backend::{
    BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingErrorKind, FontTransform,
};

/// A bitmap that draws thick paths with round joints. Plotters gives them mitred ones, whose tips
/// stand far out of a curve where it turns back on itself.
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

    /// The font's letters stand above the middle of the box that Plotters gives them, by this
    /// share of their size.
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
