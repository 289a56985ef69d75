//! A map of the most frequent words: t-SNE in two dimensions (van der Maaten, "Accelerating t-SNE
//! using Tree-Based Algorithms", JMLR 2014).

use anyhow::{Context, Result, ensure};
use bhtsne::{Neighbor, tSNE};

use super::vectors::{UnitVectors, first_answer};
use crate::metrics::picture::MapPoint;
use crate::ops::Cpu;
use crate::ops::top_k::top_k;
use crate::rng::Stream;
use crate::system::wording::{by_number, counted, plural};

/// The t-SNE perplexity (effective number of neighbours), if there are enough words.
const PERPLEXITY: usize = 30;
/// Neighbours that are looked at, for each of the perplexity.
const NEIGHBOURS: usize = 3;
/// How coarsely far words are summed up.
const THETA: f64 = 0.5;
const EPOCHS: usize = 1000;
/// The words start so close to each other that none is in another's way.
const START_DEVIATION: f64 = 1e-4;
/// The fewest words that have a map, and the most that are drawn in reasonable time.
const WORDS: std::ops::RangeInclusive<usize> = 10..=10_000;

/// Places the `n` most frequent words on the map, or all words if there are fewer; never `UNK`. The
/// same vectors and seed give the same map at one instruction level.
///
/// # Errors
/// When `n`, or the number of words, is out of bounds.
pub fn tsne(cpu: &Cpu, vectors: &UnitVectors, n: usize, seed: u64) -> Result<Vec<MapPoint>> {
    ensure!(
        WORDS.contains(&n),
        "a map of {n} {} cannot be drawn; give {} to {}",
        plural(n, "word"),
        WORDS.start(),
        WORDS.end()
    );
    let n = n.min(vectors.n_answers());
    ensure!(
        n >= *WORDS.start(),
        "there {} {}, but a map needs {}",
        by_number(n, "is", "are"),
        counted(n, "word"),
        WORDS.start()
    );
    let first = first_answer(vectors.vocabulary());
    let ids: Vec<u32> = (first..).take(n).collect();
    let perplexity = PERPLEXITY.min((n - 1) / NEIGHBOURS);
    let neighbours = neighbours(cpu, vectors, &ids, NEIGHBOURS * perplexity);
    let embedding = one_thread(|| embed(&neighbours, perplexity, seed))?;
    let places = ids.iter().zip(embedding.chunks_exact(2)).map(|(&id, place)| MapPoint {
        label: vectors.vocabulary().word(id).to_owned(),
        x: place[0],
        y: place[1],
    });
    Ok(places.collect())
}

/// The `k` words nearest to each of `ids` among them, by the distance on the unit sphere.
fn neighbours(cpu: &Cpu, vectors: &UnitVectors, ids: &[u32], k: usize) -> Vec<Vec<Neighbor<f64>>> {
    let rows: Vec<f32> = ids.iter().flat_map(|&id| vectors.row(id)).copied().collect();
    // A word is as a rule its own nearest neighbour.
    let hits = top_k(cpu, &rows, &rows, vectors.width(), k + 1);
    let of = |(index, hits): (usize, &[crate::ops::top_k::Hit])| {
        let others = hits.iter().filter(|hit| hit.row as usize != index).take(k);
        others
            .map(|hit| Neighbor {
                index: hit.row as usize,
                distance: (2.0 - 2.0 * f64::from(hit.score)).max(0.0).sqrt(),
            })
            .collect()
    };
    hits.chunks_exact((k + 1).min(ids.len())).enumerate().map(of).collect()
}

/// Coordinates (words, 2).
fn embed(neighbours: &[Vec<Neighbor<f64>>], perplexity: usize, seed: u64) -> Vec<f64> {
    let mut numbers = Stream::new(seed, "map").at(0);
    let start = || START_DEVIATION * numbers.normal();
    let start: Vec<f64> = std::iter::repeat_with(start).take(2 * neighbours.len()).collect();
    // The neighbours are given, so that of the words only the number counts.
    let words = vec![(); neighbours.len()];
    let mut tsne: tSNE<'_, f64, ()> = tSNE::new(&words);
    tsne.perplexity(perplexity as f64)
        .epochs(EPOCHS)
        .initial_embedding(start)
        .barnes_hut_with_neighbors(THETA, neighbours);
    tsne.embedding()
}

/// Runs `work` on one thread of its own: with several the library adds up in the order in which
/// they happen to be free.
fn one_thread<T: Send>(work: impl FnOnce() -> T + Send) -> Result<T> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build();
    Ok(pool.context("cannot start the thread that makes the map")?.install(work))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::vectors::WordVectors;
    use super::*;
    use crate::data::vocabulary::Vocabulary;
    use crate::ops::Isa;

    /// Words in `groups` groups about as many directions.
    fn vectors(n: usize, groups: usize) -> UnitVectors {
        let width = 8;
        let words = (0..n).map(|i| if i == 0 { "UNK".to_owned() } else { format!("w{i}") });
        let mut numbers = Stream::new(1, "vectors").at(0);
        let rows = (0..n * width).map(|i| {
            let near = i % width == (i / width) % groups;
            f32::from(near) + numbers.uniform_between(-0.1, 0.1)
        });
        let vocabulary = Arc::new(Vocabulary::new(words).unwrap());
        WordVectors::new(vocabulary, width, rows.collect()).unwrap().into_unit()
    }

    #[test]
    fn near_words_are_near_on_the_map_and_the_seed_decides() {
        let (n, groups) = (120, 4);
        let vectors = vectors(n + 1, groups);
        let map = |threads, seed| {
            tsne(&Cpu::new(Isa::Portable, threads).unwrap(), &vectors, n, seed).unwrap()
        };
        let places = map(1, 1);
        assert_eq!((places.len(), places[0].label.as_str()), (n, "w1"));
        assert_eq!(places, map(2, 1));
        assert_ne!(places, map(1, 2));
        let square = |a: &MapPoint, b: &MapPoint| (a.x - b.x).powi(2) + (a.y - b.y).powi(2);
        for (i, place) in places.iter().enumerate() {
            let others = places.iter().enumerate().filter(|(j, _)| *j != i);
            let (nearest, _) =
                others.min_by(|a, b| square(a.1, place).total_cmp(&square(b.1, place))).unwrap();
            assert_eq!(nearest % groups, i % groups, "word {i}");
        }
    }

    #[test]
    fn too_few_and_too_many_words_are_errors() {
        let cpu = Cpu::new(Isa::Portable, 1).unwrap();
        let error = |n, of| tsne(&cpu, &vectors(of, 3), n, 1).unwrap_err().to_string();
        assert_eq!(error(9, 100), "a map of 9 words cannot be drawn; give 10 to 10000");
        assert!(error(1 << 20, 100).contains("give 10 to 10000"));
        assert_eq!(error(50, 10), "there are 9 words, but a map needs 10");
        assert_eq!(tsne(&cpu, &vectors(11, 3), 50, 1).unwrap().len(), 10);
    }

    #[test]
    fn words_without_a_direction_have_a_place() {
        let vocabulary = Vocabulary::new((0..12).map(|i| format!("w{i}"))).unwrap();
        let vectors = WordVectors::new(Arc::new(vocabulary), 2, vec![0.0; 24]).unwrap();
        let cpu = Cpu::new(Isa::Portable, 1).unwrap();
        let places = tsne(&cpu, &vectors.into_unit(), 12, 1).unwrap();
        assert!(places.iter().all(|place| place.x.is_finite() && place.y.is_finite()));
    }
}
