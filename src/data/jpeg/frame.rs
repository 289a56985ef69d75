//! The image that a JPEG file announces: its size, its components, and the memory they need.

use anyhow::{Result, bail, ensure};

use super::Damage;
use crate::data::formats::MAX_BYTES;

/// The largest sampling factor.
const MAX_FACTOR: u8 = 4;
/// Rows, columns and values of a block.
pub(super) const SIDE: usize = 8;
/// The coefficients of a block, row by row.
pub(super) type Coefficients = [i16; SIDE * SIDE];

/// One colour of an image.
pub(super) struct Component {
    /// What the file calls it.
    pub(super) id: u8,
    /// The sampling factors: how many of its blocks an MCU (minimum coded unit) has side by side
    /// and one above the other.
    pub(super) horizontal: usize,
    pub(super) vertical: usize,
    /// The number of its quantisation table.
    pub(super) quantisation: usize,
    /// Its samples without those that fill up the last blocks.
    pub(super) width: usize,
    pub(super) height: usize,
    /// Its blocks with those that fill up the last MCUs.
    pub(super) blocks_wide: usize,
    pub(super) blocks_high: usize,
}

/// An image before it is decoded.
pub(super) struct Frame {
    pub(super) progressive: bool,
    pub(super) width: usize,
    pub(super) height: usize,
    /// One, three or four colours.
    pub(super) components: Vec<Component>,
    /// The largest sampling factors.
    pub(super) horizontal: usize,
    pub(super) vertical: usize,
}

impl Frame {
    /// Reads the segment of a frame, whose marker was `marker`.
    ///
    /// # Errors
    /// It is truncated or of a kind that is not supported.
    pub(super) fn read(marker: u8, segment: &[u8]) -> Result<Self> {
        let cut = Damage("the header of its frame is truncated");
        let Some((&[precision, high, low, left, right, n], rest)) = segment.split_first_chunk()
        else {
            bail!(cut)
        };
        ensure_kind(marker, precision)?;
        let height = usize::from(u16::from_be_bytes([high, low]));
        let width = usize::from(u16::from_be_bytes([left, right]));
        ensure!(width > 0 && height > 0, "declares {width} × {height} pixels: none");
        ensure!(
            matches!(n, 1 | 3 | 4),
            "has {n} components; supported are 1 (grey), 3 (colour) and 4 (CMYK)"
        );
        let list = rest.get(..usize::from(n) * 3).ok_or(cut)?;
        ensure!(
            list.chunks(3).all(|of| [of[1] >> 4, of[1] & 15]
                .iter()
                .all(|factor| (1..=MAX_FACTOR).contains(factor))
                && of[2] < 4),
            Damage("a component has a sampling factor or a table that is not allowed")
        );
        let factors = |shift: u8| list.chunks(3).map(move |of| usize::from(of[1] >> shift & 15));
        let horizontal = factors(4).max().unwrap_or(1);
        let vertical = factors(0).max().unwrap_or(1);
        let component = |of: &[u8]| {
            let (h, v) = (usize::from(of[1] >> 4), usize::from(of[1] & 15));
            Component {
                id: of[0],
                horizontal: h,
                vertical: v,
                quantisation: usize::from(of[2]),
                width: (width * h).div_ceil(horizontal),
                height: (height * v).div_ceil(vertical),
                blocks_wide: width.div_ceil(SIDE * horizontal) * h,
                blocks_high: height.div_ceil(SIDE * vertical) * v,
            }
        };
        let components: Vec<_> = list.chunks(3).map(component).collect();
        let is_whole =
            |of: &Component| horizontal % of.horizontal == 0 && vertical % of.vertical == 0;
        ensure!(
            components.iter().all(is_whole),
            "has components whose sizes are not whole fractions of each other, which is not \
             supported"
        );
        let progressive = marker == 0xc2;
        Ok(Self { progressive, width, height, components, horizontal, vertical })
    }

    /// # Errors
    /// The image would need more than 512 MiB, with its coefficients where they are `kept` until
    /// the last scan.
    pub(super) fn ensure_fits(&self, kept: bool, channels: usize) -> Result<()> {
        let blocks = |of: &Component| of.blocks_wide as u64 * of.blocks_high as u64;
        let blocks: u64 = self.components.iter().map(blocks).sum();
        let coefficients = if kept { blocks * (size_of::<Coefficients>() as u64 + 8) } else { 0 };
        let planes = blocks * (SIDE * SIDE) as u64;
        let pixels = self.width as u64 * self.height as u64 * channels as u64;
        ensure!(
            planes + coefficients.max(pixels) <= MAX_BYTES,
            "declares {} × {} pixels, which need more than {} MiB",
            self.width,
            self.height,
            MAX_BYTES >> 20
        );
        Ok(())
    }
}

/// # Errors
/// Images of the kind are not decoded.
fn ensure_kind(marker: u8, precision: u8) -> Result<()> {
    match marker {
        0xc0..=0xc2 => {}
        0xc9 | 0xca => bail!(
            "is a JPEG image with arithmetic coding, which is not supported; convert it, for \
             example with jpegtran without -arithmetic"
        ),
        _ => bail!(
            "is a lossless or hierarchical JPEG image, which is not supported; convert it to \
             baseline or progressive"
        ),
    }
    ensure!(
        precision == 8,
        "is a JPEG image with {precision} bits per sample, which is not supported; convert it to 8"
    );
    Ok(())
}
