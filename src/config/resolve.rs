//! Defaults, document and `--set` list made one checked config.

use std::collections::BTreeMap;

use anyhow::{Context, Error, Result, anyhow, bail, ensure};
use toml::{Table, Value};

use super::document::{Document, ValueOrigin, one_line};
use super::schema::{Assignment, Schema, is_finite, tree};
use super::source::ConfigText;
use super::{Config, Invalid, schema};

/// A checked config and where its values came from.
#[derive(Debug)]
pub struct Loaded<C> {
    /// The typed, validated config.
    pub config: C,
    /// The preset's name or the file's stem.
    pub name: String,
    /// `preset ptb-small` or `configs/x.toml`.
    pub source: String,
    tree: Table,
    origins: BTreeMap<String, ValueOrigin>,
}

impl<C> Loaded<C> {
    /// Where the value of the dotted `key` came from.
    pub fn place(&self, key: &str) -> ValueOrigin {
        place(&self.origins, key)
    }

    /// The error for a value that breaks a rule, with the value and its place; for rules
    /// that only hold against the data or the device, which `validate` does not know.
    pub fn error(&self, invalid: &Invalid) -> Error {
        invalid_value(&self.tree, &self.origins, invalid)
    }
}

pub(super) fn resolve<C: Config>(source: ConfigText, sets: &[String]) -> Result<Loaded<C>> {
    let schema = Schema::of::<C>().context("the defaults of this config are not TOML")?;
    let assignments = assignments(&source, sets, &schema)?;
    let mut values = schema.defaults().clone();
    for assignment in &assignments {
        apply(&mut values, assignment);
    }
    let config: C = Value::Table(values)
        .try_into()
        .map_err(|error| blame::<C>(schema.defaults(), &assignments, &error))?;
    let origins = assignments.into_iter().map(|given| (given.key.join("."), given.place)).collect();
    let loaded =
        Loaded { tree: tree(&config)?, config, name: source.name, source: source.label, origins };
    check_model(schema.defaults(), &loaded)?;
    check_finite(&loaded.tree, "", &loaded)?;
    loaded.config.validate().map_err(|invalid| loaded.error(&invalid))?;
    Ok(loaded)
}

fn assignments(source: &ConfigText, sets: &[String], schema: &Schema) -> Result<Vec<Assignment>> {
    let document = Document::parse(&source.label, &source.text)?;
    // A config of another model has other keys: its model is the first thing to say.
    if let (Some(given), Some(Value::String(own))) =
        (document.model()?, schema.defaults().get("model"))
    {
        let place = document.place_of("model");
        ensure!(given == *own, "this is a config of model \"{given}\", not of \"{own}\" ({place})");
    }
    let mut assignments = Vec::new();
    schema.assign(&[], document.table(), &|span| document.place(span), &mut assignments)?;
    let sets = schema::assignments(sets, schema)?;
    // What is set goes above what the file says.
    [&assignments, &sets].into_iter().try_for_each(|all| schema::ensure_once(all))?;
    assignments.extend(sets);
    Ok(assignments)
}

fn apply(table: &mut Table, assignment: &Assignment) {
    let Some((last, parents)) = assignment.key.split_last() else { return };
    let mut table = table;
    for name in parents {
        let entry = table.entry(name.clone()).or_insert_with(|| Value::Table(Table::new()));
        if !entry.is_table() {
            *entry = Value::Table(Table::new());
        }
        let Value::Table(inner) = entry else { return };
        table = inner;
    }
    table.insert(last.clone(), assignment.value.clone());
}

/// The first assignment with which the config cannot be read: serde does not say which.
fn blame<C: Config>(
    defaults: &Table,
    assignments: &[Assignment],
    error: &toml::de::Error,
) -> Error {
    let mut values = defaults.clone();
    for assignment in assignments {
        apply(&mut values, assignment);
        if let Err(error) = Value::Table(values.clone()).try_into::<C>() {
            let key = assignment.key.join(".");
            let value = shown(&assignment.value);
            let message = in_words(&one_line(error.message()));
            return anyhow!("{key}{value}: {message} ({})", assignment.place);
        }
    }
    anyhow!("the defaults of this config cannot be read back: {}", one_line(error.message()))
}

/// A message of serde that ends with one of Rust's integer types, with what that type holds instead.
fn in_words(message: &str) -> String {
    let Some((rest, name)) = message.rsplit_once("expected ") else { return message.to_owned() };
    let holds = match name {
        "u8" => format!("a whole number from 0 to {}", u8::MAX),
        "u16" => format!("a whole number from 0 to {}", u16::MAX),
        "u32" => format!("a whole number from 0 to {}", u32::MAX),
        "u64" | "usize" => "a whole number, 0 or more".to_owned(),
        _ => return message.to_owned(),
    };
    format!("{rest}expected {holds}")
}

fn check_model<C>(defaults: &Table, loaded: &Loaded<C>) -> Result<()> {
    if let (Some(own), Some(given)) = (defaults.get("model"), loaded.tree.get("model")) {
        ensure!(own == given, "model = {given} must be {own} ({})", loaded.place("model"));
    }
    Ok(())
}

/// A float that its type cannot hold, such as 1e300 in an `f32`, became infinite.
fn check_finite<C>(table: &Table, prefix: &str, loaded: &Loaded<C>) -> Result<()> {
    for (name, value) in table {
        let key = format!("{prefix}{name}");
        match value {
            Value::Table(inner) => check_finite(inner, &format!("{key}."), loaded)?,
            value if !is_finite(value) => {
                bail!("{key} is too large for its type ({})", loaded.place(&key))
            }
            _ => {}
        }
    }
    Ok(())
}

fn place(origins: &BTreeMap<String, ValueOrigin>, key: &str) -> ValueOrigin {
    // Of a table, each part may have been given by itself.
    let is_part = |rest: &str| rest.starts_with('.');
    let of_part = origins.iter().find(|(part, _)| part.strip_prefix(key).is_some_and(is_part));
    if let (false, Some((_, place))) = (origins.contains_key(key), of_part) {
        return place.clone();
    }
    let mut key = key;
    loop {
        if let Some(place) = origins.get(key) {
            return place.clone();
        }
        match key.rsplit_once('.') {
            Some((parent, _)) => key = parent,
            None => return ValueOrigin::Default,
        }
    }
}

fn invalid_value(
    tree: &Table,
    origins: &BTreeMap<String, ValueOrigin>,
    invalid: &Invalid,
) -> Error {
    let Invalid { key, rule } = invalid;
    let mut names = key.split('.');
    let first = names.next().and_then(|name| tree.get(name));
    let value = names.fold(first, |value, name| value.and_then(|value| value.get(name)));
    let value = value.map(shown).unwrap_or_default();
    anyhow!("{key}{value} {rule} ({})", place(origins, key))
}

/// ` = value`, or nothing for a table, which would take several lines.
fn shown(value: &Value) -> String {
    match value {
        Value::Table(_) => String::new(),
        value => format!(" = {value}"),
    }
}
