//! Run folders under what people and systems do to them.

use std::fs;

use crate::dir::{Dir, tfm};
#[cfg(unix)]
use crate::ptb::Background;
use crate::ptb::{Run, text, train};
#[cfg(unix)]
use crate::ptb_signals::kill;

/// A run of five steps.
fn short(rest: &str) -> String {
    train(&format!("--set train.max_steps=5 -q {rest}"))
}

/// Words in sentences, one a line.
const SENTENCES: &str = "the cat sees a dog\na dog sees the cat\n";

fn word2vec(rest: &str) -> String {
    format!(
        "train word2vec --threads 1 -q --set data.train=./t.txt --set data.sentences=lines \
         --set data.min_count=1 --set network.embedding_size=4 --set train.epochs_to_train=2 \
         --set train.subsample=0 {rest}"
    )
}

#[cfg(unix)]
#[test]
fn a_run_does_not_write_into_another_that_stands_in_its_place() {
    let dir = Dir::new();
    let line =
        train("--set train.max_max_epoch=100000 --set checkpoint.every_steps=50 --run-dir run");
    let mut ghost = Background::tfm(&dir, &line);
    let run = Run::of(&dir, "run");
    assert!(ghost.until(|_| run.text("metrics.jsonl").lines().count() > 2));
    fs::rename(dir.path().join("run"), dir.path().join("moved")).unwrap();
    dir.tfm(&short("--run-dir run")).ok();
    let before = (run.names("."), run.names("checkpoints"), run.newest());
    ghost.end().fails(1, &["the run folder run was moved, removed or replaced while the run"]);
    assert_eq!((run.names("."), run.names("checkpoints"), run.newest()), before);
    // Where it is now, the run goes on.
    let longer = Run::of(&dir, "moved").newest().0[5..13].parse::<u64>().unwrap() + 5;
    dir.one_thread(&format!("train ptb --resume moved -q --set train.max_steps={longer}")).ok();
}

/// Most systems name files by bytes.
#[cfg(target_os = "linux")]
#[test]
fn a_folder_whose_name_is_no_text_is_a_run_as_any_other() {
    use std::os::unix::ffi::OsStrExt;
    let dir = Dir::new();
    let name = std::ffi::OsStr::from_bytes(b"bad\xff");
    let with = |line: &str| {
        let mut command = tfm();
        command.args(line.split_whitespace()).arg(name).current_dir(dir.path());
        command.output().unwrap()
    };
    let ok = |line: &str| {
        let said = with(line);
        let errors = String::from_utf8_lossy(&said.stderr).into_owned();
        assert!(said.status.success() && !errors.contains("bug in tfm"), "{line}: {errors}");
        String::from_utf8_lossy(&said.stdout).into_owned()
    };
    for json in ["", "--json"] {
        ok(&short(&format!("{json} --run-dir")));
        for line in ["runs show", "runs list", "watch --once", "plot ptb --run"] {
            let json = if line.starts_with("runs") { json } else { "" };
            let said = ok(&format!("{line} {json}"));
            assert!(json.is_empty() || said.contains("bad\u{fffd}"), "{line}: {said}");
        }
        let listed = dir.tfm(&format!("runs list . {json}"));
        assert!(listed.stdout.contains("bad\u{fffd}"), "{listed:?}");
        ok(&format!("runs note {json}"));
        ok(&format!("data make grammar --force --words 100 {json} --out"));
        ok(&format!("data list {json} --data-dir"));
        fs::remove_dir_all(dir.path().join(name).join("plots")).unwrap();
        ok(&format!("runs rm --yes {json}"));
        fs::remove_dir_all(dir.path().join(name)).unwrap_or_default();
    }
}

#[test]
fn epochs_are_trained_whatever_steps_an_earlier_call_has_asked_for() {
    let dir = Dir::new();
    let line = "train ptb --config ptb-demo --threads 1 -q --set data.grammar_words=1000 \
                --set network.hidden_size=8 --set train.batch_size=4 --set train.num_steps=8";
    dir.tfm(&format!("{line} --steps 5 --run-dir run")).ok();
    let config = || Run::of(&dir, "run").text("config.toml");
    assert!(config().contains("max_steps = 5"));
    dir.tfm("train ptb --resume run --epochs 2 -q").ok();
    assert!(config().contains("max_steps = 0") && config().contains("max_max_epoch = 2"));
    let shown = dir.tfm("runs show run --json").stdout;
    assert!(shown.contains(r#""state":"finished""#), "{shown}");
    let names = Run::of(&dir, "run").names("checkpoints");
    assert!(names.iter().any(|name| name.contains("0000006")), "{names:?}");
}

#[cfg(unix)]
#[test]
fn signals_that_are_ignored_stay_ignored() {
    let dir = Dir::new();
    for (signal, other) in [("HUP", "TERM"), ("INT", "HUP")] {
        let line = train(&format!("--set train.max_max_epoch=100000 --run-dir {signal}"));
        // As `nohup` does, and as shells do for what runs behind.
        let script = format!("trap '' {signal}; exec {} {line}", env!("CARGO_BIN_EXE_tfm"));
        let mut sh = std::process::Command::new("sh");
        let mut training = Background::start(&dir, sh.args(["-c", &script]));
        let run = Run::of(&dir, signal);
        let lines = |run: &Run| run.text("metrics.jsonl").lines().count();
        assert!(training.until(|_| lines(&run) > 2));
        kill(&format!("-{signal}"), &[training.id()]);
        let before = lines(&run);
        assert!(training.until(|_| lines(&run) > before + 5), "{}", training.stderr());
        assert!(!training.stderr().contains("finishing"), "{}", training.stderr());
        kill(&format!("-{other}"), &[training.id()]);
        assert_eq!(training.end().code, 130);
    }
}

#[cfg(unix)]
#[test]
fn a_limit_of_the_size_of_files_is_an_error_and_the_run_goes_on_without_it() {
    let dir = Dir::new();
    let script =
        format!("ulimit -f 30; exec {} {}", env!("CARGO_BIN_EXE_tfm"), short("--run-dir run"));
    let said = dir.run(std::process::Command::new("sh").args(["-c", &script]));
    said.fails(1, &["cannot write", "File too large"]);
    assert!(dir.files().iter().all(|file| !file.ends_with(".tmp")), "{:?}", dir.files());
    let run = Run::of(&dir, "run");
    if run.path("run.json").exists() {
        dir.one_thread("train ptb --resume run -q").ok();
    } else {
        dir.tfm(&short("--run-dir run")).ok();
    }
    dir.tfm(&short("--run-dir whole")).ok();
    assert_eq!(run.newest(), Run::of(&dir, "whole").newest());
}

#[cfg(unix)]
#[test]
fn what_cannot_be_waited_for_is_named() {
    let dir = Dir::new();
    dir.tfm(&short("--run-dir run")).ok();
    for name in ["log.txt", "metrics.jsonl"] {
        let path = dir.path().join("run").join(name);
        let kept = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        let said = dir.one_thread("train ptb --resume run -q --set train.max_steps=6");
        said.fails(1, &[name, "is not a plain file"]);
        fs::remove_file(&path).unwrap();
        fs::write(&path, kept).unwrap();
    }
    assert!(Run::of(&dir, "run").text("config.toml").contains("max_steps = 5\n"));
}

#[test]
fn a_damaged_checkpoint_is_not_passed_over_for_an_untrained_one() {
    let dir = Dir::new();
    dir.tfm(&train("--set train.max_max_epoch=1 -q --run-dir run")).ok();
    let run = Run::of(&dir, "run");
    let expect = dir.one_thread("eval ptb --run run").ok();
    let path = run.path("checkpoints").join(run.newest().0);
    fs::remove_file(&path).unwrap();
    fs::write(&path, "damaged").unwrap();
    let said = dir.one_thread("eval ptb --run run");
    assert!(said.stderr.contains("is damaged") && said.stderr.contains("using step"), "{said:?}");
    assert_eq!(said.ok(), expect);
    fs::remove_file(run.path("checkpoints/best.safetensors")).unwrap();
    for line in ["eval ptb --run run", "train ptb --resume run --set train.max_max_epoch=2"] {
        dir.one_thread(line)
            .fails(1, &["is damaged", "only the untrained checkpoint (step 0)", "--checkpoint 0"]);
    }
    assert!(run.text("config.toml").contains("max_max_epoch = 1\n"), "nothing has changed");
    dir.one_thread("eval ptb --run run --checkpoint 0").ok();
}

#[test]
fn commands_in_messages_can_be_pasted() {
    let dir = Dir::new();
    let mut command = tfm();
    command.args(short("--run-dir").split_whitespace()).arg("my run's");
    assert_eq!(dir.run(&mut command).code, 0);
    let said = dir.run(tfm().args(["eval", "mnist", "--run", "my run's"]));
    said.fails(1, &["my run's is a run of ptb, not of mnist; ptb has: train"]);
    let said = dir.run(tfm().args(["plot", "mnist", "--run", "my run's"]));
    said.fails(1, &[r"use `tfm plot ptb --run 'my run'\''s'`"]);
    let said = dir.run(tfm().args(["data", "verify", "mnist", "--data-dir", "my data"]));
    said.fails(1, &["`tfm data fetch mnist --data-dir 'my data'` to download the missing files"]);
    dir.tfm("train ptb --config cifar10-demo")
        .fails(1, &["cifar10-demo is a preset of cifar10, not of ptb"]);
}

#[test]
fn data_is_known_by_its_checksum_wherever_it_lies() {
    let dir = Dir::new();
    dir.write("a.txt", text(60));
    let texts = |path: &str| {
        ["train", "valid", "test"].map(|split| format!("--set data.{split}={path}")).join(" ")
    };
    let line = "train ptb --threads 1 -q --config ptb-test --set train.batch_size=5 \
                --set train.max_steps=2 --run-dir run";
    dir.tfm(&format!("{line} {}", texts("./a.txt"))).ok();
    dir.write("b/a.txt", text(60));
    dir.write("c.txt", text(61));
    fs::remove_file(dir.path().join("a.txt")).unwrap();
    let resume = |path: &str| {
        dir.one_thread(&format!(
            "train ptb --resume run -q --set train.max_steps=3 {}",
            texts(path)
        ))
    };
    dir.one_thread("train ptb --resume run").fails(1, &["a.txt is missing", "data.train"]);
    resume("./c.txt").fails(1, &["cannot resume run: the data differs from the run's"]);
    resume("./b/a.txt").ok();
    let config = Run::of(&dir, "run").text("config.toml");
    assert!(config.contains("train = \"./b/a.txt\"\n"), "{config}");
}

#[test]
fn questions_that_the_text_cannot_answer_are_an_error_before_the_first_step() {
    let dir = Dir::new();
    dir.write("t.txt", SENTENCES.repeat(40));
    dir.write("q.txt", "boy girl king queen\n");
    dir.write("p.txt", "boy\tgirl\t3\nking\tqueen\t4\n");
    let questions = dir.tfm(&word2vec("--set eval.questions=./q.txt --run-dir run"));
    questions.fails(1, &["the question of", "q.txt has a word without a vector"]);
    let pairs =
        dir.tfm(&word2vec("--set eval.questions= --set eval.similarity=./p.txt --run-dir run"));
    pairs.fails(1, &["0 of the 2 pairs of", "p.txt have vectors for both words"]);
    assert!(!dir.path().join("run").exists());
    dir.tfm(&word2vec("--set eval.questions= --run-dir run")).ok();
}

#[test]
fn an_empty_variable_is_none() {
    let dir = Dir::new();
    let said = dir.run(tfm().args(["data", "list"]).env("TFM_DATA_DIR", ""));
    assert_eq!(said.ok(), dir.tfm("data list").ok());
    let line = short("--run-dir run");
    dir.run(tfm().args(line.split_whitespace()).env("TFM_ISA", "")).ok();
}

#[test]
fn pictures_of_the_user_are_replaced_on_request_alone() {
    let dir = Dir::new();
    dir.tfm(&short("--run-dir run")).ok();
    for _ in 0..2 {
        dir.tfm("plot ptb --run run -q").ok();
    }
    let mine = dir.write("out/loss.png", "mine");
    dir.tfm("plot ptb --run run --out out").fails(1, &["loss.png already exists", "--force"]);
    assert_eq!(fs::read(&mine).unwrap(), b"mine");
    assert_eq!(fs::read_dir(dir.path().join("out")).unwrap().count(), 1);
    dir.tfm("plot ptb --run run --out out --force").ok();
    assert_ne!(fs::read(&mine).unwrap(), b"mine");
}

#[cfg(target_os = "linux")]
#[test]
fn help_that_cannot_be_written_is_an_error() {
    let dir = Dir::new();
    for arg in ["--help", "--version"] {
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let output = tfm().arg(arg).current_dir(dir.path()).stdout(full).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        assert!(stderr.starts_with("error: cannot write to stdout"), "{stderr}");
    }
}

#[test]
fn what_is_left_out_and_what_has_diverged_is_said() {
    let dir = Dir::new();
    let line = "train ptb --config ptb-demo --threads 1 -q --set data.grammar_words=1000 \
                --set network.hidden_size=8 --set train.batch_size=4 --set train.num_steps=8 \
                --epochs 1";
    dir.tfm(&format!("{line} --run-dir two")).ok();
    let other = format!("{line} --init-from two --set network.num_layers=1 --run-dir one");
    let said = dir.tfm(&other);
    let ignored = "ignored tensors that this network does not have: lstm_1/bias, lstm_1/kernel";
    assert!(said.stderr.contains(ignored), "{said:?}");
    let same = dir.tfm(&format!("{line} --init-from two --run-dir same"));
    assert!(!same.stderr.contains("ignored tensors"), "{same:?}");
    let steep = "--set train.learning_rate=1e10 --set train.max_grad_norm=1e30";
    let said = dir.tfm(&format!("{line} {steep} --run-dir steep"));
    assert!(said.stderr.contains("test perplexity is inf: training has diverged"), "{said:?}");
    assert!(said.stdout.starts_with("test perplexity inf"), "{said:?}");
    // A folder that has lost its config is not among those that are near it.
    fs::remove_file(dir.path().join("two/config.toml")).unwrap();
    let said = dir.tfm("eval two");
    said.fails(2, &["has no config.toml; runs near it: ./one, ./same, ./steep"]);
}
