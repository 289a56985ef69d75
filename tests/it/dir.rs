//! A temporary folder and the program `tfm` in it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// The program, undisturbed by the environment of whoever runs the tests.
pub fn tfm() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tfm"));
    for name in ["TFM_DATA_DIR", "TFM_ISA", "http_proxy", "https_proxy", "all_proxy", "no_proxy"] {
        command.env_remove(name).env_remove(name.to_uppercase());
    }
    for name in ["HOME", "ENDPOINT", "TOKEN", "TOKEN_PATH", "HUB_CACHE", "HUB_OFFLINE"] {
        command.env_remove(format!("HF_{name}"));
    }
    command.env("NO_COLOR", "1").stdin(Stdio::null());
    command
}

/// An empty folder that goes with the value.
pub struct Dir(TempDir);

/// What a command said and how it ended.
#[derive(Debug)]
pub struct Said {
    pub stdout: String,
    pub stderr: String,
    pub code: i32,
}

impl Dir {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes a file, with the folders above it.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    /// Runs `tfm` in the folder; `line` is split at spaces.
    pub fn tfm(&self, line: &str) -> Said {
        self.run(tfm().args(line.split_whitespace()))
    }

    /// As [`Dir::tfm`], on one thread: the tests themselves run side by side.
    pub fn one_thread(&self, line: &str) -> Said {
        self.tfm(&format!("{line} --threads 1"))
    }

    /// Runs a command in the folder.
    pub fn run(&self, command: &mut Command) -> Said {
        let Output { status, stdout, stderr } = command.current_dir(self.path()).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Said {
            stdout: text(stdout),
            stderr: text(stderr),
            code: status.code().expect("no signal ended it"),
        }
    }

    /// Every file in the folder, as sorted paths with `/`.
    pub fn files(&self) -> Vec<String> {
        let mut files = Vec::new();
        let mut folders = vec![self.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let path = path.strip_prefix(self.path()).unwrap();
                    files.push(path.to_str().unwrap().replace('\\', "/"));
                }
            }
        }
        files.sort();
        files
    }
}

impl Said {
    /// The output of a command that succeeded.
    #[track_caller]
    pub fn ok(self) -> String {
        assert_eq!(self.code, 0, "{self:?}");
        self.stdout
    }

    /// The JSON object on stdout, whatever the exit code.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        assert_eq!(self.stdout.lines().count(), 1, "{self:?}");
        serde_json::from_str(&self.stdout).unwrap()
    }

    /// Fails unless the command ended with `code` and said each of `parts` on stderr.
    #[track_caller]
    pub fn fails(&self, code: i32, parts: &[&str]) {
        assert_eq!(self.code, code, "{self:?}");
        for part in parts {
            assert!(self.stderr.contains(part), "{part:?} is not in {self:?}");
        }
        assert_eq!(self.stderr.matches("error: ").count(), 1, "{self:?}");
        assert!(!self.stderr.contains("panicked"), "{self:?}");
    }
}
