//! Reading a checkpoint.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, Error, Result, anyhow, bail, ensure};
use memmap2::Mmap;
use safetensors::tensor::TensorView;
use serde::Deserialize;

use super::folder::{BEST, step_path};
use super::header::{self, Verified};
use super::{Choice, FORMAT, Meta, steps};

/// A memory-mapped checkpoint, every byte of which was checked.
#[derive(Debug)]
pub struct Checkpoint {
    /// The file.
    pub path: PathBuf,
    /// Everything but the tensors.
    pub meta: Meta,
    pub(super) header: Verified,
    map: Mmap,
}

impl Checkpoint {
    /// Opens the file `path` itself.
    ///
    /// # Errors
    /// It cannot be read, is damaged, or was written by a newer tfm.
    pub fn open(path: &Path) -> Result<Self> {
        read(path)?.map_err(|damage| damaged(path, &damage))
    }

    /// The names of the tensors, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.header.infos.keys().map(String::as_str)
    }

    /// The tensor `name`: its bytes (little-endian, row-major) lie in the file.
    ///
    /// # Errors
    /// There is none of that name.
    pub fn tensor(&self, name: &str) -> Result<TensorView<'_>> {
        let info = self.header.infos.get(name).with_context(|| {
            format!("the checkpoint {} has no tensor {name}", self.path.display())
        })?;
        let start = self.header.data_start;
        let data = &self.map[start + info.data_offsets.0..start + info.data_offsets.1];
        TensorView::new(info.dtype, info.shape.clone(), data)
            .with_context(|| format!("tensor {name} in {}", self.path.display()))
    }
}

/// Opens a checkpoint in the folder `dir`.
///
/// The last is the newest one that is whole: a damaged newer one is named in a warning. A
/// step whose file is gone is found in `best.safetensors` if it was the best.
///
/// # Errors
/// There is no such checkpoint (says which there are), the one that was asked for is
/// damaged, or it was written by a newer tfm.
pub fn open(dir: &Path, choice: Choice) -> Result<Checkpoint> {
    match choice {
        Choice::Last => last(dir),
        Choice::Best => {
            let path = dir.join(BEST);
            ensure!(path.exists(), "no best checkpoint in {}; {}", dir.display(), existing(dir)?);
            opened(dir, &path)
        }
        Choice::Step(step) => {
            let path = step_path(dir, step);
            if path.exists() {
                return opened(dir, &path);
            }
            match best_step(dir) {
                Some(best) if best == step => opened(dir, &dir.join(BEST)),
                _ => bail!("no checkpoint of step {step} in {}; {}", dir.display(), existing(dir)?),
            }
        }
    }
}

fn opened(dir: &Path, path: &Path) -> Result<Checkpoint> {
    let others = existing(dir)?;
    read(path)?.map_err(|damage| anyhow!("{:#}; {others}", damaged(path, &damage)))
}

fn last(dir: &Path) -> Result<Checkpoint> {
    let steps = steps(dir)?;
    let best = Some(dir.join(BEST)).filter(|path| path.exists());
    ensure!(
        !steps.is_empty() || best.is_some(),
        "no checkpoint in {}; the run ended before its first, train it again",
        dir.display()
    );
    let newest_first = steps.iter().rev().map(|&step| step_path(dir, step));
    let mut found = Vec::new();
    // The best may be the oldest that is left.
    for path in newest_first.chain(best) {
        match read(&path)? {
            Ok(checkpoint) => return Ok(checkpoint),
            Err(damage) => {
                let damage = damaged(&path, &damage);
                tracing::warn!("{damage:#}; trying the one before it");
                found.push(format!("{damage:#}"));
            }
        }
    }
    bail!("no checkpoint in {} is whole: {}", dir.display(), found.join("; "))
}

fn damaged(path: &Path, damage: &Error) -> Error {
    anyhow!("the checkpoint {} is damaged: {damage:#}", path.display())
}

/// What there is, for a message.
fn existing(dir: &Path) -> Result<String> {
    let mut all: Vec<_> = steps(dir)?.iter().map(u64::to_string).collect();
    if let Some(step) = best_step(dir) {
        all.push(format!("best (step {step})"));
    }
    Ok(match all.is_empty() {
        true => "there is none".to_owned(),
        false => format!("there are: {}", all.join(", ")),
    })
}

fn best_step(dir: &Path) -> Option<u64> {
    let path = dir.join(BEST);
    path.exists().then(|| read(&path).ok()?.ok()).flatten().map(|best| best.meta.step)
}

/// The checkpoint at `path`; the inner error says how it is damaged.
///
/// # Errors
/// The outer one: what an older checkpoint would not mend, an unreadable file or one of a
/// newer tfm, which must not be passed over and lost.
fn read(path: &Path) -> Result<Result<Checkpoint, Error>> {
    let map = map(path).with_context(|| format!("cannot read {}", path.display()))?;
    let bytes = map.as_deref().unwrap_or_default();
    let header = match header::verify(bytes) {
        Ok(header) => header,
        Err(damage) => return Ok(Err(damage)),
    };
    check_format(&header.tfm).with_context(|| format!("cannot read {}", path.display()))?;
    let meta = match serde_json::from_str(&header.tfm) {
        Ok(meta) => meta,
        Err(error) => return Ok(Err(anyhow!("its meta is not that of a checkpoint: {error}"))),
    };
    let Some(map) = map else { return Ok(Err(anyhow!("the file is empty"))) };
    Ok(Ok(Checkpoint { path: path.to_owned(), meta, header, map }))
}

/// The file's bytes; `None` for an empty file, which some systems cannot map.
#[allow(unsafe_code)]
fn map(path: &Path) -> io::Result<Option<Mmap>> {
    let file = File::open(path)?;
    if file.metadata()?.len() == 0 {
        return Ok(None);
    }
    // SAFETY: a checkpoint is never written to under its name, only replaced by a rename or
    // removed, so the bytes of this file do not change while they are mapped.
    unsafe { Mmap::map(&file) }.map(Some)
}

fn check_format(tfm: &str) -> Result<()> {
    /// Read first: a newer format may have other fields.
    #[derive(Deserialize)]
    struct Format {
        format: u32,
    }
    if let Ok(Format { format }) = serde_json::from_str(tfm) {
        ensure!(
            format <= FORMAT,
            "it has format {format}, this tfm reads up to {FORMAT}; use a newer tfm"
        );
    }
    Ok(())
}
