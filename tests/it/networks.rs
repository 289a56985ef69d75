//! `tfm models show` and `tfm bench MODEL --layers`: what networks consist of. Replicas.

use std::fs;

use serde_json::Value;

use crate::dir::{Dir, tfm};

fn show(dir: &Dir, line: &str) -> Value {
    let said = dir.tfm(&format!("models show {line} --json"));
    assert_eq!(said.code, 0, "{said:?}");
    said.json()
}

#[test]
fn the_layers_of_every_network_are_shown() {
    let dir = Dir::new();
    // The parameters of the papers and tutorials.
    let networks = [
        ("mnist", "mnist", 1_663_370),
        ("cifar10", "cifar10", 1_068_298),
        ("alexnet", "alexnet", 2_469_696),
        ("ptb --config ptb-small", "ptb-small", 4_651_600),
        ("ptb --config ptb-large", "ptb-large", 66_022_000),
    ];
    for (line, preset, parameters) in networks {
        let json = show(&dir, line);
        assert_eq!(json["model"], line.split(' ').next().unwrap());
        assert_eq!((&json["preset"], &json["parameters"]), (&preset.into(), &parameters.into()));
        let layers = json["layers"].as_array().unwrap();
        let sum =
            |field: &str| layers.iter().map(|layer| layer[field].as_u64().unwrap()).sum::<u64>();
        assert_eq!(sum("parameters"), parameters);
        assert_eq!(json["operations"], sum("operations"));
        for layer in layers {
            assert!(layer["name"].is_string() && layer["operator"].is_string(), "{layer}");
            assert!(layer["output"].is_array(), "{layer}");
        }
        let [training, inference] =
            ["training_memory", "inference_memory"].map(|field| json[field].as_u64().unwrap());
        assert!(0 < inference && inference < training, "{line}: {inference} and {training}");
    }
    let conv1 = &show(&dir, "cifar10 --set train.batch_size=8")["layers"][0];
    assert_eq!(conv1["output"], serde_json::json!([8, 24, 24, 64]));
    assert!(dir.files().is_empty());
}

#[test]
fn layers_are_a_table_for_people() {
    let dir = Dir::new();
    let text = dir.tfm("models show mnist").ok();
    let lines: Vec<_> = text.lines().collect();
    assert!(lines[0].starts_with("layer"), "{text}");
    assert!(lines[1].starts_with("conv1") && lines[1].contains("64×28×28×32"), "{text}");
    let last = lines.last().unwrap();
    assert!(last.starts_with("mnist: 1663370 parameters (6.7 MB)"), "{text}");
    // The network follows what the pictures are made into.
    let text = dir
        .run(
            tfm()
                .args(["models", "show", "cifar10", "--set"])
                .arg("data.augment=[\"crop 28\", \"standardise\"]"),
        )
        .ok();
    assert!(text.contains("128×28×28×64"), "{text}");
}

#[test]
fn what_has_no_layers_says_so() {
    let dir = Dir::new();
    dir.tfm("models show word2vec").fails(1, &["word2vec has no layer graph"]);
    dir.tfm("models show no-such").fails(2, &["no-such", "cifar10"]);
    dir.tfm("models show mnist --set train.batch=3").fails(1, &["train.batch"]);
}

#[test]
fn every_node_of_a_step_is_timed() {
    let dir = Dir::new();
    let line = "bench mnist --config mnist-self-test --steps 1 --layers --threads 2 -q";
    let json = dir.tfm(&format!("{line} --json")).json();
    let layers = json["layers"].as_array().unwrap();
    let passes = |name: &str| {
        let of = layers.iter().filter(|layer| layer["name"] == name);
        of.map(|layer| layer["pass"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    for name in ["conv1", "pool1", "conv2", "pool2", "fc1", "fc2"] {
        assert_eq!(passes(name), ["forward", "backward"], "{name}: {json}");
    }
    assert!(layers.iter().all(|layer| layer["seconds"].as_f64().unwrap() > 0.0), "{json}");
    let fc1 = layers.iter().find(|layer| layer["name"] == "fc1").unwrap();
    assert_eq!(fc1["operator"], "linear + relu + dropout");
    let text = dir.tfm(line).ok();
    assert!(text.starts_with("layer") && text.contains("\nmnist-self-test: "), "{text}");
    dir.tfm("bench word2vec --config word2vec-demo --steps 1 --layers -q")
        .fails(1, &["word2vec has no layers"]);
}

#[test]
fn towers_train_every_model_that_is_a_graph() {
    let dir = Dir::new();
    let losses = |run: &str| -> Vec<f64> {
        let text = fs::read_to_string(dir.path().join(run).join("metrics.jsonl")).unwrap();
        let records = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        records
            .filter_map(|record| record["loss"].as_f64().or(record["metrics"]["loss"].as_f64()))
            .collect()
    };
    for (model, line) in [
        ("mnist", "--config mnist-self-test --set train.num_epochs=1"),
        (
            "ptb",
            "--config ptb-test --set data.source=grammar --set data.grammar_words=2000 --set train.max_steps=10",
        ),
    ] {
        for towers in [1, 2] {
            let line = format!(
                "train {model} {line} --set train.towers={towers} --run-dir {model}{towers} --threads 2 -q"
            );
            let said = dir.tfm(&line);
            assert_eq!(said.code, 0, "{said:?}");
        }
        let [one, two] = [1, 2].map(|towers| losses(&format!("{model}{towers}")));
        assert!(!one.is_empty() && one.len() == two.len(), "{model}: {one:?} {two:?}");
        for (one, two) in one.iter().zip(&two) {
            assert!((one - two).abs() < 1e-3 * one.abs().max(1e-3), "{model}: {one} and {two}");
        }
        dir.tfm(&format!("train {model} --set train.towers=3 --set train.batch_size=4"))
            .fails(1, &["train.towers = 3 must divide train.batch_size = 4"]);
    }
}
