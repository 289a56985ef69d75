//! Files of questions, such as `questions-words.txt`.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::data::input;
use crate::data::vocabulary::Vocabulary;

/// The questions of a file.
#[derive(Clone, Debug)]
pub struct Questions {
    path: PathBuf,
    sections: Vec<Section<[Box<str>; 4]>>,
}

/// The questions whose words all have a vector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolvedQuestions {
    pub(super) sections: Vec<ResolvedSection>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ResolvedSection {
    pub(super) name: String,
    pub(super) ids: Vec<[u32; 4]>,
    /// Questions that have a word without a vector.
    pub(super) skipped: u64,
    /// Lines that have not four words.
    pub(super) malformed: u64,
}

#[derive(Clone, Debug)]
struct Section<Question> {
    name: String,
    questions: Vec<Question>,
    /// Lines that have not four words.
    malformed: u64,
}

/// The section of questions before the first line that names one.
const UNNAMED: &str = "questions";

impl Questions {
    /// Reads a file. A line that begins with a colon names a section, any other is a question of
    /// four words; blank lines are nothing.
    ///
    /// # Errors
    /// When the file cannot be read or is not UTF-8.
    pub fn read(path: &Path) -> Result<Self> {
        Ok(Self::parse(path, &input::read_to_string(path)?))
    }

    /// The questions of a text in memory; `path` names it in errors.
    pub fn parse(path: &Path, text: &str) -> Self {
        let mut sections: Vec<Section<_>> = Vec::new();
        for line in text.lines() {
            if let Some(name) = line.strip_prefix(':') {
                sections.push(Section::new(name.trim()));
                continue;
            }
            let words: Vec<&str> = line.split_whitespace().collect();
            if words.is_empty() {
                continue;
            }
            if sections.is_empty() {
                sections.push(Section::new(UNNAMED));
            }
            let Some(section) = sections.last_mut() else { continue };
            match <[&str; 4]>::try_from(words) {
                Ok(words) => section.questions.push(words.map(Box::<str>::from)),
                Err(_) => section.malformed += 1,
            }
        }
        Self { path: path.to_owned(), sections }
    }

    /// The questions in the ids of a vocabulary. Those with a word that it lacks are counted.
    ///
    /// # Errors
    /// When no question is left.
    pub fn resolve(&self, vocabulary: &Vocabulary) -> Result<ResolvedQuestions> {
        let sections: Vec<_> =
            self.sections.iter().map(|section| section.resolve(vocabulary)).collect();
        if sections.iter().all(|section| section.ids.is_empty()) {
            bail!(self.why_none(vocabulary));
        }
        Ok(ResolvedQuestions { sections })
    }

    fn why_none(&self, vocabulary: &Vocabulary) -> String {
        let (path, mut questions) =
            (self.path.display(), self.sections.iter().flat_map(|section| &section.questions));
        let Some(first) = questions.next() else {
            return format!("{path} has no question: a question is a line of four words");
        };
        let missing = first.iter().find(|word| vocabulary.find(word).is_none());
        format!(
            "each of the {} questions of {path} has a word without a vector, such as {:?}: give \
             questions about the words of the text, or train on more text or with a lower \
             data.min_count",
            questions.count() + 1,
            missing.map_or("", |word| word)
        )
    }
}

impl Section<[Box<str>; 4]> {
    fn new(name: &str) -> Self {
        Self { name: name.to_owned(), questions: Vec::new(), malformed: 0 }
    }

    fn resolve(&self, vocabulary: &Vocabulary) -> ResolvedSection {
        let ids = |words: &[Box<str>; 4]| {
            let ids = words.each_ref().map(|word| vocabulary.find(word));
            let [Some(a), Some(b), Some(c), Some(d)] = ids else { return None };
            Some([a, b, c, d])
        };
        let ids: Vec<_> = self.questions.iter().filter_map(ids).collect();
        let skipped = (self.questions.len() - ids.len()) as u64;
        ResolvedSection { name: self.name.clone(), ids, skipped, malformed: self.malformed }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Questions {
        Questions::parse(Path::new("questions.txt"), text)
    }

    #[test]
    fn sections_words_and_what_is_not_asked() {
        let text = "a b c d\n: Capital \nA b\tC  d\r\na b c x\na b c\n\n: empty\n";
        let vocabulary = Vocabulary::new(["d", "c", "b", "a", "C"]).unwrap();
        let ResolvedQuestions { sections } = parse(text).resolve(&vocabulary).unwrap();
        // A word is looked up as it is written, and then without its case.
        let expect: [(&str, &[[u32; 4]], _, _); 3] = [
            (UNNAMED, &[[3, 2, 1, 0]], 0, 0),
            ("Capital", &[[3, 2, 4, 0]], 1, 1),
            ("empty", &[], 0, 0),
        ];
        assert_eq!(sections.len(), expect.len());
        for (section, (name, ids, skipped, malformed)) in sections.iter().zip(expect) {
            assert_eq!((section.name.as_str(), &*section.ids), (name, ids));
            assert_eq!((section.skipped, section.malformed), (skipped, malformed));
        }
    }

    #[test]
    fn errors_name_file_line_and_hint() {
        let vocabulary = Vocabulary::new(["a", "b"]).unwrap();
        let none = |text: &str| parse(text).resolve(&vocabulary).unwrap_err().to_string();
        assert!(none(": x\na b\n").contains("questions.txt has no question"));
        let error = none("A B Athens Greece\na b c d\n");
        assert!(error.starts_with("each of the 2 questions of questions.txt"), "{error}");
        assert!(error.contains("\"Athens\"") && error.contains("data.min_count"), "{error}");
        let error = Questions::read(Path::new("no/such.txt")).unwrap_err();
        assert!(format!("{error:#}").starts_with("cannot open no/such.txt: "));
    }
}
