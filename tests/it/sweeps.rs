//! `tfm sweep`: a model trained with many settings.

use std::fs;

use serde_json::{Value, json};

use crate::dir::{Dir, Said, tfm};
use crate::ptb::{Background, Run};
#[cfg(unix)]
use crate::ptb_signals::kill;

/// The settings of a run of 19 steps in an instant.
const SMALL: &str = "config = \"ptb-demo\"\n[set]\nnetwork.hidden_size = 16\ndata.grammar_words = 4000\n\
                     train.num_steps = 10\ntrain.max_max_epoch = 1\n";

/// A sweep's file of six points: three seeds of two rates.
fn six(dir: &Dir) {
    write(dir, "", "train.learning_rate = [0.25, 1.0]\nseed = { from = 1, to = 3 }\n", "");
}

fn write(dir: &Dir, head: &str, vary: &str, tail: &str) {
    let text = format!("model = \"ptb\"\n{head}{SMALL}[vary]\n{vary}{tail}");
    dir.write("rates.toml", text);
}

fn sweep(dir: &Dir, line: &str) -> Said {
    dir.tfm(&format!("sweep {line} --threads 1 --device cpu"))
}

/// What `tfm runs list` says of each run of a sweep.
fn states(dir: &Dir, sweep: &str) -> Vec<String> {
    let json = dir.tfm(&format!("runs list {sweep} --sort seed --json")).json();
    let state = |run: &Value| run["state"].as_str().unwrap().to_owned();
    json.as_array().unwrap().iter().map(state).collect()
}

/// Holds all points of a sweep to those of another.
#[track_caller]
fn ends_as(dir: &Dir, sweep: &str, other: &str, points: u64) {
    for point in 1..=points {
        let [own, other] =
            [sweep, other].map(|name| Run::of(dir, &format!("{name}/points/{point:04}")));
        own.ends_as(&other);
        assert_eq!(own.text("config.toml"), other.text("config.toml"));
    }
}

#[test]
fn a_sweep_trains_every_point_as_a_run_of_its_own() {
    let dir = Dir::new();
    six(&dir);
    let preview = dir.tfm("sweep run rates.toml --dry-run").ok();
    assert!(preview.starts_with("rates: 6 points of ptb with ptb-demo"), "{preview}");
    for part in
        ["train.learning_rate=0.25 seed=3", "GFLOP per step, train.max_max_epoch=1", "default size"]
    {
        assert!(preview.contains(part), "{preview}");
    }
    assert_eq!(dir.files(), ["rates.toml"]);
    let said = sweep(&dir, "run rates.toml --dir s --jobs 2 --json");
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.stderr.contains("Next: tfm report s; tfm runs list s"), "{said:?}");
    let json = said.json();
    assert_eq!(json["runs"].as_array().unwrap().len(), 6);
    assert_eq!(json["failed"], json!([]));
    assert_eq!(states(&dir, "s"), ["finished"; 6]);
    assert!(
        said.stderr.contains("Point 6 of 6 (train.learning_rate=1.0 seed=3): valid_perplexity ")
    );
    // The same as by hand.
    let line = "train ptb --config ptb-demo --set network.hidden_size=16 --set data.grammar_words=4000 \
                --set train.num_steps=10 --set train.max_max_epoch=1 --set train.learning_rate=1.0 \
                --set seed=2 --run-dir hand -q";
    dir.one_thread(line).ok();
    let point = Run::of(&dir, "s/points/0005");
    point.ends_as(&Run::of(&dir, "hand"));
    assert_eq!(point.manifest()["provenance"]["point"], json!({ "sweep": "rates", "number": 5 }));
    // Again: nothing is left to do.
    let again = sweep(&dir, "resume s");
    assert!(again.stdout.contains("6 finished") && !again.stderr.contains("Point "), "{again:?}");
    assert!(again.stdout.contains(" ± "), "{again:?}");
    sweep(&dir, "run rates.toml --dir s")
        .fails(1, &["s already holds this sweep; resume it with: tfm sweep resume s"]);
    // A removed point is trained anew.
    let removed = dir.tfm("runs rm s/points/0005 --yes");
    assert!(removed.stderr.contains("is point 5 of the sweep rates"), "{removed:?}");
    sweep(&dir, "resume s").ok();
    point.ends_as(&Run::of(&dir, "hand"));
}

#[test]
fn a_sweep_on_the_command_line_is_the_same() {
    let dir = Dir::new();
    write(&dir, "", "seed = [1, 2]\n", "");
    sweep(&dir, "run rates.toml --dir file").ok();
    sweep(
        &dir,
        "run ptb --config ptb-demo network.hidden_size=16 data.grammar_words=4000 \
         train.num_steps=10 train.max_max_epoch=1 seed=1..2 --dir line --name of-the-line",
    )
    .ok();
    ends_as(&dir, "line", "file", 2);
    assert!(Run::of(&dir, "line").text("sweep.toml").contains("name = \"of-the-line\""));
}

#[test]
fn a_point_that_fails_stops_no_other() {
    let dir = Dir::new();
    // A rate and a limit of the gradient's norm with which the loss is not finite.
    let vary = "train.learning_rate = [1.0, 1e30, 0.5]\ntrain.max_grad_norm = [1e30]\n";
    write(&dir, "", vary, "");
    let said = sweep(&dir, "run rates.toml --dir s --retries 1");
    said.fails(
        1,
        &["1 of 3 points failed", "is retried", "go on"]
            .map(|part| if part == "go on" { "tfm sweep resume s" } else { part }),
    );
    assert!(said.stdout.contains("2 finished, 1 failed"), "{said:?}");
    assert!(said.stdout.contains("point 2 failed (train.learning_rate=1"), "{said:?}");
    assert!(said.stdout.contains("  | error: step "), "{said:?}");
    let json = dir.tfm("runs list s --state failed --json").json();
    assert_eq!(json.as_array().unwrap().len(), 1);
    assert!(json[0]["reason"].as_str().unwrap().contains("finite"), "{json}");
    let fast = sweep(&dir, "run rates.toml --dir fast --fail-fast");
    assert_eq!(fast.code, 1, "{fast:?}");
    assert!(!Run::of(&dir, "fast/points/0003").path("run.json").exists());
}

#[test]
fn a_point_that_failed_before_it_was_a_run_is_not_forgotten() {
    let dir = Dir::new();
    // No text lies there: the point ends before it has a folder.
    write(&dir, "", "data.source = [\"grammar\", \"files\"]\n", "");
    let line = "--data-dir nothing";
    let said = sweep(&dir, &format!("run rates.toml --dir s {line}"));
    said.fails(1, &["1 of 2 points failed", "tfm sweep resume s --data-dir nothing"]);
    let why = "s/points/0002 (data.source=\"files\") failed before its run began: ";
    for line in ["runs list s", "report s -o s.html", "watch s"] {
        let said = dir.tfm(line);
        assert!(said.stderr.contains(why), "{line}: {said:?}");
    }
    let page = fs::read_to_string(dir.path().join("s.html")).unwrap();
    assert!(page.contains(r#""failed":[{"log":["#), "the page holds the failure");
    assert!(dir.tfm("watch s").stderr.contains("1 point left. Resume with: tfm sweep resume s"));
    // Where no point is a run, it is said as well.
    write(&dir, "", "data.source = [\"files\"]\n", "");
    sweep(&dir, &format!("run rates.toml --dir none {line}")).fails(1, &["1 of 1 point failed"]);
    let list = dir.tfm("runs list none --json");
    assert!(list.stderr.contains("failed before its run began"), "{list:?}");
    assert_eq!(list.json(), json!([]));
}

#[test]
fn options_of_a_new_sweep_are_refused_for_one_that_is_there() {
    let dir = Dir::new();
    write(&dir, "", "seed = [1, 2]\n", "");
    sweep(&dir, "run rates.toml --dir s --index 1").ok();
    for (option, part) in [
        ("--dry-run", "--dry-run"),
        ("--name x", "--name"),
        ("train.learning_rate=7", "KEY=VALUES"),
        ("--dir other", "--dir"),
    ] {
        let said = sweep(&dir, &format!("run s --index 2 {option}"));
        said.fails(1, &[part, "belongs to a new sweep; s already exists"]);
    }
    assert!(!Run::of(&dir, "s/points/0002").path("").exists());
}

#[test]
fn what_cannot_be_a_sweep_is_refused_before_anything_is_written() {
    let dir = Dir::new();
    let refuse = |head: &str, vary: &str, parts: &[&str]| {
        write(&dir, head, vary, "");
        sweep(&dir, "run rates.toml --dir s").fails(1, parts);
        assert_eq!(dir.files(), ["rates.toml"]);
    };
    refuse(
        "",
        "seed = { from = 1, to = 1_000_000_000 }\n",
        &["has 1000000000 points; the maximum is 10000"],
    );
    refuse(
        "",
        "train.lr = [1.0]\n",
        &["rates.toml: point 1 (train.lr=1.0): --set train.lr: unknown key"],
    );
    refuse("name = \"../a\"\n", "seed = [1]\n", &["\"../a\" cannot be the name of a sweep"]);
    refuse("name = \"a\\nb\"\n", "seed = [1]\n", &["\"a\\nb\" cannot be the name of a sweep"]);
    refuse("jobs = 2\n", "seed = [1]\n", &["rates.toml:2: unknown field `jobs`"]);
    sweep(&dir, "run nothing --dir s").fails(1, &["nothing is neither a file nor a model"]);
    sweep(&dir, "run ptb --dir s").fails(1, &["nothing varies; give settings, such as seed=1..3"]);
    sweep(&dir, "resume rates.toml")
        .fails(1, &["rates.toml is not the folder of a sweep: it is a file"]);
    six(&dir);
    sweep(&dir, "run rates.toml --index 7 --dir s").fails(1, &["there is no point 7"]);
    assert_eq!(dir.files(), ["rates.toml"]);
    dir.write("s/mine.txt", "mine");
    sweep(&dir, "run rates.toml --dir s")
        .fails(1, &["the folder s holds mine.txt and is not a sweep"]);
    // What has the name of a file of ours is the user's nevertheless.
    dir.write("rates.toml", "model = \"ptb\"\nconfig = \"./x.toml\"\n[vary]\nseed = [1]\n");
    dir.write("x.toml", "model = \"ptb\"\n");
    for (folder, name, part) in [("t", "config/x.toml", "config"), ("u", ".lock", ".lock")] {
        let mine = dir.write(&format!("{folder}/{name}"), "mine");
        sweep(&dir, &format!("run rates.toml --dir {folder}"))
            .fails(1, &[&format!("the folder {folder} holds {part} and is not a sweep")]);
        assert_eq!(fs::read_to_string(mine).unwrap(), "mine");
    }
}

#[test]
fn a_changed_sweep_is_refused_with_the_difference() {
    let dir = Dir::new();
    write(&dir, "", "seed = [1]\n", "");
    sweep(&dir, "run rates.toml --dir s").ok();
    let text = Run::of(&dir, "s").text("sweep.toml");
    dir.write("s/sweep.toml", text.replace("seed = [1]", "seed = [1, 2]"));
    sweep(&dir, "resume s").fails(1, &["sweep.toml was changed", "- seed = [1]\n+ seed = [1, 2]"]);
    dir.write("s/sweep.toml", text);
    sweep(&dir, "resume s").ok();
}

#[test]
fn points_of_a_folder_that_many_processes_share_are_trained_once() {
    let dir = Dir::new();
    six(&dir);
    let spawn = |index: u64| {
        let line = format!("sweep run rates.toml --dir s --index {index} --threads 1 --device cpu");
        tfm()
            .args(line.split_whitespace())
            .current_dir(dir.path())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap()
    };
    // Each point is asked for twice, all at once.
    let children: Vec<_> = (0..12).map(|i| spawn(1 + i % 6)).collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(states(&dir, "s"), ["finished"; 6]);
    for point in 1..=6 {
        let log = Run::of(&dir, "s").text(&format!("logs/{point:04}.txt"));
        assert_eq!(log.matches("Run folder: ").count(), 1, "{log}");
    }
    sweep(&dir, "run rates.toml --index 1").fails(1, &["name it by --dir"]);
    sweep(&dir, "run s --index 7").fails(1, &["there is no point 7; there are 1 to 6"]);
    sweep(&dir, "run s").fails(1, &["the sweep s already exists"]);
    sweep(&dir, "run s --index 3").ok();
}

/// A sweep of three points that take long enough to be disturbed.
#[cfg(unix)]
fn three(dir: &Dir) {
    let text =
        format!("model = \"ptb\"\n{SMALL}checkpoint.every_steps = 7\n[vary]\nseed = [1, 2, 3]\n");
    dir.write("rates.toml", text.replace("max_max_epoch = 1", "max_max_epoch = 12"));
}

#[cfg(unix)]
#[test]
fn a_signal_saves_all_and_the_sweep_goes_on_to_the_same_end() {
    let dir = Dir::new();
    three(&dir);
    sweep(&dir, "run rates.toml --dir whole --jobs 2").ok();
    let mut training =
        Background::tfm(&dir, "sweep run rates.toml --dir s --jobs 2 --threads 1 --device cpu");
    let [first, second] = ["s/points/0001", "s/points/0002"].map(|name| Run::of(&dir, name));
    assert!(training.until(|_| {
        [&first, &second].iter().all(|run| run.text("metrics.jsonl").lines().count() > 3)
    }));
    kill("-INT", &[training.id()]);
    let said = training.end();
    assert_eq!(said.code, 130, "{said:?}");
    let go_on = "stopped; resume with: tfm sweep resume s --jobs 2 --threads 1 --device cpu\n";
    assert!(said.stderr.ends_with(go_on), "{said:?}");
    let states = states(&dir, "s");
    assert!(
        states.iter().all(|state| ["interrupted", "finished"].contains(&&**state)),
        "{states:?}"
    );
    sweep(&dir, "resume s").ok();
    ends_as(&dir, "s", "whole", 3);
}

/// Kills the sweep, a worker, or both, at some instants, and goes on each time.
#[cfg(unix)]
#[test]
fn a_sweep_that_is_killed_at_any_instant_ends_as_one_that_was_not() {
    let dir = Dir::new();
    three(&dir);
    sweep(&dir, "run rates.toml --dir whole").ok();
    // As many kills as are asked for; a few in the usual run of the tests.
    let kills: u64 = std::env::var("TFM_TEST_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(6);
    let random = tfm::rng::Stream::new(1, "kills");
    let mut line = "sweep run rates.toml --dir s".to_owned();
    for round in 0..kills {
        let mut sequence = random.at(round);
        let mut training =
            Background::tfm(&dir, &format!("{line} --jobs 2 --threads 1 --device cpu"));
        let wait = std::time::Duration::from_millis(u64::from(sequence.below(600)));
        let start = std::time::Instant::now();
        training.until(|_| start.elapsed() >= wait);
        let workers = workers(&dir);
        let all = [&[training.id()][..], &workers[..]].concat();
        let victims = match sequence.below(3) {
            0 => vec![training.id()],
            1 => workers,
            _ => all,
        };
        for victim in victims {
            // It may have ended meanwhile.
            let _ =
                std::process::Command::new("kill").args(["-KILL", &victim.to_string()]).status();
        }
        drop(training);
        let begun = dir.path().join("s/sweep.json").exists();
        line = if begun { "sweep resume s" } else { "sweep run rates.toml --dir s" }.to_owned();
    }
    let said = sweep(&dir, &format!("{} --jobs 2", line.trim_start_matches("sweep ")));
    assert_eq!(said.code, 0, "{said:?}");
    ends_as(&dir, "s", "whole", 3);
    assert_eq!(states(&dir, "s"), ["finished"; 3]);
}

/// A sweep that is killed leaves the process of a point at work. A rule counts on the order of arrival.
#[cfg(unix)]
#[test]
fn a_rule_decides_the_same_where_a_sweep_was_killed_and_its_worker_was_not() {
    let dir = Dir::new();
    let vary = "train.learning_rate = [0.03125, 1.0]\n";
    let stop = "[stop]\nrule = \"median\"\nsteps = [76]\nmin_runs = 1\n";
    let text = format!("model = \"ptb\"\n{SMALL}[vary]\n{vary}{stop}");
    dir.write("rates.toml", text.replace("max_max_epoch = 1", "max_max_epoch = 8"));
    sweep(&dir, "run rates.toml --dir whole").ok();
    let mut training =
        Background::tfm(&dir, "sweep run rates.toml --dir s --threads 1 --device cpu");
    let first = Run::of(&dir, "s/points/0001");
    assert!(training.until(|_| first.path("metrics.jsonl").exists()));
    training.kill();
    sweep(&dir, "resume s").ok();
    let [own, whole] = ["s", "whole"].map(|name| Run::of(&dir, name).text("decisions.jsonl"));
    assert_eq!(own, whole);
    ends_as(&dir, "s", "whole", 2);
}

#[test]
fn a_rule_that_comes_after_the_end_of_every_run_is_warned_of() {
    let dir = Dir::new();
    let stop = "[stop]\nrule = \"median\"\nsteps = [9, 76]\nmin_runs = 1\n";
    let vary = "[vary]\ntrain.learning_rate = [0.5, 1.0]\n";
    dir.write("rates.toml", format!("model = \"ptb\"\n{SMALL}{vary}{stop}"));
    let said = sweep(&dir, "run rates.toml --dir s");
    assert_eq!(said.code, 0, "{said:?}");
    let warned = "stop.steps: no run was compared at [76]: the longest ends at step ";
    assert!(said.stderr.contains(warned), "{}", said.stderr);
}

/// The processes that train points in the folder, by their own word.
#[cfg(unix)]
fn workers(dir: &Dir) -> Vec<u32> {
    let points = fs::read_dir(dir.path().join("s/points")).into_iter().flatten().flatten();
    let lock = |point: fs::DirEntry| fs::read_to_string(point.path().join("lock")).ok();
    let is_tfm = |id: &u32| {
        fs::read_to_string(format!("/proc/{id}/cmdline"))
            .is_ok_and(|c| c.contains("--run-dir") || c.contains("--resume"))
    };
    points.filter_map(lock).filter_map(|id| id.trim().parse().ok()).filter(is_tfm).collect()
}

#[test]
fn early_stopping_is_the_same_twice_and_what_was_stopped_can_go_on() {
    let dir = Dir::new();
    let vary = "train.learning_rate = [1.0, 0.5, 0.25, 0.125, 0.0625, 0.03125]\n";
    let long = |stop: &str| {
        let text = format!("model = \"ptb\"\n{SMALL}[vary]\n{vary}{stop}");
        dir.write("rates.toml", text.replace("max_max_epoch = 1", "max_max_epoch = 4"));
    };
    for (rule, stopped) in [("median", None), ("asha", Some(5))] {
        long(&format!("[stop]\nrule = \"{rule}\"\nsteps = [19, 38]\nmin_runs = 2\n"));
        for name in ["a", "b"] {
            sweep(&dir, &format!("run rates.toml --dir {rule}-{name}")).ok();
        }
        let [a, b] = ["a", "b"].map(|name| Run::of(&dir, &format!("{rule}-{name}")));
        let decisions = a.text("decisions.jsonl");
        assert_eq!(decisions, b.text("decisions.jsonl"));
        let count = decisions.matches("\"stop").count();
        assert!(stopped.is_none_or(|stopped| stopped == count) && count > 0, "{decisions}");
        let states = states(&dir, &format!("{rule}-a"));
        assert_eq!(states.iter().filter(|state| *state == "stopped").count(), count);
        ends_as(&dir, &format!("{rule}-a"), &format!("{rule}-b"), 0);
        sweep(&dir, &format!("resume {rule}-a")).ok();
        assert_eq!(a.text("decisions.jsonl"), decisions, "nothing is decided twice");
    }
    // Point 6 has the worst rate.
    let last = Run::of(&dir, "asha-a/points/0006");
    assert_eq!(last.newest().0, "step-00000019.safetensors");
    dir.one_thread("train ptb --resume asha-a/points/0006 -q").ok();
    assert_eq!(last.newest().0, "step-00000076.safetensors");
    let said = sweep(&dir, "resume asha-a");
    assert!(said.stdout.contains("2 finished, 4 stopped early"), "{said:?}");
    sweep(&dir, "run asha-a --index 1").fails(1, &["[stop] compares points with each other"]);
    // What is refused leaves no folder.
    for line in ["run rates.toml --dir none --index 1", "slurm rates.toml --dir none"] {
        dir.tfm(&format!("sweep {line}")).fails(1, &["[stop] compares points with each other"]);
        assert!(!dir.path().join("none").exists());
    }
}

#[test]
fn a_cluster_is_given_a_script() {
    let dir = Dir::new();
    six(&dir);
    let script =
        dir.tfm("sweep slurm rates.toml --dir s --time 00:30:00 --cpus 4 --mem 2G --jobs 3").ok();
    for part in [
        "#!/bin/bash\n#SBATCH --job-name=rates\n#SBATCH --array=1-6%3\n#SBATCH --time=00:30:00\n",
        "#SBATCH --cpus-per-task=4\n#SBATCH --mem=2G\n#SBATCH --requeue\n#SBATCH --signal=B:USR1@120\n",
        "trap requeue USR1",
        "--index \"$SLURM_ARRAY_TASK_ID\"",
    ] {
        assert!(script.contains(part), "{part} is not in\n{script}");
    }
    // What a task of the job does, without a cluster.
    let path = dir.write("job.sh", script);
    let mut bash = std::process::Command::new("bash");
    bash.arg(path).env("SLURM_ARRAY_TASK_ID", "2").env("SLURM_CPUS_PER_TASK", "1");
    let said = dir.run(&mut bash);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(Run::of(&dir, "s/points/0002").text("status.json").contains("finished"));
    assert!(!Run::of(&dir, "s/points/0001").path("run.json").exists());
}
