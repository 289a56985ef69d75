//! The pixels of the accurate inverse DCT, as the `image` crate has them.

use anyhow::{Result, ensure};
use image::{DynamicImage, ImageFormat};

use super::colour::luma;
use super::{Bitmap, Options};
use crate::data::formats::Formats;

const JPEG: Formats = Formats { all: &[ImageFormat::Jpeg], names: "JPEG" };

/// Decodes a file as [`super::decode`] says.
pub(super) fn decode(bytes: &[u8], options: Options) -> Result<Bitmap> {
    ensure!(
        options.fancy_upscaling,
        "fancy_upscaling = false is known to the fast inverse DCT alone"
    );
    let (picture, _) = JPEG.decode(bytes)?;
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let channels = super::channels(options.channels, !picture.color().has_color())?;
    let pixels = match (channels, picture) {
        (1, DynamicImage::ImageLuma8(grey)) => grey.into_raw(),
        (1, picture) => {
            picture.into_rgb8().pixels().map(|of| luma(of.0[0], of.0[1], of.0[2])).collect()
        }
        (_, picture) => picture.into_rgb8().into_raw(),
    };
    Ok(Bitmap { width, height, channels, pixels })
}
