//! Runs under faults: killed at random, and at single calls to the system, each of which is made to
//! fail or to be the last. A script that resumes, or else starts, always ends with the same bits.
#![cfg(target_os = "linux")]

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::thread::sleep;
use std::time::Duration;

use crate::dir::{Dir, Said, tfm};
use crate::ptb::{Background, Run, text};

/// A run of a moment, with checkpoints between its ends.
const TINY: &str = "train ptb --config ptb-demo --threads 1 -q --set data.grammar_words=1000 \
                    --set network.hidden_size=8 --set train.batch_size=4 --set train.num_steps=8 \
                    --set checkpoint.every_steps=25 --set train.max_steps=70";
const VECTORS: &str = "3 2\nthe 1 0\nof 0 1\nand 1 1\n";

/// Numbers that look random and are the same each time.
fn numbers(seed: u64) -> impl Iterator<Item = u64> {
    std::iter::successors(Some(seed), |x| {
        Some(x.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407))
    })
    .map(|x| x >> 33)
}

/// Goes on with the run as a script does: resumes it, or begins it where there is none yet.
#[track_caller]
fn resume_or_start(dir: &Dir, context: &str) {
    let said = dir.one_thread("train ptb --resume run -q");
    if said.code != 0 {
        let begun = dir.tfm(&format!("{TINY} --run-dir run"));
        assert_eq!(begun.code, 0, "{context}: {said:?} {begun:?}");
    }
}

#[track_caller]
fn holds_nothing_half_made(run: &Run) {
    for folder in [".", "checkpoints"] {
        let names = run.names(folder);
        assert!(names.iter().all(|name| !name.ends_with(".tmp")), "{names:?}");
    }
}

#[test]
fn a_run_that_is_killed_at_random_ends_to_the_bit_the_same() {
    let dir = Dir::new();
    dir.tfm(&format!("{TINY} --run-dir whole")).ok();
    let whole = Run::of(&dir, "whole");
    let run = Run::of(&dir, "run");
    for (i, number) in numbers(7).take(12).enumerate() {
        let line = match i {
            0 => format!("{TINY} --run-dir run"),
            _ => "train ptb --resume run -q --threads 1".to_string(),
        };
        let training = Background::tfm(&dir, &line);
        sleep(Duration::from_micros(number % 150_000));
        training.kill();
        if !run.path("run.json").exists() {
            resume_or_start(&dir, &format!("kill {i}"));
        }
    }
    resume_or_start(&dir, "the last");
    run.ends_as(&whole);
    holds_nothing_half_made(&run);
}

/// Builds the library that makes calls fail; none where there is no compiler.
fn shim(dir: &Dir) -> Option<PathBuf> {
    let (source, library) =
        (concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/shim.c"), dir.path().join("shim.so"));
    let args = ["-O1", "-Wall", "-shared", "-fPIC", "-o"];
    match Command::new("cc").args(args).args([library.as_os_str(), source.as_ref()]).status() {
        Ok(status) => {
            assert!(status.success(), "cc cannot compile {source}");
            Some(library)
        }
        Err(error) => {
            eprintln!("SKIPPED: no cc to build the faults with: {error}");
            None
        }
    }
}

/// Runs `line` with a fault at its call number `at`.
fn with_fault(dir: &Dir, shim: &PathBuf, line: &str, fault: &str, at: u64) -> Output {
    let mut command = tfm();
    command.args(line.split_whitespace()).current_dir(dir.path()).env("LD_PRELOAD", shim);
    command.env("FAULT", fault).env("FAULT_AT", at.to_string());
    command.env("FAULT_COUNT", dir.path().join("count"));
    let output = command.output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    // A killed process says nothing, and one that failed says one error.
    let errors = match output.status.code() {
        None => 0..=0,
        Some(0) => 0..=0,
        Some(code) => {
            assert_eq!(code, 1, "{fault} at {at}: {stderr}");
            1..=1
        }
    };
    assert!(errors.contains(&stderr.matches("error: ").count()), "{fault} at {at}: {stderr}");
    output
}

/// How many calls `line` makes that a fault may meet.
fn calls(dir: &Dir, shim: &PathBuf, line: &str) -> u64 {
    assert!(with_fault(dir, shim, line, "none", 0).status.success());
    fs::read_to_string(dir.path().join("count")).unwrap().parse().unwrap()
}

/// Some of the faults at `calls` calls, spread over all of them; with TFM_TEST_FAULTS=all, all.
fn some_faults(calls: u64) -> Vec<(&'static str, u64)> {
    // The numbers of errors: of the disk, and of its being full.
    let kinds = ["kill", "torn", "5", "28"];
    let all = kinds.iter().flat_map(|kind| (1..=calls).map(|at| (*kind, at)));
    match std::env::var_os("TFM_TEST_FAULTS") {
        Some(_) => all.collect(),
        None => all.skip(3).step_by((calls as usize / 9).max(1)).collect(),
    }
}

#[test]
fn a_run_with_a_fault_at_any_call_ends_to_the_bit_the_same() {
    let dir = Dir::new();
    let Some(shim) = shim(&dir) else { return };
    let calls = calls(&dir, &shim, &format!("{TINY} --run-dir whole"));
    let whole = Run::of(&dir, "whole");
    for (fault, at) in some_faults(calls) {
        let run = Run::of(&dir, "run");
        with_fault(&dir, &shim, &format!("{TINY} --run-dir run"), fault, at);
        resume_or_start(&dir, &format!("{fault} at {at} of {calls}"));
        run.ends_as(&whole);
        holds_nothing_half_made(&run);
        fs::remove_dir_all(run.path("")).unwrap();
    }
}

#[test]
fn a_full_disk_ends_a_sweep_which_goes_on_when_there_is_room() {
    let dir = Dir::new();
    let Some(shim) = shim(&dir) else { return };
    let line = format!(
        "sweep run ptb --config ptb-demo {} seed=1..4 --threads 1 --device cpu --dir",
        TINY.split_once("-q").unwrap().1.replace("--set ", "")
    );
    dir.tfm(&format!("{line} whole")).ok();
    // A worker comes to its call of that number, which fails; the sweep itself has fewer. Some calls may
    // fail without harm, so that others are tried.
    let ends = |at: u64| {
        let output = with_fault(&dir, &shim, &format!("{line} s-{at}"), "28", at);
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        (!output.status.success()).then_some((at, stderr))
    };
    let (at, stderr) = (60..80).find_map(ends).unwrap();
    let part = format!(
        "(os error 28); free some space, then resume with: tfm sweep resume s-{at} --threads 1"
    );
    assert!(stderr.contains("error: point ") && stderr.contains(&part), "{stderr}");
    let said = dir.tfm(&format!("sweep resume s-{at} --threads 1"));
    assert_eq!(said.code, 0, "{said:?}");
    for point in 1..=4 {
        let runs = [format!("s-{at}"), "whole".to_owned()];
        let [own, other] = runs.map(|s| Run::of(&dir, &format!("{s}/points/{point:04}")));
        own.ends_as(&other);
    }
}

#[test]
fn an_import_with_a_fault_at_any_call_can_be_done_again() {
    let dir = Dir::new();
    let Some(shim) = shim(&dir) else { return };
    dir.write("v.txt", VECTORS);
    let calls = calls(&dir, &shim, "import word2vec v.txt --run-dir whole");
    let expect = dir.tfm("query word2vec --run whole nearby the").ok();
    for (fault, at) in some_faults(calls) {
        let output = with_fault(&dir, &shim, "import word2vec v.txt --run-dir run", fault, at);
        let run = Run::of(&dir, "run");
        if !run.path("run.json").exists() {
            assert!(!output.status.success());
            dir.tfm("import word2vec v.txt --run-dir run").ok();
        }
        let said = dir.tfm("query word2vec --run run nearby the").ok();
        assert_eq!(said, expect, "{fault} at {at} of {calls}");
        holds_nothing_half_made(&run);
        fs::remove_dir_all(run.path("")).unwrap();
    }
}

#[test]
fn text_that_is_made_with_a_fault_at_any_call_can_be_made_again() {
    let dir = Dir::new();
    let Some(shim) = shim(&dir) else { return };
    let line = "data make grammar --words 3000 --out";
    let calls = calls(&dir, &shim, &format!("{line} whole"));
    let files = |folder: &str| -> Vec<_> {
        let names = Run::of(&dir, folder).names(".").into_iter();
        let bytes = |name: &String| fs::read(dir.path().join(folder).join(name)).unwrap();
        names.map(|name| (bytes(&name), name)).collect()
    };
    for (fault, at) in some_faults(calls) {
        with_fault(&dir, &shim, &format!("{line} some"), fault, at);
        dir.tfm(&format!("{line} some")).ok();
        assert!(files("some") == files("whole"), "{fault} at {at} of {calls}");
        fs::remove_dir_all(dir.path().join("some")).unwrap();
    }
}

/// Runs `line` on a system that lacks something.
fn without(dir: &Dir, shim: &PathBuf, what: &str, line: &str) -> Said {
    dir.run(tfm().args(line.split_whitespace()).env("LD_PRELOAD", shim).env("FAULT", what))
}

#[test]
fn file_systems_without_locks_maps_or_synced_folders_will_do() {
    let dir = Dir::new();
    let Some(shim) = shim(&dir) else { return };
    dir.write("t.txt", text(40));
    let line = "train ptb --threads 1 -q --config ptb-test --set data.train=./t.txt --set \
                data.valid=./t.txt --set data.test=./t.txt --set train.batch_size=5 \
                --set train.max_steps=3";
    dir.tfm(&format!("{line} --run-dir whole")).ok();
    for (what, warning) in [
        ("locks", "cannot be locked (No locks available (os error 37))"),
        ("maps", "files cannot be memory-mapped here (No such device (os error 19)): reading"),
        ("synced folders", ""),
    ] {
        let said = without(&dir, &shim, what, &format!("{line} --run-dir run"));
        assert_eq!(said.code, 0, "{what}: {said:?}");
        let eval = without(&dir, &shim, what, "eval ptb --run run --threads 1");
        // Training maps nothing, and evaluation locks nothing.
        let says = format!("{}{}", said.stderr, eval.stderr);
        let expect = usize::from(!warning.is_empty());
        assert_eq!(says.matches("warning: ").count(), expect, "{what}: {says}");
        assert!(says.contains(warning), "{what}: {says}");
        assert_eq!(eval.ok(), dir.one_thread("eval ptb --run whole").ok(), "{what}");
        let run = Run::of(&dir, "run");
        assert_eq!(run.newest(), Run::of(&dir, "whole").newest(), "{what}");
        fs::remove_dir_all(run.path("")).unwrap();
    }
}

#[test]
fn threads_that_cannot_be_started_are_an_error_with_a_hint() {
    let dir = Dir::new();
    let Some(shim) = shim(&dir) else { return };
    dir.write("t.txt", "the cat sees a dog\n".repeat(200));
    let hint = "cannot start 8 threads: Resource temporarily unavailable (os error 11); give a \
                   lower --threads";
    for (line, expect) in [
        ("train ptb --config ptb-demo --threads 8", hint),
        ("train mnist --config mnist-demo --threads 8", hint),
        ("train mnist --config mnist-demo --threads 1", "cannot start "),
        ("train cifar10 --config cifar10-demo --threads 1", "cannot start "),
        (
            "train word2vec --set eval.questions= --set data.train=./t.txt --threads 1",
            "cannot start ",
        ),
        ("data fetch ptb", "cannot start a thread: "),
    ] {
        without(&dir, &shim, "threads", line).fails(1, &[expect]);
    }
}
