//! Development pairs that are trained on too, whose scores say little.

use std::cell::Cell;
use std::collections::HashMap;

use crate::system::wording::by_number;

/// The development pairs, and which of them the training text has shown.
pub struct Overlap<'a> {
    dev: &'a [[String; 2]],
    seen: HashMap<(&'a str, &'a str), Cell<bool>>,
}

impl<'a> Overlap<'a> {
    /// Nothing has been read yet.
    pub fn new(dev: &'a [[String; 2]]) -> Self {
        let pairs = dev.iter().map(|[source, target]| (&source[..], &target[..]));
        Self { dev, seen: pairs.map(|pair| (pair, Cell::new(false))).collect() }
    }

    /// Takes a pair of the training text.
    pub fn add(&self, source: &str, target: &str) {
        if let Some(seen) = self.seen.get(&(source, target)) {
            seen.set(true);
        }
    }

    /// How many development pairs were in the training text, in words; nothing where none was.
    pub fn warning(&self) -> Option<String> {
        let is_seen = |[source, target]: &&[String; 2]| {
            self.seen.get(&(&source[..], &target[..])).is_some_and(Cell::get)
        };
        let (both, all) = (self.dev.iter().filter(is_seen).count(), self.dev.len());
        let percent = 100.0 * both as f64 / all.max(1) as f64;
        (both > 0).then(|| {
            format!(
                "{both} of {all} development pairs ({percent:.1} %) {} in the training text too: \
                perplexity and BLEU are better than on unseen sentences",
                by_number(both, "is", "are")
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_pairs_are_counted() {
        let dev = [["a", "b"], ["c", "d"], ["a", "b"]].map(|pair| pair.map(str::to_owned));
        let overlap = Overlap::new(&dev);
        for [source, target] in [["a", "d"], ["c", "b"], ["b", "a"]] {
            overlap.add(source, target);
        }
        assert_eq!(overlap.warning(), None);
        overlap.add("a", "b");
        overlap.add("a", "b");
        let warning = overlap.warning().unwrap();
        let want = "2 of 3 development pairs (66.7 %) are in the training text too: ";
        assert!(warning.starts_with(want), "{warning}");
    }
}
