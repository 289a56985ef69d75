//! Sweeps begun, opened and changed.

use super::*;
use crate::models;
use crate::sweep::Begin;
use crate::sweep::rule::Decision;

const TEXT: &str = "model = \"ptb\"\nconfig = \"ptb-demo\"\n[vary]\nseed = [1, 2]\n";

fn begin(text: &str) -> Begin {
    Begin::new("s.toml", "s", text.to_owned()).unwrap()
}

#[test]
fn a_sweep_is_begun_once_and_opened_unchanged() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("a/b");
    let fails = |result: Result<Sweep>, part: &str| {
        let error = format!("{:#}", result.map(|_| ()).unwrap_err());
        assert!(error.contains(part), "{error:?} lacks {part:?}");
    };
    fails(Sweep::open(&path), "there is no such folder");
    let sweep = Sweep::begin(&path, &begin(TEXT), false).unwrap();
    assert_eq!((sweep.name(), sweep.points().len()), ("s", 2));
    fails(Sweep::begin(&path, &begin(TEXT), false), "already holds this sweep; resume it with");
    Sweep::begin(&path, &begin(TEXT), true).unwrap();
    let other = TEXT.replace("[1, 2]", "[1]");
    fails(Sweep::begin(&path, &begin(&other), true), "holds another sweep, s");
    assert_eq!(Sweep::open(&path).unwrap().point(2).unwrap().in_words(), "seed=2");
    assert!(sweep.point(3).unwrap_err().to_string().contains("there are 1 to 2"));
    fs::write(path.join(SPEC), &other).unwrap();
    fails(
        Sweep::open(&path),
        "was changed after the sweep began:\n- seed = [1, 2]\n+ seed = [1]\n",
    );
    // A folder of the user's is left alone.
    let full = root.path().join("full");
    fs::create_dir(&full).unwrap();
    fs::write(full.join("mine"), "x").unwrap();
    fails(Sweep::begin(&full, &begin(TEXT), false), "holds mine and is not a sweep");
    fails(Sweep::open(&full), "it has no sweep.json");
}

#[test]
fn a_beginning_that_was_killed_is_begun_anew() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("a");
    Sweep::begin(&path, &begin(TEXT), false).unwrap();
    fs::rename(path.join(MANIFEST), path.join(".sweep.json.tmp")).unwrap();
    Sweep::begin(&path, &begin(TEXT), false).unwrap();
    Sweep::open(&path).unwrap();
}

#[test]
fn a_config_of_the_users_is_copied() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("mine.toml");
    fs::write(&file, models::find("ptb").unwrap().show(Some("ptb-demo"), &[]).unwrap()).unwrap();
    let text = TEXT.replace("ptb-demo", file.to_str().unwrap());
    let path = root.path().join("a");
    let sweep = Sweep::begin(&path, &begin(&text), false).unwrap();
    assert_eq!(sweep.config().unwrap(), path.join("config/mine.toml"));
    fs::remove_file(file).unwrap();
    Sweep::open(&path).unwrap();
    fs::write(path.join("config/mine.toml"), "model = \"ptb\"\n").unwrap();
    assert!(Sweep::open(&path).unwrap_err().to_string().contains("was changed after"));
}

#[test]
fn decisions_are_read_back_but_for_one_that_was_cut() {
    let root = tempfile::tempdir().unwrap();
    let sweep = Sweep::begin(&root.path().join("a"), &begin(TEXT), false).unwrap();
    assert_eq!(sweep.events().unwrap(), []);
    let first = Event::Arrived { point: 1, rung: 0, value: Some(2.5), decision: Decision::Wait };
    let second = Event::Promoted { point: 1, rung: 0 };
    sweep.note(&first).unwrap();
    let file = sweep.path().join(DECISIONS);
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("{text}{}", &text[..9])).unwrap();
    assert_eq!(sweep.events().unwrap(), std::slice::from_ref(&first));
    sweep.note(&second).unwrap();
    assert_eq!(sweep.events().unwrap(), [first, second]);
    fs::write(&file, "{}\n").unwrap();
    assert!(
        sweep.events().unwrap_err().to_string().contains("decisions.jsonl:1 is not a decision")
    );
}

#[test]
fn a_model_that_cannot_be_trained_is_refused() {
    for (model, part) in [
        ("vgg", "there is no model \"vgg\"; there are: alexnet"),
        ("alexnet", "alexnet cannot be trained"),
    ] {
        let text = TEXT.replace("\"ptb\"", &format!("{model:?}"));
        let error = Begin::new("s.toml", "s", text).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn the_sweeps_that_are_shipped_can_be_begun() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("configs/sweeps");
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("# "), "{} has no head comment", path.display());
        let stem = path.file_stem().unwrap().to_str().unwrap().to_owned();
        assert_eq!(Begin::new(&stem, "none", text).unwrap().spec.name, stem);
        names.push(stem);
    }
    names.sort();
    assert_eq!(names, ["mnist-demo-search", "ptb-rates"]);
}
