//! `tfm runs`: many runs looked at together.

use std::fs;

use serde_json::{Value, json};

use crate::dir::{Dir, Said, tfm};
use crate::ptb::{Background, Run, train};

/// A run of one epoch with a rate and a seed.
fn short(rate: f64, seed: u64, name: &str) -> String {
    train(&format!(
        "-q --set train.max_max_epoch=1 --set train.learning_rate={rate} --set seed={seed} \
         --run-dir {name}"
    ))
}

/// Two rates with three seeds each.
fn six() -> Dir {
    let dir = Dir::new();
    for rate in [1.0, 0.25] {
        for seed in 1..=3 {
            dir.tfm(&short(rate, seed, &format!("runs/rate-{rate}-seed-{seed}"))).ok();
        }
    }
    dir
}

fn names(said: &Said) -> Vec<String> {
    let runs = said.json();
    let name = |run: &Value| run["run"].as_str().unwrap().trim_start_matches("runs/").to_owned();
    runs.as_array().unwrap().iter().map(name).collect()
}

#[test]
fn runs_are_listed_filtered_and_sorted() {
    let dir = six();
    let all = dir.tfm("runs list --json");
    assert_eq!(names(&all).len(), 6);
    let json = all.json();
    let run = &json[0];
    assert_eq!(
        (&run["model"], &run["preset"], &run["state"]),
        (&json!("ptb"), &json!("ptb-demo"), &json!("finished"))
    );
    assert_eq!((&run["step"], &run["total_steps"]), (&json!(19), &json!(19)));
    assert_eq!(run["settings"]["train.learning_rate"], Value::Null, "it is the preset's");
    assert!(run["metrics"]["test_perplexity"].is_number());
    assert_eq!(json[3]["settings"]["train.learning_rate"], 0.25);

    let few = dir.tfm(
        "runs list --json --where train.learning_rate<0.5 --where seed!=2 --sort seed --reverse",
    );
    assert_eq!(names(&few), ["rate-0.25-seed-3", "rate-0.25-seed-1"]);
    assert!(names(&dir.tfm("runs list --json --model mnist")).is_empty());
    assert!(names(&dir.tfm("runs list --json --state failed")).is_empty());
    let text = dir.tfm("runs list runs/rate-0.25-seed-1").ok();
    for part in ["19/19", "finished", "test_perplexity", "train.learning_rate=0.25"] {
        assert!(text.contains(part), "{text}");
    }
    let csv = dir.tfm("runs list --csv").ok();
    assert_eq!(csv.lines().count(), 7);
    assert!(csv.lines().next().unwrap().contains(",train.learning_rate,"), "{csv}");
    dir.tfm("runs list --where rate").fails(2, &["\"rate\" is not a condition"]);
    let head: Vec<_> = csv.lines().next().unwrap().split(',').collect();
    let columns: std::collections::BTreeSet<_> = head.iter().collect();
    assert_eq!(columns.len(), head.len(), "{head:?}");
    dir.tfm("runs list --sort rate")
        .fails(1, &["cannot sort by rate: it is not a config key or score of any run"]);
    dir.tfm("runs list --where rate>1")
        .fails(1, &["cannot compare rate: it is not a config key or score of any run"]);
    dir.tfm("runs list nowhere").fails(1, &["nowhere does not exist"]);

    // A damaged run hides no other.
    dir.write("runs/rate-1-seed-1/metrics.jsonl", "{}\n");
    let said = dir.tfm("runs list --json");
    assert_eq!(names(&said).len(), 5);
    assert!(said.stderr.contains("runs/rate-1-seed-1 cannot be read and is skipped"), "{said:?}");
}

#[test]
fn experiments_are_compared_over_their_seeds() {
    let dir = six();
    // A run of the same seed is not another replica.
    dir.tfm(&short(0.25, 3, "runs/again")).ok();
    let json = dir.tfm("runs compare --json").json();
    assert_eq!(json["groups"].as_array().unwrap().len(), 2);
    let settings = json["settings"].as_object().unwrap();
    assert_eq!(settings.keys().collect::<Vec<_>>(), ["train.learning_rate"]);
    let score = |name: &str| {
        json["scores"].as_array().unwrap().iter().find(|s| s["metric"] == name).unwrap().clone()
    };
    let test = score("test_perplexity");
    assert_eq!((&test["spreads"][0]["n"], &test["spreads"][1]["n"]), (&json!(3), &json!(3)));
    assert_eq!(test["intervals"][1]["paired"], true);
    let text = dir.tfm("runs compare --seeds").ok();
    for part in ["A: ptb-demo", "train.learning_rate", " ± ", "(n 3)", "seed 3", "B against A: "] {
        assert!(text.contains(part), "{text}");
    }
    let two = dir.tfm("runs compare runs/rate-1-seed-1 runs/rate-0.25-seed-1").ok();
    assert!(two.contains("too few seeds for a comparison (1 and 1;"), "{two}");
    dir.tfm("runs compare runs/rate-1-seed-1")
        .fails(1, &["runs/rate-1-seed-1 is the only run; name another"]);
    // Replicas alone are shown as their mean.
    let one = dir.tfm("runs compare runs/rate-1-seed-1 runs/rate-1-seed-2").ok();
    assert!(one.contains("A: ptb-demo") && one.contains("(n 2)") && !one.contains("B: "), "{one}");

    let diff = dir.tfm("runs diff runs/rate-1-seed-1 runs/rate-0.25-seed-1").ok();
    assert!(diff.contains("config train.learning_rate\n- 1.0\n+ 0.25\n"), "{diff}");
    assert!(!diff.contains("config train.batch_size"), "{diff}");
}

#[test]
fn a_run_is_shown_with_all_that_repeats_it() {
    let dir = Dir::new();
    dir.tfm(&train("-q --set train.max_max_epoch=3 --run-dir run")).ok();
    let text = dir.tfm("runs show run").ok();
    for part in [
        "finished after step 57 of 57",
        "network.hidden_size = 16",
        "valid_perplexity by step:",
        "checkpoints: steps 19, 38, 57; the best is step",
        "command:     ",
        "machine: ",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    let json = dir.tfm("runs show run --json").json();
    let provenance = &json["manifest"]["provenance"];
    for key in ["git_tree", "host", "system", "folder"] {
        assert!(provenance[key].as_str().is_some_and(|value| !value.is_empty()), "{provenance}");
    }
    assert_eq!(json["checkpoints"]["steps"], json!([19, 38, 57]));
    dir.tfm("runs show nowhere").fails(1, &["nowhere is not a run folder: it does not exist"]);
}

#[test]
fn states_are_true() {
    let dir = Dir::new();
    let state = |name: &str| dir.tfm(&format!("runs show {name} --json")).json()["state"].clone();
    let mut training =
        Background::tfm(&dir, &train("--set train.max_max_epoch=100000 --run-dir run"));
    let run = Run::of(&dir, "run");
    assert!(training.until(|_| run.text("metrics.jsonl").lines().count() > 2));
    assert_eq!(state("run"), "running");
    dir.tfm("runs rm run --yes").fails(1, &["the run run is in use by another process"]);
    training.kill();
    assert!(run.text("status.json").contains("running"));
    assert_eq!(state("run"), "interrupted");
    // A loss that is not finite.
    let said = dir.tfm(&train(
        "-q --set train.learning_rate=1e30 --set train.max_grad_norm=1e30 --run-dir bad",
    ));
    assert_eq!(said.code, 1, "{said:?}");
    let json = dir.tfm("runs show bad --json").json();
    assert_eq!(json["state"], "failed");
    assert!(json["reason"].as_str().unwrap().contains("finite"), "{json}");
    // A run of an older tfm has no status.
    dir.tfm(&train("-q --set train.max_steps=5 --run-dir old")).ok();
    fs::remove_file(dir.path().join("old/status.json")).unwrap();
    assert_eq!(state("old"), "finished");
}

#[test]
fn a_run_is_repeated_to_the_bit() {
    let dir = Dir::new();
    dir.write("words.txt", crate::ptb::text(60));
    let line = "train ptb --threads 1 -q --config ptb-test --set data.train=./words.txt \
                --set data.valid=./words.txt --set data.test=./words.txt --set train.batch_size=5 \
                --set train.max_steps=4 --set seed=7 --run-dir run";
    dir.tfm(line).ok();
    let json = dir.tfm("runs rerun run --run-dir again --json").json();
    assert_eq!((&json["same_records"], &json["same_parameters"]), (&json!(true), &json!(true)));
    let (run, again) = (Run::of(&dir, "run"), Run::of(&dir, "again"));
    assert_eq!((again.records(), again.newest()), (run.records(), run.newest()));
    let manifest = again.manifest();
    assert_eq!((&manifest["preset"], &manifest["seed"]), (&json!("ptb-test"), &json!(7)));
    assert_eq!(run.text("config.toml"), again.text("config.toml"));
    // Relative paths are those of the folder that the first run was started in.
    let below = dir.path().join("below");
    fs::create_dir(&below).unwrap();
    let rerun = ["runs", "rerun", "../run", "--run-dir", "fourth", "-q"];
    assert!(tfm().args(rerun).current_dir(&below).status().unwrap().success());
    assert!(below.join("fourth/run.json").exists());
    // Other data is no repetition.
    dir.write("words.txt", crate::ptb::text(61));
    let said = dir.tfm("runs rerun run --run-dir third");
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.stderr.contains("the run cannot be repeated: the data differs"), "{said:?}");
    assert!(!dir.path().join("third").exists());
}

#[test]
fn notes_and_tags_find_a_run_again() {
    let dir = Dir::new();
    for name in ["a", "b"] {
        dir.tfm(&train(&format!("-q --set train.max_steps=3 --run-dir runs/{name}"))).ok();
    }
    assert_eq!(dir.run(tfm().args(["runs", "note", "runs/a", "too hot"])).ok(), "too hot\n");
    assert_eq!(dir.tfm("runs note runs/a").ok(), "too hot\n");
    dir.tfm("runs tag good runs/a runs/b").ok();
    dir.tfm("runs tag good runs/b --remove").ok();
    dir.tfm("runs tag good runs/b --remove").fails(1, &["runs/b has no tag good"]);
    assert_eq!(names(&dir.tfm("runs list --tag good --json")), ["a"]);
    let text = dir.tfm("runs list").ok();
    assert!(text.contains("#good too hot"), "{text}");
    dir.run(tfm().args(["runs", "tag", "not good", "runs/a"]))
        .fails(1, &["\"not good\" is not a tag"]);
    dir.tfm("runs note none x").fails(1, &["none is not a run folder"]);
}

#[test]
fn runs_are_removed_on_request_alone() {
    let dir = Dir::new();
    for name in ["a", "b"] {
        dir.tfm(&train(&format!("-q --set train.max_max_epoch=2 --run-dir runs/{name}"))).ok();
    }
    let (a, b) = (Run::of(&dir, "runs/a"), Run::of(&dir, "runs/b"));
    dir.tfm("runs rm runs/a").fails(1, &["nothing was removed", "confirm with --yes"]);
    dir.tfm("runs rm runs/a runs/none --yes").fails(1, &["runs/none is not a run folder"]);
    assert!(a.path("run.json").exists());
    let before = b.names("checkpoints");
    assert!(dir.tfm("runs prune --dry-run").ok().starts_with("4 checkpoints of 2 finished runs"));
    assert_eq!(b.names("checkpoints"), before);
    dir.tfm("runs prune").fails(1, &["confirm with --yes"]);
    // Where the last is damaged, the ones before it are what there is.
    let last = b.path("checkpoints/step-00000038.safetensors");
    let whole = fs::read(&last).unwrap();
    fs::write(&last, &whole[..whole.len() - 1]).unwrap();
    let said = dir.tfm("runs prune runs/b --yes");
    assert!(said.code == 0 && said.stderr.contains("is damaged, so nothing is"), "{said:?}");
    assert_eq!(b.names("checkpoints"), before);
    fs::write(&last, whole).unwrap();
    dir.tfm("runs prune --yes").ok();
    assert_eq!(b.names("checkpoints"), ["best.safetensors", "step-00000038.safetensors"]);
    dir.one_thread("eval ptb --run runs/b --checkpoint best").ok();
    fs::create_dir(a.path("mine")).unwrap();
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("runs/a", dir.path().join("link")).unwrap();
        for link in ["link", "link/", "link/."] {
            let said = dir.tfm(&format!("runs rm {link} --yes"));
            said.fails(1, &["is a link; name the run itself, runs/a"]);
        }
        assert!(a.path("run.json").exists());
    }
    dir.tfm("runs rm runs/a runs/../runs/a --yes").ok();
    assert!(!dir.path().join("runs/a").exists() && b.path("run.json").exists());
    dir.tfm(&train("-q --run-dir runs/b/inner"))
        .fails(1, &["is inside the run", "another --run-dir"]);
    dir.tfm(&train("-q --run-dir runs/b/../c")).ok();
    let here = tfm().args(["runs", "rm", ".", "--yes"]).current_dir(b.path(".")).status();
    assert!(here.unwrap().success());
    assert!(!dir.path().join("runs/b").exists());
}
