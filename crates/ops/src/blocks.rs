//! A part of a tensor along one axis, copied from or to a tensor of its own: what concatenation
//! and slicing do. A tensor (outer axes, axis, inner axes) is seen as rows, one for each place of
//! the outer axes.

use super::{Cpu, rows_mut};

/// Values a thread takes at a time, roughly.
const BLOCK: usize = 8 * 1024;

/// Where the part is in each row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Values of a row of the whole tensor.
    pub whole: usize,
    /// The first value of the part.
    pub offset: usize,
    /// Values of the part.
    pub len: usize,
}

impl Part {
    /// The rows of a block that a thread takes.
    fn rows(&self) -> usize {
        (BLOCK / self.whole.max(1)).max(1)
    }

    /// The number of rows.
    fn check(&self, whole: usize, part: usize) -> usize {
        let Self { whole: row, offset, len } = *self;
        assert!(offset + len <= row && row > 0, "the part extends past the end of the row");
        let rows = whole / row;
        assert!(whole == rows * row && part == rows * len, "the tensors do not fit the part");
        rows
    }
}

/// Copies `part` into its place in each row of `whole`.
///
/// # Panics
/// When the sizes do not fit.
pub fn copy_into(cpu: &Cpu, at: Part, part: &[f32], whole: &mut [f32]) {
    let rows = at.check(whole.len(), part.len());
    if at.len == 0 {
        return;
    }
    cpu.for_rows(rows, at.rows(), rows_mut(whole, at.whole), |rows, whole| {
        let part = part[rows.start * at.len..].chunks_exact(at.len);
        for (to, from) in whole.chunks_exact_mut(at.whole).zip(part) {
            to[at.offset..at.offset + at.len].copy_from_slice(from);
        }
    });
}

/// Copies a part of each row of `whole` to `part`.
///
/// # Panics
/// When the sizes do not fit.
pub fn copy_from(cpu: &Cpu, at: Part, whole: &[f32], part: &mut [f32]) {
    let rows = at.check(whole.len(), part.len());
    if at.len == 0 {
        return;
    }
    cpu.for_rows(rows, at.rows(), rows_mut(part, at.len), |rows, part| {
        let whole = whole[rows.start * at.whole..].chunks_exact(at.whole);
        for (to, from) in part.chunks_exact_mut(at.len).zip(whole) {
            to.copy_from_slice(&from[at.offset..at.offset + at.len]);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Isa;

    #[test]
    fn parts_go_to_their_places_and_come_back() {
        for (rows, lens) in
            [(1, vec![3, 4]), (5, vec![1, 1, 7]), (4_000, vec![16, 5]), (0, vec![2])]
        {
            let whole: usize = lens.iter().sum();
            for threads in [1, 3] {
                let cpu = Cpu::new(Isa::Portable, threads).unwrap();
                let mut joined = vec![f32::NAN; rows * whole];
                let mut offset = 0;
                for (i, &len) in lens.iter().enumerate() {
                    let value = |j: usize| (i * 100_000 + j) as f32;
                    let part: Vec<f32> = (0..rows * len).map(value).collect();
                    let at = Part { whole, offset, len };
                    copy_into(&cpu, at, &part, &mut joined);
                    let mut back = vec![f32::NAN; part.len()];
                    copy_from(&cpu, at, &joined, &mut back);
                    assert_eq!(back, part);
                    offset += len;
                }
                assert!(joined.iter().all(|value| !value.is_nan()));
                for row in 0..rows {
                    assert_eq!(joined[row * whole], (row * lens[0]) as f32);
                }
            }
        }
    }

    #[test]
    #[should_panic(expected = "the part extends past the end of the row")]
    fn a_part_beyond_its_row_is_refused() {
        let cpu = Cpu::new(Isa::Portable, 1).unwrap();
        copy_into(&cpu, Part { whole: 3, offset: 2, len: 2 }, &[0.0; 2], &mut [0.0; 3]);
    }
}
