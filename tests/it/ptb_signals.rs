//! SIGINT and SIGTERM to a training.
#![cfg(unix)]

use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use crate::dir::{Dir, tfm};
use crate::ptb::{Background, Run, text, train};

/// Sends `signal` as often as it is named.
pub fn kill(signal: &str, processes: &[u32]) {
    let ids = processes.iter().map(u32::to_string);
    assert!(Command::new("kill").arg(signal).args(ids).status().unwrap().success());
}

/// The number behind "stopped after step ".
pub fn stopped_after(stderr: &str) -> u64 {
    let (_, rest) = stderr.split_once("stopped after step ").unwrap_or_else(|| panic!("{stderr}"));
    rest.split(';').next().unwrap().parse().unwrap()
}

#[test]
fn a_signal_saves_and_the_run_goes_on_to_the_same_end() {
    let dir = Dir::new();
    for signal in ["-INT", "-TERM"] {
        let name = &signal[1..];
        let line = train(&format!("--set train.max_max_epoch=100000 --run-dir {name} --json"));
        let mut training = Background::tfm(&dir, &line);
        let run = Run::of(&dir, name);
        assert!(training.until(|_| run.text("metrics.jsonl").lines().count() > 2));
        // Twice at once, as from `timeout`, is once.
        kill(signal, &[training.id(), training.id()]);
        let said = training.end();
        assert_eq!((said.code, said.stdout.as_str()), (130, ""), "{said:?}");
        assert!(said.stderr.contains("finishing this step and saving"), "{said:?}");
        assert!(said.stderr.ends_with(&format!("tfm train ptb --resume {name}\n")), "{said:?}");
        let step = stopped_after(&said.stderr);
        assert_eq!(run.newest().0, format!("step-{step:08}.safetensors"));

        let longer = format!("-q --set train.max_steps={}", step + 21);
        dir.tfm(&format!("train ptb --resume {name} {longer} --threads 1")).ok();
        let whole = format!("{longer} --set train.max_max_epoch=100000 --run-dir whole-{name}");
        dir.tfm(&train(&whole)).ok();
        run.ends_as(&Run::of(&dir, &format!("whole-{name}")));
    }
}

/// A text whose evaluation takes much longer than its training.
fn long_evaluation(dir: &Dir) -> &'static str {
    dir.write("short.txt", text(30));
    dir.write("long.txt", text(100_000));
    "train ptb --threads 1 --config ptb-test --set data.train=short.txt --set data.valid=long.txt \
     --set data.test=short.txt --set train.batch_size=5 --set network.hidden_size=8"
}

#[test]
fn an_evaluation_is_left_and_done_again() {
    let dir = Dir::new();
    let line = long_evaluation(&dir);
    let last = "0.929 perplexity";
    let mut training = Background::tfm(&dir, &format!("{line} --run-dir run"));
    assert!(training.until(|training| training.stderr().contains(last)), "{}", training.stderr());
    kill("-INT", &[training.id()]);
    let said = training.end();
    let run = Run::of(&dir, "run");
    assert_eq!((said.code, stopped_after(&said.stderr)), (130, 14), "{said:?}");
    assert!(!run.text("metrics.jsonl").contains("valid"));
    let mut training = Background::tfm(&dir, "train ptb --threads 1 --resume run");
    assert!(training.until(|training| training.stderr().contains("Resumed at step 14")));
    training.kill();
    dir.one_thread("train ptb --resume run -q").ok();
    dir.tfm(&format!("{line} --run-dir whole -q")).ok();
    run.ends_as(&Run::of(&dir, "whole"));
}

#[test]
fn a_second_signal_stops_at_once() {
    let dir = Dir::new();
    dir.write("text.txt", text(4_000));
    // One step of seconds: 20,000 words through 700 units.
    let line = "train ptb --threads 1 --config ptb-test --set data.train=text.txt --set data.valid=text.txt \
                --set data.test=text.txt --set train.batch_size=20 --set train.num_steps=990 \
                --set network.hidden_size=700 --run-dir run";
    let mut training = Background::tfm(&dir, line);
    assert!(training.until(|training| training.stderr().contains("Epoch: 1")));
    kill("-INT", &[training.id()]);
    assert!(training.until(|training| training.stderr().contains("finishing this step")));
    sleep(Duration::from_millis(60));
    kill("-INT", &[training.id()]);
    let said = training.end();
    assert_eq!(said.code, 130, "{said:?}");
    assert!(said.stderr.contains("stopped at once; the last checkpoint stays"), "{said:?}");
    assert_eq!(Run::of(&dir, "run").names("checkpoints"), ["step-00000000.safetensors"]);
}

#[test]
fn nobody_need_read_what_it_says() {
    let dir = Dir::new();
    let mut command = tfm();
    let line = train("--set train.max_max_epoch=100000 --run-dir run");
    command.args(line.split_whitespace()).current_dir(dir.path());
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stderr.take());
    let run = Run::of(&dir, "run");
    while run.text("metrics.jsonl").lines().count() < 2 && child.try_wait().unwrap().is_none() {
        sleep(Duration::from_millis(1));
    }
    kill("-INT", &[child.id()]);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(run.newest().0.starts_with("step-"));
}
