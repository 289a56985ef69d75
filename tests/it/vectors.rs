//! Vectors of other programs: imported, asked, drawn and exported.

use std::fs;

use crate::dir::Dir;
use crate::ptb::Run;

/// Six words whose vectors lie as their meanings do, written with capitals.
const CITIES: &str = "Paris 1 1 0 0\nFrance 1 0 0 0\nRome 0 1 1 0\nItaly 0 0 1 0\nOslo 0 1 0 1\n\
                      Norway 0 0 0 1\n";

#[test]
fn words_with_capitals_are_asked_as_they_are_written() {
    let dir = Dir::new();
    dir.write("cities.txt", CITIES);
    assert_eq!(
        dir.tfm("import word2vec cities.txt --run-dir run").ok(),
        "6 words of 4 dimensions: run\n"
    );
    dir.write("q.txt", "\u{feff}: capitals\nFrance Paris Italy Rome\nfrance PARIS norway oslo\na b\nFrance Paris Spain Madrid\n");
    let said = dir.one_thread("eval word2vec --run run --questions q.txt");
    let text = said.ok();
    assert!(text.starts_with("capitals 100.0 %      2 of     2\n"), "{text}");
    let rest = "; 1 skipped, since a word has no vector; 1 line does not have four words\n";
    assert!(text.ends_with(rest), "{text}");
    // (1, 1, 0, 0) − (1, 0, 0, 0) + (0, 0, 1, 0), each of length 1, against (0, 1, 1, 0) of length 1.
    let json = dir.one_thread("query word2vec --run run analogy france paris italy --json").json();
    let answer = &json["metrics"]["analogy"]["answer"];
    let cosine = answer["similarity"].as_f64().unwrap();
    assert!(answer["word"] == "Rome" && (cosine - 0.958_568_9).abs() < 1e-6, "{json}");
}

#[test]
fn a_wrong_count_is_named_where_it_is() {
    let dir = Dir::new();
    dir.write("pair/vectors.tsv", "1\t2\n3\t4\n5\t6\n");
    dir.write("pair/metadata.tsv", "word\tcount\na\t3\nb\tmany\nc\t1\n");
    let import = "import word2vec pair --run-dir run";
    dir.tfm(&format!("{import} --strict"))
        .fails(1, &["pair/metadata.tsv:3: \"many\" is not a count"]);
    let said = dir.tfm(import);
    assert!(said.code == 0 && said.stderr.contains("pair/metadata.tsv:3: "), "{said:?}");
    dir.write("pair/others.tsv", "1\t2\n3\t4\n");
    dir.tfm("import word2vec pair/others.tsv --format tsv --run-dir others")
        .fails(1, &["pair/others.tsv looks like", "give the files these names"]);
    let again = dir.tfm(import);
    again.fails(1, &["choose another --run-dir"]);
    assert!(!again.stderr.contains("--resume"), "{again:?}");
}

#[test]
fn what_is_imported_is_what_is_exported() {
    let dir = Dir::new();
    for (name, text, words) in [
        ("plain", "3 2\na 1 2\nb 3 4\nc 5 6\n", "a b c"),
        ("unk", "3 2\na 1 2\nUNK 3 4\nc 5 6\n", "UNK a c"),
    ] {
        dir.write(&format!("{name}.txt"), text);
        dir.tfm(&format!("import word2vec {name}.txt --run-dir {name}")).ok();
        dir.tfm(&format!("export word2vec --run {name} --out {name}.out")).ok();
        let text = fs::read_to_string(dir.path().join(format!("{name}.out"))).unwrap();
        let got: Vec<_> =
            text.lines().skip(1).map(|line| line.split(' ').next().unwrap()).collect();
        assert_eq!((got.join(" "), text.starts_with("3 2\n")), (words.to_owned(), true), "{text}");
    }
    dir.write("twice.txt", "a 1 2\nb 3 4\na 5 6\nc 1,5 2\n");
    let said = dir.tfm("import word2vec twice.txt --run-dir twice");
    assert!(said.stderr.contains("twice.txt: 1 word occurs twice and keeps its first vector"));
    assert!(said.stderr.contains("twice.txt: 1 line is malformed and skipped: twice.txt:4: "));
    assert_eq!(said.ok(), "2 words of 2 dimensions: twice\n");
    let said = dir.tfm("import word2vec twice.txt --strict --run-dir no");
    said.fails(1, &["twice.txt:3: \"a\" occurred before"]);
    assert_eq!(
        dir.tfm("import word2vec twice.txt --limit 1 --run-dir one").ok(),
        "1 word of 2 dimensions: one\n"
    );
}

#[test]
fn an_imported_run_is_not_trained_on_and_keeps_its_files() {
    let dir = Dir::new();
    dir.write("cities.txt", CITIES);
    dir.tfm("import word2vec cities.txt --run-dir run").ok();
    let advice = "imported and not trained; train from its vectors with --init-from run";
    dir.tfm("train word2vec --resume run").fails(1, &[advice]);
    dir.tfm("runs rerun run").fails(1, &["imported and not trained; it cannot be repeated"]);
    let run = Run::of(&dir, "run");
    let before = run.text("config.toml");
    for file in ["config.toml", "checkpoints/step-00000000.safetensors"] {
        let said = dir.tfm(&format!("export word2vec --run run --out run/{file} --force"));
        said.fails(1, &["is a file of a run; give another name"]);
    }
    assert_eq!(run.text("config.toml"), before);
    // No vector was read for the word that stands for unknown ones.
    dir.tfm("query word2vec --run run nearby UNK").fails(1, &["no vector for \"UNK\""]);
    dir.tfm("query word2vec --run run nearby Paris").ok();
}

#[test]
fn a_map_says_which_words_it_cannot_draw() {
    let dir = Dir::new();
    let words = ["привет", "世界", "naïve", "plain", "中文", "a", "b", "c", "d", "e"];
    let row = |(i, word): (usize, &&str)| format!("{word} {} {} {}\n", i % 3, i % 4, i % 5 + 1);
    dir.write("v.txt", words.iter().enumerate().map(row).collect::<String>());
    dir.tfm("import word2vec v.txt --run-dir run").ok();
    let run = dir.tfm("runs show run --json").json();
    assert_eq!(run["state"], "finished", "{run}");
    let said = dir.tfm("plot word2vec --run run --words 10");
    assert!(
        said.stderr.contains("3 of 10 words have letters that run/plots/words.png cannot show")
    );
    assert!(Run::of(&dir, "run").text("plots/words.svg").contains("世界"), "{said:?}");
}
