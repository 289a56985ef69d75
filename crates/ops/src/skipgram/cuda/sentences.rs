//! What a launch takes and gives.

/// What a run has fixed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Rows of a table: words of the vocabulary.
    pub ids: usize,
    /// Columns of a table: dimensions of a word's vector.
    pub width: usize,
    /// How many words to either side a window reaches at most.
    pub window: usize,
    /// Negatives that are drawn for a centre.
    pub negatives: usize,
}

impl Sizes {
    /// Values of a table.
    pub fn values(&self) -> usize {
        self.ids * self.width
    }
}

/// Sentences to train, one after another in `words`.
#[derive(Clone, Copy, Debug)]
pub struct Sentences<'a> {
    /// Ids of the kept words, without the mark of a line's start.
    pub words: &'a [u32],
    /// (sentences + 1): where each begins in `words`, and the end of the last.
    pub starts: &'a [u32],
    /// (sentences): running number of each one's first word.
    pub first_numbers: &'a [u64],
    /// (sentences): learning rates.
    pub rates: &'a [f32],
}

impl Sentences<'_> {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.rates.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.rates.is_empty()
    }

    /// # Panics
    /// When the lists do not fit each other, or a word is not a valid id.
    #[cfg(any(test, feature = "cuda"))]
    pub(super) fn check(&self, ids: usize) {
        assert_eq!(
            self.first_numbers.len(),
            self.len(),
            "token indices and learning rates differ in number"
        );
        assert_eq!(self.starts.len(), self.len() + 1, "starts and learning rates differ in number");
        assert!(self.starts.is_sorted(), "a sentence ends before it begins");
        let end = self.starts.last().map_or(0, |&end| end as usize);
        assert!(end <= self.words.len(), "a sentence extends past the end of the words");
        assert!(self.words.iter().all(|&word| (word as usize) < ids), "a word is not a valid id");
    }
}

/// What a launch has done.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Trained {
    /// Sum of the loss over the pairs.
    pub loss: f64,
    /// Pairs of a centre and a word in its window.
    pub pairs: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: Sentences<'static> = Sentences {
        words: &[0, 1, 2],
        starts: &[0, 1, 3],
        first_numbers: &[0, 1],
        rates: &[0.1; 2],
    };

    #[test]
    fn lists_that_fit_pass() {
        GOOD.check(3);
        Sentences { words: &[], starts: &[0], first_numbers: &[], rates: &[] }.check(1);
    }

    #[test]
    #[should_panic(expected = "a word is not a valid id")]
    fn unknown_words_are_refused() {
        GOOD.check(2);
    }

    #[test]
    #[should_panic(expected = "past the end of the words")]
    fn sentences_without_words_are_refused() {
        Sentences { starts: &[0, 1, 4], ..GOOD }.check(3);
    }

    #[test]
    #[should_panic(expected = "before it begins")]
    fn sentences_that_overlap_are_refused() {
        Sentences { starts: &[0, 3, 2], ..GOOD }.check(3);
    }
}
