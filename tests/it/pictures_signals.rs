//! SIGINT to a training of pictures.
#![cfg(unix)]

use crate::dir::Dir;
use crate::ptb::{Background, Run};
use crate::ptb_signals::{kill, stopped_after};
use crate::{cifar10, mnist};

/// Interrupts a training of `model` and goes on with `resume`: fails unless it ends as one that
/// nothing interrupted. `train` makes the command from its last options, `length` the setting of
/// a run that goes some steps beyond one.
#[track_caller]
fn goes_on_after_a_signal(
    dir: &Dir,
    model: &str,
    train: impl Fn(&str) -> String,
    length: impl Fn(u64) -> String,
    resume: &str,
) {
    let endless = length(1_000_000);
    let mut training = Background::tfm(dir, &train(&format!("{endless} --run-dir run --json")));
    let run = Run::of(dir, "run");
    assert!(training.until(|_| run.text("metrics.jsonl").lines().count() > 3));
    kill("-INT", &[training.id()]);
    let said = training.end();
    assert_eq!((said.code, said.stdout.as_str()), (130, ""), "{said:?}");
    assert!(said.stderr.contains("finishing this step and saving"), "{said:?}");
    assert!(said.stderr.ends_with(&format!("tfm train {model} --resume run\n")), "{said:?}");
    let step = stopped_after(&said.stderr);
    assert_eq!(run.newest().0, format!("step-{step:08}.safetensors"));

    let length = length(step);
    dir.tfm(&format!("train {model} --resume run {length} {resume} -q")).ok();
    dir.tfm(&train(&format!("{length} --run-dir whole -q"))).ok();
    run.ends_as(&Run::of(dir, "whole"));
}

#[test]
fn digits_go_on_after_a_signal_to_the_same_end() {
    // An epoch has twelve steps.
    let length = |step: u64| format!("--set train.num_epochs={}", step / 12 + 2);
    goes_on_after_a_signal(&mnist::with_data(true), "mnist", mnist::train, length, "--threads 2");
}

#[test]
fn pictures_go_on_after_a_signal_to_the_same_end() {
    let length = |step: u64| format!("--set train.max_steps={}", step + 13);
    let resume = "--set train.workers=0 --threads 3";
    goes_on_after_a_signal(&cifar10::with_data(), "cifar10", cifar10::train, length, resume);
}
