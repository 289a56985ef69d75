//! What a trained language model is used for: eval, score, generate, verify, plot, and the
//! start of another run.

use std::fs::{self, File};

use serde_json::Value;

use crate::dir::{Dir, Said, tfm};
use crate::ptb::{Run, text, train};

/// A folder with the run `run` of two epochs.
fn trained() -> (Dir, Run) {
    let dir = Dir::new();
    dir.tfm(&train("--set train.max_max_epoch=2 --set checkpoint.keep=1 -q --run-dir run")).ok();
    let run = Run::of(&dir, "run");
    (dir, run)
}

fn metrics(dir: &Dir, line: &str) -> Value {
    dir.one_thread(&format!("{line} --json")).json()["metrics"].clone()
}

/// Scores lines with the run `run`.
fn score(dir: &Dir, lines: &[u8], options: &[&str]) -> Said {
    let input = File::open(dir.write("input.txt", lines)).unwrap();
    dir.run(
        tfm().args(["score", "ptb", "--threads", "1", "--run", "run"]).args(options).stdin(input),
    )
}

#[test]
fn eval_gives_the_figures_of_the_training() {
    let (dir, run) = trained();
    let valid = metrics(&dir, "eval ptb --run run --split valid");
    assert_eq!(valid["perplexity"].as_f64().unwrap(), run.last("valid", "perplexity"));
    // Of a little more than 2,000 words there are 10 windows of 20 · 10.
    assert_eq!((&valid["words"], &valid["split"]), (&2000.into(), &"valid".into()));
    let line = dir.one_thread("eval ptb --run run --split valid").ok();
    let printed = format!("valid perplexity {:.3} over ", run.last("valid", "perplexity"));
    assert!(line.starts_with(&printed), "{line}");
    let logged = format!(", valid perplexity {:.3}, ", run.last("valid", "perplexity"));
    assert!(run.text("log.txt").contains(&logged));

    let test = metrics(&dir, "eval ptb --run run");
    assert_eq!(test["perplexity"].as_f64().unwrap(), run.last("test", "perplexity"));
    assert_eq!(test["floor"].as_f64().unwrap(), run.last("test", "floor"));
    let exact = metrics(&dir, "eval ptb --run run --split valid --exact");
    let manifest = run.manifest()["data"].to_string();
    let tokens = exact["words"].as_u64().unwrap() + 1;
    assert!(manifest.contains(&format!("valid {tokens} ")), "{manifest} {exact}");
    assert!(exact.get("floor").is_none(), "{exact}");
}

#[test]
fn eval_takes_the_checkpoint_that_is_asked_for() {
    let (dir, run) = trained();
    assert_eq!(run.names("checkpoints"), ["best.safetensors", "step-00000038.safetensors"]);
    let of = |choice: &str| {
        let json =
            dir.one_thread(&format!("eval ptb --run run --checkpoint {choice} --json")).json();
        (json["step"].as_u64(), json["metrics"]["perplexity"].as_f64())
    };
    assert_eq!(of("38"), (Some(38), Some(run.last("test", "perplexity"))));
    assert_eq!((of("best"), of("last")), (of("38"), of("38")));
    let said = dir.one_thread("eval ptb --run run --checkpoint 19");
    said.fails(1, &["no checkpoint of step 19", "there are: 38, best (step 38)"]);
    dir.one_thread("eval ptb --run gone").fails(1, &["gone is not a run folder", "run"]);
    dir.tfm("eval ptb").fails(2, &["--run <DIR>"]);
}

#[test]
fn sentences_are_scored_as_eval_scores_them() {
    let (dir, run) = trained();
    let words = run.text("vocab.txt");
    let words: Vec<_> = words.lines().filter(|word| *word != "<eos>").take(4).collect();
    let sentence = words.join(" ");
    let said = score(&dir, format!("{sentence}\n\nzzz {sentence} yyy").as_bytes(), &[]);
    let lines: Vec<Vec<f64>> = said
        .stdout
        .lines()
        .map(|line| line.split('\t').map(|number| number.parse().unwrap()).collect())
        .collect();
    assert_eq!(lines.len(), 3, "{said:?}");
    assert!(said.stderr.contains("outside the vocabulary: 2 words, left out"), "{said:?}");
    // The grammar has no <unk>: what is left is the first sentence.
    assert_eq!(lines[0], lines[2]);
    let json = score(&dir, format!("{sentence}\n").as_bytes(), &["--json"]).json();
    let of = |name: &str| json["sentences"][0][name].as_f64().unwrap();
    assert_eq!((of("words"), of("unknown"), &json["step"]), (5.0, 0.0, &38.into()));
    assert!((of("log_probability") - lines[0][0]).abs() < 1e-4);
    assert!((of("perplexity").ln() * 5.0 + of("log_probability")).abs() < 1e-9);

    // The text of an end of sentence and the sentence has the same words to predict.
    dir.write("sentence.txt", format!("\n{sentence}\n"));
    let eval = metrics(&dir, "eval ptb --run run --text sentence.txt");
    assert_eq!(eval["words"], 5);
    let loss = eval["loss"].as_f64().unwrap();
    assert!((loss * 5.0 + of("log_probability")).abs() < 1e-4, "{eval} {json}");

    // A line of any length, in the memory of a window.
    let long = format!("{sentence} ").repeat(500);
    let json = score(&dir, format!("\u{feff}{long}").as_bytes(), &["--json"]).json();
    let of = |name: &str| json["sentences"][0][name].as_f64().unwrap();
    dir.write("long.txt", format!("\n{long}\n"));
    let eval = metrics(&dir, "eval ptb --run run --text long.txt");
    assert_eq!((eval["words"].as_f64(), of("unknown")), (Some(of("words")), 0.0));
    assert_eq!(eval["perplexity"].as_f64(), Some(of("perplexity")));

    score(&dir, b"a\n\xff\n", &[]).fails(1, &["standard input:2: the text is not UTF-8, byte 2"]);
    assert_eq!(score(&dir, b"", &[]).ok(), "");
}

#[test]
fn unknown_words_are_unk_where_the_vocabulary_has_it() {
    let dir = Dir::new();
    dir.write("text.txt", text(60));
    let line = "train ptb --threads 1 --config ptb-test --set data.train=text.txt --set data.valid=text.txt \
                --set data.test=text.txt --set train.batch_size=5 --set train.max_steps=5 -q";
    dir.tfm(&format!("{line} --run-dir run")).ok();
    let said = score(&dir, b"a0 zzz\na0 <unk>\n", &[]);
    assert!(said.stderr.contains("outside the vocabulary: 1 word, read as <unk>"), "{said:?}");
    let lines: Vec<_> = said.stdout.lines().collect();
    assert_eq!(lines[0], lines[1]);
    let said = dir.one_thread("generate ptb --run run --prompt zzz --tokens 60 --temperature 2");
    assert!(said.stderr.contains("\"zzz\" is not in the vocabulary"), "{said:?}");
    assert!(said.stdout.starts_with("zzz") && !said.stdout.contains("<unk>"), "{said:?}");
    let said = dir.one_thread("generate ptb --run run --tokens 99 --temperature 2 --allow-unk");
    assert!(said.stdout.contains("<unk>"), "{said:?}");
}

#[test]
fn text_is_generated_by_its_options() {
    let (dir, run) = trained();
    let generate = |rest: &str| {
        let json = dir.one_thread(&format!("generate ptb --run run --json {rest}")).json();
        let tokens = json["tokens"].as_array().unwrap().clone();
        (tokens, json["text"].as_str().unwrap().to_owned())
    };
    let first = generate("--seed 5 --tokens 30");
    assert_eq!(first, generate("--seed 5 --tokens 30"));
    assert_ne!(first, generate("--seed 6 --tokens 30"));
    assert_eq!(generate("--seed 5 --tokens 12").0, first.0[..12]);
    assert!(first.0.len() == 30 && generate("--tokens 0").0.is_empty());
    let greedy = generate("--temperature 0 --tokens 9");
    assert_eq!(greedy, generate("--temperature 0.7 --top-k 1 --seed 9 --tokens 9"));
    let word = run.text("vocab.txt").lines().find(|word| *word != "<eos>").unwrap().to_owned();
    let text = dir.one_thread(&format!("generate ptb --run run --tokens 3 --prompt {word}")).ok();
    assert!(text.starts_with(&word), "{text}");
    let said = dir.one_thread("generate ptb --run run --prompt zzz");
    said.fails(1, &["neither \"zzz\" nor <unk>"]);
    dir.one_thread("generate ptb --run run --temperature=-1")
        .fails(1, &["--temperature -1 must be 0"]);
}

#[test]
fn verify_compares_and_plot_draws() {
    let (dir, run) = trained();
    // The network is not the preset's, so the preset's score is none of this run's.
    let said = dir.tfm("verify ptb --run run --json");
    said.fails(2, &["has nothing in [expect]"]);
    assert!(said.json()["reached"].is_null(), "{said:?}");
    let expect = |score: &str| {
        let mut command = tfm();
        let expect = format!("expect.test_perplexity={score}");
        dir.run(command.args(["train", "ptb", "--resume", "run", "-q", "--set", &expect])).ok();
    };
    expect("{value=1,tolerance=0.5}");
    let said = dir.tfm("verify ptb --run run");
    said.fails(1, &["run does not reach 1 of 1 expected score"]);
    assert!(said.stdout.starts_with("short   test_perplexity "), "{said:?}");
    expect("{value=900,tolerance=100}");
    let said = dir.tfm("verify ptb --run run");
    assert!(said.stdout.starts_with("ok      test_perplexity ") && said.code == 0, "{said:?}");
    assert_eq!(dir.tfm("verify ptb --run run --json").json()["reached"], true);

    let files = dir.tfm("plot ptb --run run").ok();
    for name in ["perplexity.png", "perplexity.svg", "loss.png", "loss.svg"] {
        assert!(files.lines().any(|line| line.ends_with(name)), "{files}");
        let bytes = fs::read(run.path("plots").join(name)).unwrap();
        let magic: &[u8] = if name.ends_with("png") { b"\x89PNG\r\n" } else { b"<svg" };
        assert!(bytes.starts_with(magic), "{name}");
    }
}

#[test]
fn a_run_starts_from_anothers_parameters_and_vocabulary() {
    let (dir, run) = trained();
    dir.write("text.txt", format!("{}\n", run.text("vocab.txt").replace('\n', " zzz ").repeat(20)));
    let line = "train ptb --threads 1 --config ptb-demo --set data.source=files --set data.train=text.txt \
                --set data.valid=text.txt --set data.test=text.txt --init-from run";
    let same = "--set network.hidden_size=16";
    let said = dir.tfm(&format!("{line} {same} --set train.max_steps=1 --run-dir next"));
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.stderr.contains(" %) are outside the vocabulary and are dropped"), "{said:?}");
    let next = Run::of(&dir, "next");
    assert_eq!(next.text("vocab.txt"), run.text("vocab.txt"));
    // A figure on a text that the run never saw is not passed off as one of the run.
    dir.write("text.txt", run.text("vocab.txt").repeat(2));
    let said = dir.one_thread("eval ptb --run next");
    assert!(said.code == 0 && said.stderr.contains("the text differs from the run's"), "{said:?}");
    // Where the learning rate is 0 the parameters stay those of the other run.
    let line = train("--init-from run --run-dir still --set train.learning_rate=0");
    dir.tfm(&format!("{line} --set train.max_max_epoch=1 -q")).ok();
    let still = Run::of(&dir, "still");
    assert_eq!(still.last("test", "perplexity"), run.last("test", "perplexity"));
    assert_eq!(still.last("valid", "perplexity"), run.last("valid", "perplexity"));

    let line =
        "train ptb --threads 1 --config ptb-demo --set data.grammar_words=4000 --run-dir other";
    let said = dir.tfm(&format!("{line} --init-from run --set network.hidden_size=17"));
    said.fails(1, &["does not fit this ptb", "embedding F32 [", ", 17] expected, F32 [", ", 16]"]);
    assert!(!run.path("../other").exists());
    dir.tfm(&train("--init-from gone")).fails(1, &["gone is not a run folder"]);
}
