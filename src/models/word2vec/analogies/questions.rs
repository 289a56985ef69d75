//! Files of questions, such as `questions-words.txt`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::data::vocabulary::Vocabulary;

/// The questions of a file.
#[derive(Clone, Debug)]
pub struct Questions {
    path: PathBuf,
    sections: Vec<Section<[Box<str>; 4]>>,
}

/// The questions whose words all have a vector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    pub(super) sections: Vec<AskedSection>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AskedSection {
    pub(super) name: String,
    pub(super) ids: Vec<[u32; 4]>,
    /// Questions that have a word without a vector, or not four words.
    pub(super) skipped: u64,
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
    /// four words, which are brought to lower case; blank lines are nothing.
    ///
    /// # Errors
    /// When the file cannot be read or is not UTF-8.
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = fs::read(path)
            .with_context(|| format!("cannot read the questions {}", path.display()))?;
        Self::parse(path, &bytes)
    }

    /// The questions of a text in memory; `path` names it in errors.
    ///
    /// # Errors
    /// When it is not UTF-8.
    pub fn parse(path: &Path, bytes: &[u8]) -> Result<Self> {
        let mut sections: Vec<Section<_>> = Vec::new();
        for (number, line) in (1..).zip(bytes.split(|&byte| byte == b'\n')) {
            let line = std::str::from_utf8(line)
                .with_context(|| format!("{}:{number} is not UTF-8", path.display()))?;
            if let Some(name) = line.strip_prefix(':') {
                sections.push(Section::new(name.trim()));
                continue;
            }
            let line = line.to_lowercase();
            let words: Vec<&str> = line.split_whitespace().collect();
            if words.is_empty() {
                continue;
            }
            if sections.is_empty() {
                sections.push(Section::new(UNNAMED));
            }
            let Some(section) = sections.last_mut() else { continue };
            match <[&str; 4]>::try_from(words) {
                Ok(words) => section.questions.push(words.map(Box::from)),
                Err(_) => section.malformed += 1,
            }
        }
        Ok(Self { path: path.to_owned(), sections })
    }

    /// The questions in the ids of a vocabulary. Those with a word that it lacks are counted.
    ///
    /// # Errors
    /// When no question is left.
    pub fn ask(&self, vocabulary: &Vocabulary) -> Result<Asked> {
        let sections: Vec<_> =
            self.sections.iter().map(|section| section.ask(vocabulary)).collect();
        if sections.iter().all(|section| section.ids.is_empty()) {
            bail!(self.why_none(vocabulary));
        }
        Ok(Asked { sections })
    }

    fn why_none(&self, vocabulary: &Vocabulary) -> String {
        let (path, mut questions) =
            (self.path.display(), self.sections.iter().flat_map(|section| &section.questions));
        let Some(first) = questions.next() else {
            return format!("{path} has no question: a question is a line of four words");
        };
        let missing = first.iter().find(|word| vocabulary.id(word).is_none());
        format!(
            "each of the {} questions of {path} has a word without a vector, such as {:?}; words \
             are looked up in lower case: give questions about the words of the text, or train on \
             more text or with a lower data.min_count",
            questions.count() + 1,
            missing.map_or("", |word| word)
        )
    }
}

impl Section<[Box<str>; 4]> {
    fn new(name: &str) -> Self {
        Self { name: name.to_owned(), questions: Vec::new(), malformed: 0 }
    }

    fn ask(&self, vocabulary: &Vocabulary) -> AskedSection {
        let ids = |words: &[Box<str>; 4]| {
            let ids = words.each_ref().map(|word| vocabulary.id(word));
            let [Some(a), Some(b), Some(c), Some(d)] = ids else { return None };
            Some([a, b, c, d])
        };
        let ids: Vec<_> = self.questions.iter().filter_map(ids).collect();
        let skipped = (self.questions.len() - ids.len()) as u64 + self.malformed;
        AskedSection { name: self.name.clone(), ids, skipped }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &[u8]) -> Result<Questions> {
        Questions::parse(Path::new("questions.txt"), text)
    }

    #[test]
    fn sections_words_and_what_is_skipped() {
        let text = "a b c d\n: Capital \nA b\tC  d\r\na b c x\na b c\n\n: empty\n";
        let vocabulary = Vocabulary::new(["d", "c", "b", "a"]).unwrap();
        let Asked { sections } = parse(text.as_bytes()).unwrap().ask(&vocabulary).unwrap();
        let expect = [(UNNAMED, 1, 0), ("Capital", 1, 2), ("empty", 0, 0)];
        assert_eq!(sections.len(), expect.len());
        for (section, (name, n, skipped)) in sections.iter().zip(expect) {
            assert_eq!((section.name.as_str(), section.skipped), (name, skipped));
            assert_eq!(section.ids, vec![[3, 2, 1, 0]; n]);
        }
    }

    #[test]
    fn errors_name_file_line_and_way_out() {
        let error = parse(b": x\na b c \xff\n").unwrap_err().to_string();
        assert_eq!(error, "questions.txt:2 is not UTF-8");
        let vocabulary = Vocabulary::new(["a", "b"]).unwrap();
        let none = |text: &[u8]| parse(text).unwrap().ask(&vocabulary).unwrap_err().to_string();
        assert!(none(b": x\na b\n").contains("questions.txt has no question"));
        let error = none(b"A B Athens Greece\na b c d\n");
        assert!(error.starts_with("each of the 2 questions of questions.txt"), "{error}");
        assert!(error.contains("\"athens\"") && error.contains("data.min_count"), "{error}");
        let error = Questions::read(Path::new("no/such.txt")).unwrap_err();
        assert!(format!("{error:#}").starts_with("cannot read the questions no/such.txt: "));
    }
}
