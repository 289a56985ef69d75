//! Memory for vectors: aligned to cache lines.

use std::ops::{Deref, DerefMut};

use super::simd::LANES;
use crate::pages;

/// The bytes of a cache line, which are those of a vector.
const LINE: usize = LANES * size_of::<f32>();

/// A growing `f32` buffer whose first value is at the start of a cache line, so that whole vectors
/// never straddle two lines.
#[derive(Default)]
pub struct Buffer {
    /// The values, and before them what is in the line of the memory's start.
    memory: Vec<f32>,
    first: usize,
    len: usize,
}

impl Buffer {
    /// A buffer of `len` zeros.
    pub fn zeros(len: usize) -> Self {
        let lines = len.next_multiple_of(LANES);
        let mut memory: Vec<f32> = Vec::with_capacity(lines + LANES);
        pages::prefer_huge_pages(memory.spare_capacity_mut());
        let first = memory.as_ptr().align_offset(LINE);
        // Within its capacity, so that it stays where it is.
        memory.resize(first + lines, 0.0);
        Self { memory, first, len }
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
        if self.memory.len() - self.first < len {
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
        &self.memory[self.first..][..self.len]
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.memory[self.first..][..self.len]
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
