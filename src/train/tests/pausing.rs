//! Runs that rest at a step.

use super::fake::Plan;
use super::lab::{Lab, undisturbed};
use crate::train::Outcome;

#[test]
fn a_run_that_rests_at_any_step_goes_on_as_if_it_had_not() {
    let plan = Plan::new();
    let (_, end) = undisturbed(&plan);
    for step in 0..=plan.total + 1 {
        let lab = Lab::new();
        let paused = Plan { pause_at: Some(step), ..plan.clone() };
        let ended = lab.start(&paused, None);
        // The last step is the end, not a rest.
        let rests = step < plan.total;
        let expect = if rests { Outcome::Paused } else { Outcome::Finished };
        assert_eq!(ended.outcome(), (expect, step.min(plan.total)));
        let evaluated = lab.records().iter().filter(|record| record.phase == "valid").count();
        if rests {
            assert_eq!(evaluated as u64, step / plan.per_epoch, "at step {step}");
        }
        lab.ends_as(&plan, &end, &format!("after a rest at step {step}"));
    }
}

#[test]
fn a_run_rests_again_and_again() {
    let plan = Plan::new();
    let (_, end) = undisturbed(&plan);
    let lab = Lab::new();
    lab.start(&Plan { pause_at: Some(2), ..plan.clone() }, None);
    for step in [3, 5] {
        let ended = lab.resume(&Plan { pause_at: Some(step), ..plan.clone() }, None);
        assert_eq!(ended.outcome(), (Outcome::Paused, step));
    }
    lab.ends_as(&plan, &end, "after three rests");
}
