//! Contiguous batches of a long text (`ptb_producer` of the reference).

use anyhow::{Result, ensure};

use crate::system::wording::by_number;

/// A text cut in `batch_size` equal parts that are read side by side, `num_steps` words at
/// a time.
#[derive(Clone, Debug)]
pub struct Batches {
    batch_size: usize,
    num_steps: usize,
    part: usize,
}

impl Batches {
    /// The batches of a text of `tokens` words.
    ///
    /// # Errors
    /// When the text is too short for one window.
    pub fn new(tokens: usize, batch_size: usize, num_steps: usize) -> Result<Self> {
        let part = tokens / batch_size.max(1);
        let batches = Self { batch_size, num_steps, part };
        ensure!(
            batch_size > 0 && num_steps > 0 && batches.windows() > 0,
            "epoch_size == 0: {tokens} {} too few for batch_size = {batch_size} and \
             num_steps = {num_steps}; decrease batch_size or num_steps, or use a longer text",
            by_number(tokens, "word is", "words are")
        );
        Ok(batches)
    }

    /// The windows of an epoch; words after the last whole one are left out.
    pub fn windows(&self) -> usize {
        self.part.saturating_sub(1) / self.num_steps
    }

    /// Copies window `index` of `tokens`: inputs, and targets that are one word further,
    /// both time-major (`t * batch_size + b`).
    ///
    /// # Panics
    /// When there is no such window in the text.
    pub fn copy(
        &self,
        tokens: &[u32],
        index: usize,
        inputs: &mut Vec<u32>,
        targets: &mut Vec<u32>,
    ) {
        assert!(index < self.windows(), "window {index} of {}", self.windows());
        inputs.clear();
        targets.clear();
        for t in 0..self.num_steps {
            for b in 0..self.batch_size {
                let at = b * self.part + index * self.num_steps + t;
                inputs.push(tokens[at]);
                targets.push(tokens[at + 1]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers of `testPtbProducer` in the reference's reader_test.py.
    #[test]
    fn gives_the_windows_of_the_reference() {
        let tokens = [4, 3, 2, 1, 0, 5, 6, 1, 1, 1, 1, 0, 3, 4, 1];
        let batches = Batches::new(tokens.len(), 3, 2).unwrap();
        assert_eq!(batches.windows(), 2);
        let window = |index| {
            let (mut x, mut y) = (Vec::new(), Vec::new());
            batches.copy(&tokens, index, &mut x, &mut y);
            // Back from time-major to the reference's (batch, time).
            [x, y].map(|words| (0..3).map(|b| vec![words[b], words[3 + b]]).collect::<Vec<_>>())
        };
        assert_eq!(window(0), [[[4, 3], [5, 6], [1, 0]], [[3, 2], [6, 1], [0, 3]]]);
        assert_eq!(window(1), [[[2, 1], [1, 1], [3, 4]], [[1, 0], [1, 1], [4, 1]]]);
    }

    #[test]
    fn a_text_that_is_too_short_says_what_to_decrease() {
        let error = Batches::new(40, 20, 2).unwrap_err().to_string();
        assert!(error.contains("epoch_size == 0") && error.contains("decrease batch_size"));
        assert_eq!(Batches::new(60, 20, 2).unwrap().windows(), 1);
    }
}
