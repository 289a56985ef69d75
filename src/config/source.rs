//! `--config X`: a file or a compiled-in preset.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, anyhow, bail, ensure};

use super::document::Document;
use super::nearest::nearest;

/// The texts of files that are not regular files, by name: a pipe gives its text only once, but a
/// command may ask for it several times.
static READ_ONCE: Mutex<BTreeMap<String, String>> = Mutex::new(BTreeMap::new());
/// The maximum size of a config in bytes.
const MAX_LENGTH: u64 = 1 << 24;

/// A config that is compiled into the program.
#[derive(Clone, Copy, Debug)]
pub struct Preset {
    /// The name for `--config`, the file's stem: `ptb-small`.
    pub name: &'static str,
    /// The TOML text.
    pub text: &'static str,
}

/// The text of a config and its names.
#[derive(Clone, Debug)]
pub(super) struct ConfigText {
    /// How messages call it: `configs/x.toml` or `preset ptb-small`.
    pub label: String,
    /// The preset's name or the file's stem.
    pub name: String,
    pub text: String,
}

/// Which model the config `name` (as in [`load`](super::load)) is for: its top-level key
/// `model`.
///
/// # Errors
/// A config that cannot be found or parsed, or that has no `model = "…"`.
pub fn model_of(name: &str, presets: &[Preset]) -> Result<String> {
    let source = find(name, presets)?;
    let document = Document::parse(&source.label, &source.text)?;
    document.model()?.ok_or_else(|| {
        anyhow!("{}: no model; add a line such as model = \"ptb\" at its top", source.label)
    })
}

pub(super) fn find(name: &str, presets: &[Preset]) -> Result<ConfigText> {
    if is_path(name) {
        return read(name, presets);
    }
    match presets.iter().find(|preset| preset.name == name) {
        Some(preset) => Ok(ConfigText {
            label: format!("preset {name}"),
            name: name.to_owned(),
            text: preset.text.to_owned(),
        }),
        None => bail!(unknown(name, presets)),
    }
}

/// The text of the config `name` where that is a file and no preset.
///
/// # Errors
/// The file cannot be read.
pub fn text_of_file(name: &str) -> Result<Option<String>> {
    let read = || read_text(name).with_context(|| format!("cannot read {name}"));
    is_path(name).then(read).transpose()
}

fn is_path(name: &str) -> bool {
    name.ends_with(".toml") || name.contains(std::path::is_separator) || name.contains('/')
}

fn read(name: &str, presets: &[Preset]) -> Result<ConfigText> {
    let path = Path::new(name);
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let text = read_text(name).with_context(|| {
        match presets.iter().any(|preset| preset.name == stem) {
            true => format!("cannot read {name}; the preset of that name is --config {stem}"),
            false => format!("cannot read {name}"),
        }
    })?;
    Ok(ConfigText { label: name.to_owned(), name: stem, text })
}

fn read_text(name: &str) -> Result<String> {
    let mut known = READ_ONCE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(text) = known.get(name) {
        return Ok(text.clone());
    }
    let (file, mut text) = (File::open(name)?, String::new());
    let is_plain = file.metadata()?.is_file();
    file.take(MAX_LENGTH + 1).read_to_string(&mut text)?;
    ensure!(text.len() as u64 <= MAX_LENGTH, "it is longer than {} MiB", MAX_LENGTH >> 20);
    if !is_plain {
        known.insert(name.to_owned(), text.clone());
    }
    Ok(text)
}

fn unknown(name: &str, presets: &[Preset]) -> String {
    let names: Vec<_> = presets.iter().map(|preset| preset.name).collect();
    let hint = nearest(name, names.iter().copied())
        .map(|name| format!("did you mean \"{name}\"? "))
        .unwrap_or_default();
    format!(
        "unknown preset \"{name}\"; {hint}the presets are: {}; a file name must end in .toml",
        names.join(", ")
    )
}
