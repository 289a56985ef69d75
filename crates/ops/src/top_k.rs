//! The rows of a matrix that have the largest products with each query.

use super::matmul::{Accumulate, Matrix, matmul};
use super::simd::{Kernel, LANES, Simd};
use super::{Cpu, rows_mut};

/// Products are made in blocks of this many queries by this many rows, which stay in the
/// last-level cache until they have been looked through.
const QUERIES: usize = 1024;
const ROWS: usize = 1024;
/// Products that are compared with the worst of the best at once.
const GROUP: usize = 8 * LANES;
/// Queries whose products a thread looks through at a time.
const SHARE: usize = 16;

/// A row and its product with a query.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hit {
    /// The row's index.
    pub row: u32,
    /// The product.
    pub score: f32,
}

/// What a place holds before a row has taken it.
const EMPTY: Hit = Hit { row: u32::MAX, score: f32::NEG_INFINITY };

/// The `k` rows of `rows` (n, width) with the largest products with each query of `queries`
/// (m, width): m lists of min(k, n) hits, the largest product first, of equal ones the lower row.
/// A product that is not a number is never among them; a list that lacks rows for it ends with
/// hits whose score is -∞.
///
/// # Panics
/// When the sizes do not fit each other, or there are more rows than a `u32` counts.
pub fn top_k(cpu: &Cpu, queries: &[f32], rows: &[f32], width: usize, k: usize) -> Vec<Hit> {
    assert!(width > 0, "rows of width 0 have no products");
    assert_eq!((queries.len() % width, rows.len() % width), (0, 0), "not a whole number of rows");
    let n = rows.len() / width;
    assert!(u32::try_from(n).is_ok(), "{n} rows do not fit into a u32");
    let k = k.min(n);
    let mut hits = vec![EMPTY; queries.len() / width * k];
    if k == 0 {
        return hits;
    }
    let blocks = queries.chunks(QUERIES * width).zip(hits.chunks_mut(QUERIES * k));
    for (queries, hits) in blocks {
        let m = queries.len() / width;
        let left = Matrix::new(queries, m, width);
        cpu.with_buffer(m * ROWS.min(n), |buffer| {
            for (block, rows) in rows.chunks(ROWS * width).enumerate() {
                let n = rows.len() / width;
                let right = Matrix::new(rows, n, width).transposed();
                let products = &mut buffer[..m * n];
                matmul(cpu, left, right, Accumulate::Overwrite, products);
                select(cpu, products, (block * ROWS) as u32, hits, m);
            }
        });
    }
    hits
}

/// Takes the products of `m` queries with some rows, the first of which is `first`, into their
/// lists of hits.
fn select(cpu: &Cpu, products: &[f32], first: u32, hits: &mut [Hit], m: usize) {
    let (n, k) = (products.len() / m, hits.len() / m);
    cpu.for_rows(m, SHARE, rows_mut(hits, k), |queries, hits| {
        let products = products[queries.start * n..].chunks_exact(n);
        for (best, products) in hits.chunks_exact_mut(k).zip(products) {
            cpu.isa().run(Select { products, first, best });
        }
    });
}

struct Select<'a> {
    products: &'a [f32],
    first: u32,
    best: &'a mut [Hit],
}

impl Kernel for Select<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let Self { products, first, best } = self;
        for (group, products) in products.chunks(GROUP).enumerate() {
            let mut largest = S::splat(f32::NEG_INFINITY);
            for part in products.chunks(LANES) {
                // In this order a product that is not a number does not hide the others.
                largest = S::load_slice(part, f32::NEG_INFINITY).max(largest);
            }
            // Of millions of products only dozens are better than the best so far.
            if largest.max_lane() > best[best.len() - 1].score {
                let start = first + (group * GROUP) as u32;
                for (row, &score) in (start..).zip(products) {
                    insert(best, Hit { row, score });
                }
            }
        }
    }
}

/// Puts a hit in its place, after those of the same score. Rows come in ascending order.
#[inline]
fn insert(best: &mut [Hit], hit: Hit) {
    let last = best.len() - 1;
    if hit.score > best[last].score {
        let place = best.partition_point(|other| other.score >= hit.score);
        best.copy_within(place..last, place + 1);
        best[place] = hit;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Isa;
    use crate::rng::Stream;

    fn random(len: usize, name: &str) -> Vec<f32> {
        let mut numbers = Stream::new(1, name).at(0);
        (0..len).map(|_| numbers.uniform_between(-1.0, 1.0)).collect()
    }

    /// The definition, in `f64`.
    fn reference(query: &[f32], rows: &[f32], k: usize) -> Vec<u32> {
        let product = |row: &[f32]| -> f64 {
            row.iter().zip(query).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
        };
        let scores: Vec<f64> = rows.chunks(query.len()).map(product).collect();
        let mut order: Vec<u32> = (0..scores.len() as u32).collect();
        order.sort_by(|a, b| scores[*b as usize].total_cmp(&scores[*a as usize]));
        order.truncate(k);
        order
    }

    #[test]
    fn every_level_equals_the_reference_for_any_number_of_threads() {
        let width = 13;
        for (m, n, k) in [(1, 1, 4), (3, 5, 5), (40, 1000, 4), (1030, 70, 1), (2, 2500, 30)] {
            let (queries, rows) = (random(m * width, "queries"), random(n * width, "rows"));
            for isa in Isa::available() {
                let hits =
                    |threads| top_k(&Cpu::new(isa, threads).unwrap(), &queries, &rows, width, k);
                let one = hits(1);
                assert_eq!(one, hits(3));
                for (query, hits) in queries.chunks(width).zip(one.chunks(k.min(n))) {
                    let got: Vec<u32> = hits.iter().map(|hit| hit.row).collect();
                    assert_eq!(got, reference(query, &rows, k), "{isa:?} {m} {n} {k}");
                    assert!(hits.is_sorted_by(|a, b| a.score >= b.score));
                }
            }
        }
    }

    #[test]
    fn of_equal_rows_the_lower_ones_are_taken() {
        let rows: Vec<f32> =
            (0..3000).flat_map(|i| [0.0, if i % 2 == 0 { 1.0 } else { 0.5 }]).collect();
        for isa in Isa::available() {
            let cpu = Cpu::new(isa, 2).unwrap();
            let hits = top_k(&cpu, &[0.0, 2.0], &rows, 2, 4);
            assert_eq!(hits.iter().map(|hit| hit.row).collect::<Vec<_>>(), [0, 2, 4, 6]);
        }
    }

    #[test]
    fn what_is_not_a_number_is_no_hit() {
        let mut rows = random(300, "rows");
        rows[7] = f32::NAN;
        for isa in Isa::available() {
            let hits = top_k(&Cpu::new(isa, 1).unwrap(), &[1.0], &rows, 1, 300);
            assert_eq!(hits[299], EMPTY);
            assert!(hits[..299].iter().all(|hit| hit.row != 7 && hit.score.is_finite()));
        }
    }
}
