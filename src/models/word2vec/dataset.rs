//! The text of a config, and the evaluation questions for its vectors.

use std::path::{Path, PathBuf};
use std::thread::available_parallelism;

use anyhow::{Result, bail, ensure};

use super::analogies::Questions;
use super::config::{CorpusSource, Word2VecConfig};
use super::similarity::{self, Pairs};
use crate::data::corpus::{self, Corpus, Limits, Sentences, Subsampling};
use crate::data::vocabulary::{Coverage, Vocabulary};
use crate::data::{Missing, analogies, locate};
use crate::system::memory;
use crate::system::wording::plural;

/// The subfolders of the data folder that are searched for texts.
const TEXTS: [&str; 2] = ["enwiki", "text8"];
/// Memory that a word of the generated text takes, with its growth.
const BYTES_OF_A_WORD: u64 = 16;
/// The subfolder of the data folder that is searched for questions.
const QUESTIONS: &str = "word2vec-eval";
/// The minimum words of a text for each word of a half-window, as in the reference.
const MIN_WORDS: usize = 10;
/// A warning is given if a larger share of the text is outside the vocabulary.
const MUCH_OUTSIDE: f64 = 0.2;

/// A text and the questions on it.
pub struct TextDataset {
    /// The text in ids.
    pub corpus: Corpus,
    /// Analogies, if the config names some.
    pub questions: Option<Questions>,
    /// Word pairs with similarity scores, if the config names some.
    pub pairs: Option<Pairs>,
}

impl TextDataset {
    /// Reads or makes the text, in the words of `vocabulary` where it is given. The texts are found
    /// and the questions read first: a name that is wrong shows before a long text is read.
    ///
    /// # Errors
    /// A file that is missing or damaged, or too little text.
    pub fn load(
        config: &Word2VecConfig,
        data_dir: &Path,
        vocabulary: Option<Vocabulary>,
    ) -> Result<Self> {
        let paths = match config.data.source {
            CorpusSource::Files => texts(config, data_dir)?,
            CorpusSource::Analogies => Vec::new(),
        };
        let (questions, pairs) = (questions(config, data_dir)?, pairs(config, data_dir)?);
        let corpus = match config.data.source {
            CorpusSource::Files => read(config, &corpus::files(&paths)?, vocabulary)?,
            CorpusSource::Analogies => {
                let words = config.data.analogies_words;
                memory::ensure_fits(BYTES_OF_A_WORD * words as u64, || {
                    format!("data.analogies_words = {words}")
                })?;
                let text = analogies::text(config.seed, config.data.analogies_words);
                read(config, &[corpus::TextSource::Memory(text.into())], vocabulary)?
            }
        };
        let least = MIN_WORDS * config.train.window_size;
        ensure!(
            corpus.len() >= least,
            "{} contains too little data: {} {}, but windows of {} need {least}",
            match config.data.source {
                CorpusSource::Files => config.data.train.join(", "),
                CorpusSource::Analogies => "the generated text".to_string(),
            },
            corpus.len(),
            plural(corpus.len(), "word"),
            config.train.window_size
        );
        tell_coverage(&corpus);
        let text = Self { corpus, questions, pairs };
        // Subsampling that keeps no word, or a file without a known question, fails before
        // training.
        text.sentences(config)?;
        if let Some(questions) = &text.questions {
            questions.resolve(&text.corpus.vocabulary)?;
        }
        if let Some(pairs) = &text.pairs {
            similarity::known(pairs, &text.corpus.vocabulary)?;
        }
        Ok(text)
    }

    /// Whether the vectors are evaluated.
    pub fn is_evaluated(&self) -> bool {
        self.questions.is_some() || self.pairs.is_some()
    }

    /// The sentences that training reads.
    ///
    /// # Errors
    /// When subsampling would keep no word.
    pub fn sentences(&self, config: &Word2VecConfig) -> Result<Sentences<'_>> {
        let (counts, sample) = (self.corpus.vocabulary.counts(), config.train.subsample);
        let subsampling = Subsampling::new(counts, sample, config.data.unk, config.seed)?;
        Ok(Sentences::new(&self.corpus, subsampling, config.data.sentences))
    }
}

/// Reports how much of the text has a vector of its own, and warns if it is little.
fn tell_coverage(corpus: &Corpus) {
    let outside = corpus.vocabulary.counts().first().copied().unwrap_or_default();
    let coverage = Coverage { words: corpus.len() as u64, outside };
    match coverage.share_outside() {
        share if share > MUCH_OUTSIDE => tracing::warn!("{coverage}"),
        _ => tracing::info!("{coverage}"),
    }
}

fn read(
    config: &Word2VecConfig,
    sources: &[corpus::TextSource],
    vocabulary: Option<Vocabulary>,
) -> Result<Corpus> {
    let threads = available_parallelism().map_or(1, usize::from);
    match vocabulary {
        Some(vocabulary) => Corpus::read_with(sources, vocabulary, threads),
        None => {
            let (min_count, max_vocab) = (config.data.min_count, config.data.max_vocab);
            Corpus::read(sources, Limits { min_count, max_vocab }, threads)
        }
    }
}

/// The analogies that the config names, or those of the generated text.
///
/// # Errors
/// A file that is missing or damaged.
pub fn questions(config: &Word2VecConfig, data_dir: &Path) -> Result<Option<Questions>> {
    Ok(match (&*config.eval.questions, config.data.source) {
        ("", CorpusSource::Files) => None,
        ("", CorpusSource::Analogies) => {
            Some(Questions::parse(Path::new("the generated text"), &analogies::questions()))
        }
        (name, _) => Some(Questions::read(&evaluation_file("questions", name, data_dir)?)?),
    })
}

/// The word pairs that the config names.
///
/// # Errors
/// A file that is missing or damaged.
pub fn pairs(config: &Word2VecConfig, data_dir: &Path) -> Result<Option<Pairs>> {
    Ok(match &*config.eval.similarity {
        "" => None,
        name => Some(Pairs::read(&evaluation_file("similarity", name, data_dir)?)?),
    })
}

/// The path of a file that the command line names, found as those of the config.
pub fn given_file(path: &Path, data_dir: &Path) -> PathBuf {
    locate(&data_dir.join(QUESTIONS), &path.to_string_lossy())
}

/// The path of `eval.<key> = name`.
fn evaluation_file(key: &str, name: &str, data_dir: &Path) -> Result<PathBuf> {
    let path = locate(&data_dir.join(QUESTIONS), name);
    if !path.exists() {
        bail!(Missing(format!(
            "{} is missing (eval.{key} = \"{name}\": a bare name is looked up in {} or here, any other \
            path is used as it is; `tfm data fetch word2vec-eval` downloads questions-words.txt; --set \
            eval.{key}= trains without it)",
            path.display(),
            data_dir.join(QUESTIONS).display()
        )));
    }
    Ok(path)
}

/// The paths of the texts.
fn texts(config: &Word2VecConfig, data_dir: &Path) -> Result<Vec<PathBuf>> {
    let folders = TEXTS.map(|folder| data_dir.join(folder));
    let path = |name: &String| {
        let [first, second] = folders.each_ref().map(|folder| locate(folder, name));
        // What is here comes after what is in either folder.
        let is_in_first = first != Path::new(name) && first.exists();
        if is_in_first || !second.exists() { first } else { second }
    };
    let paths: Vec<_> = config.data.train.iter().map(path).collect();
    match paths.iter().find(|path| !path.exists()) {
        Some(path) => bail!(Missing(format!(
            "{} is missing (data.train names the texts: a bare name is looked up in {}, {} or here, \
            any other path is used as it is; any text works: --set data.train=./text.txt --set \
            data.sentences=lines; `tfm data fetch text8 word2vec-eval` downloads one with questions, \
            for `tfm train word2vec --config word2vec-text8`)",
            path.display(),
            folders[0].display(),
            folders[1].display()
        ))),
        None => Ok(paths),
    }
}
