//! Rows of a table by their ids.

use super::{Cpu, rows_mut};

/// Rows a thread takes at a time.
const BLOCK: usize = 16;

/// `rows[i] = table[ids[i]]`: a table (ids, `width`) gives rows (tokens, `width`).
///
/// # Panics
/// When an id is outside the table or `rows` has another size.
pub fn gather(cpu: &Cpu, table: &[f32], width: usize, ids: &[u32], rows: &mut [f32]) {
    assert_eq!(rows.len(), ids.len() * width, "the rows have the wrong size");
    if width == 0 {
        return;
    }
    cpu.for_rows(ids.len(), BLOCK, rows_mut(rows, width), |block, rows| {
        for (&id, to) in ids[block].iter().zip(rows.chunks_exact_mut(width)) {
            to.copy_from_slice(&table[id as usize * width..][..width]);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Isa;

    #[test]
    fn takes_the_named_rows() {
        let cpu = Cpu::new(Isa::Portable, 2).unwrap();
        let mut rows = [0.0; 6];
        gather(&cpu, &[0.0, 0.1, 1.0, 1.1, 2.0, 2.1], 2, &[2, 0, 2], &mut rows);
        assert_eq!(rows, [2.0, 2.1, 0.0, 0.1, 2.0, 2.1]);
    }
}
