//! Help, mistakes and the commands that need no model.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::dir::{Dir, tfm};

/// Every command of the tree as the words after `tfm`.
fn commands() -> Vec<String> {
    let mut all = Vec::new();
    let mut open = vec![(String::new(), tfm::cli::command())];
    while let Some((path, command)) = open.pop() {
        for below in command.get_subcommands() {
            open.push((format!("{path} {}", below.get_name()), below.clone()));
        }
        all.push(path);
    }
    all
}

#[test]
fn every_command_has_short_and_long_help() {
    let dir = Dir::new();
    for command in commands() {
        for flag in ["-h", "--help"] {
            let said = dir.tfm(&format!("{command} {flag}"));
            assert_eq!(said.code, 0, "{command}: {said:?}");
            assert!(said.stdout.contains(&format!("Usage: tfm{command}")), "{said:?}");
            assert_eq!(said.stderr, "");
        }
    }
    assert!(dir.files().is_empty());
}

#[test]
fn version_names_package_and_revision() {
    let version = Dir::new().tfm("--version").ok();
    let expect = format!("tfm {} (git ", env!("CARGO_PKG_VERSION"));
    assert!(version.starts_with(&expect) && version.ends_with(")\n"), "{version}");
}

#[test]
fn mistakes_in_commands_are_usage_errors_with_the_choice() {
    let dir = Dir::new();
    dir.tfm("tarin ptb").fails(2, &["tfm has no tarin", "bench", "data", "completions", "Usage"]);
    dir.tfm("bench machin").fails(2, &["machin is not a model; did you mean machine?"]);
    dir.tfm("data fecth").fails(2, &["did you mean fetch?", "list, fetch, verify, make"]);
    dir.tfm("data list --jsno").fails(2, &["--jsno", "--json"]);
    dir.tfm("data fetch").fails(2, &["<SET>"]);
    dir.tfm("bench machine --threads 0").fails(2, &["--threads"]);
    dir.tfm("data list -q -v").fails(2, &["cannot be used with"]);
    for line in ["", "data", "config", "bench"] {
        let said = dir.tfm(line);
        assert_eq!(said.code, 2, "{said:?}");
        assert!(said.stderr.contains("Usage: tfm") && said.stdout.is_empty(), "{said:?}");
    }
    assert!(dir.files().is_empty());
}

#[test]
fn models_are_listed() {
    let dir = Dir::new();
    let json = dir.tfm("models --json").json();
    let names: Vec<_> = json["models"].as_array().unwrap().iter().map(|m| &m["name"]).collect();
    let expect: Vec<_> = tfm::models::ALL.iter().map(|entry| entry.name).collect();
    assert_eq!(names, expect);
    let text = dir.tfm("models").ok();
    for entry in tfm::models::ALL {
        assert!(text.contains(entry.about) && text.contains(entry.default_preset), "{text}");
    }
}

#[test]
fn every_preset_is_shown_and_holds() {
    let dir = Dir::new();
    for preset in tfm::models::ALL.iter().flat_map(|entry| entry.presets) {
        let text = dir.tfm(&format!("config show {}", preset.name)).ok();
        dir.write("shown.toml", &text);
        assert_eq!(dir.tfm("config show shown.toml").ok(), text);
        assert_eq!(dir.tfm("config check shown.toml").ok(), "ok     shown.toml\n");
    }
}

#[test]
fn a_bad_config_is_named_with_its_line() {
    let dir = Dir::new();
    dir.write("syntax.toml", "model = \"x\"\n[train\n");
    dir.write("model.toml", "model = \"no-such-model\"\n");
    dir.write("none.toml", "[train]\n");
    let said = dir.tfm("config check syntax.toml model.toml none.toml gone.toml --json");
    said.fails(1, &["error: 4 of 4 configs cannot be used"]);
    let json = said.json();
    let errors =
        ["syntax.toml:2: ", "\"no-such-model\"", "no model; add a line", "cannot read gone.toml"];
    for (i, part) in errors.into_iter().enumerate() {
        let outcome = &json["configs"][i];
        assert_eq!(outcome["ok"], false);
        assert!(outcome["error"].as_str().unwrap().contains(part), "{outcome}");
    }
    let said = dir.tfm("config check syntax.toml");
    assert!(said.stdout.starts_with("wrong  syntax.toml: syntax.toml:2: "), "{said:?}");
    dir.tfm("config show no-such-preset").fails(1, &["unknown preset \"no-such-preset\""]);
}

#[test]
fn completions_are_scripts_of_their_shell() {
    let dir = Dir::new();
    for (shell, part) in [
        ("bash", "complete -o"),
        ("zsh", "#compdef tfm"),
        ("fish", "complete --keep-order --exclusive --command tfm"),
    ] {
        let script = dir.tfm(&format!("completions {shell}")).ok();
        assert!(script.contains(part) && script.contains("TFM_COMPLETE"), "{script}");
    }
    dir.tfm("completions tcsh").fails(2, &["bash", "zsh", "fish"]);
}

/// What bash is offered for the last word of a line.
fn offered(dir: &Dir, line: &str) -> Vec<String> {
    let mut command = tfm();
    command.args(["--", line]).env("TFM_COMPLETE", "bash").env("TFM_COMPLETE_BREAKS", " \t\n");
    dir.run(&mut command).ok().lines().map(str::to_owned).collect()
}

#[test]
fn values_are_completed() {
    let dir = Dir::new();
    dir.write("mine.toml", "model = \"ptb\"\n");
    dir.write("runs/first/run.json", "{}");
    for (line, expect) in [
        ("tfm train pt", "ptb"),
        ("tfm train ptb --config ptb-d", "ptb-demo"),
        ("tfm train ptb --config mi", "mine.toml"),
        ("tfm config show cifar10-d", "cifar10-demo"),
        ("tfm config check mnist-s", "mnist-self-test"),
        ("tfm data fetch mn", "mnist"),
        ("tfm data verify ci", "cifar10"),
        ("tfm eval ptb --device cp", "cpu"),
        ("tfm eval ptb --checkpoint b", "best"),
        ("tfm train ptb --set train.max_max", "train.max_max_epoch="),
        ("tfm eval ptb --run runs/f", "runs/first"),
    ] {
        let offered = offered(&dir, line);
        assert!(
            offered.iter().any(|one| one.trim_end_matches('/') == expect),
            "{line}: {offered:?}"
        );
    }
    assert!(offered(&dir, "tfm train ptb --config ci").is_empty());
}

/// What bash would put in the place of what it replaces, by its own script.
#[cfg(unix)]
fn replies(dir: &Dir, line: &str, words: &[&str]) -> Vec<String> {
    let program = Path::new(env!("CARGO_BIN_EXE_tfm")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    let mut bash = Command::new("bash");
    let script = r#"source <(tfm completions bash)
        COMP_LINE=$1 COMP_POINT=${#1} COMP_WORDS=("${@:2}") COMP_CWORD=$(($# - 2))
        registered=$(complete -p tfm)
        registered=${registered##*-F }
        "${registered%% *}" tfm "${@: -1}" "${@: -2:1}"
        printf '%s\n' "${COMPREPLY[@]}""#;
    bash.args(["--norc", "-c", script, "bash", line]).args(words).env("PATH", path);
    let said = dir.run(&mut bash);
    assert_eq!(said.stderr, "", "{line}");
    said.ok().lines().filter(|reply| !reply.is_empty()).map(str::to_owned).collect()
}

#[cfg(unix)]
#[test]
fn bash_completes_a_line_by_the_script() {
    let dir = Dir::new();
    let manifest = "{}";
    for run in ["lauf é 1", "runs/first"] {
        dir.write(&format!("{run}/run.json"), manifest);
    }
    dir.write("runs/first/checkpoints/step-00000012.safetensors", "");
    dir.write("sweeps/rates/sweep.json", manifest);
    dir.write("rates.toml", "");
    let check = |line: &str, words: &[&str], expect: &[&str]| {
        assert_eq!(replies(&dir, line, words), expect, "{line}");
    };
    let set = ["tfm", "train", "ptb", "--set"];
    let with = |more: &[&'static str]| [&set[..], more].concat();
    let line = |more: &str| format!("tfm train ptb --set {more}");
    check(&line("data.source="), &with(&["data.source", "="]), &["files", "grammar"]);
    check(&line("data.source=g"), &with(&["data.source", "=", "g"]), &["grammar"]);
    check(
        &line("checkpoint.every_epoch="),
        &with(&["checkpoint.every_epoch", "="]),
        &["false", "true"],
    );
    check(&line("seed="), &with(&["seed", "="]), &[]);
    check(&line("data.so"), &with(&["data.so"]), &["data.source="]);
    check("tfm eval ptb --run lau", &["tfm", "eval", "ptb", "--run", "lau"], &[r"lauf\ é\ 1/"]);
    check("tfm eval pt", &["tfm", "eval", "pt"], &["ptb"]);
    check("tfm eval runs/", &["tfm", "eval", "runs/"], &["runs/first"]);
    check("tfm train --resume ru", &["tfm", "train", "--resume", "ru"], &["runs/first", "runs/"]);
    let steps = ["tfm", "eval", "ptb", "--run", "runs/first", "--checkpoint", ""];
    check("tfm eval ptb --run runs/first --checkpoint ", &steps, &["last", "12"]);
    check("tfm sweep run pt", &["tfm", "sweep", "run", "pt"], &["ptb"]);
    check("tfm sweep run ra", &["tfm", "sweep", "run", "ra"], &["rates.toml"]);
    check("tfm sweep resume sw", &["tfm", "sweep", "resume", "sw"], &["sweeps/rates", "sweeps/"]);
}

#[test]
fn help_is_a_command() {
    let dir = Dir::new();
    assert_eq!(dir.tfm("help").ok(), dir.tfm("--help").ok());
    assert_eq!(dir.tfm("help train ptb").ok(), dir.tfm("train ptb --help").ok());
    dir.tfm("help trian").fails(2, &["has no trian; did you mean train?"]);
}

#[test]
fn the_folder_of_data_in_the_environment_is_no_option_that_was_given() {
    let dir = Dir::new();
    let mut command = tfm();
    let said = dir.run(command.args(["eval", "ptb"]).env("TFM_DATA_DIR", "elsewhere"));
    said.fails(2, &["Usage: tfm eval ptb --run <DIR>\n"]);
    let mut command = tfm();
    let said = dir.run(command.args(["data", "list", "--json"]).env("TFM_DATA_DIR", ""));
    assert_eq!(said.json()["data_dir"], "data");
}

#[test]
fn the_machine_is_measured_at_the_level_that_is_asked_for() {
    let dir = Dir::new();
    let levels = tfm::ops::Isa::available();
    for (isa, threads) in [(levels[0], 1), (levels[levels.len() - 1], 2)] {
        let mut command = tfm();
        command.args(["bench", "machine", "--json", "--threads", &threads.to_string()]);
        let json = dir.run(command.env("TFM_ISA", isa.name())).json();
        assert_eq!((&json["isa"], &json["threads"]), (&isa.name().into(), &threads.into()));
        for rate in ["gflops_one_thread", "gflops", "gb_per_s_one_thread", "gb_per_s"] {
            assert!(json[rate].as_f64().unwrap() > 0.0, "{json}");
        }
    }
    let mut command = tfm();
    let said = dir.run(command.args(["bench", "machine"]).env("TFM_ISA", "sse9"));
    said.fails(1, &["TFM_ISA=sse9 must be one of portable, avx2, avx512"]);
}

#[test]
fn a_reader_that_leaves_is_no_failure() {
    for line in ["completions bash", "data list", "models", "--help"] {
        let mut child = tfm()
            .args(line.split(' '))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // The pipe is closed before or while the program writes to it.
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), stderr.as_str()), (Some(0), ""), "{line}");
    }
}
