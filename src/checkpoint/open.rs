//! Reading a checkpoint.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail, ensure};
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use serde::Deserialize;

use super::folder::{BEST, step_path};
use super::header::{self, Verified};
use super::{FORMAT, Meta, Selector, steps};
use crate::system::mapped::{self, Mapped};

/// A checkpoint whose bytes are all checked.
#[derive(Debug)]
pub struct Checkpoint {
    /// The file.
    pub path: PathBuf,
    /// Everything but the tensors.
    pub meta: Meta,
    pub(super) header: Verified,
    bytes: Mapped,
}

impl Checkpoint {
    /// Opens the file `path` itself.
    ///
    /// # Errors
    /// It cannot be read, is damaged, or was written by a newer tfm.
    pub fn open(path: &Path) -> Result<Self> {
        read(path)?
    }

    /// The names of the tensors, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.header.infos.keys().map(String::as_str)
    }

    /// The tensor `name`: its bytes (little-endian, row-major) are in the file.
    ///
    /// # Errors
    /// There is no tensor of that name.
    pub fn tensor(&self, name: &str) -> Result<TensorView<'_>> {
        let info = self.header.infos.get(name).with_context(|| {
            format!("the checkpoint {} has no tensor {name}", self.path.display())
        })?;
        let start = self.header.data_start;
        let data = &self.bytes[start + info.data_offsets.0..start + info.data_offsets.1];
        TensorView::new(info.dtype, info.shape.clone(), data)
            .with_context(|| format!("tensor {name} in {}", self.path.display()))
    }
}

/// Opens a checkpoint in the folder `dir`.
///
/// [`Selector::Last`] is the newest intact one, including the best: a damaged newer one is named in
/// a warning. A step whose file is gone is found in `best.safetensors` if it was the best.
///
/// # Errors
/// There is no such checkpoint (the existing ones are listed), the requested one is damaged, or it
/// was written by a newer tfm. If all trained checkpoints are damaged, [`Selector::Last`] does not
/// fall back to step 0.
pub fn open(dir: &Path, choice: Selector) -> Result<Checkpoint> {
    match choice {
        Selector::Last => last(dir),
        Selector::Best => {
            let path = dir.join(BEST);
            ensure!(path.exists(), "no best checkpoint in {}; {}", dir.display(), existing(dir)?);
            opened(dir, &path)
        }
        Selector::Step(step) => {
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

/// Everything but the tensors of the newest checkpoint in the folder `dir`; `None` without a
/// checkpoint. Its tensors are not read, so they may be damaged.
///
/// # Errors
/// The file cannot be read, or its header is damaged.
pub fn newest_meta(dir: &Path) -> Result<Option<Meta>> {
    let Some(step) = steps(dir)?.pop() else { return Ok(None) };
    let path = step_path(dir, step);
    let read = || -> Result<Meta> {
        let mut file = fs::File::open(&path)?;
        let mut start = [0; 8];
        file.read_exact(&mut start)?;
        let length = header::length(start);
        ensure!(length <= file.metadata()?.len(), "the file ends in the header");
        let mut bytes = start.to_vec();
        file.take(length - start.len() as u64).read_to_end(&mut bytes)?;
        Ok(serde_json::from_str(&header::meta_of(&bytes)?)?)
    };
    read().map(Some).with_context(|| format!("cannot read {}", path.display()))
}

/// Whether there is a checkpoint in the folder `dir`.
///
/// # Errors
/// The folder cannot be read.
pub fn exists(dir: &Path) -> Result<bool> {
    Ok(!steps(dir)?.is_empty() || dir.join(BEST).exists())
}

fn opened(dir: &Path, path: &Path) -> Result<Checkpoint> {
    match read(path)? {
        Ok(checkpoint) => Ok(checkpoint),
        // Only now, since that reads the best one too.
        Err(damage) => bail!("{damage:#}; {}", existing(dir)?),
    }
}

fn last(dir: &Path) -> Result<Checkpoint> {
    ensure!(
        exists(dir)?,
        "no checkpoint in {}; the run ended before its first checkpoint; train it again",
        dir.display()
    );
    let mut damages = Vec::new();
    let mut found: Option<Checkpoint> = None;
    for &step in steps(dir)?.iter().rev() {
        match read(&step_path(dir, step))? {
            Ok(checkpoint) => {
                found = Some(checkpoint);
                break;
            }
            Err(damage) => damages.push(damage.to_string()),
        }
    }
    let (best, mut is_best) = (dir.join(BEST), false);
    // Where a later step is damaged or none is there, the best may be the newest.
    if (found.is_none() || !damages.is_empty()) && best.exists() {
        let is_newer =
            |best: &Checkpoint| found.as_ref().is_none_or(|found| best.meta.step > found.meta.step);
        match read(&best)? {
            Ok(best) if is_newer(&best) => (found, is_best) = (Some(best), true),
            Ok(_) => {}
            Err(damage) => damages.push(damage.to_string()),
        }
    }
    let damages = damages.join("; ");
    let Some(found) = found else {
        bail!("no checkpoint in {} is intact: {damages}", dir.display())
    };
    if !damages.is_empty() {
        ensure!(
            found.meta.step > 0,
            "{damages}; only the untrained checkpoint (step 0) is intact; use --checkpoint 0, or \
             move the damaged files away and resume from it"
        );
        let source = if is_best { " (best.safetensors)" } else { "" };
        tracing::warn!("{damages}; using step {}{source} instead", found.meta.step);
    }
    Ok(found)
}

/// What there is, for a message.
fn existing(dir: &Path) -> Result<String> {
    let mut all: Vec<_> = steps(dir)?.iter().map(u64::to_string).collect();
    if let Some(step) = best_step(dir) {
        all.push(format!("best (step {step})"));
    }
    Ok(match all.is_empty() {
        true => "there are none".to_owned(),
        false => format!("there are: {}", all.join(", ")),
    })
}

fn best_step(dir: &Path) -> Option<u64> {
    let path = dir.join(BEST);
    path.exists().then(|| read(&path).ok()?.ok()).flatten().map(|best| best.meta.step)
}

/// The checkpoint at `path`; the inner error says what it is instead, or how it is damaged.
///
/// # Errors
/// The outer one: what an older checkpoint would not mend, an unreadable file or one of a
/// newer tfm, which must not be passed over and lost.
fn read(path: &Path) -> Result<Result<Checkpoint>> {
    let cannot = || format!("cannot read {}", path.display());
    if !fs::metadata(path).with_context(cannot)?.is_file() {
        return Ok(Err(anyhow!("{} is not a file", path.display())));
    }
    let bytes = mapped::open(path).with_context(cannot)?;
    let damaged = |damage| anyhow!("the checkpoint {} is damaged: {damage:#}", path.display());
    let header = match header::verify(&bytes) {
        Ok(header) => header,
        Err(_) if header::is_foreign(&bytes) => {
            return Ok(Err(anyhow!(
                "{} is not a tfm checkpoint but a safetensors file of another program",
                path.display()
            )));
        }
        Err(damage) => return Ok(Err(damaged(damage))),
    };
    check_format(&header.tfm).with_context(cannot)?;
    let meta = serde_json::from_str(&header.tfm)
        .map_err(|error| damaged(anyhow!("its metadata is not that of a checkpoint: {error}")));
    Ok(meta.map(|meta| Checkpoint { path: path.to_owned(), meta, header, bytes }))
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
            "it has format {format}, but this tfm reads only up to {FORMAT}; use a newer tfm"
        );
    }
    Ok(())
}

impl Checkpoint {
    /// Compares model, names, types and shapes: exactly these tensors and no other.
    ///
    /// # Errors
    /// Every difference, a line each.
    pub fn expect<S: AsRef<str>, D: AsRef<[usize]>>(
        &self,
        model: &str,
        tensors: &[(S, Dtype, D)],
    ) -> Result<()> {
        let expected = table(tensors);
        let mut found = self.misfits(model, &expected);
        for (name, info) in &self.header.infos {
            if !expected.contains_key(name.as_str()) {
                found.push(format!("unexpected: {name} {}", shown(info.dtype, &info.shape)));
            }
        }
        self.report(model, &found)
    }

    /// As [`expect`](Self::expect), but other tensors may be there too: for a run that takes
    /// another's parameters and not its state.
    ///
    /// # Errors
    /// Every difference, a line each.
    pub fn expect_among<S: AsRef<str>, D: AsRef<[usize]>>(
        &self,
        model: &str,
        tensors: &[(S, Dtype, D)],
    ) -> Result<()> {
        self.report(model, &self.misfits(model, &table(tensors)))
    }

    fn misfits(&self, model: &str, expected: &Table<'_>) -> Vec<String> {
        let mut found = Vec::new();
        if self.meta.model != model {
            found.push(format!("model: {model} expected, {} in the file", self.meta.model));
        }
        for (&name, &(dtype, shape)) in expected {
            let expected = shown(dtype, shape);
            match self.header.infos.get(name) {
                None => found.push(format!("missing: {name} {expected}")),
                Some(info) if info.dtype != dtype || info.shape != shape => {
                    let actual = shown(info.dtype, &info.shape);
                    found.push(format!(
                        "wrong shape: {name} {expected} expected, {actual} in the file"
                    ));
                }
                Some(_) => {}
            }
        }
        found
    }

    fn report(&self, model: &str, found: &[String]) -> Result<()> {
        if found.is_empty() {
            return Ok(());
        }
        bail!(
            "the checkpoint {} does not fit this {model}:\n  {}",
            self.path.display(),
            found.join("\n  ")
        )
    }
}

type Table<'a> = BTreeMap<&'a str, (Dtype, &'a [usize])>;

fn table<S: AsRef<str>, D: AsRef<[usize]>>(tensors: &[(S, Dtype, D)]) -> Table<'_> {
    tensors.iter().map(|(name, dtype, shape)| (name.as_ref(), (*dtype, shape.as_ref()))).collect()
}

fn shown(dtype: Dtype, shape: &[usize]) -> String {
    format!("{dtype} {shape:?}")
}
