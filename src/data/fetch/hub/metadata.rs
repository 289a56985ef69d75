//! What the hub says of a file before it is downloaded.

use std::fmt;

use anyhow::{Context, Error, Result, bail, ensure};
use ureq::http::{HeaderMap, StatusCode, Uri};

use super::HubFile;
use super::settings::HubSettings;
use crate::data::fetch::download::{Address, Client, HeadAnswer};

/// The most bytes of a file.
const MAX_BYTES: u64 = 1 << 34;
/// Redirects within the hub, as to the new name of a repository.
const MAX_REDIRECTS: usize = 5;

/// A file as the hub has it now.
#[derive(Debug)]
pub(super) struct Metadata {
    /// The commit that the revision stands for.
    pub(super) commit: String,
    /// What the content is known by: its SHA-256, or Git's hash.
    pub(super) etag: String,
    /// The size of the content.
    pub(super) bytes: u64,
    /// Where it is to be had, at the hub.
    pub(super) url: String,
}

/// Marks the error of a hub that did not answer.
#[derive(Debug)]
pub(super) struct Unreachable(String);

impl fmt::Display for Unreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Asks the hub for a file, and follows it to another place at the hub but to no other server.
pub(super) fn metadata(
    client: &Client,
    settings: &HubSettings,
    file: &HubFile,
) -> Result<Metadata> {
    let mut url = file.url(&settings.endpoint);
    for _ in 0..=MAX_REDIRECTS {
        let address = Address { url: &url, token: settings.token.as_deref() };
        let answer = client.head(address).map_err(|error| {
            Error::msg(Unreachable(format!("{} does not respond: {error:#}", settings.endpoint)))
        })?;
        match relative_redirect(&answer, &url) {
            Some(next) => url = next,
            None => return described(&answer, settings, file, url),
        }
    }
    bail!("{} redirects more than {MAX_REDIRECTS} times", settings.endpoint)
}

/// Where an answer leads to on the same server.
fn relative_redirect(answer: &HeadAnswer, url: &str) -> Option<String> {
    let location = answer.status.is_redirection().then(|| text(&answer.headers, "location"))??;
    let uri: Uri = url.parse().ok()?;
    let base = format!("{}://{}", uri.scheme_str()?, uri.authority()?);
    (location.starts_with('/') && !location.starts_with("//")).then(|| format!("{base}{location}"))
}

fn described(
    answer: &HeadAnswer,
    settings: &HubSettings,
    file: &HubFile,
    url: String,
) -> Result<Metadata> {
    let HeadAnswer { status, headers } = answer;
    if !status.is_success() && !status.is_redirection() {
        return Err(refusal(*status, headers, settings, file));
    }
    let header = |name| {
        let lacks = || format!("{} is not a hub: its response lacks {name}", settings.endpoint);
        text(headers, name).with_context(lacks)
    };
    let commit = header("x-repo-commit")?;
    ensure!(is_hash(commit), "the hub sent an invalid commit {commit:?}");
    let etag = text(headers, "x-linked-etag").map_or_else(|| header("etag"), Ok)?;
    let etag = etag.trim_start_matches("W/").trim_matches('"');
    let is_safe = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    ensure!(
        !etag.is_empty() && etag.len() < 200 && etag.chars().all(is_safe),
        "the hub sent an invalid etag {etag:?}"
    );
    let size = text(headers, "x-linked-size").map_or_else(|| header("content-length"), Ok)?;
    let bytes = size.parse().with_context(|| format!("the hub sent an invalid size {size:?}"))?;
    ensure!(bytes <= MAX_BYTES, "the hub announced {bytes} bytes; the limit is {MAX_BYTES}");
    Ok(Metadata { commit: commit.to_owned(), etag: etag.to_owned(), bytes, url })
}

/// Whether a text is a hash of Git.
pub(super) fn is_hash(text: &str) -> bool {
    text.len() == 40 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// What a status means at the hub, with the way out.
fn refusal(
    status: StatusCode,
    headers: &HeaderMap,
    settings: &HubSettings,
    file: &HubFile,
) -> Error {
    let HubSettings { endpoint, token, .. } = settings;
    let HubFile { repo, revision, path } = file;
    let code = text(headers, "x-error-code").unwrap_or_default();
    let why = match (status, code) {
        (StatusCode::NOT_FOUND, "EntryNotFound") => {
            format!("{repo} has no file {path} at {revision}; {endpoint}/{repo}/tree lists them")
        }
        (StatusCode::NOT_FOUND, "RevisionNotFound") => format!("{repo} has no revision {revision}"),
        (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::NOT_FOUND, _) => {
            let way_out = match token {
                None => "set HF_TOKEN to a token with read access",
                Some(_) => "the token in use has no read access",
            };
            format!("{repo} does not exist, or is private or gated: {way_out}")
        }
        _ => return Error::msg(Unreachable(format!("{endpoint} returned {status}"))),
    };
    Error::msg(format!("the hub returned {status}: {why}"))
}
