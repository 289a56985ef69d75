//! Images of any format and size in red, green and blue, as TensorFlow's `DecodeJpeg` gives them.

use std::path::Path;

use anyhow::{Context, Result};
use image::{ColorType, DynamicImage, ImageFormat, RgbImage};

use super::decode::bytes;
use super::gif::first_frame;
use crate::data::formats::{Formats, jpeg_orientation};
use crate::data::jpeg::{self, Dct};

const ANY: Formats = Formats {
    all: &[
        ImageFormat::Png,
        ImageFormat::Jpeg,
        ImageFormat::Gif,
        ImageFormat::Bmp,
        ImageFormat::WebP,
    ],
    names: "PNG, JPEG, GIF, BMP or WebP",
};

/// How an image is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadOptions {
    /// The inverse DCT of a JPEG file.
    pub dct: Dct,
    /// Whether colours of fewer samples of a JPEG file are brought to its size by a triangle
    /// filter.
    pub fancy_upscaling: bool,
    /// Whether it is turned by its Exif orientation.
    pub upright: bool,
}

impl Default for ReadOptions {
    /// Those of TensorFlow, which does not look at Exif.
    fn default() -> Self {
        Self { dct: Dct::Fast, fancy_upscaling: true, upright: false }
    }
}

/// Reads an image file. The format is recognised by the first bytes, not by the name: JPEG, PNG,
/// BMP, WebP, or GIF, of which the first image is read.
///
/// As in TensorFlow what is transparent has the colour that the file hides there, and of 16 bits
/// the upper 8 are left.
///
/// # Errors
/// The file is missing, cannot be read, is not an image of these formats, is damaged or truncated,
/// or would need more than 512 MiB of memory. The caller names the file.
pub fn read(path: &Path, options: ReadOptions) -> Result<RgbImage> {
    rgb(&bytes(path)?, options)
}

/// Decodes the bytes of an image file as [`read`] does.
///
/// # Errors
/// As [`read`].
pub fn rgb(bytes: &[u8], options: ReadOptions) -> Result<RgbImage> {
    let (mut picture, orientation) = if bytes.starts_with(b"\xff\xd8\xff") {
        (
            DynamicImage::from(jpeg(bytes, options)?),
            options.upright.then(|| jpeg_orientation(bytes)),
        )
    } else if bytes.starts_with(b"GIF8") {
        (DynamicImage::from(first_frame(bytes)?), None)
    } else {
        let (picture, orientation) = ANY.decode(bytes)?;
        (DynamicImage::from(opaque(picture)), options.upright.then_some(orientation))
    };
    if let Some(orientation) = orientation {
        picture.apply_orientation(orientation);
    }
    Ok(picture.into_rgb8())
}

fn jpeg(bytes: &[u8], options: ReadOptions) -> Result<RgbImage> {
    let ReadOptions { dct, fancy_upscaling, .. } = options;
    let options = jpeg::Options { channels: 3, dct, fancy_upscaling, ..Default::default() };
    let made = jpeg::decode(bytes, options)?;
    // The frame of a JPEG file has sides of 16 bits.
    let [width, height] = [made.width, made.height].map(|side| side as u32);
    RgbImage::from_raw(width, height, made.pixels).context("has the wrong number of pixels")
}

fn opaque(picture: DynamicImage) -> RgbImage {
    match picture.color() {
        ColorType::L16 | ColorType::La16 | ColorType::Rgb16 | ColorType::Rgba16 => {
            let deep = picture.into_rgb16();
            RgbImage::from_fn(deep.width(), deep.height(), |x, y| {
                image::Rgb(deep.get_pixel(x, y).0.map(|value| (value >> 8) as u8))
            })
        }
        _ => picture.into_rgb8(),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use image::{ExtendedColorType, ImageEncoder, Rgb};

    use super::*;

    /// An image whose upper left quarter is red.
    fn picture() -> RgbImage {
        let corner = |x, y| if x < 16 && y < 8 { Rgb([255, 0, 0]) } else { Rgb([255; 3]) };
        RgbImage::from_fn(32, 16, corner)
    }

    fn written(format: ImageFormat) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        picture().write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    fn error(bytes: &[u8]) -> String {
        format!("{:#}", rgb(bytes, ReadOptions::default()).unwrap_err())
    }

    #[test]
    fn every_format_is_known_by_its_first_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("picture.txt");
        for &format in ANY.all {
            let bytes = written(format);
            std::fs::write(&path, &bytes).unwrap();
            let read = read(&path, ReadOptions::default()).unwrap();
            let close = |(one, other): (&u8, &u8)| one.abs_diff(*other) < 9;
            assert!(read.iter().zip(picture().iter()).all(close), "{format:?}");
            // Cut in its middle it is none.
            let error = error(&bytes[..bytes.len() / 2]);
            assert!(error.starts_with("is not a valid "), "{format:?}: {error}");
        }
    }

    #[test]
    fn what_is_no_picture_says_so() {
        for bytes in [&b""[..], b"hello, world", b"version https://git-lfs.github.com/spec/v1"] {
            let error = error(bytes);
            assert!(
                error.starts_with("is not a valid PNG, JPEG, GIF, BMP or WebP file: "),
                "{error}"
            );
        }
        let tiff = error(b"II*\0\x08\0\0\0");
        assert!(tiff.contains("it is Tiff, which tfm cannot read"), "{tiff}");
        let missing = read(Path::new("none.jpg"), ReadOptions::default()).unwrap_err();
        assert_eq!(missing.to_string(), "cannot be opened");
    }

    /// A GIF file whose screen has 65535 × 65535 pixels, which do not count, and one with an image
    /// of that size.
    #[test]
    fn what_announces_more_than_memory_is_refused() {
        let mut gif = written(ImageFormat::Gif);
        gif[6..10].fill(255);
        assert_eq!(rgb(&gif, ReadOptions::default()).unwrap().dimensions(), (32, 16));
        let frame = gif.windows(5).position(|of| of == [0x2c, 0, 0, 0, 0]).unwrap();
        gif[frame + 5..frame + 9].fill(255);
        assert_eq!(error(&gif), "declares 65535 × 65535 pixels, which need more than 512 MiB");
    }

    /// A PNG file of one row. The numbers below are those of TensorFlow 2.15.1,
    /// `tf.raw_ops.DecodeJpeg(contents=png, channels=3)`.
    fn png(kind: ExtendedColorType, width: u32, row: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let encoder = image::codecs::png::PngEncoder::new(&mut bytes);
        encoder.write_image(row, width, 1, kind).unwrap();
        rgb(&bytes, ReadOptions::default()).unwrap().into_raw()
    }

    #[test]
    fn transparency_and_lower_bits_are_left_out() {
        let rgba = [10, 20, 30, 0, 40, 50, 60, 128];
        assert_eq!(png(ExtendedColorType::Rgba8, 2, &rgba), [10, 20, 30, 40, 50, 60]);
        let native = |values: &[u16]| -> Vec<u8> {
            values.iter().flat_map(|value| value.to_ne_bytes()).collect()
        };
        let rgba = native(&[1000, 2000, 3000, 0, 40000, 50000, 60000, 65535]);
        assert_eq!(png(ExtendedColorType::Rgba16, 2, &rgba), [3, 7, 11, 156, 195, 234]);
        let grey = native(&[0, 127, 128, 255, 256, 383, 384, 65535]);
        let expected: Vec<u8> = [0, 0, 0, 0, 1, 1, 1, 255].iter().flat_map(|&of| [of; 3]).collect();
        assert_eq!(png(ExtendedColorType::L16, 8, &grey), expected);
    }

    #[test]
    fn pictures_are_turned_where_that_is_asked_for() {
        let mut bytes = Vec::new();
        let mut encoder = image::codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, 95);
        // A TIFF header and a directory of one entry: tag 0x112, a SHORT: turned to the right.
        let exif = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
        encoder.set_exif_metadata(exif.to_vec()).unwrap();
        encoder.write_image(&picture(), 32, 16, ExtendedColorType::Rgb8).unwrap();
        for (upright, size, corner) in [(false, (32, 16), (2, 2)), (true, (16, 32), (13, 2))] {
            for dct in [Dct::Fast, Dct::Accurate] {
                let options = ReadOptions { upright, dct, ..ReadOptions::default() };
                let picture = rgb(&bytes, options).unwrap();
                assert_eq!(picture.dimensions(), size);
                let [red, green, _] = picture.get_pixel(corner.0, corner.1).0;
                assert!(red > 200 && green < 80, "{options:?}");
            }
        }
    }
}
