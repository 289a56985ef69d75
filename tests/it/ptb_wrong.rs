//! Rubbish handed to a language model, and what it says to it.

use std::fs;

use crate::dir::{Dir, Said, tfm};
use crate::ptb::{Run, text, train};

/// A folder with texts, and the start of a command that trains on them.
fn texts() -> (Dir, &'static str) {
    let dir = Dir::new();
    dir.write("good.txt", text(60));
    let line = "train ptb --threads 1 --config ptb-test --run-dir run --set train.batch_size=5 -q";
    (dir, line)
}

/// Trains on three texts.
fn train_on(train: &str, valid: &str, test: &str) -> Said {
    let (dir, line) = texts();
    dir.write("empty.txt", "");
    dir.write("binary.txt", b"good\n\x00\xff\xfe\n");
    dir.write("short.txt", "a0 b0 c0");
    dir.write("blank.txt", "\n".repeat(200));
    dir.write("word.txt", "a ".repeat(200));
    fs::create_dir(dir.path().join("folder")).unwrap();
    let sets = format!("--set data.train={train} --set data.valid={valid} --set data.test={test}");
    let said = dir.tfm(&format!("{line} {sets}"));
    assert_eq!(dir.path().join("run").exists(), said.code == 0, "{said:?}");
    said
}

#[test]
fn a_run_that_is_none_is_told_where_its_model_is_not_given() {
    let dir = Dir::new();
    dir.tfm("train --resume nothere").fails(2, &["nothere is not a run folder: it does not exist"]);
    dir.write("half/run.json", "{}");
    dir.tfm("eval --run half").fails(2, &["half is not a run folder: it has no config.toml"]);
    dir.tfm("train --rusume nothere").fails(2, &["unexpected argument '--rusume'"]);
}

#[test]
fn texts_that_cannot_be_read_are_named_with_the_rule() {
    let (good, fails) = ("good.txt", |said: Said, parts: &[&str]| said.fails(1, parts));
    fails(train_on("empty.txt", good, good), &["empty.txt: the training text has no word"]);
    fails(train_on("binary.txt", good, good), &["binary.txt:2: the text is not UTF-8"]);
    fails(train_on(good, "binary.txt", good), &["binary.txt:2: the text is not UTF-8"]);
    fails(train_on("./folder", good, good), &["folder is a folder, not a file"]);
    let short = ["epoch_size == 0", "decrease batch_size or num_steps"];
    fails(train_on("short.txt", good, good), &[short, ["training text", "3 words"]].concat());
    fails(train_on(good, "empty.txt", good), &[short, ["validation text", "0 words"]].concat());
    fails(train_on(good, good, "empty.txt"), &["test text: ", "no word to predict"]);
    fails(train_on("gone/a.txt", good, good), &["gone/a.txt is missing (data.train, "]);
    let missing = ["data/ptb/gone.txt is missing", "a bare name is looked up in data/ptb"];
    fails(train_on(good, "gone.txt", good), &missing);
    // Odd, and yet texts.
    train_on("blank.txt", "blank.txt", "blank.txt").ok();
    train_on("word.txt", "word.txt", "word.txt").ok();
}

#[test]
fn missing_data_says_what_to_download_and_where_to_put_it() {
    let dir = Dir::new();
    let said = dir.one_thread("train ptb --data-dir sets");
    said.fails(1, &["sets/ptb/ptb.train.txt is missing", "tfm data fetch ptb", "--data-dir sets"]);
    said.fails(1, &["simple-examples.tgz", "sets/ptb/ptb.valid.txt", "sets/ptb/ptb.test.txt"]);
    assert!(dir.files().is_empty());
}

#[test]
fn settings_are_refused_before_anything_is_written() {
    let dir = Dir::new();
    for (rest, parts) in [
        ("--set network.dtype=f16", ["--set network.dtype", "unknown key"]),
        ("--device cuda:0", ["--device cuda:0", "use --device cpu"]),
        ("--set train.lr=1", ["train.lr", "did you mean"]),
        ("--set train.batch_size=0", ["train.batch_size = 0", "1"]),
        ("--set train.max_max_epoch=-1", ["train.max_max_epoch", "-1"]),
        ("--set train.max_max_epoch=1000001", ["train.max_max_epoch", "1000000"]),
        ("--set data.grammar_words=9000000000000", ["data.grammar_words", "1000000000"]),
    ] {
        dir.one_thread(&format!("train ptb --config ptb-demo {rest}")).fails(1, &parts);
    }
    dir.write("other.toml", "model = \"word2vec\"\n");
    dir.one_thread("train ptb --config other.toml")
        .fails(1, &["model \"word2vec\"", "other.toml:1"]);
    dir.one_thread("train ptb --config ptb-demo --seed x").fails(2, &["--seed"]);
    dir.one_thread("train ptb --config ptb-dmeo").fails(1, &["ptb-dmeo", "ptb-demo"]);
    assert_eq!(dir.files(), ["other.toml"]);

    let said = dir.tfm(&train("--run-dir other.toml/run"));
    said.fails(1, &["cannot create the folder other.toml/run"]);
    dir.tfm(&train("--run-dir other.toml")).fails(1, &["cannot create the folder other.toml"]);
    // The longest run that can be asked for is one.
    let longest = "--set train.max_max_epoch=1000000 --set train.max_steps=1 -q";
    dir.tfm(&train(&format!("{longest} --run-dir run"))).ok();
}

#[test]
fn a_run_whose_files_are_damaged_is_refused() {
    let dir = Dir::new();
    dir.tfm(&train("--set train.max_steps=2 --run-dir run -q")).ok();
    let run = Run::of(&dir, "run");
    let vocabulary = run.text("vocab.txt");
    let (first, rest) = vocabulary.split_once('\n').unwrap();
    for (content, part) in [
        (rest.to_owned(), "vocab.txt is not the vocabulary that the run began with"),
        (format!("{rest}{first}\n"), "vocab.txt is not the vocabulary that the run began with"),
        (format!("{first}\n{vocabulary}"), "twice"),
    ] {
        fs::write(run.path("vocab.txt"), content).unwrap();
        for line in ["eval ptb --run run", "train ptb --resume run", "generate ptb --run run"] {
            dir.one_thread(line).fails(1, &["vocab.txt", part]);
        }
    }
    fs::write(run.path("vocab.txt"), b"\xff").unwrap();
    dir.one_thread("eval ptb --run run").fails(1, &["cannot read the vocabulary", "vocab.txt"]);
    fs::write(run.path("vocab.txt"), &vocabulary).unwrap();

    // The checkpoint of another architecture and that of no model.
    dir.tfm(&train("--set train.max_steps=2 --set network.num_layers=1 --run-dir one -q")).ok();
    let path = run.path("checkpoints/step-00000002.safetensors");
    fs::copy(Run::of(&dir, "one").path("checkpoints/step-00000002.safetensors"), &path).unwrap();
    let said = dir.one_thread("eval ptb --run run");
    said.fails(1, &["does not fit this ptb", "missing: lstm_1/"]);
    dir.one_thread("train ptb --resume run").fails(1, &["cannot resume from", "missing: lstm_1/"]);
    fs::remove_dir_all(run.path("checkpoints")).unwrap();
    dir.one_thread("eval ptb --run run").fails(1, &["no checkpoint in", "before its first"]);

    let config = run.text("config.toml");
    fs::write(run.path("config.toml"), config.replace("\"ptb\"", "\"word2vec\"")).unwrap();
    dir.one_thread("eval ptb --run run").fails(1, &["model \"word2vec\"", "config.toml:1"]);
    fs::write(run.path("config.toml"), config).unwrap();
    let manifest = run.text("run.json");
    let other = manifest.replace("\"ptb\"", "\"word2vec\"");
    fs::write(run.path("run.json"), &other).unwrap();
    dir.one_thread("train ptb --resume run")
        .fails(1, &["run.json has changed", "delete the line \"crc32c\""]);
    let meant: String = other.lines().filter(|line| !line.contains("\"crc32c\":")).collect();
    fs::write(run.path("run.json"), meant).unwrap();
    dir.one_thread("train ptb --resume run").fails(1, &["run is a run of word2vec, not of ptb"]);
    dir.tfm(&train("--init-from run")).fails(1, &["run is a run of word2vec, not of ptb"]);
    fs::write(run.path("run.json"), &manifest[..40]).unwrap();
    dir.one_thread("eval ptb --run run").fails(1, &["run.json is not the manifest of a run"]);
}

#[test]
fn values_that_are_not_finite_stop_the_run() {
    let dir = Dir::new();
    // The rate explodes after a good epoch.
    let line = "--set train.max_epoch=1 --set train.lr_decay=1e30 --set train.max_grad_norm=1e30 \
                --set train.max_max_epoch=3 --run-dir run";
    let said = dir.tfm(&train(line));
    said.fails(1, &["error: step ", "the checkpoint of step 19 is kept", "--init-from run"]);
    assert!(["loss", "gradient", "parameter"].iter().any(|part| said.stderr.contains(part)));
    assert!(said.stderr.contains("is not finite"), "{said:?}");
    let run = Run::of(&dir, "run");
    assert_eq!(run.newest().0, "step-00000019.safetensors");
    let json = dir.one_thread("eval ptb --run run --split valid --json").json();
    assert_eq!(json["metrics"]["perplexity"].as_f64().unwrap(), run.last("valid", "perplexity"));
    dir.one_thread("train ptb --resume run").fails(1, &["the checkpoint of step 19 is kept"]);
    dir.tfm(&train("--init-from run --set train.max_steps=1 -q")).ok();

    let line = "--set train.learning_rate=1e300 --set checkpoint.every_steps=1 --run-dir inf";
    let said = dir.tfm(&train(line));
    said.fails(1, &["step 1: the parameter", "not finite; the checkpoint of step 0 is kept"]);
    assert_eq!(Run::of(&dir, "inf").names("checkpoints"), ["step-00000000.safetensors"]);
}

#[cfg(unix)]
#[test]
fn a_checkpoint_that_cannot_be_written_leaves_the_older_ones() {
    let dir = Dir::new();
    dir.tfm(&train("--set train.max_max_epoch=1 --run-dir run -q")).ok();
    let run = Run::of(&dir, "run");
    let before = run.names("checkpoints");
    let bytes = run.newest();
    // No file of more than 32 KiB, as if the disk were full.
    let mut command = std::process::Command::new("sh");
    let script = "trap '' XFSZ; ulimit -f 64; exec \"$@\"";
    command.args(["-c", script, "sh", env!("CARGO_BIN_EXE_tfm")]);
    let line = "train ptb --threads 1 --resume run --set train.max_max_epoch=2";
    let said = dir.run(command.args(line.split(' ')));
    // A run that becomes longer is saved at once, without the records of its end.
    said.fails(1, &["cannot write the checkpoint", "step-00000019.safetensors", "File too large"]);
    assert_eq!((run.names("checkpoints"), run.newest()), (before, bytes));
    let state = dir.tfm("runs show run --json").json();
    assert_eq!(state["state"], "failed", "{state}");
    dir.one_thread("train ptb --resume run -q").ok();
}

/// A pipe gives its text once, and a command asks for it more than once.
#[cfg(unix)]
#[test]
fn a_config_may_come_from_a_pipe() {
    let dir = Dir::new();
    let piped = |text: &str, line: &str| {
        let file = dir.write("text", text);
        let script = "cat \"$1\" | { shift; exec \"$@\"; }";
        let mut command = std::process::Command::new("sh");
        command.args(["-c", script, "sh"]).arg(file).arg(env!("CARGO_BIN_EXE_tfm"));
        dir.run(command.args(line.split(' ')))
    };
    let text = "model = \"ptb\"\nseed = 77\n";
    assert!(piped(text, "config show /dev/stdin").ok().contains("\nseed = 77\n"));
    let said = piped("model = \"ptb\"\nfoo = 1\n", "config check /dev/stdin");
    assert!(said.code == 1 && said.stdout.contains("unknown key \"foo\""), "{said:?}");
    dir.tfm("config show /dev/zero").fails(1, &["/dev/zero"]);
}

#[cfg(unix)]
#[test]
fn a_path_need_not_be_unicode() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let dir = Dir::new();
    let name = OsStr::from_bytes(b"run\xff");
    let mut command = tfm();
    let line = train("--set train.max_steps=1 -q --json --run-dir");
    let said = dir.run(command.args(line.split_whitespace()).arg(name));
    assert_eq!((said.code, &said.json()["run_dir"]), (0, &"run\u{fffd}".into()), "{said:?}");
    let mut command = tfm();
    dir.run(command.args(["generate", "ptb", "--json", "--run"]).arg(name)).ok();
}
