//! From a file to red, green and blue, the right side up.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use image::{DynamicImage, ImageFormat, RgbImage};

use crate::data::formats::{Formats, MAX_BYTES};

const PNG_AND_JPEG: Formats =
    Formats { all: &[ImageFormat::Png, ImageFormat::Jpeg], names: "PNG or JPEG" };

/// Reads a PNG or JPEG file; its first bytes tell the format, not its name. A photograph is turned
/// by its Exif orientation; transparent pixels are blended with white.
///
/// # Errors
/// The file is missing, cannot be read, is neither PNG nor JPEG, is damaged or truncated, or would
/// need more than 512 MiB of memory, which is checked before any is allocated. The caller names the
/// file.
pub(super) fn decode(path: &Path) -> Result<RgbImage> {
    let (mut picture, orientation) = PNG_AND_JPEG.decode(&bytes(path)?)?;
    picture.apply_orientation(orientation);
    Ok(if picture.color().has_alpha() { on_white(picture) } else { picture.into_rgb8() })
}

/// The bytes of a plain file. A pipe is refused, since it might never end.
pub(super) fn bytes(path: &Path) -> Result<Vec<u8>> {
    let cannot = "cannot be opened";
    let found = fs::metadata(path).context(cannot)?;
    if found.is_dir() {
        // One in a folder of images, which was not listed with it.
        fs::read_dir(path).context("cannot be listed")?;
    }
    ensure!(found.is_file(), "is not a file but a folder, a pipe, a socket or a device");
    let most = MAX_BYTES >> 20;
    ensure!(found.len() <= MAX_BYTES, "has {} bytes, more than {most} MiB", found.len());
    let mut bytes = Vec::new();
    File::open(path).and_then(|mut file| file.read_to_end(&mut bytes)).context(cannot)?;
    Ok(bytes)
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
    use tempfile::TempDir;

    use super::*;

    /// An image whose upper left quarter is red, as JPEG that says to be turned.
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
        // Where the red corner goes: 1 is as it is, 3 upside down, 6 turned to the right, 8 to the
        // left.
        for (orientation, size, corner) in [
            (1, (32, 16), (2, 2)),
            (3, (32, 16), (29, 13)),
            (6, (16, 32), (13, 2)),
            (8, (16, 32), (2, 29)),
        ] {
            // The name may be about the format.
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

    fn error_of(folder: &TempDir, bytes: &[u8]) -> String {
        let path = folder.path().join("a.jpg");
        fs::write(&path, bytes).unwrap();
        format!("{:#}", decode(&path).unwrap_err())
    }

    #[test]
    fn what_is_no_picture_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        for bytes in [&b""[..], b"hello, world", &jpeg(1)[..40]] {
            let error = error_of(&folder, bytes);
            assert!(error.starts_with("is not a valid PNG or JPEG file"), "{error}");
        }
        let error = format!("{:#}", decode(&folder.path().join("none.png")).unwrap_err());
        assert!(error.starts_with("cannot be opened"), "{error}");
        // The decoder of the crate would panic.
        let mut other = jpeg(1);
        let frame = other.windows(2).position(|of| of == [0xff, 0xc0]).unwrap();
        other[frame + 11] = 0x11;
        other[frame + 14] = 0x22;
        let error = error_of(&folder, &other);
        assert!(error.ends_with("a colour has more samples than its brightness"), "{error}");
        let error = decode(folder.path()).unwrap_err().to_string();
        assert!(error.starts_with("is not a file but a folder, a pipe"), "{error}");
    }

    #[test]
    fn a_picture_without_its_end_is_an_error_and_what_follows_the_end_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let whole = jpeg(1);
        // The Exif data hold a small image of their own, with an end.
        let comment =
            [&[0xff, 0xd8, 0xff, 0xfe, 0, 6, 0xff, 0xd8, 0xff, 0xd9], &whole[2..]].concat();
        let mut png = std::io::Cursor::new(Vec::new());
        RgbImage::new(30, 20).write_to(&mut png, ImageFormat::Png).unwrap();
        for whole in [&whole, &comment, png.get_ref()] {
            // The last chunk of a PNG file holds nothing.
            let ends = if whole[0] == 0xff { whole.len() - 1 } else { whole.len() - 16 };
            for cut in [whole.len() / 2, ends - 20, ends] {
                let error = error_of(&folder, &whole[..cut]);
                assert!(error.starts_with("is not a valid PNG or JPEG file"), "{cut}: {error}");
            }
            let path = folder.path().join("more");
            fs::write(&path, [&whole[..], b"more"].concat()).unwrap();
            decode(&path).unwrap();
        }
    }

    /// An image of 69 or a few hundred bytes that says to be large.
    #[test]
    fn what_announces_more_pixels_than_fit_is_refused_before_memory_is_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let mut png = std::io::Cursor::new(Vec::new());
        RgbaImage::new(1, 1).write_to(&mut png, ImageFormat::Png).unwrap();
        let mut png = png.into_inner();
        png[16..24].copy_from_slice(&[0, 3, 0x0d, 0x40, 0, 0, 0x9c, 0x40]);
        let mut crc = flate2::Crc::new();
        crc.update(&png[12..29]);
        png[29..33].copy_from_slice(&crc.sum().to_be_bytes());
        let error = error_of(&folder, &png);
        assert_eq!(error, "declares 200000 × 40000 pixels, which need more than 512 MiB");
        let mut jpeg = jpeg(1);
        let frame = jpeg.windows(2).position(|marker| marker == [0xff, 0xc0]).unwrap();
        jpeg[frame + 5..frame + 9].copy_from_slice(&[0xff, 0xdc, 0xff, 0xdc]);
        let error = error_of(&folder, &jpeg);
        assert_eq!(error, "declares 65500 × 65500 pixels, which need more than 512 MiB");
    }
}
