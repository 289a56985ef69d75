//! `--set key=value`.

use anyhow::{Result, anyhow, bail, ensure};
use toml::Value;
use toml::de::DeValue;

use super::document::{one_line, plain};
use super::place::ValueOrigin;
use super::schema::{Assignment, Schema, Slot, assignment, kind};

/// Parses `sets` and checks them against `schema`; a key may be set once.
pub(super) fn assignments(sets: &[String], schema: &Schema) -> Result<Vec<Assignment>> {
    let mut all: Vec<Assignment> = Vec::new();
    for set in sets {
        let mut given = Vec::new();
        assign(set, schema, &mut given)?;
        for new in given {
            if let Some(old) = all.iter().find(|old| old.key == new.key) {
                bail!(
                    "{}: {} is already set by {}; set it once",
                    new.place,
                    new.key.join("."),
                    old.place
                );
            }
            all.push(new);
        }
    }
    Ok(all)
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
