//! The tree of valid keys and types: the defaults of a config.

use anyhow::{Result, anyhow, bail};
use toml::de::{DeTable, DeValue};
use toml::{Table, Value};

use super::Config;
use super::document::plain;
use super::nearest::nearest;
use super::place::ValueOrigin;

/// A value given for a key, and where.
pub(super) struct Assignment {
    pub key: Vec<String>,
    pub value: Value,
    pub place: ValueOrigin,
}

/// What a key path leads to.
pub(super) enum Slot<'a> {
    /// A value; its default tells the type.
    Leaf(&'a Value),
    /// A table with known keys.
    Table(&'a Table),
    /// A table with free keys.
    Free,
    /// Something inside of a free table.
    InFree,
}

pub(super) struct Schema {
    tree: Table,
    free: &'static [&'static str],
    retired: &'static [(&'static str, &'static str)],
    renamed: &'static [(&'static str, &'static str)],
}

impl Schema {
    pub fn of<C: Config>() -> Result<Self> {
        let (free, retired, renamed) = (C::FREE_TABLES, C::RETIRED, C::RENAMED);
        Ok(Self { tree: tree(&C::default())?, free, retired, renamed })
    }

    pub fn defaults(&self) -> &Table {
        &self.tree
    }

    /// The key by today's name.
    pub fn today(&self, key: Vec<String>) -> Vec<String> {
        let name = key.join(".");
        match self.renamed.iter().find(|(old, _)| *old == name) {
            Some((_, new)) => new.split('.').map(str::to_owned).collect(),
            None => key,
        }
    }

    /// What `key` leads to, or `None` where there is no such key.
    pub fn slot(&self, key: &[String]) -> Option<Slot<'_>> {
        let mut table = &self.tree;
        for (depth, name) in key.iter().enumerate() {
            let last = depth + 1 == key.len();
            let free = self.free.contains(&key[..=depth].join(".").as_str());
            match table.get(name)? {
                Value::Table(_) if free => {
                    return Some(if last { Slot::Free } else { Slot::InFree });
                }
                Value::Table(inner) if last => return Some(Slot::Table(inner)),
                Value::Table(inner) => table = inner,
                leaf if last => return Some(Slot::Leaf(leaf)),
                _ => return None,
            }
        }
        Some(Slot::Table(table))
    }

    /// Checks the keys and types of `table`, which was given at `prefix`, and appends its
    /// values to `into` in the order of the text.
    pub fn assign(
        &self,
        prefix: &[String],
        table: &DeTable<'_>,
        place: &dyn Fn(std::ops::Range<usize>) -> ValueOrigin,
        into: &mut Vec<Assignment>,
    ) -> Result<()> {
        let mut entries: Vec<_> = table.iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        for (name, value) in entries {
            let mut key = prefix.to_vec();
            key.push(name.get_ref().to_string());
            let key = self.today(key);
            let here = place(name.span());
            match (self.slot(&key), value.get_ref()) {
                (None, DeValue::String(value))
                    if self.retired.contains(&(key.join(".").as_str(), &**value)) => {}
                (None, _) => bail!(self.unknown(&key.join("."), &here)),
                (Some(Slot::Table(_) | Slot::Free), DeValue::Table(inner)) => {
                    self.assign(&key, inner, place, into)?;
                }
                (Some(slot), value) => {
                    let value = plain(value)
                        .map_err(|error| anyhow!("{} {error} ({here})", key.join(".")))?;
                    into.push(assignment(key, &slot, value, here)?);
                }
            }
        }
        Ok(())
    }

    /// The message for a key that does not exist, with the nearest that does.
    pub fn unknown(&self, key: &str, place: &ValueOrigin) -> String {
        let keys = keys(&self.tree, "");
        let hint = match nearest(key, keys.iter().map(String::as_str)) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => self.siblings(key),
        };
        match place {
            ValueOrigin::Set(_) => format!("--set {key}: unknown key; {hint}"),
            _ => format!("{place}: unknown key \"{key}\"; {hint}"),
        }
    }

    fn siblings(&self, key: &str) -> String {
        let names = |table: &Table| table.keys().cloned().collect::<Vec<_>>().join(", ");
        let (parent, _) = key.rsplit_once('.').unwrap_or(("", key));
        let path: Vec<_> = parent.split('.').map(str::to_owned).collect();
        match self.slot(&path) {
            Some(Slot::Table(table)) => format!("the keys of [{parent}] are: {}", names(table)),
            _ => format!("the keys at the top are: {}", names(&self.tree)),
        }
    }
}

/// A value that fits its slot; an integer for a float becomes one, and one value for an array
/// an array of one.
pub(super) fn assignment(
    key: Vec<String>,
    slot: &Slot<'_>,
    value: Value,
    place: ValueOrigin,
) -> Result<Assignment> {
    let name = key.join(".");
    let value = match slot {
        Slot::Leaf(default) => fit(default, value).map_err(|(value, expected)| {
            anyhow!("{name}{} it must be {expected} ({place})", is_a(&value))
        })?,
        Slot::Table(_) | Slot::Free => {
            bail!("{name}{} it must be a table ({place})", is_a(&value))
        }
        Slot::InFree => value,
    };
    if !is_finite(&value) {
        bail!("{name} = {value} must be finite ({place})");
    }
    Ok(Assignment { key, value, place })
}

/// ` = "fast" is a string;`, or ` is a table;` for what has no short form.
fn is_a(value: &Value) -> String {
    match value {
        Value::Table(_) => " is a table;".to_owned(),
        Value::Array(_) => format!(" = {value} is an array;"),
        Value::Integer(_) => format!(" = {value} is an integer;"),
        _ => format!(" = {value} is a {};", value.type_str()),
    }
}

fn fit(default: &Value, value: Value) -> Result<Value, (Value, &'static str)> {
    match (default, value) {
        (Value::Float(_), Value::Integer(integer)) => Ok(Value::Float(integer as f64)),
        (Value::Array(defaults), Value::Array(items)) => fit_items(defaults, items),
        (Value::Array(defaults), item) if defaults.first().is_some_and(|d| d.same_type(&item)) => {
            Ok(Value::Array(vec![item]))
        }
        (default, value) if default.same_type(&value) => Ok(value),
        (default, value) => Err((value, kind(default))),
    }
}

/// Every item of an array has the type of the first default; an empty default leaves the
/// items' type to serde.
fn fit_items(defaults: &[Value], items: Vec<Value>) -> Result<Value, (Value, &'static str)> {
    let Some(first) = defaults.first() else { return Ok(Value::Array(items)) };
    let fitted: Result<_, _> = items.iter().map(|item| fit(first, item.clone())).collect();
    fitted.map(Value::Array).map_err(|_| (Value::Array(items), element(first)))
}

/// The type of `value` in words.
pub(super) fn kind(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "a string",
        Value::Integer(_) => "an integer",
        Value::Float(_) => "a float",
        Value::Boolean(_) => "true or false",
        Value::Datetime(_) => "a date-time",
        Value::Array(_) => "an array",
        Value::Table(_) => "a table",
    }
}

fn element(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "an array of strings",
        Value::Integer(_) => "an array of integers",
        Value::Float(_) => "an array of floats",
        Value::Boolean(_) => "an array of true and false",
        Value::Datetime(_) => "an array of date-times",
        Value::Array(_) => "an array of arrays",
        Value::Table(_) => "an array of tables",
    }
}

/// Whether no float in `value` is an infinity or not a number.
pub(super) fn is_finite(value: &Value) -> bool {
    match value {
        Value::Float(float) => float.is_finite(),
        Value::Array(items) => items.iter().all(is_finite),
        Value::Table(table) => table.values().all(is_finite),
        _ => true,
    }
}

/// The config as a tree, by way of its text, so that an `f32` shows as it was written.
pub(super) fn tree<C: Config>(config: &C) -> Result<Table> {
    Ok(super::to_toml(config)?.parse()?)
}

fn keys(table: &Table, prefix: &str) -> Vec<String> {
    let mut all = Vec::new();
    for (name, value) in table {
        let key = format!("{prefix}{name}");
        if let Value::Table(inner) = value {
            all.extend(keys(inner, &format!("{key}.")));
        }
        all.push(key);
    }
    all
}
