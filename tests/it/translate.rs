//! `tfm … translate`: training on the program's own language pair, resuming, decoding.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use crate::dir::{Dir, Said, tfm};
use crate::ptb::Run;

/// A small model on few sentences.
const SMALL: &str = "train translate --config translate-demo --set data.synthetic_pairs=300 \
                     --set network.hidden_size=12 --set network.num_samples=20 \
                     --set train.batch_size=16 --set train.num_epochs=1 -q";

/// What `tfm` says of a text on its standard input.
fn given(dir: &Dir, text: &str, line: &str) -> Said {
    let file = File::open(dir.write("given.txt", text)).unwrap();
    dir.run(tfm().args(line.split_whitespace()).stdin(file))
}

/// A trained run in the folder `run`.
fn trained(dir: &Dir) {
    dir.tfm(&format!("{SMALL} --run-dir run")).ok();
}

#[test]
fn a_run_is_resumed_to_the_bit_whatever_the_threads() {
    let dir = Dir::new();
    let sets = "--set checkpoint.every_minutes=0 --set train.decay_every=2";
    let train = format!("{SMALL} {sets}");
    dir.tfm(&format!("{train} --threads 1 --run-dir whole")).ok();
    let whole = Run::of(&dir, "whole");
    dir.tfm(&format!("{train} --threads 3 --set train.max_steps=9 --run-dir run")).ok();
    dir.tfm("train translate --resume run --threads 2 --set train.max_steps=0 -q").ok();
    Run::of(&dir, "run").ends_as(&whole);
}

/// The losses of twelve steps of `train` in one tower and in others are the same.
fn towers_train_as_one_does(dir: &Dir, train: &str, several: &[u32]) {
    let losses = |towers: u32| {
        let name = format!("towers-{towers}");
        let sets = format!("--set train.towers={towers} --set train.max_steps=12");
        dir.tfm(&format!("{train} {sets} --run-dir {name}")).ok();
        Run::of(dir, &name).last("train", "loss")
    };
    let one = losses(1);
    for &towers in several {
        let loss = losses(towers);
        assert!((one - loss).abs() < 1e-5 * one.abs(), "{one} and {loss} of {towers} towers");
    }
}

#[test]
fn towers_take_equal_parts_of_a_bucket() {
    towers_train_as_one_does(&Dir::new(), SMALL, &[2]);
}

/// A batch of 30 tokens has from three pairs to ten.
#[test]
fn towers_take_parts_of_a_batch_of_tokens_that_it_does_not_divide_into() {
    let train = BIDIRECTIONAL.replace("batch_tokens=150", "batch_tokens=30");
    towers_train_as_one_does(&Dir::new(), &train, &[2, 3, 7]);
}

/// The score of the best translation of each line; none of an empty one.
fn scores(json: &str) -> Vec<Option<f64>> {
    let of = |line: &str| {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        value["translations"][0]["score"].as_f64()
    };
    json.lines().map(of).collect()
}

#[test]
fn every_line_has_its_translation_in_order() {
    let dir = Dir::new();
    trained(&dir);
    let lines = "the old sailor sees a key.\n\nwords that nobody knows\nshe sings.\n";
    let said = given(&dir, lines, "decode translate --run run");
    assert_eq!(said.code, 0, "{said:?}");
    let translations: Vec<&str> = said.stdout.split('\n').collect();
    assert_eq!((translations.len(), translations[1], translations[4]), (5, "", ""), "{said:?}");

    let json = given(&dir, lines, "decode translate --run run --json --beam 3");
    let greedy = given(&dir, lines, "decode translate --run run --json");
    let (beam, greedy) = (scores(&json.stdout), scores(&greedy.stdout));
    assert_eq!((beam.len(), beam[1]), (4, None), "{json:?}");
    let first: serde_json::Value =
        serde_json::from_str(json.stdout.lines().next().unwrap()).unwrap();
    let count = |tokens: &serde_json::Value| tokens.as_array().unwrap().len();
    let best = &first["translations"][0];
    assert_eq!(
        first["source_tokens"],
        serde_json::json!(["the", "old", "sailor", "sees", "a", "key", "."])
    );
    assert_eq!(count(&best["tokens"]), count(&best["alignment"]));
    let pairs = beam.iter().flatten().zip(greedy.iter().flatten());
    assert!(pairs.clone().count() == 3 && pairs.clone().all(|(beam, one)| beam >= one), "{beam:?}");

    let said = given(&dir, lines, "decode translate --run run --n-best 2");
    let numbers: Vec<&str> =
        said.stdout.lines().map(|line| line.split('\t').next().unwrap()).collect();
    assert_eq!(numbers, ["1", "1", "3", "3", "4", "4"], "{said:?}");
    let said = given(&dir, &"key ".repeat(30), "decode translate --run run");
    let cut = "line 1 has 30 words: only the last 16 are translated";
    assert!(said.code == 0 && said.stderr.contains(cut), "{said:?}");
}

#[test]
fn a_run_is_verified_plotted_and_timed() {
    let dir = Dir::new();
    let expected = "--set expect.dev_bleu.value=99 --set expect.dev_bleu.tolerance=1";
    dir.tfm(&format!("{SMALL} {expected} --run-dir run")).ok();
    let said = dir.tfm("verify translate --run run");
    assert!(said.code == 1 && said.stdout.contains("dev_bleu"), "{said:?}");
    dir.tfm("plot translate --run run --out curves").ok();
    let is_chart = |name: &String| name.starts_with("curves/") && name.ends_with(".svg");
    assert!(dir.files().iter().any(is_chart), "{:?}", dir.files());
    let bench = format!("{} --steps 1 --json", SMALL.replace("train ", "bench "));
    let json = dir.tfm(&bench).json();
    assert_eq!(json["second_item"], "target positions", "{json}");
    assert!(json["second_items_per_second"].as_f64() > Some(0.0), "{json}");
}

#[test]
fn the_evaluation_gives_perplexity_by_bucket_bleu_and_the_worst() {
    let dir = Dir::new();
    trained(&dir);
    let log = fs::read_to_string(dir.path().join("run/log.txt")).unwrap();
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("eval: bucket ")).collect();
    assert_eq!(lines.len(), 3, "{log}");
    assert!(lines[0].ends_with("(of 16 pairs)") && lines[2].contains("bucket 2 perplexity "));
    assert!(Run::of(&dir, "run").last("dev", "batch_perplexity") > 1.0);
    // As the reference prints them, after each window of its learning rate.
    dir.tfm(&format!("{SMALL} --set train.decay_every=5 --run-dir windows")).ok();
    let log = fs::read_to_string(dir.path().join("windows/log.txt")).unwrap();
    let lines: Vec<&str> =
        log.lines().skip_while(|line| !line.contains("global step 5 ")).collect();
    let is_of = |line: &str, bucket| line.contains(&format!(" eval: bucket {bucket} perplexity "));
    assert!((0..3).all(|bucket| is_of(lines[bucket + 1], bucket)), "{log}");
    assert!(Run::of(&dir, "windows").last("valid", "batch_perplexity") > 1.0);
    let json = dir.tfm("eval translate --run run --json").json();
    let metrics = &json["metrics"];
    assert!(metrics["perplexity"].as_f64().unwrap() > 1.0, "{json}");
    assert!((0.0..=100.0).contains(&metrics["bleu"].as_f64().unwrap()), "{json}");
    assert_eq!(metrics["buckets"].as_array().unwrap().len(), 3, "{json}");
    let signature = "nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:2.4.3";
    assert_eq!((&metrics["signature"], &metrics["text"]), (&signature.into(), &"dev".into()));
    let worst = metrics["worst"].as_array().unwrap();
    assert!(worst.len() == 3 && worst[0]["bleu"].as_f64() <= worst[2]["bleu"].as_f64(), "{json}");

    let line = "eval translate --run run --split test --worst 1 --beam 2 --length-penalty 0";
    let text = dir.tfm(line).ok();
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("test: perplexity "), "{text}");
    assert!(text.contains(&format!("  BLEU|{signature} = ")), "{text}");
    let end = lines.len() - 4;
    assert!(lines[end - 1] == "Worst translations:" && lines[end].starts_with("  pair "), "{text}");
    assert!(lines[end + 3].starts_with("    translation  "), "{text}");
    assert!(!dir.tfm("eval translate --run run --worst 0").ok().contains("Worst"));

    dir.write("a.txt", "the old sailor sees a key.\n");
    dir.write("b.txt", "one.\ntwo.\n");
    let said = dir.tfm("eval translate --run run --source a.txt --target b.txt");
    assert!(said.code == 1 && said.stderr.contains("b.txt"), "{said:?}");
    let line = "eval translate --run run --source a.txt --target b.txt --split test";
    dir.tfm(line).fails(2, &["--split"]);
    dir.tfm("eval translate --run run --length-penalty nan").fails(2, &["such as 0.6"]);
}

#[test]
fn a_development_text_that_is_trained_on_is_warned_about() {
    let dir = Dir::new();
    dir.tfm("data make translation --pairs 300").ok();
    let text = |side: &str| {
        let read = |split: &str| {
            fs::read_to_string(dir.path().join(format!("data/translation/{split}.{side}"))).unwrap()
        };
        let lines = |text: String, count: usize| -> String {
            text.lines().take(count).map(|line| format!("{line}\n")).collect()
        };
        dir.write(&format!("both.{side}"), lines(read("train"), 1) + &lines(read("dev"), 199));
    };
    ["src", "tgt"].into_iter().for_each(text);
    let train = format!(
        "{SMALL} --set data.source=files --set data.train=[\"train.src\",\"train.tgt\"] \
         --set train.max_steps=2"
    );
    let line = format!("{train} --set data.dev=[\"both.src\",\"both.tgt\"] --run-dir run");
    let said = dir.tfm(&line);
    let warning = "1 of 200 development pairs (0.5 %) is in the training text too";
    assert!(said.code == 0 && said.stderr.contains(warning), "{said:?}");
    let from =
        dir.tfm(&format!("{line} --init-from run").replace("--run-dir run", "--run-dir next"));
    assert!(from.code == 0 && from.stderr.contains(warning), "{from:?}");
    let differs = "the development text differs from the run's";
    assert!(!dir.tfm("eval translate --run run").stderr.contains(differs));
    let of = fs::read_to_string(dir.path().join("both.tgt")).unwrap();
    dir.write("both.tgt", of.replacen(' ', "  other ", 3));
    assert!(dir.tfm("eval translate --run run").stderr.contains(differs));
    dir.tfm("eval translate --run run --split test")
        .fails(1, &["data.test = [] names no text", "--source and --target"]);

    let sets =
        "--set data.dev=[\"dev.src\",\"dev.tgt\"] --set data.test=[\"test.src\",\"test.tgt\"]";
    let said = dir.tfm(&format!("{train} {sets} --run-dir clean"));
    assert!(said.code == 0 && !said.stderr.contains("training text too"), "{said:?}");
    let of = |rest: &str| {
        let json = dir.tfm(&format!("eval translate --run clean --json {rest}")).json();
        json["metrics"]["perplexity"].as_f64().unwrap()
    };
    let files = "--source data/translation/test.src --target data/translation/test.tgt";
    assert_eq!(of("--split test"), of(files));
    assert!(of("--split test") != of(""));
}

#[test]
fn an_evaluation_says_what_it_leaves_out_and_keeps_the_numbers_of_lines() {
    let dir = Dir::new();
    dir.tfm(&format!("{SMALL} --set data.invalid=drop --run-dir run")).ok();
    dir.write("a.txt", "the old sailor sees a key.\n\nshe sings.\n");
    dir.write("b.txt", "one.\ntwo.\nthree.\n");
    let eval = "eval translate --run run --json --source a.txt --target";
    let said = dir.tfm(&format!("{eval} b.txt"));
    assert!(said.stderr.contains("1 of 3 pairs is left out: 1 with an empty side"), "{said:?}");
    let json = said.json();
    let worst = json["metrics"]["worst"].as_array().unwrap();
    let mut pairs: Vec<_> = worst.iter().map(|one| one["pair"].as_u64().unwrap()).collect();
    pairs.sort_unstable();
    assert_eq!(pairs, [1, 3]);
    dir.write("c.txt", "one.\n");
    let differ = "the files differ in length: 2 lines have no partner in a.txt and c.txt";
    dir.tfm(&format!("{eval} c.txt")).fails(1, &[differ]);
}

#[test]
fn pairs_are_scored_as_eval_scores_them() {
    let dir = Dir::new();
    trained(&dir);
    dir.tfm("data make translation --pairs 1").ok();
    let files = "--source data/translation/test.src --target data/translation/test.tgt";
    let metrics = &dir.tfm(&format!("eval translate --run run --json {files}")).json()["metrics"];
    let of = |name: &str| metrics[name].as_f64().unwrap();
    let said = dir.tfm(&format!("score translate --run run {files}"));
    let numbers = |line: &str| -> Vec<f64> {
        line.split('\t').map(|number| number.parse().unwrap()).collect()
    };
    let scores: Vec<Vec<f64>> = said.stdout.lines().map(numbers).collect();
    assert_eq!(scores.len(), 200, "{said:?}");
    let sum: f64 = scores.iter().map(|score| score[0]).sum();
    let want = -of("words") * of("perplexity").ln();
    assert!((sum - want).abs() < 1e-5 * want.abs() + 0.01, "{sum} and {want}");
    let all =
        format!("perplexity {:.3} over {} words of 200 pairs\n", of("perplexity"), of("words"));
    assert!(said.stderr.ends_with(&all), "{all:?} {said:?}");

    let long = "key ".repeat(30);
    dir.write("a.txt", format!("she sings.\n{long}\n\nshe sings.\n\n"));
    dir.write("b.txt", "one.\ntwo.\nthree.\none.\nfour\n");
    let files = "--source a.txt --target b.txt";
    let said = dir.tfm(&format!("score translate --run run {files}"));
    let lines: Vec<&str> = said.stdout.lines().collect();
    assert_eq!((lines.len(), lines[1], lines[2], lines[4]), (5, "-\t-", "-\t-", "-\t-"));
    assert_eq!(lines[0], lines[3]);
    for part in [
        "line 2 has no score: it has 30 and 2 words, but the largest bucket takes 16 and 22",
        "line 3 has no score: a side is empty",
        "line 5 has no score",
        "read as _UNK",
        " words of 2 pairs; 3 without a score\n",
    ] {
        assert!(said.stderr.contains(part), "{part:?} is not in {said:?}");
    }
    let json = dir.tfm(&format!("score translate --run run --json -q {files}"));
    let json: Vec<serde_json::Value> =
        json.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(json[1]["log_probability"].is_null() && json[1]["line"] == 2, "{json:?}");
    let score = numbers(lines[0]);
    assert!((json[0]["log_probability"].as_f64().unwrap() - score[0]).abs() < 1e-4, "{json:?}");
    assert_eq!((&json[0]["words"], &json[4]["perplexity"]), (&3.into(), &().into()));
    dir.write("b.txt", "one.\n");
    dir.tfm(&format!("score translate --run run {files}")).fails(1, &["a.txt", "partner"]);

    dir.write("empty.txt", "\n\n\n");
    let said = dir.tfm("score translate --run run --source empty.txt --target empty.txt");
    assert_eq!((said.code, &said.stdout[..]), (0, "-\t-\n-\t-\n-\t-\n"), "{said:?}");
    dir.write("long.txt", "the old sailor sees a key.\n".repeat(3));
    dir.write("short.txt", "one.\ntwo.\n");
    let said = dir.tfm("score translate --run run --source long.txt --target short.txt");
    assert_eq!((said.code, said.stdout.lines().count()), (1, 2), "{said:?}");
}

#[test]
fn attention_is_drawn_line_by_line_and_nothing_is_replaced_unasked() {
    let dir = Dir::new();
    trained(&dir);
    let lines = "she sings.\n\nл'été 夏.\n";
    let decode = "decode translate --run run --attention pictures";
    let said = given(&dir, lines, decode);
    assert!(said.code == 0 && said.stderr.ends_with("2 pictures of attention in pictures\n"));
    let mut names: Vec<_> = fs::read_dir(dir.path().join("pictures"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["line-1.svg", "line-3.svg"]);
    let svg = |line: u32| {
        fs::read_to_string(dir.path().join(format!("pictures/line-{line}.svg"))).unwrap()
    };
    let first = svg(1);
    let words = said.stdout.lines().next().unwrap().split_whitespace();
    for word in words.chain(["she", "sings", "_EOS", "line 1"]) {
        assert!(first.contains(word), "{word} is not in {first}");
    }
    assert!(svg(3).contains("été") && svg(3).contains("夏"), "{}", svg(3));

    let again = given(&dir, "key.\n", decode);
    again.fails(1, &["pictures/line-1.svg already exists", "--force"]);
    assert!(again.stdout.is_empty() && svg(1) == first);
    assert_eq!(given(&dir, "key.\n", &format!("{decode} --force")).code, 0);
    assert!(svg(1).contains("key") && svg(1) != first);
    given(&dir, "", "decode translate --run run --force").fails(2, &["--attention"]);
}

#[test]
fn a_pipe_has_its_translations_as_its_lines_come() {
    let dir = Dir::new();
    trained(&dir);
    let mut command = tfm();
    command.args("decode translate --run run --json".split(' ')).current_dir(dir.path());
    let mut decode = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = decode.stdin.take().unwrap();
    let mut output = BufReader::new(decode.stdout.take().unwrap()).lines();
    for text in ["she sings.\n", "the old sailor sees a key.\n\n", "key.\n"] {
        input.write_all(text.as_bytes()).unwrap();
        for line in text.lines() {
            let said = output.next().unwrap().unwrap();
            let json: serde_json::Value = serde_json::from_str(&said).unwrap();
            assert_eq!(json["source"], line);
        }
    }
    drop(input);
    assert!(output.next().is_none() && decode.wait().unwrap().success());

    let mut text = b"she sings.\n".to_vec();
    text.extend(b"\xff\n");
    let file = File::open(dir.write("damaged.txt", text)).unwrap();
    let said = dir.run(tfm().args("decode translate --run run".split(' ')).stdin(file));
    said.fails(1, &["standard input:2: the text is not UTF-8, byte 11"]);
    assert_eq!(said.stdout.lines().count(), 1, "{said:?}");
    dir.tfm("decode translate gone.txt --run run").fails(1, &["gone.txt"]);
}

/// At a terminal, if this system has `script`.
#[test]
fn a_terminal_has_a_prompt_that_keeps_its_lines() {
    let dir = Dir::new();
    trained(&dir);
    let line = format!("exec {} decode translate --run run --json", env!("CARGO_BIN_EXE_tfm"));
    let mut command = Command::new("script");
    command.args(["-qec", &line, "typescript"]).current_dir(dir.path());
    command.env("TERM", "xterm").env("XDG_STATE_HOME", dir.path().join("state"));
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let Ok(mut script) = command.spawn() else { return };
    let (mut keys, screen) = (script.stdin.take().unwrap(), script.stdout.take().unwrap());
    let (sender, shown) = channel();
    thread::spawn(move || {
        BufReader::new(screen).bytes().try_for_each(|byte| sender.send(byte.unwrap()))
    });
    let wait_for = |text: &str| {
        let mut seen = Vec::new();
        while !String::from_utf8_lossy(&seen).contains(text) {
            let byte = shown.recv_timeout(Duration::from_secs(60));
            seen.push(byte.unwrap_or_else(|error| panic!("{text:?}: {error}")));
        }
    };
    // Keys that come before the prompt does would be the terminal's own to edit.
    wait_for("> ");
    keys.write_all(b"  \r").unwrap();
    wait_for("> ");
    keys.write_all(b"she singz\x7fs.\r").unwrap();
    wait_for("{\"line\":1,\"source\":\"she sings.\",\"source_tokens\":[");
    wait_for("> ");
    // The arrow upwards brings the line back.
    keys.write_all(b"\x1b[A\r").unwrap();
    wait_for("{\"line\":2,\"source\":\"she sings.\"");
    wait_for("> ");
    keys.write_all(b"\x04").unwrap();
    assert!(script.wait().unwrap().success());
    let kept = fs::read_to_string(dir.path().join("state/tfm/translate-history")).unwrap();
    assert!(kept.contains("she sings."), "{kept:?}");
}

#[test]
fn a_network_of_lstm_is_trained_and_translates() {
    let dir = Dir::new();
    let sets = "--set network.cell=lstm --set network.num_layers=2 --set train.max_steps=4";
    dir.tfm(&format!("{SMALL} {sets} --run-dir run")).ok();
    let line = "the old sailor sees a key.\n";
    for beam in [1, 3] {
        let said = given(&dir, line, &format!("decode translate --run run --beam {beam}"));
        assert_eq!((said.code, said.stdout.lines().count()), (0, 1), "{said:?}");
    }
    let said = dir.tfm("train translate --config translate-demo --set network.cell=rnn");
    assert!(said.code == 1 && said.stderr.contains("network.cell"), "{said:?}");
}

#[test]
fn the_self_test_of_the_reference_ends_after_five_steps() {
    let dir = Dir::new();
    dir.tfm("train translate --config translate-test --run-dir run -q").ok();
    assert!(Run::of(&dir, "run").last("train", "loss") > 0.0);
    dir.tfm("eval translate --run run").ok();
}

#[test]
fn no_run_is_an_error_and_never_random_weights() {
    let dir = Dir::new();
    dir.write("empty/x", "");
    let said = given(&dir, "a\n", "decode translate --run empty");
    assert!(
        said.code == 1 && said.stdout.is_empty() && said.stderr.contains("run.json"),
        "{said:?}"
    );
    trained(&dir);
    fs::remove_dir_all(dir.path().join("run/checkpoints")).unwrap();
    let said = given(&dir, "a\n", "decode translate --run run");
    assert!(said.code == 1 && said.stdout.is_empty(), "{said:?}");
}

/// The bidirectional network, small, on few sentences.
const BIDIRECTIONAL: &str = "train translate --config translate-multi30k \
    --set data.source=synthetic --set data.synthetic_pairs=300 --set data.source_vocab=400 \
    --set network.hidden_size=12 --set network.embedding_size=10 --set train.batch_tokens=150 \
    --set train.num_epochs=2 --set train.warmup_steps=5 --set train.schedule=cosine \
    --set train.word_dropout=0.1 -q";

#[test]
fn the_bidirectional_network_resumes_to_the_bit_and_translates_any_length() {
    let dir = Dir::new();
    let train = format!("{BIDIRECTIONAL} --set checkpoint.every_minutes=0");
    dir.tfm(&format!("{train} --threads 1 --run-dir whole")).ok();
    let whole = Run::of(&dir, "whole");
    dir.tfm(&format!("{train} --threads 3 --set train.max_steps=9 --run-dir run")).ok();
    dir.tfm("train translate --resume run --threads 2 --set train.max_steps=0 -q").ok();
    Run::of(&dir, "run").ends_as(&whole);

    let long = "the old sailor sees a key and ".repeat(60);
    let lines = format!("she sings.\n \n{long}\n");
    for beam in ["", "--beam 2"] {
        let said = given(&dir, &lines, &format!("decode translate --run run {beam}"));
        assert_eq!((said.code, said.stderr.as_str(), said.stdout.lines().count()), (0, "", 3));
        assert_eq!(said.stdout.lines().nth(1), Some(""), "a line of spaces is empty");
        // Byte pairs know every word: nothing is replaced.
        let replaced =
            given(&dir, &lines, &format!("decode translate --run run {beam} --replace-unk"));
        assert_eq!(replaced.stdout, said.stdout);
        let alone = given(&dir, "she sings.\n", &format!("decode translate --run run {beam}"));
        assert_eq!(alone.stdout.lines().next(), said.stdout.lines().next());
    }
    let of = |rest: &str| {
        scores(&given(&dir, &lines, &format!("decode translate --run run --json {rest}")).stdout)
    };
    let (beam, greedy) = (of("--beam 4"), of(""));
    assert!(beam.iter().zip(&greedy).all(|(beam, one)| beam >= one), "{beam:?} {greedy:?}");
    let json = dir.tfm("eval translate --run run --json").json();
    let (perplexity, words) = (&json["metrics"]["perplexity"], &json["metrics"]["words"]);
    let last = Run::of(&dir, "run").last("dev", "perplexity");
    assert_eq!(perplexity.as_f64(), Some(last), "the averages are what is evaluated: {json}");
    assert!(words.as_u64() > Some(500), "{json}");
    dir.write("a.txt", lines.replace("\n \n", "\n"));
    dir.write("b.txt", lines.replace("\n \n", "\n"));
    let scores = dir.tfm("score translate --run run --source a.txt --target b.txt").ok();
    assert!(scores.lines().count() == 2 && !scores.contains("-\t-"), "{scores}");
}

#[test]
fn a_run_that_has_ended_early_goes_on_with_more_patience() {
    let dir = Dir::new();
    // BLEU stays as it is.
    let train = BIDIRECTIONAL.replace("schedule=cosine", "schedule=inverse-sqrt");
    let train = format!("{train} --set train.learning_rate=0 --set train.patience=1");
    dir.tfm(&format!("{train} --run-dir run")).ok();
    let run = Run::of(&dir, "run");
    let epochs = || run.records().iter().filter(|record| record["phase"] == "dev").count();
    let resume = |sets: &str| {
        let said = dir.tfm(&format!("train translate --resume run {sets}"));
        assert_eq!(said.code, 0, "{said:?}");
        said.stderr
    };
    // The epochs ended at the same time.
    assert!(!run.text("log.txt").contains("Early stopping"));
    let said = resume("--set train.num_epochs=5");
    assert!(said.contains("Early stopping: no dev BLEU above") && epochs() == 2, "{said}");
    let said = resume("--set train.patience=2");
    assert!(said.contains(" in 2 epochs; --checkpoint best") && epochs() == 3, "{said}");
    let status: serde_json::Value = serde_json::from_str(&run.text("status.json")).unwrap();
    assert_eq!(status["step"], status["total_steps"], "it is finished: {status}");
    let said = resume("--set train.patience=0");
    assert!(!said.contains("Early stopping") && epochs() == 5, "{said}");
}

#[test]
fn a_cosine_keeps_its_epochs() {
    let dir = Dir::new();
    dir.tfm(&format!("{BIDIRECTIONAL} --set train.max_steps=3 --run-dir run")).ok();
    dir.tfm("train translate --resume run --epochs 5")
        .fails(1, &["train.num_epochs = 5", "it stays 2 when the run is resumed", "--init-from"]);
    dir.tfm("train translate --resume run --set train.max_steps=0 -q").ok();
    let records = Run::of(&dir, "run").records();
    let rate = |record: &serde_json::Value| record["metrics"]["learning_rate"].as_f64();
    let rates: Vec<f64> = records.iter().filter_map(rate).collect();
    let (first, last) = (rates[0], rates[rates.len() - 1]);
    assert!(first > last && last < 1e-4, "{rates:?}");
    let said = dir.tfm("train translate --resume run");
    assert!(said.stderr.contains("its length is fixed"), "{said:?}");
    let long = BIDIRECTIONAL.replace("warmup_steps=5", "warmup_steps=5000 --set train.max_steps=1");
    let said = dir.tfm(&format!("{} --run-dir long", long.replace(" -q", "")));
    assert!(said.stderr.contains("train.warmup_steps = 5000 takes all"), "{said:?}");
}

#[test]
fn a_tokenizer_of_a_file_is_used_and_that_of_another_run_is_refused() {
    let dir = Dir::new();
    let train = BIDIRECTIONAL.replace("train.num_epochs=2", "train.max_steps=2");
    dir.tfm(&format!("{train} --run-dir first")).ok();
    let other = train.replace("data.source_vocab=400", "data.source_vocab=300");
    let said = dir.tfm(&format!("{other} --run-dir other"));
    assert!(said.stderr.contains("data.train, data.dev and data.test are not read"), "{said:?}");
    let file = "--set data.tokenizer_file=first/tokenizer.json";
    dir.tfm(&format!("{other} {file} --run-dir second")).ok();
    let read = |run: &str| fs::read(dir.path().join(run).join("tokenizer.json")).unwrap();
    assert!(read("first") == read("second") && read("first") != read("other"));
    dir.tfm(&format!("{other} --set data.tokenizer_file=none.json"))
        .fails(1, &["data.tokenizer_file", "none.json"]);
    dir.write("second/tokenizer.json", read("other"));
    let said = given(&dir, "she sings.\n", "decode translate --run second");
    said.fails(1, &["second is not that of the run", "put the run's own file back"]);
}

#[test]
fn what_one_kind_of_network_lacks_is_refused_by_its_key() {
    let dir = Dir::new();
    for (sets, expect) in [
        ("--set data.batching=buckets", "data.batching"),
        ("--set network.kind=reference", "data.batching"),
        ("--set data.tokenizer=basic", "network.tie_embeddings"),
        ("--set network.cell=lstm", "network.cell"),
        ("--set data.buckets=[[1,1]]", "must have from [2, 3] to [500, 500] positions each"),
        ("--set data.buckets=[[9,9],[5,12]]", "must each be larger than the one before"),
        ("--set data.train=[]", "data.train"),
        ("--set train.label_smoothing=1", "must be at least 0 and below 1"),
        ("--set network.num_layers=2", "network.num_layers"),
        ("--set data.buckets=[[9,9]]", "network.kind = \"bidirectional\": change that"),
        ("--set data.target_vocab=99", "no effect with data.tokenizer = \"bpe\""),
        ("--set train.lr_decay=0.5", "no effect with train.schedule"),
    ] {
        dir.tfm(&format!("{BIDIRECTIONAL} {sets}")).fails(1, &[expect]);
    }
    dir.tfm("config show translate --set train.schedule=linear").fails(1, &["inverse-sqrt"]);
    let said = dir.tfm("config show translate --set network.embedding_size=9");
    said.fails(1, &["network.embedding_size", "network.kind = \"reference\": change that"]);
}
