//! Rows of an image, channel by channel.
//!
//! Deinterleaves a padded row of pixels (x, channel) by stride phase: line `(x mod stride) ·
//! channels + channel` holds the values of `x = phase, phase + stride, …`. Neighbouring windows
//! then read neighbouring values at any stride.

use crate::simd::{Kernel, LANES, Simd};

/// Lines below this number are gathered value by value, for a transposition would move
/// mostly nothing; with AVX-512 it takes half the instructions.
const MIN_LINES: usize = 8;
const MIN_LINES_OF_AVX512: usize = 5;

/// How the rows of an image become lines.
#[derive(Clone, Copy, Debug)]
pub struct Planes {
    /// Pixels of a row of the image.
    pub width: usize,
    pub channels: usize,
    /// Pixels of a window that are read.
    pub kernel: usize,
    pub stride: usize,
    /// Pixels of padding before the first; where negative, pixels that are left out.
    pub before: isize,
    /// Windows of a row.
    pub windows: usize,
}

impl Planes {
    /// The lines of a row.
    pub fn lines(&self) -> usize {
        self.kernel.min(self.stride) * self.channels
    }

    /// The values of a line.
    pub fn line_values(&self) -> usize {
        self.windows + self.kernel.saturating_sub(1) / self.stride
    }

    /// The values of a row.
    pub fn row_values(&self) -> usize {
        self.lines() * self.line_values()
    }

    /// Where pixel `kx`, channel `c` of the first window is in a row.
    pub fn offset(&self, kx: usize, channel: usize) -> usize {
        let line = kx % self.stride * self.channels + channel;
        line * self.line_values() + kx / self.stride
    }

    /// The position of the first value of a group in a row of the image.
    #[inline(always)]
    fn position(&self, group: usize) -> isize {
        ((group * self.stride) as isize - self.before) * self.channels as isize
    }

    /// The groups that are inside the row with all their lines.
    #[inline(always)]
    fn inside(&self) -> std::ops::Range<usize> {
        let groups = self.line_values();
        let first = self.before.max(0).unsigned_abs().div_ceil(self.stride).min(groups);
        let room = (self.width * self.channels) as isize - self.lines() as isize - self.position(0);
        let step = (self.stride * self.channels) as isize;
        let end = if room < 0 { 0 } else { (room / step) as usize + 1 };
        first..end.clamp(first, groups)
    }
}

/// Turns one row of an image (width, channels) into lines.
pub struct RowToLines<'a> {
    pub planes: Planes,
    pub row: &'a [f32],
    pub to: &'a mut [f32],
}

impl Kernel for RowToLines<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self) {
        let (inside, groups) = (self.planes.inside(), self.planes.line_values());
        self.edge(0..inside.start);
        self.edge(inside.end..groups);
        if inside.is_empty() {
            return;
        }
        let has_avx512 = S::TILE[1] == 2;
        let least = if has_avx512 { MIN_LINES_OF_AVX512 } else { MIN_LINES };
        if self.planes.lines() >= least {
            self.transpose::<S>(inside);
        } else {
            self.gather(inside);
        }
    }
}

impl RowToLines<'_> {
    /// Groups that are outside, or partly so.
    #[inline(always)]
    fn edge(&mut self, groups: std::ops::Range<usize>) {
        let values = self.planes.line_values();
        for group in groups {
            let position = self.planes.position(group);
            for line in 0..self.planes.lines() {
                let at = usize::try_from(position + line as isize).ok();
                let value = at.and_then(|at| self.row.get(at)).copied();
                self.to[line * values + group] = value.unwrap_or(0.0);
            }
        }
    }

    /// Few lines, one after the other.
    #[inline(always)]
    fn gather(&mut self, groups: std::ops::Range<usize>) {
        let values = self.planes.line_values();
        let step = self.planes.stride * self.planes.channels;
        let first = self.planes.position(groups.start) as usize;
        for line in 0..self.planes.lines() {
            let from = &self.row[first + line..];
            let to = &mut self.to[line * values..][groups.clone()];
            if step == 1 {
                to.copy_from_slice(&from[..to.len()]);
            } else {
                for (to, from) in to.iter_mut().zip(from.chunks(step)) {
                    *to = from[0];
                }
            }
        }
    }

    /// Sixteen groups by sixteen lines at a time.
    #[inline(always)]
    fn transpose<S: Simd>(&mut self, groups: std::ops::Range<usize>) {
        let (lines, values) = (self.planes.lines(), self.planes.line_values());
        for group in groups.clone().step_by(LANES) {
            let count = LANES.min(groups.end - group);
            for line in (0..lines).step_by(LANES) {
                let width = LANES.min(lines - line);
                let mut block = [S::splat(0.0); LANES];
                for (i, to) in block.iter_mut().enumerate().take(count) {
                    let at = self.planes.position(group + i) as usize + line;
                    *to = S::load_slice(&self.row[at..at + width], 0.0);
                }
                let block = S::transpose(block);
                for (j, from) in block[..width].iter().enumerate() {
                    from.store_slice(&mut self.to[(line + j) * values + group..][..count]);
                }
            }
        }
    }
}
