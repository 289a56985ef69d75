//! HTTP downloads that survive a broken connection, and what has arrived so far, which is kept from
//! one call to the next.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Error, Result, anyhow, bail};
use ureq::http::{HeaderMap, StatusCode, Uri};
use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsProvider};
use ureq::{Agent, Body};

use super::verify::{for_each_piece, md5_hex};
use super::{Event, LocalContext};
use crate::system::threads;

/// An HTTP client with the time-outs and the patience of this module.
pub(super) struct Client {
    agent: Agent,
    has_roots: bool,
    /// Tries in a row that bring nothing new before the source is given up.
    fruitless_tries: u32,
    /// Pause before the second try; it doubles from try to try.
    pub(super) first_pause: Duration,
}

/// Progress that makes a further try worth it, in bytes.
const WORTHWHILE: u64 = 1 << 16;

/// Marks an error that is worth another try, which continues where this one ended.
#[derive(Debug)]
struct Broken(String);

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Client {
    /// A client that trusts the machine's own root certificates (`SSL_CERT_FILE` names others).
    /// Finding and reaching a host takes seconds at most; a silent server is given up after half
    /// a minute.
    pub(super) fn new() -> Self {
        let roots = rustls_native_certs::load_native_certs().certs;
        let has_roots = !roots.is_empty();
        let roots = roots.iter().map(|der| Certificate::from_der(der.as_ref()).to_owned());
        let tls = TlsConfig::builder()
            .provider(TlsProvider::Rustls)
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .root_certs(RootCerts::Specific(Arc::new(roots.collect())))
            .build();
        let agent = Agent::config_builder()
            .tls_config(tls)
            .user_agent(concat!("tfm/", env!("CARGO_PKG_VERSION")))
            .http_status_as_error(false)
            .timeout_resolve(Some(Duration::from_millis(2500)))
            .timeout_connect(Some(Duration::from_secs(3)))
            .timeout_recv_response(Some(Duration::from_secs(30)))
            .timeout_per_read(Some(Duration::from_secs(30)))
            .build()
            .into();
        Client { agent, has_roots, fruitless_tries: 3, first_pause: Duration::from_millis(500) }
    }

    /// Brings `url` into `partial`, continuing what is there. `limit` is the largest body in
    /// bytes. Says whether the body is pieced together from several answers.
    pub(super) fn download(
        &self,
        url: &str,
        partial: &Partial,
        limit: u64,
        on_event: &mut dyn FnMut(Event<'_>),
    ) -> Result<bool> {
        let mut continued = false;
        let mut pause = self.first_pause;
        let mut fruitless = 0;
        loop {
            let before = partial.len();
            continued |= before > 0;
            let reason = match self.attempt(url, partial, limit, on_event) {
                Ok(()) => return Ok(continued),
                Err(error) => error.downcast::<Broken>()?.0,
            };
            if partial.len() >= before.saturating_add(WORTHWHILE) {
                fruitless = 0;
                pause = self.first_pause;
            }
            fruitless += 1;
            if fruitless >= self.fruitless_tries {
                bail!("{reason}, {fruitless} times in a row");
            }
            on_event(Event::Retry { address: url, reason: &reason });
            sleep(pause);
            pause *= 2;
        }
    }

    fn attempt(
        &self,
        url: &str,
        partial: &Partial,
        limit: u64,
        on_event: &mut dyn FnMut(Event<'_>),
    ) -> Result<()> {
        let start = partial.len();
        // The library finds hosts on a thread, and panics where none can be started.
        threads::expect_another().local(|| "download")?;
        let response = self.get(url, start, partial).map_err(|error| self.judge(error))?;
        let (head, body) = response.into_parts();
        let declared = body.content_length();
        let (file, done) = match head.status {
            status @ (StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE)
                if start == 0 =>
            {
                bail!("the server answers {status} to a request for the whole file");
            }
            StatusCode::PARTIAL_CONTENT if first_byte(&head.headers) == Some(start) => {
                (partial.append(), start)
            }
            StatusCode::OK => (partial.begin(validator(&head.headers)), 0),
            StatusCode::RANGE_NOT_SATISFIABLE if full_size(&head.headers) == Some(start) => {
                return Ok(());
            }
            StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE => {
                partial.discard();
                bail!(broken("the server cannot continue the download"));
            }
            status => bail!(refusal(status)),
        };
        let file = file.local(|| format!("write {}", partial.path().display()))?;
        let total = declared.map(|bytes| done.saturating_add(bytes));
        if let Some(total) = total.filter(|total| *total > limit) {
            partial.discard();
            bail!("{total} bytes are announced; {}", stays_below(limit));
        }
        receive(body, file, partial, Span { url, done, total, limit }, on_event)
    }

    fn get(
        &self,
        url: &str,
        start: u64,
        partial: &Partial,
    ) -> Result<ureq::http::Response<Body>, ureq::Error> {
        // Offsets count the bytes of the file itself, so no encoding may come between.
        let mut request = self.agent.get(url).header("Accept-Encoding", "identity");
        if start > 0 {
            request = request.header("Range", format!("bytes={start}-"));
            if let Some(validator) = partial.validator() {
                request = request.header("If-Range", validator);
            }
        }
        // A proxy set by the environment cannot reach this machine's own loopback.
        if is_loopback(url) {
            request = request.config().proxy(None).build();
        }
        request.call()
    }

    fn judge(&self, error: ureq::Error) -> Error {
        use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
        let breaks = [BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof];
        let text = match error {
            ureq::Error::Io(error) if breaks.contains(&error.kind()) => {
                return broken(format!("the connection broke ({error})"));
            }
            ureq::Error::Io(error) => error.to_string(),
            error => error.to_string(),
        };
        if self.has_roots || !text.contains("certificate") {
            return Error::msg(text);
        }
        anyhow!(
            "{text}; this machine has no root certificates: install ca-certificates or name a file \
             of them in SSL_CERT_FILE"
        )
    }
}

/// What part of which download a response brings.
struct Span<'a> {
    url: &'a str,
    done: u64,
    total: Option<u64>,
    limit: u64,
}

fn receive(
    body: Body,
    mut file: File,
    partial: &Partial,
    mut span: Span<'_>,
    on_event: &mut dyn FnMut(Event<'_>),
) -> Result<()> {
    let mut tell = |done| on_event(Event::Bytes { address: span.url, done, total: span.total });
    tell(span.done);
    for_each_piece(body.into_reader(), |piece| {
        let piece = piece.map_err(|error| broken(format!("the connection broke ({error})")))?;
        span.done += piece.len() as u64;
        if span.done > span.limit {
            partial.discard();
            bail!("the body does not end; {}", stays_below(span.limit));
        }
        file.write_all(piece).local(|| format!("write {}", partial.path().display()))?;
        tell(span.done);
        Ok(())
    })?;
    match span.total {
        Some(total) if span.done < total => {
            Err(broken(format!("the connection broke at byte {} of {total}", span.done)))
        }
        _ => Ok(()),
    }
}

fn broken(reason: impl Into<String>) -> Error {
    Error::msg(Broken(reason.into()))
}

fn refusal(status: StatusCode) -> Error {
    let busy = [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_MANY_REQUESTS].contains(&status);
    let answer = format!("the server answers {status}");
    if busy || status.is_server_error() { broken(answer) } else { Error::msg(answer) }
}

fn stays_below(limit: u64) -> String {
    format!("this data set stays below {limit} bytes")
}

/// The version of the body for `If-Range`, which takes no weak ETag (RFC 9110, section 13.1.5).
fn validator(headers: &HeaderMap) -> Option<&str> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    text("etag").filter(|tag| !tag.starts_with("W/")).or_else(|| text("last-modified"))
}

/// `N` of `Content-Range: bytes N-M/T`.
fn first_byte(headers: &HeaderMap) -> Option<u64> {
    let range = headers.get("content-range")?.to_str().ok()?.strip_prefix("bytes ")?;
    range.split_once('-')?.0.trim().parse().ok()
}

/// `T` of `Content-Range: bytes */T`.
fn full_size(headers: &HeaderMap) -> Option<u64> {
    headers.get("content-range")?.to_str().ok()?.strip_prefix("bytes */")?.trim().parse().ok()
}

fn is_loopback(url: &str) -> bool {
    let Ok(uri) = url.parse::<Uri>() else { return false };
    let host = uri.scheme().and(uri.host()).unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
}

/// A download in progress: a file with the bytes so far, and beside it a note of where they come
/// from. Bytes are continued only from the same address.
#[derive(Debug)]
pub(super) struct Partial {
    url: String,
    body: PathBuf,
    note: PathBuf,
}

impl Partial {
    /// The download of `url`, kept in `folder`, which exists.
    pub(super) fn new(folder: &Path, url: &str) -> Self {
        let stem = format!("{}-{}", &md5_hex(url.as_bytes())[..8], file_name(url));
        Partial {
            url: url.into(),
            body: folder.join(format!("{stem}.part")),
            note: folder.join(format!("{stem}.from")),
        }
    }

    /// The file that holds the bytes so far.
    pub(super) fn path(&self) -> &Path {
        &self.body
    }

    /// Number of bytes that can be continued: 0 where there are none or their origin is unknown.
    pub(super) fn len(&self) -> u64 {
        match self.note_lines() {
            Some((url, _)) if url == self.url => fs::metadata(&self.body).map_or(0, |m| m.len()),
            _ => 0,
        }
    }

    /// The server's name for the version that the bytes belong to (ETag or date), if it gave one.
    fn validator(&self) -> Option<String> {
        self.note_lines().map(|(_, validator)| validator).filter(|validator| !validator.is_empty())
    }

    /// Starts from nothing, and notes the origin before the first byte.
    pub(super) fn begin(&self, validator: Option<&str>) -> io::Result<File> {
        // The old bytes go first: a note must never stand beside bytes of another version.
        let file = File::create(&self.body)?;
        fs::write(&self.note, format!("{}\n{}\n", self.url, validator.unwrap_or("")))?;
        Ok(file)
    }

    /// Continues after the bytes so far.
    pub(super) fn append(&self) -> io::Result<File> {
        OpenOptions::new().append(true).open(&self.body)
    }

    /// Forgets the bytes. What cannot be removed is overwritten by the next [`Partial::begin`].
    pub(super) fn discard(&self) {
        let _ = fs::remove_file(&self.note);
        let _ = fs::remove_file(&self.body);
    }

    fn note_lines(&self) -> Option<(String, String)> {
        let note = fs::read_to_string(&self.note).ok()?;
        let mut lines = note.lines();
        Some((lines.next()?.into(), lines.next()?.into()))
    }
}

/// The last part of the address's path, reduced to characters that every file system takes.
pub(super) fn file_name(url: &str) -> String {
    let path = url.split(['?', '#']).next().unwrap_or(url);
    let last = path.rsplit('/').next().unwrap_or("");
    let safe = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' };
    let name: String = last.chars().map(safe).take(80).collect();
    if name.is_empty() { "download".into() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_told_by_the_host_alone() {
        for url in ["http://127.0.0.1:80/x", "http://localhost", "https://[::1]:8/"] {
            assert!(is_loopback(url), "{url}");
        }
        for url in ["http://127.0.0.1.example.org/", "http://host/127.0.0.1", "127.0.0.1"] {
            assert!(!is_loopback(url), "{url}");
        }
    }

    #[test]
    fn headers_of_ranges_and_versions() {
        let mut headers = HeaderMap::new();
        assert_eq!(
            (first_byte(&headers), full_size(&headers), validator(&headers)),
            (None, None, None)
        );
        headers.insert("content-range", "bytes 5-9/10".parse().unwrap());
        headers.insert("etag", "W/\"weak\"".parse().unwrap());
        headers.insert("last-modified", "Sun, 06 Nov 1994 08:49:37 GMT".parse().unwrap());
        assert_eq!(first_byte(&headers), Some(5));
        assert_eq!(validator(&headers), Some("Sun, 06 Nov 1994 08:49:37 GMT"));
        headers.insert("content-range", "bytes */10".parse().unwrap());
        assert_eq!((first_byte(&headers), full_size(&headers)), (None, Some(10)));
    }

    #[test]
    fn bytes_are_continued_only_with_a_note_of_the_same_address() {
        let dir = tempfile::tempdir().unwrap();
        let partial = Partial::new(dir.path(), "http://host/a.tgz");
        assert_eq!((partial.len(), partial.validator()), (0, None));
        partial.begin(Some("\"v1\"")).unwrap().write_all(b"abc").unwrap();
        partial.append().unwrap().write_all(b"de").unwrap();
        assert_eq!((partial.len(), partial.validator()), (5, Some("\"v1\"".into())));
        fs::write(&partial.note, "http://other/a.tgz\n\n").unwrap();
        assert_eq!((partial.len(), partial.validator()), (0, None));
        partial.discard();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn file_names_are_harmless() {
        assert_eq!(file_name("http://host/x/a.tgz?y=/../b"), "a.tgz");
        assert_eq!(file_name("http://host/x/"), "download");
        assert_eq!(file_name("http://host/a%2F..\\b:c"), "a_2F.._b_c");
    }
}
