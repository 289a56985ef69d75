//! A photographed or scanned digit in the form of MNIST's (LeCun et al., "Gradient-Based Learning
//! Applied to Document Recognition", 1998, section III-A): light ink on black, boxed to 20×20 and
//! centred by its mass in 28×28.

mod background;
mod ink;
mod strokes;

use std::path::Path;

use anyhow::{Result, ensure};
use image::imageops::{self, FilterType};
use image::{ImageBuffer, Luma, RgbImage};

use super::decode::decode;

/// The width and height of a digit in pixels.
pub const DIGIT_SIDE: usize = 28;
/// The longer side of its ink.
const BOX: u32 = 20;
/// Larger photographs are shrunk to this first, which takes their noise away.
const WORK_SIDE: u32 = 400;

/// Ink by pixel: 0 is none, 1 is full.
type Ink = ImageBuffer<Luma<f32>, Vec<f32>>;

/// Reads a PNG or JPEG file of one digit, dark on light or light on dark: 28×28 bytes, row-major,
/// 0 where there is no ink.
///
/// # Errors
/// What is wrong with the file, without its name: it cannot be opened, is no whole picture, or
/// nothing stands out in it.
pub fn digit(path: &Path) -> Result<Vec<u8>> {
    normalise(&decode(path)?)
}

fn normalise(picture: &RgbImage) -> Result<Vec<u8>> {
    let ink = background::ink(&grey(picture))?;
    let digit = ink::cut_out(&ink);
    let digit = strokes::strengthen(&digit);
    Ok(centre(&boxed(&digit, BOX)))
}

/// The luminance, 0 to 255, of a picture of moderate size.
fn grey(picture: &RgbImage) -> Ink {
    let longest = picture.width().max(picture.height());
    let shrunk =
        |side: u32| (u64::from(side) * u64::from(WORK_SIDE) / u64::from(longest)).max(1) as u32;
    let picture = if longest > WORK_SIDE {
        &imageops::thumbnail(picture, shrunk(picture.width()), shrunk(picture.height()))
    } else {
        picture
    };
    // The weights of ITU-R BT.601, as JPEG's own luminance.
    let luma = |[red, green, blue]: [u8; 3]| {
        0.299 * f32::from(red) + 0.587 * f32::from(green) + 0.114 * f32::from(blue)
    };
    Ink::from_fn(picture.width(), picture.height(), |x, y| Luma([luma(picture.get_pixel(x, y).0)]))
}

/// Scales so that the longer side is `side`.
fn boxed(ink: &Ink, side: u32) -> Ink {
    let longest = ink.width().max(ink.height());
    let scaled = |length: u32| ((length * side + longest / 2) / longest).max(1);
    imageops::resize(ink, scaled(ink.width()), scaled(ink.height()), FilterType::Triangle)
}

/// Places the ink so that its centre of mass is the middle of the picture, and turns it to bytes.
fn centre(ink: &Ink) -> Vec<u8> {
    let most = ink.iter().copied().fold(f32::MIN_POSITIVE, f32::max);
    let (mut mass, mut x_mass, mut y_mass) = (0.0, 0.0, 0.0);
    for (x, y, &Luma([value])) in ink.enumerate_pixels() {
        mass += value;
        x_mass += value * (x as f32 + 0.5);
        y_mass += value * (y as f32 + 0.5);
    }
    let start = |moment: f32, length: u32| {
        let off = (DIGIT_SIDE as f32 / 2.0 - moment / mass.max(f32::MIN_POSITIVE)).round();
        off.clamp(0.0, (DIGIT_SIDE - length as usize) as f32) as usize
    };
    let (left, top) = (start(x_mass, ink.width()), start(y_mass, ink.height()));
    let mut pixels = vec![0; DIGIT_SIDE * DIGIT_SIDE];
    for (x, y, &Luma([value])) in ink.enumerate_pixels() {
        pixels[(top + y as usize) * DIGIT_SIDE + left + x as usize] =
            (value / most * 255.0).round() as u8;
    }
    pixels
}

/// The value below which the `share` of all values lies.
///
/// # Panics
/// When there are no values.
fn quantile(values: impl Iterator<Item = f32>, share: f64) -> f32 {
    let mut values: Vec<f32> = values.collect();
    let at = ((values.len() - 1) as f64 * share).round() as usize;
    *values.select_nth_unstable_by(at, f32::total_cmp).1
}

/// Finds fault with a picture in which nothing stands out.
fn ensure_ink(contrast: f32, least: f32) -> Result<()> {
    ensure!(
        contrast >= least,
        "no digit stands out: the ink differs from the background by {contrast:.0} of 255 where at \
         least {least:.0} are needed; take a picture with more contrast"
    );
    Ok(())
}

#[cfg(test)]
mod tests;
