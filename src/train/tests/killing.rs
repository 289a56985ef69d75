//! Processes that are killed at every call.

use std::fs;

use super::fake::{Plan, Trouble};
use super::lab::{Lab, undisturbed};

/// What a kill leaves of some bytes.
type Remains = fn(&[u8]) -> Vec<u8>;

/// What it may leave of the records after those that the checkpoint counts.
const REMAINS: [Remains; 3] = [
    |later| later.to_vec(),
    |later| later[..later.len() / 2].to_vec(),
    |later| [later, b"{\"step\":99}\nhalf a li"].concat(),
];

/// Leaves the folder as a kill may: records beyond the checkpoint cut or damaged, and files
/// that were being written.
fn damage(lab: &Lab, remains: Remains) {
    let bytes = fs::read(lab.metrics_path()).unwrap();
    let counted = lab.last().map_or(0, |last| last.meta.metrics_lines as usize);
    let kept: usize =
        bytes.split_inclusive(|&byte| byte == b'\n').take(counted).map(<[u8]>::len).sum();
    let (kept, later) = bytes.split_at(kept);
    fs::write(lab.metrics_path(), [kept, &remains(later)].concat()).unwrap();
    fs::create_dir_all(lab.checkpoints_dir()).unwrap();
    for name in ["step-00000003.safetensors.tmp", "best.safetensors.tmp"] {
        fs::write(lab.checkpoints_dir().join(name), b"half").unwrap();
    }
}

fn kill_at_every_call(plan: &Plan) {
    let (calls, end) = undisturbed(plan);
    for (n, call) in calls.iter().enumerate() {
        for (way, remains) in REMAINS.into_iter().enumerate() {
            let lab = Lab::new();
            let ended = lab.start(plan, Some((n, Trouble::Kill)));
            assert!(ended.result.is_none());
            damage(&lab, remains);
            lab.ends_as(plan, &end, &format!("at call {n}, {call}, left {way}"));
            lab.check_checkpoints();
        }
    }
}

#[test]
fn a_run_killed_at_any_call_goes_on_as_if_it_had_not_been() {
    kill_at_every_call(&Plan::new());
}

#[test]
fn so_does_one_that_saves_seldom() {
    let mut plan = Plan { scores: &[2.0, 3.0], ..Plan::new().of(6) };
    (plan.checkpoint.every_steps, plan.checkpoint.every_epoch) = (0, false);
    kill_at_every_call(&plan);
}

#[test]
fn an_extended_run_killed_at_any_call_goes_on_as_if_it_had_not_been() {
    let plan = Plan::new();
    let (_, end) = undisturbed(&plan);
    for (n, remains) in (0..).zip(REMAINS.into_iter().cycle()) {
        let lab = Lab::new();
        lab.start(&plan.of(5), None);
        let ended = lab.resume(&plan, Some((n, Trouble::Kill)));
        if ended.result.is_some() {
            assert!(n > 10, "{n}");
            break;
        }
        if n > 0 {
            damage(&lab, remains);
        }
        lab.ends_as(&plan, &end, &format!("at call {n}"));
    }
}

/// Eight calls get any process to its next save.
#[test]
fn a_run_killed_again_and_again_ends_as_if_it_had_not_been() {
    let mut plan = Plan::new();
    plan.checkpoint.every_steps = 1;
    let (_, end) = undisturbed(&plan);
    let lab = Lab::new();
    let mut ended = lab.start(&plan, Some((9, Trouble::Kill)));
    for n in (8..11).cycle().take(40) {
        if ended.result.is_some() {
            break;
        }
        damage(&lab, REMAINS[n % 3]);
        ended = lab.resume(&plan, Some((n, Trouble::Kill)));
    }
    assert!(ended.result.is_some(), "the run does not get on");
    lab.ends_as(&plan, &end, "again and again");
}
