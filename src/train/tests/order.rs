//! The order of calls and records.

use super::fake::Plan;
use super::lab::Lab;
use crate::metrics;
use crate::train::Outcome;

/// The calls of a run, in one line.
fn calls(plan: &Plan) -> String {
    Lab::new().start(plan, None).calls.join(", ")
}

fn plan(total: u64) -> Plan {
    let mut plan = Plan { per_epoch: 2, ..Plan::new().of(total) };
    plan.checkpoint.every_steps = 0;
    plan
}

#[test]
fn steps_reports_epochs_saves_and_the_end_follow_each_other() {
    let expect = [
        "state, tensors",
        "begin_epoch 0, step 0, summaries 0, report 0, record 0",
        "step 1, summaries 1, report 1, record 1, state, tensors, end_epoch 0, state, tensors",
        "begin_epoch 1, step 2, summaries 2, report 2, record 2",
        "step 3, summaries 3, report 3, record 3, state, tensors, end_epoch 1, state, tensors",
        "begin_epoch 2, step 4, summaries 4, report 4, record 4",
        "finish, state, tensors",
    ];
    assert_eq!(calls(&plan(5)), expect.join(", "));
}

#[test]
fn the_last_epoch_ends_before_the_run_does() {
    let calls = calls(&plan(4));
    let end = "record 3, state, tensors, end_epoch 1, state, tensors, finish, state, tensors";
    assert!(calls.ends_with(end));
}

#[test]
fn a_save_by_steps_comes_before_the_end_of_the_epoch() {
    let mut plan = plan(2);
    plan.checkpoint.every_steps = 2;
    let end = "record 1, state, tensors, end_epoch 0, state, tensors, finish, state, tensors";
    assert!(calls(&plan).ends_with(end));
}

#[test]
fn a_run_of_no_steps_is_measured_alone() {
    let lab = Lab::new();
    let ended = lab.start(&plan(0), None);
    assert_eq!(ended.outcome(), (Outcome::Finished, 0));
    assert_eq!(ended.calls.join(", "), "state, tensors, finish, state, tensors");
    let records = lab.records();
    let places: Vec<_> = records.iter().map(|r| (r.step, r.epoch, r.phase.as_str())).collect();
    assert_eq!(places, [(0, 1, "valid"), (0, 1, "test")]);
}

#[test]
fn records_have_the_steps_done_and_epochs_from_one() {
    let lab = Lab::new();
    lab.start(&plan(5), None);
    let records = lab.records();
    let places: Vec<_> = records.iter().map(|r| (r.step, r.epoch, r.phase.as_str())).collect();
    let expect = [
        (1, 1, "train"),
        (2, 1, "train"),
        (2, 1, "epoch"),
        (2, 1, "valid"),
        (3, 2, "train"),
        (4, 2, "train"),
        (4, 2, "epoch"),
        (4, 2, "valid"),
        (5, 3, "train"),
        (5, 3, "valid"),
        (5, 3, "test"),
    ];
    assert_eq!(places, expect);
    assert_eq!(records[3].metrics["score"], 3.0);
    assert_eq!(records[10].metrics["steps"], 5.0);
}

#[test]
fn times_are_those_of_progress_and_of_epochs() {
    let lab = Lab::new();
    lab.start(&plan(3), None);
    for record in metrics::read(lab.metrics_path()).unwrap() {
        let names: Vec<_> = record.timing.keys().map(String::as_str).collect();
        match record.phase.as_str() {
            "train" => assert_eq!(names, ["elapsed", "items_per_second"]),
            "epoch" => assert_eq!(names, ["elapsed", "items_per_second", "seconds"]),
            _ => assert_eq!(names, ["elapsed"]),
        }
        assert!(record.timing.values().all(|&value| value > 0.0 && value.is_finite()));
    }
}
