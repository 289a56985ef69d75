use std::borrow::Cow;
use std::fs;
use std::path::Path;

use anyhow::Result;
use serde_json::json;

use super::*;

const KEEP: Retention = Retention { last: 3 };

struct Tensor {
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
    /// What `data_len` claims.
    length: usize,
}

impl View for &Tensor {
    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        (&self.bytes).into()
    }

    fn data_len(&self) -> usize {
        self.length
    }
}

fn tensor(dtype: Dtype, shape: &[usize], salt: u8) -> Tensor {
    let length = shape.iter().product::<usize>() * dtype.bitsize() / 8;
    let bytes = (0..length).map(|i| (i as u8).wrapping_mul(31).wrapping_add(salt)).collect();
    Tensor { dtype, shape: shape.to_vec(), bytes, length }
}

fn tensors() -> Vec<(&'static str, Tensor)> {
    vec![
        ("embedding", tensor(Dtype::F32, &[5, 3], 1)),
        ("lstm.0.bias", tensor(Dtype::F16, &[7], 2)),
        ("optimizer.mean", tensor(Dtype::F64, &[2, 2], 3)),
        ("scalar", tensor(Dtype::U64, &[], 4)),
        ("empty", tensor(Dtype::F32, &[0, 4], 5)),
        ("mask", tensor(Dtype::U8, &[3], 6)),
    ]
}

fn meta(step: u64) -> Meta {
    let mut meta = Meta::new("toy", step);
    meta.epoch = 2;
    meta.metrics_lines = 17;
    let state = json!({
        "loss": 0.1 + 0.2, "tiny": f64::from_bits(1), "cursor": u64::MAX, "words": ["a\"b", "é"],
    });
    meta.state = state.as_object().unwrap().clone();
    meta
}

fn put(dir: &Path, step: u64, keep: usize, best: bool) -> std::path::PathBuf {
    let tensors = tensors();
    let views = tensors.iter().map(|(name, tensor)| ((*name).to_owned(), tensor));
    save(dir, &meta(step), views, Retention { last: keep }, best).unwrap()
}

fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[track_caller]
fn fails(result: Result<impl std::fmt::Debug>, part: &str) {
    let error = format!("{:#}", result.expect_err("fails"));
    assert!(error.contains(part), "{error:?} lacks {part:?}");
}

#[test]
fn what_is_saved_is_loaded() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let gone = save(&dir.join("gone"), &meta(1), [] as [(String, &Tensor); 0], KEEP, false);
    fails(gone, "gone is gone");
    assert_eq!(fs::read_dir(dir).unwrap().count(), 0);
    let path = put(dir, 120, 3, false);
    assert_eq!(path, dir.join("step-00000120.safetensors"));
    assert_eq!(names(dir), ["step-00000120.safetensors"]);
    let checkpoint = open(dir, Selector::Last).unwrap();
    assert_eq!(checkpoint.meta, meta(120));
    assert_eq!(checkpoint.meta.state["tiny"].as_f64(), Some(f64::from_bits(1)));
    for (name, tensor) in &tensors() {
        let view = checkpoint.tensor(name).unwrap();
        assert_eq!((view.dtype(), view.shape()), (tensor.dtype, &tensor.shape[..]));
        assert_eq!(view.data(), tensor.bytes);
        assert_eq!(view.data().as_ptr().align_offset(tensor.dtype.bitsize() / 8), 0);
    }
    assert_eq!(checkpoint.names().count(), tensors().len());
    fails(checkpoint.tensor("nope"), "has no tensor nope");
    // Any other reader of the format can open it.
    let bytes = fs::read(&path).unwrap();
    assert_eq!(safetensors::SafeTensors::deserialize(&bytes).unwrap().len(), tensors().len());
    // The same state gives the same file.
    put(dir, 120, 3, false);
    assert_eq!(fs::read(&path).unwrap(), bytes);
}

#[test]
fn every_truncation_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let whole = fs::read(put(dir.path(), 1, 3, false)).unwrap();
    let path = dir.path().join("cut");
    for length in 0..whole.len() {
        fs::write(&path, &whole[..length]).unwrap();
        fails(Checkpoint::open(&path), "is damaged");
    }
    fs::write(&path, [&whole[..], b"x"].concat()).unwrap();
    fails(Checkpoint::open(&path), "is damaged");
    fs::write(&path, "").unwrap();
    fails(Checkpoint::open(&path), "the file is empty");
}

#[test]
fn every_flipped_byte_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let mut bytes = fs::read(put(dir.path(), 1, 3, false)).unwrap();
    header::verify(&bytes).unwrap();
    for at in 0..bytes.len() {
        for mask in [0x01, 0x20, 0x80, 0xff] {
            bytes[at] ^= mask;
            assert!(header::verify(&bytes).is_err(), "byte {at} of {}", bytes.len());
            bytes[at] ^= mask;
        }
    }
    header::verify(&bytes).unwrap();
}

#[test]
fn the_one_before_a_damaged_newest_is_used_and_the_damaged_one_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    for step in [1, 2, 3] {
        put(dir, step, 3, false);
    }
    let newest = dir.join("step-00000003.safetensors");
    for damage in ["", "garbage that is longer than eight bytes"] {
        fs::write(&newest, damage).unwrap();
        assert_eq!(open(dir, Selector::Last).unwrap().meta.step, 2);
        fails(open(dir, Selector::Step(3)), "step-00000003.safetensors is damaged");
    }
    // The run continues from step 2 and saves at another step: nothing of it is lost.
    put(dir, 2, 1, false);
    assert_eq!(steps(dir).unwrap(), [2]);
    fs::write(dir.join("step-00000002.safetensors"), "x").unwrap();
    fails(open(dir, Selector::Last), "is intact");
}

#[test]
fn the_last_k_and_the_best_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    for step in 1..=5 {
        put(dir, step * 10, 2, step == 2);
    }
    assert_eq!(steps(dir).unwrap(), [40, 50]);
    assert_eq!(names(dir)[0], "best.safetensors");
    assert_eq!(names(dir).len(), 3);
    assert_eq!(open(dir, Selector::Best).unwrap().meta.step, 20);
    assert_eq!(open(dir, Selector::Step(20)).unwrap().meta.step, 20);
    assert_eq!(open(dir, Selector::Step(40)).unwrap().meta.step, 40);
    fails(open(dir, Selector::Step(30)), "there are: 40, 50, best (step 20)");
    put(dir, 60, 0, true);
    assert_eq!(steps(dir).unwrap(), [60]);
    assert_eq!(open(dir, Selector::Best).unwrap().meta.step, 60);
    // Where every step is damaged, the best is what is left.
    let best = fs::read(dir.join("best.safetensors")).unwrap();
    fs::remove_file(dir.join("best.safetensors")).unwrap();
    fs::write(dir.join("best.safetensors"), best).unwrap();
    fs::write(dir.join("step-00000060.safetensors"), "x").unwrap();
    let last = open(dir, Selector::Last).unwrap();
    assert!(last.path.ends_with("best.safetensors"));
}

#[test]
fn the_best_is_taken_where_it_is_newer_than_what_is_whole() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    put(dir, 0, 3, false);
    put(dir, 24, 3, true);
    let newest = dir.join("step-00000024.safetensors");
    // The best is the same file under another name: replaced, not changed.
    fs::remove_file(&newest).unwrap();
    fs::write(&newest, "x").unwrap();
    let last = open(dir, Selector::Last).unwrap();
    assert_eq!((last.meta.step, last.path), (24, dir.join("best.safetensors")));
    // It is not where a later one is whole.
    put(dir, 30, 3, false);
    fs::write(dir.join("step-00000040.safetensors"), "x").unwrap();
    assert_eq!(open(dir, Selector::Last).unwrap().meta.step, 30);
}

#[test]
fn what_was_not_trained_is_not_taken_for_what_is_damaged() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    put(dir, 0, 3, false);
    assert_eq!(open(dir, Selector::Last).unwrap().meta.step, 0);
    fs::write(dir.join("step-00000024.safetensors"), "x").unwrap();
    fails(open(dir, Selector::Last), "step-00000024.safetensors is damaged");
    fails(open(dir, Selector::Last), "only the untrained checkpoint (step 0) is intact");
    assert_eq!(open(dir, Selector::Step(0)).unwrap().meta.step, 0);
}

#[test]
fn what_is_no_checkpoint_of_tfm_is_called_what_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    put(dir, 1, 3, false);
    fs::create_dir(dir.join("step-00000003.safetensors")).unwrap();
    assert_eq!(open(dir, Selector::Last).unwrap().meta.step, 1);
    fails(open(dir, Selector::Step(3)), "step-00000003.safetensors is not a file");
    let tensor = tensor(Dtype::F32, &[2], 0);
    let foreign = safetensors::serialize([("a", &tensor)], None).unwrap();
    fs::write(dir.join("step-00000002.safetensors"), foreign).unwrap();
    let expect = "is not a tfm checkpoint but a safetensors file of another program";
    fails(open(dir, Selector::Step(2)), expect);
}

#[test]
fn an_empty_or_absent_folder_says_so() {
    let dir = tempfile::tempdir().unwrap();
    for dir in [dir.path(), &dir.path().join("absent")] {
        fails(open(dir, Selector::Last), "no checkpoint in");
        fails(open(dir, Selector::Best), "no best checkpoint in");
        fails(open(dir, Selector::Step(3)), "there are none");
    }
}

#[test]
fn what_a_killed_process_left_goes_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    put(dir, 1, 3, false);
    for name in ["step-00000002.safetensors.tmp", "best.safetensors.tmp", "notes.tmp", "step-2.tmp"]
    {
        fs::write(dir.join(name), "half").unwrap();
    }
    assert_eq!(open(dir, Selector::Last).unwrap().meta.step, 1);
    put(dir, 2, 3, true);
    assert_eq!(
        names(dir),
        [
            "best.safetensors",
            "notes.tmp",
            "step-00000001.safetensors",
            "step-00000002.safetensors",
            "step-2.tmp"
        ]
    );
}

#[test]
fn a_failed_write_leaves_the_older_ones_and_no_temporary_file() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    put(dir, 1, 1, true);
    let before = names(dir);
    let mut wrong = tensor(Dtype::F32, &[4], 1);
    wrong.bytes.truncate(8);
    let good = tensor(Dtype::F64, &[1 << 18], 1);
    let views = [("good".to_owned(), &good), ("wrong".to_owned(), &wrong)];
    let failed = save(dir, &meta(2), views, Retention { last: 1 }, true);
    fails(failed, "step-00000002.safetensors: tensor wrong has 8 bytes, but its shape needs 16");
    let twice = [("a".to_owned(), &good), ("a".to_owned(), &good)];
    fails(save(dir, &meta(2), twice, KEEP, false), "two tensors are named a");
    // What cannot be replaced, in the way of the rename.
    fs::create_dir(dir.join("step-00000003.safetensors")).unwrap();
    let failed = save(dir, &meta(3), [("a".to_owned(), &good)], KEEP, false);
    fails(failed, "cannot write the checkpoint");
    fs::remove_dir(dir.join("step-00000003.safetensors")).unwrap();
    assert_eq!(names(dir), before);
    assert_eq!(open(dir, Selector::Best).unwrap().meta.step, 1);
}

#[test]
fn another_model_or_other_tensors_are_all_named() {
    let dir = tempfile::tempdir().unwrap();
    put(dir.path(), 1, 3, false);
    let checkpoint = open(dir.path(), Selector::Last).unwrap();
    let mut all: Vec<_> = tensors()
        .into_iter()
        .map(|(name, tensor)| (name.to_owned(), tensor.dtype, tensor.shape))
        .collect();
    checkpoint.expect("toy", &all).unwrap();
    checkpoint.expect_among("toy", &all[..2]).unwrap();
    fails(checkpoint.expect("other", &all), "model: other expected, toy in the file");
    all[0].2 = vec![5, 4];
    all[1].1 = Dtype::F32;
    all.remove(5);
    all.push(("extra".to_owned(), Dtype::F32, vec![2]));
    let error = checkpoint.expect("toy", &all).unwrap_err().to_string();
    let lines: Vec<_> = error.lines().skip(1).map(str::trim).collect();
    assert_eq!(
        lines,
        [
            "wrong shape: embedding F32 [5, 4] expected, F32 [5, 3] in the file",
            "missing: extra F32 [2]",
            "wrong shape: lstm.0.bias F32 [7] expected, F16 [7] in the file",
            "unexpected: mask U8 [3]",
        ]
    );
}

#[test]
fn a_newer_format_is_not_passed_over() {
    let dir = tempfile::tempdir().unwrap();
    put(dir.path(), 1, 3, false);
    let newer = Meta { format: FORMAT + 1, ..meta(2) };
    let tensor = tensor(Dtype::U8, &[1], 0);
    save(dir.path(), &newer, [("a".to_owned(), &tensor)], KEEP, false).unwrap();
    fails(open(dir.path(), Selector::Last), "it has format 2, but this tfm reads only up to 1");
}

#[test]
fn choices_are_parsed() {
    for (text, choice) in
        [("last", Selector::Last), ("best", Selector::Best), ("120", Selector::Step(120))]
    {
        assert_eq!(text.parse::<Selector>().unwrap(), choice);
        assert_eq!(choice.to_string(), text);
    }
    fails("-1".parse::<Selector>(), "give best, last or a step number");
}
