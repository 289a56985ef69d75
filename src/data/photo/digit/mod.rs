//! A photographed or scanned digit in the form of MNIST's (LeCun et al., "Gradient-Based Learning
//! Applied to Document Recognition", 1998, section III-A): light ink on black, boxed to 20×20 and
//! centred by its mass in 28×28.

mod background;

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

/// Ink by pixel, from 0 (none) to 1 (full).
type Ink = ImageBuffer<Luma<f32>, Vec<f32>>;

/// Reads a PNG or JPEG file of one digit, dark on light or light on dark: 28×28 bytes, row-major,
/// 0 where there is no ink.
///
/// # Errors
/// What is wrong with the file, without its name: it cannot be opened, is not a valid image file,
/// or nothing stands out in it.
pub fn digit(path: &Path) -> Result<Vec<u8>> {
    normalise(&decode(path)?)
}

fn normalise(picture: &RgbImage) -> Result<Vec<u8>> {
    let ink = background::ink(&grey(picture))?;
    let digit = cut_out(&ink);
    let digit = strengthen(&digit);
    Ok(centre(&boxed(&digit, BOX)))
}

/// The luminance, 0 to 255, of an image of moderate size.
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

/// Places the ink so that its centre of mass is the middle of the image, and turns it to bytes.
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

/// The value below which the `share` of all values is.
///
/// # Panics
/// When there are no values.
fn quantile(values: impl Iterator<Item = f32>, share: f64) -> f32 {
    let mut values: Vec<f32> = values.collect();
    let at = ((values.len() - 1) as f64 * share).round() as usize;
    *values.select_nth_unstable_by(at, f32::total_cmp).1
}

/// Finds fault with an image in which nothing stands out.
fn ensure_ink(contrast: f32, least: f32) -> Result<()> {
    ensure!(
        contrast >= least,
        "no digit stands out: the ink differs from the background by {contrast:.0} of 255, but at \
         least {least:.0} is needed; use an image with more contrast"
    );
    Ok(())
}

/// Ink of at least this strength belongs to a patch.
const STRONG: f32 = 0.4;
/// A patch of less than this share of the largest is a speck.
const SPECK: f64 = 0.1;

/// Connected pixels of strong ink.
struct Patch {
    pixels: Vec<(u32, u32)>,
    at_edge: bool,
}

/// The digit's ink in the smallest box that holds it.
///
/// Lines of the paper and dark corners touch the image's edge. So patches at the edge are dropped
/// if another patch is large enough to be a digit.
fn cut_out(ink: &Ink) -> Ink {
    let patches = patches(ink);
    let largest = |patches: &mut dyn Iterator<Item = &Patch>| {
        patches.map(|patch| patch.pixels.len()).max().unwrap_or(0)
    };
    let of_all = largest(&mut patches.iter());
    let of_inner = largest(&mut patches.iter().filter(|patch| !patch.at_edge));
    let only_inner = of_inner as f64 >= SPECK * of_all as f64;
    let least = SPECK * if only_inner { of_inner } else { of_all } as f64;
    let kept =
        |patch: &&Patch| patch.pixels.len() as f64 >= least && !(only_inner && patch.at_edge);

    let (width, height) = ink.dimensions();
    let mut digit = Ink::new(width, height);
    let (mut left, mut top, mut right, mut bottom) = (width, height, 0, 0);
    for &(x, y) in patches.iter().filter(kept).flat_map(|patch| &patch.pixels) {
        // The weak ink of a stroke's edge goes with it.
        for (x, y) in around((x, y), ink.dimensions()) {
            digit.put_pixel(x, y, *ink.get_pixel(x, y));
            (left, top) = (left.min(x), top.min(y));
            (right, bottom) = (right.max(x + 1), bottom.max(y + 1));
        }
    }
    // Without strong ink, all is kept.
    if right <= left {
        return ink.clone();
    }
    imageops::crop_imm(&digit, left, top, right - left, bottom - top).to_image()
}

fn patches(ink: &Ink) -> Vec<Patch> {
    let (width, height) = ink.dimensions();
    let mut open: Vec<bool> = ink.iter().map(|&value| value >= STRONG).collect();
    let at = |(x, y): (u32, u32)| (y * width + x) as usize;
    let mut patches = Vec::new();
    for seed in (0..height).flat_map(|y| (0..width).map(move |x| (x, y))) {
        if !std::mem::take(&mut open[at(seed)]) {
            continue;
        }
        let mut patch = Patch { pixels: vec![seed], at_edge: false };
        let mut next = 0;
        while let Some(&(x, y)) = patch.pixels.get(next) {
            patch.at_edge |= x == 0 || y == 0 || x + 1 == width || y + 1 == height;
            let beside = around((x, y), (width, height));
            patch.pixels.extend(beside.filter(|&pixel| std::mem::take(&mut open[at(pixel)])));
            next += 1;
        }
        patches.push(patch);
    }
    patches
}

/// A pixel and those that touch it, within an image of the given size.
fn around((x, y): (u32, u32), (width, height): (u32, u32)) -> impl Iterator<Item = (u32, u32)> {
    let rows = y.saturating_sub(1)..(y + 2).min(height);
    rows.flat_map(move |y| (x.saturating_sub(1)..(x + 2).min(width)).map(move |x| (x, y)))
}

/// Pixels of the work size for one of the result.
const FINE: u32 = 4;
/// The least width of a stroke in pixels of the result.
const MIN_WIDTH: f32 = 2.0;

/// Widens strokes that would be thinner than two pixels in the result.
fn strengthen(digit: &Ink) -> Ink {
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

/// Each pixel becomes the strongest within `radius`; the image grows by that on every side.
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
mod tests;
