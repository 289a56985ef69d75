//! Sizes that memory cannot hold are refused by their keys, before memory is asked for.
#![cfg(target_os = "linux")]

use std::fs;
use std::process::Command;

use crate::dir::{Dir, Said};
use crate::ptb::{Run, text};

/// Runs `tfm` with 1.2 GB of addresses.
fn in_little_memory(dir: &Dir, line: &str) -> Said {
    let mut command = Command::new("sh");
    let script = format!("ulimit -v 1200000; exec {} {line}", env!("CARGO_BIN_EXE_tfm"));
    dir.run(command.args(["-c", &script]))
}

#[test]
fn networks_and_data_that_memory_cannot_hold_are_refused() {
    let dir = Dir::new();
    dir.write("text.txt", text(60));
    let ptb = "train ptb --threads 1 --config ptb-test --run-dir run --set train.batch_size=5 \
               --set data.train=./text.txt --set data.valid=./text.txt --set data.test=./text.txt";
    dir.write("words.txt", (0..30_000).map(|i| format!("w{i} ")).collect::<String>());
    let word2vec = "train word2vec --threads 1 --run-dir run --set data.train=./words.txt \
                    --set data.min_count=1 --set eval.questions=";
    for (line, key) in [
        (format!("{ptb} --set network.hidden_size=65536"), "network.hidden_size = 65536, "),
        (format!("{ptb} --set network.hidden_size=20000"), "network.hidden_size = 20000, "),
        (
            "train cifar10 --config cifar10-demo --set data.n_synthetic=10000000".to_owned(),
            "data.n_synthetic = 10000000: ",
        ),
        (
            "train mnist --config mnist-demo --set data.n_synthetic=10000000".to_owned(),
            "data.n_synthetic = 10000000: ",
        ),
        (
            format!("{word2vec} --set network.embedding_size=65536"),
            "network.embedding_size = 65536 for ",
        ),
    ] {
        let said = in_little_memory(&dir, &line);
        said.fails(1, &[key, "this needs ", " GiB of memory, but only "]);
    }
    // What is announced is refused before it is read.
    let announced = b"1 2000000000\nw 1 2";
    dir.write("announced.txt", announced);
    let said = in_little_memory(&dir, "import word2vec announced.txt --run-dir run");
    said.fails(
        1,
        &["announced.txt:1: 1 word of 2000000000 dimensions needs", "the file has at most 18"],
    );
    assert!(!dir.path().join("run").exists());
}

#[test]
fn a_run_whose_config_has_another_size_is_compared_before_its_network_is_made() {
    let dir = Dir::new();
    let line = "train ptb --threads 1 --config ptb-demo --set data.grammar_words=2000 -q \
                --set network.hidden_size=8 --set train.max_steps=1 --run-dir run";
    dir.tfm(line).ok();
    let run = Run::of(&dir, "run");
    let config = run.text("config.toml").replace("hidden_size = 8", "hidden_size = 65535");
    fs::write(run.path("config.toml"), config).unwrap();
    let said = in_little_memory(&dir, "generate ptb --threads 1 --run run");
    said.fails(1, &["does not fit this ptb", "65535] expected"]);
}

#[test]
fn initial_values_out_of_range_are_not_the_learning_rate() {
    let dir = Dir::new();
    let said = dir.tfm("train ptb --config ptb-demo --set network.init_scale=1e38");
    said.fails(1, &["network.init_scale = ", "1000"]);
}
