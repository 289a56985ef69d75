//! Configs: text → TOML document → overlay on the defaults → `--set` → typed struct →
//! [`Config::validate`]. Knows no model.
//!
//! The valid keys are those of `C::default()` written as TOML, nested tables included; a config
//! therefore has no `Option` field (an absent one would not be a key), no enum with fields, and no
//! integer above `i64::MAX` (TOML has none). The one place where keys are free are the tables named
//! in [`Config::FREE_TABLES`]; the structs in those and in arrays say `deny_unknown_fields`
//! themselves. Elsewhere the keys are checked here and not by serde, so that a struct may be
//! `serde(flatten)`, which disables `deny_unknown_fields`: its fields are keys like the others,
//! unless they are those of a map.
//!
//! Every error says where the value came from: `configs/x.toml:12`, `preset ptb-small:12`,
//! `--set train.lr=0.1` or `default`.

mod differences;
mod document;
mod invalid;
mod keys;
mod nearest;
mod resolve;
mod schema;
mod source;

use std::path::Path;

use anyhow::{Context, Result};
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use differences::{Difference, differences, leaves, refuse_differences};
pub use document::ValueOrigin;
pub use invalid::{Expect, Expectation, check_expect};
pub use invalid::{Invalid, above_zero_up_to, at_least, divides, in_range, one_of, positive};
pub use keys::{Key, keys};
pub use resolve::Loaded;
pub use source::{Preset, model_of, text_of_file};

/// A model's settings: one typed struct that nests those of the modules it uses.
///
/// A field `model: String` at the top says which model the config is for; where there is
/// one, a config of another model is refused with its name.
pub trait Config: Default + Serialize + DeserializeOwned + JsonSchema {
    /// Dotted paths of the map-typed fields whose keys are free, such as `"expect"`.
    /// `validate` checks their names.
    const FREE_TABLES: &'static [&'static str] = &[];

    /// Dotted keys of earlier versions, with the only value that was valid: in an old file that
    /// value is accepted and ignored.
    const RETIRED: &'static [(&'static str, &'static str)] = &[];

    /// Dotted keys by their old name, with the current one: either may be given.
    const RENAMED: &'static [(&'static str, &'static str)] = &[];

    /// Checks the range of every value, and what holds between values.
    fn validate(&self) -> Result<(), Invalid>;
}

/// Reads the config `name` (else `default_preset`) and applies the `--set` list to it.
///
/// `name` is a path if it has a path separator or ends in `.toml`, else the name of one of
/// `presets`. Each of `sets` is `key=value`.
///
/// # Errors
/// An unknown preset, an unreadable file, TOML syntax, an unknown key, a value of a wrong
/// type or out of its range: each in one line with its place.
pub fn load<C: Config>(
    name: Option<&str>,
    default_preset: &str,
    presets: &[Preset],
    sets: &[String],
) -> Result<Loaded<C>> {
    let source = source::find(name.unwrap_or(default_preset), presets)?;
    resolve::resolve(source, sets)
}

/// The config of a run that is resumed, and the one it continues with.
pub struct Resumed<C> {
    /// What the run folder says.
    pub previous: C,
    /// The same with the `--set` list applied.
    pub loaded: Loaded<C>,
}

/// Reads the `config.toml` of a run (`text`, which is at `path`) and applies the `--set` list to
/// it. `name` is the name of the run's preset. [`refuse_differences`] decides what may not change.
///
/// # Errors
/// As [`load`].
pub fn resume<C: Config>(
    name: &str,
    path: &Path,
    text: &str,
    sets: &[String],
) -> Result<Resumed<C>> {
    let source = source::ConfigText {
        label: path.display().to_string(),
        name: name.to_owned(),
        text: text.to_owned(),
    };
    let previous = resolve::resolve::<C>(source.clone(), &[])?.config;
    Ok(Resumed { previous, loaded: resolve::resolve(source, sets)? })
}

/// The resolved config as TOML, in the order of the struct's fields. Reading it back gives the same
/// config, floats bit for bit.
///
/// # Errors
/// A value that TOML has no form for, such as an integer above `i64::MAX`.
pub fn to_toml<C: Config>(config: &C) -> Result<String> {
    toml::to_string(config).context("the config has a value that TOML cannot hold")
}

#[cfg(test)]
mod tests;
