//! `tfm … translate`: training on the program's own language pair, resuming, decoding.

use std::fs::File;

use crate::dir::{Dir, Said, tfm};
use crate::ptb::Run;

/// A small model on few sentences.
const SMALL: &str = "train translate --config translate-demo --set data.synthetic_pairs=300 \
                     --set network.hidden_size=12 --set network.num_samples=20 \
                     --set train.batch_size=16 --set train.num_epochs=1 -q";

/// What `tfm` says of a text on its standard input.
fn given(dir: &Dir, text: &str, line: &str) -> Said {
    let file = File::open(dir.write("given.txt", text)).unwrap();
    dir.run(tfm().args(line.split_whitespace()).stdin(file))
}

/// A trained run in the folder `run`.
fn trained(dir: &Dir) {
    dir.tfm(&format!("{SMALL} --run-dir run")).ok();
}

#[test]
fn a_run_is_resumed_to_the_bit_whatever_the_threads() {
    let dir = Dir::new();
    let sets = "--set checkpoint.every_minutes=0 --set train.decay_every=2";
    let train = format!("{SMALL} {sets}");
    dir.tfm(&format!("{train} --threads 1 --run-dir whole")).ok();
    let whole = Run::of(&dir, "whole");
    dir.tfm(&format!("{train} --threads 3 --set train.max_steps=9 --run-dir run")).ok();
    dir.tfm("train translate --resume run --threads 2 --set train.max_steps=0 -q").ok();
    Run::of(&dir, "run").ends_as(&whole);
}

#[test]
fn towers_train_as_one_does() {
    let dir = Dir::new();
    let losses = |towers: u32| {
        let name = format!("towers-{towers}");
        let sets = format!("--set train.towers={towers} --set train.max_steps=6");
        dir.tfm(&format!("{SMALL} {sets} --run-dir {name}")).ok();
        Run::of(&dir, &name).last("train", "loss")
    };
    let (one, two) = (losses(1), losses(2));
    assert!((one - two).abs() < 1e-5 * one.abs(), "{one} and {two}");
}

#[test]
fn every_line_has_its_translation_in_order() {
    let dir = Dir::new();
    trained(&dir);
    let lines = "the old sailor sees a key.\n\nwords that nobody knows\nshe sings.\n";
    let said = given(&dir, lines, "decode translate --run run");
    assert_eq!(said.code, 0, "{said:?}");
    let translations: Vec<&str> = said.stdout.split('\n').collect();
    assert_eq!((translations.len(), translations[1], translations[4]), (5, "", ""), "{said:?}");

    let json = given(&dir, lines, "decode translate --run run --json --beam 3");
    let greedy = given(&dir, lines, "decode translate --run run --json");
    let scores = |text: &str| -> Vec<Option<f64>> {
        let of = |line: &str| {
            let value: serde_json::Value = serde_json::from_str(line).unwrap();
            value["translations"][0]["score"].as_f64()
        };
        text.lines().map(of).collect()
    };
    let (beam, greedy) = (scores(&json.stdout), scores(&greedy.stdout));
    assert_eq!((beam.len(), beam[1]), (4, None), "{json:?}");
    let pairs = beam.iter().flatten().zip(greedy.iter().flatten());
    assert!(pairs.clone().count() == 3 && pairs.clone().all(|(beam, one)| beam >= one), "{beam:?}");

    let said = given(&dir, lines, "decode translate --run run --n-best 2");
    let numbers: Vec<&str> =
        said.stdout.lines().map(|line| line.split('\t').next().unwrap()).collect();
    assert_eq!(numbers, ["1", "1", "3", "3", "4", "4"], "{said:?}");
}

#[test]
fn the_evaluation_gives_perplexity_by_bucket_and_bleu() {
    let dir = Dir::new();
    trained(&dir);
    let said = dir.tfm("eval translate --run run --json");
    let json: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
    let metrics = &json["metrics"];
    assert!(metrics["perplexity"].as_f64().unwrap() > 1.0, "{said:?}");
    assert!((0.0..=100.0).contains(&metrics["bleu"].as_f64().unwrap()), "{said:?}");
    assert_eq!(metrics["buckets"].as_array().unwrap().len(), 3, "{said:?}");

    dir.write("a.txt", "the old sailor sees a key.\n");
    dir.write("b.txt", "one.\ntwo.\n");
    let said = dir.tfm("eval translate --run run --source a.txt --target b.txt");
    assert!(said.code == 1 && said.stderr.contains("b.txt"), "{said:?}");
}

#[test]
fn a_network_of_lstm_is_trained_and_translates() {
    let dir = Dir::new();
    let sets = "--set network.cell=lstm --set network.num_layers=2 --set train.max_steps=4";
    dir.tfm(&format!("{SMALL} {sets} --run-dir run")).ok();
    let line = "the old sailor sees a key.\n";
    for beam in [1, 3] {
        let said = given(&dir, line, &format!("decode translate --run run --beam {beam}"));
        assert_eq!((said.code, said.stdout.lines().count()), (0, 1), "{said:?}");
    }
    let said = dir.tfm("train translate --config translate-demo --set network.cell=rnn");
    assert!(said.code == 1 && said.stderr.contains("network.cell"), "{said:?}");
}

#[test]
fn the_self_test_of_the_reference_ends_after_five_steps() {
    let dir = Dir::new();
    dir.tfm("train translate --config translate-test --run-dir run -q").ok();
    assert!(Run::of(&dir, "run").last("train", "loss") > 0.0);
    dir.tfm("eval translate --run run").ok();
}

#[test]
fn no_run_is_an_error_and_never_random_weights() {
    let dir = Dir::new();
    dir.write("empty/x", "");
    let said = given(&dir, "a\n", "decode translate --run empty");
    assert!(
        said.code == 1 && said.stdout.is_empty() && said.stderr.contains("run.json"),
        "{said:?}"
    );
}
