//! The pictures of a run, by split.

use std::sync::Arc;

use anyhow::{Result, ensure};

use super::{Examples, Input, Source};
use crate::data::Split;

/// What is trained, validated and tested on.
#[derive(Debug)]
pub struct Pictures<I> {
    /// The training pictures, without those held out. Threads that prepare batches share them.
    pub train: Arc<Examples<I>>,
    /// The pictures held out, where there are any.
    pub valid: Option<Examples<I>>,
    /// The test pictures.
    pub test: Examples<I>,
    /// What the classes are called.
    pub classes: Vec<String>,
}

impl<I: Input> Pictures<I> {
    /// The pictures of a source as `input` takes them. The first `held_out` of training are held
    /// out; the others are at least a batch.
    ///
    /// # Errors
    /// Too few are left to train on.
    pub fn new(source: Source, input: I, held_out: usize, batch: usize) -> Result<Self> {
        let Source { train: mut valid, test, classes } = source;
        ensure!(
            valid.len() > held_out,
            "data.validation_size = {held_out} must be less than the {} training images",
            valid.len()
        );
        let train = valid.split_off(held_out);
        let all = train.len();
        ensure!(
            all >= batch,
            "{all} training pictures are fewer than train.batch_size = {batch}; decrease it"
        );
        let examples = |images| Examples { images, input: input.clone() };
        let valid = (held_out > 0).then(|| examples(valid));
        Ok(Self { train: Arc::new(examples(train)), valid, test: examples(test), classes })
    }

    /// A split; none where nothing is held out.
    pub fn split(&self, split: Split) -> Option<&Examples<I>> {
        match split {
            Split::Train => Some(&self.train),
            Split::Valid => self.valid.as_ref(),
            Split::Test => Some(&self.test),
        }
    }

    /// Numbers and checksums that tell these pictures from others.
    pub fn fingerprint(&self) -> String {
        let of =
            |split: Split| Some(format!("{split} {}", self.split(split)?.images.fingerprint()));
        Split::ALL.into_iter().filter_map(of).collect::<Vec<_>>().join(", ")
    }
}
