//! Errors.

use std::fs;

use candle_core::{Device, Tensor};

use super::fake::{Plan, Trouble};
use super::lab::{Lab, undisturbed};
use crate::checkpoint::{self, Keep, Meta};

#[test]
fn a_checkpoint_that_the_task_refuses_is_named_and_kept() {
    let (lab, plan) = (Lab::new(), Plan::new());
    lab.start(&plan, Some((20, Trouble::Interrupt)));
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
    let keep = Keep { last: 1 };
    let path = checkpoint::save(&lab.checkpoints_dir(), &meta, tensors, keep, false).unwrap();
    let error = lab.resume(&Plan::new(), None).error();
    let expect = "the checkpoint holds no state \"loop\"";
    assert_eq!(error, format!("cannot resume from {}: {expect}", path.display()));
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
    let expect = format!("cannot write the checkpoint {}", taken.display());
    assert!(error.starts_with(&expect), "{error}");
    fs::remove_dir(&taken).unwrap();
    lab.ends_as(&plan, &end, "after a failed save");
}
