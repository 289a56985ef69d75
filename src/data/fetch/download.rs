//! HTTP downloads that survive a broken connection.

use std::fmt;
use std::fs::File;
use std::io::{self, Write};
use std::sync::Arc;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Error, Result, anyhow, bail};
use ureq::http::{HeaderMap, StatusCode, Uri};
use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsProvider};
use ureq::{Agent, Body};

use super::hash::for_each_piece;
use super::partial::Partial;
use super::{Event, LocalContext};
use crate::system::threads;

/// An HTTP client with the time-outs and the patience of this module.
pub(super) struct Client {
    agent: Agent,
    has_roots: bool,
    /// The number of consecutive attempts without progress after which the source is given up.
    fruitless_tries: u32,
    /// Pause before the second try; it doubles from try to try.
    pub(super) first_pause: Duration,
}

/// Status and headers of an answer.
#[derive(Debug)]
pub(super) struct HeadAnswer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
}

/// What is asked for, and by whom.
#[derive(Clone, Copy)]
pub(super) struct Address<'a> {
    pub(super) url: &'a str,
    /// A secret that the server of the address is shown, and no other that it leads to.
    pub(super) token: Option<&'a str>,
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

    /// Downloads an address into `partial`, continuing what is there. `limit` is the maximum size
    /// of the body in bytes. Returns whether the body was pieced together from several responses.
    pub(super) fn download(
        &self,
        address: Address<'_>,
        partial: &Partial,
        limit: u64,
        on_event: &mut dyn FnMut(Event<'_>),
    ) -> Result<bool> {
        let mut continued = false;
        let mut pause = self.first_pause;
        let mut fruitless = 0;
        // A download that begins anew has to come further than before.
        let mut furthest = partial.len();
        loop {
            continued |= partial.len() > 0;
            let reason = match self.attempt(address, partial, limit, on_event) {
                Ok(()) => return Ok(continued),
                Err(error) => error.downcast::<Broken>()?.0,
            };
            if partial.len() >= furthest.saturating_add(WORTHWHILE) {
                furthest = partial.len();
                fruitless = 0;
                pause = self.first_pause;
            }
            fruitless += 1;
            if fruitless >= self.fruitless_tries {
                bail!("{reason}, {fruitless} times in a row");
            }
            on_event(Event::Retry { address: address.url, reason: &reason });
            sleep(pause);
            pause *= 2;
        }
    }

    fn attempt(
        &self,
        address: Address<'_>,
        partial: &Partial,
        limit: u64,
        on_event: &mut dyn FnMut(Event<'_>),
    ) -> Result<()> {
        let start = partial.len();
        // The library finds hosts on a thread, and panics where none can be started.
        threads::expect_another().local(|| "download")?;
        let response = self.get(address, start, partial).map_err(|error| self.judge(error))?;
        let (head, body) = response.into_parts();
        let declared = body.content_length();
        let (file, done) = match head.status {
            status @ (StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE)
                if start == 0 =>
            {
                bail!("the server returned {status} for the whole file");
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
            bail!("the server announced {total} bytes; {}", stays_below(limit));
        }
        receive(body, file, partial, Span { url: address.url, done, total, limit }, on_event)
    }

    fn get(
        &self,
        address: Address<'_>,
        start: u64,
        partial: &Partial,
    ) -> Result<ureq::http::Response<Body>, ureq::Error> {
        // Offsets count the bytes of the file itself, so no encoding may come between.
        let mut request = self.agent.get(address.url).header("Accept-Encoding", "identity");
        if let Some(token) = address.token {
            // The library drops it at every redirect.
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        if start > 0 {
            request = request.header("Range", format!("bytes={start}-"));
            if let Some(validator) = partial.validator() {
                request = request.header("If-Range", validator);
            }
        }
        // A proxy set by the environment cannot reach this machine's own loopback.
        if is_loopback(address.url) {
            request = request.config().proxy(None).build();
        }
        request.call()
    }

    /// The answer to a question for the headers alone. A redirect is one, too.
    pub(super) fn head(&self, address: Address<'_>) -> Result<HeadAnswer> {
        threads::expect_another().local(|| "ask a server")?;
        let mut request = self.agent.head(address.url).header("Accept-Encoding", "identity");
        if let Some(token) = address.token {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        let mut config = request.config().max_redirects(0);
        if is_loopback(address.url) {
            config = config.proxy(None);
        }
        let response = config.build().call().map_err(|error| self.judge(error))?;
        Ok(HeadAnswer { status: response.status(), headers: response.headers().clone() })
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
            "{text}; this machine has no root certificates: install ca-certificates or set \
             SSL_CERT_FILE to a certificate file"
        )
    }
}

/// Which part of which download a response holds.
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
            bail!("the response exceeds the expected size; {}", stays_below(span.limit));
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
    let answer = format!("the server returned {status}");
    if busy || status.is_server_error() { broken(answer) } else { Error::msg(answer) }
}

fn stays_below(limit: u64) -> String {
    format!("the size limit is {limit} bytes")
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
}
