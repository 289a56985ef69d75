//! How a sweep begins: its points are checked, then its folder is written.

use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, Result, ensure};

use super::folder::{CONFIG, FORMAT, MANIFEST, Manifest, ROOT, SPEC, Sweep, is_sweep};
use super::points::{SweepPoint, check, points};
use super::spec::Spec;
use crate::atomic;
use crate::config;
use crate::models::{self, Entry};
use crate::run::{compact_time, rfc3339};
use crate::system::shell::quoted;
use crate::version::LONG;

/// Held by the process that begins a sweep.
const LOCK: &str = ".lock";

/// A sweep that is to be begun.
#[derive(Debug)]
pub struct Begin {
    /// The text of its file.
    pub text: String,
    /// What the text says.
    pub spec: Spec,
    /// Its points.
    pub points: Vec<SweepPoint>,
}

impl Begin {
    /// Understands the text of a sweep's file, and checks every point; `label` and `stem` as for
    /// [`Spec::parse`].
    ///
    /// # Errors
    /// Whatever keeps any of its points from being trained, as far as can be known without data.
    pub fn new(label: &str, stem: &str, text: String) -> Result<Self> {
        let mut spec = Spec::parse(label, stem, &text)?;
        let model = model(&spec)?;
        spec.take_types_of(model)?;
        let points = points(&spec).with_context(|| label.to_owned())?;
        check(&spec, model, &points).with_context(|| label.to_owned())?;
        spec.objective(model).with_context(|| label.to_owned())?;
        Ok(Self { text, spec, points })
    }
}

/// The model of a sweep.
pub(super) fn model(spec: &Spec) -> Result<&'static Entry> {
    let model = models::find(&spec.model);
    let names = || models::names().join(", ");
    let model = model
        .with_context(|| format!("there is no model {:?}; there are: {}", spec.model, names()))?;
    ensure!(model.verb("train").is_some(), "{} cannot be trained", model.name);
    Ok(model)
}

impl Sweep {
    /// The folder of a new sweep where none is given: `sweeps/<name>-<time>`.
    pub fn default_path(name: &str) -> PathBuf {
        let base = format!("{name}-{}", compact_time(SystemTime::now()));
        let copies = (2_u64..).map(|copy| format!("{base}-{copy}"));
        let mut names =
            [base.clone()].into_iter().chain(copies).map(|name| Path::new(ROOT).join(name));
        names.find(|path| !path.exists()).unwrap_or_else(|| Path::new(ROOT).join(base))
    }

    /// Begins a sweep in the folder `path`, which is made. Where `shared`, another process may have
    /// begun the same one there.
    ///
    /// # Errors
    /// The folder holds something else, another sweep, or, unless it is `shared`, this one.
    pub fn begin(path: &Path, begin: &Begin, shared: bool) -> Result<Self> {
        atomic::create_folder(path)?;
        let config = copy_of_config(&begin.spec)?;
        // Where it is full since another process has begun the sweep meanwhile, that is for the lock.
        if let Err(full) = refuse_full(path, &begin.text, config.as_ref())
            && !is_sweep(path)
        {
            return Err(full);
        }
        let lock =
            OpenOptions::new().write(true).create(true).truncate(false).open(path.join(LOCK));
        let lock = lock.with_context(|| format!("cannot write into {}", path.display()))?;
        // Where there are no locks two processes may write the same text.
        let _ = lock.lock();
        if is_sweep(path) {
            let sweep = Self::open(path)?;
            let (folder, name) = (path.display(), &sweep.manifest.name);
            ensure!(
                sweep.manifest.text == begin.text,
                "{folder} holds another sweep, {name}; choose another --dir"
            );
            ensure!(
                shared,
                "{folder} already holds this sweep; resume it with: tfm sweep resume {}",
                quoted(path)
            );
            return Ok(sweep);
        }
        refuse_full(path, &begin.text, config.as_ref())?;
        let Spec { name, model, .. } = &begin.spec;
        if let Some((name, text)) = &config {
            atomic::create_folder(&path.join(CONFIG))?;
            atomic::write(&path.join(CONFIG).join(name), text.as_bytes())?;
        }
        atomic::write(&path.join(SPEC), begin.text.as_bytes())?;
        let manifest = Manifest {
            format: FORMAT,
            name: name.clone(),
            model: model.clone(),
            text: begin.text.clone(),
            config: match &config {
                Some((name, _)) => Some(format!("{CONFIG}/{name}")),
                None => begin.spec.config.clone(),
            },
            config_text: config.map(|(_, text)| text),
            points: begin.points.clone(),
            tfm: LONG.to_owned(),
            started: rfc3339(SystemTime::now()),
            command: std::env::args_os().map(|arg| arg.to_string_lossy().into_owned()).collect(),
        };
        let json = serde_json::to_vec_pretty(&manifest).context("the sweep is not JSON")?;
        atomic::write(&path.join(MANIFEST), &json)?;
        Ok(Self { path: path.to_owned(), manifest, spec: begin.spec.clone() })
    }
}

/// The name and the text of a sweep's config, where that is a file.
fn copy_of_config(spec: &Spec) -> Result<Option<(String, String)>> {
    let Some(config) = &spec.config else { return Ok(None) };
    let name = Path::new(config).file_name().unwrap_or_default().to_string_lossy();
    Ok(config::text_of_file(config)?.map(|text| (name.into_owned(), text)))
}

/// An error if the folder holds anything but what a beginning that was killed has left: the same
/// texts, names for them that are not final yet, and a lock.
fn refuse_full(path: &Path, text: &str, config: Option<&(String, String)>) -> Result<()> {
    let holds = |file: &Path, text: &str| fs::read_to_string(file).is_ok_and(|there| there == text);
    let temporary = |name: &str| format!(".{name}.tmp");
    let is_own = |file: &Path, name: &str| match name {
        LOCK => fs::symlink_metadata(file).is_ok_and(|lock| lock.is_file() && lock.len() == 0),
        SPEC => holds(file, text),
        CONFIG => config.is_some_and(|(name, text)| {
            let files = names(file).unwrap_or_default();
            !file.is_symlink()
                && files.iter().all(|there| {
                    *there == temporary(name) || there == name && holds(&file.join(name), text)
                })
        }),
        name => [SPEC, MANIFEST].map(temporary).iter().any(|own| own == name),
    };
    for name in names(path)? {
        ensure!(
            is_own(&path.join(&name), &name),
            "the folder {} holds {name} and is not a sweep; choose another --dir",
            path.display()
        );
    }
    Ok(())
}

/// The names of what a folder holds.
fn names(folder: &Path) -> Result<Vec<String>> {
    let context = || format!("cannot read the folder {}", folder.display());
    let entries = fs::read_dir(folder).with_context(context)?;
    let name = |entry: std::io::Result<fs::DirEntry>| -> Result<String> {
        Ok(entry.with_context(context)?.file_name().to_string_lossy().into_owned())
    };
    entries.map(name).collect()
}
