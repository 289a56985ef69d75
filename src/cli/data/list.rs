//! `tfm data list`.

use std::path::Path;

use anyhow::Result;
use clap::Args;
use serde::Serialize;

use crate::data::fetch::{self, SetStatus};
use crate::models::options::{DataOptions, OutputOptions};

#[derive(Args, Debug)]
pub(super) struct List {
    #[command(flatten)]
    data: DataOptions,
    #[command(flatten)]
    output: OutputOptions,
}

#[derive(Serialize)]
struct Report<'a> {
    data_dir: &'a Path,
    sets: Vec<Set<'a>>,
}

#[derive(Serialize)]
struct Set<'a> {
    name: &'static str,
    about: &'static str,
    terms: &'static str,
    /// `present`, `partial` or `missing`.
    presence: &'static str,
    path: &'a Path,
    bytes: u64,
}

pub(super) fn run(list: &List) -> Result<()> {
    list.output.init_logging();
    let data_dir = &list.data.data_dir;
    let all = fetch::list(data_dir);
    let text: Vec<_> = all.iter().map(text).collect();
    let sets = all.iter().map(set).collect();
    list.output.report(&Report { data_dir, sets }, text.join("\n"))
}

fn set(status: &SetStatus) -> Set<'_> {
    Set {
        name: &status.set.name,
        about: &status.set.about,
        terms: &status.set.terms,
        presence: status.presence.as_str(),
        path: &status.path,
        bytes: status.bytes,
    }
}

fn text(status: &SetStatus) -> String {
    let (name, presence) = (&status.set.name, status.presence.as_str());
    format!("{name:<12} {presence:<8} {}\n{:22}{}", status.path.display(), "", status.set.about)
}
