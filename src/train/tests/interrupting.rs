//! Signals at every call.

use super::fake::{Plan, Trouble};
use super::lab::{Lab, steps, undisturbed};
use crate::train::{Outcome, TrainState};

/// Interrupts a run at its `n`-th call for every `n`, and continues with it.
fn interrupt_at_every_call(plan: &Plan) {
    let (calls, end) = undisturbed(plan);
    let finish = calls.iter().position(|call| call == "finish").unwrap();
    for (n, call) in calls.iter().enumerate() {
        let context = format!("at call {n}, {call}");
        let lab = Lab::new();
        let ended = lab.start(plan, Some((n, Trouble::ShutdownFlag)));
        let (outcome, step) = ended.outcome();
        let stops = n < finish || n == finish && plan.heeds;
        assert_eq!(outcome == Outcome::Interrupted, stops, "{context}");
        // The step at work is done, and no other.
        let begun = usize::from(call.starts_with("begin_epoch"));
        assert_eq!(steps(&ended.calls[n + 1..]).len(), begun, "{context}");
        let saved = lab.last().unwrap();
        assert_eq!(saved.meta.step, step, "{context}");
        let (state, _) = TrainState::from_state(&saved.meta.state, step).unwrap();
        assert_eq!(state.finished, !stops, "{context}");
        let resumed = lab.ends_as(plan, &end, &context);
        let all = [steps(&ended.calls), steps(&resumed.calls)].concat();
        assert_eq!(all, (0..plan.total).collect::<Vec<_>>(), "a step is done twice {context}");
        assert!(lab.orphans().is_empty(), "a record is written twice {context}");
        lab.check_checkpoints();
    }
}

#[test]
fn a_run_interrupted_at_any_call_goes_on_as_if_it_had_not_been() {
    interrupt_at_every_call(&Plan::new());
}

#[test]
fn so_does_one_whose_evaluations_do_not_heed_the_signal() {
    interrupt_at_every_call(&Plan { heeds: false, total: 6, ..Plan::new() });
}

#[test]
fn so_does_one_that_saves_seldom() {
    let mut plan = Plan { scores: &[2.0, 3.0], ..Plan::new() };
    (plan.checkpoint.every_steps, plan.checkpoint.every_epoch) = (0, false);
    interrupt_at_every_call(&plan);
}

#[test]
fn so_does_one_whose_first_score_is_not_finite() {
    for score in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let scores = Box::leak(Box::new([score, 3.0, 4.0]));
        interrupt_at_every_call(&Plan { scores, ..Plan::new() });
    }
}

#[test]
fn an_extended_run_interrupted_at_any_call_goes_on_as_if_it_had_not_been() {
    let plan = Plan::new();
    let (_, end) = undisturbed(&plan);
    let mut n = 0;
    loop {
        let lab = Lab::new();
        lab.start(&plan.of(5), None);
        let ended = lab.resume(&plan, Some((n, Trouble::ShutdownFlag)));
        let context = format!("at call {n} of {}", ended.calls.len());
        lab.ends_as(&plan, &end, &context);
        assert_eq!(lab.orphans().len(), 2, "{context}");
        n += 1;
        if n == ended.calls.len() {
            break;
        }
    }
    assert!(n > 10, "{n}");
}

/// Call 0 restores. A step at call 1 is done all the same; an evaluation at call 1 is not, and
/// the next process is left alone for a call more.
#[test]
fn a_run_interrupted_again_and_again_ends_as_if_it_had_not_been() {
    let plan = Plan::new();
    let (_, end) = undisturbed(&plan);
    let lab = Lab::new();
    lab.start(&plan, Some((0, Trouble::ShutdownFlag)));
    for _ in 0..100 {
        let before = lab.last().unwrap().meta;
        let ended = lab.resume(&plan, Some((1, Trouble::ShutdownFlag)));
        if ended.outcome().0 == Outcome::Finished {
            break;
        }
        if lab.last().unwrap().meta == before {
            lab.resume(&plan, Some((2, Trouble::ShutdownFlag)));
        }
    }
    lab.ends_as(&plan, &end, "at every step");
    assert!(lab.orphans().is_empty());
}
