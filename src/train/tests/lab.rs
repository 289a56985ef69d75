//! Run folders in which processes train one after another.

use std::fs;
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};

use anyhow::Result;
use tempfile::TempDir;

use super::fake::{Calls, Fake, Killed, Plan, Trouble};
use crate::checkpoint::{self, Checkpoint, Meta, Selector};
use crate::metrics::{self, Record};
use crate::run::{FORMAT, Manifest, RunDir};
use crate::train::{Outcome, Training, restore};

/// A run folder.
pub(super) struct Lab(TempDir);

/// How a process ended, and what it called.
pub(super) struct Ended {
    /// `None` where it was killed.
    pub result: Option<Result<(Outcome, u64)>>,
    pub calls: Vec<String>,
}

/// All that a run leaves, but for times.
#[derive(Debug, PartialEq)]
pub(super) struct End {
    meta: Meta,
    numbers: Vec<u8>,
    best: Option<u64>,
    records: Vec<Record>,
}

/// The calls and the end of a run that nothing disturbs.
pub(super) fn undisturbed(plan: &Plan) -> (Vec<String>, End) {
    let lab = Lab::new();
    let ended = lab.start(plan, None);
    assert_eq!(ended.outcome(), (Outcome::Finished, plan.total));
    (ended.calls, lab.end())
}

/// The steps among calls.
pub(super) fn steps(calls: &[String]) -> Vec<u64> {
    calls.iter().filter_map(|call| call.strip_prefix("step ")?.parse().ok()).collect()
}

impl Ended {
    #[track_caller]
    pub fn outcome(&self) -> (Outcome, u64) {
        match &self.result {
            Some(Ok(outcome)) => *outcome,
            Some(Err(error)) => panic!("{error:#}"),
            None => panic!("killed"),
        }
    }

    #[track_caller]
    pub fn error(&self) -> String {
        match &self.result {
            Some(Err(error)) => format!("{error:#}"),
            other => panic!("no error but {other:?}"),
        }
    }
}

impl Lab {
    pub fn new() -> Self {
        let lab = Self(folder());
        let manifest = Manifest {
            format: FORMAT,
            model: "fake".into(),
            preset: "fake".into(),
            version: "0.1.0".into(),
            git_revision: "unknown".into(),
            device: "cpu".into(),
            isa: "portable".into(),
            threads: 1,
            seed: 1,
            init_from: String::new(),
            data: "none".into(),
            started: "2026-11-22T17:15:00Z".into(),
            command: vec!["tfm".into()],
            provenance: Default::default(),
        };
        RunDir::create(&lab.path(), &manifest, "model = \"fake\"\n", &[], |_| Ok(())).unwrap();
        lab
    }

    /// A process that begins the run.
    pub fn start(&self, plan: &Plan, trouble: Option<(usize, Trouble)>) -> Ended {
        self.process(plan, trouble, false)
    }

    /// A process that continues with the run.
    pub fn resume(&self, plan: &Plan, trouble: Option<(usize, Trouble)>) -> Ended {
        self.process(plan, trouble, true)
    }

    /// Continues with the run to its end, and holds the end to that of another run.
    #[track_caller]
    pub fn ends_as(&self, plan: &Plan, end: &End, context: &str) -> Ended {
        let ended = self.resume(plan, None);
        assert_eq!(ended.outcome(), (Outcome::Finished, plan.total), "{context}");
        assert_eq!(&self.end(), end, "{context}");
        ended
    }

    fn process(&self, plan: &Plan, trouble: Option<(usize, Trouble)>, resumes: bool) -> Ended {
        let run = RunDir::resume(&self.path()).unwrap();
        let calls = Calls::new(trouble);
        let config = &plan.checkpoint;
        let mut task = Fake::new(plan, &calls);
        let process = AssertUnwindSafe(|| {
            let training = if resumes {
                let restored = restore(&mut task, &run)?;
                Training::resume(restored, &mut task, &run, config, &calls.shutdown)
            } else {
                Training::start(&mut task, &run, config, &calls.shutdown)
            };
            training?.pause_at(plan.pause_at).run()
        });
        let result = match panic::catch_unwind(process) {
            Ok(result) => Some(result),
            Err(killed) if killed.is::<Killed>() => None,
            Err(assertion) => panic::resume_unwind(assertion),
        };
        Ended { result, calls: calls.into_names() }
    }

    pub fn path(&self) -> PathBuf {
        self.0.path().join("run")
    }

    pub fn checkpoints_dir(&self) -> PathBuf {
        self.path().join("checkpoints")
    }

    pub fn metrics_path(&self) -> PathBuf {
        self.path().join("metrics.jsonl")
    }

    /// The records, without times.
    pub fn records(&self) -> Vec<Record> {
        without_times(&self.metrics_path())
    }

    /// The records that were moved out of the way, of all files.
    pub fn orphans(&self) -> Vec<Record> {
        let names = names(&self.path());
        let orphans = names.iter().filter(|name| name.starts_with("metrics.orphan-"));
        orphans.flat_map(|name| without_times(&self.path().join(name))).collect()
    }

    /// The names in the folder of checkpoints, sorted.
    pub fn checkpoints(&self) -> Vec<String> {
        names(&self.checkpoints_dir())
    }

    /// The checkpoint that a run continues from, if there is one.
    pub fn last(&self) -> Option<Checkpoint> {
        checkpoint::open(&self.checkpoints_dir(), Selector::Last).ok()
    }

    /// The step of the best checkpoint, if it is there and whole.
    pub fn best(&self) -> Option<u64> {
        checkpoint::open(&self.checkpoints_dir(), Selector::Best).ok().map(|best| best.meta.step)
    }

    pub fn end(&self) -> End {
        let last = self.last().unwrap();
        let numbers = last.tensor("numbers").unwrap().data().to_vec();
        End { numbers, best: self.best(), meta: last.meta, records: self.records() }
    }

    /// Holds every checkpoint of the folder to be whole, and nothing else to be there.
    #[track_caller]
    pub fn check_checkpoints(&self) {
        for name in self.checkpoints() {
            Checkpoint::open(&self.checkpoints_dir().join(&name)).unwrap();
            assert!(name.ends_with(".safetensors"), "{name}");
        }
    }
}

/// An empty folder, in memory where the system has a place for it: runs wait for the disk at
/// every save, and these tests save thousands of times.
fn folder() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

fn without_times(path: &Path) -> Vec<Record> {
    let mut records = metrics::read(path).unwrap();
    records.iter_mut().for_each(|record| record.timing.clear());
    records
}

/// The names in a folder, sorted; none where there is no folder.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
