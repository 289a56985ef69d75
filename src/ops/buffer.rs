//! Memory for vectors: aligned to cache lines.

use std::ops::{Deref, DerefMut};

use super::huge_pages;
use super::simd::LANES;

/// One cache line, which is one vector.
#[repr(align(64))]
#[derive(Clone, Copy)]
#[allow(dead_code, reason = "read through a pointer to the first value")]
struct Line([f32; LANES]);

/// A growing `f32` buffer whose first value stands at the start of a cache line, so that
/// whole vectors never straddle two lines.
#[derive(Clone, Default)]
pub struct Buffer {
    lines: Vec<Line>,
    len: usize,
}

impl Buffer {
    /// A buffer of `len` zeros.
    pub fn zeros(len: usize) -> Self {
        let count = len.div_ceil(LANES);
        let mut lines = Vec::with_capacity(count);
        huge_pages::advise(lines.spare_capacity_mut());
        lines.resize(count, Line([0.0; LANES]));
        Self { lines, len }
    }

    /// The same memory with exactly `len` values, some of an earlier use and the rest zeros.
    pub fn resized(mut self, len: usize) -> Self {
        self.at_least(len);
        self.len = len;
        self
    }

    /// The first `len` values, grown with zeros where there are fewer. What an earlier use
    /// left in the buffer stays.
    pub fn at_least(&mut self, len: usize) -> &mut [f32] {
        if self.lines.len() * LANES < len {
            let old = std::mem::replace(self, Self::zeros(len));
            self[..old.len].copy_from_slice(&old);
        }
        self.len = self.len.max(len);
        &mut self[..len]
    }
}

impl Deref for Buffer {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        // SAFETY: the lines are contiguous arrays of f32 without padding, and `len` is
        // never more than they hold.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), self.len) }
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        // SAFETY: as in `deref`, and the buffer is borrowed mutably.
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), self.len) }
    }
}

impl std::fmt::Debug for Buffer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Buffer({} values)", self.len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_on_a_cache_line_and_grows_with_zeros() {
        let mut buffer = Buffer::zeros(3);
        buffer[2] = 5.0;
        assert_eq!(buffer.as_ptr() as usize % 64, 0);
        assert_eq!(buffer.at_least(40)[2], 5.0);
        assert_eq!(buffer.len(), 40);
        assert_eq!(buffer[39], 0.0);
    }
}
