//! Errors, at every call that may fail among others.

use std::fs;

use candle_core::{Device, Tensor};

use super::fake::{Calls, Fake, Plan, Trouble};
use super::lab::{Ended, Lab, steps, undisturbed};
use crate::checkpoint::{self, Meta, Retention};
use crate::run::RunDir;
use crate::train::{Outcome, Training};

fn may_fail(call: &str) -> bool {
    !["begin_epoch", "record", "state", "end_epoch"].iter().any(|name| call.starts_with(name))
}

/// What the error says: the steps done, the call, and the way out.
fn expected(lab: &Lab, calls: &[String], call: &str, first_step: u64) -> String {
    let done = first_step + steps(calls).len() as u64;
    let hint = match lab.last() {
        Some(saved) => format!(
            "the checkpoint of step {} is kept: resume from it with --resume {}",
            saved.meta.step,
            lab.path().display()
        ),
        None => {
            format!(
                "there is no checkpoint yet: begin it again with --resume {}",
                lab.path().display()
            )
        }
    };
    format!("step {done}: {call} fails; {hint}")
}

fn fail_at_every_call(plan: &Plan) {
    let (calls, end) = undisturbed(plan);
    for (n, call) in calls.iter().enumerate().filter(|(_, call)| may_fail(call)) {
        let context = format!("at call {n}, {call}");
        let lab = Lab::new();
        let ended = lab.start(plan, Some((n, Trouble::Fail)));
        assert_eq!(ended.calls, calls[..=n], "nothing is called after the error");
        assert_eq!(ended.error(), expected(&lab, &calls[..n], call, 0), "{context}");
        // Where a save had succeeded, its checkpoint is there.
        let has_saved = calls[..n].iter().any(|call| call == "tensors");
        assert_eq!(lab.last().is_some(), has_saved, "{context}");
        lab.check_checkpoints();
        lab.ends_as(plan, &end, &context);
    }
}

#[test]
fn a_run_that_fails_at_any_call_says_where_and_goes_on_as_if_it_had_not() {
    fail_at_every_call(&Plan::new());
}

#[test]
fn so_does_one_that_saves_seldom() {
    let mut plan = Plan { scores: &[2.0, 3.0], ..Plan::new().of(6) };
    (plan.checkpoint.every_steps, plan.checkpoint.every_epoch) = (0, false);
    fail_at_every_call(&plan);
}

#[test]
fn an_extended_run_that_fails_at_any_call_says_where_and_goes_on_as_if_it_had_not() {
    let plan = Plan::new();
    let (_, end) = undisturbed(&plan);
    let extend = |trouble| -> (Lab, Ended) {
        let lab = Lab::new();
        lab.start(&plan.of(5), None);
        let ended = lab.resume(&plan, trouble);
        (lab, ended)
    };
    let calls = extend(None).1.calls;
    assert_eq!(calls[..3], ["restore", "state", "tensors"]);
    for (n, call) in calls.iter().enumerate().filter(|(_, call)| may_fail(call)) {
        let context = format!("at call {n}, {call}");
        let (lab, ended) = extend(Some((n, Trouble::Fail)));
        let expect = match n {
            0 => {
                let saved = lab.last().unwrap().path;
                format!("cannot resume from {}: {call} fails", saved.display())
            }
            1 | 2 => format!("the run cannot be extended: {call} fails"),
            _ => expected(&lab, &calls[..n], call, 5),
        };
        assert_eq!(ended.error(), expect, "{context}");
        lab.check_checkpoints();
        lab.ends_as(&plan, &end, &context);
    }
}

#[test]
fn a_checkpoint_that_the_task_refuses_is_named_and_kept() {
    let (lab, plan) = (Lab::new(), Plan::new());
    lab.start(&plan, Some((20, Trouble::ShutdownFlag)));
    let saved = lab.last().unwrap().path;
    let error = lab.resume(&plan, Some((0, Trouble::Fail))).error();
    assert_eq!(error, format!("cannot resume from {}: restore fails", saved.display()));
    lab.ends_as(&plan, &undisturbed(&plan).1, "after a refusal");
}

#[test]
fn a_checkpoint_without_a_position_is_named() {
    let lab = Lab::new();
    let tensor = Tensor::new(&[0_i64, 1], &Device::Cpu).unwrap();
    let tensors = [("numbers".to_string(), tensor)];
    let meta = Meta::new("fake", 3);
    let keep = Retention { last: 1 };
    fs::create_dir(lab.checkpoints_dir()).unwrap();
    let path = checkpoint::save(&lab.checkpoints_dir(), &meta, tensors, keep, false).unwrap();
    let error = lab.resume(&Plan::new(), None).error();
    let expect = "the checkpoint holds no state \"loop\"";
    assert_eq!(error, format!("cannot resume from {}: {expect}", path.display()));
}

#[test]
fn an_evaluation_that_fails_does_not_end_the_run() {
    let plan = Plan::new();
    let (calls, _) = undisturbed(&plan);
    let at = calls.iter().position(|call| call == "end_epoch 0").unwrap();
    let lab = Lab::new();
    let ended = lab.start(&plan, Some((at, Trouble::Fail)));
    assert_eq!(ended.outcome(), (Outcome::Finished, plan.total));
    assert_eq!(ended.calls, calls, "all else is as it would have been");
    let valid: Vec<_> =
        lab.records().iter().filter(|r| r.phase == "valid").map(|r| r.step).collect();
    assert_eq!(valid, [6, 8]);
}

#[test]
fn a_value_that_is_not_finite_ends_the_run_with_its_own_advice() {
    let (lab, plan) = (Lab::new(), Plan::new());
    let (calls, _) = undisturbed(&plan);
    for call in ["step 1", "end_epoch 0"] {
        let lab = Lab::new();
        let at = calls.iter().position(|other| other == call).unwrap();
        let error = lab.start(&plan, Some((at, Trouble::Diverge))).error();
        assert!(
            error.contains(&format!("{call} is not finite; the checkpoint of step ")),
            "{error}"
        );
        let path = lab.path();
        let advice =
            format!("--init-from {}, for example with a lower learning rate", path.display());
        assert!(error.ends_with(&advice), "{error}");
    }
    let first = calls.iter().position(|call| call == "tensors").unwrap();
    let error = lab.start(&plan, Some((first, Trouble::Diverge))).error();
    let advice =
        "there is no checkpoint yet: start a new run, for example with a lower learning rate";
    assert!(error.ends_with(advice), "{error}");
}

#[test]
fn a_folder_that_was_replaced_is_not_written_into() {
    let (lab, other, plan) = (Lab::new(), Lab::new(), Plan::new());
    let moved = lab.path().with_file_name("moved");
    let run = RunDir::resume(&lab.path()).unwrap();
    let calls = Calls::new(None);
    let mut task = Fake::new(&plan, &calls);
    let shutdown = &calls.shutdown;
    let training = Training::start(&mut task, &run, &plan.checkpoint, shutdown).unwrap();
    fs::rename(lab.path(), &moved).unwrap();
    fs::rename(other.path(), lab.path()).unwrap();
    let error = training.run().unwrap_err().to_string();
    assert!(error.ends_with("while the run trained; nothing more is written there"), "{error}");
    assert!(!lab.checkpoints_dir().exists());
}

#[test]
fn a_run_that_cannot_go_on_stays_as_it_is() {
    let (lab, plan) = (Lab::new(), Plan::new());
    lab.start(&plan.of(5), None);
    let before = lab.checkpoints();
    fs::write(lab.metrics_path(), "").unwrap();
    let error = lab.resume(&plan, None).error();
    assert!(error.contains("metrics.jsonl has 0 lines"), "{error}");
    assert_eq!((lab.checkpoints(), lab.records().len()), (before, 0));
}

#[test]
fn the_best_is_gone_on_from_where_it_alone_is_left() {
    let (lab, plan) = (Lab::new(), Plan::new());
    lab.start(&plan, None);
    let best = lab.best().unwrap();
    for name in lab.checkpoints().iter().filter(|name| name.starts_with("step-")) {
        fs::remove_file(lab.checkpoints_dir().join(name)).unwrap();
    }
    let ended = lab.ends_as(&plan, &undisturbed(&plan).1, "from the best");
    assert_eq!(steps(&ended.calls)[0], best);
}

#[test]
fn a_best_that_is_damaged_is_replaced_by_the_next() {
    let (lab, plan) = (Lab::new(), Plan::new());
    lab.start(&plan.of(4), None);
    fs::remove_file(lab.checkpoints_dir().join("best.safetensors")).unwrap();
    fs::write(lab.checkpoints_dir().join("best.safetensors"), "damaged").unwrap();
    assert_eq!(lab.best(), None);
    assert_eq!(lab.resume(&plan, None).outcome(), (Outcome::Finished, plan.total));
    assert_eq!(lab.best(), Some(6));
}

#[test]
fn a_checkpoint_too_many_goes_when_the_run_is_seen_again() {
    let (lab, plan) = (Lab::new(), Plan::new());
    lab.start(&plan, None);
    let before = lab.checkpoints();
    let newest = lab.checkpoints_dir().join("step-00000008.safetensors");
    fs::copy(newest, lab.checkpoints_dir().join("step-00000002.safetensors")).unwrap();
    lab.resume(&plan, None);
    assert_eq!(lab.checkpoints(), before);
}

#[test]
fn a_run_is_not_started_over_another() {
    let (lab, plan) = (Lab::new(), Plan::new());
    lab.start(&plan, None);
    let end = lab.end();
    let ended = lab.start(&plan, None);
    assert!(ended.error().starts_with("cannot create "), "{}", ended.error());
    assert!(ended.calls.is_empty());
    assert_eq!(lab.end(), end);
}

#[test]
fn a_checkpoint_that_cannot_be_written_ends_the_run_with_its_path() {
    let (lab, plan) = (Lab::new(), Plan::new());
    let (_, end) = undisturbed(&plan);
    // A folder in its place is nothing that a file can replace.
    let taken = lab.checkpoints_dir().join("step-00000004.safetensors");
    fs::create_dir_all(&taken).unwrap();
    let error = lab.start(&plan, None).error();
    let expect = format!("step 4: cannot write the checkpoint {}", taken.display());
    assert!(error.starts_with(&expect), "{error}");
    assert!(error.contains("the checkpoint of step 3 is kept: resume from it with"), "{error}");
    fs::remove_dir(&taken).unwrap();
    lab.ends_as(&plan, &end, "after a failed save");
}
