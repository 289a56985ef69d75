//! A sweep on the command line: `train.learning_rate=0.5,1.0 seed=1..3`.

use anyhow::{Context, Result, bail, ensure};
use toml::{Table, Value};

use crate::config::leaves;
use crate::models;
use crate::sweep::{Random, SweepFile};

/// The text of the file that says the same.
///
/// # Errors
/// A setting without values, or given twice; values that are none.
pub(super) fn file(
    model: &str,
    name: &str,
    config: Option<String>,
    settings: &[String],
    random: Option<u64>,
) -> Result<String> {
    let (mut set, mut vary) = (Table::new(), Table::new());
    let strings = string_keys(model)?;
    for setting in settings {
        let (key, values) = setting
            .split_once('=')
            .with_context(|| format!("\"{setting}\" has no values; write {setting}=VALUES"))?;
        let value = match strings.contains(&key.to_owned()) {
            true => texts(values),
            false => parse(values).with_context(|| format!("{key}={values}"))?,
        };
        // A single value does not vary.
        let single = matches!(&value, Value::Array(items) if items.len() == 1);
        let (table, value) = match value {
            Value::Array(mut items) if single => (&mut set, items.remove(0)),
            value => (&mut vary, value),
        };
        let taken = table.insert(key.to_owned(), value);
        ensure!(taken.is_none(), "{key} is given twice; give all its values at once");
    }
    let random = random.map(|points| Random { points, seed: 1 });
    let file = SweepFile {
        name: Some(name.to_owned()),
        model: model.to_owned(),
        config,
        set,
        vary,
        random,
        ..SweepFile::default()
    };
    toml::to_string(&file).context("the sweep cannot be written as TOML")
}

/// The keys of a model whose values are texts, which need no quotes.
fn string_keys(model: &str) -> Result<Vec<String>> {
    let model = models::find(model).context("there is no such model")?;
    let config: Table = model.show(None, &[])?.parse()?;
    let texts = leaves(&config).into_iter().filter(|(_, value)| value.is_str());
    Ok(texts.map(|(key, _)| key).collect())
}

/// `a,b` as a list of texts.
fn texts(values: &str) -> Value {
    let text = |value: &str| Value::String(value.trim().trim_matches('"').to_owned());
    Value::Array(values.split(',').map(text).collect())
}

/// A range, or a list of TOML values.
fn parse(values: &str) -> Result<Value> {
    let (log, range) = match values.strip_prefix("log:") {
        Some(range) => (true, range),
        None => (false, values),
    };
    if let Some((from, rest)) = range.split_once("..") {
        let (to, count) = match rest.split_once('/') {
            Some((to, count)) => (to, Some(count)),
            None => (rest, None),
        };
        let mut table = Table::new();
        table.insert("from".to_owned(), scalar(from)?);
        table.insert("to".to_owned(), scalar(to)?);
        if let Some(count) = count {
            table.insert("count".to_owned(), scalar(count)?);
        }
        if log {
            table.insert("scale".to_owned(), "log".into());
        }
        return Ok(Value::Table(table));
    }
    ensure!(!log, "log: must be followed by a range, as in log:0.001..1/4");
    // Commas within brackets and quotes are TOML's own.
    let list = format!("all = [{values}]");
    let table: Table =
        list.parse().ok().with_context(|| "give values separated by commas, or a range")?;
    match table.into_iter().next() {
        Some((_, Value::Array(items))) if !items.is_empty() => Ok(Value::Array(items)),
        _ => bail!("give at least one value"),
    }
}

fn scalar(text: &str) -> Result<Value> {
    let table: Result<Table, _> = format!("value = {}", text.trim()).parse();
    let value = table.ok().and_then(|mut table| table.remove("value"));
    value
        .filter(|value| value.is_integer() || value.is_float())
        .with_context(|| format!("\"{text}\" is not a number"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sweep::{Spec, points};

    fn of(settings: &[&str]) -> Result<Vec<String>> {
        let settings: Vec<_> = settings.iter().map(|setting| (*setting).to_owned()).collect();
        let text = file("ptb", "s", Some("ptb-demo".to_owned()), &settings, None)?;
        let spec = Spec::parse("line", "s", &text)?;
        Ok(points(&spec)?.iter().map(|point| point.in_words()).collect())
    }

    #[test]
    fn values_are_lists_and_ranges() {
        let points =
            of(&["train.learning_rate=0.5,1", "seed=1..2", "train.max_max_epoch=1"]).unwrap();
        let expect = [
            "train.learning_rate=0.5 seed=1",
            "train.learning_rate=0.5 seed=2",
            "train.learning_rate=1 seed=1",
            "train.learning_rate=1 seed=2",
        ];
        assert_eq!(points, expect);
        assert_eq!(of(&["train.keep_prob=0.5..1.0/3"]).unwrap().len(), 3);
        let log = of(&["train.learning_rate=log:0.01..1.0/3"]).unwrap();
        assert_eq!(
            log,
            ["train.learning_rate=0.01", "train.learning_rate=0.1", "train.learning_rate=1.0"]
        );
        let texts = of(&["data.source=files,grammar"]).unwrap();
        assert_eq!(texts, ["data.source=\"files\"", "data.source=\"grammar\""]);
    }

    #[test]
    fn what_are_no_values_is_refused() {
        for (setting, part) in [
            ("seed", "\"seed\" has no values; write seed=VALUES"),
            ("seed=", "give at least one value"),
            ("seed=a", "give values separated by commas"),
            ("seed=1..x", "\"x\" is not a number"),
            ("seed=log:1", "log: must be followed by a range"),
        ] {
            let error = format!("{:#}", of(&[setting]).unwrap_err());
            assert!(error.contains(part), "{error}");
        }
        assert!(
            of(&["seed=1,2", "seed=3,4"]).unwrap_err().to_string().contains("seed is given twice")
        );
    }
}
