//! Scores of translations: files as people have them, what is printed, what is refused.

use std::io::Write;
use std::process::Stdio;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::dir::{Dir, tfm};

const HYPOTHESES: &str =
    "The dog bit the man.\nIt wasn't surprising.\nThe man had just bitten him.\n";
const FIRST: &str = "The dog bit the man.\nIt was not unexpected.\nThe man bit him first.\n";
const SECOND: &str =
    "The dog had bit the man.\nNo one was surprised.\nThe man had bitten the dog.\n";
/// What `sacrebleu a.txt b.txt -i hyp.txt -f text` prints.
const LINE: &str = "BLEU|nrefs:2|case:mixed|eff:no|tok:13a|smooth:exp|version:2.4.3 = 48.5 \
                    82.4/50.0/45.5/37.5 (BP = 0.943 ratio = 0.944 hyp_len = 17 ref_len = 18)\n";
const TWO: &str = "bleu --ref a.txt --ref b.txt hyp.txt";

/// The example of sacreBLEU's README.
fn example() -> Dir {
    let dir = Dir::new();
    dir.write("hyp.txt", HYPOTHESES);
    dir.write("a.txt", FIRST);
    dir.write("b.txt", SECOND);
    dir
}

#[test]
fn texts_are_scored_however_they_are_kept() {
    let dir = example();
    assert_eq!(dir.tfm(TWO).ok(), LINE);
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(FIRST.as_bytes()).unwrap();
    dir.write("a.gz", encoder.finish().unwrap());
    dir.write("b.mark", format!("\u{feff}{}", SECOND.trim_end().replace('\n', "\r\n")));
    let mut command = tfm();
    command.args(["bleu", "--ref", "a.gz", "--ref", "b.mark"]).stdin(Stdio::piped());
    command.stdout(Stdio::piped()).current_dir(dir.path());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(HYPOTHESES.as_bytes()).unwrap();
    assert_eq!(child.wait_with_output().unwrap().stdout, LINE.as_bytes());
    let twice = dir.tfm("bleu --ref a.txt --ref a.txt a.txt").ok();
    assert!(twice.contains("nrefs:2") && twice.contains(" = 100.0 "), "{twice}");
}

#[test]
fn json_has_the_keys_of_sacrebleu_and_all_digits() {
    let dir = example();
    let json = dir.tfm(&format!("{TWO} --json")).json();
    let score = json["score"].as_f64().unwrap();
    assert!((score - 48.530_827_009_929_865).abs() < 1e-9, "{json}");
    for (key, expect) in [
        ("name", "BLEU"),
        ("signature", "nrefs:2|case:mixed|eff:no|tok:13a|smooth:exp|version:2.4.3"),
        (
            "verbose_score",
            "82.4/50.0/45.5/37.5 (BP = 0.943 ratio = 0.944 hyp_len = 17 ref_len = 18)",
        ),
        ("nrefs", "2"),
        ("smooth", "exp"),
        ("version", "2.4.3"),
    ] {
        assert_eq!(json[key], expect, "{json}");
    }
    let json = dir.tfm(&format!("{TWO} --metrics chrf,bleu --chrf-word-order 2 --json")).json();
    assert_eq!((&json[0]["name"], &json[1]["name"]), (&"BLEU".into(), &"chrF2++".into()));
    assert!(json[1].get("verbose_score").is_none() && json[1]["nw"] == "2", "{json}");
}

#[test]
fn metrics_stand_below_each_other_and_sentences_on_lines() {
    let dir = example();
    let text = dir.tfm(&format!("{TWO} --metrics bleu,chrf")).ok();
    let lines: Vec<_> = text.lines().collect();
    let chrf = "chrF2|nrefs:2|case:mixed|eff:yes|nc:6|nw:0|space:no|version:2.4.3 = 59.7";
    assert_eq!((lines[0], lines[1]), (&*format!("  {}", LINE.trim_end()), chrf));
    let text = dir.tfm(&format!("{TWO} --sentence")).ok();
    let scores = text.lines().map(|line| line.split_once(" = ").unwrap().1.split(' ').next());
    assert_eq!(scores.flatten().collect::<Vec<_>>(), ["100.0", "14.8", "29.1"]);
    assert!(text.starts_with("BLEU|nrefs:2|case:mixed|eff:yes|tok:13a|"), "{text}");
    let json = dir.tfm(&format!("{TWO} --sentence --metrics chrf --json")).json();
    assert_eq!(json["sentences"].as_array().unwrap().len(), 3, "{json}");
}

#[test]
fn systems_are_compared_by_the_same_samples() {
    let dir = example();
    let line = format!("{TWO} --paired-bootstrap a.txt --metrics bleu,chrf");
    let text = dir.tfm(&line).ok();
    for part in [
        "BLEU (μ ± 95% CI)",
        "Baseline: hyp.txt  48.5 (",
        "\na.txt ",
        "100.0 (100.0 ± 0.0) (p = 0.0010)*",
        "\nchrF2|nrefs:2|bs:1000|seed:12345|case:mixed|",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    assert_eq!(dir.tfm(&line).ok(), text);
    let json = dir.tfm(&format!("{TWO} --paired-bootstrap hyp.txt --samples 99 --json")).json();
    let [baseline, system] = [&json[0], &json[1]].map(|system| &system["BLEU"]);
    assert_eq!(json[0]["system"], "Baseline: hyp.txt");
    assert!(baseline["p_value"].is_null() && system["p_value"] == 0.01, "{json}");
    assert!(baseline["mean"] == system["mean"] && baseline["ci"] == system["ci"], "{json}");
}

#[test]
fn what_cannot_be_scored_is_named() {
    let dir = example();
    dir.write("short.txt", "one\ntwo\n");
    dir.write("empty.txt", "");
    dir.write("latin.txt", b"one\ntwo\nth\xe9\n");
    for (line, part) in [
        ("--ref short.txt hyp.txt", "hyp.txt has 3 lines but short.txt has 2: "),
        ("--ref a.txt --paired-bootstrap short.txt hyp.txt", "short.txt has 2 lines but a.txt"),
        ("--ref empty.txt empty.txt", "empty.txt has no lines: there is nothing to score"),
        ("--ref a.txt", "standard input has no lines: there is nothing to score"),
        ("--ref gone.txt hyp.txt", "cannot open gone.txt"),
        ("--ref a.txt latin.txt", "latin.txt:3: the text is not UTF-8"),
    ] {
        dir.tfm(&format!("bleu {line}")).fails(1, &[part]);
    }
    for (line, part) in [
        ("hyp.txt", "--ref <FILE>"),
        ("--ref a.txt hyp.txt --tokenize zh", "possible values: 13a, none, char, intl"),
        ("--ref a.txt hyp.txt --smooth-value 1", "--smooth-value works only with --smooth floor"),
        ("--ref a.txt hyp.txt --smooth floor --smooth-value -1", "a number that is at least 0"),
        ("--ref a.txt hyp.txt --sentence --metrics bleu,chrf", "give only one in --metrics"),
        ("--ref a.txt hyp.txt --seed 1", "--paired-bootstrap <OTHER>"),
        ("--ref a.txt hyp.txt --chrf-word-order 3", "0..=2"),
    ] {
        dir.tfm(&format!("bleu {line}")).fails(2, &[part]);
    }
}

#[test]
fn text_that_was_tokenized_before_is_warned_of() {
    let dir = Dir::new();
    dir.write("hyp.txt", "so it is .\n".repeat(100));
    let line = "bleu --ref hyp.txt hyp.txt";
    let said = dir.tfm(line);
    assert!(said.stderr.contains("100 lines of hyp.txt end in \" .\""), "{said:?}");
    assert_eq!(dir.tfm(&format!("{line} --tokenize none")).stderr, "");
}
