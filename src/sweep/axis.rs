//! The values that a setting takes: lists and ranges, by themselves or several settings together.

use anyhow::{Context, Result, bail, ensure};
use toml::{Table, Value};

use crate::rng::Sequence;
use crate::system::wording::{counted, plural};

/// Settings that vary together, and their values.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    /// The keys of the config.
    pub keys: Vec<String>,
    values: Values,
}

#[derive(Clone, Debug, PartialEq)]
enum Values {
    /// A value for each key, row by row.
    List(Vec<Vec<Value>>),
    /// Numbers that one key takes.
    Range(Range),
}

/// Numbers between two ends, which belong to it.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Range {
    from: f64,
    to: f64,
    /// Whether the values are integers.
    integer: bool,
    /// Whether ratios are equal in place of differences.
    log: bool,
    /// The values of a grid.
    count: Option<u64>,
    /// Whether a random choice takes one of these, since `step` or `count` is given, and not any number
    /// between the ends.
    is_grid: bool,
}

impl Axis {
    /// One setting: a list, `{ from, to }` with `step`, `count` or `scale = "log"`, or one value.
    ///
    /// # Errors
    /// An empty list, or ends, steps and counts that make no range; in words that name the key.
    pub fn new(key: &str, value: &Value) -> Result<Self> {
        let values = match value {
            Value::Array(items) if items.is_empty() => {
                bail!("{key} has no values; give at least one")
            }
            Value::Array(items) => {
                Values::List(items.iter().map(|item| vec![item.clone()]).collect())
            }
            Value::Table(table) => {
                Values::Range(range(table).with_context(|| format!("{key} is not a range"))?)
            }
            value => Values::List(vec![vec![value.clone()]]),
        };
        Ok(Self { keys: vec![key.to_owned()], values })
    }

    /// Settings that take the values of their lists together: the first of each, the second …
    ///
    /// # Errors
    /// Lists of different lengths, or something that is not a list.
    pub fn zip(lists: &[(String, Value)]) -> Result<Self> {
        let mut columns = Vec::new();
        for (key, value) in lists {
            let Value::Array(items) = value else {
                bail!("{key} must be a list: the settings of a [[zip]] vary together")
            };
            columns.push(items);
        }
        let rows = columns.first().map_or(0, |column| column.len());
        ensure!(rows > 0, "a [[zip]] has no values; give it lists of the same length");
        for ((key, _), column) in lists.iter().zip(&columns) {
            let (first, own) = (&lists[0].0, column.len());
            ensure!(
                own == rows,
                "{key} has {} and {first} has {rows}: the lists of a [[zip]] must have the same length",
                counted(own, "value")
            );
        }
        let row = |row: usize| columns.iter().map(|column| column[row].clone()).collect();
        let keys = lists.iter().map(|(key, _)| key.clone()).collect();
        Ok(Self { keys, values: Values::List((0..rows).map(row).collect()) })
    }

    /// Lets a range have any number between its ends, however these are written: its key is a float.
    pub fn take_floats(&mut self) {
        if let Values::Range(range) = &mut self.values {
            range.integer = false;
        }
    }

    /// How many values a grid takes.
    ///
    /// # Errors
    /// A range of floats without `step` or `count`.
    pub fn len(&self) -> Result<u64> {
        match &self.values {
            Values::List(rows) => Ok(rows.len() as u64),
            Values::Range(range) => {
                let key = &self.keys[0];
                let count = range.count.with_context(|| {
                    format!("{key} is a range without step or count; a grid needs one")
                })?;
                let (Range { from, to, integer, .. }, numbers) =
                    (range, range.to - range.from + 1.0);
                ensure!(
                    !integer || count as f64 <= numbers,
                    "{key}: {from} to {to} has {numbers} {}, fewer than count = {count}",
                    plural(numbers as u64, "whole number")
                );
                Ok(count)
            }
        }
    }

    /// The `index`-th value of a grid: one for each key.
    pub fn at(&self, index: u64) -> Vec<Value> {
        match &self.values {
            Values::List(rows) => rows[index as usize].clone(),
            Values::Range(range) => vec![range.at(index)],
        }
    }

    /// A value that is drawn: any of a list, any number of a range.
    pub fn draw(&self, random: &mut Sequence) -> Vec<Value> {
        match &self.values {
            Values::List(rows) => rows[random.below(rows.len() as u32) as usize].clone(),
            Values::Range(range) => vec![range.draw(random)],
        }
    }
}

/// Whole numbers up to here are the same as floating-point numbers.
const MAX_WHOLE: u64 = 1 << f64::MANTISSA_DIGITS;

fn range(table: &Table) -> Result<Range> {
    for key in table.keys() {
        let known = ["from", "to", "step", "count", "scale"];
        ensure!(known.contains(&key.as_str()), "it has no {key}; it has: {}", known.join(", "));
    }
    let number = |key: &str| match table.get(key) {
        Some(Value::Integer(value)) => {
            let is_exact = value.unsigned_abs() <= MAX_WHOLE;
            ensure!(is_exact, "{key} = {value} is above {MAX_WHOLE}; give a list of the values");
            Ok(Some(*value as f64))
        }
        Some(Value::Float(value)) if value.is_finite() => Ok(Some(*value)),
        Some(value) => bail!("{key} = {value} is not a number"),
        None => Ok(None),
    };
    let (from, to) =
        (number("from")?.context("it lacks from")?, number("to")?.context("it lacks to")?);
    ensure!(from <= to, "from = {from} is above to = {to}");
    let log = match table.get("scale") {
        None => false,
        Some(Value::String(scale)) if scale == "linear" => false,
        Some(Value::String(scale)) if scale == "log" => true,
        Some(other) => bail!("scale = {other} must be \"linear\" or \"log\""),
    };
    ensure!(!log || from > 0.0, "from = {from} must be above 0 on a log scale");
    let whole = |key: &str| table.get(key).is_none_or(Value::is_integer);
    let integer = whole("from") && whole("to") && whole("step");
    let (step, count) = (number("step")?, number("count")?);
    let is_grid = step.is_some() || count.is_some();
    let mut to = to;
    let count = match (step, count) {
        (Some(_), Some(_)) => bail!("it has both step and count; give only one"),
        (Some(step), _) => {
            ensure!(step > 0.0 && !log, "step = {step} must be above 0, and on a linear scale");
            // A step of 0.1 goes into 0.3 three times.
            let steps = ((to - from) / step + 1e-9) as u64;
            let last = from + step * steps as f64;
            // The last value may be below the upper end.
            if to - last > 1e-6 * step {
                to = last;
            }
            Some(steps.saturating_add(1))
        }
        (None, Some(count)) => {
            ensure!(
                count >= 1.0 && count.fract() == 0.0,
                "count = {count} must be a whole number from 1"
            );
            Some(count as u64)
        }
        (None, None) if integer && !log => Some(((to - from) as u64).saturating_add(1)),
        (None, None) => None,
    };
    Ok(Range { from, to, integer, log, count, is_grid })
}

impl Range {
    fn at(&self, index: u64) -> Value {
        let last = self.count.map_or(0, |count| count - 1);
        if index == last && last > 0 {
            return self.value(self.to);
        }
        let share = if last == 0 { 0.0 } else { index as f64 / last as f64 };
        self.between(share)
    }

    fn draw(&self, random: &mut Sequence) -> Value {
        let share = random.uniform();
        if let Some(count) = self.count.filter(|_| self.is_grid) {
            return self.at(((share * count as f64) as u64).min(count - 1));
        }
        match (self.integer, self.log) {
            // Every integer is as likely as the others.
            (true, false) => {
                self.value((self.from + (share * (self.to - self.from + 1.0)).floor()).min(self.to))
            }
            _ => self.between(share),
        }
    }

    fn between(&self, share: f64) -> Value {
        let value = match self.log {
            true => self.from * (self.to / self.from).powf(share),
            false => self.from + share * (self.to - self.from),
        };
        self.value(value)
    }

    /// With twelve digits: rounding errors such as those of 0.3 are not part of a setting.
    fn value(&self, value: f64) -> Value {
        if self.integer {
            return Value::Integer(value.round() as i64);
        }
        Value::Float(format!("{value:.11e}").parse().unwrap_or(value))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::rng::Stream;

    fn axis(text: &str) -> Result<Axis> {
        let table: Table = format!("key = {text}").parse().unwrap();
        Axis::new("key", &table["key"])
    }

    fn all(text: &str) -> String {
        let axis = axis(text).unwrap();
        let values = (0..axis.len().unwrap()).flat_map(|index| axis.at(index));
        values.map(|value| value.to_string()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn lists_and_ranges_have_the_values_that_they_say() {
        for (text, expect) in [
            ("[0.5, 1.0]", "0.5 1.0"),
            ("\"adam\"", "\"adam\""),
            ("{ from = 1, to = 3 }", "1 2 3"),
            ("{ from = 1, to = 6, step = 2 }", "1 3 5"),
            ("{ from = 0.1, to = 0.3, step = 0.1 }", "0.1 0.2 0.3"),
            ("{ from = 0.0, to = 1.0, count = 3 }", "0.0 0.5 1.0"),
            ("{ from = 1e-4, to = 0.1, count = 4, scale = \"log\" }", "0.0001 0.001 0.01 0.1"),
            ("{ from = 16, to = 256, count = 3, scale = \"log\" }", "16 64 256"),
            ("{ from = 2, to = 2 }", "2"),
            ("{ from = 0.5, to = 2.0, count = 1 }", "0.5"),
        ] {
            assert_eq!(all(text), expect, "{text}");
        }
    }

    #[test]
    fn ends_that_are_written_as_integers_do_not_round_floats() {
        for (text, expect) in [
            ("{ from = 1, to = 3 }", "1.0 2.0 3.0"),
            ("{ from = 0, to = 1, count = 3 }", "0.0 0.5 1.0"),
            ("{ from = 1, to = 16, count = 3, scale = \"log\" }", "1.0 4.0 16.0"),
            ("{ from = 1, to = 2, count = 3, scale = \"log\" }", "1.0 1.41421356237 2.0"),
        ] {
            let mut axis = axis(text).unwrap();
            axis.take_floats();
            let values = (0..axis.len().unwrap()).flat_map(|index| axis.at(index));
            let values: Vec<_> = values.map(|value| value.to_string()).collect();
            assert_eq!(values.join(" "), expect, "{text}");
        }
    }

    #[test]
    fn what_is_no_range_is_refused_with_the_key() {
        for (text, part) in [
            ("[]", "key has no values"),
            ("{ from = 3, to = 1 }", "from = 3 is above to = 1"),
            ("{ from = 3 }", "it lacks to"),
            ("{ from = 0, to = 1, scale = \"log\" }", "must be above 0 on a log scale"),
            ("{ from = 0.0, to = 1.0, step = 0.0 }", "step = 0 must be above 0"),
            ("{ from = 0.0, to = inf }", "to = inf is not a number"),
            ("{ from = 0, to = 9007199254740993, step = 1 }", "is above 9007199254740992; give"),
            ("{ from = 0.0, to = 1.0, count = 0 }", "must be a whole number from 1"),
            ("{ from = 0.0, to = 1.0, count = 2, step = 0.1 }", "give only one"),
            ("{ from = 0.0, to = 1.0, size = 2 }", "it has no size; it has: from, to"),
            ("{ from = 0.1, to = 1.0, scale = \"cubic\" }", "must be \"linear\" or \"log\""),
        ] {
            let error = format!("{:#}", axis(text).unwrap_err());
            assert!(error.starts_with("key ") && error.contains(part), "{error}");
        }
        let error = axis("{ from = 0.1, to = 1.0 }").unwrap().len().unwrap_err().to_string();
        assert!(error.contains("a grid needs one"), "{error}");
        let few = axis("{ from = 1, to = 2, count = 4 }").unwrap().len().unwrap_err().to_string();
        assert_eq!(few, "key: 1 to 2 has 2 whole numbers, fewer than count = 4");
    }

    #[test]
    fn a_random_choice_is_one_of_the_grid_where_there_is_one() {
        let mut numbers = Stream::new(1, "sweep").at(0);
        let mut drawn = |text: &str| -> BTreeSet<String> {
            let axis = axis(text).unwrap();
            (0..60).flat_map(|_| axis.draw(&mut numbers)).map(|value| value.to_string()).collect()
        };
        let of = |values: &[&str]| values.iter().map(|value| value.to_string()).collect();
        let grid = drawn("{ from = 64, to = 256, step = 64 }");
        assert_eq!(grid, of(&["64", "128", "192", "256"]));
        assert_eq!(drawn("{ from = 0.5, to = 1.0, count = 3 }"), of(&["0.5", "0.75", "1.0"]));
        assert!(drawn("{ from = 0.5, to = 1.0 }").len() > 50);
    }

    #[test]
    fn a_large_range_is_counted_and_not_written_out() {
        assert_eq!(
            axis("{ from = 1, to = 1_000_000_000_000 }").unwrap().len().unwrap(),
            1_000_000_000_000
        );
    }

    #[test]
    fn zipped_lists_go_together() {
        let list = |text: &str| text.parse::<Table>().unwrap()["a"].clone();
        let lists = [("x".to_owned(), list("a = [1, 2]")), ("y".to_owned(), list("a = [3, 4]"))];
        let axis = Axis::zip(&lists).unwrap();
        assert_eq!((axis.len().unwrap(), axis.at(1)), (2, vec![2.into(), 4.into()]));
        let uneven = [lists[0].clone(), ("y".to_owned(), list("a = [3]"))];
        let error = Axis::zip(&uneven).unwrap_err().to_string();
        assert!(error.contains("y has 1 value and x has 2"), "{error}");
        assert!(Axis::zip(&[("x".to_owned(), 1.into())]).is_err() && Axis::zip(&[]).is_err());
    }

    #[test]
    fn what_is_drawn_lies_within() {
        let mut random = Stream::new(1, "test").at(0);
        let log = axis("{ from = 1e-4, to = 1.0, scale = \"log\" }").unwrap();
        let values: Vec<f64> =
            (0..200).map(|_| log.draw(&mut random)[0].as_float().unwrap()).collect();
        assert!(values.iter().all(|value| (1e-4..=1.0).contains(value)));
        let small = values.iter().filter(|value| **value < 1e-2).count();
        assert!((70..130).contains(&small), "half of the decades are below the middle: {small}");
        let whole = axis("{ from = 1, to = 3 }").unwrap();
        let mut seen: Vec<i64> =
            (0..100).map(|_| whole.draw(&mut random)[0].as_integer().unwrap()).collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen, [1, 2, 3]);
        let list = axis("[\"a\", \"b\"]").unwrap();
        assert!((0..50).map(|_| list.draw(&mut random)).any(|value| value == ["b".into()]));
    }
}
