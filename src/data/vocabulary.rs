//! Words and their ids: the most frequent word is 0.

use std::collections::HashMap;

use anyhow::{Result, bail, ensure};

/// The word that stands for words outside the vocabulary.
pub const UNKNOWN: &str = "<unk>";

/// What becomes of a word outside the vocabulary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OutOfVocabulary {
    /// It is left out, as the reference does.
    #[default]
    Drop,
    /// It is read as `<unk>`.
    Unk,
}

/// The words of a model, by id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vocabulary {
    words: Vec<Box<str>>,
    ids: HashMap<Box<str>, u32>,
}

impl Vocabulary {
    /// A vocabulary of `words` in the order of their ids.
    ///
    /// # Errors
    /// When a word occurs twice, or holds a newline.
    pub fn new(words: impl IntoIterator<Item = impl Into<Box<str>>>) -> Result<Self> {
        let words: Vec<Box<str>> = words.into_iter().map(Into::into).collect();
        let mut ids = HashMap::with_capacity(words.len());
        for (id, word) in words.iter().enumerate() {
            ensure!(!word.contains('\n'), "a word of the vocabulary holds a newline");
            if let Some(first) = ids.insert(word.clone(), u32::try_from(id)?) {
                bail!(
                    "the vocabulary holds {word:?} twice, as word {} and as word {}",
                    first + 1,
                    id + 1
                );
            }
        }
        Ok(Self { words, ids })
    }

    /// The number of words.
    pub fn len(&self) -> usize {
        self.words.len()
    }

    /// Whether there is no word.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// The id of a word.
    pub fn id(&self, word: &str) -> Option<u32> {
        self.ids.get(word).copied()
    }

    /// The word of an id.
    ///
    /// # Panics
    /// When there is no such id.
    pub fn word(&self, id: u32) -> &str {
        &self.words[id as usize]
    }

    /// One word a line, in the order of the ids.
    pub fn to_text(&self) -> String {
        self.words.iter().flat_map(|word| [word, "\n"]).collect()
    }

    /// The vocabulary that [`Vocabulary::to_text`] has written.
    ///
    /// # Errors
    /// As [`Vocabulary::new`].
    pub fn from_text(text: &str) -> Result<Self> {
        Self::new(text.lines())
    }
}

/// Words as they are read for the first time: ids in the order of appearance, and counts.
#[derive(Debug, Default)]
pub struct WordCounter {
    ids: HashMap<Box<str>, u32>,
    counts: Vec<u64>,
    tokens: Vec<u32>,
}

impl WordCounter {
    /// Takes in the next word of the text.
    pub fn add(&mut self, word: &str) {
        let id = self.know(word);
        self.counts[id as usize] += 1;
        self.tokens.push(id);
    }

    /// Puts a word into the vocabulary, whether the text has it or not; its id of now.
    pub fn know(&mut self, word: &str) -> u32 {
        if let Some(&id) = self.ids.get(word) {
            return id;
        }
        let id = self.counts.len() as u32;
        self.ids.insert(word.into(), id);
        self.counts.push(0);
        id
    }

    /// The `max` most frequent words by (−count, word), all of them where `max` is 0, and
    /// the text in their ids. With [`OutOfVocabulary::Unk`], the last place is kept for
    /// `<unk>` where the text does not have it among the most frequent words.
    ///
    /// # Errors
    /// When the text has no word.
    pub fn finish(self, max: usize, oov: OutOfVocabulary) -> Result<(Vocabulary, Vec<u32>)> {
        let Self { ids, counts, mut tokens } = self;
        ensure!(!tokens.is_empty(), "the training text has no word");
        let mut order: Vec<(Box<str>, u32)> = ids.into_iter().collect();
        order.sort_by(|(a, i), (b, j)| (counts[*j as usize], a).cmp(&(counts[*i as usize], b)));
        let limit = if max == 0 { order.len() } else { max.min(order.len()) };
        let is_kept = order[..limit].iter().any(|(word, _)| &**word == UNKNOWN);
        let adds_unknown = oov == OutOfVocabulary::Unk && !is_kept;
        let kept = if adds_unknown && limit == max { limit - 1 } else { limit };
        let mut words: Vec<Box<str>> = order[..kept].iter().map(|(word, _)| word.clone()).collect();
        if adds_unknown {
            words.push(UNKNOWN.into());
        }
        let vocabulary = Vocabulary::new(words)?;
        let outside = match oov {
            OutOfVocabulary::Drop => u32::MAX,
            OutOfVocabulary::Unk => vocabulary.id(UNKNOWN).unwrap_or(u32::MAX),
        };
        let mut new_ids = vec![outside; counts.len()];
        for (new, (_, old)) in order[..kept].iter().enumerate() {
            new_ids[*old as usize] = new as u32;
        }
        tokens.iter_mut().for_each(|token| *token = new_ids[*token as usize]);
        if kept < order.len() && outside == u32::MAX {
            tokens.retain(|&token| token != u32::MAX);
        }
        Ok((vocabulary, tokens))
    }
}

/// Words as ids of a vocabulary that exists already.
#[derive(Debug)]
pub struct WordReader<'a> {
    vocabulary: &'a Vocabulary,
    unknown: Option<u32>,
    /// The ids read so far.
    pub tokens: Vec<u32>,
    /// How many words were outside the vocabulary.
    pub outside: u64,
}

impl<'a> WordReader<'a> {
    /// A reader that drops words outside `vocabulary` or reads them as `<unk>`.
    ///
    /// # Errors
    /// When they are to be `<unk>` and the vocabulary lacks it.
    pub fn new(vocabulary: &'a Vocabulary, oov: OutOfVocabulary) -> Result<Self> {
        let unknown = match oov {
            OutOfVocabulary::Drop => None,
            OutOfVocabulary::Unk => Some(vocabulary.id(UNKNOWN).ok_or_else(|| {
                anyhow::anyhow!("the vocabulary lacks {UNKNOWN}; use data.oov = \"drop\"")
            })?),
        };
        Ok(Self { vocabulary, unknown, tokens: Vec::new(), outside: 0 })
    }

    /// Takes in the next word of the text.
    pub fn add(&mut self, word: &str) {
        let id = self.vocabulary.id(word);
        self.outside += u64::from(id.is_none());
        self.tokens.extend(id.or(self.unknown));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(text: &str, max: usize, oov: OutOfVocabulary) -> (Vec<String>, Vec<u32>) {
        let mut counter = WordCounter::default();
        text.split(' ').for_each(|word| counter.add(word));
        let (vocabulary, tokens) = counter.finish(max, oov).unwrap();
        let words = (0..vocabulary.len()).map(|id| vocabulary.word(id as u32).to_string());
        (words.collect(), tokens)
    }

    #[test]
    fn orders_words_by_count_and_spelling() {
        let (words, tokens) = count("b a c b d a b", 0, OutOfVocabulary::Drop);
        assert_eq!(words, ["b", "a", "c", "d"]);
        assert_eq!(tokens, [0, 1, 2, 0, 3, 1, 0]);
    }

    #[test]
    fn words_beyond_the_limit_are_dropped_or_unknown() {
        let text = "b a c b d a b";
        let (words, tokens) = count(text, 2, OutOfVocabulary::Drop);
        assert_eq!((words.len(), tokens), (2, vec![0, 1, 0, 1, 0]));
        let (words, tokens) = count(text, 3, OutOfVocabulary::Unk);
        assert_eq!(words, ["b", "a", "<unk>"]);
        assert_eq!(tokens, [0, 1, 2, 0, 2, 1, 0]);
        let (words, _) = count("<unk> <unk> a b", 2, OutOfVocabulary::Unk);
        assert_eq!(words, ["<unk>", "a"]);
        let (words, _) = count("a b", 0, OutOfVocabulary::Unk);
        assert_eq!(words, ["a", "b", "<unk>"]);
    }

    #[test]
    fn reads_other_text_in_the_same_ids() {
        let vocabulary = Vocabulary::new(["x", "<unk>"]).unwrap();
        let read = |oov| {
            let mut reader = WordReader::new(&vocabulary, oov).unwrap();
            ["x", "y", "x"].into_iter().for_each(|word| reader.add(word));
            (reader.tokens, reader.outside)
        };
        assert_eq!(read(OutOfVocabulary::Drop), (vec![0, 0], 1));
        assert_eq!(read(OutOfVocabulary::Unk), (vec![0, 1, 0], 1));
    }

    #[test]
    fn text_round_trips_and_doubles_are_errors() {
        let vocabulary = Vocabulary::new(["a", "b"]).unwrap();
        assert_eq!(Vocabulary::from_text(&vocabulary.to_text()).unwrap(), vocabulary);
        assert!(Vocabulary::new(["a", "a"]).unwrap_err().to_string().contains("twice"));
        assert!(WordCounter::default().finish(0, OutOfVocabulary::Drop).is_err());
    }
}
