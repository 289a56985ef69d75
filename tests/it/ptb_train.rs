//! `tfm train ptb`: what it says, and what a run folder holds.

use std::path::Path;

use crate::dir::{Dir, tfm};
use crate::ptb::{Background, Run, train};

#[test]
fn a_run_folder_holds_all_of_a_run() {
    let dir = Dir::new();
    let line = train("--set train.max_max_epoch=2 --run-dir run --json");
    let said = dir.tfm(&line);
    assert_eq!(said.code, 0, "{said:?}");
    let run = Run::of(&dir, "run");
    let names: Vec<_> =
        run.names(".").into_iter().filter(|name| !name.contains("events")).collect();
    let expect =
        "checkpoints config.toml lock log.txt metrics.jsonl run.json status.json vocab.txt";
    assert_eq!(names.join(" "), expect);
    let checkpoints = ["best", "step-00000000", "step-00000019", "step-00000038"];
    assert_eq!(run.names("checkpoints"), checkpoints.map(|name| format!("{name}.safetensors")));
    assert_eq!(run.names(".").iter().filter(|name| name.contains("tfevents")).count(), 1);

    let json = said.json();
    assert_eq!((&json["model"], &json["preset"]), (&"ptb".into(), &"ptb-demo".into()));
    assert_eq!((&json["run_dir"], &json["step"]), (&"run".into(), &38.into()));
    for phase in ["epoch", "valid", "test"] {
        let name = if phase == "epoch" { "train" } else { phase };
        let perplexity = &json["metrics"][format!("{name}_perplexity")];
        assert_eq!(perplexity.as_f64().unwrap(), run.last(phase, "perplexity"));
    }
    let (test, floor) = (run.last("test", "perplexity"), run.last("test", "floor"));
    assert!(15.0 < floor && floor < 60.0 && test > floor, "{test} {floor}");
    assert_eq!(json["metrics"]["test_floor"].as_f64().unwrap(), floor);

    let manifest = run.manifest();
    assert_eq!((&manifest["seed"], &manifest["device"]), (&1.into(), &"cpu".into()));
    assert_eq!(manifest["version"], env!("CARGO_PKG_VERSION"));
    assert!(manifest["git_revision"].is_string() && manifest["threads"].as_u64().unwrap() > 0);
    let vocabulary = format!("{} words ", run.text("vocab.txt").lines().count());
    assert!(manifest["data"].as_str().unwrap().starts_with(&vocabulary), "{manifest}");
    assert!(run.text("config.toml").contains("hidden_size = 16\n"));

    // What exists is never wiped.
    let before = (dir.files(), run.newest(), run.text("metrics.jsonl"));
    dir.tfm(&line).fails(1, &["run exists and is not empty", "--resume"]);
    assert_eq!((dir.files(), run.newest(), run.text("metrics.jsonl")), before);
}

/// The lines of progress of an epoch of `steps` windows.
fn progress(dir: &Dir, num_steps: usize, steps: u64) -> Vec<String> {
    let sets = format!(
        "--config ptb-demo --set network.hidden_size=8 --set data.grammar_words=4000 \
         --set train.num_steps={num_steps} --set train.max_max_epoch=1 --run-dir {num_steps}"
    );
    let said = dir.one_thread(&format!("train ptb {sets}"));
    assert_eq!(said.code, 0, "{said:?}");
    let lines: Vec<_> = said.stderr.lines().skip_while(|line| !line.starts_with("Epoch")).collect();
    assert_eq!(lines[0], "Epoch: 1 Learning rate: 1.000");
    let n = lines.iter().filter(|line| line.ends_with(" wps")).count();
    let run = Run::of(dir, &num_steps.to_string());
    let epoch = format!(
        "Epoch 1/1: train perplexity {:.3}, valid perplexity {:.3}, ",
        run.last("epoch", "perplexity"),
        run.last("valid", "perplexity")
    );
    assert!(lines[n + 1].starts_with(&epoch) && lines[n + 1].ends_with(" s"), "{said:?}");
    assert!(lines[n + 2].starts_with("A sentence of the model: "), "{said:?}");
    assert_eq!(lines[n + 3], format!("Next: tfm plot {num_steps}; tfm eval {num_steps}"));
    // The result is said once.
    let result = format!("test perplexity {:.3} (the grammar", run.last("test", "perplexity"));
    assert!(said.stdout.starts_with(&result) && !said.stderr.contains("test perplexity"));
    // A loss is that of a word, whatever the window: at first words are about equally likely.
    let train = run.records();
    let first = train.iter().find(|record| record["phase"] == "train").unwrap();
    let loss = first["metrics"]["loss"].as_f64().unwrap();
    assert!((4.0..8.0).contains(&loss), "{first}");
    assert_eq!(run.records().iter().filter(|record| record["phase"] == "train").count(), n);
    assert_eq!(run.records().last().unwrap()["step"], steps);
    // The log has the same lines behind their times.
    let log = run.text("log.txt");
    assert!(lines.iter().all(|line| log.contains(&format!("  INFO {line}\n"))), "{log}");
    lines[1..=n].iter().map(|line| line.to_string()).collect()
}

#[test]
fn progress_is_said_ten_times_an_epoch_in_the_words_of_the_reference() {
    let dir = Dir::new();
    for (num_steps, steps, lines) in [(60, 3, 3), (10, 19, 10), (1, 199, 10)] {
        let said = progress(&dir, num_steps, steps);
        assert_eq!(said.len(), lines, "{said:?}");
        for line in &said {
            let words: Vec<_> = line.split(' ').collect();
            let [fraction, "perplexity:", perplexity, "speed:", speed, "wps"] = words[..] else {
                panic!("{line}");
            };
            assert!((0.0..1.0).contains(&fraction.parse::<f64>().unwrap()), "{line}");
            assert!(perplexity.parse::<f64>().unwrap() > 1.0, "{line}");
            assert!(speed.parse::<u64>().unwrap() > 0, "{line}");
        }
    }
}

#[test]
fn seeds_and_default_folders() {
    let dir = Dir::new();
    let run = |rest: &str| {
        let said = dir.tfm(&train(&format!("--set train.max_steps=3 -q --json {rest}")));
        assert_eq!(said.code, 0, "{said:?}");
        Run::of(&dir, said.json()["run_dir"].as_str().unwrap())
    };
    let (one, two, other) = (run(""), run("--seed 1 --threads 2"), run("--seed 2"));
    assert_eq!(one.newest(), two.newest());
    assert_ne!(one.newest().1, other.newest().1);
    assert_eq!([&one, &other].map(|run| run.manifest()["seed"].as_u64()), [Some(1), Some(2)]);
    assert!(other.text("config.toml").contains("seed = 2\n"));
    let runs = Run::of(&dir, "runs").names(".");
    assert_eq!(runs.len(), 3);
    assert!(runs.iter().all(|name| name.starts_with("ptb-demo-2")), "{runs:?}");
}

#[test]
fn the_best_is_kept_where_no_epoch_is() {
    let dir = Dir::new();
    let sets = "--set checkpoint.every_epoch=false --set checkpoint.keep=1 \
                --set train.learning_rate=0 --set train.max_max_epoch=3";
    dir.tfm(&train(&format!("{sets} -q --run-dir run"))).ok();
    // Nothing is learnt: the first epoch stays the best.
    let json = dir.one_thread("eval ptb --run run --checkpoint best --json").json();
    assert_eq!(json["step"], 19);
    let names = ["best.safetensors", "step-00000057.safetensors"];
    assert_eq!(Run::of(&dir, "run").names("checkpoints"), names);
}

#[test]
fn a_lock_keeps_a_second_process_out() {
    let dir = Dir::new();
    let mut first = Background::tfm(&dir, &train("--set train.max_max_epoch=100000 --run-dir run"));
    let run = Run::of(&dir, "run");
    assert!(first.until(|_| run.text("metrics.jsonl").lines().count() > 0));
    let holder = format!("(process {})", first.id());
    dir.one_thread("train ptb --resume run")
        .fails(1, &["run is in use by another process", &holder]);
    dir.tfm(&train("--run-dir run")).fails(1, &["run exists and is not empty"]);
    first.kill();
    let step =
        |name: String| name.strip_prefix("step-")?.strip_suffix(".safetensors")?.parse().ok();
    let done: u64 = run.names("checkpoints").into_iter().filter_map(step).max().unwrap_or(0);
    let resume = |steps| format!("train ptb --resume run --set train.max_steps={steps} -q");
    dir.one_thread(&resume(done + 2)).ok();
    dir.one_thread(&resume(done + 1))
        .fails(1, &["steps are done", "these settings end the run at step"]);
}

#[test]
fn the_level_of_instructions_is_recorded() {
    let dir = Dir::new();
    for isa in tfm::ops::Isa::available() {
        let name = isa.name();
        let mut command = tfm();
        let line = train(&format!("--set train.max_steps=2 -q --run-dir {name}"));
        dir.run(command.args(line.split_whitespace()).env("TFM_ISA", name)).ok();
        assert_eq!(Run::of(&dir, name).manifest()["isa"], name);
    }
    let said = dir.run(tfm().args(["train", "ptb", "--config", "ptb-demo"]).env("TFM_ISA", "sse"));
    said.fails(1, &["TFM_ISA=sse must be one of portable, avx2, avx512"]);
}

/// Needs the Penn Treebank in `TFM_DATA_DIR`.
#[test]
fn the_penn_treebank_has_its_words() {
    let Some(data) = std::env::var_os("TFM_DATA_DIR") else {
        eprintln!("skipped: TFM_DATA_DIR is not set");
        return;
    };
    if !Path::new(&data).join("ptb/ptb.train.txt").exists() {
        eprintln!("skipped: {} has no ptb", Path::new(&data).display());
        return;
    }
    let dir = Dir::new();
    let mut command = tfm();
    command.args(["train", "ptb", "--config", "ptb-test", "--run-dir", "run", "--data-dir"]);
    let mut training = Background::start(&dir, command.arg(&data));
    let run = Run::of(&dir, "run");
    assert!(training.until(|_| run.path("run.json").exists()), "{}", training.stderr());
    training.kill();
    let data = run.manifest()["data"].to_string();
    for part in ["\"10000 words ", "train 929589 ", "valid 73760 ", "test 82430 "] {
        assert!(data.contains(part), "{data}");
    }
}
