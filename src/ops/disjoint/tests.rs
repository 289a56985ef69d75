use super::*;
use crate::ops::{Cpu, Isa};

#[test]
fn every_row_of_every_slice_is_handed_out_once() {
    for threads in [1, 3] {
        let cpu = Cpu::new(Isa::Portable, threads).unwrap();
        let (mut a, mut b) = (vec![0; 103 * 3], [0u8; 103]);
        cpu.for_rows(103, 10, (rows_mut(&mut a, 3), rows_mut(&mut b, 1)), |rows, (a, b)| {
            assert_eq!((a.len(), b.len()), (3 * rows.len(), rows.len()));
            a.iter_mut().enumerate().for_each(|(i, a)| *a += rows.start * 3 + i + 1);
            b.iter_mut().for_each(|b| *b += 1);
        });
        assert!(a.iter().enumerate().all(|(i, &a)| a == i + 1));
        assert_eq!(b, [1; 103]);
    }
}

#[test]
#[should_panic(expected = "range leaves the slice")]
fn more_rows_than_the_slice_has_are_refused() {
    let cpu = Cpu::new(Isa::Portable, 1).unwrap();
    cpu.for_rows(3, 2, rows_mut(&mut [0.0f32; 5], 2), |_, _| ());
}

#[test]
fn chunks_and_shares_are_handed_out_once() {
    for threads in [1, 3] {
        let cpu = Cpu::new(Isa::Portable, threads).unwrap();
        let (mut values, mut pieces) = (vec![0; 103 * 3 - 1], [0u8; 103]);
        for most in [1, 7, 200] {
            let rows = (chunks_mut(&mut values, 3), Some(rows_mut(&mut pieces, 1)));
            cpu.for_chunks(usize::MAX, 103, most, rows, |range, (values, pieces)| {
                assert!((1..=most).contains(&range.len()) && pieces.unwrap().len() == range.len());
                values.iter_mut().for_each(|value| *value += 1);
            });
            cpu.for_shares(usize::MAX, 103, chunks_mut(&mut values, 3), |_, _, values| {
                values.iter_mut().for_each(|value| *value += 1);
            });
        }
        assert!(values.iter().all(|&value| value == 6));
    }
}

#[test]
fn strips_of_columns_are_handed_out_once() {
    for threads in [1, 3] {
        let cpu = Cpu::new(Isa::Portable, threads).unwrap();
        let mut matrix = vec![0.0; 5 * 37];
        cpu.for_shares(usize::MAX, 10, columns_mut(&mut matrix, 37, 4), |_, strips, mut part| {
            assert_eq!(part.rows(), 5);
            for row in 0..5 {
                for (i, value) in part.part(row, 0..part.columns()).iter_mut().enumerate() {
                    *value += (row * 37 + strips.start * 4 + i) as f32;
                }
            }
        });
        assert!(matrix.iter().enumerate().all(|(i, &value)| value == i as f32));
    }
}

#[test]
fn rectangles_are_held_to_their_matrix() {
    let mut values = [0.0; 12];
    let mut matrix = MatrixMut::new(&mut values, 4);
    let mut part = matrix.rectangle(1..3, 1..3);
    part.part(1, 1..2)[0] = 5.0;
    for wrong in [(2, 0..1), (0, 0..3), (0, 2..3)] {
        let reach = std::panic::AssertUnwindSafe(|| part.part(wrong.0, wrong.1).len());
        assert!(std::panic::catch_unwind(reach).is_err());
    }
    assert_eq!(values[10], 5.0);
}

#[test]
fn a_slice_is_cut_in_order() {
    let mut values = [1, 2, 3, 4, 5];
    assert_eq!(cut(&mut values, [2, 0, 1]), [&[1, 2][..], &[], &[3]]);
}
