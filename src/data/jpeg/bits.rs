//! The bits of entropy-coded data.

use super::Damage;

/// Reads bits, the highest of each byte first, up to the next marker. What is asked for beyond it
/// is zero, and counted.
#[derive(Clone, Copy)]
pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
    /// The next bits, from the highest on; below them are zeros.
    buffer: u64,
    /// How many bits of `buffer` are filled, those beyond the marker among them.
    filled: u32,
    /// How many of the bits that were put into `buffer` are beyond the marker.
    beyond: u32,
    /// Whether `at` is a marker or the end of the file.
    is_at_marker: bool,
}

impl<'a> Bits<'a> {
    /// The bits of `bytes` starting at the byte `at`.
    pub(super) fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at, buffer: 0, filled: 0, beyond: 0, is_at_marker: false }
    }

    /// The lowest `n` bits of a number, 1 to 64.
    pub(super) fn of(number: u64, n: u32) -> Self {
        Self { buffer: number << (64 - n), filled: n, ..Self::new(&[], 0) }
    }

    /// The byte that is read next; a marker, once all bits before it have been taken.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// Makes sure of 32 bits: a code and its value are no longer.
    #[inline(always)]
    pub(super) fn refill(&mut self) {
        if self.filled >= 32 {
            return;
        }
        if let Some(&next) = self.bytes.get(self.at..).and_then(|rest| rest.first_chunk::<4>()) {
            let word = u32::from_be_bytes(next);
            // Whether no byte is 0xff, which would be the beginning of a marker.
            if (!word).wrapping_sub(0x0101_0101) & word & 0x8080_8080 == 0 {
                self.buffer |= u64::from(word) << (32 - self.filled);
                self.filled += 32;
                self.at += 4;
                return;
            }
        }
        *self = self.refilled_by_bytes();
    }

    /// By value, so that the bits stay in registers elsewhere.
    #[cold]
    #[inline(never)]
    fn refilled_by_bytes(mut self) -> Self {
        while self.filled <= 56 {
            let byte = self.next_byte().unwrap_or_else(|| {
                self.beyond = self.beyond.saturating_add(8);
                0
            });
            self.buffer |= u64::from(byte) << (56 - self.filled);
            self.filled += 8;
        }
        self
    }

    /// The next byte before a marker. A byte 0xff is followed by a zero, and others may fill up.
    fn next_byte(&mut self) -> Option<u8> {
        if self.is_at_marker {
            return None;
        }
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        if let [byte @ ..=0xfe, ..] = *rest {
            self.at += 1;
            return Some(byte);
        }
        let fill = rest.iter().take_while(|&&byte| byte == 0xff).count();
        self.is_at_marker = fill == 0 || rest.get(fill) != Some(&0);
        if self.is_at_marker {
            return None;
        }
        self.at += fill + 1;
        Some(0xff)
    }

    /// The next `n` bits, 1 to 16, which stay.
    #[inline(always)]
    pub(super) fn peek(&self, n: u32) -> usize {
        (self.buffer >> (64 - n)) as usize
    }

    /// Passes over `n` bits that are there.
    #[inline(always)]
    pub(super) fn skip(&mut self, n: u32) {
        self.buffer <<= n;
        self.filled -= n;
    }

    /// The number of `n` bits, 0 to 16, that are there.
    #[inline(always)]
    pub(super) fn take(&mut self, n: u32) -> u32 {
        let value = (self.buffer >> 32 >> (32 - n)) as u32;
        self.skip(n);
        value
    }

    /// One bit, after a refill.
    #[inline(always)]
    pub(super) fn bit(&mut self) -> bool {
        self.refill();
        self.take(1) == 1
    }

    /// A value of `n` bits, 0 to 15, that are there: those that begin with 0 are negative (T.81,
    /// F.2.2.1).
    #[inline(always)]
    pub(super) fn signed(&mut self, n: u32) -> i32 {
        let is_positive = (self.buffer as i64) >> 63;
        let least = !(is_positive as i32) & ((-1 << n) + 1);
        self.take(n) as i32 + least
    }

    /// # Errors
    /// Bits beyond the marker have been taken.
    #[inline(always)]
    pub(super) fn ensure_within(&self) -> Result<(), Damage> {
        if self.filled < self.beyond { Err(Damage("its data ends early")) } else { Ok(()) }
    }

    /// Continues after the marker of the restart `number`, 0 to 7. What is left before it is passed
    /// over, as libjpeg does.
    pub(super) fn restart(&mut self, number: u8) -> Result<(), Damage> {
        while self.next_byte().is_some() {}
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let fill = rest.iter().take_while(|&&byte| byte == 0xff).count();
        if rest.get(fill) != Some(&(0xd0 + number)) {
            return Err(Damage("a restart marker is missing"));
        }
        *self = Self::new(self.bytes, self.at + fill + 1);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_come_from_the_highest_on_and_end_at_a_marker() {
        let mut bits = Bits::new(&[0x01, 0b1010_0110, 0xff, 0x00, 0x0f, 0xff, 0xd9], 1);
        bits.refill();
        assert_eq!((bits.take(1), bits.take(3), bits.peek(4)), (1, 0b010, 0b0110));
        assert_eq!((bits.take(4), bits.take(8), bits.take(0)), (0b0110, 0xff, 0));
        bits.refill();
        assert_eq!((bits.take(8), bits.ensure_within().is_ok()), (0x0f, true));
        bits.refill();
        assert_eq!((bits.take(1), bits.at()), (0, 5));
        assert!(bits.ensure_within().is_err());
    }

    #[test]
    fn values_have_the_sign_of_their_first_bit() {
        let mut bits = Bits::new(&[0b1011_0011, 0b0100_0000, 0, 0], 0);
        bits.refill();
        assert_eq!([1, 2, 3, 2, 0, 2].map(|n| bits.signed(n)), [1, -2, 4, 3, 0, -2]);
        let mut bits = Bits::new(&[0x7f, 0xff, 0, 0, 0], 0);
        bits.refill();
        assert_eq!([15, 15].map(|n| bits.signed(n)), [-16384, 16384]);
    }

    #[test]
    fn a_restart_is_the_one_that_is_due() {
        let bytes = [1, 2, 3, 0xff, 0, 0xff, 0xff, 0xd3, 0x80, 0xff, 0xd4];
        let mut bits = Bits::new(&bytes, 0);
        assert!(bits.restart(2).is_err());
        let mut bits = Bits::new(&bytes, 0);
        bits.restart(3).unwrap();
        assert!(bits.bit());
        bits.restart(4).unwrap();
        assert!(bits.restart(5).is_err());
    }
}
