//! Byte-pair encoding by the `tokenizers` crate, and whatever else its `tokenizer.json` can say.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::sync::mpsc::{Receiver, sync_channel};

use anyhow::{Context, Result, anyhow, bail, ensure};
use serde_json::Value;
use tokenizers::decoders::DecoderWrapper;
use tokenizers::decoders::sequence::Sequence;
use tokenizers::decoders::strip::Strip;
use tokenizers::models::TrainerWrapper;
use tokenizers::models::bpe::{BPE, BpeTrainer};
use tokenizers::normalizers::Prepend;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::utils::parallelism::set_parallelism;
use tokenizers::{AddedToken, Tokenizer};

use super::{EOS, GO, PAD, SPECIAL, Side, UNK};
use crate::data::input;
use crate::system::wording::plural;

/// The name of the file in a folder.
pub(super) const FILE: &str = "tokenizer.json";
/// Sentences that wait to be counted.
const WAITING: usize = 4096;

/// Ids are below this: each has a place in a table.
const MAX_ID: u32 = 1 << 24;

/// The names that the special tokens have in the files of others, by their ids here.
const NAMES: [&[&str]; 4] = [
    &["_PAD", "<pad>", "[PAD]", "<PAD>"],
    &["_GO", "<s>", "[CLS]", "<bos>", "[BOS]", "<|startoftext|>"],
    &["_EOS", "</s>", "[SEP]", "<eos>", "[EOS]", "<|endoftext|>"],
    &["_UNK", "<unk>", "[UNK]", "<UNK>"],
];

/// A tokenizer of the `tokenizers` library.
///
/// The ids here and in the file are the same for those that are trained here. In a file of another
/// maker the special tokens are found by their usual names, and the other ids keep their order
/// after them; a special token that the file lacks has an id here all the same.
#[derive(Clone)]
pub struct Bpe {
    inner: Box<Tokenizer>,
    json: String,
    /// The id here of each id of the file.
    here: Vec<u32>,
    /// The id in the file of each id here; those of special tokens may be absent.
    there: Vec<Option<u32>>,
}

impl fmt::Debug for Bpe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bpe({})", self.fingerprint())
    }
}

impl Bpe {
    /// The fewest ids of a byte-level vocabulary: the special tokens and all bytes.
    pub const MIN_SIZE: usize = SPECIAL.len() + 256;

    /// Trains a vocabulary of `size` ids on the sentences of both sides that `read` hands over, by
    /// `threads` threads, on which the result does not depend. A text with few words may give fewer
    /// ids.
    ///
    /// The encoding is that of GPT-2: words with the space before them, in bytes. The first word
    /// gets such a space too, so that it is the same token as within the sentence.
    ///
    /// # Errors
    /// Those of `read`; a size below 260; threads that cannot be started.
    pub fn train(
        size: usize,
        threads: usize,
        read: impl FnOnce(&mut dyn FnMut(Side, &str)) -> Result<()>,
    ) -> Result<Self> {
        ensure!(
            size >= Self::MIN_SIZE,
            "a byte-level vocabulary of {size} {} is too small: 256 bytes and {} special tokens are \
             needed",
            plural(size, "id"),
            SPECIAL.len()
        );
        let mut tokenizer = untrained()?;
        let mut trainer = trainer(size);
        // The library would ask the environment.
        set_parallelism(true);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads.max(1)).build();
        let pool = pool.context("cannot start the threads of the tokenizer's training")?;
        let (sender, sentences) = sync_channel::<String>(WAITING);
        let mut trained = Ok(());
        let (result, inner) = (&mut trained, &mut tokenizer);
        pool.in_place_scope(|scope| {
            scope.spawn(move |_| *result = train(inner, &mut trainer, sentences));
            let read = read(&mut |_, text| {
                // Nobody listens any more where the training has failed: its error is told below.
                let _ = sender.send(text.to_owned());
            });
            drop(sender);
            read
        })?;
        trained?;
        Self::of_json(tokenizer.to_string(true).map_err(own)?)
    }

    /// Reads a `tokenizer.json` of this program or another maker.
    ///
    /// # Errors
    /// The file is missing, is not a `tokenizer.json`, or cannot represent unknown words; it is
    /// named.
    pub fn read(path: &Path) -> Result<Self> {
        let json = input::read_to_string(path)?;
        Self::of_json(json).with_context(|| format!("{} is not a tokenizer", path.display()))
    }

    fn of_json(json: String) -> Result<Self> {
        check(&json)?;
        let mut inner = Tokenizer::from_bytes(&json).map_err(own)?;
        // A text that has the name of a special token in it has no such token.
        inner.set_encode_special_tokens(true);
        inner.with_truncation(None).map_err(own)?;
        inner.with_padding(None);
        let vocabulary = inner.get_vocab(true);
        if let Some((token, id)) = vocabulary.iter().find(|(_, id)| **id >= MAX_ID) {
            bail!("the id {id} of {token:?} is too large: ids go up to {MAX_ID}");
        }
        let (here, there) = ids(&vocabulary);
        let bpe = Self { inner: Box::new(inner), json, here, there };
        bpe.try_encode("\u{10fffd} a")?;
        Ok(bpe)
    }

    pub(super) fn encode(&self, text: &str) -> Vec<u32> {
        // What it cannot write has been tried when it was read: only an unknown word is left.
        self.try_encode(text).unwrap_or_else(|_| vec![UNK])
    }

    /// Each id with what it stands for in `text`.
    pub(super) fn encode_with_text<'a>(&self, text: &'a str) -> Vec<(u32, &'a str)> {
        let Ok(encoding) = self.inner.encode(text, false) else { return vec![(UNK, text)] };
        let part = |(&id, &(begin, end)): (&u32, &(usize, usize))| {
            (self.of_text(id), text.get(begin..end).unwrap_or_default())
        };
        encoding.get_ids().iter().zip(encoding.get_offsets()).map(part).collect()
    }

    fn try_encode(&self, text: &str) -> Result<Vec<u32>> {
        let encoding = self.inner.encode_fast(text, false).map_err(own)?;
        Ok(encoding.get_ids().iter().map(|&id| self.of_text(id)).collect())
    }

    /// The id here of one that the file gives a part of a text: not every kind of model lets a text
    /// hold the name of a special token.
    fn of_text(&self, id: u32) -> u32 {
        match self.here[id as usize] {
            PAD | GO | EOS => UNK,
            id => id,
        }
    }

    pub(super) fn decode(&self, ids: &[u32]) -> String {
        let ids: Vec<u32> = ids.iter().filter_map(|&id| self.there[id as usize]).collect();
        // Decoders join strings; none of the library's fails on tokens of its own vocabulary.
        self.inner.decode(&ids, false).unwrap_or_default()
    }

    pub(super) fn size(&self) -> usize {
        self.there.len()
    }

    pub(super) fn fingerprint(&self) -> String {
        format!("bpe, {} tokens {:08x}", self.size(), crc32c::crc32c(self.json.as_bytes()))
    }

    pub(super) fn json(&self) -> &str {
        &self.json
    }
}

/// Refuses what the library takes and then panics at, and what splits words at random.
fn check(json: &str) -> Result<()> {
    let file: Value = serde_json::from_str(json)?;
    let dropout = file["model"]["dropout"].as_f64().unwrap_or(0.0);
    ensure!(
        dropout == 0.0,
        "it splits words at random (model.dropout = {dropout}): set model.dropout to null"
    );
    let is_endless = cuts_nothing(&file["pre_tokenizer"]);
    ensure!(!is_endless, "its pre-tokenizer FixedLength has a length of 0");
    let prefix = file["model"]["continuing_subword_prefix"].as_str().unwrap_or_default();
    for merge in file["model"]["merges"].as_array().into_iter().flatten() {
        let text = merge.as_str().and_then(|both| Some(both.split_once(' ')?.1));
        let second = text.or(merge[1].as_str()).unwrap_or_default();
        ensure!(
            second.starts_with(prefix),
            "the merge {merge} lacks continuing_subword_prefix = {prefix:?}"
        );
    }
    ensure!(!strips_ends(&file["decoder"]), "its decoder Strip has a stop above 0");
    Ok(())
}

/// Whether a decoder, or one of a sequence, takes letters away at the end of tokens, which may have
/// fewer.
fn strips_ends(decoder: &Value) -> bool {
    let strips = decoder["type"] == "Strip" && decoder["stop"].as_u64() != Some(0);
    strips || decoder["decoders"].as_array().into_iter().flatten().any(strips_ends)
}

/// Whether a pre-tokenizer, or one of a sequence, cuts parts without a letter.
fn cuts_nothing(pre: &Value) -> bool {
    let is_empty = pre["type"] == "FixedLength" && pre["length"].as_u64() == Some(0);
    is_empty || pre["pretokenizers"].as_array().into_iter().flatten().any(cuts_nothing)
}

/// The library's error, which is a box of its own.
fn own(error: tokenizers::Error) -> anyhow::Error {
    anyhow!(error)
}

/// A byte-level tokenizer whose decoder gives every text back to the byte.
fn untrained() -> Result<Tokenizer> {
    let bytes = ByteLevel::default().add_prefix_space(false);
    let strip = DecoderWrapper::from(Strip::new(' ', 1, 0));
    let mut tokenizer = Tokenizer::new(BPE::default());
    // Unlike `add_prefix_space` also before a text that begins with a space, so that taking one
    // space away is always right.
    tokenizer.with_normalizer(Some(Prepend::new(" ".to_owned()))).map_err(own)?;
    tokenizer.with_pre_tokenizer(Some(bytes));
    tokenizer.with_decoder(Some(Sequence::new(vec![bytes.into(), strip])));
    Ok(tokenizer)
}

fn trainer(size: usize) -> TrainerWrapper {
    let special = SPECIAL.iter().map(|&name| AddedToken::from(name, true)).collect();
    BpeTrainer::builder()
        .vocab_size(size)
        .min_frequency(2)
        .show_progress(false)
        .special_tokens(special)
        .initial_alphabet(ByteLevel::alphabet().into_iter().collect())
        .build()
        .into()
}

fn train(
    tokenizer: &mut Tokenizer,
    trainer: &mut TrainerWrapper,
    sentences: Receiver<String>,
) -> Result<()> {
    tokenizer.train(trainer, sentences.into_iter()).map_err(own)?;
    Ok(())
}

/// The ids here of those of a file, and the other way round.
fn ids(vocabulary: &HashMap<String, u32>) -> (Vec<u32>, Vec<Option<u32>>) {
    let find = |names: &&[&str]| names.iter().find_map(|&name| vocabulary.get(name).copied());
    let mut there: Vec<Option<u32>> = NAMES.iter().map(find).collect();
    let mut all: Vec<u32> = vocabulary.values().copied().collect();
    all.sort_unstable();
    all.dedup();
    let mut here = vec![UNK; all.last().map_or(0, |&last| last as usize + 1)];
    for (own, special) in there.iter().enumerate() {
        if let Some(special) = special {
            here[*special as usize] = own as u32;
        }
    }
    all.retain(|id| !there.contains(&Some(*id)));
    for id in all {
        here[id as usize] = there.len() as u32;
        there.push(Some(id));
    }
    (here, there)
}
