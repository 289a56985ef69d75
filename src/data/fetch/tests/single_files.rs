//! Sets that come as single compressed files, without an archive, as MNIST does.

use super::*;

/// A set of two files that stay compressed, the second too large for one small answer.
fn toy(mirrors: Vec<Mirror>) -> &'static DataSet {
    set_of(vec![file("a-ubyte.gz", None, A), file("b-ubyte.gz", None, &b())], mirrors)
}

fn mirror(server: &TestServer, folder: &str) -> Mirror {
    Mirror::Files(server.url(folder))
}

fn assert_toy(dir: &TempDir) {
    assert_eq!(names(dir.path()), ["toy"], "something is left over");
    assert_eq!(names(&dir.path().join("toy")), ["a-ubyte.gz", "b-ubyte.gz"]);
    assert_eq!(fs::read(dir.path().join("toy/b-ubyte.gz")).unwrap(), gzip(&b()));
}

#[test]
fn files_are_placed_as_they_are_and_found_right() {
    let server = TestServer::start(|request| match request.path.as_str() {
        "/mnist/a-ubyte.gz" => Reply::new("200 OK", gzip(A)),
        "/mnist/b-ubyte.gz" => Reply::new("200 OK", gzip(&b())),
        _ => Reply::new("404 Not Found", ""),
    });
    let toy = toy(vec![mirror(&server, "/mnist/")]);
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(run(toy, &dir).unwrap().placed.len(), 2);
    assert_toy(&dir);
    assert!(verify(toy, dir.path()).unwrap().iter().all(|check| check.state == FileState::Ok));
    assert_eq!(run(toy, &dir).unwrap().already_there.len(), 2);
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn a_later_call_continues_the_file_that_broke() {
    let server = TestServer::start(|request| match (request.path.as_str(), request.number) {
        ("/a-ubyte.gz", _) => Reply::new("200 OK", gzip(A)),
        (_, 0..=3) => Reply::ranged(request, &gzip(&b()), "\"v1\"").cut_after(1000),
        _ => Reply::ranged(request, &gzip(&b()), "\"v1\""),
    });
    let dir = tempfile::tempdir().unwrap();
    let toy = toy(vec![mirror(&server, "/")]);
    let error = run(toy, &dir).unwrap_err().to_string();
    assert!(error.contains("the connection broke"), "{error}");
    assert_eq!(names(dir.path()), [".partial"], "a half set is in place");
    run(toy, &dir).unwrap();
    assert_toy(&dir);
    let last = server.requests().pop().unwrap();
    assert_eq!(last.headers["range"], "bytes=3000-");
    assert_eq!(last.sent, gzip(&b()).len() - 3000);
}

#[test]
fn the_next_mirror_brings_only_what_the_first_did_not() {
    let plain = b();
    let server = TestServer::start(move |request| match request.path.as_str() {
        "/one/a-ubyte.gz" | "/two/a-ubyte.gz" => Reply::new("200 OK", gzip(A)),
        // A server that has uncompressed the file.
        "/one/b-ubyte.gz" => Reply::new("200 OK", &plain[..]),
        "/two/b-ubyte.gz" => Reply::new("200 OK", gzip(&plain[1..])),
        _ => Reply::new("200 OK", gzip(&plain)),
    });
    let mirrors = ["/one/", "/two/", "/three/"].map(|folder| mirror(&server, folder));
    let dir = tempfile::tempdir().unwrap();
    let mut reasons = Vec::new();
    let options = FetchOptions::default();
    fetch_with(&client(), toy(mirrors.to_vec()), dir.path(), &options, &mut |event| {
        if let Event::Failed { reason, .. } = event {
            reasons.push(reason.to_string());
        }
    })
    .unwrap();
    assert_toy(&dir);
    assert!(reasons[0].contains("b-ubyte.gz has damaged gzip data"), "{reasons:?}");
    assert!(reasons[1].contains("199999 bytes, expected"), "{reasons:?}");
    let paths: Vec<_> = server.requests().into_iter().map(|request| request.path).collect();
    assert_eq!(
        paths,
        ["/one/a-ubyte.gz", "/one/b-ubyte.gz", "/two/b-ubyte.gz", "/three/b-ubyte.gz"]
    );
}

#[test]
fn from_takes_a_folder_of_the_files_and_no_single_one() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a-ubyte.gz"), gzip(A)).unwrap();
    fs::write(folder.path().join("b-ubyte.gz"), gzip(&b())).unwrap();
    let from = |path: &Path, dir: &TempDir| {
        let options = FetchOptions { from: Some(path.to_str().unwrap().into()), force: false };
        fetch_with(&client(), toy(vec![]), dir.path(), &options, &mut |_| ())
    };
    let dir = tempfile::tempdir().unwrap();
    from(folder.path(), &dir).unwrap();
    assert_toy(&dir);
    let dir = tempfile::tempdir().unwrap();
    let error = from(&folder.path().join("a-ubyte.gz"), &dir).unwrap_err().to_string();
    assert!(
        error.ends_with("toy consists of several files: give the folder that holds them"),
        "{error}"
    );
}

#[test]
fn help_by_hand_names_each_address_and_place() {
    let set = find("mnist").unwrap();
    let help = missing_help(set, Path::new("data"));
    let place = Path::new("data").join("mnist").join("t10k-labels-idx1-ubyte.gz");
    for part in [
        "`tfm data fetch mnist`",
        "\neach from one of\n",
        "http://yann.lecun.com/exdb/mnist/",
        "(uncompressed: md5 27ae3e4e09519cfbb04c329615203637, 10008 bytes)",
        &place.display().to_string(),
    ] {
        assert!(help.contains(part), "{part} is not in\n{help}");
    }
    assert!(!help.contains("--from"), "{help}");
    assert_eq!(help.matches("://").count(), set.mirrors.len(), "{help}");
    let help = missing_help(find("cifar10").unwrap(), Path::new("data"));
    assert!(help.contains("`tfm data fetch cifar10 --from cifar-10-binary.tar.gz`"), "{help}");
}
