//! Dropout from a counter-based stream (Srivastava et al., 2014).
//!
//! Whether a value is kept is a pure function of stream, step and index: the backward
//! pass draws the same mask again instead of keeping it.

use super::simd::{Kernel, Simd};
use super::{Cpu, rows_mut};
use crate::rng::Stream;

/// Values a thread takes at a time; a multiple of what one counter gives.
const BLOCK: usize = 4 * 1024;
/// Random words of one counter.
const WORDS: usize = 4;
/// Counters whose words are drawn together, so that the compiler can use vectors.
const GROUP: usize = 16;

struct Dropout<'a> {
    stream: Stream,
    step: u64,
    keep: f32,
    /// The index of the first value in the stream.
    offset: u64,
    /// Where the values are read, if not in place.
    from: Option<&'a [f32]>,
    values: &'a mut [f32],
}

impl Kernel for Dropout<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let limit = threshold(self.keep);
        let scale = 1.0 / self.keep;
        let first = self.offset / WORDS as u64;
        // A part of a tensor may begin inside of a counter's words.
        let skipped = (self.offset % WORDS as u64) as usize;
        let mut done = 0;
        let mut at = first;
        while done < self.values.len() {
            let mut words = [[0u32; WORDS]; GROUP];
            for (i, word) in words.iter_mut().enumerate() {
                *word = self.stream.block(self.step, at + i as u64);
            }
            let words = &words.as_flattened()[if done == 0 { skipped } else { 0 }..];
            let end = self.values.len().min(done + words.len());
            let values = &mut self.values[done..end];
            if let Some(from) = self.from {
                values.copy_from_slice(&from[done..end]);
            }
            for (value, word) in values.iter_mut().zip(words) {
                *value = if *word < limit { *value * scale } else { 0.0 };
            }
            done = end;
            at += GROUP as u64;
        }
    }
}

/// The random words below this keep their value.
fn threshold(keep: f32) -> u32 {
    (f64::from(keep) * 4_294_967_296.0).min(f64::from(u32::MAX)) as u32
}

/// Zeroes values with probability `1 - keep` and divides the others by `keep`, in place. `first` is
/// the index of the first value in the whole tensor, of which these may be a part. The same
/// (stream, step) gives the same mask, so the gradient is this function too.
pub fn dropout(cpu: &Cpu, stream: Stream, step: u64, keep: f32, first: usize, values: &mut [f32]) {
    let len = values.len();
    cpu.for_rows(len, BLOCK, rows_mut(values, 1), |block, values| {
        let offset = (first + block.start) as u64;
        cpu.isa().run(Dropout { stream, step, keep, offset, from: None, values });
    });
}

/// As [`dropout`], from `x` to `y`.
///
/// # Panics
/// When the slices differ in length.
pub fn dropout_to(
    cpu: &Cpu,
    stream: Stream,
    step: u64,
    keep: f32,
    first: usize,
    x: &[f32],
    y: &mut [f32],
) {
    assert_eq!(x.len(), y.len(), "input and output differ in size");
    cpu.for_rows(x.len(), BLOCK, rows_mut(y, 1), |block, values| {
        let (offset, from) = ((first + block.start) as u64, Some(&x[block]));
        cpu.isa().run(Dropout { stream, step, keep, offset, from, values });
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Isa;

    fn masked(isa: Isa, threads: usize, step: u64, keep: f32, len: usize) -> Vec<f32> {
        let mut values = vec![1.0; len];
        let cpu = Cpu::new(isa, threads).unwrap();
        dropout(&cpu, Stream::new(5, "dropout"), step, keep, 0, &mut values);
        values
    }

    #[test]
    fn keeps_the_asked_share_and_the_mean() {
        let values = masked(Isa::Portable, 1, 3, 0.35, 200_000);
        let kept = values.iter().filter(|&&v| v != 0.0).count() as f64 / 200_000.0;
        assert!((kept - 0.35).abs() < 0.005, "{kept}");
        assert!(values.iter().all(|&v| v == 0.0 || v == 1.0 / 0.35));
    }

    #[test]
    fn the_mask_is_the_same_for_all_levels_and_threads_and_follows_the_stream() {
        let want = masked(Isa::Portable, 1, 9, 0.5, 10_007);
        for isa in Isa::available() {
            assert_eq!(masked(isa, 1, 9, 0.5, 10_007), want);
            assert_eq!(masked(isa, 3, 9, 0.5, 10_007), want);
        }
        let stream = Stream::new(5, "dropout");
        for (i, &value) in want.iter().enumerate() {
            let word = stream.block(9, i as u64 / 4)[i % 4];
            assert_eq!(value != 0.0, word < 1 << 31);
        }
        assert_ne!(masked(Isa::Portable, 1, 10, 0.5, 10_007), want);
    }

    #[test]
    fn a_part_has_the_mask_of_the_whole() {
        let stream = Stream::new(5, "dropout");
        for isa in Isa::available() {
            let want = masked(isa, 1, 9, 0.5, 10_007);
            for (first, threads) in [(0, 1), (1, 2), (62, 1), (4_099, 3), (10_006, 2)] {
                let cpu = Cpu::new(isa, threads).unwrap();
                let mut part = vec![1.0; 10_007 - first];
                let mut copied = vec![f32::NAN; part.len()];
                dropout_to(&cpu, stream, 9, 0.5, first, &part, &mut copied);
                dropout(&cpu, stream, 9, 0.5, first, &mut part);
                assert_eq!(part, want[first..], "{isa:?} from {first}");
                assert_eq!(copied, part);
            }
        }
    }
}
