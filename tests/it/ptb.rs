//! Small language models, trained in a second on text that the program makes itself, and a
//! look into their run folders.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::dir::{Dir, Said, tfm};

/// `tfm train ptb` with a small model: 19 steps an epoch. On one thread where `rest` does not
/// say otherwise, for the tests themselves run side by side.
pub fn train(rest: &str) -> String {
    let threads = if rest.contains("--threads") { "" } else { "--threads 1" };
    format!(
        "train ptb --config ptb-demo --set network.hidden_size=16 \
         --set data.grammar_words=4000 --set train.num_steps=10 {threads} {rest}"
    )
}

/// `lines` sentences of a few different words, each word with a space behind it.
pub fn text(lines: usize) -> String {
    (0..lines).map(|i| format!("a{} b{} c{} <unk> \n", i % 3, i * i % 5, i * 7 % 11)).collect()
}

/// A run folder.
pub struct Run(PathBuf);

impl Run {
    /// The run `name` in `dir`, which need not be there yet.
    pub fn of(dir: &Dir, name: &str) -> Self {
        Self(dir.path().join(name))
    }

    /// A file of the run.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The text of a file of the run; of one that is not there, none.
    pub fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// `run.json`.
    pub fn manifest(&self) -> Value {
        serde_json::from_str(&self.text("run.json")).unwrap()
    }

    /// The sorted names in a folder of the run, `.` being the run itself.
    pub fn names(&self, folder: &str) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.path(folder)) else { return Vec::new() };
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// The records of `metrics.jsonl`, without what depends on the moment.
    pub fn records(&self) -> Vec<Value> {
        let record = |line: &str| {
            let mut record: Value = serde_json::from_str(line).unwrap();
            record.as_object_mut().unwrap().remove("timing").unwrap();
            record
        };
        self.text("metrics.jsonl").lines().map(record).collect()
    }

    /// A metric of the last record of `phase`.
    pub fn last(&self, phase: &str, metric: &str) -> f64 {
        let records = self.records();
        let record = records.iter().rev().find(|record| record["phase"] == phase).unwrap();
        record["metrics"][metric].as_f64().unwrap()
    }

    /// The newest checkpoint: its name and its bytes.
    pub fn newest(&self) -> (String, Vec<u8>) {
        let names = self.names("checkpoints");
        let name = names.into_iter().rfind(|name| name.starts_with("step-")).unwrap();
        let bytes = self.checkpoint(&name);
        (name, bytes)
    }

    /// The bytes of a checkpoint.
    pub fn checkpoint(&self, name: &str) -> Vec<u8> {
        fs::read(self.path("checkpoints").join(name)).unwrap()
    }

    /// Fails unless the run has ended as `other` has: to the bit.
    #[track_caller]
    pub fn ends_as(&self, other: &Run) {
        assert_eq!(self.records(), other.records());
        let ((name, bytes), (other_name, other_bytes)) = (self.newest(), other.newest());
        assert_eq!(name, other_name);
        assert!(bytes == other_bytes, "{name} differs");
        let best = "best.safetensors";
        assert!(self.checkpoint(best) == other.checkpoint(best), "{best} differs");
    }
}

/// A `tfm` that runs beside the test, and not longer.
pub struct Background {
    child: Child,
    said: [PathBuf; 2],
}

impl Background {
    /// Starts `tfm` in `dir`; `line` is split at spaces.
    pub fn tfm(dir: &Dir, line: &str) -> Self {
        Self::start(dir, tfm().args(line.split_whitespace()))
    }

    /// Starts a command in `dir`.
    pub fn start(dir: &Dir, command: &mut Command) -> Self {
        let said = ["stdout.txt", "stderr.txt"].map(|name| dir.path().join(name));
        let [stdout, stderr] = said.each_ref().map(|path| File::create(path).unwrap());
        command.current_dir(dir.path()).stdout(stdout).stderr(stderr);
        let child = command.spawn().unwrap();
        Self { child, said }
    }

    /// The number of the process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has said on standard error.
    pub fn stderr(&self) -> String {
        fs::read_to_string(&self.said[1]).unwrap()
    }

    /// Waits until `holds`, or until the process has ended: whether it `holds`.
    pub fn until(&mut self, mut holds: impl FnMut(&Self) -> bool) -> bool {
        let start = Instant::now();
        loop {
            if holds(self) {
                return true;
            }
            if self.child.try_wait().unwrap().is_some() {
                return false;
            }
            assert!(start.elapsed() < Duration::from_secs(120), "too slow: {}", self.stderr());
            sleep(Duration::from_millis(1));
        }
    }

    /// Ends it at once, as SIGKILL does.
    pub fn kill(mut self) -> ExitStatus {
        self.child.kill().unwrap();
        self.child.wait().unwrap()
    }

    /// Waits for its end.
    pub fn end(mut self) -> Said {
        let status = self.child.wait().unwrap();
        let [stdout, stderr] = self.said.each_ref().map(|path| fs::read_to_string(path).unwrap());
        Said { stdout, stderr, code: status.code().expect("no signal ended it") }
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        // A test that fails leaves no process behind; one that has ended is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
