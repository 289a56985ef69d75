//! Image files that the `image` crate decodes: whole ones, within memory.

use std::io::Cursor;

use anyhow::{Error, Result, anyhow, bail, ensure};
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits};

/// Bytes that an image has at most, as a file and in memory.
pub(super) const MAX_BYTES: u64 = 512 << 20;

/// Formats that are read.
pub(super) struct Formats {
    /// The formats.
    pub(super) all: &'static [ImageFormat],
    /// Their names for an error: `PNG or JPEG`.
    pub(super) names: &'static str,
}

impl Formats {
    /// Decodes an image file, and says how it wants to be turned; its first bytes tell the format.
    ///
    /// # Errors
    /// The file is of no such format, is damaged or truncated, or would need more than 512 MiB of
    /// memory, which is checked before any is allocated. The caller names the file.
    pub(super) fn decode(&self, bytes: &[u8]) -> Result<(DynamicImage, Orientation)> {
        let no_picture = |error| self.no_picture(error);
        let format = image::guess_format(bytes).map_err(no_picture)?;
        ensure!(
            self.all.contains(&format),
            "is not a valid {} file: it is {format:?}, which tfm cannot read; convert it",
            self.names
        );
        let reader = ImageReader::with_format(Cursor::new(bytes), format);
        let mut decoder = reader.into_decoder().map_err(no_picture)?;
        let (mut limits, (width, height)) = (Limits::default(), decoder.dimensions());
        limits.max_alloc = Some(MAX_BYTES);
        // A grey image becomes one of three colours.
        let needed = decoder.total_bytes().max(3 * u64::from(width) * u64::from(height));
        let too_large = limits.check_dimensions(width, height).and(limits.reserve(needed));
        ensure!(
            too_large.is_ok(),
            "declares {width} × {height} pixels, which need more than {} MiB",
            MAX_BYTES >> 20
        );
        // What the decoder allocates beside the image.
        decoder.set_limits(limits).map_err(no_picture)?;
        if format == ImageFormat::Jpeg
            && let Some(why) = jpeg_damage(bytes)
        {
            bail!("is not a valid {} file: {why}", self.names);
        }
        let orientation = orientation(&mut decoder);
        Ok((DynamicImage::from_decoder(decoder).map_err(no_picture)?, orientation))
    }

    /// An [`ImageError`] repeats its causes itself, so it has none beside its words.
    fn no_picture(&self, error: ImageError) -> Error {
        anyhow!("is not a valid {} file: {error}", self.names)
    }
}

/// How a JPEG file wants to be turned.
pub(super) fn jpeg_orientation(bytes: &[u8]) -> Orientation {
    let reader = ImageReader::with_format(Cursor::new(bytes), ImageFormat::Jpeg);
    reader.into_decoder().map_or(Orientation::NoTransforms, |mut of| orientation(&mut of))
}

/// An image whose orientation cannot be read is used as it is.
fn orientation(decoder: &mut impl ImageDecoder) -> Orientation {
    decoder.orientation().unwrap_or(Orientation::NoTransforms)
}

/// What the decoder does not notice in a JPEG file: it makes what is missing before the marker of the
/// end grey, and relies on the first component having as many samples as any other.
fn jpeg_damage(mut rest: &[u8]) -> Option<&'static str> {
    while let Some(at) = rest.iter().position(|&byte| byte == 0xff) {
        rest = &rest[at + 1..];
        rest = match *rest {
            [0xd9, ..] => return None,
            [0xc0..=0xc2, ref frame @ ..] if !has_usual_sampling(frame) => {
                return Some("a colour has more samples than its brightness");
            }
            // A byte of data, a fill byte, the start of the image, a restart: they have no length.
            [0x00 | 0x01 | 0xd0..=0xd8 | 0xff, ..] => rest,
            [_, high, low, ..] => {
                let length = usize::from(u16::from_be_bytes([high, low]));
                rest.get(1 + length..).unwrap_or_default()
            }
            _ => break,
        };
    }
    Some("its end is missing")
}

/// Whether no component of a frame has larger sampling factors than the first (T.81, B.2.2).
fn has_usual_sampling(frame: &[u8]) -> bool {
    let Some((&[_, _, _, _, _, _, _, n], components)) = frame.split_first_chunk() else {
        return false;
    };
    let factors = components.chunks_exact(3).take(n.into()).map(|of| [of[1] >> 4, of[1] & 15]);
    let first = factors.clone().next().unwrap_or_default();
    factors.into_iter().all(|[across, down]| across <= first[0] && down <= first[1])
}
