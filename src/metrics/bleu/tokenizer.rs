//! What makes tokens of a segment, as sacreBLEU does.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::Regex;

use crate::metrics::corpus::{is_space, words};

/// What makes tokens of plain text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tokenizer {
    /// That of NIST's mteval-v13a, for languages of Latin letters.
    #[default]
    Mteval13a,
    /// No tokenisation: words are separated by white space.
    None,
    /// Every character is a token.
    Char,
    /// That of mteval-v14, which parts all of Unicode's punctuation and symbols from words.
    Intl,
}

impl Tokenizer {
    /// All there are.
    pub const ALL: [Self; 4] = [Self::Mteval13a, Self::None, Self::Char, Self::Intl];

    /// Its name in sacreBLEU's options and signature.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mteval13a => "13a",
            Self::None => "none",
            Self::Char => "char",
            Self::Intl => "intl",
        }
    }

    /// The tokens of a segment, with one space between them.
    pub fn tokenize(self, segment: &str) -> String {
        let segment = segment.trim_end_matches(is_space);
        match self {
            Self::Mteval13a => joined(words(&mteval_13a(segment))),
            Self::None => joined(words(segment)),
            Self::Char => {
                let chars = segment.char_indices().filter(|&(_, c)| !is_space(c));
                joined(chars.map(|(at, c)| &segment[at..at + c.len_utf8()]))
            }
            Self::Intl => joined(words(&international(segment))),
        }
    }
}

fn joined<'a>(tokens: impl Iterator<Item = &'a str>) -> String {
    let mut joined = String::new();
    for token in tokens {
        if !joined.is_empty() {
            joined.push(' ');
        }
        joined.push_str(token);
    }
    joined
}

/// The entities of SGML that stand for characters, in the order in which they are replaced: what
/// one replacement makes, a later one may take.
const ENTITIES: [(&str, &str); 4] =
    [("&quot;", "\""), ("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">")];

/// The text with spaces between tokens.
fn mteval_13a(segment: &str) -> String {
    let mut text = Cow::Borrowed(segment);
    for (from, to) in [("<skipped>", ""), ("-\n", ""), ("\n", " ")].into_iter().chain(ENTITIES) {
        if text.contains(from) {
            text = text.replace(from, to).into();
        }
    }
    let text = part_symbols(&format!(" {text} "));
    let (digit, stop) = (|c: char| c.is_ascii_digit(), |c| matches!(c, '.' | ','));
    // Each pass reads what the one before has written, as the regular expressions of mteval do.
    let text = part_pairs(&text, |a, b| (!digit(a) && stop(b)).then_some([a, ' ', b, ' ']));
    let text = part_pairs(&text, |a, b| (stop(a) && !digit(b)).then_some([' ', a, ' ', b]));
    part_pairs(&text, |a, b| (digit(a) && b == '-').then_some([a, ' ', b, ' ']))
}

/// Puts spaces around all ASCII symbols but `'`, `,`, `-` and `.`.
fn part_symbols(text: &str) -> String {
    let mut parted = String::with_capacity(2 * text.len());
    for c in text.chars() {
        match c {
            '{'..='~' | '['..='`' | ' '..='&' | '('..='+' | ':'..='@' | '/' => {
                parted.extend([' ', c, ' ']);
            }
            _ => parted.push(c),
        }
    }
    parted
}

/// Puts what `rule` says in place of each pair of neighbours for which it says something. Pairs do
/// not overlap: the search continues after one.
fn part_pairs(text: &str, rule: impl Fn(char, char) -> Option<[char; 4]>) -> String {
    let mut parted = String::with_capacity(text.len() + text.len() / 4);
    let mut chars = text.chars().peekable();
    while let Some(first) = chars.next() {
        match chars.peek().and_then(|&second| rule(first, second)) {
            Some(pair) => {
                parted.extend(pair);
                chars.next();
            }
            None => parted.push(first),
        }
    }
    parted
}

/// The rules of mteval-v14: punctuation is separated from everything but numbers, symbols from
/// everything. A character that is newer than the version of Unicode which `regex` knows is
/// neither.
static INTERNATIONAL: LazyLock<[(Regex, &str); 3]> = LazyLock::new(|| {
    let rule = |pattern, by| (Regex::new(pattern).expect("is well formed"), by);
    [
        rule(r"(\P{N})(\p{P})", "${1} ${2} "),
        rule(r"(\p{P})(\P{N})", " ${1} ${2}"),
        rule(r"(\p{S})", " ${1} "),
    ]
});

/// The text with spaces between tokens.
fn international(segment: &str) -> String {
    let rules = INTERNATIONAL.iter();
    rules.fold(segment.to_owned(), |text, (rule, by)| rule.replace_all(&text, *by).into_owned())
}
