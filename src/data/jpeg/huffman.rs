//! Huffman codes of values, decoded by tables.

use super::Damage;
use super::bits::Bits;

/// Codes of up to this many bits are found by one table lookup, usually with their value.
const LOOKAHEAD_BITS: u32 = 10;
/// The longest code in bits.
const MAX_BITS: usize = 16;

/// How many symbols have each length, and the symbols.
type Printed = (&'static [u8; MAX_BITS], &'static [u8]);

/// Table K.3 of T.81: DC coefficients of brightness.
const LUMINANCE_DC: Printed =
    (&[0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0], &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
/// Table K.4: of colours.
const CHROMINANCE_DC: Printed =
    (&[0, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0], &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
/// Table K.5: AC coefficients of brightness.
const LUMINANCE_AC: Printed = (
    &[0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 125],
    &[
        1, 2, 3, 0, 4, 17, 5, 18, 33, 49, 65, 6, 19, 81, 97, 7, 34, 113, 20, 50, 129, 145, 161, 8,
        35, 66, 177, 193, 21, 82, 209, 240, 36, 51, 98, 114, 130, 9, 10, 22, 23, 24, 25, 26, 37,
        38, 39, 40, 41, 42, 52, 53, 54, 55, 56, 57, 58, 67, 68, 69, 70, 71, 72, 73, 74, 83, 84, 85,
        86, 87, 88, 89, 90, 99, 100, 101, 102, 103, 104, 105, 106, 115, 116, 117, 118, 119, 120,
        121, 122, 131, 132, 133, 134, 135, 136, 137, 138, 146, 147, 148, 149, 150, 151, 152, 153,
        154, 162, 163, 164, 165, 166, 167, 168, 169, 170, 178, 179, 180, 181, 182, 183, 184, 185,
        186, 194, 195, 196, 197, 198, 199, 200, 201, 202, 210, 211, 212, 213, 214, 215, 216, 217,
        218, 225, 226, 227, 228, 229, 230, 231, 232, 233, 234, 241, 242, 243, 244, 245, 246, 247,
        248, 249, 250,
    ],
);
/// Table K.6: of colours.
const CHROMINANCE_AC: Printed = (
    &[0, 2, 1, 2, 4, 4, 3, 4, 7, 5, 4, 4, 0, 1, 2, 119],
    &[
        0, 1, 2, 3, 17, 4, 5, 33, 49, 6, 18, 65, 81, 7, 97, 113, 19, 34, 50, 129, 8, 20, 66, 145,
        161, 177, 193, 9, 35, 51, 82, 240, 21, 98, 114, 209, 10, 22, 36, 52, 225, 37, 241, 23, 24,
        25, 26, 38, 39, 40, 41, 42, 53, 54, 55, 56, 57, 58, 67, 68, 69, 70, 71, 72, 73, 74, 83, 84,
        85, 86, 87, 88, 89, 90, 99, 100, 101, 102, 103, 104, 105, 106, 115, 116, 117, 118, 119,
        120, 121, 122, 130, 131, 132, 133, 134, 135, 136, 137, 138, 146, 147, 148, 149, 150, 151,
        152, 153, 154, 162, 163, 164, 165, 166, 167, 168, 169, 170, 178, 179, 180, 181, 182, 183,
        184, 185, 186, 194, 195, 196, 197, 198, 199, 200, 201, 202, 210, 211, 212, 213, 214, 215,
        216, 217, 218, 226, 227, 228, 229, 230, 231, 232, 233, 234, 242, 243, 244, 245, 246, 247,
        248, 249, 250,
    ],
);

/// A code as the file gives it: how many symbols have each length, and the symbols.
#[derive(Clone)]
pub(super) struct Code {
    counts: [u8; MAX_BITS],
    symbols: Vec<u8>,
}

impl Code {
    /// Takes a code from the front of `bytes`.
    pub(super) fn take(bytes: &mut &[u8]) -> Result<Self, Damage> {
        let cut = Damage("a Huffman table is truncated");
        let (&counts, rest) = bytes.split_first_chunk::<MAX_BITS>().ok_or(cut)?;
        let n = counts.iter().map(|&count| usize::from(count)).sum();
        if n > 256 {
            return Err(Damage("a Huffman table has more than 256 symbols"));
        }
        let (symbols, rest) = rest.split_at_checked(n).ok_or(cut)?;
        *bytes = rest;
        Ok(Self { counts, symbols: symbols.to_vec() })
    }

    /// The code of DC coefficients that T.81 prints under this number.
    pub(super) fn printed_dc(number: usize) -> Option<Self> {
        [LUMINANCE_DC, CHROMINANCE_DC].get(number).copied().map(Self::printed)
    }

    /// The same of AC coefficients.
    pub(super) fn printed_ac(number: usize) -> Option<Self> {
        [LUMINANCE_AC, CHROMINANCE_AC].get(number).copied().map(Self::printed)
    }

    fn printed((counts, symbols): Printed) -> Self {
        Self { counts: *counts, symbols: symbols.to_vec() }
    }

    /// The tables to decode it by.
    ///
    /// # Errors
    /// There are more codes of a length than it has bits for. One of ones alone is not allowed.
    pub(super) fn table(&self) -> Result<Table, Damage> {
        let mut table = Table {
            entries: [0; 1 << LOOKAHEAD_BITS],
            ends: [0; MAX_BITS + 1],
            offsets: [0; MAX_BITS + 1],
            symbols: [0; 256],
        };
        table.symbols[..self.symbols.len()].copy_from_slice(&self.symbols);
        let (mut code, mut place) = (0_usize, 0);
        for (length, &count) in (1..).zip(&self.counts) {
            table.offsets[length] = place as i32 - code as i32;
            for _ in 0..count {
                table.enter(code, length as u32, self.symbols[place]);
                (code, place) = (code + 1, place + 1);
            }
            if count > 0 && code >= 1 << length {
                return Err(Damage("a Huffman table has more codes than their bits allow"));
            }
            table.ends[length] = (code << (MAX_BITS - length)) as u32;
            code <<= 1;
        }
        Ok(table)
    }

    /// Whether all symbols can be sizes of a DC coefficient's difference.
    pub(super) fn is_of_sizes(&self) -> bool {
        self.symbols.iter().all(|&symbol| symbol < 16)
    }
}

/// Finds symbols by the bits in front.
pub(super) struct Table {
    /// By the next bits: the number of bits that are used up (five bits, 0 where the code is
    /// longer), whether the value is among them ([`WITH_VALUE`]), the symbol (bits 8 to 15), and
    /// the value (bits 16 to 31).
    entries: [u32; 1 << LOOKAHEAD_BITS],
    /// For each length the first 16 bits after its codes.
    ends: [u32; MAX_BITS + 1],
    /// For each length what makes a place in `symbols` of a code.
    offsets: [i32; MAX_BITS + 1],
    symbols: [u8; 256],
}

const LENGTH: u32 = 31;
const WITH_VALUE: u32 = 128;

impl Table {
    /// Enters a code in all places that begin with it, with its value where that is there too.
    fn enter(&mut self, code: usize, length: u32, symbol: u8) {
        if length > LOOKAHEAD_BITS || code >= 1 << length {
            return;
        }
        let (left, size) = (LOOKAHEAD_BITS - length, u32::from(symbol & 15));
        for after in 0..1_usize << left {
            let mut entry = u32::from(symbol) << 8 | length;
            if size <= left {
                let value = Bits::of(after as u64, left.max(1)).signed(size) as u16;
                entry = u32::from(value) << 16 | u32::from(symbol) << 8 | WITH_VALUE;
                entry |= length + size;
            }
            self.entries[code << left | after] = entry;
        }
    }

    /// The next symbol. Its low four bits are the size of a value, which is the next too.
    #[inline(always)]
    pub(super) fn symbol_and_value(&self, bits: &mut Bits) -> Result<(u8, i32), Damage> {
        bits.refill();
        let entry = self.entries[bits.peek(LOOKAHEAD_BITS)];
        if entry & WITH_VALUE != 0 {
            bits.skip(entry & LENGTH);
            return Ok(((entry >> 8) as u8, entry as i32 >> 16));
        }
        let symbol = self.find(bits, entry)?;
        Ok((symbol, bits.signed(u32::from(symbol & 15))))
    }

    /// The next symbol alone.
    #[inline(always)]
    pub(super) fn symbol(&self, bits: &mut Bits) -> Result<u8, Damage> {
        bits.refill();
        let entry = self.entries[bits.peek(LOOKAHEAD_BITS)];
        if entry & WITH_VALUE != 0 {
            let symbol = (entry >> 8) as u8;
            bits.skip((entry & LENGTH) - u32::from(symbol & 15));
            return Ok(symbol);
        }
        self.find(bits, entry)
    }

    #[inline(always)]
    fn find(&self, bits: &mut Bits, entry: u32) -> Result<u8, Damage> {
        if entry != 0 {
            bits.skip(entry & LENGTH);
            return Ok((entry >> 8) as u8);
        }
        let (symbol, length) = self.long(bits.peek(MAX_BITS as u32)).ok_or(Damage::CODE)?;
        bits.skip(length);
        Ok(symbol)
    }

    /// The symbol of the code of more than [`LOOKAHEAD_BITS`] that begins 16 bits, and its length.
    #[inline(never)]
    fn long(&self, next: usize) -> Option<(u8, u32)> {
        let is_within = |length: &usize| next < self.ends[*length] as usize;
        let length = (LOOKAHEAD_BITS as usize + 1..=MAX_BITS).find(is_within)?;
        let place = (next >> (MAX_BITS - length)) as i32 + self.offsets[length];
        Some((*self.symbols.get(place as usize)?, length as u32))
    }
}
