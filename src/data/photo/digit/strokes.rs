//! The width of strokes. A digit written large with a ball pen has strokes of a fraction of a
//! pixel at MNIST's size, where its own are two to three pixels wide.

use image::{ImageBuffer, Luma};

use super::{BOX, Ink, boxed};

/// Pixels of the work size for one of the result.
const FINE: u32 = 4;
/// The least width of a stroke in pixels of the result.
const MIN_WIDTH: f32 = 2.0;

/// Widens strokes that would be thinner than two pixels in the result.
pub(super) fn strengthen(digit: &Ink) -> Ink {
    let digit = boxed(digit, BOX * FINE);
    let missing = MIN_WIDTH * FINE as f32 - width(&digit);
    if missing <= 1.0 { digit } else { dilate(&digit, missing / 2.0) }
}

/// The mean width of the strokes: of a long one, the area is length × width and two of its pixels
/// in every row across are at its edges.
fn width(digit: &Ink) -> f32 {
    let strong =
        |x: u32, y: u32| digit.get_pixel_checked(x, y).is_some_and(|&Luma([value])| value >= 0.5);
    let (mut area, mut edge) = (0, 0);
    for (x, y) in (0..digit.height()).flat_map(|y| (0..digit.width()).map(move |x| (x, y))) {
        if strong(x, y) {
            area += 1;
            let inner = strong(x.wrapping_sub(1), y)
                && strong(x + 1, y)
                && strong(x, y.wrapping_sub(1))
                && strong(x, y + 1);
            edge += u32::from(!inner);
        }
    }
    // A stroke of one pixel is an edge altogether, and one of two as well.
    2.0 * area as f32 / edge.max(1) as f32
}

/// Each pixel becomes the strongest within `radius`; the picture grows by that on every side.
fn dilate(digit: &Ink, radius: f32) -> Ink {
    let reach = radius.floor() as i32;
    let disc: Vec<(i32, i32)> = (-reach..=reach)
        .flat_map(|y| (-reach..=reach).map(move |x| (x, y)))
        .filter(|&(x, y)| ((x * x + y * y) as f32) <= radius * radius)
        .collect();
    let margin = reach as u32;
    let (width, height) = (digit.width() + 2 * margin, digit.height() + 2 * margin);
    ImageBuffer::from_fn(width, height, |x, y| {
        let (x, y) = (x as i32 - reach, y as i32 - reach);
        let near = disc.iter().filter_map(|&(off_x, off_y)| {
            let (x, y) = (u32::try_from(x + off_x).ok()?, u32::try_from(y + off_y).ok()?);
            digit.get_pixel_checked(x, y).map(|&Luma([value])| value)
        });
        Luma([near.fold(0.0, f32::max)])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(thickness: u32) -> Ink {
        let ink = |x, _| Luma([if (20..20 + thickness).contains(&x) { 1.0 } else { 0.0 }]);
        Ink::from_fn(60, 80, ink)
    }

    #[test]
    fn thin_strokes_are_widened_and_thick_ones_are_not() {
        for thickness in [2, 3, 4, 8, 12] {
            let strong = strengthen(&bar(thickness));
            let row = strong.height() / 2;
            let ink: f32 = (0..strong.width()).map(|x| strong.get_pixel(x, row).0[0]).sum();
            assert!((6.0..=12.0).contains(&ink), "{thickness} became {ink}");
        }
        assert_eq!(strengthen(&bar(12)), bar(12));
    }
}
