//! `tfm train ptb --resume`: a run that was stopped ends as one that was not.

use std::fs;

use crate::dir::Dir;
use crate::ptb::{Background, Run, text, train};

/// Three epochs of 19 steps with checkpoints within them.
const THREE: &str = "--set train.max_max_epoch=3 --set checkpoint.every_steps=7 \
                     --set train.keep_prob=0.8 -q";

fn whole(dir: &Dir) -> Run {
    dir.tfm(&train(&format!("{THREE} --run-dir whole"))).ok();
    Run::of(dir, "whole")
}

#[test]
fn a_run_that_is_killed_again_and_again_ends_to_the_bit_the_same() {
    let dir = Dir::new();
    let whole = whole(&dir);
    let run = Run::of(&dir, "run");
    let lines = |run: &Run| run.text("metrics.jsonl").lines().count();
    // The last line may be in the making.
    let records_of = |run: &Run, phase: &str| {
        run.text("metrics.jsonl").matches(&format!("\"phase\":\"{phase}\"")).count()
    };
    let checkpoint = |run: &Run, step: u64| {
        run.path(&format!("checkpoints/step-{step:08}.safetensors")).exists()
    };
    // When it is killed: as the folder is made, before the first checkpoint, as one appears,
    // between two, in the evaluation of an epoch, after it, in that of the end.
    let moments: [&dyn Fn(&Run) -> bool; 10] = [
        &|run| run.path("run.json").exists(),
        &|run| lines(run) >= 2,
        &|run| checkpoint(run, 7),
        &|run| lines(run) >= 6,
        &|run| lines(run) >= 10,
        &|run| checkpoint(run, 19),
        &|run| records_of(run, "valid") >= 1,
        &|run| lines(run) >= 20,
        &|run| records_of(run, "valid") >= 3,
        &|run| records_of(run, "test") >= 1,
    ];
    let mut line = train(&format!("{THREE} --run-dir run --threads 1"));
    for (i, moment) in moments.into_iter().enumerate() {
        let mut training = Background::tfm(&dir, &line);
        training.until(|_| moment(&run));
        training.kill();
        assert!(run.path("run.json").exists());
        line = format!("train ptb --resume run --threads {}", 1 + i % 3);
    }
    let said = dir.tfm(&line);
    assert_eq!(said.code, 0, "{said:?}");
    run.ends_as(&whole);
    assert_eq!(run.manifest()["data"], whole.manifest()["data"]);
    let names = run.names(".");
    assert!(names.iter().filter(|name| name.contains("tfevents")).count() > 2, "{names:?}");
    assert!(names.iter().all(|name| !name.ends_with(".tmp")), "{names:?}");
}

#[test]
fn an_optimizer_with_a_state_is_chosen_by_the_config_and_resumed_to_the_bit() {
    let dir = Dir::new();
    let adam = "--set optimizer.name=adam --set train.learning_rate=0.01 \
                --set checkpoint.every_minutes=0 -q";
    dir.tfm(&train(&format!("{adam} --set train.max_steps=19 --run-dir whole"))).ok();
    let whole = Run::of(&dir, "whole");
    dir.tfm(&train(&format!("{adam} --set train.max_steps=11 --run-dir run"))).ok();
    dir.tfm("train ptb --resume run --set train.max_steps=19 -q").ok();
    Run::of(&dir, "run").ends_as(&whole);
    let said = dir.tfm(&train("--set optimizer.beta1=1 --run-dir other"));
    assert!(said.code == 1 && said.stderr.contains("optimizer.beta1"), "{said:?}");
    let said = dir.tfm(&train("--set optimizer.name=adagrad --run-dir other"));
    assert!(said.code == 1 && said.stderr.contains("adamw"), "{said:?}");
}

#[test]
fn a_finished_run_stays_as_it_is_or_becomes_longer() {
    let dir = Dir::new();
    let sets = "--set checkpoint.every_minutes=0 -q";
    dir.tfm(&train(&format!("{sets} --set train.max_max_epoch=2 --run-dir whole"))).ok();
    let whole = Run::of(&dir, "whole");
    let said = dir.one_thread("train ptb --resume whole --json");
    let step = &said.json()["step"];
    assert!(step == 38 && said.stderr.contains("already finished at step 38"), "{said:?}");
    assert_eq!(said.json()["metrics"]["test_perplexity"], whole.last("test", "perplexity"));

    // It ended first within an epoch, then at an epoch's end.
    dir.tfm(&train(&format!("{sets} --set train.max_steps=11 --run-dir run --threads 1"))).ok();
    let run = Run::of(&dir, "run");
    assert_eq!(run.records().last().unwrap()["step"], 11);
    dir.tfm("train ptb --resume run --set train.max_steps=19 -q --threads 2").ok();
    let longer = "--set train.max_steps=0 --set train.max_max_epoch=2 --set checkpoint.keep=5";
    dir.one_thread(&format!("train ptb --resume run -q {longer}")).ok();
    run.ends_as(&whole);
    assert!(run.text("config.toml").contains("max_max_epoch = 2\n"));
    let orphans = run.text("metrics.orphan-1.jsonl");
    assert!(orphans.lines().count() == 1 && orphans.contains("\"phase\":\"test\""), "{orphans}");
}

#[test]
fn a_run_of_which_only_the_folder_is_there_starts_over() {
    let dir = Dir::new();
    let sets = "--set train.max_steps=5 -q";
    for name in ["whole", "run"] {
        dir.tfm(&train(&format!("{sets} --run-dir {name}"))).ok();
    }
    let run = Run::of(&dir, "run");
    let keep = ["config.toml", "lock", "run.json", "vocab.txt"];
    for name in run.names(".") {
        match run.path(&name) {
            path if path.is_dir() => fs::remove_dir_all(path).unwrap(),
            path if !keep.contains(&&*name) => fs::remove_file(path).unwrap(),
            _ => {}
        }
    }
    let said = dir.one_thread("train ptb --resume run -q");
    assert!(said.code == 0 && said.stderr.contains("no checkpoint yet: starting over"), "{said:?}");
    let whole = Run::of(&dir, "whole");
    assert_eq!((run.records(), run.newest()), (whole.records(), whole.newest()));

    // Killed before it was a run.
    fs::remove_file(run.path("run.json")).unwrap();
    dir.one_thread("train ptb --resume run")
        .fails(1, &["run is not a run folder: it has no run.json"]);
    dir.tfm(&train("--run-dir run")).fails(1, &["run exists and is not empty"]);
}

#[test]
fn a_damaged_checkpoint_is_named_and_the_one_before_it_taken() {
    let dir = Dir::new();
    let whole = whole(&dir);
    dir.tfm(&train(&format!("{THREE} --run-dir run"))).ok();
    let run = Run::of(&dir, "run");
    let (newest, mut bytes) = run.newest();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    // The best may be the same file under another name: replaced, not changed.
    let path = run.path("checkpoints").join(&newest);
    fs::remove_file(&path).unwrap();
    fs::write(&path, bytes).unwrap();
    let said = dir.one_thread("train ptb --resume run");
    assert_eq!(said.code, 0, "{said:?}");
    let warning = format!("{newest} is damaged");
    assert!(said.stderr.contains(&warning) && said.stderr.contains("using step"), "{said:?}");
    run.ends_as(&whole);
    let names = run.names(".");
    assert!(names.iter().any(|name| name == "metrics.orphan-1.jsonl"), "{names:?}");
    assert_eq!(names.iter().filter(|name| name.contains("tfevents")).count(), 2);

    for name in run.names("checkpoints") {
        fs::write(run.path("checkpoints").join(name), "no checkpoint").unwrap();
    }
    dir.one_thread("train ptb --resume run").fails(1, &["no checkpoint in", "is intact"]);
}

#[test]
fn records_that_have_changed_are_told_and_the_training_goes_on() {
    let dir = Dir::new();
    let whole = whole(&dir);
    dir.tfm(&train(
        "--set checkpoint.every_steps=7 --set train.keep_prob=0.8 --set train.max_steps=8 \
                    --set train.max_max_epoch=3 -q --run-dir run",
    ))
    .ok();
    let run = Run::of(&dir, "run");
    let records = run.text("metrics.jsonl");
    let changed = records.replacen("\"perplexity\":", "\"perplexity\":1", 1);
    fs::write(run.path("metrics.jsonl"), changed).unwrap();
    let said = dir.one_thread("train ptb --resume run -q --set train.max_steps=57");
    assert!(said.stderr.contains("lines have changed since they were written"), "{said:?}");
    let score = |run: &Run| run.last("test", "perplexity");
    assert_eq!((said.code, score(&run)), (0, score(&whole)));
}

#[test]
fn what_a_resumed_run_may_not_change_is_refused_with_both_values() {
    let dir = Dir::new();
    dir.write("train.txt", text(60));
    dir.write("valid.txt", text(40));
    let line = "train ptb --threads 1 --config ptb-test --set data.train=train.txt --set data.valid=valid.txt \
                --set data.test=valid.txt --set train.max_steps=2 --set train.batch_size=5";
    dir.tfm(&format!("{line} --run-dir run -q")).ok();
    let run = Run::of(&dir, "run");
    let before = (run.newest(), run.text("config.toml"), run.text("metrics.jsonl"));
    for (change, values) in [
        ("--set network.hidden_size=3", "network.hidden_size (2 in the run, 3 now)"),
        ("--set train.learning_rate=0.5", "train.learning_rate (1.0 in the run, 0.5 now)"),
        ("--seed 7", "seed (1 in the run, 7 now)"),
    ] {
        let said = dir.one_thread(&format!("train ptb --resume run {change}"));
        said.fails(1, &["cannot resume run", values, "train.max_max_epoch"]);
    }
    let other = dir.one_thread("train ptb --config ptb-demo --resume run");
    other.fails(1, &["cannot resume run: it is a run of preset ptb-test, not of ptb-demo"]);
    dir.one_thread("train ptb --resume run --run-dir other").fails(1, &["run and --run-dir other"]);
    dir.one_thread("train ptb --resume gone").fails(1, &["gone is not a run folder", "run"]);
    dir.one_thread("train ptb --resume run --init-from run").fails(2, &["cannot be used with"]);

    dir.write("valid.txt", text(41));
    let said = dir.one_thread("train ptb --resume run");
    said.fails(1, &["cannot resume run: the data differs", "valid 200 ", "valid 205 "]);
    assert_eq!((run.newest(), run.text("config.toml"), run.text("metrics.jsonl")), before);
    dir.write("valid.txt", text(40));
    dir.one_thread("train ptb --resume run --set train.max_steps=3 -q").ok();
    // The file that a run began with may have been changed since.
    dir.write(
        "ptb-test.toml",
        run.text("config.toml").replace("hidden_size = 2", "hidden_size = 3"),
    );
    let said = dir.one_thread("train ptb --resume run --config ./ptb-test.toml");
    let part =
        "its own config, which differs from ./ptb-test.toml in network.hidden_size (2, there 3)";
    assert!(said.code == 0 && said.stderr.contains(part), "{said:?}");
}

#[test]
fn the_newest_run_of_the_preset_is_resumed() {
    let dir = Dir::new();
    dir.one_thread("train ptb --config ptb-demo --resume").fails(1, &["preset ptb-demo", "runs"]);
    let run = |rest: &str| {
        let said = dir.tfm(&train(&format!("--set train.max_steps=2 -q --json {rest}")));
        said.json()["run_dir"].as_str().unwrap().to_owned()
    };
    let (first, second) = (run(""), run("--seed 3"));
    assert_ne!(first, second);
    let line = "train ptb --threads 1 --config ptb-demo --resume --set train.max_steps=4 -q --json";
    let json = dir.tfm(line).json();
    assert_eq!((&json["run_dir"], &json["step"]), (&second.into(), &4.into()));
    dir.one_thread("train ptb --resume -q").fails(1, &["preset ptb-small", &first]);
}
