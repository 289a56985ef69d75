//! The differences between two configs: a resumed run may change little.

use std::collections::BTreeMap;
use std::fmt;

use anyhow::{Result, bail};
use toml::{Table, Value};

use super::Config;
use super::schema::tree;

/// A value that differs in the new config.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The dotted key.
    pub key: String,
    /// The old value as TOML; `absent` where a free table has no such entry.
    pub old: String,
    /// The new value as TOML; `absent` where a free table has no such entry.
    pub new: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} in the run, {} now)", self.key, self.old, self.new)
    }
}

/// The values that differ between two configs, by key, without those in `resumable_keys`: keys,
/// or tables all of whose keys may change.
///
/// # Errors
/// A config that cannot be written as TOML.
pub fn differences<C: Config>(
    old: &C,
    new: &C,
    resumable_keys: &[&str],
) -> Result<Vec<Difference>> {
    let (old, new) = (leaves(&tree(old)?), leaves(&tree(new)?));
    let mut keys: Vec<_> = old.keys().chain(new.keys()).collect();
    keys.sort();
    keys.dedup();
    let shown = |value: Option<&Value>| value.map_or("absent".to_owned(), Value::to_string);
    Ok(keys
        .into_iter()
        .filter(|key| old.get(*key) != new.get(*key) && !is_under(key, resumable_keys))
        .map(|key| Difference {
            key: key.clone(),
            old: shown(old.get(key)),
            new: shown(new.get(key)),
        })
        .collect())
}

/// An error that shows both values of everything that differs outside of `resumable_keys`.
///
/// # Errors
/// There is such a difference.
pub fn refuse_differences<C: Config>(old: &C, new: &C, resumable_keys: &[&str]) -> Result<()> {
    let all: Vec<_> =
        differences(old, new, resumable_keys)?.iter().map(Difference::to_string).collect();
    if all.is_empty() {
        return Ok(());
    }
    bail!(
        "a resumed run cannot change {}; only these may change: {}; start a new run for the rest",
        all.join(", "),
        resumable_keys.join(", ")
    )
}

fn is_under(key: &str, allowed: &[&str]) -> bool {
    allowed.iter().any(|allowed| {
        key.strip_prefix(allowed).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    })
}

/// Every value of a config's tree by its dotted key.
pub fn leaves(table: &Table) -> BTreeMap<String, Value> {
    let mut all = BTreeMap::new();
    for (name, value) in table {
        match value {
            Value::Table(inner) => all.extend(
                leaves(inner).into_iter().map(|(key, value)| (format!("{name}.{key}"), value)),
            ),
            value => {
                all.insert(name.clone(), value.clone());
            }
        }
    }
    all
}
