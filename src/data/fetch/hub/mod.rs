//! Files of the Hugging Face hub: `hf:OWNER/REPO[@REVISION]/FILE`.
//!
//! They are kept where Hugging Face's own libraries keep them, so that what one of these programs
//! has downloaded the others find. `HF_HOME`, `HF_HUB_CACHE`, `HF_ENDPOINT`, `HF_TOKEN`,
//! `HF_TOKEN_PATH` and `HF_HUB_OFFLINE` mean what they mean to these
//! (`huggingface_hub/constants.py`).
//!
//! ```text
//! models--OWNER--REPO/refs/main                 the commit of a branch, when it was last asked for
//! models--OWNER--REPO/snapshots/<commit>/FILE   a link to
//! models--OWNER--REPO/blobs/<hash>              the content
//! ```

mod cache;
mod metadata;
mod settings;

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use anyhow::{Context, Error, Result, bail, ensure};

use super::download::{Address, Client};
use super::hash::Hash;
use super::partial::Partial;
use super::{Event, LocalContext};
use crate::system::wording::plural;
use cache::Cache;
use metadata::{Metadata, Unreachable, metadata};
use settings::HubSettings;

/// What the names of such files begin with.
const SCHEME: &str = "hf:";

/// A file of the hub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HubFile {
    /// `OWNER/REPO`.
    repo: String,
    /// A branch, a tag or a commit.
    revision: String,
    /// The path in the repository.
    path: String,
}

impl HubFile {
    /// Whether a text is meant as a file of the hub rather than one on this machine.
    pub fn is_meant(text: &str) -> bool {
        text.starts_with(SCHEME)
    }

    /// The last part of its path.
    pub fn base_name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    /// Its address at the hub. The slash of a revision such as `refs/pr/1` is not part of the path.
    fn url(&self, endpoint: &str) -> String {
        let Self { repo, revision, path } = self;
        let revision = encoded(revision, "-._~");
        format!("{endpoint}/{repo}/resolve/{revision}/{}", encoded(path, "-._~/"))
    }
}

impl fmt::Display for HubFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { repo, revision, path } = self;
        let revision = match &**revision {
            "main" => String::new(),
            other => format!("@{}", other.replace('/', "%2F")),
        };
        write!(f, "{SCHEME}{repo}{revision}/{path}")
    }
}

impl FromStr for HubFile {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let form = || {
            format!("{text:?} is not a file of the hub: the form is hf:OWNER/REPO[@REVISION]/FILE")
        };
        let rest = text.strip_prefix(SCHEME).with_context(form)?;
        let (owner, rest) = rest.split_once('/').with_context(form)?;
        let (repo, path) = rest.split_once('/').with_context(form)?;
        let (repo, revision) = repo.split_once('@').unwrap_or((repo, "main"));
        let revision = revision.replace("%2F", "/");
        ensure!(is_name(owner) && is_name(repo), form());
        ensure!(revision.split('/').all(is_name) && path.split('/').all(is_part), form());
        Ok(Self { repo: format!("{owner}/{repo}"), revision, path: path.to_owned() })
    }
}

/// Whether the hub takes a text as a name. Two hyphens separate names in the cache's folders.
fn is_name(text: &str) -> bool {
    let is_known = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
    is_part(text) && text.chars().all(is_known) && !text.contains("--") && !text.starts_with('.')
}

/// Whether a text can be a part of a path that stays in its folder, on every system.
fn is_part(text: &str) -> bool {
    let is_safe = |c: char| !c.is_control() && !"\\:*?\"<>|".contains(c);
    !["", ".", ".."].contains(&text) && text.len() < 256 && text.chars().all(is_safe)
}

/// The text with all bytes but letters, digits and those of `kept` as `%20` (RFC 3986).
fn encoded(text: &str, kept: &str) -> String {
    let byte = |byte: u8| match char::from(byte) {
        c if c.is_ascii_alphanumeric() || kept.contains(c) && c.is_ascii() => c.to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(byte).collect()
}

/// The file that a path or `hf:OWNER/REPO[@REVISION]/FILE` means. One of the hub is downloaded
/// where the hub's cache lacks it.
///
/// # Errors
/// A text that begins with `hf:` and names no file, and what keeps the hub from giving it.
pub fn local_file(text: &str, on_event: &mut dyn FnMut(Event<'_>)) -> Result<PathBuf> {
    match HubFile::is_meant(text) {
        true => bring(&Client::new(), &text.parse()?, on_event),
        false => Ok(PathBuf::from(text)),
    }
}

/// The path of a file of the hub, which is downloaded where the cache lacks it.
pub(super) fn bring(
    client: &Client,
    file: &HubFile,
    on_event: &mut dyn FnMut(Event<'_>),
) -> Result<PathBuf> {
    bring_with(client, &HubSettings::from_environment()?, file, on_event)
}

fn bring_with(
    client: &Client,
    settings: &HubSettings,
    file: &HubFile,
    on_event: &mut dyn FnMut(Event<'_>),
) -> Result<PathBuf> {
    let cache = Cache::new(&settings.cache, &file.repo);
    // A commit never changes.
    if let Some(path) = cache.snapshot(&file.revision, &file.path) {
        return Ok(path);
    }
    let cached =
        cache.commit_of(&file.revision).and_then(|commit| cache.snapshot(&commit, &file.path));
    if settings.is_offline {
        let place = settings.cache.display();
        return cached.with_context(|| {
            format!("{file} is not in {place}, and HF_HUB_OFFLINE forbids downloading it")
        });
    }
    let found = match metadata(client, settings, file) {
        Err(error) if error.is::<Unreachable>() && cached.is_some() => {
            tracing::warn!("{error:#}: using the copy of {file} that was downloaded earlier");
            return cached.with_context(|| format!("{file} is lost"));
        }
        found => found.with_context(|| format!("cannot fetch {file}"))?,
    };
    let path = download(client, settings, file, &cache, &found, on_event)
        .with_context(|| format!("cannot fetch {file}"))?;
    cache.note_commit(&file.revision, &found.commit)?;
    Ok(path)
}

/// Brings the content into the cache where it is not there, checked, and gives its name in the snapshot.
fn download(
    client: &Client,
    settings: &HubSettings,
    file: &HubFile,
    cache: &Cache,
    found: &Metadata,
    on_event: &mut dyn FnMut(Event<'_>),
) -> Result<PathBuf> {
    let _lock = cache.lock(&found.etag)?;
    // Another process may have brought it while this one waited.
    if cache.blob(&found.etag).is_none() {
        on_event(Event::Source { address: &found.url });
        let partial = Partial::new(&cache.blobs()?, &found.url);
        let address = Address { url: &found.url, token: settings.token.as_deref() };
        client.download(address, &partial, found.bytes, on_event)?;
        if let Err(error) = check(&partial, found) {
            partial.discard();
            return Err(error);
        }
        cache.place(&partial, &found.etag)?;
    }
    cache.link(&found.commit, &file.path, &found.etag)
}

/// Holds a download to the size and the hash that the hub has announced.
fn check(partial: &Partial, found: &Metadata) -> Result<()> {
    let (bytes, path) = (partial.len(), partial.path());
    ensure!(
        bytes == found.bytes,
        "wrong content: received {bytes} {}, expected {}",
        plural(bytes, "byte"),
        found.bytes
    );
    // Large files are known by their SHA-256, small ones as Git knows them.
    let hash = match found.etag.len() {
        64 => Hash::sha256(),
        40 => Hash::git_blob(bytes),
        _ => return Ok(()),
    };
    let hash = hash.of_file(path).local(|| format!("read {}", path.display()))?;
    if hash != found.etag {
        bail!("wrong content: its hash is {hash}, expected {}", found.etag);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
