//! The forms that labels are written in.

use std::path::Path;

use anyhow::{Error, anyhow};
use serde_json::Value;

/// How labels are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// `target_class: 449` with `target_class_string: "n01440764"`.
    Challenge,
    /// `0:tench`.
    Numbered,
    /// A WordNet id a line, perhaps with names.
    Synsets,
    /// A JSON object or array.
    Json,
    /// A label a line.
    Plain,
}

/// The label of a class.
pub(super) struct Entry {
    pub(super) class: usize,
    /// The line that it stands in, the first being 1.
    pub(super) line: usize,
    /// The WordNet id; empty if there is none.
    pub(super) wnid: String,
    /// The label; empty where the WordNet id alone is known.
    pub(super) text: String,
}

/// What is wrong with a text, and in which line, where this is known.
pub(super) struct Damage {
    line: Option<usize>,
    words: String,
}

impl Damage {
    fn new(line: impl Into<Option<usize>>, words: impl Into<String>) -> Self {
        Self { line: line.into(), words: words.into() }
    }

    /// The error of the file.
    pub(super) fn at(&self, path: &Path) -> Error {
        let (place, words) = (path.display(), &self.words);
        match self.line {
            Some(line) => anyhow!("{place}:{line}: {words}"),
            None => anyhow!("{place}: {words}"),
        }
    }
}

/// Finds out in which form labels are written, and reads them.
pub(super) fn parse(text: &str) -> Result<(Form, Vec<Entry>), Damage> {
    let is_control = |c: char| c.is_control() && c != '\t';
    if let Some(line) = text.lines().position(|line| line.contains(is_control)) {
        return Err(Damage::new(
            line + 1,
            "control characters are not allowed in labels: is this a text file?",
        ));
    }
    let start = text.trim_start();
    let every = |is: fn(&str) -> bool| {
        let mut lines = text.lines().filter(|line| !line.trim().is_empty()).peekable();
        lines.peek().is_some() && lines.all(is)
    };
    if text.contains("target_class") {
        Ok((Form::Challenge, challenge(text)?))
    } else if start.starts_with(['{', '[']) {
        Ok((Form::Json, json(text)?))
    } else if every(|line| numbered(line).is_some()) {
        Ok((Form::Numbered, numbered_lines(text)?))
    } else if every(|line| synset(line).is_some()) {
        Ok((Form::Synsets, lines(text).filter_map(synset_entry).collect()))
    } else {
        let entry = |(class, line, text): (usize, usize, &str)| Entry {
            class,
            line,
            wnid: String::new(),
            text: text.to_owned(),
        };
        Ok((Form::Plain, lines(text).map(entry).collect()))
    }
}

/// The class, number and trimmed text of every line up to the last that is not empty.
fn lines(text: &str) -> impl Iterator<Item = (usize, usize, &str)> {
    text.trim_end().lines().enumerate().map(|(i, line)| (i, i + 1, line.trim()))
}

/// A number, a colon and the label after them.
fn numbered(line: &str) -> Option<(&str, &str)> {
    let (number, label) = line.trim().split_once(':')?;
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then_some((number, label))
}

fn numbered_lines(text: &str) -> Result<Vec<Entry>, Damage> {
    let numbered = lines(text).filter_map(|(_, line, text)| Some((line, numbered(text)?)));
    let entry = |(line, (number, label)): (usize, (&str, &str))| {
        let class = class(number, line)?;
        Ok(Entry { class, line, wnid: String::new(), text: label.trim().to_owned() })
    };
    numbered.map(entry).collect()
}

/// A WordNet id and what follows it.
fn synset(line: &str) -> Option<(&str, &str)> {
    let line = line.trim();
    let (wnid, names) = line.split_once(['\t', ' ']).unwrap_or((line, ""));
    is_wnid(wnid).then_some((wnid, names.trim()))
}

fn synset_entry((class, line, text): (usize, usize, &str)) -> Option<Entry> {
    let (wnid, names) = synset(text)?;
    Some(Entry { class, line, wnid: wnid.to_owned(), text: names.to_owned() })
}

fn is_wnid(text: &str) -> bool {
    let digits = text.strip_prefix('n').unwrap_or_default();
    digits.len() == 8 && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// The entries of the text of a `LabelMap`, a protobuf message of the challenge.
fn challenge(text: &str) -> Result<Vec<Entry>, Damage> {
    let (mut entries, mut lines) = (Vec::new(), 1);
    let is_comment = |line: &str| line.trim_start().starts_with('#');
    for block in text.split_inclusive('}') {
        let newlines = |text: &str| text.matches('\n').count();
        let line = lines + newlines(&block[..block.len() - block.trim_start().len()]);
        lines += newlines(block);
        let code: Vec<&str> = block.lines().filter(|line| !is_comment(line)).collect();
        let code = code.join(" ");
        if code.trim().is_empty() {
            continue;
        }
        let number = after(&code, "target_class:");
        let number = number.map(|rest| rest.split([' ', '\t', '}']).next().unwrap_or(rest));
        let wnid = after(&code, "target_class_string:").and_then(quoted);
        let (Some(number), Some(wnid)) = (number, wnid) else {
            let words = "an entry needs a target_class and a quoted target_class_string";
            return Err(Damage::new(line, words));
        };
        let class = class(number, line)?;
        entries.push(Entry { class, line, wnid: wnid.to_owned(), text: String::new() });
    }
    Ok(entries)
}

/// The text after a field's name, without the space before it.
fn after<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.split_once(name).map(|(_, rest)| rest.trim_start())
}

/// What is between the first two quotes, with which the text begins.
fn quoted(text: &str) -> Option<&str> {
    let rest = text.strip_prefix('"')?;
    rest.split_once('"').map(|(inner, _)| inner)
}

fn class(number: &str, line: impl Into<Option<usize>>) -> Result<usize, Damage> {
    let digits = number.bytes().all(|byte| byte.is_ascii_digit());
    let class = number.parse::<u32>().ok().filter(|_| digits);
    match class {
        Some(class) => Ok(class as usize),
        None => Err(Damage::new(line, format!("{number:?} is not a class number"))),
    }
}

fn json(text: &str) -> Result<Vec<Entry>, Damage> {
    let value: Value = serde_json::from_str(text).map_err(|error| {
        Damage::new(error.line().max(1), format!("the JSON is damaged: {error}"))
    })?;
    let labels = value.get("id2label").unwrap_or(&value);
    match labels {
        Value::Object(labels) => {
            labels.iter().map(|(key, value)| json_entry(class(key, None)?, value)).collect()
        }
        Value::Array(labels) => {
            labels.iter().enumerate().map(|(i, value)| json_entry(i, value)).collect()
        }
        _ => Err(Damage::new(None, "the JSON is neither a list nor an object of labels")),
    }
}

fn json_entry(class: usize, value: &Value) -> Result<Entry, Damage> {
    let pair = |value: &Value| {
        let [wnid, text] = &value.as_array()?[..] else { return None };
        Some((wnid.as_str()?.to_owned(), text.as_str()?.to_owned()))
    };
    let label = value.as_str().map(|text| (String::new(), text.to_owned()));
    let Some((wnid, text)) = label.or_else(|| pair(value)) else {
        let words = format!("class {class} has neither a label nor a WordNet id with its label");
        return Err(Damage::new(None, words));
    };
    if text.contains(char::is_control) {
        return Err(Damage::new(
            None,
            format!("the label of class {class} has control characters"),
        ));
    }
    Ok(Entry { class, line: 1, wnid, text })
}
