//! When checkpoints are written, and which stay.

use super::fake::Plan;
use super::lab::Lab;
use crate::checkpoint::{self, Selector};
use crate::train::{CheckpointConfig, TrainState};

/// Two steps an epoch, and no reason to save but the run's own.
fn plan(total: u64, scores: &'static [f64]) -> Plan {
    let checkpoint =
        CheckpointConfig { keep: 9, every_steps: 0, every_minutes: 0.0, every_epoch: false };
    Plan { per_epoch: 2, total, scores, heeds: true, checkpoint, pause_at: None }
}

/// What each save of a run follows, but for the first.
#[track_caller]
fn saves_follow(plan: &Plan, expect: &[&str]) -> Lab {
    let lab = Lab::new();
    let calls = lab.start(plan, None).calls;
    assert_eq!(calls[0], "state", "nothing is done before the first save");
    let saves: Vec<_> =
        calls.windows(2).filter(|pair| pair[1] == "state").map(|pair| pair[0].as_str()).collect();
    assert_eq!(saves, expect);
    lab
}

fn name(step: u64) -> String {
    format!("step-{step:08}.safetensors")
}

#[test]
fn a_run_saves_before_its_first_step_and_at_its_end() {
    let lab = saves_follow(&plan(5, &[]), &["finish"]);
    assert_eq!(lab.checkpoints(), [0, 5].map(name));
}

#[test]
fn a_run_saves_by_steps() {
    let mut plan = plan(7, &[]);
    plan.checkpoint.every_steps = 3;
    let lab = saves_follow(&plan, &["record 2", "record 5", "finish"]);
    assert_eq!(lab.checkpoints(), [0, 3, 6, 7].map(name));
}

#[test]
fn a_run_saves_by_time() {
    let mut plan = plan(3, &[]);
    plan.checkpoint.every_minutes = 1e-12;
    saves_follow(&plan, &["record 0", "record 1", "record 2", "finish"]);
}

#[test]
fn a_run_saves_by_epochs_before_and_after_they_are_evaluated() {
    let mut plan = plan(5, &[]);
    plan.checkpoint.every_epoch = true;
    let saves = ["record 1", "end_epoch 0", "record 3", "end_epoch 1", "finish"];
    let lab = saves_follow(&plan, &saves);
    assert_eq!(lab.checkpoints(), [0, 2, 4, 5].map(name));
}

#[test]
fn without_every_epoch_the_best_and_the_last_epoch_are_saved_alone() {
    // The third epoch is as good as the first, and so not better.
    let plan = plan(10, &[3.0, 4.0, 3.0, 1.0, 2.0]);
    let lab = saves_follow(&plan, &["end_epoch 0", "end_epoch 3", "end_epoch 4", "finish"]);
    let expect = [vec!["best.safetensors".to_string()], [0, 2, 8, 10].map(name).into()];
    assert_eq!(lab.checkpoints(), expect.concat());
    let best = checkpoint::open(&lab.checkpoints_dir(), Selector::Best).unwrap();
    let (state, _) = TrainState::from_state(&best.meta.state, best.meta.step).unwrap();
    let expect = TrainState {
        step: 8,
        epoch_ended: true,
        finished: false,
        end_lines: 0,
        best_score: Some(1.0),
    };
    assert_eq!(state, expect);
    // Seven steps, two records of each epoch before, and two of its own.
    assert_eq!(best.meta.metrics_lines, 8 + 4 * 2);
}

#[test]
fn the_last_checkpoints_stay_and_the_best_beside_them() {
    for keep in 1..=4 {
        let mut plan = plan(7, &[1.0, 2.0, 3.0]);
        (plan.checkpoint.every_steps, plan.checkpoint.keep) = (1, keep);
        let lab = Lab::new();
        lab.start(&plan, None);
        let best = vec!["best.safetensors".to_string()];
        let last = (8 - keep as u64..8).map(name).collect();
        assert_eq!(lab.checkpoints(), [best, last].concat());
        // It is found by its step too, whose own file is gone.
        let best = checkpoint::open(&lab.checkpoints_dir(), Selector::Step(2)).unwrap();
        assert!(best.path.ends_with("best.safetensors"));
    }
}

#[test]
fn when_checkpoints_are_written_changes_nothing_of_the_end() {
    let plan = plan(7, &[3.0, 2.0, 4.0]);
    let end = |config: CheckpointConfig| {
        let lab = Lab::new();
        lab.start(&Plan { checkpoint: config, ..plan.clone() }, None);
        lab.end()
    };
    let base = &plan.checkpoint;
    let expect = end(base.clone());
    for every_steps in 1..4 {
        assert_eq!(end(CheckpointConfig { every_steps, ..base.clone() }), expect);
    }
    assert_eq!(end(CheckpointConfig { every_minutes: 1e-12, ..base.clone() }), expect);
    assert_eq!(end(CheckpointConfig { every_epoch: true, keep: 1, ..base.clone() }), expect);
}
