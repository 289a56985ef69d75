//! Runs that have ended, and continue because they have become longer.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::fake::{Plan, Trouble};
use super::lab::{Lab, undisturbed};
use crate::train::Outcome;

#[test]
fn an_extended_run_ends_like_one_that_was_as_long_from_the_start() {
    let plan = Plan { scores: &[3.0, 2.0, 4.0], ..Plan::new() };
    let ends: Vec<_> = (0..=9).map(|total| undisturbed(&plan.of(total)).1).collect();
    for short in 0..=8 {
        for long in [short + 1, 7, 8, 9] {
            if long <= short {
                continue;
            }
            let lab = Lab::new();
            lab.start(&plan.of(short), None);
            let at_end = lab.records();
            lab.ends_as(&plan.of(long), &ends[long as usize], &format!("{short} to {long}"));
            assert_eq!(lab.orphans(), at_end[at_end.len() - 2..], "{short} to {long}");
        }
    }
}

#[test]
fn a_run_may_be_extended_again_and_again() {
    let (lab, plan) = (Lab::new(), Plan::new());
    lab.start(&plan.of(0), None);
    for total in 1..=9 {
        lab.ends_as(&plan.of(total), &undisturbed(&plan.of(total)).1, &format!("to {total}"));
    }
}

#[test]
fn a_run_at_its_end_does_nothing() {
    let (lab, plan) = (Lab::new(), Plan::new());
    lab.start(&plan, None);
    let before = files(&lab.path());
    // A length that is shorter than what is done takes nothing back.
    for plan in [&plan, &plan.of(5), &plan] {
        let ended = lab.resume(plan, None);
        assert_eq!(ended.outcome(), (Outcome::Finished, 8));
        assert_eq!(ended.calls, ["restore"]);
        assert_eq!(files(&lab.path()), before);
    }
}

/// The files below a folder but those for TensorBoard, each with its bytes.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if entry.path().is_dir() {
            let below = self::files(&entry.path()).into_iter();
            files.extend(below.map(|(file, bytes)| (format!("{name}/{file}"), bytes)));
        } else if !name.starts_with("events.") && name != "lock" {
            files.insert(name, fs::read(entry.path()).unwrap());
        }
    }
    files
}

#[test]
fn an_extension_that_is_killed_and_taken_back_ends_like_the_short_run() {
    let plan = Plan { scores: &[3.0, 2.0, 4.0], ..Plan::new() };
    for short in [5, 6] {
        let (_, end) = undisturbed(&plan.of(short));
        // Killed in its first calls, the extension has saved nothing that it trained.
        for at in 0..5 {
            let lab = Lab::new();
            lab.start(&plan.of(short), None);
            let killed = lab.resume(&plan.of(12), Some((at, Trouble::Kill)));
            assert!(killed.result.is_none());
            lab.ends_as(&plan.of(short), &end, &format!("{short}, killed at {at}"));
        }
    }
}
