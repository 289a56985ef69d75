//! What a user sees: the status line of a terminal, plain lines elsewhere, charts, JSON.

use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::dir::Dir;
use crate::ptb::{Run, train};

/// What a terminal of `columns` columns shows of a command, as the codes that it is sent, if this
/// system has `script`.
fn on_a_terminal(
    dir: &Dir,
    line: &str,
    columns: u32,
    variables: &[(&str, &str)],
) -> Option<String> {
    let line = format!("stty cols {columns} rows 24; exec {} {line}", env!("CARGO_BIN_EXE_tfm"));
    let mut command = Command::new("script");
    command.args(["-qec", &line, "typescript"]).env("TERM", "xterm").env_remove("CI");
    for (name, value) in variables {
        match *value {
            "" => command.env_remove(name),
            value => command.env(name, value),
        };
    }
    let output = command.current_dir(dir.path()).output().ok()?;
    assert!(output.status.success(), "{output:?}");
    Some(String::from_utf8(output.stdout).unwrap())
}

/// Two epochs of several seconds in all.
fn slow(run: &str) -> String {
    format!(
        "train ptb --config ptb-demo --set network.hidden_size=64 --set data.grammar_words=20000 \
         --set train.num_steps=10 --epochs 2 --threads 1 --run-dir {run}"
    )
}

#[test]
fn the_status_line_fits_the_window_and_vanishes() {
    let dir = Dir::new();
    for columns in [80, 30] {
        let run = format!("run{columns}");
        let Some(screen) = on_a_terminal(&dir, &slow(&run), columns, &[]) else { return };
        let drawn: Vec<_> = screen
            .split("\u{1b}[J")
            .skip(1)
            .map(|drawn| drawn.split(['\r', '\n']).next().unwrap())
            .collect();
        let status: Vec<_> = drawn.iter().filter(|line| line.starts_with("Epoch ")).collect();
        assert!(!status.is_empty(), "{screen:?}");
        for line in &drawn {
            let is_message = line.contains(": ") || line.starts_with("A sentence");
            assert!(is_message || line.chars().count() < columns as usize, "{line:?}");
        }
        assert!(status.iter().any(|line| line.starts_with("Epoch 1/2 ")), "{status:?}");
        if columns == 80 {
            assert!(status.iter().any(|line| line.contains(" left, perplexity ")), "{status:?}");
        }
        // Of the lines within an epoch none is said, of an epoch one.
        assert!(!screen.contains(" wps") && Run::of(&dir, &run).text("log.txt").contains(" wps"));
        assert_eq!(screen.matches(": train perplexity ").count(), 2, "{screen:?}");
        // What stands last is a message, and the status line is cleared before it.
        let last = screen.trim_end().rsplit('\n').next().unwrap();
        assert!(last.contains("Next: tfm plot "), "{last:?}");
    }
}

#[test]
fn a_terminal_that_cannot_clear_a_line_has_plain_lines() {
    let dir = Dir::new();
    let cases = [("TERM", "dumb"), ("TERM", ""), ("CI", "1")];
    for (i, variable) in cases.into_iter().enumerate() {
        let line = train(&format!("--set train.max_max_epoch=1 --run-dir run{i}"));
        let Some(screen) = on_a_terminal(&dir, &line, 80, &[variable]) else { return };
        assert_eq!(screen.matches(" wps").count(), 10, "{variable:?}: {screen}");
        assert!(!screen.contains('\u{1b}'), "{variable:?}: {screen:?}");
    }
}

#[test]
fn the_start_and_the_end_say_what_there_is_to_know() {
    let dir = Dir::new();
    let said = dir.tfm(&train("--set train.max_max_epoch=2 --run-dir run --json"));
    assert_eq!(said.code, 0, "{said:?}");
    for part in [
        "Run folder: run\n",
        "Data: 4,0",
        " training words, ",
        " in the vocabulary\n",
        "Training: ",
        " parameters, 2 epochs of 19 steps, 200 words a step\n",
        "Device: CPU, ",
        " instructions, 1 thread, seed 1\n",
        "Next: tfm plot run; tfm eval run\n",
    ] {
        assert!(said.stderr.contains(part), "{part:?} is not in {}", said.stderr);
    }
    let (json, run) = (said.json(), Run::of(&dir, "run"));
    assert_eq!((&json["epoch"], &json["step"]), (&2.into(), &38.into()));
    assert!(json["seconds"].as_f64().unwrap() > 0.0);
    assert!(json["rate"]["words_per_second"].as_f64().unwrap() > 0.0, "{json}");
    let checkpoint = json["checkpoint"].as_str().unwrap();
    assert!(dir.path().join(checkpoint).is_file(), "{json}");
    let best = &json["best"];
    assert_eq!(best["metrics"]["valid_perplexity"].as_f64(), Some(run.last("valid", "perplexity")));
    assert_eq!((&best["step"], &best["epoch"]), (&38.into(), &2.into()));
    // A run knows its model.
    let [short, long] = ["eval run", "eval ptb --run run"].map(|line| dir.one_thread(line).ok());
    assert_eq!(short, long);
    dir.tfm("plot run --x time --smooth 0.5").ok();
    dir.tfm("plot run --smooth 1").fails(2, &["from 0 to less than 1"]);
}

#[test]
fn the_last_steps_of_mnist_belong_to_its_last_epoch() {
    let dir = Dir::new();
    // 150 images in steps of 64: two steps an epoch, and a seventh of what is left of three.
    let line = "train mnist --config mnist-demo --set data.n_synthetic=150 --run-dir run \
                --set data.validation_size=40 --set train.num_epochs=3 --set train.eval_frequency=1 -q";
    dir.one_thread(line).ok();
    let text = fs::read_to_string(dir.path().join("run/metrics.jsonl")).unwrap();
    let records: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let last = records.last().unwrap();
    assert_eq!(last["step"], 7);
    assert_eq!((&last["phase"], &last["epoch"]), (&"test".into(), &3.into()), "{last}");
    assert!(records.iter().all(|record| record["epoch"].as_u64().unwrap() <= 3));
}

#[test]
fn every_model_has_a_length_in_epochs_or_steps() {
    let dir = Dir::new();
    let sets = "--set data.n_synthetic=150 --set data.validation_size=40";
    let cases = [
        ("ptb", "--steps 25", "--set data.grammar_words=4000 --set network.hidden_size=8", 25),
        ("ptb", "--epochs 1", "--set data.grammar_words=4000 --set network.hidden_size=8", 9),
        ("mnist", "--epochs 2", sets, 4),
        ("cifar10", "--epochs 1", "--set data.n_synthetic=300", 2),
        ("cifar10", "--steps 3", "--set data.n_synthetic=300", 3),
    ];
    for (i, (model, length, sets, steps)) in cases.into_iter().enumerate() {
        let line =
            format!("train {model} --config {model}-demo {sets} {length} --run-dir {i} --json");
        let json = dir.one_thread(&line).json();
        assert_eq!(json["step"], steps, "{line}: {json}");
    }
    dir.tfm(&format!("train mnist --config mnist-demo {sets} --steps 3"))
        .fails(1, &["mnist is trained in whole epochs; give --epochs"]);
    // A run goes on under the same option.
    let json = dir.one_thread("train cifar10 --resume 3 --epochs 2 --json").json();
    assert_eq!(json["step"], 4, "{json}");
}

#[test]
fn keys_are_explained() {
    let dir = Dir::new();
    let keys = dir.tfm("config keys ptb").ok();
    let part = "train.batch_size = 20\n    Batch size over all towers. (an integer, \
                from 1 to 65536)\n";
    assert!(keys.contains(part), "{keys}");
    assert!(keys.contains("one of: drop, unk"), "{keys}");
    let shown = dir.tfm("config show ptb-small").ok();
    let part = "# Batch size over all towers. (an integer, from 1 to 65536)\n\
                batch_size = 20\n";
    assert!(shown.contains(part), "{shown}");
    let json = dir.tfm("config keys word2vec --json").json();
    let key = json["keys"].as_array().unwrap().iter().find(|key| key["key"] == "train.algorithm");
    assert_eq!(key.unwrap()["rule"], "one of: windows, pairs, minibatch");
}

#[test]
fn a_record_is_one_line_of_the_log() {
    let dir = Dir::new();
    let line = "train mnist --config mnist-self-test --run-dir run";
    dir.one_thread(line).ok();
    let log = fs::read_to_string(dir.path().join("run/log.txt")).unwrap();
    assert!(log.contains("minibatch error: ") && log.lines().count() > 5);
    assert!(log.lines().all(|line| line.len() > 31 && &line[23..24] == "Z"), "{log}");
}

#[test]
fn what_is_damaged_is_not_timed_as_if_it_were_absent() {
    let dir = Dir::new();
    dir.write("data/mnist/train-images-idx3-ubyte.gz", "no gzip");
    for name in ["train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"] {
        dir.write(&format!("data/mnist/{name}-ubyte.gz"), "no gzip");
    }
    let said = dir.one_thread("bench mnist --steps 2");
    said.fails(1, &["train-images"]);
    let said = dir.one_thread("bench mnist --steps 2 --data-dir elsewhere --json");
    assert!(said.stderr.contains("timing random data instead"), "{said:?}");
    assert!(said.json()["deviation"].as_f64().unwrap() >= 0.0);
}
