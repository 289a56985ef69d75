//! What the tests of models of pictures share.

use std::collections::HashSet;

use serde_json::Value;

use crate::dir::Dir;
use crate::ptb::{Background, Run};

/// `tfm train <model>` with `sets`, but for those that `rest` sets otherwise. On one thread where
/// `rest` does not say so, for the tests themselves run side by side.
pub fn train(model: &str, sets: &[&str], rest: &str) -> String {
    let mut line = format!("train {model} {rest}");
    for set in sets {
        let (key, _) = set.split_once('=').unwrap();
        if !rest.contains(&format!("{key}=")) {
            line += &format!(" --set {set}");
        }
    }
    if rest.contains("--threads") { line } else { line + " --threads 1" }
}

/// The number between two parts of a text.
#[track_caller]
pub fn between(text: &str, before: &str, after: &str) -> f64 {
    let found = text.split_once(before).and_then(|(_, rest)| rest.split_once(after));
    found.unwrap_or_else(|| panic!("no {before:?} … {after:?} in {text:?}")).0.parse().unwrap()
}

/// Trains to the end, in `whole`, and again, in `run`, killed at many moments and resumed with
/// other numbers of threads: fails unless both end the same. `train` makes the command from its
/// last options, `resume` is what each resumption adds, by its number, and `evaluation` the
/// phase of an epoch's records. Checkpoints are due every five of 24 steps, records every ten.
#[track_caller]
pub fn ends_the_same_when_killed(
    dir: &Dir,
    model: &str,
    train: impl Fn(&str) -> String,
    resume: impl Fn(usize) -> String,
    evaluation: &str,
) {
    dir.tfm(&train("--run-dir whole -q")).ok();
    let (whole, run) = (Run::of(dir, "whole"), Run::of(dir, "run"));
    let lines = |run: &Run| run.text("metrics.jsonl").lines().count();
    let evaluated = format!("\"phase\":\"{evaluation}\"");
    let checkpoint = |run: &Run, step: u64| {
        run.path(&format!("checkpoints/step-{step:08}.safetensors")).exists()
    };
    // When it is killed: as the folder is made, after the first step, as a checkpoint appears,
    // within an epoch, as one has been evaluated, before the end.
    let moments: [&dyn Fn(&Run) -> bool; 6] = [
        &|run| run.path("run.json").exists(),
        &|run| lines(run) >= 1,
        &|run| checkpoint(run, 5),
        &|run| lines(run) >= 2,
        &|run| run.text("metrics.jsonl").contains(&evaluated),
        &|run| checkpoint(run, 20),
    ];
    let mut line = train("--run-dir run -q");
    for (i, moment) in moments.into_iter().enumerate() {
        let mut training = Background::tfm(dir, &line);
        training.until(|_| moment(&run));
        training.kill();
        line = format!("train {model} --resume run -q --threads {} {}", 1 + i % 3, resume(i));
    }
    dir.tfm(&line).ok();
    run.ends_as(&whole);
    assert_eq!(run.manifest()["data"], whole.manifest()["data"]);
    assert!(run.names("checkpoints").iter().all(|name| name.ends_with(".safetensors")));
}

/// Times two steps with the data, and with random data where it is not there.
#[track_caller]
pub fn is_timed(dir: &Dir, model: &str, sets: &str) {
    for (data, warns) in [("data", false), ("gone", true)] {
        let line = format!("bench {model} {sets} --steps 2 --json --data-dir {data}");
        let said = dir.one_thread(&line);
        let json = said.json();
        assert_eq!((&json["model"], &json["item"]), (&model.into(), &"images".into()));
        for field in ["items_per_second", "seconds_per_step", "gflops", "share_of_peak"] {
            assert!(json[field].as_f64().unwrap() > 0.0, "{json}");
        }
        assert_eq!(said.stderr.contains("timing random data instead"), warns, "{said:?}");
    }
}

/// Holds the pictures that `eval` names in its `metrics` to their sizes: the matrix of `classes`,
/// and a sheet of mistakes where there are any.
#[track_caller]
pub fn is_drawn(dir: &Dir, metrics: &Value, classes: u32) {
    let paths: Vec<String> = serde_json::from_value(metrics["pictures"].clone()).unwrap();
    let sizes: Vec<_> = paths
        .iter()
        .map(|path| {
            let picture = image::open(dir.path().join(path)).unwrap().into_rgb8();
            let colours: HashSet<_> = picture.pixels().collect();
            assert!(colours.len() > 8, "{path} has {} colours", colours.len());
            picture.dimensions()
        })
        .collect();
    let wrong =
        (1.0 - metrics["precision"].as_f64().unwrap()) * metrics["images"].as_f64().unwrap();
    let [split, names] = [&metrics["split"], &metrics["pictures"]].map(Value::to_string);
    assert!(names.contains(&format!("confusion-{}-", split.trim_matches('"'))), "{names}");
    // Cells of 44 pixels at least, and six pictures of 168 pixels in a row.
    assert!(sizes[0].0 > 44 * classes && sizes[0].1 > 44 * classes, "{sizes:?}");
    let rows = (wrong.round() as u32).min(36).div_ceil(6);
    match rows {
        0 => assert_eq!(sizes.len(), 1, "{paths:?}"),
        _ => assert!(sizes[1].0 > 6 * 160 && sizes[1].1 > rows * 160, "{sizes:?}"),
    }
    assert!(sizes.iter().all(|&(width, height)| width < 2_500 && height < 2_500), "{sizes:?}");
}
