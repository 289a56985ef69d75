//! How often the n-grams of a hypothesis are in it and in its references.

use std::hash::Hash;

use hashbrown::HashMap;

/// The number of a symbol or an n-gram that the hypothesis lacks.
const ABSENT: u32 = u32::MAX;

/// The n-grams of one length in a sequence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Counts {
    /// How many there are, each counted as often as it occurs.
    pub total: u64,
    /// How often each n-gram of the hypothesis occurs, in the order of the hypothesis.
    pub by_ngram: Vec<u32>,
}

impl Counts {
    /// The n-grams in common with `other`, each as often as in the sequence that has fewer.
    pub fn overlap(&self, other: &Self) -> u64 {
        let pairs = self.by_ngram.iter().zip(&other.by_ngram);
        pairs.map(|(&own, &others)| u64::from(own.min(others))).sum()
    }

    /// Takes over the larger count of each n-gram, as of a union of sequences.
    pub fn raise_to(&mut self, other: &Self) {
        for (own, &others) in self.by_ngram.iter_mut().zip(&other.by_ngram) {
            *own = others.max(*own);
        }
    }
}

/// The n-grams of a hypothesis and of each reference, for the lengths 1 to `longest` in turn.
pub(super) fn counts<T: Eq + Hash>(
    hypothesis: &[T],
    references: &[&[T]],
    longest: usize,
) -> impl Iterator<Item = (Counts, Vec<Counts>)> {
    let mut symbols = HashMap::with_capacity(hypothesis.len());
    let hypothesis: Vec<u32> = hypothesis.iter().map(|s| number(&mut symbols, s)).collect();
    let known = |symbol| symbols.get(symbol).copied().unwrap_or(ABSENT);
    let references = references.iter().map(|reference| reference.iter().map(known).collect());
    let references: Vec<Vec<u32>> = references.collect();
    let mut ngrams = (hypothesis.clone(), references.clone());
    let mut distinct = symbols.len();
    (1..=longest).map(move |n| {
        if n > 1 {
            distinct = lengthen(&mut ngrams, &hypothesis, &references, n);
        }
        let of = |ngrams: &Vec<u32>| count(ngrams, distinct);
        (of(&ngrams.0), ngrams.1.iter().map(of).collect())
    })
}

/// Makes n-grams of those that are a symbol shorter, and returns how many distinct ones the
/// hypothesis has. An n-gram is its beginning and its last symbol, so that numbers of any length
/// are found by one table of pairs.
fn lengthen(
    (hypothesis, references): &mut (Vec<u32>, Vec<Vec<u32>>),
    last: &[u32],
    lasts: &[Vec<u32>],
    n: usize,
) -> usize {
    let pair = |start: u32, last: u32| u64::from(start) << 32 | u64::from(last);
    let mut table = HashMap::with_capacity(hypothesis.len());
    replace(hypothesis, last, n, |start, last| number(&mut table, pair(start, last)));
    for (reference, last) in references.iter_mut().zip(lasts) {
        replace(reference, last, n, |start, last| match (start, last) {
            (ABSENT, _) | (_, ABSENT) => ABSENT,
            _ => table.get(&pair(start, last)).copied().unwrap_or(ABSENT),
        });
    }
    table.len()
}

/// Replaces the n-gram at each place by a longer one, of `n` symbols.
fn replace(ngrams: &mut Vec<u32>, symbols: &[u32], n: usize, mut by: impl FnMut(u32, u32) -> u32) {
    ngrams.truncate((symbols.len() + 1).saturating_sub(n));
    for (ngram, &last) in ngrams.iter_mut().zip(symbols.get(n - 1..).unwrap_or_default()) {
        *ngram = by(*ngram, last);
    }
}

/// The number of `key`: the next one for a key that is new.
fn number<K: Eq + Hash>(numbers: &mut HashMap<K, u32>, key: K) -> u32 {
    let next = numbers.len() as u32;
    *numbers.entry(key).or_insert(next)
}

fn count(ngrams: &[u32], distinct: usize) -> Counts {
    let mut by_ngram = vec![0; distinct];
    for &ngram in ngrams.iter().filter(|&&ngram| ngram != ABSENT) {
        by_ngram[ngram as usize] += 1;
    }
    Counts { total: ngrams.len() as u64, by_ngram }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Total and overlap with the first reference, a length each.
    fn overlaps(hypothesis: &str, reference: &str, longest: usize) -> Vec<[u64; 3]> {
        let symbols = |text: &str| text.chars().collect::<Vec<_>>();
        let (hypothesis, reference) = (symbols(hypothesis), symbols(reference));
        counts(&hypothesis, &[&reference], longest)
            .map(|(own, others)| [own.total, others[0].total, own.overlap(&others[0])])
            .collect()
    }

    #[test]
    fn ngrams_are_counted_as_often_as_both_have_them() {
        let expect = [[5, 6, 4], [4, 5, 2], [3, 4, 1], [2, 3, 0], [1, 2, 0], [0, 1, 0]];
        assert_eq!(overlaps("abcab", "abcxaa", 6), expect);
        assert_eq!(overlaps("aaa", "aa", 3), [[3, 2, 2], [2, 1, 1], [1, 0, 0]]);
    }

    #[test]
    fn sequences_shorter_than_an_ngram_have_none() {
        assert_eq!(overlaps("", "ab", 3), [[0, 2, 0], [0, 1, 0], [0, 0, 0]]);
        assert_eq!(overlaps("ab", "", 3), [[2, 0, 0], [1, 0, 0], [0, 0, 0]]);
    }

    #[test]
    fn a_union_has_the_larger_of_two_counts() {
        let (own, mut references) = counts(b"aab", &[b"a", b"aaabb"], 1).next().unwrap();
        let second = references.pop().unwrap();
        references[0].raise_to(&second);
        assert_eq!((own.by_ngram, &references[0].by_ngram), (vec![2, 1], &vec![3, 2]));
    }
}
