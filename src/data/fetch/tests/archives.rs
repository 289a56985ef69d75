//! Sets that come in two archives, and zip archives.

use std::io::Write;

use flate2::Crc;
use flate2::write::DeflateEncoder;

use super::*;

/// Two texts without MD5s, of which each archive has one.
fn toy(mirrors: Vec<Mirror>) -> &'static DataSet {
    let file = |name: &str, lines| DataFile {
        name: name.into(),
        member: Some(format!("top/{name}")),
        lines: Some(lines),
        ..DataFile::default()
    };
    set_of(vec![file("train.gz", 2), file("dev.txt", 1)], mirrors)
}

fn archive(name: &str, body: &[u8]) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    entry(&mut builder, "top/other", EntryType::Regular, "", b"not asked for");
    entry(&mut builder, name, EntryType::Regular, "", body);
    gzip(&builder.into_inner().unwrap())
}

fn train() -> Vec<u8> {
    archive("top/train.gz", &gzip(b"one\ntwo\n"))
}

fn dev() -> Vec<u8> {
    archive("top/dev.txt", b"three\n")
}

fn server() -> TestServer {
    TestServer::start(|request| match request.path.as_str() {
        "/train.tgz" => Reply::new("200 OK", train()),
        "/dev.tgz" => Reply::new("200 OK", dev()),
        _ => Reply::new("200 OK", archive("top/train.gz", &gzip(b"one\n"))),
    })
}

fn assert_toy(dir: &TempDir) {
    assert_eq!(names(dir.path()), ["toy"]);
    assert_eq!(names(&dir.path().join("toy")), ["dev.txt", "train.gz"]);
    assert_eq!(fs::read(dir.path().join("toy/train.gz")).unwrap(), gzip(b"one\ntwo\n"));
}

#[test]
fn each_archive_gives_what_it_has() {
    let server = server();
    let mirror = |path| Mirror::Archive(server.url(path));
    let dir = tempfile::tempdir().unwrap();
    let set = toy(vec![mirror("/train.tgz"), mirror("/dev.tgz"), mirror("/never.tgz")]);
    assert_eq!(run(set, &dir).unwrap().source, Some(server.url("/dev.tgz")));
    assert_toy(&dir);
    assert_eq!(server.requests().len(), 2);
    assert!(verify(set, dir.path()).unwrap().iter().all(|check| check.state == FileState::Ok));
    // A text that is too short is not that text.
    let dir = tempfile::tempdir().unwrap();
    let set = toy(vec![mirror("/short.tgz"), mirror("/dev.tgz")]);
    let error = run(set, &dir).unwrap_err().to_string();
    assert!(error.contains("train.gz has 1 line, expected 2 lines or more"), "{error}");
    assert!(error.contains("/dev.tgz: it lacks train.gz"), "{error}");
    assert!(!dir.path().join("toy").exists(), "a half set is in place");
}

#[test]
fn archives_that_were_downloaded_by_hand_are_taken_one_after_the_other() {
    let by_hand = tempfile::tempdir().unwrap();
    let from = |name: &str, content: Vec<u8>, dir: &TempDir| {
        let path = by_hand.path().join(name);
        fs::write(&path, content).unwrap();
        let options = FetchOptions { from: Some(path.to_str().unwrap().into()), force: false };
        fetch_with(&client(), toy(vec![]), dir.path(), &options, &mut |_| ())
    };
    let dir = tempfile::tempdir().unwrap();
    let error = from("a.tgz", train(), &dir).unwrap_err().to_string();
    assert!(error.ends_with("a.tgz: it lacks dev.txt"), "{error}");
    assert_eq!(names(&dir.path().join("toy")), ["train.gz"]);
    // One that is hostile is refused as a whole, whatever it had before.
    let hostile = {
        let mut builder = Builder::new(Vec::new());
        entry(&mut builder, "top/train.gz", EntryType::Regular, "", &gzip(b"one\ntwo\n"));
        entry(&mut builder, "../evil", EntryType::Regular, "", b"out");
        gzip(&builder.into_inner().unwrap())
    };
    let other = tempfile::tempdir().unwrap();
    let error = from("c.tgz", hostile, &other).unwrap_err().to_string();
    assert!(error.contains("hostile archive"), "{error}");
    assert_eq!(names(other.path()), [""; 0]);
    let report = from("b.tgz", dev(), &dir).unwrap();
    assert_eq!((report.placed.len(), report.already_there.len()), (1, 1));
    assert_toy(&dir);
}

/// A zip archive of members with these names, each deflated.
fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut bytes, mut directory) = (Vec::new(), Vec::new());
    for (name, content) in members {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(content).unwrap();
        let deflated = encoder.finish().unwrap();
        let at = (bytes.len() as u32).to_le_bytes();
        let names = [(name.len() as u16).to_le_bytes(), [0; 2]].concat();
        // Those that write a member before they know its size leave it out here.
        bytes.extend([&b"PK\x03\x04\x14\0\x08\0\x08\0"[..], &[0; 16], &names].concat());
        bytes.extend([name.as_bytes(), &deflated].concat());
        let mut crc = Crc::new();
        crc.update(content);
        let sizes = [crc.sum(), deflated.len() as u32, content.len() as u32];
        let sizes = sizes.map(u32::to_le_bytes).concat();
        let head = [&b"PK\x01\x02\x14\0\x14\0\x08\0\x08\0"[..], &[0; 4], &sizes, &names].concat();
        directory.extend([&head[..], &[0; 10], &at, name.as_bytes()].concat());
    }
    let (at, length) = (bytes.len() as u32, directory.len() as u32);
    let numbers = [length, at].map(u32::to_le_bytes).concat();
    let count = (members.len() as u16).to_le_bytes();
    let end = [&b"PK\x05\x06\0\0\0\0"[..], &count, &count, &numbers, b"\x04\0note"].concat();
    [bytes, directory, end].concat()
}

#[test]
fn a_zip_archive_gives_its_members_by_name() {
    let whole = zip(&[("readme", b"nothing"), ("top/data/a.txt", A), ("top/b.txt", &b())]);
    let body = whole.clone();
    let server = TestServer::start(move |_| Reply::new("200 OK", body.clone()));
    let dir = tempfile::tempdir().unwrap();
    run(set(vec![archive_mirror(&server)]), &dir).unwrap();
    assert_complete(&dir);
    assert_refused(zip(&[("readme", b"nothing")]), "the archive lacks top/data/a.txt, top/b.txt");
    assert_refused(whole[..whole.len() - 30].to_vec(), "the zip archive is broken");
    // The checksum of a member in the directory.
    let mut damaged = whole.clone();
    let directory = damaged.windows(4).rposition(|four| four == b"PK\x01\x02").unwrap();
    damaged[directory + 16] ^= 1;
    assert_refused(damaged, "the checksum of top/b.txt is wrong");
    let first = zip(&[("top/data/a.txt", A), ("top/b.txt", b"short")]);
    assert_refused(first, "wrong content: sub/b.txt has md5");
}

#[test]
fn an_archive_is_held_to_its_hash_where_this_is_known() {
    let server = TestServer::start(|_| Reply::new("200 OK", dev()));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("other.tgz");
    fs::write(&path, dev()).unwrap();
    let set = |archives: Vec<String>| {
        let file = |name: &str| DataFile {
            name: name.into(),
            member: Some(format!("top/{name}")),
            min_bytes: Some(6),
            ..DataFile::default()
        };
        let mut set = set_of(vec![file("dev.txt")], vec![archive_mirror(&server)]).clone();
        set.archives = archives;
        &*Box::leak(Box::new(set))
    };
    let right = hash::Hash::sha256().of_file(&path).unwrap();
    let dir = tempfile::tempdir().unwrap();
    run(set(vec!["0".repeat(64), right.clone()]), &dir).unwrap();
    assert_eq!(fs::read(dir.path().join("toy/dev.txt")).unwrap(), b"three\n");

    let expected = format!("wrong content: the archive has sha256 {right}, expected 0000");
    let dir = tempfile::tempdir().unwrap();
    let wrong = set(vec!["0".repeat(64)]);
    let error = run(wrong, &dir).unwrap_err().to_string();
    assert!(error.contains(&expected), "{error}");
    let options = FetchOptions { from: Some(path.to_str().unwrap().into()), force: false };
    let error = fetch_with(&client(), wrong, dir.path(), &options, &mut |_| ()).unwrap_err();
    assert!(error.to_string().contains(&expected), "{error}");
    assert_eq!(names(dir.path()), [""; 0], "something is in place");
}

#[test]
fn a_text_that_comes_in_one_piece_is_cut() {
    let text: String = (0..60).map(|i| format!("source {i}\ttarget {i}\n")).collect();
    let packed = archive("top/pairs.txt", text.as_bytes());
    let server = TestServer::start(move |_| Reply::new("200 OK", packed.clone()));
    let file = DataFile {
        name: "pairs.txt".into(),
        member: Some("top/pairs.txt".into()),
        lines: Some(60),
        ..DataFile::default()
    };
    let mut set = set_of(vec![file], vec![archive_mirror(&server)]).clone();
    set.split = Some(["en", "fr"].map(String::from));
    let set: &'static DataSet = Box::leak(Box::new(set));
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("toy");
    let made = ["train.en", "train.fr", "dev.en", "dev.fr"].map(|name| folder.join(name));
    assert_eq!(run(set, &dir).unwrap().made, made);
    let lines = |name: &str| fs::read_to_string(folder.join(name)).unwrap().lines().count();
    assert_eq!([lines("train.en"), lines("train.fr"), lines("dev.en")], [57, 57, 3]);
    // A text that was put in place by hand, or whose cut was lost, is cut the next time.
    fs::remove_file(&made[3]).unwrap();
    let report = run(set, &dir).unwrap();
    assert_eq!((report.made, report.source), (vec![made[3].clone()], None));
}
