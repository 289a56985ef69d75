//! A parsed TOML document whose keys know their lines.

use std::fmt;
use std::ops::Range;

use anyhow::{Result, anyhow, bail};
use toml::Value;
use toml::de::{DeTable, DeValue};

/// A TOML document and the name of its source.
pub(super) struct Document<'a> {
    label: &'a str,
    text: &'a str,
    table: DeTable<'a>,
}

impl<'a> Document<'a> {
    /// Parses `text`; a syntax error names `label`, the line and what is wrong.
    pub fn parse(label: &'a str, text: &'a str) -> Result<Self> {
        match DeTable::parse(text) {
            Ok(table) => Ok(Self { label, text, table: table.into_inner() }),
            Err(error) => {
                let line = line_of(text, error.span().map_or(0, |span| span.start));
                Err(anyhow!("{label}:{line}: {}", one_line(error.message())))
            }
        }
    }

    pub fn table(&self) -> &DeTable<'a> {
        &self.table
    }

    /// The place of the key or value at `span`.
    pub fn place(&self, span: Range<usize>) -> ValueOrigin {
        ValueOrigin::Line { source: self.label.to_owned(), line: line_of(self.text, span.start) }
    }

    /// The top-level key `model`, if there is one.
    pub fn model(&self) -> Result<Option<String>> {
        let Some((key, value)) = self.table.get_key_value("model") else { return Ok(None) };
        match value.get_ref() {
            DeValue::String(model) => Ok(Some(model.to_string())),
            other => {
                let place = self.place(key.span());
                bail!("model must be a string; it is of the type {} ({place})", other.type_str())
            }
        }
    }

    /// The place of the top-level key `key`.
    pub fn place_of(&self, key: &str) -> ValueOrigin {
        let span = self.table.get_key_value(key).map_or(0..0, |(key, _)| key.span());
        self.place(span)
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|&byte| byte == b'\n').count()
}

/// A message that may have several lines, in one.
pub(super) fn one_line(message: &str) -> String {
    message.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ")
}

/// The value without its spans.
///
/// # Errors
/// An integer outside of 64 bits, in words that follow "key = … ".
pub(super) fn plain(value: &DeValue<'_>) -> Result<Value, String> {
    Ok(match value {
        DeValue::String(string) => Value::String(string.to_string()),
        DeValue::Integer(integer) => Value::Integer(
            i64::from_str_radix(integer.as_str(), integer.radix())
                .map_err(|_| format!("= {integer} does not fit a signed 64-bit integer"))?,
        ),
        DeValue::Float(float) => {
            Value::Float(float.as_str().parse().map_err(|_| format!("= {float} is not a float"))?)
        }
        DeValue::Boolean(boolean) => Value::Boolean(*boolean),
        DeValue::Datetime(datetime) => Value::Datetime(*datetime),
        DeValue::Array(items) => {
            Value::Array(items.iter().map(|item| plain(item.get_ref())).collect::<Result<_, _>>()?)
        }
        DeValue::Table(table) => Value::Table(
            table
                .iter()
                .map(|(key, value)| Ok((key.get_ref().to_string(), plain(value.get_ref())?)))
                .collect::<Result<_, String>>()?,
        ),
    })
}

/// The origin of a config value, as error messages show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ValueOrigin {
    /// A line of a file or of a compiled-in preset.
    Line {
        /// `configs/x.toml` or `preset ptb-small`.
        source: String,
        /// Counted from one.
        line: usize,
    },
    /// `--set` with this text.
    Set(String),
    /// The default of the model.
    Default,
}

impl fmt::Display for ValueOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line { source, line } => write!(f, "{source}:{line}"),
            Self::Set(text) => write!(f, "--set {text}"),
            Self::Default => f.write_str("default"),
        }
    }
}
