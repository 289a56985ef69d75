//! `tfm train inception` and what follows from a run: the user's own classes on a frozen graph.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::dir::{Dir, tfm};
use crate::inception::MobileNet;
use crate::pictures::{ends_the_same_when_killed, train};
use crate::ptb::{Background, Run};

const GRAPH: &str = "data/inception-demo/classify_image_graph_def.pb";
const PICTURES: &str = "data/inception-demo/pictures";

/// A folder with the demo's graph and pictures where its preset looks for them.
fn demo(pictures: u32) -> Dir {
    let dir = Dir::new();
    dir.tfm(&format!("data make inception-demo --pictures {pictures} -q")).ok();
    dir
}

/// Training with the demo's preset, of a few steps.
fn short(rest: &str) -> String {
    let sets = [
        "train.max_steps=24",
        "train.steps_per_epoch=12",
        "train.eval_frequency=10",
        "checkpoint.every_steps=5",
    ];
    train("inception", &sets, &format!("--config inception-demo {rest}"))
}

/// The file of the features.
fn features(dir: &Dir) -> Option<PathBuf> {
    let folder = fs::read_dir(dir.path().join("data/cache/inception")).ok()?;
    folder.map(|entry| entry.unwrap().path()).find(|path| path.extension().unwrap() == "features")
}

fn scores(json: &str) -> Vec<(String, String, f64)> {
    let of_line = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap();
        let file = line["file"].as_str().unwrap().to_owned();
        let predictions = line["predictions"].as_array().unwrap().clone();
        let one = |prediction: &Value| {
            (
                prediction["label"].as_str().unwrap().to_owned(),
                prediction["score"].as_f64().unwrap(),
            )
        };
        let mut all: Vec<_> = predictions.iter().map(one).collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        all.into_iter().map(move |(label, score)| (file.clone(), label, score)).collect::<Vec<_>>()
    };
    json.lines().flat_map(of_line).collect()
}

#[test]
fn the_demo_without_its_pictures_says_how_they_are_made() {
    let error = ["create it with \"tfm data make inception-demo --pictures 40\""];
    Dir::new().tfm(&short("--run-dir r")).fails(1, &error);
}

#[test]
fn classes_are_learnt_judged_and_exported() {
    let dir = demo(12);
    let said = dir.one_thread("train inception --config inception-demo --run-dir run --json");
    assert_eq!(said.json()["metrics"]["test_accuracy"], 1.0, "{said:?}");
    assert!(said.stderr.contains("Features: 0 of 48 images are in data/cache/"), "{said:?}");
    assert!(said.stderr.contains("checkerboard 12, "), "{said:?}");
    dir.tfm("verify inception --run run").ok();

    // Those that are held out; then all, through the graph.
    let held_out = dir.tfm("eval inception --run run --json").json();
    let all = dir.tfm(&format!("eval inception --run run --images {PICTURES} --json -q")).json();
    assert_eq!((&held_out["model"], &held_out["step"]), (&"inception".into(), &1000.into()));
    assert_eq!((&all["metrics"]["pictures"], &all["metrics"]["top_1"]), (&48.into(), &1.0.into()));
    let tested = &held_out["metrics"]["pictures"];
    assert!(tested.as_u64().unwrap() < 20 && held_out["metrics"]["top_1"] == 1.0, "{held_out}");
    let drawn = dir.path().join(held_out["metrics"]["drawn"][0].as_str().unwrap());
    assert!(image::open(drawn).unwrap().width() > 4 * 44);
    // Without the model's name, and of another part.
    let valid = dir.tfm("eval run --split valid --json").json();
    assert_eq!(valid["metrics"]["top_1"], 1.0, "{valid}");

    let predict = |graph: &str| {
        let line = format!("predict inception {graph} --json -q --top 9 {PICTURES}/plain");
        scores(&dir.tfm(&line).ok())
    };
    let learnt = predict("--run run");
    assert_eq!(learnt.len(), 12 * 4);
    dir.tfm("export inception --run run --graph out.pb -q").ok();
    let exported = predict("--graph out.pb");
    for (one, other) in learnt.iter().zip(&exported) {
        assert_eq!((&one.0, &one.1), (&other.0, &other.1));
        assert!((one.2 - other.2).abs() < 1e-6, "{one:?} {other:?}");
    }
    dir.tfm("export inception --run run --graph out.pb")
        .fails(1, &["out.pb already exists", "--force"]);
    let names = fs::read_to_string(dir.path().join("out_labels.txt")).unwrap();
    assert_eq!(names, "checkerboard\nhorizontal_stripes\nplain\nvertical_stripes\n");
    // Another graph is not the run's.
    dir.tfm(&format!("predict inception --run run --graph out.pb {PICTURES}/plain"))
        .fails(1, &["out.pb is not the graph of the run run", "--graph"]);
}

#[test]
fn a_run_that_is_killed_again_and_again_ends_to_the_bit_the_same() {
    ends_the_same_when_killed(&demo(8), "inception", short, |_| String::new(), "valid");
}

#[test]
fn features_are_computed_once_and_a_killed_computation_goes_on() {
    let dir = demo(60);
    dir.tfm(&short("--run-dir whole --data-dir data -q")).ok();
    let file = features(&dir).unwrap();
    let whole = fs::read(&file).unwrap();
    let said = dir.tfm(&short("--run-dir again"));
    assert!(said.stderr.contains("Features: 240 of 240 images are in"), "{said:?}");
    assert!(!said.stderr.contains("Computed the features"), "{said:?}");
    Run::of(&dir, "again").ends_as(&Run::of(&dir, "whole"));

    // Killed after the first batch: what was computed stays, and the rest is added.
    fs::remove_file(&file).unwrap();
    let mut training = Background::tfm(&dir, &short("--run-dir run"));
    assert!(training.until(|_| file.metadata().is_ok_and(|file| file.len() > 1000)));
    training.kill();
    let kept = file.metadata().unwrap().len();
    assert!(!dir.path().join("run/run.json").exists() || kept as usize == whole.len());
    // A record that was torn is computed again.
    let torn = fs::read(&file).unwrap();
    fs::write(&file, &torn[..torn.len() - 3]).unwrap();
    fs::remove_dir_all(dir.path().join("run")).ok();
    let said = dir.tfm(&short("--run-dir run"));
    assert!(!said.stderr.contains("Features: 0 of 240"), "{said:?}");
    assert_eq!(fs::read(&file).unwrap().len(), whole.len());
    Run::of(&dir, "run").ends_as(&Run::of(&dir, "whole"));
}

/// What stands beside a picture in a batch decides its last bits.
#[test]
fn features_do_not_depend_on_the_pictures_beside_them() {
    let dir = demo(10);
    dir.tfm(&short("--run-dir whole --data-dir data -q")).ok();
    fs::remove_file(features(&dir).unwrap()).unwrap();
    for class in fs::read_dir(dir.path().join(PICTURES)).unwrap().map(|class| class.unwrap()) {
        let mut files: Vec<_> = fs::read_dir(class.path()).unwrap().map(|f| f.unwrap()).collect();
        files.sort_by_key(fs::DirEntry::file_name);
        for file in files.iter().step_by(3) {
            let name =
                format!("some/{}/{}", class.file_name().display(), file.file_name().display());
            dir.write(&name, fs::read(file.path()).unwrap());
        }
    }
    let some = short("--run-dir some-run --data-dir data -q --set data.images=some");
    dir.tfm(&format!("{some} --set data.validation_percentage=0 --set data.testing_percentage=0"));
    let said = dir.tfm(&short("--run-dir again --data-dir data"));
    assert!(said.stderr.contains("Features: 16 of 40 images are in"), "{said:?}");
    Run::of(&dir, "again").ends_as(&Run::of(&dir, "whole"));
}

#[test]
fn two_processes_compute_features_one_after_the_other() {
    let dir = demo(20);
    let other = Dir::new();
    let data = dir.path().join("data");
    let line = short(&format!("--run-dir run --data-dir {}", data.display()));
    let one = Background::tfm(&other, &line);
    let two = dir.tfm(&line);
    assert_eq!((two.code, one.end().code), (0, 0), "{two:?}");
    Run::of(&dir, "run").ends_as(&Run::of(&other, "run"));
}

#[test]
fn changed_pictures_are_refused_and_moved_ones_are_not() {
    let dir = demo(8);
    dir.tfm(&short("--run-dir run -q")).ok();
    let at = |name: &str| dir.path().join(name);
    fs::rename(at(PICTURES), at("moved")).unwrap();
    let more = "train inception --resume run --steps 30 -q";
    dir.tfm(more).fails(1, &["data.images = ", "is not a folder"]);
    dir.tfm(&format!("{more} --set data.images=moved")).ok();

    let (one, other) = (at("moved/plain/000.jpg"), at("moved/plain/001.jpg"));
    let first = fs::read(&one).unwrap();
    fs::copy(&other, &one).unwrap();
    let resume = "train inception --resume run --steps 40 --set data.images=moved";
    dir.tfm(resume)
        .fails(1, &["cannot resume run: the data differs from the run's", "here: graph"]);
    let said = dir.tfm("eval inception --run run --images moved --json");
    assert_eq!(said.json()["metrics"]["pictures"], 32, "{said:?}");
    fs::write(&one, first).unwrap();
    dir.tfm(resume).ok();

    // So is another graph.
    let graph = fs::read(at(GRAPH)).unwrap();
    let name = b"activation input is not finite.";
    let place = graph.windows(name.len()).position(|window| window == name).unwrap();
    let mut changed = graph.clone();
    changed[place] = b'A';
    fs::write(at(GRAPH), changed).unwrap();
    dir.tfm(resume).fails(1, &["the data differs"]);
    dir.tfm("predict inception --run run moved/plain/000.jpg").fails(1, &["is not the graph of"]);
    dir.tfm("export inception --run run --graph x.pb").fails(1, &["is not the graph of the run"]);
    dir.write("old.pb", graph);
    dir.tfm("predict inception --run run --graph old.pb moved/plain/000.jpg").ok();
    dir.tfm("export inception --run run --source old.pb --graph x.pb").ok();
}

#[test]
fn a_run_that_is_made_longer_equals_one_that_was_as_long() {
    let dir = demo(8);
    let of = |steps: u32, run: &str| {
        let steps = format!("train.max_steps={steps}");
        dir.tfm(&short(&format!("--run-dir {run}")).replace("train.max_steps=24", &steps)).ok();
    };
    of(30, "whole");
    of(25, "longer");
    dir.tfm("train inception --resume longer --steps 30 -q").ok();
    let [whole, longer] = ["whole", "longer"].map(|name| Run::of(&dir, name));
    assert_eq!(whole.records(), longer.records());
    let last = |run: &Run| fs::read(run.path("checkpoints/step-00000030.safetensors")).unwrap();
    assert!(last(&whole) == last(&longer), "the checkpoints differ");
}

#[test]
fn what_is_no_picture_is_named_and_left_out() {
    let dir = demo(8);
    dir.write(&format!("{PICTURES}/plain/bad.jpg"), "no picture");
    dir.write(&format!("{PICTURES}/.hidden/x.jpg"), "no picture");
    let said = dir.tfm(&short("--run-dir run"));
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.stderr.contains("plain/bad.jpg: "), "{said:?}");
    assert!(said.stderr.contains("1 file skipped"), "{said:?}");
    // It is no part of the data: without it the run goes on.
    fs::remove_file(dir.path().join(PICTURES).join("plain/bad.jpg")).unwrap();
    dir.tfm("train inception --resume run --steps 30 -q").ok();
    dir.write(&format!("{PICTURES}/spots/1.jpg"), "no picture");
    dir.tfm(&short("--run-dir none")).fails(1, &["the class \"spots\" has no readable image"]);
    dir.tfm("train inception").fails(1, &["data.images is empty", "--set data.images=DIR"]);
}

#[test]
fn the_worst_mistakes_are_drawn() {
    let dir = demo(3);
    // Every picture of one class lies in the folder of another.
    let at = |name: &str| dir.path().join(PICTURES).join(name);
    fs::rename(at("plain"), at("x")).unwrap();
    fs::rename(at("checkerboard"), at("plain")).unwrap();
    fs::rename(at("x"), at("checkerboard")).unwrap();
    let eval = format!("eval inception --graph {GRAPH} --images {PICTURES}");
    let json = dir.tfm(&format!("{eval} --sheet sheet.png --json")).json();
    assert_eq!((&json["top_1"], &json["drawn"][0]), (&0.5.into(), &"sheet.png".into()), "{json}");
    assert_eq!(json["worst"].as_array().unwrap().len(), 6, "{json}");
    let sheet = image::open(dir.path().join("sheet.png")).unwrap().into_rgb8();
    // Six pictures of 168 pixels in a row, which are not white.
    assert!(sheet.width() > 6 * 168 && sheet.height() > 168, "{:?}", sheet.dimensions());
    let dark = sheet.pixels().filter(|pixel| pixel.0.iter().all(|value| *value < 128)).count();
    assert!(dark > 6 * 84 * 84, "{dark}");
}

/// Needs `imagenet` in `TFM_DATA_DIR`: MobileNet-v1 and photographs.
#[test]
fn a_real_graph_learns_from_photographs() {
    let Some(MobileNet { data, graph }) = MobileNet::find() else { return };
    let dir = Dir::new();
    for entry in fs::read_dir(data.join("photos")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        // WordNet ids of animals stand before those of things.
        let class = if name < "n02600000" { "animal" } else { "thing" };
        dir.write(&format!("photos/{class}/{name}"), fs::read(&path).unwrap());
    }
    let mut command = tfm();
    let sets =
        ["train.max_steps=200", "data.validation_percentage=0", "data.testing_percentage=20"];
    command.args(["train", "inception", "--run-dir", "run", "--json"]);
    command.args(sets.map(|set| ["--set", set]).concat());
    command.args(["--set", "data.images=photos", "--set"]);
    let said = dir.run(command.arg(format!("data.graph={}", graph.display())));
    assert_eq!(said.code, 0, "{said:?}");
    let run = Run::of(&dir, "run");
    assert!(run.last("train", "accuracy") > 0.9 && run.last("test", "accuracy") > 0.5, "{said:?}");
    assert!(said.stderr.contains("1,024 features of each"), "{said:?}");
}
