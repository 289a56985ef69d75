//! Whole fetches against a server on loopback.

mod answers;
mod archives;
pub(super) mod server;
mod single_files;

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use flate2::{Compression, write::GzEncoder};
use tar::{Builder, EntryType, Header};
use tempfile::TempDir;

use super::hash::md5_hex;
use super::*;
use server::{Reply, Request, TestServer};

const A: &[u8] = b"no it was n't black monday\n";

/// Text that does not compress well, so that its archive can be cut in the middle.
fn b() -> Vec<u8> {
    let mut state = 1_u32;
    (0..200_000)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            b' ' + (state >> 24) as u8 % 90
        })
        .collect()
}

fn file(name: &str, member: Option<&str>, content: &[u8]) -> DataFile {
    let (md5, bytes) = (Some(md5_hex(content)), Some(content.len() as u64));
    let member = member.map(str::to_string);
    DataFile { name: name.into(), member, md5, bytes, ..DataFile::default() }
}

fn set_of(files: Vec<DataFile>, mirrors: Vec<Mirror>) -> &'static DataSet {
    let [name, about, terms] = ["toy", "two files", "none"].map(String::from);
    let (archives, limit, split) = (Vec::new(), 1 << 20, None);
    Box::leak(Box::new(DataSet { name, about, terms, mirrors, files, limit, archives, split }))
}

/// A set of two files, the second in a folder of its own.
fn set(mirrors: Vec<Mirror>) -> &'static DataSet {
    let a = file("a.txt", Some("top/data/a.txt"), A);
    set_of(vec![a, file("sub/b.txt", Some("top/b.txt"), &b())], mirrors)
}

fn archive_mirror(server: &TestServer) -> Mirror {
    Mirror::Archive(server.url("/x.tgz"))
}

pub(super) fn client() -> Client {
    let mut client = Client::new();
    client.first_pause = Duration::from_millis(1);
    client
}

fn entry(builder: &mut Builder<Vec<u8>>, path: &str, kind: EntryType, link: &str, body: &[u8]) {
    let mut header = Header::new_ustar();
    header.set_entry_type(kind);
    header.set_size(body.len() as u64);
    header.set_mode(0o644);
    // The fields are written by hand, since the library itself refuses hostile paths.
    header.as_mut_bytes()[..path.len()].copy_from_slice(path.as_bytes());
    header.as_mut_bytes()[157..157 + link.len()].copy_from_slice(link.as_bytes());
    header.set_cksum();
    builder.append(&header, body).unwrap();
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// The archive with extra entries before the good ones.
fn tgz_after(extra: impl Fn(&mut Builder<Vec<u8>>)) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    extra(&mut builder);
    entry(&mut builder, "./top/", EntryType::Directory, "", b"");
    entry(&mut builder, "./top/readme", EntryType::Regular, "", b"not wanted");
    entry(&mut builder, "./top/data/a.txt", EntryType::Regular, "", A);
    entry(&mut builder, "./top/b.txt", EntryType::Regular, "", &b());
    gzip(&builder.into_inner().unwrap())
}

fn tgz() -> Vec<u8> {
    tgz_after(|_| ())
}

fn run(set: &'static DataSet, dir: &TempDir) -> Result<FetchReport> {
    fetch_with(&client(), set, dir.path(), &FetchOptions::default(), &mut |_| ())
}

fn run_from(from: &str, force: bool, dir: &TempDir) -> Result<FetchReport> {
    let options = FetchOptions { from: Some(from.into()), force };
    fetch_with(&client(), set(vec![]), dir.path(), &options, &mut |_| ())
}

fn assert_complete(dir: &TempDir) {
    assert_eq!(fs::read(dir.path().join("toy/a.txt")).unwrap(), A);
    assert_eq!(fs::read(dir.path().join("toy/sub/b.txt")).unwrap(), b());
    assert_eq!(names(dir.path()), ["toy"], "something is left over");
    assert_eq!(names(&dir.path().join("toy")), ["a.txt", "sub"], "something else was unpacked");
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Fetches from a server with that one answer, expects the error, and nothing in the folder.
fn assert_refused(body: Vec<u8>, expect: &str) {
    let server = TestServer::start(move |_| Reply::new("200 OK", body.clone()));
    let dir = tempfile::tempdir().unwrap();
    let error = run(set(vec![archive_mirror(&server)]), &dir).unwrap_err().to_string();
    assert!(error.contains(expect), "{expect:?} is not in {error}");
    assert!(error.contains(&server.url("/x.tgz")), "{error} does not name the mirror");
    assert_eq!(names(dir.path()), [""; 0], "something is in place");
}

#[test]
fn archive_is_fetched_once() {
    let server = TestServer::start(|request| Reply::ranged(request, &tgz(), ""));
    let dir = tempfile::tempdir().unwrap();
    let toy = set(vec![archive_mirror(&server)]);
    let mut last = (0, None);
    let report = fetch_with(&client(), toy, dir.path(), &FetchOptions::default(), &mut |event| {
        if let Event::Bytes { done, total, .. } = event {
            last = (done, total);
        }
    })
    .unwrap();
    assert_complete(&dir);
    assert_eq!(last, (tgz().len() as u64, Some(tgz().len() as u64)));
    assert_eq!(report.placed.len(), 2);
    assert_eq!(report.source, Some(server.url("/x.tgz")));
    assert!(verify(toy, dir.path()).unwrap().iter().all(|check| check.state == FileState::Ok));

    let again = run(toy, &dir).unwrap();
    assert_eq!((again.placed.len(), again.already_there.len(), again.source), (0, 2, None));
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn single_files_are_fetched() {
    let server = TestServer::start(|request| match request.path.as_str() {
        "/plain/a.txt" => Reply::new("200 OK", A),
        "/plain/b.txt" => Reply::new("200 OK", b()),
        _ => Reply::new("404 Not Found", ""),
    });
    let dir = tempfile::tempdir().unwrap();
    run(set(vec![Mirror::Files(server.url("/plain/"))]), &dir).unwrap();
    assert_complete(&dir);
}

#[test]
fn broken_connection_is_continued_in_the_same_call() {
    let cut = 100_000;
    let server = TestServer::start(move |request| {
        let reply = Reply::ranged(request, &tgz(), "\"v1\"");
        if request.number == 0 { reply.cut_after(cut) } else { reply }
    });
    let dir = tempfile::tempdir().unwrap();
    run(set(vec![archive_mirror(&server)]), &dir).unwrap();
    assert_complete(&dir);
    let requests = server.requests();
    assert_eq!(requests.len(), 2);
    assert_eq!(requests[1].headers["range"], format!("bytes={cut}-"));
    assert_eq!(requests[1].headers["if-range"], "\"v1\"");
    assert_eq!(requests[1].sent, tgz().len() - cut, "more than the rest was sent again");
}

#[test]
fn broken_download_is_continued_by_a_later_call_through_a_redirect() {
    let server = TestServer::start(|request| match (request.path.as_str(), request.number) {
        ("/x.tgz", _) => Reply::new("302 Found", "").header("Location", "/moved.tgz"),
        (_, 0..=11) => Reply::ranged(request, &tgz(), "\"v1\"").cut_after(1000),
        _ => Reply::ranged(request, &tgz(), "\"v1\""),
    });
    let dir = tempfile::tempdir().unwrap();
    let toy = set(vec![archive_mirror(&server)]);
    let error = run(toy, &dir).unwrap_err().to_string();
    assert!(error.contains("the connection broke") && error.contains("3 times"), "{error}");
    assert_eq!(names(dir.path()), [".partial"], "the partial download is not kept alone");
    assert_eq!(server.requests().iter().map(|request| request.sent).sum::<usize>(), 3000);
    run(toy, &dir).unwrap_err();
    run(toy, &dir).unwrap();
    assert_complete(&dir);
    assert_eq!(server.requests().iter().map(|r| r.sent).sum::<usize>(), tgz().len());
}

#[test]
fn server_that_ignores_ranges_is_started_anew() {
    let server = TestServer::start(|request| {
        let reply = Reply::new("200 OK", tgz());
        if request.number == 0 { reply.cut_after(5000) } else { reply }
    });
    let dir = tempfile::tempdir().unwrap();
    run(set(vec![archive_mirror(&server)]), &dir).unwrap();
    assert_complete(&dir);
    let requests = server.requests();
    assert_eq!(requests[1].headers["range"], "bytes=5000-");
    assert_eq!(requests[1].sent, tgz().len());
}

#[test]
fn content_that_changed_between_the_pieces_is_downloaded_anew() {
    // Without an ETag the pieces of two versions are joined; the md5 tells.
    let server = TestServer::start(|request: &Request| {
        if request.number == 0 {
            Reply::new("200 OK", vec![0; 50_000]).cut_after(40_000)
        } else {
            Reply::ranged(request, &tgz(), "")
        }
    });
    let dir = tempfile::tempdir().unwrap();
    run(set(vec![archive_mirror(&server)]), &dir).unwrap();
    assert_complete(&dir);
    assert_eq!(server.requests().len(), 3);
}

#[test]
fn what_a_killed_process_left_is_used_only_where_it_is_sound() {
    let server = TestServer::start(|request| Reply::ranged(request, &tgz(), "\"v1\""));
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join(".partial/toy");
    fs::create_dir_all(&folder).unwrap();
    fs::create_dir(folder.join("unpack")).unwrap();
    fs::write(folder.join("unpack/a.txt"), "half of").unwrap();
    let partial = partial::Partial::new(&folder, &server.url("/x.tgz"));
    std::io::Write::write_all(&mut partial.begin(Some("\"v1\"")).unwrap(), &tgz()).unwrap();
    run(set(vec![archive_mirror(&server)]), &dir).unwrap();
    assert_complete(&dir);
    assert_eq!(server.requests()[0].sent, 0);
}

#[test]
fn next_mirror_is_tried_after_404_wrong_content_and_truncation() {
    let server = TestServer::start(|request| match request.path.as_str() {
        "/html.tgz" => Reply::new("200 OK", "<!DOCTYPE html><p>moved</p>"),
        "/short.tgz" => Reply::new("200 OK", &tgz()[..100_000]),
        "/files/a.txt" => Reply::new("200 OK", A),
        "/files/b.txt" => Reply::new("200 OK", "<html>log in"),
        "/x.tgz" => Reply::new("200 OK", tgz()),
        _ => Reply::new("404 Not Found", "gone"),
    });
    let url = |path| server.url(path);
    let toy = set(vec![
        Mirror::Archive(url("/none.tgz")),
        Mirror::Archive(url("/html.tgz")),
        Mirror::Archive(url("/short.tgz")),
        Mirror::Files(url("/files/")),
        Mirror::Archive(url("/x.tgz")),
    ]);
    let dir = tempfile::tempdir().unwrap();
    let mut reasons = Vec::new();
    fetch_with(&client(), toy, dir.path(), &FetchOptions::default(), &mut |event| {
        if let Event::Failed { reason, .. } = event {
            reasons.push(reason.to_string());
        }
    })
    .unwrap();
    assert_complete(&dir);
    let b_md5 = md5_hex(&b());
    let html_md5 = md5_hex(b"<html>log in");
    assert_eq!(
        reasons,
        [
            "the server returned 404 Not Found".to_string(),
            "not a .tgz archive: it starts with \"<!DOCTYPE html><p>moved</p>\"".into(),
            "sub/b.txt is truncated".into(),
            format!(
                "wrong content: sub/b.txt has md5 {html_md5}, 12 bytes, expected md5 {b_md5}, \
             200000 bytes; it is an HTML page"
            ),
        ]
    );
}

#[test]
fn hostile_archives_are_refused() {
    let outside = tempfile::tempdir().unwrap();
    let absolute = format!("{}/evil", outside.path().display());
    let hostile =
        |path: &str, kind, link: &str| tgz_after(|builder| entry(builder, path, kind, link, b""));
    let file = EntryType::Regular;
    assert_refused(hostile("../evil", file, ""), "points outside the folder");
    assert_refused(hostile("top/../../evil", file, ""), "points outside the folder");
    assert_refused(hostile("..\\evil", file, ""), "points outside the folder");
    assert_refused(hostile("C:evil", file, ""), "points outside the folder");
    assert_refused(hostile(&absolute, file, ""), "points outside the folder");
    let target = outside.path().to_str().unwrap();
    assert_refused(hostile("./top", EntryType::Symlink, target), "is a link");
    assert_refused(hostile("top/data/", EntryType::Symlink, target), "is a link");
    assert_refused(hostile("top/b.txt", EntryType::Link, "/etc/passwd"), "is a link");
    assert_refused(hostile("top/b.txt", EntryType::Fifo, ""), "is not a plain file");
    assert_refused(hostile("top/b.txt", EntryType::Char, ""), "is not a plain file");
    assert_eq!(names(outside.path()), [""; 0], "something was written outside");
}

#[test]
fn links_and_devices_beside_the_members_are_never_made() {
    let body = tgz_after(|builder| {
        entry(builder, "top/elsewhere", EntryType::Symlink, "/", b"");
        entry(builder, "top/null", EntryType::Char, "", b"");
    });
    let server = TestServer::start(move |_| Reply::new("200 OK", body.clone()));
    let dir = tempfile::tempdir().unwrap();
    run(set(vec![archive_mirror(&server)]), &dir).unwrap();
    assert_complete(&dir);
}

#[test]
fn oversized_archives_are_refused() {
    let declared = |size: u64| {
        let mut header = Header::new_ustar();
        header.set_path("top/b.txt").unwrap();
        header.set_size(size);
        header.set_cksum();
        gzip(header.as_bytes())
    };
    assert_refused(
        declared(8_000_000_000),
        "declares 8000000000 bytes, more than the limit of 200000",
    );
    let bomb = tgz_after(|builder| {
        entry(builder, "top/zeros", EntryType::Regular, "", &vec![0; 2 << 20]);
    });
    assert_refused(bomb, "unpacks to more than 1048576 bytes");
    // A long-name entry of the GNU format is read as a whole by careless programs.
    let long = tgz_after(|builder| {
        entry(builder, "././@LongLink", EntryType::GNULongName, "", &vec![b'x'; 2 << 20]);
    });
    assert_refused(long, "unpacks to more than 1048576 bytes");
    assert_refused(vec![0x1f; (1 << 20) + 1], "announced 1048577 bytes");
}

#[test]
fn endless_body_is_refused() {
    let server = TestServer::start(|_| {
        let reply = Reply::new("200 OK", vec![0; 3 << 20]);
        Reply { with_length: false, ..reply }
    });
    let dir = tempfile::tempdir().unwrap();
    let error = run(set(vec![archive_mirror(&server)]), &dir).unwrap_err().to_string();
    assert!(error.contains("the response exceeds the expected size"), "{error}");
    assert_eq!(names(dir.path()), [""; 0]);
}

#[test]
fn incomplete_or_broken_archives_are_refused() {
    let mut builder = Builder::new(Vec::new());
    entry(&mut builder, "top/data/a.txt", EntryType::Regular, "", A);
    let body = gzip(&builder.into_inner().unwrap());
    let server = TestServer::start(move |_| Reply::new("200 OK", body.clone()));
    let dir = tempfile::tempdir().unwrap();
    let error = run(set(vec![archive_mirror(&server)]), &dir).unwrap_err().to_string();
    assert!(error.contains("/x.tgz: it lacks sub/b.txt"), "{error}");
    // The archive is whole, so the next call need not download it again.
    assert_eq!(names(dir.path()), [".partial"], "a half set is in place");
    assert_refused(gzip(&[b'x'; 2048]), "the archive is broken");
    assert_refused(tgz()[..tgz().len() - 5000].to_vec(), "truncated");
    assert_refused(Vec::new(), "not a .tgz archive");
}

#[test]
fn existing_files_are_kept_unless_forced() {
    let dir = tempfile::tempdir().unwrap();
    let archive = dir.path().join("x.tgz");
    fs::write(&archive, tgz()).unwrap();
    let from = archive.to_str().unwrap();
    let mine = dir.path().join("toy/a.txt");
    fs::create_dir(dir.path().join("toy")).unwrap();
    fs::write(&mine, "my own text").unwrap();
    let error = run_from(from, false, &dir).unwrap_err().to_string();
    let md5 = md5_hex(b"my own text");
    for part in [&mine.display().to_string(), &md5, &md5_hex(A), "--force"] {
        assert!(error.contains(part), "{part} is not in {error}");
    }
    assert_eq!(fs::read(&mine).unwrap(), b"my own text");

    let report = run_from(from, true, &dir).unwrap();
    assert_eq!(report.placed.len(), 2);
    fs::remove_file(&archive).unwrap();
    assert_complete(&dir);

    // A missing file is added beside the right one, which is not touched.
    fs::remove_file(&mine).unwrap();
    fs::write(&archive, tgz()).unwrap();
    let report = run_from(from, false, &dir).unwrap();
    assert_eq!((report.placed, report.already_there.len()), (vec![mine], 1));
    fs::remove_file(&archive).unwrap();
    assert_complete(&dir);
}

#[test]
fn from_takes_addresses_folders_and_archives() {
    let server = TestServer::start(|request| match request.path.as_str() {
        "/dir/a.txt" => Reply::new("200 OK", A),
        "/dir/b.txt" => Reply::new("200 OK", b()),
        "/get?name=x" => Reply::new("200 OK", tgz()),
        _ => Reply::new("404 Not Found", ""),
    });
    for path in ["/dir/", "/get?name=x"] {
        let dir = tempfile::tempdir().unwrap();
        run_from(&server.url(path), false, &dir).unwrap();
        assert_complete(&dir);
    }
    // As the archive unpacks, and flat and compressed.
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("top/data")).unwrap();
    fs::write(folder.path().join("top/data/a.txt"), A).unwrap();
    fs::write(folder.path().join("b.txt.gz"), gzip(&b())).unwrap();
    let dir = tempfile::tempdir().unwrap();
    run_from(folder.path().to_str().unwrap(), false, &dir).unwrap();
    assert_complete(&dir);

    let dir = tempfile::tempdir().unwrap();
    for (from, expect) in [
        ("nowhere.tgz", "nowhere.tgz: no such file or folder"),
        ("ftp://host/x.tgz", "addresses must begin with http:// or https://, not ftp://"),
        (&server.url("/none.tgz"), "404 Not Found"),
        (dir.path().to_str().unwrap(), "a.txt is not in"),
    ] {
        let error = run_from(from, false, &dir).unwrap_err().to_string();
        assert!(error.contains(expect), "{expect:?} is not in {error}");
        assert!(!error.contains("by hand"), "{error}");
    }
    assert_eq!(names(dir.path()), [""; 0]);
}

#[test]
fn nothing_listening_ends_with_what_to_do_by_hand() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let (archive, base) = (format!("{address}/x.tgz"), format!("{address}/files/"));
    let toy = set(vec![Mirror::Archive(archive.clone()), Mirror::Files(base.clone())]);
    let dir = tempfile::tempdir().unwrap();
    let error = run(toy, &dir).unwrap_err().to_string();
    let place = dir.path().join("toy").join("a.txt").display().to_string();
    for part in
        ["cannot fetch toy", "refused", &archive, &base, "--from x.tgz", &place, &md5_hex(A)]
    {
        assert!(error.to_lowercase().contains(&part.to_lowercase()), "{part} is not in {error}");
    }
    assert_eq!(names(dir.path()), [""; 0]);
}

#[test]
fn server_error_is_retried() {
    let server = TestServer::start(|request| match request.number {
        0 => Reply::new("503 Service Unavailable", ""),
        _ => Reply::new("200 OK", tgz()),
    });
    let dir = tempfile::tempdir().unwrap();
    run(set(vec![archive_mirror(&server)]), &dir).unwrap();
    assert_complete(&dir);
}

#[test]
fn second_fetch_at_the_same_time_is_kept_out() {
    let dir = tempfile::tempdir().unwrap();
    let toy = set(vec![]);
    let place = Workplace::open(dir.path(), toy).unwrap();
    let error = Workplace::open(dir.path(), toy).unwrap_err().to_string();
    assert!(error.starts_with("another process is fetching toy into"), "{error}");
    drop(place);
    Workplace::open(dir.path(), toy).unwrap();
}
