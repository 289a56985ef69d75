//! A small HTTP/1.1 server on loopback for tests. It needs nothing but the standard library.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{JoinHandle, spawn};

/// A request as the server saw it, with the number of body bytes that it sent in answer.
#[derive(Debug, Clone)]
pub struct Request {
    /// Path with its query.
    pub path: String,
    /// Headers by lower-case name.
    pub headers: HashMap<String, String>,
    /// Number of the request, from 0.
    pub number: usize,
    /// Body bytes sent in answer.
    pub sent: usize,
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Reply {
    /// Status line after `HTTP/1.1 `.
    pub status: &'static str,
    /// Headers besides Content-Length and Connection.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// Body bytes after which the connection is cut; `None` sends all.
    pub cut: Option<usize>,
    /// Whether Content-Length is sent.
    pub with_length: bool,
}

impl Reply {
    /// An answer with that status and body.
    pub fn new(status: &'static str, body: impl Into<Vec<u8>>) -> Self {
        Reply { status, headers: Vec::new(), body: body.into(), cut: None, with_length: true }
    }

    /// `body`, or the part that the request's Range asks for if its If-Range fits `etag`.
    pub fn ranged(request: &Request, body: &[u8], etag: &str) -> Self {
        let start = request
            .headers
            .get("range")
            .and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok())
            .filter(|_| request.headers.get("if-range").is_none_or(|tag| tag == etag));
        let total = body.len();
        let mut reply = match start {
            None => Reply::new("200 OK", body),
            Some(start) if start >= total => Reply::new("416 Range Not Satisfiable", "")
                .header("Content-Range", format!("bytes */{total}")),
            Some(start) => Reply::new("206 Partial Content", &body[start..])
                .header("Content-Range", format!("bytes {start}-{}/{total}", total - 1)),
        };
        if !etag.is_empty() {
            reply = reply.header("ETag", etag);
        }
        reply
    }

    /// The same with one more header.
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The same with the connection cut after `bytes` of the body.
    pub fn cut_after(mut self, bytes: usize) -> Self {
        self.cut = Some(bytes);
        self
    }
}

/// A running server; it stops when dropped.
pub struct TestServer {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl TestServer {
    /// Serves each request, one after another, with what `answer` makes of it.
    pub fn start(answer: impl Fn(&Request) -> Reply + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let (log, stopped) = (requests.clone(), stop.clone());
        let thread = spawn(move || {
            for stream in listener.incoming() {
                if stopped.load(Ordering::SeqCst) {
                    break;
                }
                serve(stream.unwrap(), &log, &answer);
            }
        });
        TestServer { address, requests, stop, thread: Some(thread) }
    }

    /// The address of `path`, which begins with `/`.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The requests so far.
    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // A last connection wakes the thread, which waits in accept.
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

fn serve(
    mut stream: TcpStream,
    log: &Mutex<Vec<Request>>,
    answer: &(impl Fn(&Request) -> Reply + Send),
) {
    let Some(mut request) = read_request(&stream) else { return };
    request.number = log.lock().unwrap().len();
    let reply = answer(&request);
    let sent = &reply.body[..reply.cut.unwrap_or(reply.body.len()).min(reply.body.len())];
    request.sent = sent.len();
    // Logged before the answer, so that a client that has it finds its request in the log.
    log.lock().unwrap().push(request);
    let mut head = format!("HTTP/1.1 {}\r\nConnection: close\r\n", reply.status);
    if reply.with_length {
        head += &format!("Content-Length: {}\r\n", reply.body.len());
    }
    for (name, value) in &reply.headers {
        head += &format!("{name}: {value}\r\n");
    }
    // A client that goes away is no matter.
    let _ = stream.write_all(format!("{head}\r\n").as_bytes());
    let _ = stream.write_all(sent);
    let _ = stream.shutdown(Shutdown::Write);
}

fn read_request(stream: &TcpStream) -> Option<Request> {
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next()?.ok()?;
    let path = first.split(' ').nth(1)?.to_string();
    let mut headers = HashMap::new();
    for line in lines {
        let line = line.ok()?;
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(':')?;
        headers.insert(name.to_lowercase(), value.trim().to_string());
    }
    Some(Request { path, headers, number: 0, sent: 0 })
}
