//! The texts of an experiment, as ids.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use super::config::{Data, PtbConfig};
use crate::data::grammar::{Grammar, split_sizes, split_stream};
use crate::data::vocabulary::{
    Coverage, OutOfVocabulary, Vocabulary, VocabularyRules, WordCounter, WordReader,
};
use crate::data::words::{END_OF_SENTENCE, Space, TextSource};
use crate::data::{Missing, Split, fetch, locate};
use crate::system::wording::{by_number, plural};

/// Three texts in the ids of one vocabulary.
#[derive(Clone, Debug)]
pub struct Corpus {
    /// The words of the training text, or of the run that this one starts from.
    pub vocabulary: Vocabulary,
    /// The training text.
    pub train: Vec<u32>,
    /// The validation text.
    pub valid: Vec<u32>,
    /// The test text.
    pub test: Vec<u32>,
    /// The perplexity of the grammar itself, a lower bound on enough text, if the grammar is known.
    pub perplexity_bound: Option<f64>,
}

impl Corpus {
    /// Reads the texts of a config. Without a `vocabulary`, it is built from the training text.
    ///
    /// # Errors
    /// When a text is missing or cannot be read, with what to do about it.
    pub fn load(
        config: &PtbConfig,
        data_dir: &Path,
        vocabulary: Option<Vocabulary>,
    ) -> Result<Self> {
        let texts = Texts::new(config, data_dir, &Split::ALL)?;
        let (vocabulary, train) = match vocabulary {
            Some(vocabulary) => {
                let train = texts.read(Split::Train, &vocabulary, config.data.oov)?.tokens;
                (vocabulary, train)
            }
            None => {
                let mut counter = WordCounter::default();
                for word in texts.known_words() {
                    counter.know(word);
                }
                texts.for_each(Split::Train, |word| counter.add(word))?;
                // A text of one line without an end has none, and sentences are asked for later.
                counter.know(END_OF_SENTENCE);
                let Data { max_vocab, oov, .. } = config.data;
                let (kept, unknown) = (&[END_OF_SENTENCE], oov.unknown());
                let rules =
                    VocabularyRules { max: max_vocab, kept, unknown, ..VocabularyRules::default() };
                let made = counter.finish(&rules).context(texts.name(Split::Train))?;
                (made.0.without_counts(), made.1)
            }
        };
        let valid = texts.read(Split::Valid, &vocabulary, config.data.oov)?.tokens;
        let EncodedText { tokens: test, perplexity_bound, .. } =
            texts.read(Split::Test, &vocabulary, config.data.oov)?;
        Ok(Self { vocabulary, train, valid, test, perplexity_bound })
    }

    /// Reads a single text, in the ids of `vocabulary`.
    ///
    /// # Errors
    /// As [`Corpus::load`].
    pub fn load_split(
        config: &PtbConfig,
        data_dir: &Path,
        split: Split,
        vocabulary: &Vocabulary,
    ) -> Result<EncodedText> {
        Texts::new(config, data_dir, &[split])?.read(split, vocabulary, config.data.oov)
    }

    /// Reads a file in the ids of `vocabulary`.
    ///
    /// # Errors
    /// When it cannot be read, or has no word of the vocabulary.
    pub fn load_file(
        path: &Path,
        oov: OutOfVocabulary,
        vocabulary: &Vocabulary,
    ) -> Result<EncodedText> {
        let texts = Texts::Files([path.into(), path.into(), path.into()]);
        texts.read(Split::Test, vocabulary, oov)
    }

    /// The sizes and checksums that identify this corpus.
    pub fn fingerprint(&self) -> String {
        let mut text = self.vocabulary.fingerprint();
        for (name, tokens) in [("train", &self.train), ("valid", &self.valid), ("test", &self.test)]
        {
            text += &format!(", {name} {}", text_fingerprint(tokens));
        }
        text
    }
}

/// One text in the ids of a vocabulary.
#[derive(Clone, Debug)]
pub struct EncodedText {
    /// The ids.
    pub tokens: Vec<u32>,
    /// How much of it the vocabulary has.
    pub coverage: Coverage,
    /// The perplexity of the grammar itself, a lower bound on enough text, if the grammar is known.
    pub perplexity_bound: Option<f64>,
}

/// The length and checksum of one text, as the fingerprint of its corpus holds them.
pub fn text_fingerprint(tokens: &[u32]) -> String {
    let crc = tokens.iter().fold(0, |crc, id| crc32c::crc32c_append(crc, &id.to_le_bytes()));
    format!("{} {crc:08x}", tokens.len())
}

/// Where the words come from.
enum Texts {
    Files([PathBuf; 3]),
    Grammar { words: Vec<&'static str>, texts: Box<[String; 3]>, bound: f64 },
}

impl Texts {
    /// The sources of the texts; those in `needed` must exist.
    fn new(config: &PtbConfig, data_dir: &Path, needed: &[Split]) -> Result<Self> {
        if config.data.source == "grammar" {
            return Ok(Self::of_grammar(config));
        }
        let (folder, set) = (data_dir.join("ptb"), fetch::find("ptb")?);
        let Data { train, valid, test, .. } = &config.data;
        let paths = [train, valid, test].map(|name| locate(&folder, name));
        let mut needed = needed.iter().map(|split| &paths[*split as usize]);
        match needed.find(|path| !path.exists()) {
            Some(path) if set.files.iter().any(|file| *path == folder.join(&file.name)) => {
                let help = fetch::missing_help(set, data_dir);
                bail!(Missing(format!("{} is missing\n{help}", path.display())))
            }
            Some(path) => bail!(Missing(format!(
                "{} is missing (data.train, data.valid and data.test name the texts: a bare name is \
                looked up in {} or here, any other path is used as it is; if the text of a run has \
                moved, give --resume the option --set data.train=PATH)",
                path.display(),
                folder.display()
            ))),
            None => Ok(Self::Files(paths)),
        }
    }

    fn of_grammar(config: &PtbConfig) -> Self {
        let grammar = Grammar::english();
        let words = config.data.grammar_words;
        // The same text that `tfm data make grammar` writes.
        let made = split_sizes(words)
            .map(|(split, words)| grammar.text(config.seed, &split_stream(split), words));
        let bound = made[2].1.perplexity();
        let words = grammar.words().to_vec();
        Self::Grammar { words, texts: Box::new(made.map(|(text, _)| text)), bound }
    }

    fn name(&self, split: Split) -> String {
        match self {
            Self::Files(paths) => paths[split as usize].display().to_string(),
            Self::Grammar { .. } => "the grammar's text".to_string(),
        }
    }

    /// Words that are in the vocabulary even if the training text lacks them.
    fn known_words(&self) -> &[&'static str] {
        match self {
            Self::Files(_) => &[],
            Self::Grammar { words, .. } => words,
        }
    }

    /// That of a text with all its words: without some of them it is another one.
    fn perplexity_bound(&self, split: Split, coverage: Coverage) -> Option<f64> {
        match self {
            Self::Grammar { bound, .. } if split == Split::Test && coverage.outside == 0 => {
                Some(*bound)
            }
            _ => None,
        }
    }

    fn for_each(&self, split: Split, mut each: impl FnMut(&str)) -> Result<()> {
        let source = match self {
            Self::Files(paths) => TextSource::file(&paths[split as usize])?,
            Self::Grammar { texts, .. } => {
                TextSource::Memory(texts[split as usize].as_str().into())
            }
        };
        source.for_each_token(Space::Unicode, |token| each(token.or_end()))
    }

    fn read(
        &self,
        split: Split,
        vocabulary: &Vocabulary,
        oov: OutOfVocabulary,
    ) -> Result<EncodedText> {
        let mut reader = WordReader::new(vocabulary, oov.unknown())?;
        let mut ends = 0;
        self.for_each(split, |word| {
            ends += u64::from(word == END_OF_SENTENCE);
            reader.add(word);
        })?;
        let WordReader { tokens, coverage, .. } = reader;
        if coverage.outside > 0 {
            let name = self.name(split);
            let ends_inside = vocabulary.id(END_OF_SENTENCE).map_or(0, |_| ends);
            ensure!(
                coverage.words - coverage.outside > ends_inside,
                "{name}: none of its {} {} is in the vocabulary: it is another language or spelling",
                coverage.words - ends,
                plural(coverage.words - ends, "word")
            );
            let are = by_number(coverage.outside, "is", "are");
            tracing::warn!("{name}: {coverage} and {are} {}", fate(oov));
        }
        let perplexity_bound = self.perplexity_bound(split, coverage);
        Ok(EncodedText { tokens, coverage, perplexity_bound })
    }
}

/// What happens to words outside the vocabulary.
pub fn fate(oov: OutOfVocabulary) -> &'static str {
    match oov {
        OutOfVocabulary::Drop => "dropped",
        OutOfVocabulary::Unk => "read as <unk>",
    }
}
