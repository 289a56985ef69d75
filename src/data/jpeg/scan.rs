//! Scans: which blocks of which components follow each other in the data.

use anyhow::{Result, bail, ensure};

use super::Damage;
use super::bits::Bits;
use super::frame::{Frame, SIDE};

/// Blocks that an MCU (minimum coded unit) of interleaved data has at most (T.81, B.2.3).
const MAX_MCU_BLOCKS: usize = 10;

/// A component of a scan.
pub(super) struct ScanComponent {
    /// Its place in the frame.
    pub(super) index: usize,
    /// The numbers of its Huffman tables.
    pub(super) dc: usize,
    pub(super) ac: usize,
}

/// The header of a scan.
pub(super) struct Scan {
    pub(super) components: Vec<ScanComponent>,
    /// The first and the last of its coefficients, in the order of zigzag: Ss and Se.
    pub(super) first: usize,
    pub(super) last: usize,
    /// The bit at which their values ended so far, or 0, and the one at which they end now: Ah
    /// and Al.
    pub(super) high: u8,
    pub(super) low: u8,
}

impl Scan {
    /// Reads the header of a scan of `frame`.
    ///
    /// # Errors
    /// It is truncated, or names components, tables or coefficients that do not exist.
    pub(super) fn read(frame: &Frame, segment: &[u8]) -> Result<Self> {
        let cut = Damage("the header of a scan is truncated");
        let Some((&n, rest)) = segment.split_first() else { bail!(cut) };
        let n = usize::from(n);
        let Some((list, &[first, last, bits, ..])) = rest.split_at_checked(2 * n) else {
            bail!(cut)
        };
        let component = |of: &[u8]| {
            let index = frame.components.iter().position(|component| component.id == of[0]);
            let (dc, ac) = (usize::from(of[1] >> 4), usize::from(of[1] & 15));
            let index = index.filter(|_| dc < 4 && ac < 4)?;
            Some(ScanComponent { index, dc, ac })
        };
        let components: Option<Vec<_>> = list.chunks(2).map(component).collect();
        let unknown = Damage("a scan names a component or a table that does not exist");
        let Some(components) = components else { bail!(unknown) };
        let distinct = (1..n)
            .all(|at| components[..at].iter().all(|before| before.index != components[at].index));
        ensure!(distinct && n > 0, Damage("a scan has no component, or one twice"));
        let (first, last) = (usize::from(first), usize::from(last));
        let scan = Self { components, first, last, high: bits >> 4, low: bits & 15 };
        ensure!(
            n == 1 || scan.mcu_blocks(frame) <= MAX_MCU_BLOCKS,
            Damage("a scan has more than ten blocks per MCU")
        );
        ensure!(
            !frame.progressive || scan.is_progression(),
            Damage("a progressive scan has coefficients or bits that are not allowed")
        );
        // Sequential scans have all coefficients, whatever their header says: so does libjpeg.
        Ok(if frame.progressive {
            scan
        } else {
            Self { first: 0, last: 63, high: 0, low: 0, ..scan }
        })
    }

    fn mcu_blocks(&self, frame: &Frame) -> usize {
        let blocks = |of: &ScanComponent| {
            frame.components[of.index].horizontal * frame.components[of.index].vertical
        };
        self.components.iter().map(blocks).sum()
    }

    /// The rules of progressive scans (T.81, G.1.1.1).
    fn is_progression(&self) -> bool {
        let band = match self.first {
            0 => self.last == 0,
            first => first <= self.last && self.last < SIDE * SIDE && self.components.len() == 1,
        };
        band && self.low <= 13 && (self.high == 0 || self.high == self.low + 1)
    }
}

/// Where a block is: the component's place in the scan, and the block's column and row.
#[derive(Clone, Copy)]
pub(super) struct BlockPlace {
    pub(super) component: usize,
    pub(super) column: usize,
    pub(super) row: usize,
}

/// What decodes the blocks of a scan, one after the other.
pub(super) trait Blocks {
    /// Decodes a block.
    fn block(&mut self, bits: &mut Bits, place: BlockPlace) -> Result<(), Damage>;

    /// Forgets what the blocks so far have left for the next.
    fn restart(&mut self);
}

/// Decodes all blocks of a scan, with a restart after every `interval` MCUs; 0 is without.
pub(super) fn decode_blocks(
    frame: &Frame,
    scan: &Scan,
    interval: usize,
    bits: &mut Bits,
    blocks: &mut impl Blocks,
) -> Result<(), Damage> {
    let mcu = mcu(frame, scan);
    let (wide, high) = match &scan.components[..] {
        [one] => {
            let of = &frame.components[one.index];
            (of.width.div_ceil(SIDE), of.height.div_ceil(SIDE))
        }
        _ => (
            frame.width.div_ceil(SIDE * frame.horizontal),
            frame.height.div_ceil(SIDE * frame.vertical),
        ),
    };
    let places = (0..high).flat_map(|row| (0..wide).map(move |column| (column, row)));
    let (mut left, mut restarts) = (interval, 0);
    for (column, row) in places {
        if interval > 0 && left == 0 {
            bits.restart(restarts)?;
            blocks.restart();
            (left, restarts) = (interval, (restarts + 1) % 8);
        }
        left = left.wrapping_sub(1);
        for of in &mcu {
            let (column, row) = (column * of.wide + of.column, row * of.high + of.row);
            blocks.block(bits, BlockPlace { component: of.component, column, row })?;
        }
        bits.ensure_within()?;
    }
    Ok(())
}

/// A block of an MCU.
struct McuBlock {
    component: usize,
    /// Its place among those of its component.
    column: usize,
    row: usize,
    /// How many of them are side by side, and one above the other.
    wide: usize,
    high: usize,
}

/// The blocks of an MCU: one of a single component, else some of each.
fn mcu(frame: &Frame, scan: &Scan) -> Vec<McuBlock> {
    if scan.components.len() == 1 {
        return vec![McuBlock { component: 0, column: 0, row: 0, wide: 1, high: 1 }];
    }
    let blocks_of = |(component, of): (usize, &ScanComponent)| {
        let of = &frame.components[of.index];
        let (wide, high) = (of.horizontal, of.vertical);
        (0..wide * high).map(move |at| McuBlock {
            component,
            column: at % wide,
            row: at / wide,
            wide,
            high,
        })
    };
    scan.components.iter().enumerate().flat_map(blocks_of).collect()
}
