//! The places that a data set can come from, and how each gives its files.

use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow, bail, ensure};

use super::archive::extract;
use super::download::{Address, Client};
use super::hash::Hash;
use super::hub::{self, HubFile};
use super::partial::{Partial, file_name};
use super::place::store;
use super::sets::{DataFile, DataSet, Mirror};
use super::{Event, Local, LocalContext};

/// A place that a data set can come from.
#[derive(Debug, Clone)]
pub(super) enum Origin {
    /// An address.
    Web(Mirror),
    /// An archive on this machine.
    Archive(PathBuf),
    /// The one file of a set on this machine.
    File(PathBuf),
    /// A folder on this machine that holds the files.
    Folder(PathBuf),
    /// An archive or one of the files, on the Hugging Face hub.
    Hub(HubFile),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Web(Mirror::Archive(url) | Mirror::Files(url)) => f.write_str(url),
            Origin::Archive(path) | Origin::File(path) | Origin::Folder(path) => {
                write!(f, "{}", path.display())
            }
            Origin::Hub(file) => write!(f, "{file}"),
        }
    }
}

impl Origin {
    /// What the value of `--from` means: a web address (one that ends with `/` holds the single
    /// files, any other is an archive where the set comes as one), a file of the hub, a folder, an
    /// archive, or the one file of a set.
    pub(super) fn parse(from: &str, set: &DataSet) -> Result<Self> {
        if HubFile::is_meant(from) {
            return Ok(Origin::Hub(from.parse()?));
        }
        if from.starts_with("http://") || from.starts_with("https://") {
            return Ok(Origin::Web(if set.is_archived() && !from.ends_with('/') {
                Mirror::Archive(from.into())
            } else {
                Mirror::Files(format!("{}/", from.trim_end_matches('/')))
            }));
        }
        if let Some((scheme, _)) = from.split_once("://") {
            bail!("{from}: addresses must begin with http:// or https://, not {scheme}://");
        }
        let path = PathBuf::from(from);
        if path.is_dir() {
            Ok(Origin::Folder(path))
        } else if path.is_file() && !set.is_archived() && set.files.len() == 1 {
            Ok(Origin::File(path))
        } else if path.is_file() && !set.is_archived() {
            bail!(
                "{from} is a file, but {} consists of several files: give the folder that holds \
                 them",
                set.name
            )
        } else if path.is_file() {
            Ok(Origin::Archive(path))
        } else {
            bail!(
                "{from}: no such file or folder; give a .tgz, a folder that holds the files, a web \
                 address, or hf:OWNER/REPO/FILE of the Hugging Face hub"
            )
        }
    }
}

/// What [`obtain`] works for: the files of `set` that are wanted, and where they go.
pub(super) struct FetchJob<'a> {
    pub(super) client: &'a Client,
    pub(super) set: &'static DataSet,
    pub(super) wanted: &'a [&'static DataFile],
    /// Where partial downloads are kept.
    pub(super) partials: &'a Path,
    /// Where the checked files go, each under its name.
    pub(super) folder: &'a Path,
}

impl FetchJob<'_> {
    /// Files that no earlier source has given: those in `folder` are checked already.
    pub(super) fn open(&self) -> Vec<&'static DataFile> {
        self.wanted.iter().copied().filter(|file| !self.has(file)).collect()
    }

    /// Whether a source has given the file.
    pub(super) fn has(&self, file: &DataFile) -> bool {
        self.folder.join(&file.name).exists()
    }
}

/// Brings the wanted files from `source` and checks each.
pub(super) fn obtain(
    job: &FetchJob<'_>,
    source: &Origin,
    on_event: &mut dyn FnMut(Event<'_>),
) -> Result<()> {
    let files = job.open();
    match source {
        Origin::Web(Mirror::Archive(url)) => {
            downloaded(job, url, on_event, |archive, tell| unpack(job, archive, tell))
        }
        Origin::Web(Mirror::Files(base)) => files.iter().try_for_each(|file| {
            let url = file.address(base);
            downloaded(job, &url, on_event, |path, _| store_file(job, path, &url, file))
        }),
        Origin::Archive(path) => unpack(job, path, on_event),
        Origin::Hub(hub_file) => {
            let path = hub::bring(job.client, hub_file, on_event)?;
            match files.iter().find(|file| file.base_name() == hub_file.base_name()) {
                Some(file) => store_file(job, &path, hub_file.base_name(), file),
                None if job.set.is_archived() => unpack(job, &path, on_event),
                None => bail!("{} is not a file of {}", hub_file.base_name(), job.set.name),
            }
        }
        Origin::File(path) => {
            files.iter().try_for_each(|file| store_file(job, path, &path.to_string_lossy(), file))
        }
        Origin::Folder(folder) => files.iter().try_for_each(|file| {
            let path = find_in(folder, file)
                .ok_or_else(|| anyhow!("{} is not in {}", file.name, folder.display()))?;
            store_file(job, &path, &path.to_string_lossy(), file)
        }),
    }
}

/// Takes the wanted files out of an archive that is one of those that are known.
fn unpack(job: &FetchJob<'_>, path: &Path, on_event: &mut dyn FnMut(Event<'_>)) -> Result<()> {
    let known = &job.set.archives;
    if !known.is_empty() {
        let hash = Hash::sha256().of_file(path).local(|| format!("read {}", path.display()))?;
        let expected = known.join(" or ");
        ensure!(
            known.contains(&hash),
            "wrong content: the archive has sha256 {hash}, expected {expected}"
        );
    }
    extract(path, &job.open(), job.set.limit, job.folder, on_event)
}

fn store_file(job: &FetchJob<'_>, path: &Path, served: &str, file: &DataFile) -> Result<()> {
    let content = File::open(path).local(|| format!("open {}", path.display()))?;
    // Only the end of the name counts, so a query after an address must not hide it.
    let served = file_name(served);
    store(content, &served, file, job.set.limit, &job.folder.join(&file.name))
}

/// Downloads `url` and hands the file to `use_it`. Where a body of several pieces turns out to be
/// wrong, it is downloaded once more, because the pieces may not belong together.
fn downloaded(
    job: &FetchJob<'_>,
    url: &str,
    on_event: &mut dyn FnMut(Event<'_>),
    use_it: impl Fn(&Path, &mut dyn FnMut(Event<'_>)) -> Result<()>,
) -> Result<()> {
    let partial = Partial::new(job.partials, url);
    let mut once_more = true;
    loop {
        let address = Address { url, token: None };
        let pieced = job.client.download(address, &partial, job.set.limit, on_event)?;
        match use_it(partial.path(), on_event) {
            Err(error) if !error.is::<Local>() => {
                partial.discard();
                if !pieced || !once_more {
                    return Err(error);
                }
                once_more = false;
                let reason = format!("{error:#}");
                on_event(Event::Retry { address: url, reason: &reason });
            }
            result => return result,
        }
    }
}

/// The file in a folder that a person filled: as the data folder keeps it, flat, or as the archive
/// unpacks, each perhaps compressed.
fn find_in(folder: &Path, file: &DataFile) -> Option<PathBuf> {
    [Some(&file.name[..]), Some(file.base_name()), file.member.as_deref()]
        .into_iter()
        .flatten()
        .flat_map(|name| [folder.join(name), folder.join(format!("{name}.gz"))])
        .find(|path| path.is_file())
}
