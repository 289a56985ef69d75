//! Scans of a band of coefficients, or of one more bit of them (T.81, G.1.2).

use super::bits::Bits;
use super::frame::{Coefficients, Component, SIDE};
use super::huffman::Table;
use super::scan::{BlockPlace, Blocks, Scan};
use super::{Damage, ZIGZAG};

/// The coefficients of a component until the last scan.
pub(super) struct Stored {
    /// Those of one block after the other. Memory that is zero needs not be touched.
    values: Vec<i16>,
    /// For each block, which coefficients are not zero; their bits are in the order of zigzag.
    nonzero: Vec<u64>,
    blocks_wide: usize,
}

impl Stored {
    /// All of them zero.
    pub(super) fn new(component: &Component) -> Self {
        let n = component.blocks_wide * component.blocks_high;
        Self {
            values: vec![0; n * SIDE * SIDE],
            nonzero: vec![0; n],
            blocks_wide: component.blocks_wide,
        }
    }

    /// The blocks row by row.
    pub(super) fn rows(&self) -> impl Iterator<Item = &[Coefficients]> {
        self.values.as_chunks().0.chunks(self.blocks_wide)
    }

    /// A block, and which of its coefficients are not zero.
    pub(super) fn block(&mut self, place: BlockPlace) -> (&mut Coefficients, &mut u64) {
        let at = place.row * self.blocks_wide + place.column;
        (&mut self.values.as_chunks_mut().0[at], &mut self.nonzero[at])
    }
}

/// The first scan of the DC coefficients.
pub(super) struct DcFirst<'a> {
    stored: &'a mut [Stored],
    /// The components of the scan by their places in `stored`, with their tables.
    components: Vec<(usize, Table)>,
    /// The DC coefficient of the last block of each.
    predictions: Vec<i32>,
    /// The bit at which the values end.
    low: u8,
}

impl<'a> DcFirst<'a> {
    /// For `scan`, whose components have these tables.
    pub(super) fn new(scan: &Scan, stored: &'a mut [Stored], tables: Vec<Table>) -> Self {
        let components: Vec<_> = scan.components.iter().map(|of| of.index).zip(tables).collect();
        Self { stored, predictions: vec![0; components.len()], components, low: scan.low }
    }
}

impl Blocks for DcFirst<'_> {
    fn block(&mut self, bits: &mut Bits, place: BlockPlace) -> Result<(), Damage> {
        let (index, table) = &self.components[place.component];
        let dc = &mut self.predictions[place.component];
        *dc = dc.wrapping_add(table.symbol_and_value(bits)?.1);
        self.stored[*index].block(place).0[0] = (*dc << self.low) as i16;
        Ok(())
    }

    fn restart(&mut self) {
        self.predictions.fill(0);
    }
}

/// A further bit of the DC coefficients.
pub(super) struct DcRefinement<'a> {
    pub(super) stored: &'a mut [Stored],
    pub(super) scan: &'a Scan,
}

impl Blocks for DcRefinement<'_> {
    fn block(&mut self, bits: &mut Bits, place: BlockPlace) -> Result<(), Damage> {
        let index = self.scan.components[place.component].index;
        self.stored[index].block(place).0[0] |= i16::from(bits.bit()) << self.scan.low;
        Ok(())
    }

    fn restart(&mut self) {}
}

/// A band of AC coefficients of one component, or a further bit of them.
pub(super) struct AcBand<'a> {
    stored: &'a mut Stored,
    table: Table,
    first: usize,
    last: usize,
    /// The coefficients from the first to the last, as bits.
    band: u64,
    /// What a bit of this scan is worth.
    one: i16,
    is_first: bool,
    /// How many blocks from here on have no more codes in the band: `EOBRUN`.
    ended: u32,
}

impl<'a> AcBand<'a> {
    /// The band of `scan`.
    pub(super) fn new(scan: &Scan, stored: &'a mut Stored, table: Table) -> Self {
        let (first, last, one) = (scan.first, scan.last, 1 << scan.low);
        let band = (u64::MAX >> (63 - last)) & (u64::MAX << first);
        Self { stored, table, first, last, band, one, is_first: scan.high == 0, ended: 0 }
    }

    /// Sets the coefficient `at`, in the order of zigzag.
    fn set(&mut self, place: BlockPlace, at: usize, value: i16) -> Result<(), Damage> {
        if at > self.last {
            return Err(Damage::BLOCK_END);
        }
        let (block, nonzero) = self.stored.block(place);
        block[natural(at)] = value;
        *nonzero = *nonzero & !(1 << at) | u64::from(value != 0) << at;
        Ok(())
    }

    /// Reads how many blocks have no more codes: this one and those that follow.
    fn read_ended(&mut self, run: u32, bits: &mut Bits) {
        bits.refill();
        self.ended = (1 << run) + bits.take(run);
    }

    fn first_values(&mut self, bits: &mut Bits, place: BlockPlace) -> Result<(), Damage> {
        if self.ended > 0 {
            self.ended -= 1;
            return Ok(());
        }
        let mut next = self.first;
        while next <= self.last {
            let (symbol, value) = self.table.symbol_and_value(bits)?;
            let run = usize::from(symbol >> 4);
            if value == 0 {
                if run < 15 {
                    self.read_ended(run as u32, bits);
                    self.ended -= 1;
                    break;
                }
                next += 16;
                continue;
            }
            next += run;
            self.set(place, next, (value as i16).wrapping_mul(self.one))?;
            next += 1;
        }
        Ok(())
    }

    fn further_bits(&mut self, bits: &mut Bits, place: BlockPlace) -> Result<(), Damage> {
        let mut next = self.first;
        while self.ended == 0 && next <= self.last {
            let symbol = self.table.symbol(bits)?;
            let (run, size) = (symbol >> 4, symbol & 15);
            let value = match (size, run) {
                (0, 15) => 0,
                (0, _) => {
                    self.read_ended(u32::from(run), bits);
                    break;
                }
                (1, _) if bits.bit() => self.one,
                (1, _) => -self.one,
                _ => return Err(Damage::CODE),
            };
            let (block, nonzero) = self.stored.block(place);
            next = refine_beyond(bits, block, *nonzero, next..=self.last, run, self.one);
            if value != 0 {
                self.set(place, next, value)?;
            }
            next += 1;
        }
        if self.ended > 0 {
            let (block, nonzero) = self.stored.block(place);
            let mut left = *nonzero & self.band & (u64::MAX << next);
            while left != 0 {
                refine(bits, &mut block[natural(left.trailing_zeros() as usize)], self.one);
                left &= left - 1;
            }
            self.ended -= 1;
        }
        Ok(())
    }
}

impl Blocks for AcBand<'_> {
    fn block(&mut self, bits: &mut Bits, place: BlockPlace) -> Result<(), Damage> {
        if self.is_first { self.first_values(bits, place) } else { self.further_bits(bits, place) }
    }

    fn restart(&mut self) {
        self.ended = 0;
    }
}

/// Reads the bits of coefficients that are not zero, and passes over `run` that are; gives the
/// place of the next that is zero, or the one after the band.
fn refine_beyond(
    bits: &mut Bits,
    block: &mut Coefficients,
    nonzero: u64,
    band: std::ops::RangeInclusive<usize>,
    run: u8,
    one: i16,
) -> usize {
    let end = band.end() + 1;
    let mut left = run;
    for at in band {
        if nonzero >> at & 1 == 1 {
            refine(bits, &mut block[natural(at)], one);
        } else if left == 0 {
            return at;
        } else {
            left -= 1;
        }
    }
    end
}

/// Reads a further bit of a coefficient that is not zero.
fn refine(bits: &mut Bits, value: &mut i16, one: i16) {
    // A bit that is set already stays, as in libjpeg.
    if bits.bit() && *value & one == 0 {
        *value = value.wrapping_add(if *value > 0 { one } else { -one });
    }
}

/// The place of the coefficient `at` of the order of zigzag.
fn natural(at: usize) -> usize {
    usize::from(ZIGZAG[at])
}
