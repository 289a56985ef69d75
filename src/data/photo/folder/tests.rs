use std::fs;

use image::{Rgb, RgbImage};
use tempfile::TempDir;

use super::*;

/// A folder with a small image at each of the paths; its red is the path's number.
fn folder(paths: &[String]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (number, path) in paths.iter().enumerate() {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let picture = RgbImage::from_pixel(40, 30, Rgb([number as u8, 9, 9]));
        let format = match path.extension().unwrap().to_ascii_lowercase().to_str() {
            Some("png") => image::ImageFormat::Png,
            _ => image::ImageFormat::Jpeg,
        };
        picture.save_with_format(&path, format).unwrap();
    }
    folder
}

fn owned(paths: &[&str]) -> Vec<String> {
    paths.iter().map(|&path| path.to_owned()).collect()
}

fn error(folder: &TempDir) -> String {
    format!("{:#}", read_folder(folder.path(), 1, 2).unwrap_err())
}

#[test]
fn every_picture_is_on_one_side_in_the_order_of_names() {
    let numbered = |class: &str, n: usize| (0..n).map(|i| format!("{class}/{i}.png")).collect();
    let paths: [Vec<String>; 3] = [numbered("dog", 30), numbered("cat", 25), numbered("emu", 2)];
    let dir = folder(&paths.concat());
    let read = read_folder(dir.path(), 1, 1).unwrap();
    assert_eq!(read.classes, ["cat", "dog", "emu"]);
    assert_eq!(read.train.len() + read.test.len(), 57);
    let paths = paths.concat();
    for pictures in [&read.train, &read.test] {
        let name = |at| &paths[usize::from(pictures.image(at)[0])];
        assert!((0..pictures.len()).map(name).is_sorted());
        for (at, &label) in pictures.labels().iter().enumerate() {
            let class = &read.classes[usize::from(label)];
            assert!(name(at).starts_with(&format!("{class}/")), "{} is no {class}", name(at));
        }
    }
    for n_threads in [2, 3, 5, 100] {
        assert_eq!(read_folder(dir.path(), 1, n_threads).unwrap(), read);
    }
}

#[test]
fn a_division_of_the_user_is_kept() {
    let paths =
        ["train/a/1.png", "train/b/x.JPG", "train/b/y.jpeg", "test/a/1.png", "test/b/1.png"];
    let dir = folder(&owned(&paths));
    let read = read_folder(dir.path(), 1, 2).unwrap();
    assert_eq!((read.train.labels(), read.test.labels()), (&[0, 1, 1][..], &[0, 1][..]));
    assert_eq!(read.unreadable, []);
    for (from, to) in [("train", "Train"), ("test", "TEST")] {
        fs::rename(dir.path().join(from), dir.path().join(to)).unwrap();
    }
    let capitals = read_folder(dir.path(), 1, 2).unwrap();
    assert_eq!(capitals, read);
}

#[test]
fn files_that_cannot_be_read_are_listed() {
    let dir = folder(&owned(&["a/1.png", "a/2.png", "b/1.png", "b/2.png"]));
    let put = |path: &str, bytes: &[u8]| fs::write(dir.path().join(path), bytes).unwrap();
    let whole = fs::read(dir.path().join("a/1.png")).unwrap();
    put("a/cut.png", &whole[..whole.len() / 2]);
    put("a/text.jpg", b"hello");
    put("b/note.webp", b"RIFF");
    put("b/.DS_Store", b"x");
    put("readme.txt", b"x");
    fs::create_dir(dir.path().join("b/more")).unwrap();
    #[cfg(unix)]
    let _socket = std::os::unix::net::UnixListener::bind(dir.path().join("b/socket.png")).unwrap();
    let read = read_folder(dir.path(), 1, 2).unwrap();
    assert_eq!(read.train.len() + read.test.len(), 4);
    let listed: Vec<_> = read
        .unreadable
        .iter()
        .map(|file| (file.path.strip_prefix(dir.path()).unwrap(), file.reason.as_str()))
        .collect();
    let names: Vec<_> = listed.iter().map(|(path, _)| path.to_str().unwrap()).collect();
    assert_eq!(names[..4], ["a/cut.png", "a/text.jpg", "b/more", "b/note.webp"]);
    assert!(listed[0].1.starts_with("is not a valid PNG or JPEG file: "), "{listed:?}");
    assert_eq!(listed[2].1, "is a folder inside a class folder");
    assert_eq!(listed[3].1, "does not end in .png, .jpg or .jpeg");
    #[cfg(unix)]
    assert_eq!(
        listed[4..],
        [(Path::new("b/socket.png"), "is not a file but a folder, a pipe, a socket or a device")]
    );
}

#[test]
fn too_few_classes_and_pictures_say_what_to_do() {
    let of = |paths: &[&str]| folder(&owned(paths));
    let one = error(&of(&["a/1.png"]));
    assert!(
        one.contains("has 1 class folder, but") && one.contains("at least 2 are needed"),
        "{one}"
    );

    let dir = of(&["a/1.png", "a/2.png", "b/1.png"]);
    let single = error(&dir);
    assert!(single.contains(r#"class "b" has 1 readable image"#), "{single}");

    fs::create_dir(dir.path().join("c")).unwrap();
    let empty = error(&dir);
    assert!(empty.contains(r#"class "c" has 0 images"#), "{empty}");

    let dir = of(&["train/a/1.png", "train/b/1.png", "test/a/1.png", "test/b/1.png"]);
    fs::write(dir.path().join("test/b/1.png"), b"x").unwrap();
    let broken = error(&dir);
    assert!(broken.contains(r#"class "b" has 0 readable images in test/b"#), "{broken}");

    let differ = error(&of(&["train/a/1.png", "train/b/1.png", "test/a/1.png", "test/c/1.png"]));
    assert!(differ.contains(r#"only in train ["b"], only in test ["c"]"#), "{differ}");

    let half = error(&of(&["train/a/1.png", "train/b/1.png"]));
    assert!(half.contains("has class folders, but there is no"), "{half}");

    let nowhere = tempfile::tempdir().unwrap();
    let path = nowhere.path().join("none");
    let missing = format!("{:#}", read_folder(&path, 1, 1).unwrap_err());
    assert!(missing.starts_with("cannot list the images in"), "{missing}");
}

fn pictures(counts: &[usize]) -> Vec<Decoded> {
    let class = |(label, &count): (usize, &usize)| {
        (0..count).map(move |i| Decoded {
            name: format!("{label}/{i:04}.png"),
            label: label as u8,
            pixels: vec![label as u8],
        })
    };
    counts.iter().enumerate().flat_map(class).collect()
}

#[test]
fn about_a_tenth_of_each_class_is_held_out() {
    let counts = [1000, 500, 2, 3, 1];
    for seed in 0..20 {
        let (train, test) = hold_out(pictures(&counts), 5, seed);
        let count = |side: &[Decoded], class| {
            side.iter().filter(|picture| usize::from(picture.label) == class).count()
        };
        let [of_train, of_test]: [[usize; 5]; 2] =
            [train, test].map(|side| std::array::from_fn(|class| count(&side, class)));
        for class in 0..5 {
            assert_eq!(of_train[class] + of_test[class], counts[class]);
        }
        assert!((70..130).contains(&of_test[0]) && (30..75).contains(&of_test[1]));
        assert!((2..4).all(|class| of_train[class] > 0 && of_test[class] > 0));
    }
}

#[test]
fn more_pictures_move_no_others() {
    let names = |(_, test): (Vec<Decoded>, Vec<Decoded>)| -> Vec<String> {
        test.into_iter().map(|picture| picture.name).collect()
    };
    let held_out = |counts: &[usize]| names(hold_out(pictures(counts), 2, 1));
    let (few, many) = (held_out(&[200, 300]), held_out(&[250, 900]));
    assert!(few.iter().all(|name| many.contains(name)));
    let old = |name: &&String| {
        let (class, file) = name.split_once('/').unwrap();
        file[..4].parse::<usize>().unwrap() < [200, 300][class.parse::<usize>().unwrap()]
    };
    assert_eq!(many.iter().filter(old).count(), few.len());
    assert_ne!(names(hold_out(pictures(&[200, 300]), 2, 2)), few);
}
