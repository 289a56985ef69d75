//! `lexicon.txt`, read. It is a part of the program, so a mistake in it is a panic.

/// A noun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Noun {
    /// Singular and plural in English.
    pub(super) english: [&'static str; 2],
    /// The singular; it ends with the vowel of its class.
    pub(super) invented: &'static str,
}

/// A word of one form in English, and its translation: whole or a stem.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Word {
    pub(super) english: &'static str,
    pub(super) invented: &'static str,
}

/// A verb, or an idiom that is used as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Verb {
    pub(super) base: &'static str,
    pub(super) third: &'static str,
    pub(super) past: &'static str,
    /// Its stem.
    pub(super) invented: &'static str,
}

/// All words, by what they are used for.
#[derive(Clone, Debug)]
pub(super) struct Lexicon {
    pub(super) beings: Vec<Noun>,
    pub(super) things: Vec<Noun>,
    pub(super) places: Vec<Noun>,
    pub(super) names: Vec<Word>,
    pub(super) adjectives: Vec<Word>,
    /// Determiners of the singular.
    pub(super) one: Vec<Word>,
    /// Determiners of the plural.
    pub(super) many: Vec<Word>,
    pub(super) without_object: Vec<Verb>,
    pub(super) with_object: Vec<Verb>,
    pub(super) giving: Vec<Verb>,
    pub(super) idioms: Vec<Verb>,
    pub(super) prepositions: Vec<Word>,
    /// Phrases of time that go with any tense.
    pub(super) moments: Vec<Word>,
    /// Those of one tense: past, present, future.
    pub(super) times: [Vec<Word>; 3],
}

/// An entry: the forms in English and the translation.
type Entry = (Vec<&'static str>, &'static str);

impl Lexicon {
    pub(super) fn embedded() -> Self {
        Self {
            beings: nouns("beings"),
            things: nouns("things"),
            places: nouns("places"),
            names: words("names"),
            adjectives: words("adjectives"),
            one: words("one"),
            many: words("many"),
            without_object: verbs("without_object"),
            with_object: verbs("with_object"),
            giving: verbs("giving"),
            idioms: verbs("idioms"),
            prepositions: words("prepositions"),
            moments: words("moments"),
            times: ["past", "present", "future"].map(words),
        }
    }
}

fn nouns(list: &str) -> Vec<Noun> {
    let noun = |(forms, invented): Entry| match forms[..] {
        [singular, plural] => Noun { english: [singular, plural], invented },
        _ => panic!("lexicon.txt: a noun has two forms: {forms:?}"),
    };
    entries(list).map(noun).collect()
}

fn words(list: &str) -> Vec<Word> {
    let word = |(forms, invented): Entry| match forms[..] {
        [english] => Word { english, invented },
        _ => panic!("lexicon.txt: a word has one form: {forms:?}"),
    };
    entries(list).map(word).collect()
}

fn verbs(list: &str) -> Vec<Verb> {
    let verb = |(forms, invented): Entry| match forms[..] {
        [base, third, past] => Verb { base, third, past, invented },
        _ => panic!("lexicon.txt: a verb has three forms: {forms:?}"),
    };
    entries(list).map(verb).collect()
}

/// The entries of a list.
fn entries(list: &str) -> impl Iterator<Item = Entry> {
    let lines = include_str!("lexicon.txt").lines().filter(|line| !line.starts_with('#'));
    let mut own = lines.skip_while(move |line| *line != list).skip(1);
    let first = own.next();
    assert!(first.is_some(), "lexicon.txt lacks {list}");
    let entries = first.into_iter().chain(own).take_while(|line| line.starts_with(' '));
    entries.map(|line| {
        let entry = line.split_once('=');
        let (forms, translation) = entry.unwrap_or_else(|| panic!("lexicon.txt: {line}"));
        (forms.split_whitespace().collect(), translation.trim())
    })
}
