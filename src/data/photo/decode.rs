//! From a file to red, green and blue, the right side up.

use std::path::Path;

use anyhow::{Context, Error, Result, anyhow};
use image::{DynamicImage, ImageDecoder, ImageError, ImageReader, RgbImage};

/// Reads a PNG or JPEG file; what it is, its first bytes say and not its name. A photograph is
/// turned as its Exif orientation says, and what is transparent lies on white.
///
/// # Errors
/// The file cannot be read, is neither PNG nor JPEG, is damaged, or would need more than the
/// 512 MiB of memory that the `image` crate allows by default. The caller names the file.
pub(super) fn decode(path: &Path) -> Result<RgbImage> {
    let reader = ImageReader::open(path)
        .and_then(ImageReader::with_guessed_format)
        .context("cannot be opened")?;
    let mut decoder = reader.into_decoder().map_err(no_picture)?;
    // A picture whose orientation cannot be read is used as it lies.
    let orientation = decoder.orientation().ok();
    let mut picture = DynamicImage::from_decoder(decoder).map_err(no_picture)?;
    if let Some(orientation) = orientation {
        picture.apply_orientation(orientation);
    }
    Ok(if picture.color().has_alpha() { on_white(picture) } else { picture.into_rgb8() })
}

/// An [`ImageError`] repeats its causes itself, so it has none beside its words.
fn no_picture(error: ImageError) -> Error {
    anyhow!("is no whole PNG or JPEG picture: {error}")
}

fn on_white(picture: DynamicImage) -> RgbImage {
    let picture = picture.into_rgba8();
    RgbImage::from_fn(picture.width(), picture.height(), |x, y| {
        let [red, green, blue, alpha] = picture.get_pixel(x, y).0.map(u32::from);
        let blend = |value| ((value * alpha + 255 * (255 - alpha) + 127) / 255) as u8;
        image::Rgb([red, green, blue].map(blend))
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use image::{ExtendedColorType, ImageEncoder, Rgb, Rgba, RgbaImage};

    use super::*;

    /// A picture whose upper left quarter is red, as JPEG that says to be turned.
    fn jpeg(orientation: u8) -> Vec<u8> {
        let corner = |x, y| if x < 16 && y < 8 { Rgb([255, 0, 0]) } else { Rgb([255; 3]) };
        let picture = RgbImage::from_fn(32, 16, corner);
        let mut bytes = Vec::new();
        let mut encoder = image::codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, 95);
        // A TIFF header and a directory of one entry: tag 0x112, a SHORT.
        let mut exif = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec();
        exif.extend([orientation, 0, 0, 0, 0, 0, 0, 0]);
        encoder.set_exif_metadata(exif).unwrap();
        encoder.write_image(&picture, 32, 16, ExtendedColorType::Rgb8).unwrap();
        bytes
    }

    fn is_red(picture: &RgbImage, x: u32, y: u32) -> bool {
        let [red, green, _] = picture.get_pixel(x, y).0;
        red > 200 && green < 80
    }

    #[test]
    fn photographs_are_turned_as_they_say() {
        let folder = tempfile::tempdir().unwrap();
        // Where the red corner goes: 1 is as it lies, 3 upside down, 6 turned to the right, 8 to
        // the left.
        for (orientation, size, corner) in [
            (1, (32, 16), (2, 2)),
            (3, (32, 16), (29, 13)),
            (6, (16, 32), (13, 2)),
            (8, (16, 32), (2, 29)),
        ] {
            // The name may lie about the format.
            let path = folder.path().join("photo.png");
            fs::write(&path, jpeg(orientation)).unwrap();
            let picture = decode(&path).unwrap();
            assert_eq!(picture.dimensions(), size, "orientation {orientation}");
            assert!(is_red(&picture, corner.0, corner.1), "orientation {orientation}");
        }
    }

    #[test]
    fn what_is_transparent_lies_on_white() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.png");
        let alpha = |x, _| Rgba([0, 100, 200, [0, 255][x as usize]]);
        RgbaImage::from_fn(2, 1, alpha).save(&path).unwrap();
        assert_eq!(decode(&path).unwrap().into_raw(), [255, 255, 255, 0, 100, 200]);
    }

    #[test]
    fn what_is_no_picture_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jpg");
        let whole = jpeg(1);
        for bytes in [&b""[..], b"hello, world", &whole[..40], &whole[..whole.len() / 2]] {
            fs::write(&path, bytes).unwrap();
            let error = format!("{:#}", decode(&path).unwrap_err());
            assert!(error.starts_with("is no whole PNG or JPEG picture"), "{error}");
        }
        let error = format!("{:#}", decode(&folder.path().join("none.png")).unwrap_err());
        assert!(error.starts_with("cannot be opened"), "{error}");
    }
}
