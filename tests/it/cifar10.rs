//! `tfm … cifar10` on a small data set in the format of the published one.

use std::fs;

use serde_json::Value;

use crate::dir::{Dir, Said};
use crate::pictures::{self, between, ends_the_same_when_killed, is_drawn, is_timed};
use crate::ptb::{Background, Run};

/// Pictures of a file.
const RECORDS: usize = 40;
const RECORD_BYTES: usize = 1 + 3 * 32 * 32;
const FILES: [&str; 6] = [
    "data_batch_1.bin",
    "data_batch_2.bin",
    "data_batch_3.bin",
    "data_batch_4.bin",
    "data_batch_5.bin",
    "test_batch.bin",
];

/// A file of pictures, each class with a colour of its own, under a pattern.
fn records(file: usize) -> Vec<u8> {
    let record = |i: usize| {
        let label = (i * 7 + file) % 10;
        let value = move |j: usize| {
            let (channel, place) = (j / 1024, j % 1024);
            (label * 53 + channel * 71) % 200 + (i * 3 + place * (label + 1)) % 56
        };
        std::iter::once(label as u8).chain((0..3 * 1024).map(move |j| value(j) as u8))
    };
    (0..RECORDS).flat_map(record).collect()
}

fn path_of(file: usize) -> String {
    format!("data/cifar10/cifar-10-batches-bin/{}", FILES[file])
}

/// A folder with the six files.
pub fn with_data() -> Dir {
    let dir = Dir::new();
    (0..FILES.len()).for_each(|file| drop(dir.write(&path_of(file), records(file))));
    dir
}

/// Two epochs of twelve steps.
const SETS: [&str; 4] = [
    "train.batch_size=16",
    "train.max_steps=24",
    "eval.every_epochs=1",
    "checkpoint.every_steps=5",
];

pub fn train(rest: &str) -> String {
    pictures::train("cifar10", &SETS, rest)
}

#[test]
fn a_run_speaks_as_the_reference_and_records_what_it_does() {
    let dir = with_data();
    let said = dir.tfm(&train("--set eval.summary_steps=12 --run-dir run --json"));
    assert_eq!(said.code, 0, "{said:?}");
    let run = Run::of(&dir, "run");
    let (json, records) = (said.json(), run.records());
    assert_eq!((&json["model"], &json["preset"]), (&"cifar10".into(), &"cifar10".into()));
    assert_eq!((&json["run_dir"], &json["step"]), (&"run".into(), &24.into()));
    let precision = run.last("test", "precision");
    assert_eq!(json["metrics"]["test_precision"].as_f64(), Some(precision));

    let steps: Vec<_> = said.stderr.lines().filter(|line| line.starts_with("step ")).collect();
    let trained: Vec<_> = records.iter().filter(|record| record["phase"] == "train").collect();
    assert_eq!((steps.len(), trained.len()), (3, 3), "{said:?}");
    for (i, (line, record)) in steps.iter().zip(trained).enumerate() {
        assert!(line.starts_with(&format!("step {}, loss = ", 10 * i)), "{line}");
        let raw = record["metrics"]["loss_raw"].as_f64().unwrap();
        assert!((between(line, "loss = ", " (") - raw).abs() <= 0.00501, "{line} {record}");
        assert!(between(line, "(", " examples/sec; ") > 0.0, "{line}");
        assert!(between(line, "examples/sec; ", " sec/batch)") >= 0.0, "{line}");
        let names: Vec<_> = record["metrics"].as_object().unwrap().keys().collect();
        let expect = ["cross_entropy", "cross_entropy_raw", "learning_rate", "loss", "loss_raw"];
        assert_eq!(names, expect);
        assert_eq!(
            (&record["step"], &record["metrics"]["learning_rate"]),
            (&(10 * i + 1).into(), &0.1.into())
        );
    }
    // Each epoch leaves one line, with the loss, the score where there is one, and the time.
    let epochs: Vec<_> = said.stderr.lines().filter(|line| line.starts_with("Epoch ")).collect();
    assert_eq!(epochs.len(), 2, "{said:?}");
    for (epoch, line) in epochs.iter().enumerate() {
        assert!(line.starts_with(&format!("Epoch {}/2: loss ", epoch + 1)), "{line}");
        assert!(line.ends_with(" s"), "{line}");
    }
    assert!(epochs[1].contains(&format!(", test precision @ 1 = {precision:.4}, ")), "{epochs:?}");
    let phases: Vec<_> = records.iter().map(|record| record["phase"].as_str().unwrap()).collect();
    assert_eq!(phases, ["train", "train", "test", "train", "test"]);

    let data = run.manifest()["data"].to_string();
    assert!(data.contains("10 classes ") && data.contains("train 200 "), "{data}");
    let events = run.names(".").into_iter().find(|name| name.contains("tfevents")).unwrap();
    let events = fs::read(run.path(&events)).unwrap();
    for tag in [
        "conv1/weights/gradients",
        "local4/biases",
        "softmax_linear/activations",
        "conv2/sparsity",
        "images/image/0",
        "train/learning_rate",
    ] {
        assert!(events.windows(tag.len()).any(|part| part == tag.as_bytes()), "no {tag}");
    }
}

/// Sums of rows of a confusion matrix, and the sum of its diagonal.
fn rows(confusion: &Value) -> (Vec<u64>, u64) {
    let rows: Vec<Vec<u64>> = serde_json::from_value(confusion.clone()).unwrap();
    assert!(rows.iter().all(|row| row.len() == rows.len()));
    let sums = rows.iter().map(|row| row.iter().sum()).collect();
    (sums, rows.iter().enumerate().map(|(i, row)| row[i]).sum())
}

#[test]
fn a_run_is_evaluated_class_by_class() {
    let dir = with_data();
    dir.tfm(&train("--run-dir run -q")).ok();
    let run = Run::of(&dir, "run");
    let json = dir.one_thread("eval cifar10 --run run --json").json();
    let metrics = &json["metrics"];
    assert_eq!((&json["model"], &json["step"]), (&"cifar10".into(), &24.into()));
    assert_eq!((&metrics["split"], &metrics["images"]), (&"test".into(), &40.into()));
    let precision = metrics["precision"].as_f64().unwrap();
    assert_eq!(precision, run.last("test", "precision"));
    assert_eq!(metrics["cross_entropy"].as_f64().unwrap(), run.last("test", "cross_entropy"));
    assert!((metrics["error_rate"].as_f64().unwrap() - 100.0 * (1.0 - precision)).abs() < 1e-9);
    let (sums, correct) = rows(&metrics["confusion"]);
    assert_eq!((sums, correct as f64 / 40.0), (vec![4; 10], precision));
    let recall = metrics["recall"].as_object().unwrap();
    assert!(recall.len() == 10 && recall.contains_key("airplane"), "{metrics}");
    let mean = recall.values().map(|share| share.as_f64().unwrap()).sum::<f64>() / 10.0;
    assert!((mean - precision).abs() < 1e-9, "{metrics}");

    is_drawn(&dir, metrics, 10);

    let text = dir.one_thread("eval cifar10 --run run").ok();
    let first = format!("precision @ 1 = {precision:.4} over 40 test images at step 24 (");
    assert!(text.starts_with(&first), "{text}");
    let classes: Vec<_> = text.lines().skip(3).collect();
    assert_eq!(classes.len(), 11, "{text}");
    assert!(classes[0].starts_with(" 0 airplane ") && classes[9].starts_with(" 9 truck "));
    assert!(text.contains("class        recall") && text.lines().all(|line| line.len() <= 80));
    let train = dir.one_thread("eval cifar10 --run run --split train --json").json();
    assert_eq!(train["metrics"]["images"], 200);
    let best = dir.one_thread("eval cifar10 --run run --checkpoint best --json").json();
    assert!([12, 24].map(Value::from).contains(&best["step"]), "{best}");
    let said = dir.one_thread("eval cifar10 --run run --split valid");
    said.fails(1, &["cifar10 has no validation set; give --split test"]);

    // Pictures that the run never saw are named as such.
    dir.write(&path_of(5), records(3));
    let said = dir.one_thread("eval cifar10 --run run --json");
    assert!(said.stderr.contains("the data differs from the run's"), "{said:?}");
    assert_eq!(said.json()["metrics"]["images"], 40);
}

#[test]
fn a_run_that_is_killed_again_and_again_ends_to_the_bit_the_same() {
    let dir = with_data();
    let workers = |i| format!("--set train.workers={}", i % 3);
    ends_the_same_when_killed(&dir, "cifar10", train, workers, "test");
}

#[test]
fn towers_and_longer_runs_go_on_as_one() {
    let dir = with_data();
    let said = dir.tfm(&train("--set train.max_steps=3 --run-dir one"));
    let precision = Run::of(&dir, "one").last("test", "precision");
    let line = format!("test precision @ 1 = {precision:.4} after step 3: one\n");
    assert!(
        said.code == 0 && said.stdout == line && !said.stderr.contains("precision"),
        "{said:?}"
    );
    for towers in [2, 4] {
        let line = format!("--set train.towers={towers} --run-dir {towers} --threads 2 -q");
        dir.tfm(&train(&format!("--set train.max_steps=2 {line}"))).ok();
        let run = Run::of(&dir, &towers.to_string());
        let (first, same) = (run.last("train", "loss_raw"), Run::of(&dir, "one"));
        assert!((first - same.last("train", "loss_raw")).abs() < 1e-4 * first);
        let longer = "--set train.max_steps=3 --threads 1";
        dir.tfm(&format!("train cifar10 --resume {towers} {longer} -q")).ok();
        let [several, one] = [&run, &same].map(|run| run.last("test", "cross_entropy"));
        assert!((several - one).abs() < 1e-3 * one, "{several} and {one}");
        dir.tfm(&format!("eval cifar10 --run {towers} --threads 1")).ok();
    }
    let said = dir.one_thread("train cifar10 --resume 2 --set train.towers=4");
    said.fails(1, &["cannot resume 2", "train.towers (2 in the run, 4 now)", "train.max_steps"]);
}

#[test]
fn each_new_checkpoint_is_evaluated_as_it_appears() {
    let dir = with_data();
    dir.tfm(&train("--set train.max_steps=1 --run-dir run -q")).ok();
    let line = "eval cifar10 --run run --watch 1 --json -q --threads 1";
    let mut watch = Background::tfm(&dir, line);
    let said = || fs::read_to_string(dir.path().join("stdout.txt")).unwrap();
    assert!(watch.until(|_| said().lines().count() == 1), "{}", watch.stderr());
    dir.one_thread("train cifar10 --resume run --set train.max_steps=2 -q").ok();
    assert!(watch.until(|_| said().lines().count() == 2), "{}", watch.stderr());
    watch.kill();
    let step = |line: &str| serde_json::from_str::<Value>(line).unwrap()["step"].clone();
    assert_eq!(said().lines().map(step).collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn values_that_are_not_finite_stop_the_run() {
    let dir = with_data();
    let said = dir.tfm(&train("--set train.learning_rate=1e30 --run-dir run"));
    said.fails(1, &["error: step 1: ", "the checkpoint of step 0 is kept", "--init-from run"]);
    let tensors = ["the loss is not finite", "the gradient of ", "the parameter "];
    assert!(tensors.iter().any(|part| said.stderr.contains(part)), "{said:?}");
    assert_eq!(Run::of(&dir, "run").names("checkpoints"), ["step-00000000.safetensors"]);
    dir.tfm(&train("--init-from run --set train.max_steps=1 -q")).ok();
}

/// Trains with the six files, one of which is changed.
fn train_with(file: usize, change: impl FnOnce(&mut Vec<u8>)) -> Said {
    let dir = with_data();
    let mut bytes = records(file);
    change(&mut bytes);
    dir.write(&path_of(file), bytes);
    let said = dir.tfm(&train("--run-dir run -q"));
    assert!(!dir.path().join("run").exists(), "{said:?}");
    said
}

#[test]
fn damaged_files_are_named_with_their_record() {
    let truncated = train_with(2, |bytes| bytes.truncate(17 * RECORD_BYTES + 100));
    let parts = ["data_batch_3.bin: record 17 is truncated, 100 of 3073 bytes", "--force"];
    truncated.fails(1, &parts);
    let labelled = train_with(5, |bytes| bytes[8 * RECORD_BYTES] = 10);
    let parts = ["test_batch.bin: record 8 has label 10, but labels are 0 to 9", "--force"];
    labelled.fails(1, &parts);
    train_with(0, Vec::clear).fails(1, &["data_batch_1.bin is empty"]);
}

#[test]
fn missing_files_say_what_to_fetch_and_where_they_belong() {
    let dir = Dir::new();
    let said = dir.one_thread("train cifar10 --data-dir sets");
    said.fails(1, &["sets/cifar10 lacks ", "`tfm data fetch cifar10 --data-dir sets`"]);
    said.fails(1, &["cifar-10-binary.tar.gz", "sets/cifar10/cifar-10-batches-bin/test_batch.bin"]);
    assert!(dir.files().is_empty());
    let dir = with_data();
    fs::remove_file(dir.path().join(path_of(3))).unwrap();
    let said = dir.tfm(&train("--run-dir run"));
    said.fails(1, &["lacks cifar-10-batches-bin/data_batch_4.bin\n", "tfm data fetch cifar10"]);
    // The files may lie in the folder itself; a damaged one then lacks nothing.
    let dir = Dir::new();
    for (file, name) in FILES.iter().enumerate() {
        dir.write(&format!("data/cifar10/{name}"), records(file));
    }
    dir.tfm(&train("--set train.max_steps=1 -q")).ok();
    dir.write("data/cifar10/test_batch.bin", [12; RECORD_BYTES]);
    let said = dir.tfm(&train("-q"));
    said.fails(1, &["test_batch.bin: record 0 has label 12"]);
    assert!(!said.stderr.contains("lacks"), "{said:?}");
}

#[test]
fn settings_are_refused_with_key_and_rule() {
    let dir = with_data();
    let before = dir.files();
    for (rest, parts) in [
        ("--set train.towers=3", ["train.towers = 3", "must divide train.batch_size = 16"]),
        ("--set train.towers=0", ["train.towers = 0", "1"]),
        ("--set train.average_decay=1.5", ["train.average_decay = 1.5", "1"]),
        ("--set train.workers=65", ["train.workers = 65", "64"]),
        ("--set train.batch_size=201", ["200 training images are fewer", "decrease it"]),
        ("--set data.source=mnist", ["data.source = \"mnist\"", "cifar10"]),
        ("--set train.keep=1", ["train.keep", "unknown key"]),
    ] {
        dir.tfm(&train(rest)).fails(1, &parts);
    }
    dir.one_thread("train cifar10 --config mnist")
        .fails(1, &["mnist is a preset of mnist, not of cifar10"]);
    assert_eq!(dir.files(), before);
}

#[test]
fn a_run_goes_on_with_its_own_pictures_and_model_alone() {
    let dir = with_data();
    dir.tfm(&train("--set train.max_steps=1 --run-dir run -q")).ok();
    let run = Run::of(&dir, "run");
    let before = (run.newest(), run.text("config.toml"), run.text("metrics.jsonl"));
    dir.write(&path_of(1), records(4));
    let resume = "train cifar10 --resume run -q --set train.max_steps=2";
    let said = dir.one_thread(resume);
    said.fails(1, &["cannot resume run: the data differs", "train 200 ", "test 40 "]);
    dir.write(&path_of(1), records(1));
    // Other names of the classes are other data.
    let names = "data/cifar10/cifar-10-batches-bin/batches.meta.txt";
    let path = dir.write(names, "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n\n");
    dir.one_thread(resume).fails(1, &["cannot resume run: the data differs", "10 classes "]);
    fs::remove_file(path).unwrap();
    for line in ["eval mnist --run run", "train mnist --resume run", "eval ptb --run run"] {
        dir.one_thread(line).fails(1, &["run is a run of cifar10, not of "]);
    }
    assert_eq!((run.newest(), run.text("config.toml"), run.text("metrics.jsonl")), before);
    dir.one_thread(resume).ok();
}

#[test]
fn steps_are_timed_with_and_without_the_pictures() {
    is_timed(&with_data(), "cifar10", "--set train.batch_size=8");
}
