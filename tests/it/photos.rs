//! The user's own pictures: predicted, and trained on.

use std::fs;

use image::{GrayImage, Luma, Rgb, RgbImage};
use serde_json::Value;

use crate::dir::{Dir, Said};
use crate::mnist;
use crate::pictures::{self, is_drawn};

/// The classes of a picture in the JSON of `predict`, with their probabilities.
fn classes(said: &Said, picture: usize) -> Vec<(String, f64)> {
    let classes = said.json()["metrics"]["predictions"][picture]["classes"].clone();
    let pair = |class: &Value| {
        let name = class["class"].as_str().unwrap().to_string();
        (name, class["probability"].as_f64().unwrap())
    };
    classes.as_array().unwrap().iter().map(pair).collect()
}

/// How much ink lies at a place of a digit whose box is from 0 to 1: a bar, or a ring.
fn ink(digit: u32, x: f64, y: f64) -> bool {
    match digit {
        1 => (x - 0.5).abs() < 0.08 && (0.0..1.0).contains(&y),
        _ => (0.30..0.46).contains(&(x - 0.5).hypot(y - 0.5)),
    }
}

/// MNIST in the small: rings and bars, each a little moved.
fn rings_and_bars() -> Dir {
    let dir = Dir::new();
    for (part, count) in [(0, 300), (1, 50)] {
        let labels = mnist::idx(&[count], (0..count).map(|i| (i % 2) as u8));
        let value = |j: u32| {
            let (i, row, column) = (j / 784, j % 784 / 28, j % 28);
            let at = |place: u32, moved: u32| {
                (f64::from(place) - 4.0 + f64::from(moved % 3) - 1.0) / 20.0
            };
            if ink(i % 2, at(column, i), at(row, i / 3)) { 255 } else { 0 }
        };
        let images = mnist::idx(&[count, 28, 28], (0..count * 784).map(value));
        mnist::write(&dir, mnist::LABELS[part], &labels, true);
        mnist::write(&dir, mnist::IMAGES[part], &images, true);
    }
    dir
}

/// A photograph of a digit: dark ink on a light ground, or the other way round.
fn photograph(digit: u32, dark: bool) -> GrayImage {
    GrayImage::from_fn(300, 240, |x, y| {
        let at = |place: u32, start: f64| (f64::from(place) - start) / 120.0;
        let value = if ink(digit, at(x, 100.0), at(y, 50.0)) { 40 } else { 220 };
        Luma([if dark { value } else { 255 - value }])
    })
}

#[test]
fn photographed_digits_are_recognised() {
    let dir = rings_and_bars();
    dir.tfm(&mnist::train("--run-dir run -q")).ok();
    let mut line = "predict mnist --run run --threads 1".to_string();
    let wanted = [(0, true, "png"), (1, true, "jpg"), (0, false, "jpeg"), (1, false, "png")];
    for (digit, dark, ending) in wanted {
        let name = format!("{digit}-{dark}.{ending}");
        photograph(digit, dark).save(dir.path().join(&name)).unwrap();
        line += &format!(" {name}");
    }
    let said = dir.tfm(&format!("{line} --json --top 10"));
    let json = said.json();
    assert_eq!((&json["model"], &json["step"]), (&"mnist".into(), &24.into()));
    for (i, (digit, dark, ending)) in wanted.into_iter().enumerate() {
        let picture = &json["metrics"]["predictions"][i];
        assert_eq!(picture["image"], format!("{digit}-{dark}.{ending}"));
        let found = classes(&said, i);
        assert_eq!((found.len(), &found[0].0), (10, &digit.to_string()), "{picture}");
        assert!(found[0].1 > 0.8, "{picture}");
        assert!((found.iter().map(|class| class.1).sum::<f64>() - 1.0).abs() < 1e-5, "{picture}");
        assert!(found.windows(2).all(|pair| pair[0].1 >= pair[1].1), "{picture}");
    }
    let text = dir.tfm(&line).ok();
    assert_eq!(text.lines().count(), 4, "{text}");
    for (line, (digit, dark, ending)) in text.lines().zip(wanted) {
        assert!(line.starts_with(&format!("{digit}-{dark}.{ending}: {digit} ")), "{line}");
        assert_eq!(line.matches(" %").count(), 3, "{line}");
    }
}

#[test]
fn what_is_no_picture_is_named_and_the_others_are_classified() {
    let dir = mnist::with_data(true);
    dir.tfm(&mnist::train("--set train.num_epochs=1 --run-dir run -q")).ok();
    photograph(1, true).save(dir.path().join("whole.png")).unwrap();
    let bytes = fs::read(dir.path().join("whole.png")).unwrap();
    dir.write("half.png", &bytes[..bytes.len() / 2]);
    dir.write("text.jpg", "no picture");
    photograph(1, true).save(dir.path().join("cut.jpg")).unwrap();
    let bytes = fs::read(dir.path().join("cut.jpg")).unwrap();
    dir.write("cut.jpg", &bytes[..bytes.len() / 2]);
    GrayImage::from_pixel(60, 60, Luma([200])).save(dir.path().join("empty.png")).unwrap();
    let line = "predict mnist --run run";
    let said = dir.one_thread(&format!("{line} text.jpg"));
    said.fails(1, &["error: cannot classify text.jpg: is not a valid PNG or JPEG file"]);
    assert_eq!((said.stdout.as_str(), said.stderr.lines().count()), ("", 1), "{said:?}");

    let said =
        dir.one_thread(&format!("{line} half.png whole.png gone.png empty.png cut.jpg --json"));
    let wrong = [
        "half.png: is not a valid ",
        "gone.png: cannot be opened",
        "empty.png: no digit stands",
        "cut.jpg: is not a valid PNG or JPEG file: its end is missing",
    ];
    said.fails(1, &wrong);
    assert_eq!(said.stderr.lines().count(), 5, "{said:?}");
    let predictions = said.json()["metrics"]["predictions"].clone();
    assert_eq!((&predictions[0]["image"], &predictions[1]), (&"whole.png".into(), &Value::Null));
    // What is wrong with a file is said once.
    for line in said.stderr.lines() {
        let words: Vec<_> = line.split(": ").collect();
        assert!(words.windows(2).all(|pair| pair[0] != pair[1]), "{line}");
    }
}

/// A plain picture of one colour, with a pattern and of a size of its own.
fn coloured(class: usize, i: usize) -> RgbImage {
    RgbImage::from_fn(40 + 3 * i as u32, 36 + (i % 5) as u32, |x, y| {
        let mut colour = [(x * 7 + y * 3 + i as u32 * 11) as u8 % 50; 3];
        colour[class] += 180;
        Rgb(colour)
    })
}

const CLASSES: [&str; 3] = ["blue sky", "grass", "rust"];
/// The channel that stands out in each class.
const CHANNELS: [usize; 3] = [2, 1, 0];

/// Writes pictures of every class below `folder`, as PNG and JPEG.
fn write_classes(dir: &Dir, folder: &str, pictures: std::ops::Range<usize>) {
    for (class, channel) in CLASSES.iter().zip(CHANNELS) {
        fs::create_dir_all(dir.path().join(folder).join(class)).unwrap();
        for i in pictures.clone() {
            let ending = if i % 2 == 0 { "png" } else { "jpg" };
            let path = dir.path().join(folder).join(class).join(format!("{i:02}.{ending}"));
            coloured(channel, i).save(path).unwrap();
        }
    }
}

fn train(rest: &str) -> String {
    let sets = ["data.images=own", "train.batch_size=12", "train.max_steps=40"];
    pictures::train("cifar10", &sets, rest)
}

/// Holds the predictions of a run on new pictures to the names of their classes.
#[track_caller]
fn are_told_apart(dir: &Dir) {
    let mut line = "predict cifar10 --run run --json --threads 1".to_string();
    for (i, channel) in CHANNELS.into_iter().enumerate() {
        let name = format!("new-{i}.{}", ["png", "jpeg", "jpg"][i]);
        coloured(channel, 31 + i).save(dir.path().join(&name)).unwrap();
        line += &format!(" {name}");
    }
    let said = dir.tfm(&line);
    for (i, class) in CLASSES.into_iter().enumerate() {
        let found = classes(&said, i);
        assert_eq!((found.len(), found[0].0.as_str()), (3, class), "{said:?}");
    }
}

#[test]
fn a_tenth_of_ones_own_pictures_is_held_out_and_a_broken_file_is_left_out() {
    let dir = Dir::new();
    write_classes(&dir, "own", 0..30);
    dir.write("own/grass/broken.png", "no picture");
    let said = dir.tfm(&train("--run-dir run --json"));
    assert_eq!(said.code, 0, "{said:?}");
    let warnings: Vec<_> = said.stderr.lines().filter(|line| line.contains("skipped")).collect();
    assert_eq!(warnings.len(), 1, "{said:?}");
    let broken = dir.path().join("own").join("grass").join("broken.png");
    let broken = broken.strip_prefix(dir.path()).unwrap().display();
    let expect = format!("warning: skipped {broken}: is not a valid PNG or JPEG file");
    assert!(warnings[0].starts_with(&expect), "{warnings:?}");

    are_told_apart(&dir);
    let metrics = dir.one_thread("eval cifar10 --run run --json").json()["metrics"].clone();
    let held_out = metrics["images"].as_u64().unwrap();
    assert!((3..=20).contains(&held_out), "{metrics}");
    let names: Vec<_> = metrics["recall"].as_object().unwrap().keys().collect();
    assert_eq!(names, CLASSES);
    is_drawn(&dir, &metrics, 3);
    let train = dir.one_thread("eval cifar10 --run run --split train --json").json();
    assert_eq!(train["metrics"]["images"], 90 - held_out);
}

#[test]
fn classes_are_known_by_their_names() {
    let dir = Dir::new();
    write_classes(&dir, "own", 0..30);
    dir.tfm(&train("--run-dir run -q")).ok();
    let eval = || dir.one_thread("eval cifar10 --run run --json");
    let all = eval().json()["metrics"]["recall"].clone();
    let path = |name: &str| dir.path().join(name);
    fs::rename(path("own/blue sky"), path("away")).unwrap();
    let fewer = eval().json()["metrics"].clone();
    for class in &CLASSES[1..] {
        assert_eq!(fewer["recall"][class], all[class], "{fewer} {all}");
    }
    assert!(fewer["recall"][CLASSES[0]].is_null(), "{fewer}");
    assert_eq!(fewer["confusion"].as_array().unwrap().len(), 3);
    fs::rename(path("away"), path("own/aerial")).unwrap();
    eval().fails(
        1,
        &["the run was not trained on the class \"aerial\", only on blue sky, grass, rust"],
    );
    let said = dir.tfm(&train("--init-from run --run-dir other"));
    said.fails(1, &["was trained on the classes blue sky, grass, rust, not aerial, grass, rust"]);
    assert!(!path("other").exists());
}

#[test]
fn ones_own_division_is_kept() {
    let dir = Dir::new();
    write_classes(&dir, "own/train", 0..16);
    write_classes(&dir, "own/test", 20..24);
    dir.tfm(&train("--run-dir run -q")).ok();
    are_told_apart(&dir);
    let metrics = dir.one_thread("eval cifar10 --run run --json").json()["metrics"].clone();
    assert_eq!(metrics["images"], 12);
    // The run goes on with its own pictures alone.
    fs::remove_file(dir.path().join("own/train/grass/03.jpg")).unwrap();
    let said = dir.one_thread("train cifar10 --resume run --set train.max_steps=41");
    said.fails(1, &["cannot resume run: the data differs", "3 classes ", "train 48 ", "train 47 "]);
}

#[test]
fn folders_that_cannot_be_trained_on_say_why() {
    let dir = Dir::new();
    dir.tfm(&train("")).fails(1, &["data.images = \"own\"", "own"]);
    write_classes(&dir, "own", 0..4);
    dir.write("own/empty/note.txt", "no picture");
    dir.tfm(&train(""))
        .fails(1, &["class \"empty\" has 0 images", "own/empty, or move the folder away"]);
    fs::remove_dir_all(dir.path().join("own").join("empty")).unwrap();
    dir.tfm(&train("")).fails(1, &["training images are fewer than train.batch_size = 12"]);
    assert!(!dir.path().join("runs").exists());
}
