//! `tfm data verify`.

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args;
use serde::Serialize;

use super::sets_parser;
use crate::data::fetch::{self, DataSet, FileCheck, FileState, Presence};
use crate::models::options::{DataOptions, OutputOptions};

#[derive(Args, Debug)]
#[command(after_long_help = NOTE)]
pub(super) struct Verify {
    /// The data sets [default: those of which something is there]
    #[arg(value_name = "SET", value_parser = sets_parser())]
    sets: Vec<String>,

    #[command(flatten)]
    data: DataOptions,
    #[command(flatten)]
    output: OutputOptions,
}

const NOTE: &str = "Ends with code 1 where a file is wrong or missing.";

#[derive(Serialize)]
struct Report {
    ok: bool,
    files: Vec<File>,
}

#[derive(Serialize)]
struct File {
    set: &'static str,
    path: PathBuf,
    /// `ok`, `missing` or `wrong`.
    state: &'static str,
    /// What a wrong file has instead.
    found: Option<String>,
    md5: &'static str,
}

pub(super) fn run(verify: &Verify) -> Result<()> {
    verify.output.init_logging();
    let mut files = Vec::new();
    for set in sets(verify)? {
        let checks = fetch::verify(set, &verify.data.data_dir)?;
        files.extend(checks.into_iter().map(|check| file(set, check)));
    }
    let failed: Vec<_> = files.iter().filter(|file| file.state != "ok").map(|f| f.set).collect();
    let (n_failed, n_files) = (failed.len(), files.len());
    let first = failed.first().copied();
    let text = match files.is_empty() {
        true => format!("no data set is in {}", verify.data.data_dir.display()),
        false => files.iter().map(text).collect::<Vec<_>>().join("\n"),
    };
    verify.output.report(&Report { ok: first.is_none(), files }, text)?;
    match first {
        None => Ok(()),
        Some(set) => bail!(
            "{n_failed} of {n_files} files are wrong or missing; `{}` brings what is missing, with \
             --force also in the place of what is wrong",
            fetch::command(fetch::find(set)?, &verify.data.data_dir)
        ),
    }
}

fn sets(verify: &Verify) -> Result<Vec<&'static DataSet>> {
    if !verify.sets.is_empty() {
        return verify.sets.iter().map(|name| fetch::find(name)).collect();
    }
    let statuses = fetch::list(&verify.data.data_dir);
    let there = |status: &&fetch::SetStatus| status.presence != Presence::Missing;
    Ok(statuses.iter().filter(there).map(|status| status.set).collect())
}

fn file(set: &'static DataSet, check: FileCheck) -> File {
    let (state, found) = match check.state {
        FileState::Ok => ("ok", None),
        FileState::Missing => ("missing", None),
        FileState::Wrong { found } => ("wrong", Some(found)),
    };
    File { set: &set.name, path: check.path, state, found, md5: &check.file.md5 }
}

fn text(file: &File) -> String {
    let (state, path) = (file.state, file.path.display());
    match &file.found {
        None => format!("{state:<8} {path}"),
        Some(found) => format!("{state:<8} {path}: {found}, expected md5 {}", file.md5),
    }
}
