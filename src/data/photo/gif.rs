//! The first image of a GIF file, as TensorFlow's `decode_gif` and `DecodeJpeg` draw it.
//!
//! The screen that the file announces does not count there: the canvas is as wide and as high as the
//! largest frame. It is black where the first frame leaves it free or is transparent, and cuts off
//! what of the frame reaches beyond it.

use std::io::Cursor;

use anyhow::{Context, Result, ensure};
use gif::{ColorOutput, DecodeOptions, Decoder, Frame};
use image::{Rgb, RgbImage};

use crate::data::formats::MAX_BYTES;

/// Decodes a file that begins like one.
///
/// # Errors
/// It has no whole first frame, or pixels of colours that its palette lacks; it would need more than
/// 512 MiB of memory, which is checked before any is allocated. The caller names the file.
pub(super) fn first_frame(bytes: &[u8]) -> Result<RgbImage> {
    let (width, height) = canvas(bytes)?;
    let needed = 4 * u64::from(width) * u64::from(height);
    ensure!(
        needed <= MAX_BYTES,
        "declares {width} × {height} pixels, which need more than {} MiB",
        MAX_BYTES >> 20
    );
    let no_picture = "is not a valid GIF file";
    let mut decoder = decoder(bytes, DecodeOptions::new())?;
    let frame = decoder.read_next_frame().context(no_picture)?.context(no_picture)?.clone();
    let palette = frame.palette.as_deref().or(decoder.global_palette());
    let mut picture = RgbImage::new(width, height);
    draw(&frame, palette.unwrap_or_default(), &mut picture)?;
    Ok(picture)
}

fn decoder(bytes: &[u8], mut options: DecodeOptions) -> Result<Decoder<Cursor<&[u8]>>> {
    options.set_color_output(ColorOutput::Indexed);
    options.read_info(Cursor::new(bytes)).context("is not a valid GIF file")
}

/// The sides of the largest frame. What is damaged after the first is not looked at.
fn canvas(bytes: &[u8]) -> Result<(u32, u32)> {
    let mut options = DecodeOptions::new();
    options.skip_frame_decoding(true);
    let mut decoder = decoder(bytes, options)?;
    let (mut width, mut height) = (0, 0);
    while let Ok(Some(frame)) = decoder.next_frame_info() {
        (width, height) = (width.max(frame.width), height.max(frame.height));
    }
    ensure!(width > 0 && height > 0, "is not a valid GIF file: it has no frame");
    Ok((width.into(), height.into()))
}

fn draw(frame: &Frame, palette: &[u8], picture: &mut RgbImage) -> Result<()> {
    let rows = frame.buffer.chunks(usize::from(frame.width).max(1));
    for (y, row) in (u32::from(frame.top)..picture.height()).zip(rows) {
        for (x, &index) in (u32::from(frame.left)..picture.width()).zip(row) {
            if frame.transparent == Some(index) {
                continue;
            }
            let colour = palette.chunks_exact(3).nth(index.into());
            let &[red, green, blue] = colour.unwrap_or_default() else {
                let n = palette.len() / 3;
                anyhow::bail!("is not a valid GIF file: it has colour {index} of a palette of {n}");
            };
            picture.put_pixel(x, y, Rgb([red, green, blue]));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Stream;

    const RED: [u8; 3] = [200, 0, 0];
    const GREEN: [u8; 3] = [0, 200, 0];
    const BLUE: [u8; 3] = [0, 0, 200];
    const BLACK: [u8; 3] = [0; 3];

    /// A frame at a place, of these colours of the palette.
    fn frame(
        place: [u16; 2],
        size: [u16; 2],
        pixels: &[u8],
        transparent: Option<u8>,
    ) -> Frame<'static> {
        let [left, top] = place;
        let buffer = pixels.to_vec().into();
        Frame {
            left,
            top,
            width: size[0],
            height: size[1],
            buffer,
            transparent,
            ..Frame::default()
        }
    }

    fn file([width, height]: [u16; 2], frames: &[Frame]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let palette = [RED, GREEN, BLUE].concat();
        let mut encoder = gif::Encoder::new(&mut bytes, width, height, &palette).unwrap();
        frames.iter().for_each(|frame| encoder.write_frame(frame).unwrap());
        drop(encoder);
        bytes
    }

    fn pixels(bytes: &[u8]) -> ([u32; 2], Vec<[u8; 3]>) {
        let picture = first_frame(bytes).unwrap();
        let (width, height) = picture.dimensions();
        ([width, height], picture.pixels().map(|pixel| pixel.0).collect())
    }

    /// What `tf.io.decode_gif(bytes)[0]` of TensorFlow 2.15.1 gives for such files.
    #[test]
    fn the_canvas_is_as_large_as_the_largest_frame() {
        let small = frame([1, 1], [2, 2], &[1; 4], None);
        assert_eq!(
            pixels(&file([5, 4], std::slice::from_ref(&small))),
            ([2, 2], vec![BLACK, BLACK, BLACK, GREEN])
        );
        let transparent = frame([0, 0], [3, 2], &[0, 1, 2, 1, 1, 0], Some(1));
        let want = vec![RED, BLACK, BLUE, BLACK, BLACK, RED];
        assert_eq!(pixels(&file([3, 2], &[transparent])), ([3, 2], want));
        let beyond = frame([1, 1], [3, 2], &[2; 6], None);
        let want = vec![BLACK, BLACK, BLACK, BLACK, BLUE, BLUE];
        assert_eq!(pixels(&file([3, 2], &[beyond])), ([3, 2], want));
        // A second frame is not drawn, but counts for the size.
        let wide = frame([0, 0], [3, 1], &[2; 3], None);
        let want = vec![BLACK, BLACK, BLACK, BLACK, GREEN, GREEN];
        assert_eq!(pixels(&file([5, 4], &[small, wide])), ([3, 2], want));
    }

    #[test]
    fn what_is_damaged_or_too_large_is_refused() {
        let error = |bytes: &[u8]| format!("{:#}", first_frame(bytes).unwrap_err());
        let whole = file([3, 2], &[frame([0, 0], [3, 2], &[0; 6], None)]);
        for cut in [3, 10, 25, whole.len() - 4] {
            let error = error(&whole[..cut]);
            assert!(error.starts_with("is not a valid GIF file"), "{cut}: {error}");
        }
        let few = Some(RED.to_vec());
        let odd = Frame { palette: few, ..frame([0, 0], [1, 1], &[3], None) };
        let odd = error(&file([1, 1], &[odd]));
        assert_eq!(odd, "is not a valid GIF file: it has colour 3 of a palette of 2");
        let mut large = whole;
        let at = large.windows(5).position(|of| of == [0x2c, 0, 0, 0, 0]).unwrap();
        large[at + 5..at + 9].fill(255);
        assert_eq!(error(&large), "declares 65535 × 65535 pixels, which need more than 512 MiB");
    }

    /// `TFM_FUZZ=100000` tries more of them.
    #[test]
    fn damaged_files_are_pictures_or_errors() {
        let n = std::env::var("TFM_FUZZ").map_or(2_000, |n| n.parse().unwrap());
        let transparent = frame([0, 0], [3, 2], &[0, 1, 2, 1, 1, 0], Some(1));
        let whole = file([5, 4], &[frame([1, 1], [2, 2], &[1; 4], None), transparent]);
        let mut read = 0;
        for step in 0..n {
            let random = &mut Stream::new(1, "mutations").at(step);
            let mut bytes = whole.clone();
            for _ in 0..1 + random.below(3) {
                let at = random.below(bytes.len() as u32) as usize;
                bytes[at] = random.below(256) as u8;
            }
            bytes.truncate(bytes.len() - random.below(4) as usize);
            match first_frame(&bytes) {
                Ok(_) => read += 1,
                Err(error) => {
                    let error = error.to_string();
                    let says = ["is not a valid GIF file", "declares "];
                    assert!(says.iter().any(|says| error.starts_with(says)), "{error}");
                }
            }
        }
        println!("{n} mutations, {read} are pictures");
        assert!((1..n).contains(&read));
    }
}
