//! HTTP downloads that survive a broken connection.

use std::io::{Read, Write};
use std::sync::Arc;
use std::thread::sleep;
use std::time::Duration;

use ureq::http::{HeaderMap, StatusCode};
use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsProvider};
use ureq::{Agent, Body};

use super::Event;
use super::failure::{Failure, LocalContext};
use super::partial::Partial;
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

/// Why one try ended before the body did.
enum Broken {
    /// Worth another try, which continues where this one ended.
    Retry(String),
    /// No try will do better.
    Final(Failure),
}

impl From<Failure> for Broken {
    fn from(failure: Failure) -> Self {
        Broken::Final(failure)
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
    ) -> Result<bool, Failure> {
        let mut continued = false;
        let mut pause = self.first_pause;
        let mut fruitless = 0;
        loop {
            let before = partial.len();
            continued |= before > 0;
            let reason = match self.attempt(url, partial, limit, on_event) {
                Ok(()) => return Ok(continued),
                Err(Broken::Final(failure)) => return Err(failure),
                Err(Broken::Retry(reason)) => reason,
            };
            if partial.len() >= before.saturating_add(WORTHWHILE) {
                fruitless = 0;
                pause = self.first_pause;
            }
            fruitless += 1;
            if fruitless >= self.fruitless_tries {
                return Err(Failure::source(format!("{reason}, {fruitless} times in a row")));
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
    ) -> Result<(), Broken> {
        let start = partial.len();
        // The library finds hosts on a thread, and panics where none can be started.
        threads::expect_another().map_err(Failure::Local)?;
        let response = self.get(url, start, partial).map_err(|error| self.judge(error))?;
        let (head, body) = response.into_parts();
        let declared = body.content_length();
        let (file, done) = match head.status {
            status @ (StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE)
                if start == 0 =>
            {
                let answer = format!("the server answers {status} to a request for the whole file");
                return Err(Broken::Final(Failure::source(answer)));
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
                return Err(Broken::Retry("the server cannot continue the download".into()));
            }
            status => return Err(refusal(status)),
        };
        let file = file.local(|| format!("write {}", partial.path().display()))?;
        let total = declared.map(|bytes| done.saturating_add(bytes));
        if let Some(total) = total.filter(|total| *total > limit) {
            partial.discard();
            return Err(too_large(&format!("{total} bytes are announced"), limit));
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

    fn judge(&self, error: ureq::Error) -> Broken {
        use std::io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
        let (text, broken) = match error {
            ureq::Error::Io(error) => {
                let kinds = [BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof];
                (error.to_string(), kinds.contains(&error.kind()))
            }
            error => (error.to_string(), false),
        };
        if broken {
            Broken::Retry(format!("the connection broke ({text})"))
        } else if !self.has_roots && text.contains("certificate") {
            Broken::Final(Failure::source(format!(
                "{text}; this machine has no root certificates: install ca-certificates or name \
                 a file of them in SSL_CERT_FILE"
            )))
        } else {
            Broken::Final(Failure::source(text))
        }
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
    mut file: std::fs::File,
    partial: &Partial,
    mut span: Span<'_>,
    on_event: &mut dyn FnMut(Event<'_>),
) -> Result<(), Broken> {
    let mut body = body.into_reader();
    let mut buffer = vec![0; 1 << 16];
    loop {
        on_event(Event::Bytes { address: span.url, done: span.done, total: span.total });
        let n = match body.read(&mut buffer) {
            Ok(n) => n,
            Err(error) => return Err(Broken::Retry(format!("the connection broke ({error})"))),
        };
        if n == 0 {
            break;
        }
        span.done += n as u64;
        if span.done > span.limit {
            partial.discard();
            return Err(too_large("the body does not end", span.limit));
        }
        file.write_all(&buffer[..n]).local(|| format!("write {}", partial.path().display()))?;
    }
    match span.total {
        Some(total) if span.done < total => {
            Err(Broken::Retry(format!("the connection broke at byte {} of {total}", span.done)))
        }
        _ => Ok(()),
    }
}

fn refusal(status: StatusCode) -> Broken {
    let busy = [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_MANY_REQUESTS].contains(&status);
    let answer = format!("the server answers {status}");
    if busy || status.is_server_error() {
        Broken::Retry(answer)
    } else {
        Broken::Final(Failure::source(answer))
    }
}

fn too_large(what: &str, limit: u64) -> Broken {
    Broken::Final(Failure::source(format!("{what}; this data set stays below {limit} bytes")))
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
    let Some((_, rest)) = url.split_once("://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    let host = match authority.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or(v6),
        None => authority.split(':').next().unwrap_or(authority),
    };
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
