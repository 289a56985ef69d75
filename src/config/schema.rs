//! The tree of valid keys and types: the defaults of a config.

use anyhow::{Result, anyhow, bail, ensure};
use toml::de::{DeTable, DeValue};
use toml::{Table, Value};

use super::Config;
use super::document::{ValueOrigin, one_line, plain};
use super::nearest::nearest;

/// A value given for a key, and where.
pub(super) struct Assignment {
    pub key: Vec<String>,
    pub value: Value,
    pub place: ValueOrigin,
}

/// What a key path leads to.
enum Slot<'a> {
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
    fn today(&self, key: Vec<String>) -> Vec<String> {
        let name = key.join(".");
        match self.renamed.iter().find(|(old, _)| *old == name) {
            Some((_, new)) => new.split('.').map(str::to_owned).collect(),
            None => key,
        }
    }

    /// What `key` leads to, or `None` if the key does not exist.
    fn slot(&self, key: &[String]) -> Option<Slot<'_>> {
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
    fn unknown(&self, key: &str, place: &ValueOrigin) -> String {
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
            _ => format!("the top-level keys are: {}", names(&self.tree)),
        }
    }
}

/// A value that fits its slot; an integer for a float becomes one, and one value for an array
/// an array of one.
fn assignment(
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
        Value::Boolean(_) => "an array of booleans",
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

/// Parses `sets` and checks them against `schema`.
pub(super) fn assignments(sets: &[String], schema: &Schema) -> Result<Vec<Assignment>> {
    let mut all = Vec::new();
    sets.iter().try_for_each(|set| assign(set, schema, &mut all))?;
    Ok(all)
}

/// Checks that every key is set once, by whichever of its names.
pub(super) fn ensure_once(all: &[Assignment]) -> Result<()> {
    for (index, new) in all.iter().enumerate() {
        if let Some(old) = all[..index].iter().find(|old| old.key == new.key) {
            let (key, new, old) = (new.key.join("."), &new.place, &old.place);
            bail!("{new}: {key} is already set by {old}; set it once");
        }
    }
    Ok(())
}

fn assign(set: &str, schema: &Schema, into: &mut Vec<Assignment>) -> Result<()> {
    let Some((key, text)) = set.split_once('=') else {
        bail!("--set {set}: no value; write --set {}=VALUE", set.trim());
    };
    let (key, text) = (key.trim(), text.trim());
    ensure!(!key.is_empty(), "--set {set}: no key; write --set KEY=VALUE");
    let place = ValueOrigin::Set(format!("{key}={text}"));
    let path = schema.today(key.split('.').map(|name| name.trim().to_owned()).collect());
    let Some(slot) = schema.slot(&path) else { bail!(schema.unknown(key, &place)) };
    let parsed = match slot {
        Slot::Leaf(default) if is_text(default, text) => {
            into.push(assignment(path, &slot, Value::String(text.to_owned()), place)?);
            return Ok(());
        }
        _ => DeValue::parse(text).map_err(|error| not_toml(&place, &slot, error.message()))?,
    };
    match (&slot, parsed.get_ref()) {
        (Slot::Table(_) | Slot::Free, DeValue::Table(table)) => {
            schema.assign(&path, table, &|_| place.clone(), into)
        }
        (_, value) => {
            let value = plain(value).map_err(|error| anyhow!("{key} {error} ({place})"))?;
            into.push(assignment(path, &slot, value, place)?);
            Ok(())
        }
    }
}

/// Whether `text` is a string without quotes, for a slot of one string or of several.
fn is_text(default: &Value, text: &str) -> bool {
    match default {
        Value::String(_) => !text.starts_with(['"', '\'']),
        Value::Array(items) => {
            matches!(items.first(), Some(Value::String(_))) && !text.starts_with(['[', '"', '\''])
        }
        _ => false,
    }
}

fn not_toml(place: &ValueOrigin, slot: &Slot<'_>, message: &str) -> anyhow::Error {
    let expected = match slot {
        // What the parser misses in a bare word says nothing about a number.
        Slot::Leaf(default @ (Value::Integer(_) | Value::Float(_) | Value::Boolean(_))) => {
            return anyhow!("{place}: the value must be {}", kind(default));
        }
        Slot::Leaf(default) => kind(default),
        Slot::Table(_) | Slot::Free => "a table (or set one of its keys)",
        Slot::InFree => "a TOML value",
    };
    anyhow!("{place}: the value must be {expected}: {}", one_line(message))
}
