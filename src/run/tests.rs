use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::find::make_free;
use super::*;

const CONFIG_TEXT: &str = "model = \"ptb\"\n";

pub(super) fn manifest(preset: &str, started: u64) -> Manifest {
    Manifest {
        format: FORMAT,
        model: "ptb".into(),
        preset: preset.into(),
        version: "0.1.0".into(),
        git_revision: "abc".into(),
        device: "cpu".into(),
        isa: "avx2".into(),
        threads: 2,
        seed: u64::MAX,
        init_from: String::new(),
        data: "crc32c:1".into(),
        started: rfc3339(at(started)),
        command: vec!["tfm".into(), "train".into(), "a b".into()],
        provenance: Provenance::of_process("clean", None),
    }
}

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_795_367_700 + seconds)
}

#[track_caller]
fn fails(result: Result<impl std::fmt::Debug>, part: &str) {
    let error = format!("{:#}", result.expect_err("fails"));
    assert!(error.contains(part), "{error:?} lacks {part:?}");
}

#[test]
fn what_is_created_is_read_back() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("a/b");
    let files: [(&str, &[u8]); 1] = [("words.txt", b"a\n")];
    let run =
        RunDir::create(&path, &manifest("ptb-small", 0), CONFIG_TEXT, &files, |_| Ok(())).unwrap();
    assert_eq!(fs::read(path.join("words.txt")).unwrap(), b"a\n");
    let read = RunDir::read(&path).unwrap();
    assert_eq!(read.manifest(), run.manifest());
    assert_eq!(read.manifest(), &manifest("ptb-small", 0));
    assert_eq!(read.config_text(), CONFIG_TEXT);
    let mut names: Vec<_> =
        fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["config.toml", "lock", "run.json", "words.txt"]);
}

#[test]
fn a_folder_that_holds_something_is_left_alone() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("run");
    fs::create_dir(&path).unwrap();
    fs::write(path.join("notes.txt"), "mine").unwrap();
    let create = || RunDir::create(&path, &manifest("ptb-small", 0), CONFIG_TEXT, &[], |_| Ok(()));
    fails(create(), "exists and is not empty; choose another --run-dir");
    assert_eq!(fs::read_dir(&path).unwrap().count(), 1);
    fs::remove_file(path.join("notes.txt")).unwrap();
    // What a process killed before it wrote anything leaves is no obstacle.
    fs::write(path.join("lock"), "1\n").unwrap();
    drop(create().unwrap());
    fails(create(), "resume it with tfm train --resume");
}

/// The states in which a kill can leave the folder before it is a run: each file is written under
/// its temporary name and renamed, `run.json` first and last.
#[test]
fn a_beginning_that_was_killed_is_begun_anew() {
    let root = tempfile::tempdir().unwrap();
    let files: [(&str, &[u8]); 1] = [("words.txt", b"a\n")];
    let steps = [
        "lock",
        ".run.json.tmp",
        ".config.toml.tmp",
        "config.toml",
        ".words.txt.tmp",
        "words.txt",
        "checkpoints/step-00000000.safetensors",
    ];
    for n in 0..=steps.len() {
        let path = root.path().join(n.to_string());
        fs::create_dir_all(path.join("checkpoints")).unwrap();
        for name in &steps[..n] {
            fs::write(path.join(name), "").unwrap();
        }
        if n < steps.len() {
            fs::remove_dir(path.join("checkpoints")).unwrap();
        }
        if n > 1 {
            fails(RunDir::resume(&path), "stopped before it began; start it again with --run-dir");
        }
        let fill = |run: &RunDir| {
            assert!(!run.checkpoints_dir().exists());
            Ok(())
        };
        let run = RunDir::create(&path, &manifest("ptb-small", 0), CONFIG_TEXT, &files, fill);
        assert_eq!(fs::read(run.unwrap().path().join("words.txt")).unwrap(), b"a\n");
        let mut names: Vec<_> =
            fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["config.toml", "lock", "run.json", "words.txt"]);
    }
}

#[test]
fn a_beginning_that_fails_leaves_a_folder_that_can_be_begun() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("run");
    let failed = RunDir::create(&path, &manifest("a", 0), CONFIG_TEXT, &[], |run| {
        atomic::create_folder(&run.checkpoints_dir())?;
        bail!("no more")
    });
    fails(failed, "no more");
    let names: Vec<_> = fs::read_dir(&path).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(names, ["lock"]);
    RunDir::create(&path, &manifest("a", 0), CONFIG_TEXT, &[], |_| Ok(())).unwrap();
}

#[test]
fn a_run_that_lost_its_manifest_is_no_beginning() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("run");
    let create = || RunDir::create(&path, &manifest("a", 0), CONFIG_TEXT, &[], |_| Ok(()));
    drop(create().unwrap());
    fs::remove_file(path.join("run.json")).unwrap();
    fails(create(), "exists and is not empty; choose another --run-dir");
    fails(RunDir::read(&path), "it has no run.json");
    assert_eq!(fs::read_to_string(path.join("config.toml")).unwrap(), CONFIG_TEXT);
}

#[test]
fn a_lock_of_somebody_else_is_left_alone() {
    let root = tempfile::tempdir().unwrap();
    let (path, precious) = (root.path().join("run"), root.path().join("precious"));
    let create = || RunDir::create(&path, &manifest("a", 0), CONFIG_TEXT, &[], |_| Ok(()));
    fs::create_dir(&path).unwrap();
    for content in ["mine", "12 monkeys", "9999999999999", &"1".repeat(40)] {
        fs::write(path.join("lock"), content).unwrap();
        fails(create(), "lock is not the lock of a run; move it away");
        assert_eq!(fs::read_to_string(path.join("lock")).unwrap(), content);
    }
    fs::remove_file(path.join("lock")).unwrap();
    #[cfg(unix)]
    {
        fs::write(&precious, "").unwrap();
        std::os::unix::fs::symlink(&precious, path.join("lock")).unwrap();
        fails(create(), "lock is not the lock of a run");
        assert_eq!(fs::read(&precious).unwrap(), b"");
        fs::remove_file(path.join("lock")).unwrap();
    }
    create().unwrap();
    assert_eq!(fs::read_to_string(path.join("lock")).unwrap(), format!("{}\n", std::process::id()));
}

#[cfg(unix)]
#[test]
fn a_folder_that_was_moved_or_replaced_is_not_the_runs() {
    let root = tempfile::tempdir().unwrap();
    let (path, moved) = (root.path().join("run"), root.path().join("moved"));
    let create = || RunDir::create(&path, &manifest("a", 0), CONFIG_TEXT, &[], |_| Ok(())).unwrap();
    let run = create();
    run.expect_own().unwrap();
    fs::rename(&path, &moved).unwrap();
    fails(run.expect_own(), "was moved, removed or replaced while the run trained");
    let other = create();
    fails(run.expect_own(), "nothing more is written there");
    other.expect_own().unwrap();
    fs::rename(&path, root.path().join("other")).unwrap();
    fs::rename(&moved, &path).unwrap();
    run.expect_own().unwrap();
}

#[test]
fn a_second_holder_is_kept_out_until_the_first_goes() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("run");
    let run =
        RunDir::create(&path, &manifest("ptb-small", 0), CONFIG_TEXT, &[], |_| Ok(())).unwrap();
    fails(RunDir::resume(&path), "is in use by another process");
    #[cfg(unix)]
    fails(RunDir::resume(&path), &format!("(process {})", std::process::id()));
    drop(run);
    let mut run = RunDir::resume(&path).unwrap();
    run.replace_config("model = \"x\"\n").unwrap();
    assert_eq!(RunDir::read(&path).unwrap().config_text(), "model = \"x\"\n");
    fails(RunDir::resume(&path), "is in use");
}

#[test]
fn an_unwritable_place_fails_with_its_path() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("file");
    fs::write(&file, "").unwrap();
    let path = file.join("run");
    let error = RunDir::create(&path, &manifest("ptb-small", 0), CONFIG_TEXT, &[], |_| Ok(()));
    fails(error, &path.display().to_string());
    fails(make_free(&file, "ptb", "ptb-small", at(0)), &file.display().to_string());
}

#[test]
fn a_folder_that_is_no_run_says_what_is_missing_and_what_is_near() {
    let root = tempfile::tempdir().unwrap();
    let run = root.path().join("ptb-1");
    drop(RunDir::create(&run, &manifest("ptb-small", 0), CONFIG_TEXT, &[], |_| Ok(())).unwrap());
    let near = format!("runs near it: {}", run.display());
    fails(RunDir::read(&root.path().join("nope")), "it does not exist");
    fails(RunDir::read(&root.path().join("nope")), &near);
    fails(RunDir::read(root.path()), "it has no run.json");
    fails(RunDir::resume(root.path()), &near);
    let point = root.path().join("sweep/points/0001");
    drop(RunDir::create(&point, &manifest("ptb-small", 0), CONFIG_TEXT, &[], |_| Ok(())).unwrap());
    fails(RunDir::read(&root.path().join("sweep")), &format!("runs near it: {}", point.display()));
    fs::remove_file(run.join("config.toml")).unwrap();
    fails(RunDir::read(&run), "it has no config.toml");
    fs::write(run.join("config.toml"), CONFIG_TEXT).unwrap();
    fs::write(run.join("run.json"), "{\"format\": 99, \"new\": 1}").unwrap();
    fails(RunDir::read(&run), "has format 99, but this tfm reads only up to 1");
    fs::write(run.join("run.json"), "{").unwrap();
    fails(RunDir::read(&run), "is not the manifest of a run");
}

#[test]
fn default_names_are_free_and_not_doubled() {
    let root = tempfile::tempdir().unwrap();
    let name = |model: &str, preset: &str| {
        let path = make_free(root.path(), model, preset, at(0)).unwrap();
        assert!(path.is_dir());
        path.file_name().unwrap().to_str().unwrap().to_owned()
    };
    assert_eq!(name("ptb", "mine"), "ptb-mine-20261122-171500");
    assert_eq!(name("ptb", "ptb"), "ptb-20261122-171500");
    for expect in ["", "-2", "-3"] {
        assert_eq!(name("ptb", "ptb-small"), format!("ptb-small-20261122-171500{expect}"));
    }
}

#[test]
fn the_newest_run_is_the_one_started_last() {
    let root = tempfile::tempdir().unwrap();
    let newest = |preset: &str| newest(root.path(), "ptb", preset);
    fails(newest("ptb-small"), "there are no runs");
    for (name, preset, started) in
        [("z", "ptb-small", 1), ("a", "ptb-small", 5), ("m", "ptb-large", 9)]
    {
        let path = root.path().join(name);
        drop(
            RunDir::create(&path, &manifest(preset, started), CONFIG_TEXT, &[], |_| Ok(()))
                .unwrap(),
        );
    }
    fs::create_dir(root.path().join("other")).unwrap();
    assert_eq!(newest("ptb-small").unwrap(), root.path().join("a"));
    assert_eq!(newest("ptb-large").unwrap(), root.path().join("m"));
    fails(newest("ptb-medium"), "no run of ptb with preset ptb-medium in");
    fails(newest("ptb-medium"), &root.path().join("z").display().to_string());
    fails(super::newest(&root.path().join("none"), "ptb", "p"), "none");
}

/// The folder that the process started by the next test holds.
const HELD: &str = "TFM_TEST_HELD_RUN";

/// Not a test by itself: the other process of the next one.
#[test]
fn holds_a_run_until_it_is_killed() {
    let Some(path) = std::env::var_os(HELD) else { return };
    let path = Path::new(&path);
    let run =
        RunDir::create(path, &manifest("ptb-small", 0), CONFIG_TEXT, &[], |_| Ok(())).unwrap();
    run.write("held", b"").unwrap();
    std::thread::sleep(Duration::from_secs(60));
}

#[test]
fn the_lock_goes_with_a_killed_process() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("run");
    let mut holder = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "run::tests::holds_a_run_until_it_is_killed"])
        .env(HELD, &path)
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    while !path.join("held").exists() {
        assert!(holder.try_wait().unwrap().is_none(), "the holder ended early");
        std::thread::sleep(Duration::from_millis(5));
    }
    let held = RunDir::resume(&path);
    let read = RunDir::read(&path);
    holder.kill().unwrap();
    holder.wait().unwrap();
    fails(held, "is in use by another process");
    read.unwrap();
    RunDir::resume(&path).unwrap();
}

#[test]
fn dates_are_right() {
    // As `date -u -d @SECONDS +%FT%T` prints them.
    let time = UNIX_EPOCH + Duration::from_millis(1_795_367_700_250);
    assert_eq!(rfc3339(time), "2026-11-22T17:15:00.250Z");
    assert_eq!(compact_time(time), "20261122-171500");
    assert_eq!(rfc3339(UNIX_EPOCH - Duration::from_secs(1)), "1970-01-01T00:00:00.000Z");
}
