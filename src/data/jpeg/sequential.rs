//! Scans of whole blocks, as baseline images have them.

use super::bits::Bits;
use super::frame::{Coefficients, SIDE};
use super::huffman::Table;
use super::scan::{BlockPlace, Blocks};
use super::{Damage, ZIGZAG};

/// The tables of a component.
pub(super) struct SequentialTables {
    pub(super) dc: Table,
    pub(super) ac: Table,
}

/// Decodes blocks and hands each to `put`, with whether it is flat: has no AC coefficient.
pub(super) struct Sequential<P> {
    tables: Vec<SequentialTables>,
    /// The DC coefficient of the last block of each component.
    predictions: Vec<i32>,
    put: P,
}

impl<P: FnMut(BlockPlace, &Coefficients, bool)> Sequential<P> {
    /// For the components with these tables.
    pub(super) fn new(tables: Vec<SequentialTables>, put: P) -> Self {
        Self { predictions: vec![0; tables.len()], tables, put }
    }
}

impl<P: FnMut(BlockPlace, &Coefficients, bool)> Blocks for Sequential<P> {
    #[inline(always)]
    fn block(&mut self, bits: &mut Bits, place: BlockPlace) -> Result<(), Damage> {
        let tables = &self.tables[place.component];
        // A copy, which has its place in registers.
        let mut ahead = *bits;
        let mut block = [0; SIDE * SIDE];
        let dc = &mut self.predictions[place.component];
        *dc = dc.wrapping_add(tables.dc.symbol_and_value(&mut ahead)?.1);
        block[0] = *dc as i16;
        let (mut next, mut is_flat) = (1, true);
        while next < block.len() {
            let (symbol, value) = tables.ac.symbol_and_value(&mut ahead)?;
            let run = usize::from(symbol >> 4);
            if value == 0 {
                if run < 15 {
                    break;
                }
                next += 16;
                continue;
            }
            next += run;
            block[usize::from(ZIGZAG[next]) % block.len()] = value as i16;
            (next, is_flat) = (next + 1, false);
        }
        if next > block.len() {
            return Err(Damage::BLOCK_END);
        }
        *bits = ahead;
        (self.put)(place, &block, is_flat);
        Ok(())
    }

    fn restart(&mut self) {
        self.predictions.fill(0);
    }
}
