//! The points of a sweep: each the settings of a run.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use toml::Value;

use super::spec::{Random, Spec};
use crate::models::Entry;
use crate::rng::Stream;
use crate::system::wording::by_number;

/// Runs of a sweep at most.
const MAX_POINTS: u64 = 10_000;
/// So many points are drawn for each that is not left out.
const MAX_DRAWS: u64 = 1_000;

/// A point of a sweep.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SweepPoint {
    /// Its number, counted from 1.
    pub number: u64,
    /// `key=value` of what varies, in the form of `--set`.
    pub settings: Vec<String>,
}

impl SweepPoint {
    /// The settings in a line.
    pub fn in_words(&self) -> String {
        self.settings.join(" ")
    }
}

/// All points of a sweep, in their order.
///
/// # Errors
/// Too many of them (with their number), or none.
pub fn points(spec: &Spec) -> Result<Vec<SweepPoint>> {
    let all = match spec.random {
        Some(random) => drawn(spec, random)?,
        None => grid(spec)?,
    };
    ensure!(!all.is_empty(), "skip leaves no points in this sweep");
    let number = |(index, values): (usize, Vec<(String, Value)>)| SweepPoint {
        number: index as u64 + 1,
        settings: values.iter().map(|(key, value)| format!("{key}={value}")).collect(),
    };
    Ok(all.into_iter().enumerate().map(number).collect())
}

/// The point of that number.
///
/// # Errors
/// There is no such point; the existing ones are listed.
pub fn find(points: &[SweepPoint], number: u64) -> Result<&SweepPoint> {
    let found = points.iter().find(|point| point.number == number);
    found.with_context(|| format!("there is no point {number}; there are 1 to {}", points.len()))
}

/// What is fixed, in the form of `--set`.
pub fn fixed(spec: &Spec) -> Vec<String> {
    spec.fixed.iter().map(|(key, value)| format!("{key}={value}")).collect()
}

fn refuse_many(count: u128) -> Result<()> {
    ensure!(
        count <= u128::from(MAX_POINTS),
        "this sweep has {count} points; the maximum is {MAX_POINTS}; vary less, or sample some \
         with [random] or --random"
    );
    Ok(())
}

type Settings = Vec<(String, Value)>;

fn grid(spec: &Spec) -> Result<Vec<Settings>> {
    let lengths: Vec<u64> = spec.axes.iter().map(|axis| axis.len()).collect::<Result<_>>()?;
    let product = |count: u128, &length: &u64| count.saturating_mul(length.into());
    let count = lengths.iter().fold(1, product);
    refuse_many(count)?;
    let mut all = Vec::new();
    for index in 0..count as u64 {
        let (mut rest, mut parts) = (index, Vec::new());
        // The last setting changes fastest.
        for (axis, length) in spec.axes.iter().zip(&lengths).rev() {
            parts.push(axis.keys.iter().cloned().zip(axis.at(rest % length)).collect::<Vec<_>>());
            rest /= length;
        }
        let settings: Settings = parts.into_iter().rev().flatten().collect();
        if !is_skipped(spec, &settings) {
            all.push(settings);
        }
    }
    Ok(all)
}

fn drawn(spec: &Spec, random: Random) -> Result<Vec<Settings>> {
    refuse_many(random.points.into())?;
    let stream = Stream::new(random.seed, "sweep");
    let (mut all, mut known) = (Vec::new(), BTreeSet::new());
    for draw in 0..random.points * MAX_DRAWS {
        if all.len() as u64 == random.points {
            break;
        }
        let mut sequence = stream.at(draw);
        let mut settings = Settings::new();
        for axis in &spec.axes {
            settings.extend(axis.keys.iter().cloned().zip(axis.draw(&mut sequence)));
        }
        // The same point twice would be the same run twice.
        if !is_skipped(spec, &settings) && known.insert(format!("{settings:?}")) {
            all.push(settings);
        }
    }
    ensure!(
        all.len() as u64 == random.points,
        "{} {} wanted, but {} draws gave {}; draw fewer, vary more, or skip less",
        random.points,
        by_number(random.points, "point is", "points are"),
        random.points * MAX_DRAWS,
        all.len()
    );
    Ok(all)
}

fn is_skipped(spec: &Spec, settings: &Settings) -> bool {
    let value = |key: &str| -> Option<Json> {
        let mut all = settings.iter().chain(&spec.fixed);
        let (_, value) = all.find(|(name, _)| name == key)?;
        serde_json::to_value(value).ok()
    };
    spec.skip.iter().any(|conditions| {
        conditions
            .iter()
            .all(|condition| value(&condition.key).is_some_and(|value| condition.holds_of(&value)))
    })
}

/// Checks the settings of every point against the model's config, and that no two points are the same.
///
/// # Errors
/// The first point that is refused, with its number and settings.
pub fn check(spec: &Spec, model: &Entry, points: &[SweepPoint]) -> Result<()> {
    let fixed = fixed(spec);
    for point in points {
        let sets: Vec<String> = fixed.iter().chain(&point.settings).cloned().collect();
        model
            .show(spec.config.as_deref(), &sets)
            .with_context(|| format!("point {} ({})", point.number, point.in_words()))?;
    }
    if spec.random.is_none() {
        let mut all: Vec<_> = points.iter().map(|point| (&point.settings, point.number)).collect();
        all.sort();
        if let Some(twice) = all.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            let (first, second) = (twice[0].1, twice[1].1);
            anyhow::bail!(
                "points {first} and {second} are the same: {}; give each value once",
                twice[0].0.join(" ")
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models;

    fn of(rest: &str) -> Result<Vec<String>> {
        let spec = Spec::parse("s.toml", "s", &format!("model = \"ptb\"\n{rest}"))?;
        let points = points(&spec)?;
        check(&spec, models::find("ptb").unwrap(), &points)?;
        assert!(points.iter().zip(1..).all(|(point, number)| point.number == number));
        Ok(points.iter().map(SweepPoint::in_words).collect())
    }

    #[test]
    fn a_grid_has_every_combination_that_is_not_left_out() {
        let rest = "skip = [\"seed = 2 and train.learning_rate > 0.7\"]\n[vary]\n\
                    seed = [1, 2]\ntrain.learning_rate = [0.5, 1.0]\n";
        let expect = [
            "train.learning_rate=0.5 seed=1",
            "train.learning_rate=0.5 seed=2",
            "train.learning_rate=1.0 seed=1",
        ];
        assert_eq!(of(rest).unwrap(), expect);
        let all = "skip = [\"seed < 9\"]\n[vary]\nseed = [1, 2]\n";
        assert!(format!("{:#}", of(all).unwrap_err()).contains("skip leaves no points"));
    }

    #[test]
    fn points_are_drawn_once_and_for_all() {
        let rest = |points: u64| {
            format!(
                "[vary]\ntrain.learning_rate = {{ from = 0.01, to = 1.0, scale = \"log\" }}\n[random]\npoints = {points}\n"
            )
        };
        let (five, eight) = (of(&rest(5)).unwrap(), of(&rest(8)).unwrap());
        assert_eq!(five.len(), 5);
        // More points are the same ones and others.
        assert_eq!(five, eight[..5]);
        // No point twice: of three seeds there are three.
        let seeds = |points| format!("[vary]\nseed = [1, 2, 3]\n[random]\npoints = {points}\n");
        let mut three = of(&seeds(3)).unwrap();
        three.sort();
        assert_eq!(three, ["seed=1", "seed=2", "seed=3"]);
        assert!(format!("{:#}", of(&seeds(4)).unwrap_err()).contains("4000 draws gave 3"));
        let rare = format!("skip = [\"train.learning_rate > 0.0\"]\n{}", rest(2));
        assert!(
            format!("{:#}", of(&rare).unwrap_err())
                .contains("2 points are wanted, but 2000 draws gave 0")
        );
    }

    #[test]
    fn what_cannot_be_run_is_refused_before_the_first_run() {
        for (rest, part) in [
            (
                "[vary]\nseed = { from = 1, to = 1_000_000_000 }\n",
                "this sweep has 1000000000 points",
            ),
            (
                "[vary]\nseed = { from = 1, to = 4_000_000_000 }\ntrain.num_steps = { from = 1, to = 4_000_000_000 }\n",
                "this sweep has 16000000000000000000 points",
            ),
            (
                "[vary]\ntrain.learning_rate = { from = 0.0, to = 1.0, step = 1e-30 }\n",
                "this sweep has 18446744073709551615 points",
            ),
            (
                "skip = [\"seed = 1 AND train.learning_rate = 0.5\"]\n[vary]\nseed = [1, 2]\n",
                "put \" and \" between conditions",
            ),
            (
                "[vary]\ntrain.rate = [1.0]\n",
                "point 1 (train.rate=1.0): --set train.rate: unknown key",
            ),
            ("[vary]\ntrain.keep_prob = [1.0, 2.0]\n", "point 2 (train.keep_prob=2.0): "),
            ("[vary]\nseed = [1, 2, 1]\n", "points 1 and 3 are the same: seed=1"),
            ("[vary]\nseed = [1]\n[random]\npoints = 20_000\n", "this sweep has 20000 points"),
        ] {
            let error = format!("{:#}", of(rest).unwrap_err());
            assert!(error.contains(part), "{error:?} lacks {part:?}");
        }
    }
}
