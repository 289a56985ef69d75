//! A few ids, each once, with how often it was added.

use crate::simd::LANES;

/// Pads the last group of ids: no table has this many rows.
const NONE: u32 = u32::MAX;

/// Distinct ids in the order in which they came, and how often each did.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ids {
    /// Whole groups of [`LANES`], so that a search needs no rest.
    ids: Vec<u32>,
    counts: Vec<f32>,
}

impl Ids {
    /// Makes room for `most` ids.
    pub(crate) fn reserve(&mut self, most: usize) {
        self.clear();
        self.ids.reserve(most.next_multiple_of(LANES));
        self.counts.reserve(most);
    }

    #[inline(always)]
    pub(crate) fn clear(&mut self) {
        self.ids.clear();
        self.counts.clear();
    }

    #[inline(always)]
    pub(crate) fn len(&self) -> usize {
        self.counts.len()
    }

    #[inline(always)]
    pub(crate) fn as_slice(&self) -> &[u32] {
        &self.ids[..self.counts.len()]
    }

    /// How often each id was added.
    #[inline(always)]
    pub(crate) fn counts(&self) -> &[f32] {
        &self.counts
    }

    /// Adds `count` to that of `id`: the place of the id.
    #[inline(always)]
    pub(crate) fn add(&mut self, id: u32, count: f32) -> usize {
        if self.contains(id)
            && let Some(at) = self.ids.iter().position(|&other| other == id)
        {
            self.counts[at] += count;
            return at;
        }
        self.push(id, count)
    }

    /// Adds an id that is not there yet: its place.
    #[inline(always)]
    pub(crate) fn push(&mut self, id: u32, count: f32) -> usize {
        let at = self.counts.len();
        if at == self.ids.len() {
            self.ids.extend_from_slice(&[NONE; LANES]);
        }
        self.ids[at] = id;
        self.counts.push(count);
        at
    }

    /// Compares all ids of a group at once: most searches find nothing.
    #[inline(always)]
    fn contains(&self, id: u32) -> bool {
        let mut found = 0;
        for group in self.ids.as_chunks::<LANES>().0 {
            for &other in group {
                found |= u32::from(other == id);
            }
        }
        found != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeats_are_counted_at_their_first_place() {
        let mut ids = Ids::default();
        for round in 0..2 {
            ids.reserve(40);
            assert_eq!((0..40).map(|i| ids.add(i * 3, 1.0)).collect::<Vec<_>>()[39], 39, "{round}");
            assert_eq!((ids.add(51, 1.0), ids.add(51, 0.5), ids.add(7, 0.0)), (17, 17, 40));
            assert_eq!((ids.len(), ids.counts()[17], ids.counts()[40]), (41, 2.5, 0.0));
            assert_eq!(ids.as_slice()[39..], [117, 7]);
        }
    }
}
