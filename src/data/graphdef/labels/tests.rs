use std::fs;

use super::*;

struct Folder(tempfile::TempDir);

impl Folder {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        files.iter().for_each(|(name, text)| fs::write(folder.path().join(name), text).unwrap());
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn open(&self, name: &str) -> Result<LabelMap> {
        LabelMap::open(&self.path(name))
    }

    /// The error of a file, without its folder.
    fn error(&self, name: &str) -> String {
        self.without_folder(&self.open(name).unwrap_err())
    }

    fn without_folder(&self, error: &anyhow::Error) -> String {
        format!("{error:#}").replace(&format!("{}/", self.0.path().display()), "")
    }
}

/// As many plain labels, after a first one.
fn plain(first: &str, n: usize) -> String {
    (1..n).fold(format!("{first}\n"), |text, i| format!("{text}label {i}\n"))
}

/// As many WordNet ids, in order.
fn synsets(n: usize) -> String {
    (0..n).map(|i| format!("n{:08}\n", 1_440_764 + i)).collect()
}

#[track_caller]
fn check(text: &str, expected: &[(&str, Option<&str>)]) {
    let labels = Folder::new(&[("labels.txt", text)]).open("labels.txt").unwrap();
    let found: Vec<_> = (0..labels.len()).map(|i| (labels.text(i), labels.wnid(i))).collect();
    assert_eq!(found, expected);
}

#[test]
fn labels_are_read_in_every_form() {
    check(
        "background\ntench, Tinca tinca\n",
        &[("background", None), ("tench, Tinca tinca", None)],
    );
    check(
        "\u{feff}daisy\r\n\r\nroses \r\n\r\n\r\n",
        &[("daisy", None), ("", None), ("roses", None)],
    );
    check("0:tench\n2: shark: white\n", &[("tench", None), ("", None), ("shark: white", None)]);
    check("12:30\nnoon\n", &[("12:30", None), ("noon", None)]);
    let synsets = [("n01440764", Some("n01440764")), ("n01443537", Some("n01443537"))];
    check("n01440764\nn01443537\n", &synsets);
    let named = [("tench, Tinca tinca", Some("n01440764")), ("goldfish", Some("n01443537"))];
    check("n01440764\ttench, Tinca tinca\nn01443537\tgoldfish\n", &named);
    check("n01440764 tench, Tinca tinca\nn01443537 goldfish\n", &named);
    check(r#"{"1": ["n01443537", "goldfish"], "0": ["n01440764", "tench, Tinca tinca"]}"#, &named);
    check(r#"{"a": 1, "id2label": {"0": "tench", "1": "é"}}"#, &[("tench", None), ("é", None)]);
    check(r#"["tench", "goldfish"]"#, &[("tench", None), ("goldfish", None)]);
}

const MAP: &str = "# LabelMap\nentry {\n  target_class: 2\n  target_class_string: \"n01440764\"\n}\n\
                   entry { target_class: 1 target_class_string: \"n99999999\" }\n";

#[test]
fn classes_of_2015_have_the_names_of_their_ids() {
    let names = "n01440764\ttench, Tinca tinca\nn00004475\torganism, being\n";
    let files = [(CHALLENGE_MAP, MAP), (NAMES_OF_IDS[0], names)];
    let labels = Folder::new(&files).open(CHALLENGE_MAP).unwrap();
    assert_eq!((labels.text(2), labels.wnid(2)), ("tench, Tinca tinca", Some("n01440764")));
    assert_eq!(labels.class_of("n01440764"), Some(2));
    // As in the reference: no class, a class without a name, a class beyond the map.
    assert_eq!((labels.text(0), labels.text(1), labels.text(1007)), ("", "", ""));
    assert_eq!((labels.class_of("n00004475"), labels.wnid(0)), (None, None));

    let alone = Folder::new(&[(CHALLENGE_MAP, MAP)]);
    let error = alone.error(CHALLENGE_MAP);
    assert!(
        error.ends_with("put imagenet_synset_to_human_label_map.txt, which names them, next to it")
    );
}

#[test]
fn the_names_of_ids_lead_to_the_classes() {
    let names: String = synsets(2000).lines().map(|wnid| format!("{wnid}\tname\n")).collect();
    let (map, name) = (MAP.replace("n99999999", "n01440765"), NAMES_OF_IDS[0]);
    let labels = Folder::new(&[(CHALLENGE_MAP, &map), (name, &names)]).open(name).unwrap();
    assert_eq!((labels.len(), labels.text(1)), (3, "name"));
    let error = Folder::new(&[(name, &names)]).error(name);
    assert!(error.contains("names of 2000 WordNet ids, but not in class order"), "{error}");
    // A list of ids without names takes them from beside.
    let files = [("labels.txt", "n01440764\nn01440000\n"), (name, &names)];
    let labels = Folder::new(&files).open("labels.txt").unwrap();
    assert_eq!((labels.text(0), labels.text(1)), ("name", ""));
}

#[test]
fn damaged_labels_are_named_with_their_line() {
    let error = |text: &str| Folder::new(&[("l", text)]).error("l");
    assert_eq!(error("0:a\n1:b\n0:c\n"), "l:3: class 0 occurs twice");
    assert_eq!(error("0:a\n99999999999:b\n"), "l:2: \"99999999999\" is not a class number");
    assert_eq!(error("0:a\n4000000000:b\n"), "l: class 4000000000 is above 1048576");
    assert_eq!(
        error("a\nb\u{1b}[0m\n"),
        "l:2: control characters are not allowed in labels: is this a text file?"
    );
    assert_eq!(error(""), "l contains no labels");
    assert_eq!(error("\n\n"), "l contains no labels");
    assert_eq!(error("{}"), "l contains no labels");
    let entry = "an entry needs a target_class and a quoted target_class_string";
    assert_eq!(error(&MAP.replace("\"n99999999\"", "")), format!("l:6: {entry}"));
    assert_eq!(error(&MAP.replace(": 1 ", ": x ")), "l:6: \"x\" is not a class number");
    assert!(error("{\"0\": \"a\",\n}").starts_with("l:2: the JSON is damaged: "));
    assert_eq!(error("{\"a\": \"b\"}"), "l: \"a\" is not a class number");
    assert!(error("{\"0\": 1}").starts_with("l: class 0 has neither a label nor a WordNet id"));
    assert_eq!(error("[\"\\u001b\"]"), "l: the label of class 0 has control characters");
    assert!(error("version https://git-lfs.github.com/spec/v1\n").contains("git lfs pull"));
    assert!(error("<!doctype html>\n").contains("a web page"));
    let folder = Folder::new(&[]);
    fs::write(folder.path("l"), b"\x0a\x01\xff").unwrap();
    assert!(folder.error("l").contains("not UTF-8"));
    assert!(folder.error("m").contains("cannot open m"));
}

#[test]
fn labels_fit_the_scores_or_are_refused() {
    let folder = Folder::new(&[
        ("two", "a\nb\n"),
        ("slim", &plain("background", 1001)),
        ("googlenet", &plain("dummy", 1001)),
        ("synsets", &synsets(1000)),
        ("unordered", &format!("{}n00000001\n", synsets(999))),
    ]);
    let fitted = |name, scores| folder.open(name).unwrap().fitted(scores);
    let error = |name, scores| folder.without_folder(&fitted(name, scores).unwrap_err());
    assert_eq!(fitted("two", 2).unwrap().len(), 2);
    assert_eq!(error("two", 3), "two has 2 labels, but the graph has 3 scores");
    assert_eq!(fitted("slim", 1001).unwrap().text(0), "background");
    assert_eq!(fitted("slim", 1000).unwrap().text(0), "label 1");
    assert!(error("slim", 1008).ends_with(&format!("use {CHALLENGE_MAP} from its archive")));
    let padded = fitted("googlenet", 1008).unwrap();
    assert_eq!((padded.len(), padded.text(1000), padded.text(1007)), (1008, "label 1000", ""));
    let moved = fitted("synsets", 1001).unwrap();
    assert_eq!(
        (moved.text(0), moved.wnid(0), moved.wnid(1)),
        ("background", None, Some("n01440764"))
    );
    assert_eq!(moved.class_of("n01440764"), Some(1));
    assert_eq!(fitted("synsets", 1000).unwrap().class_of("n01440764"), Some(0));
    assert!(error("synsets", 1008).contains("has 1000 labels, but the graph has 1008 scores: if"));
    assert!(error("unordered", 1001).contains("the first score is the background class"));
}

#[test]
fn labels_are_found_beside_a_graph() {
    let folder = Folder::new(&[("labels.txt", "a\nb\n"), ("retrained_labels.txt", "x\ny\nz\n")]);
    let beside = |graph: &str, scores| LabelMap::beside(&folder.path(graph), scores);
    let name = |labels: Option<LabelMap>| {
        labels.map(|labels| labels.path().file_name().unwrap().to_str().unwrap().to_owned())
    };
    assert_eq!(name(beside("retrained_graph.pb", 3).unwrap()).unwrap(), "retrained_labels.txt");
    assert_eq!(name(beside("retrained_graph.pb", 2).unwrap()).unwrap(), "labels.txt");
    fs::write(folder.path("my.txt"), "p\nq\n").unwrap();
    assert_eq!(name(beside("my.pb", 2).unwrap()).unwrap(), "my.txt");
    assert_eq!(name(beside("elsewhere/my.pb", 2).unwrap()), None);
    let error = folder.without_folder(&beside("my.pb", 5).unwrap_err());
    assert!(
        error.starts_with("no label file next to my.pb fits: my.txt has 2 labels, but the"),
        "{error}"
    );
}

/// The reference's two files, as they are published.
#[test]
fn the_published_files_are_read() {
    let Some(data) = super::super::tests::data() else { return };
    let labels = LabelMap::open(&data.join(CHALLENGE_MAP)).unwrap();
    assert_eq!(labels.len(), 1001);
    // classify_image.py of 2016 on its own panda: class 169.
    assert_eq!(
        labels.text(169),
        "giant panda, panda, panda bear, coon bear, Ailuropoda melanoleuca"
    );
    assert_eq!(labels.wnid(169), Some("n02510455"));
    assert!((1..=1000).all(|class| labels.class_of(labels.wnid(class).unwrap()) == Some(class)));
    let error = labels.clone().fitted(1001).unwrap_err().to_string();
    assert!(error.contains("this file is for the 2015 graph"), "{error}");
    let labels = labels.fitted(1008).unwrap();
    assert_eq!((labels.len(), labels.text(0), labels.text(1007)), (1008, "", ""));

    let synsets =
        LabelMap::open(&data.join("synsets_1000_sorted.txt")).unwrap().fitted(1001).unwrap();
    let slim = LabelMap::open(&data.join("labels_1001_background_first.txt")).unwrap();
    assert!((0..1001).all(|class| synsets.text(class) == slim.text(class)));
}
