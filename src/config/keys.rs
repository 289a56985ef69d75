//! What the keys of a config mean, for those who write one.

use anyhow::{Context, Result};
use schemars::generate::SchemaSettings;
use serde::Serialize;
use serde_json::Value as Json;
use toml::{Table, Value};

use super::Config;
use super::schema::{kind, tree};

/// A key of a config.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Key {
    /// The dotted key.
    pub key: String,
    /// The type in words.
    pub kind: &'static str,
    /// The default as TOML.
    pub default: String,
    /// The rule that a value must satisfy in addition to its type, if any.
    pub rule: Option<String>,
    /// What it is for: the doc comment of the field.
    pub about: String,
}

impl Key {
    /// Whether its values are floats.
    pub fn is_float(&self) -> bool {
        self.kind == kind(&Value::Float(0.0))
    }

    /// The values that it can have, where they are few.
    pub fn choices(&self) -> Vec<String> {
        if self.kind == kind(&Value::Boolean(true)) {
            return ["true", "false"].map(str::to_owned).to_vec();
        }
        let names = self.rule.as_deref().and_then(|rule| rule.strip_prefix(ONE_OF));
        names.into_iter().flat_map(|names| names.split(", ")).map(str::to_owned).collect()
    }
}

/// What the rule of a key with few values begins with.
const ONE_OF: &str = "one of: ";

/// Every key of a config, in alphabetic order.
///
/// # Errors
/// A default that TOML cannot hold.
pub fn keys<C: Config>() -> Result<Vec<Key>> {
    let settings = SchemaSettings::default().with(|settings| settings.inline_subschemas = true);
    let schema = settings.into_generator().into_root_schema_for::<C>().to_value();
    let defaults = tree(&C::default())?;
    let mut keys = Vec::new();
    collect::<C>(&defaults, &mut Vec::new(), &defaults, &schema, &mut keys)?;
    Ok(keys)
}

/// Appends the keys of `table`, which is at `path` in `defaults`.
fn collect<C: Config>(
    defaults: &Table,
    path: &mut Vec<String>,
    table: &Table,
    schema: &Json,
    keys: &mut Vec<Key>,
) -> Result<()> {
    for (name, value) in table {
        path.push(name.clone());
        let field = &schema["properties"][name];
        match value {
            Value::Table(inner) if !inner.is_empty() => {
                collect::<C>(defaults, path, inner, field, keys)?;
            }
            value => {
                let key = path.join(".");
                let about = field["description"].as_str().unwrap_or_default();
                keys.push(Key {
                    kind: kind(value),
                    default: value.to_string(),
                    rule: choices(field)
                        .or(rule::<C>(defaults, path, value)?)
                        .or(of_unsigned(field)),
                    about: about.split_whitespace().collect::<Vec<_>>().join(" "),
                    key,
                });
            }
        }
        path.pop();
    }
    Ok(())
}

/// The choices of a key whose type is an enum.
fn choices(field: &Json) -> Option<String> {
    let names = |all: &Json, of: fn(&Json) -> &Json| -> Vec<String> {
        let all = all.as_array().into_iter().flatten();
        all.filter_map(|choice| of(choice).as_str()).map(str::to_owned).collect()
    };
    let mut all = names(&field["enum"], |choice| choice);
    all.extend(names(&field["oneOf"], |choice| &choice["const"]));
    (!all.is_empty()).then(|| format!("{ONE_OF}{}", all.join(", ")))
}

/// The range of an integer without a sign.
fn of_unsigned(field: &Json) -> Option<String> {
    (field["minimum"].as_u64() == Some(0)).then(|| "at least 0".to_owned())
}

/// The range of a key: what the config's checks say of values out of every range.
fn rule<C: Config>(defaults: &Table, path: &[String], value: &Value) -> Result<Option<String>> {
    let extremes = match value {
        Value::Integer(_) => [0, 1, i64::MAX].map(Value::Integer).to_vec(),
        Value::Float(_) => vec![-1e9, 0.0, 1e9].into_iter().map(Value::Float).collect(),
        Value::String(_) => vec![Value::String("?".to_owned())],
        _ => Vec::new(),
    };
    let mut rules = Vec::new();
    for extreme in extremes {
        let mut tree = defaults.clone();
        *slot(&mut tree, path).context("a default is missing from its own tree")? = extreme;
        // A value that its type cannot hold breaks no rule of ours.
        let Ok(config) = Value::Table(tree).try_into::<C>() else { continue };
        let Err(broken) = config.validate() else { continue };
        let rule = broken.rule.strip_prefix("must be ").unwrap_or(&broken.rule).to_owned();
        // A rule between two values names the other one's default.
        if broken.key == path.join(".") && !rule.contains(" = ") && !rules.contains(&rule) {
            rules.push(rule);
        }
    }
    Ok((!rules.is_empty()).then(|| rules.join(", ")))
}

fn slot<'a>(table: &'a mut Table, path: &[String]) -> Option<&'a mut Value> {
    let (first, rest) = path.split_first()?;
    let value = table.get_mut(first)?;
    if rest.is_empty() { Some(value) } else { slot(value.as_table_mut()?, rest) }
}
