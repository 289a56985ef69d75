//! Images of users: files of any size, in the form that the networks are trained on or as they are,
//! and which files arguments name.

mod decode;
mod digit;
mod folder;
mod gif;
mod inputs;
mod rgb;

use std::path::Path;

use anyhow::Result;
use decode::decode;
use image::RgbImage;
use image::imageops::{self, FilterType};

use crate::data::augment::Shape;

pub use digit::{DIGIT_SIDE, digit};
pub use folder::{Folder, Unreadable, read_folder};
pub use inputs::{PictureFiles, is_picture, picture_files};
pub use rgb::{ReadOptions, read, rgb};

/// The width and height of a small image in pixels.
const SIDE: usize = 32;
/// The size of a small image of red, green and blue.
pub const SQUARE: Shape = Shape { height: SIDE, width: SIDE, depth: 3 };

/// Reads a PNG or JPEG file: its middle square in 32×32 pixels of red, green and blue.
///
/// # Errors
/// What is wrong with the file, without its name: it cannot be opened, or is not a valid image
/// file.
pub fn square(path: &Path) -> Result<Vec<u8>> {
    Ok(shrink(&decode(path)?).into_raw())
}

fn shrink(picture: &RgbImage) -> RgbImage {
    let (width, height) = picture.dimensions();
    let side = width.min(height);
    let (left, top) = ((width - side) / 2, (height - side) / 2);
    let middle = imageops::crop_imm(picture, left, top, side, side).to_image();
    let wanted = SIDE as u32;
    // The mean of whole blocks is fast, and four times the wanted size leaves the fine work to
    // the cubic filter.
    let coarse = 4 * wanted;
    let middle = if side > coarse { imageops::thumbnail(&middle, coarse, coarse) } else { middle };
    imageops::resize(&middle, wanted, wanted, FilterType::CatmullRom)
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;

    #[test]
    fn the_middle_square_is_kept() {
        for (width, height) in [(600, 300), (300, 601), (64, 32), (33, 90)] {
            let side = width.min(height);
            let (left, top) = ((width - side) / 2, (height - side) / 2);
            // The middle square is blue, with green in its right half; the rest is red.
            let colour = |x: u32, y: u32| {
                let inside = (left..left + side).contains(&x) && (top..top + side).contains(&y);
                let right = x >= left + side / 2;
                if inside { Rgb([0, if right { 255 } else { 0 }, 255]) } else { Rgb([255, 0, 0]) }
            };
            let small = shrink(&RgbImage::from_fn(width, height, colour));
            assert_eq!(small.dimensions(), (32, 32));
            for (x, y) in [(1, 1), (30, 1), (1, 30), (30, 30)] {
                let [red, green, blue] = small.get_pixel(x, y).0;
                assert!(red < 40 && blue > 200 && (green > 200) == (x > 15), "{x} {y}");
            }
        }
    }

    #[test]
    fn a_small_picture_stays_and_a_tiny_one_grows() {
        let picture = RgbImage::from_fn(32, 32, |x, y| Rgb([x as u8, y as u8, 7]));
        assert_eq!(shrink(&picture), picture);
        let dot = RgbImage::from_pixel(1, 1, Rgb([9, 8, 7]));
        assert!(shrink(&dot).pixels().all(|pixel| pixel.0 == [9, 8, 7]));
    }

    #[test]
    fn fine_patterns_become_their_mean() {
        let stripes = |x: u32, _| Rgb([if x.is_multiple_of(2) { 0 } else { 255 }; 3]);
        let small = shrink(&RgbImage::from_fn(512, 512, stripes));
        assert!(small.pixels().all(|pixel| pixel.0[0].abs_diff(127) < 3));
    }
}
