//! JPEG images, bit for bit as TensorFlow's `decode_jpeg` reads them.
//!
//! TensorFlow reads them by libjpeg-turbo, where a graph does not say otherwise with the fast
//! inverse DCT, which no crate has: its pixels differ by up to 22 levels from those of the accurate
//! one, and the probabilities of a network by up to 0.08. Baseline and progressive images are read,
//! grey, in colour and in CMYK. Exif is not looked at, and what follows the end of the image is not
//! either.
//!
//! `stream` reads the segments of a file and `scan` says in which order blocks follow each other;
//! `sequential` and `progressive` decode them. From coefficients to pixels it goes by `idct`,
//! `upsample` and `colour`.

mod bits;
mod colour;
mod frame;
mod huffman;
mod idct;
mod picture;
mod progressive;
mod scan;
mod sequential;
mod stream;
#[cfg(test)]
mod tests;
mod upsample;

use std::error::Error;
use std::fmt;

use anyhow::{Result, anyhow, bail, ensure};

use stream::Stream;

/// For each coefficient in the order in which a file has them, its place in the block (T.81,
/// figure A.6). A run from the last one on may lead up to 15 further.
const ZIGZAG: [u8; 64 + 15] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20,
    13, 6, 7, 14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59,
    52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63,
    63, 63, 63, 63, 63,
];

/// Which inverse DCT makes the pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dct {
    /// The fast one in 16 bits, which TensorFlow takes where it is not told otherwise.
    #[default]
    Fast,
    /// The accurate one in 32 bits.
    Accurate,
}

/// How an image is decoded: the attributes of TensorFlow's `DecodeJpeg`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// 3 is red, green and blue; 1 is grey; 0 is grey where the image is, else 3.
    pub channels: usize,
    /// By what the image is made smaller while it is decoded. 1 alone is known.
    pub ratio: usize,
    /// Whether colours of fewer samples are brought to the image's size by a triangle filter, and
    /// not by repeating them.
    pub fancy_upscaling: bool,
    /// The inverse DCT.
    pub dct: Dct,
}

impl Default for Options {
    /// Those of TensorFlow.
    fn default() -> Self {
        Self { channels: 0, ratio: 1, fancy_upscaling: true, dct: Dct::Fast }
    }
}

/// A decoded image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bitmap {
    /// Pixels from left to right.
    pub width: usize,
    /// Pixels from top to bottom.
    pub height: usize,
    /// 1, which is grey, or 3: red, green and blue.
    pub channels: usize,
    /// The values (height, width, channels).
    pub pixels: Vec<u8>,
}

/// Decodes a JPEG file.
///
/// # Errors
/// The file is not a valid JPEG file up to its end marker; it is of a kind that is not supported;
/// it would need more than 512 MiB of memory, which is checked before any is allocated; the options
/// are not supported. The caller names the file.
pub fn decode(bytes: &[u8], options: Options) -> Result<Bitmap> {
    let ratio = options.ratio;
    ensure!(ratio == 1, "ratio = {ratio} is not 1: images are decoded only at their full size");
    let mut stream = Stream::new(bytes);
    let bitmap =
        stream.read(options).and_then(|picture| Ok(picture.into_bitmap(options.fancy_upscaling)?));
    bitmap.map_err(|error| match error.downcast::<Damage>() {
        Ok(Damage(what)) => anyhow!("is not a valid JPEG file: {what} (byte {})", stream.at()),
        Err(error) => error,
    })
}

/// The channels of an image for those that are asked for.
fn channels(wanted: usize, is_grey: bool) -> Result<usize> {
    match wanted {
        0 => Ok(if is_grey { 1 } else { 3 }),
        1 | 3 => Ok(wanted),
        _ => bail!("channels = {wanted} must be 0 (as in the file), 1 or 3"),
    }
}

/// What is wrong with a file, in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Damage(&'static str);

impl Damage {
    const CODE: Self = Self("its data has an invalid code");
    const BLOCK_END: Self = Self("a block has too many coefficients");
}

impl fmt::Display for Damage {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str(self.0)
    }
}

impl Error for Damage {}
