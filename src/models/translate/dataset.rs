//! The parallel texts of a run, as ids in buckets.

use std::path::{Path, PathBuf};
use std::thread::available_parallelism;

use anyhow::{Context, Result, ensure};

use super::batch::{BatchedText, Batches, TRAINING};
use super::config::{Data, TranslateConfig};
use super::overlap::Overlap;
use super::self_test;
use super::texts::text;
use crate::console;
use crate::data::parallel::{
    Bucket, Invalid, Longest, ParallelText, Preparation, PreparedPairs, Progress, Sentences,
};
use crate::data::tokenizer::{Basic, Bpe, Kind, SPECIAL, Side, Tokenizer};
use crate::data::{Split, synthetic_pairs};
use crate::rng::Stream;
use crate::run::RunDir;
use crate::system::wording::by_number;

/// Pairs of a random text.
const RANDOM_PAIRS: usize = 1000;
/// Pairs of the synthetic language that an epoch ends with.
const SYNTHETIC_DEV: usize = 500;

/// The training text, and the development text at the end of an epoch.
#[derive(Debug)]
pub struct Dataset {
    /// The tokenizer.
    pub tokenizer: Tokenizer,
    /// The pairs that are trained on.
    pub train: BatchedText,
    /// The development pairs.
    pub dev: BatchedText,
    /// The sentences of the development pairs, source and target.
    pub dev_text: Vec<[String; 2]>,
}

/// Pairs that a model is evaluated on, as ids and as sentences.
#[derive(Debug)]
pub struct HeldOut {
    /// As ids.
    pub text: BatchedText,
    /// As they are written.
    pub sentences: Sentences,
}

impl Dataset {
    /// Reads or makes the texts. The tokenizer is that of `run`, that of a file which the config names,
    /// or made from the training text.
    ///
    /// # Errors
    /// A text that is missing or damaged, or too long in all its pairs.
    pub fn load(config: &TranslateConfig, data_dir: &Path, run: Option<&RunDir>) -> Result<Self> {
        let file = &config.data.tokenizer_file;
        let known = match run {
            Some(run) => {
                let known = Tokenizer::load(run.path())?;
                warn_of_another_file(&known, file);
                Some(known)
            }
            None if file.is_empty() => None,
            None => {
                let read = Bpe::read(Path::new(file)).context("data.tokenizer_file")?;
                Some(Tokenizer::Bpe(read))
            }
        };
        let (data, default) = (&config.data, Data::default());
        let named = |data: &Data| [data.train.clone(), data.dev.clone(), data.test.clone()];
        let names_texts = named(data) != named(&default);
        if run.is_none() && data.source != "files" && names_texts {
            let source = &data.source;
            tracing::warn!(
                "data.train, data.dev and data.test are not read: data.source = \"{source}\" generates its \
                own texts; \"files\" reads them"
            );
        }
        if config.data.source == "self-test" {
            return Self::self_test(config);
        }
        known.iter().try_for_each(|known| check_kind(known, config.data.tokenizer))?;
        match &config.data.source[..] {
            "synthetic" => Self::synthetic(config, known),
            _ => Self::read(config, data_dir, known),
        }
    }

    /// The program's own language pair.
    fn synthetic(config: &TranslateConfig, known: Option<Tokenizer>) -> Result<Self> {
        let train = synthetic(config, Split::Train, config.data.synthetic_pairs);
        let dev = synthetic(config, Split::Valid, SYNTHETIC_DEV);
        let tokenizer = match known {
            Some(known) => known,
            None => train_tokenizer(&config.data, |add| {
                train.iter().for_each(|[source, target]| {
                    add(Side::Source, source);
                    add(Side::Target, target);
                });
                Ok(())
            })?,
        };
        let (train, dev_pairs) = (encode(&tokenizer, &train)?, encode(&tokenizer, &dev)?);
        Self::of(config, tokenizer, train, dev_pairs, dev)
    }

    /// The reference's made-up ids.
    fn self_test(config: &TranslateConfig) -> Result<Self> {
        let tokenizer = self_test::tokenizer()?;
        let sentences = self_test::sentences(&tokenizer);
        Self::of(config, tokenizer, self_test::pairs()?, self_test::pairs()?, sentences)
    }

    fn read(config: &TranslateConfig, data_dir: &Path, known: Option<Tokenizer>) -> Result<Self> {
        let train = text(config, data_dir, "data.train", &config.data.train)?;
        let dev = text(config, data_dir, "data.dev", &config.data.dev)?;
        let dev_text = dev.read()?.pairs;
        let test = &config.data.test;
        if known.is_none()
            && !test.is_empty()
            && let Err(error) = text(config, data_dir, "data.test", test)
        {
            tracing::warn!("{error:#}; `tfm eval translate --split test` will need it");
        }
        let read = |what: &str, add: &mut dyn FnMut(Side, &str)| {
            let mut progress = |of: Progress| report(what, of);
            let overlap = Overlap::new(&dev_text);
            train.for_each(&mut progress, |pair| {
                add(Side::Source, pair.source);
                add(Side::Target, pair.target);
                overlap.add(pair.source, pair.target);
                Ok(())
            })?;
            overlap.warning().iter().for_each(|warning| tracing::warn!("{warning}"));
            Ok(())
        };
        let tokenizer = match known {
            Some(known) => {
                read("comparing", &mut |_, _| ())?;
                known
            }
            None => train_tokenizer(&config.data, |add| read("counting words", add))?,
        };
        let prepare = |text: &ParallelText| {
            let folder = data_dir.join("prepared");
            let (tokenizer, threads) = (&tokenizer, threads());
            let what = Preparation { text, tokenizer, folder: &folder, threads };
            PreparedPairs::open(&what, &mut |of| report("preparing", of))
        };
        let (train_pairs, dev_pairs) = (prepare(&train)?, prepare(&dev)?);
        Self::of(config, tokenizer, train_pairs, dev_pairs, dev_text)
    }

    fn of(
        config: &TranslateConfig,
        tokenizer: Tokenizer,
        train: PreparedPairs,
        dev: PreparedPairs,
        dev_text: Vec<[String; 2]>,
    ) -> Result<Self> {
        warn_of_sampled_pieces(config, &tokenizer);
        let train = BatchedText::new(train, config, TRAINING).context("the training text")?;
        let dev = BatchedText::new(dev, config, "dev").context("the development text")?;
        for (name, text) in [("training", &train), ("development", &dev)] {
            let (dropped, all) = (text.dropped(), text.pairs.len());
            if dropped > 0 {
                let most = match text.batches {
                    Batches::Buckets(..) => "any bucket".to_string(),
                    Batches::Tokens(_) => {
                        let Longest { source, target } = config.longest();
                        format!("{source} tokens of the source or {target} of the target")
                    }
                };
                tracing::warn!(
                    "{dropped} of {all} {name} pairs {} longer than {most} and left out",
                    by_number(dropped, "is", "are")
                );
            }
        }
        Ok(Self { tokenizer, train, dev, dev_text })
    }

    /// Only the development text, or the test text: its pairs and its sentences.
    ///
    /// # Errors
    /// As [`Dataset::load`]; a config without a test text.
    pub fn held_out(
        config: &TranslateConfig,
        data_dir: &Path,
        tokenizer: &Tokenizer,
        split: Split,
    ) -> Result<HeldOut> {
        let (pairs, sentences) = match &config.data.source[..] {
            "synthetic" => {
                let sentences = synthetic(config, split, SYNTHETIC_DEV);
                (encode(tokenizer, &sentences)?, sentences)
            }
            "self-test" => (self_test::pairs()?, self_test::sentences(tokenizer)),
            _ => {
                let (key, names) = match split {
                    Split::Test => ("data.test", &config.data.test),
                    _ => ("data.dev", &config.data.dev),
                };
                ensure!(
                    !names.is_empty(),
                    "{key} = [] names no text: give --source and --target here, or {key} when starting \
                    a run"
                );
                let text = text(config, data_dir, key, names)?;
                return Self::read_pairs(config, text.paths(), tokenizer);
            }
        };
        let text = BatchedText::new(pairs, config, "dev")?;
        Ok(HeldOut { text, sentences: Sentences::of(sentences) })
    }

    /// Other pairs: the files of source and target, or one with tabs.
    ///
    /// # Errors
    /// As [`Dataset::load`].
    pub fn read_pairs(
        config: &TranslateConfig,
        files: &[PathBuf],
        tokenizer: &Tokenizer,
    ) -> Result<HeldOut> {
        let text = ParallelText::new(files, config.data.invalid)?.of_arguments();
        let mut sentences = text.read()?;
        let mut ids = ids(tokenizer, &sentences.pairs);
        // As in training: a tokenizer may find nothing in a line.
        let has_tokens: Vec<bool> = ids.iter().map(|ids| !ids.iter().any(Vec::is_empty)).collect();
        if let Some(pair) = has_tokens.iter().position(|has_tokens| !has_tokens) {
            let drops = config.data.invalid == Invalid::Drop;
            ensure!(drops, "{text}: line {} has no tokens on one side", sentences.lines[pair]);
            sentences.keep(&has_tokens);
            ids.retain(|ids| !ids.iter().any(Vec::is_empty));
        }
        let pairs = PreparedPairs::of_tokens(&ids, tokenizer)?;
        Ok(HeldOut { text: BatchedText::new(pairs, config, "dev")?, sentences })
    }

    /// Random words in sentences as long as each bucket and the config take, with its vocabularies.
    ///
    /// # Errors
    /// As [`Dataset::load`].
    pub fn random(config: &TranslateConfig) -> Result<Self> {
        let mut numbers = Stream::new(config.seed, "bench").at(0);
        let sizes = config.vocabularies();
        let mut sentence = |words: usize, below: usize| -> Vec<u32> {
            let known = below as u32 - SPECIAL.len() as u32;
            (0..words).map(|_| SPECIAL.len() as u32 + numbers.below(known)).collect()
        };
        let most = config.longest();
        let mut pair = |bucket: Bucket| {
            let (source, target) = (bucket.source - 1, bucket.target - 2);
            [
                sentence(source.min(most.source), sizes[0]),
                sentence(target.min(most.target), sizes[1]),
            ]
        };
        let buckets = config.data.sizes();
        let pairs: Vec<_> = (0..RANDOM_PAIRS).map(|i| pair(buckets[i % buckets.len()])).collect();
        let tokenizer = Tokenizer::Basic(Basic::train(sizes, |add| {
            for (side, size) in Side::ALL.into_iter().zip(sizes) {
                (SPECIAL.len()..size).for_each(|word| add(side, &letters(word)));
            }
            Ok(())
        })?);
        let of = || PreparedPairs::of_ids(&pairs);
        Self::of(config, tokenizer, of()?, of()?, Vec::new())
    }

    /// The sizes and checksums that identify it.
    pub fn fingerprint(&self) -> String {
        let (train, dev) = (self.train.pairs.fingerprint(), self.dev.pairs.fingerprint());
        format!("{}, train {train}, dev {dev}", self.tokenizer.fingerprint())
    }

    /// Words of source and target.
    pub fn vocabularies(&self) -> [usize; 2] {
        Side::ALL.map(|side| self.tokenizer.size(side))
    }
}

/// The tokenizer of a run stays with its parameters.
fn warn_of_another_file(known: &Tokenizer, file: &str) {
    let Ok(other) = Bpe::read(Path::new(file)) else { return };
    if Tokenizer::Bpe(other).fingerprint() != known.fingerprint() {
        tracing::warn!(
            "data.tokenizer_file = \"{file}\" is not used: its tokenizer is not that of the run whose \
            parameters are loaded"
        );
    }
}

/// The candidates of a sampled softmax are drawn by the ranks of words, which the ids of pieces are
/// not: those of bytes come first.
fn warn_of_sampled_pieces(config: &TranslateConfig, tokenizer: &Tokenizer) {
    let samples = config.network.num_samples;
    let is_sampled = (1..tokenizer.size(Side::Target)).contains(&samples);
    if !config.is_bidirectional() && tokenizer.is_shared() && is_sampled {
        tracing::warn!(
            "network.num_samples = {samples} draws negatives as if ids were sorted by falling frequency, \
            which those of data.tokenizer = \"bpe\" are not: use \"basic\", or \
            network.kind = \"bidirectional\""
        );
    }
}

/// Pairs of the program's own language.
fn synthetic(config: &TranslateConfig, split: Split, count: usize) -> Vec<[String; 2]> {
    let pairs = synthetic_pairs::pairs(config.seed, split).take(count);
    pairs.map(|pair| [pair.source, pair.target]).collect()
}

fn report(what: &str, Progress { share, .. }: Progress) {
    if let Some(share) = share {
        console::progress(what, (1000.0 * share) as u64, 1000);
    }
}

/// A tokenizer of the kind that a config asks for, from the sentences that `read` hands over.
fn train_tokenizer(
    data: &Data,
    read: impl FnOnce(&mut dyn FnMut(Side, &str)) -> Result<()>,
) -> Result<Tokenizer> {
    Ok(match data.tokenizer {
        Kind::Basic => {
            Tokenizer::Basic(Basic::train([data.source_vocab, data.target_vocab], read)?)
        }
        Kind::Bpe => Tokenizer::Bpe(Bpe::train(data.source_vocab, threads(), read)?),
    })
}

/// Holds the tokenizer of the run that is begun from to the kind that the config asks for.
fn check_kind(known: &Tokenizer, wanted: Kind) -> Result<()> {
    let kind = if known.is_shared() { Kind::Bpe } else { Kind::Basic };
    let name = |kind| if kind == Kind::Bpe { "bpe" } else { "basic" };
    ensure!(
        kind == wanted,
        "data.tokenizer = \"{}\" differs from that of the run of --init-from, \"{}\": set that, \
        or start without --init-from",
        name(wanted),
        name(kind)
    );
    Ok(())
}

fn encode(tokenizer: &Tokenizer, pairs: &[[String; 2]]) -> Result<PreparedPairs> {
    PreparedPairs::of_tokens(&ids(tokenizer, pairs), tokenizer)
}

fn ids(tokenizer: &Tokenizer, pairs: &[[String; 2]]) -> Vec<[Vec<u32>; 2]> {
    let ids = |[source, target]: &[String; 2]| {
        [tokenizer.encode(Side::Source, source), tokenizer.encode(Side::Target, target)]
    };
    pairs.iter().map(ids).collect()
}

/// Threads that read texts; no result depends on them.
fn threads() -> usize {
    available_parallelism().map_or(1, usize::from)
}

/// A word of its own for every number; digits would all be read as 0.
pub fn letters(mut number: usize) -> String {
    let mut word = String::new();
    loop {
        word.push(char::from(b'a' + (number % 26) as u8));
        number /= 26;
        if number == 0 {
            return word;
        }
    }
}
