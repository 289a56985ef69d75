//! `tfm … mnist` on a small data set in the format of the published one, and on no data at all.

use std::fs;
use std::io::Write;

use flate2::{Compression, write::GzEncoder};

use crate::dir::{Dir, Said};
use crate::pictures::{self, between, ends_the_same_when_killed, is_drawn, is_timed};
use crate::ptb::Run;

pub const IMAGES: [&str; 2] = ["train-images-idx3-ubyte", "t10k-images-idx3-ubyte"];
pub const LABELS: [&str; 2] = ["train-labels-idx1-ubyte", "t10k-labels-idx1-ubyte"];
/// Images of either part.
const COUNTS: [u32; 2] = [300, 50];

/// The bytes of a file of the set.
pub fn idx(sizes: &[u32], values: impl Iterator<Item = u8>) -> Vec<u8> {
    let header = [0, 0, 8, sizes.len() as u8].into_iter();
    header.chain(sizes.iter().flat_map(|size| size.to_be_bytes())).chain(values).collect()
}

fn labels(part: usize) -> Vec<u8> {
    idx(&COUNTS[part..=part], (0..COUNTS[part]).map(|i| ((i * 7 + part as u32) % 10) as u8))
}

/// Images that are a bar at the place of their digit, on changing grounds.
fn images(part: usize) -> Vec<u8> {
    let value = move |j: u32| {
        let (i, column) = (j / 784, j % 28);
        let digit = (i * 7 + part as u32) % 10;
        let ground = (j * 13 + i * 5) % 60;
        ground as u8 + if column / 2 == digit + 2 { 190 } else { 0 }
    };
    idx(&[COUNTS[part], 28, 28], (0..COUNTS[part] * 784).map(value))
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Writes a file of the set as it is, or compressed.
pub fn write(dir: &Dir, name: &str, bytes: &[u8], zipped: bool) {
    match zipped {
        true => dir.write(&format!("data/mnist/{name}.gz"), gzip(bytes)),
        false => dir.write(&format!("data/mnist/{name}"), bytes),
    };
}

/// A folder with the four files.
pub fn with_data(zipped: bool) -> Dir {
    let dir = Dir::new();
    for part in [0, 1] {
        write(&dir, IMAGES[part], &images(part), zipped);
        write(&dir, LABELS[part], &labels(part), zipped);
    }
    dir
}

/// Two epochs of twelve steps.
const SETS: [&str; 5] = [
    "train.batch_size=20",
    "train.num_epochs=2",
    "train.eval_frequency=10",
    "data.validation_size=60",
    "checkpoint.every_steps=5",
];

pub fn train(rest: &str) -> String {
    pictures::train("mnist", &SETS, rest)
}

#[test]
fn a_run_speaks_as_the_reference_and_records_what_it_does() {
    let dir = with_data(true);
    let said = dir.tfm(&train("--run-dir run --json"));
    assert_eq!(said.code, 0, "{said:?}");
    let run = Run::of(&dir, "run");
    let (json, records) = (said.json(), run.records());
    assert_eq!((&json["model"], &json["preset"]), (&"mnist".into(), &"mnist".into()));
    assert_eq!((&json["run_dir"], &json["step"]), (&"run".into(), &24.into()));
    assert_eq!(json["metrics"]["test_error"].as_f64().unwrap(), run.last("test", "error"));

    let lines: Vec<_> = said.stderr.lines().collect();
    let steps: Vec<_> = (0..lines.len()).filter(|&i| lines[i].starts_with("Step ")).collect();
    let trained: Vec<_> = records.iter().filter(|record| record["phase"] == "train").collect();
    assert_eq!((steps.len(), trained.len()), (3, 3), "{said:?}");
    for (i, (&at, record)) in steps.iter().zip(trained).enumerate() {
        let first = format!("Step {} (epoch {:.2}), ", 10 * i, 200.0 * i as f64 / 240.0);
        assert!(lines[at].starts_with(&first), "{:?}", lines[at]);
        assert!(between(lines[at], "), ", " ms") >= 0.0);
        let metric = |name: &str| record["metrics"][name].as_f64().unwrap();
        let rate = 0.01 * if i < 2 { 1.0 } else { 0.95 };
        assert!((metric("learning_rate") - rate).abs() < 1e-12, "{record}");
        let place = records.iter().position(|other| other == record).unwrap();
        let valid = &records[place + 1];
        assert_eq!((&valid["step"], &valid["phase"]), (&record["step"], &"valid".into()));
        let expect = [
            format!("minibatch loss: {:.3}, learning rate: {rate:.6}", metric("loss")),
            format!("minibatch error: {:.1}%", metric("error")),
            format!("validation error: {:.1}%", valid["metrics"]["error"].as_f64().unwrap()),
        ];
        assert!(lines[at].ends_with(&expect.join(", ")), "{}", lines[at]);
        assert_eq!(record["metrics"].as_object().unwrap().len(), 4);
        let decay = metric("loss") - metric("cross_entropy");
        assert!(decay > 0.5 && metric("cross_entropy") > 0.0, "{record}");
    }
    for epoch in [1, 2] {
        let line = format!("Epoch {epoch}/2: loss ");
        let line = lines.iter().find(|found| found.starts_with(&line)).unwrap();
        assert!(line.contains(", valid error ") && line.ends_with(" s"), "{line}");
    }
    let phases: Vec<_> = records.iter().map(|record| record["phase"].as_str().unwrap()).collect();
    assert_eq!(
        phases,
        ["train", "valid", "train", "valid", "valid", "train", "valid", "valid", "test"]
    );
    let data = run.manifest()["data"].to_string();
    for part in ["train 240 ", "valid 60 ", "test 50 "] {
        assert!(data.contains(part), "{data}");
    }
}

#[test]
fn a_run_is_evaluated_digit_by_digit() {
    let dir = with_data(true);
    dir.tfm(&train("--run-dir run -q")).ok();
    let run = Run::of(&dir, "run");
    for (split, count) in [("test", 50_u32), ("valid", 60), ("train", 240)] {
        let line = format!("eval mnist --run run --split {split}");
        let metrics = dir.one_thread(&format!("{line} --json")).json()["metrics"].clone();
        assert_eq!((&metrics["split"], &metrics["images"]), (&split.into(), &count.into()));
        let rows: Vec<Vec<u64>> = serde_json::from_value(metrics["confusion"].clone()).unwrap();
        let correct: u64 = rows.iter().enumerate().map(|(i, row)| row[i]).sum();
        let precision = metrics["precision"].as_f64().unwrap();
        assert_eq!(precision, correct as f64 / f64::from(count));
        assert_eq!(rows.concat().iter().sum::<u64>(), u64::from(count));
        let own: u64 = rows[3].iter().sum();
        let recall = metrics["recall"]["3"].as_f64().unwrap();
        assert_eq!((own, recall), (u64::from(count) / 10, rows[3][3] as f64 / own as f64));
        if split != "train" {
            assert_eq!(metrics["error_rate"].as_f64().unwrap(), run.last(split, "error"));
            let cross_entropy = metrics["cross_entropy"].as_f64().unwrap();
            assert_eq!(cross_entropy, run.last(split, "cross_entropy"));
        }
        let text = dir.one_thread(&line).ok();
        let first = format!("precision @ 1 = {precision:.4} over {count} {split} images at step ");
        assert!(text.starts_with(&first), "{text}");
        let classes: Vec<_> = text.lines().skip(3).take(10).map(|line| &line[3..4]).collect();
        assert_eq!(classes.concat(), "0123456789", "{text}");
        is_drawn(&dir, &metrics, 10);
    }
}

#[test]
fn the_self_test_learns_its_two_classes() {
    let dir = Dir::new();
    let said = dir.one_thread("train mnist --config mnist-self-test --run-dir run --json");
    let json = said.json();
    assert_eq!((&json["metrics"]["test_error"], &json["step"]), (&0.0.into(), &4.into()));
    let verified = dir.tfm("verify mnist --run run --json").json();
    assert_eq!(verified["reached"], true);
    dir.tfm("verify mnist --run run").ok();
    let metrics = dir.one_thread("eval mnist --run run --json").json()["metrics"].clone();
    assert_eq!((&metrics["precision"], &metrics["images"]), (&1.0.into(), &64.into()));
    // Eight digits have no example.
    assert_eq!((&metrics["recall"]["1"], metrics["recall"]["7"].is_null()), (&1.0.into(), true));
    assert!(!dir.path().join("data").exists());
}

#[test]
fn a_run_that_is_killed_again_and_again_ends_to_the_bit_the_same() {
    ends_the_same_when_killed(&with_data(true), "mnist", train, |_| String::new(), "valid");
}

#[test]
fn plain_and_compressed_files_are_the_same_data() {
    let (zipped, plain) = (with_data(true), with_data(false));
    let run = |dir: &Dir, rest: &str| {
        dir.tfm(&train(&format!("--set train.num_epochs=1 --run-dir run -q {rest}"))).ok();
        Run::of(dir, "run")
    };
    let (one, other) = (run(&zipped, ""), run(&plain, "--threads 2"));
    assert_eq!(one.manifest()["data"], other.manifest()["data"]);
    one.ends_as(&other);
    // A run goes on where the files have been unpacked, and nowhere with others.
    for part in [0, 1] {
        for name in [IMAGES[part], LABELS[part]] {
            fs::remove_file(zipped.path().join(format!("data/mnist/{name}.gz"))).unwrap();
        }
        write(&zipped, IMAGES[part], &images(part), false);
        write(&zipped, LABELS[part], &labels(part), false);
    }
    let longer = "train mnist --resume run --set train.num_epochs=2 -q";
    zipped.one_thread(longer).ok();
    let mut changed = images(1);
    changed[16] ^= 1;
    write(&plain, IMAGES[1], &changed, false);
    let said = plain.one_thread(longer);
    said.fails(1, &["cannot resume run: the data differs", "train 240 ", "test 50 "]);
    let said = plain.one_thread("eval mnist --run run --json");
    assert!(said.stderr.contains("the data differs from the run's"), "{said:?}");
    said.json();
    let said = plain.one_thread("eval cifar10 --run run");
    said.fails(1, &["run is a run of mnist, not of cifar10"]);
    let said = plain.one_thread("train mnist --resume run --set train.momentum=0.5");
    said.fails(1, &["cannot resume run", "optimizer.momentum (", "0.5 now)", "train.num_epochs"]);
}

#[test]
fn values_that_are_not_finite_stop_the_run() {
    let dir = with_data(true);
    let said = dir.tfm(&train("--set train.learning_rate=1e30 --run-dir run"));
    said.fails(1, &["error: step ", "the checkpoint of step 0 is kept", "--init-from run"]);
    let tensors = ["the loss is not finite", "the loss of the evaluation", "the gradient of "];
    assert!(tensors.iter().any(|part| said.stderr.contains(part)), "{said:?}");
    assert_eq!(Run::of(&dir, "run").names("checkpoints"), ["step-00000000.safetensors"]);
    dir.tfm(&train("--init-from run --set train.num_epochs=1 -q")).ok();
}

/// Trains with the four files, one of which is another.
fn train_with(name: &str, bytes: &[u8], zipped: bool) -> Said {
    let dir = with_data(zipped);
    write(&dir, name, bytes, zipped);
    let said = dir.tfm(&train("--run-dir run -q"));
    assert!(!dir.path().join("run").exists(), "{said:?}");
    said
}

#[test]
fn damaged_files_are_named_with_their_record() {
    for zipped in [true, false] {
        let suffix = if zipped { ".gz" } else { "" };
        let bytes = images(0);
        let said = train_with(IMAGES[0], &bytes[..16 + 784 * 100 + 5], zipped);
        let name = format!("train-images-idx3-ubyte{suffix}");
        let whole = match zipped {
            true => "truncated: 78405 of the 235200 bytes of 300 × 28 × 28 values",
            false => {
                "truncated: it holds at most 78421 bytes, but 300 × 28 × 28 values need 235200"
            }
        };
        said.fails(1, &[&name, whole]);
        let mut bytes = labels(1);
        bytes[8 + 33] = 10;
        let said = train_with(LABELS[1], &bytes, zipped);
        let part =
            format!("t10k-labels-idx1-ubyte{suffix}: record 33 has label 10, but labels are");
        said.fails(1, &[&part, "--force"]);
        assert!(!said.stderr.contains("lacks"), "{said:?}");
        let said = train_with(LABELS[0], &labels(1), zipped);
        said.fails(1, &["has 300 images, but ", " 50 labels"]);
    }
}

#[test]
fn missing_files_say_what_to_fetch_and_where_they_belong() {
    let dir = Dir::new();
    let said = dir.one_thread("train mnist --data-dir sets");
    said.fails(1, &["sets/mnist lacks ", "`tfm data fetch mnist --data-dir sets`"]);
    said.fails(1, &["sets/mnist/t10k-labels-idx1-ubyte.gz", "https://"]);
    assert!(dir.files().is_empty());
    let dir = with_data(true);
    fs::remove_file(dir.path().join("data/mnist/t10k-images-idx3-ubyte.gz")).unwrap();
    let said = dir.tfm(&train("--run-dir run"));
    said.fails(1, &["lacks t10k-images-idx3-ubyte.gz\n", "`tfm data fetch mnist`"]);
}

#[test]
fn settings_are_refused_with_key_and_rule() {
    let dir = with_data(true);
    let before = dir.files();
    for (rest, parts) in [
        ("--set train.batch_size=241", ["240 training images are fewer", "decrease it"]),
        ("--set train.momentum=1.5", ["optimizer.momentum = 1.5", "1"]),
        ("--set train.eval_frequency=0", ["train.eval_frequency = 0", "1"]),
        ("--set data.validation_size=300", ["data.validation_size = 300", "300 training images"]),
        ("--set data.source=cifar10", ["data.source = \"cifar10\"", "expected one of `mnist`, "]),
        ("--set train.towers=3", ["train.towers = 3", "divide train.batch_size"]),
    ] {
        dir.tfm(&train(rest)).fails(1, &parts);
    }
    assert_eq!(dir.files(), before);
}

#[test]
fn steps_are_timed_with_and_without_the_digits() {
    let sets = "--set train.batch_size=8 --set data.validation_size=60";
    is_timed(&with_data(true), "mnist", sets);
}
