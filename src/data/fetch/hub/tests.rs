use std::fs;
use std::path::Path;

use tempfile::TempDir;

use super::*;
use crate::data::fetch::tests::client;
use crate::data::fetch::tests::server::{Reply, Request, TestServer};

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
const RESOLVE: &str = "/some/model/resolve/main/graphs/a.pb";

/// A content that needs several pieces, and its SHA-256:
///
/// ```python
/// hashlib.sha256(bytes(i % 251 for i in range(100_000))).hexdigest()
/// ```
fn content() -> Vec<u8> {
    (0..100_000).map(|i| (i % 251) as u8).collect()
}

const SHA256: &str = "cd2df694e424bc7968cc37f47751019e5ca0cd1bdf2e479ea537c3a1c32ee1aa";

fn file() -> HubFile {
    "hf:some/model/graphs/a.pb".parse().unwrap()
}

fn settings(server: &TestServer, folder: &TempDir) -> HubSettings {
    HubSettings {
        endpoint: server.url(""),
        cache: folder.path().join("hub"),
        token: Some("hf_secret".to_owned()),
        is_offline: false,
    }
}

fn run(settings: &HubSettings, file: &HubFile) -> Result<PathBuf> {
    bring_with(&client(), settings, file, &mut |_| ())
}

fn error(settings: &HubSettings, file: &HubFile) -> String {
    format!("{:#}", run(settings, file).unwrap_err())
}

/// The hub's answer for a large file: it is on another server.
fn large(etag: &str, bytes: usize, location: &str) -> Reply {
    Reply::new("302 Found", "")
        .header("Location", location)
        .header("X-Repo-Commit", COMMIT)
        .header("X-Linked-Etag", format!("\"{etag}\""))
        .header("X-Linked-Size", bytes.to_string())
}

/// A hub with the large file, which is at `storage`.
fn hub(storage: &TestServer) -> TestServer {
    let location = storage.url("/blob?signed=1");
    TestServer::start(move |request| match &*request.path {
        RESOLVE => large(SHA256, 100_000, &location),
        _ => Reply::new("404 Not Found", "").header("X-Error-Code", "EntryNotFound"),
    })
}

fn storage() -> TestServer {
    TestServer::start(|request: &Request| Reply::ranged(request, &content(), "\"v1\""))
}

#[test]
fn a_file_is_downloaded_once_into_the_hub_s_own_cache() {
    let (storage, folder) = (storage(), tempfile::tempdir().unwrap());
    let hub = hub(&storage);
    let settings = settings(&hub, &folder);
    let path = run(&settings, &file()).unwrap();
    let repo = folder.path().join("hub/models--some--model");
    assert_eq!(path, repo.join("snapshots").join(COMMIT).join("graphs/a.pb"));
    assert_eq!(fs::read(&path).unwrap(), content());
    assert_eq!(fs::read_to_string(repo.join("refs/main")).unwrap(), COMMIT);
    let blobs: Vec<_> = fs::read_dir(repo.join("blobs")).unwrap().collect();
    assert_eq!(blobs.len(), 1, "something is left over");
    assert_eq!(fs::read(repo.join("blobs").join(SHA256)).unwrap(), content());
    #[cfg(unix)]
    assert_eq!(fs::read_link(&path).unwrap(), Path::new("../../../blobs").join(SHA256));

    // Then the hub is merely asked whether the branch has moved, and nobody about a commit.
    assert_eq!((hub.requests().len(), storage.requests().len()), (2, 1));
    assert_eq!(run(&settings, &file()).unwrap(), path);
    assert_eq!((hub.requests().len(), storage.requests().len()), (3, 1));
    let commit: HubFile = format!("hf:some/model@{COMMIT}/graphs/a.pb").parse().unwrap();
    assert_eq!(run(&settings, &commit).unwrap(), path);
    let offline = HubSettings { is_offline: true, ..settings.clone() };
    assert_eq!(run(&offline, &file()).unwrap(), path);
    assert_eq!(hub.requests().len(), 3);
    // A hub that is not there: what was there before is used.
    drop(hub);
    assert_eq!(run(&settings, &file()).unwrap(), path);
    let other: HubFile = "hf:some/model/other.pb".parse().unwrap();
    assert!(error(&settings, &other).contains("does not respond"));
    let said = error(&offline, &other);
    assert!(said.contains("HF_HUB_OFFLINE forbids downloading it"), "{said}");
}

#[test]
fn the_token_is_shown_to_the_hub_alone() {
    let (storage, folder) = (storage(), tempfile::tempdir().unwrap());
    let hub = hub(&storage);
    run(&settings(&hub, &folder), &file()).unwrap();
    let shown = |server: &TestServer| -> Vec<Option<String>> {
        let requests = server.requests();
        requests.iter().map(|request| request.headers.get("authorization").cloned()).collect()
    };
    let bearer = Some("Bearer hf_secret".to_owned());
    assert_eq!(shown(&hub), [bearer.clone(), bearer]);
    assert_eq!(shown(&storage), [None]);
}

#[test]
fn a_broken_connection_is_continued() {
    let storage = TestServer::start(|request| {
        let reply = Reply::ranged(request, &content(), "\"v1\"");
        if request.number == 0 { reply.cut_after(70_000) } else { reply }
    });
    let (hub, folder) = (hub(&storage), tempfile::tempdir().unwrap());
    let path = run(&settings(&hub, &folder), &file()).unwrap();
    assert_eq!(fs::read(path).unwrap(), content());
    assert_eq!(storage.requests()[1].headers["range"], "bytes=70000-");
}

#[test]
fn wrong_content_is_not_kept() {
    let folder = tempfile::tempdir().unwrap();
    let mut other = content();
    other[7] ^= 1;
    let cases = [
        (other, "wrong content: its hash is "),
        (content()[1..].to_vec(), "wrong content: received 99999 bytes, expected 100000"),
        (
            [content(), vec![0]].concat(),
            "the server announced 100001 bytes; the size limit is 100000 bytes",
        ),
    ];
    for (body, expected) in cases {
        let storage = TestServer::start(move |_| Reply::new("200 OK", body.clone()));
        let hub = hub(&storage);
        let said = error(&settings(&hub, &folder), &file());
        assert!(said.contains(expected), "{said}");
        let blobs = folder.path().join("hub/models--some--model/blobs");
        assert_eq!(fs::read_dir(blobs).unwrap().count(), 0, "something is left over");
    }
    assert!(!folder.path().join("hub/models--some--model/snapshots").exists());
}

#[test]
fn a_small_file_lies_at_the_hub_and_is_known_to_git() {
    let hub = TestServer::start(|_| {
        Reply::new("200 OK", "abc")
            .header("X-Repo-Commit", COMMIT)
            .header("ETag", "\"f2ba8f84ab5c1bce84a7b441cb1959cfc7093b7f\"")
    });
    let folder = tempfile::tempdir().unwrap();
    let path = run(&settings(&hub, &folder), &file()).unwrap();
    assert_eq!(fs::read(path).unwrap(), b"abc");
}

#[test]
fn a_repository_of_a_new_name_is_followed() {
    let storage = storage();
    let location = storage.url("/blob");
    let hub = TestServer::start(move |request| match &*request.path {
        RESOLVE => Reply::new("307 Temporary Redirect", "").header("Location", "/new/name/a.pb"),
        "/new/name/a.pb" => large(SHA256, 100_000, &location),
        _ => Reply::new("404 Not Found", ""),
    });
    let folder = tempfile::tempdir().unwrap();
    let path = run(&settings(&hub, &folder), &file()).unwrap();
    assert_eq!(fs::read(path).unwrap(), content());
    let endless = TestServer::start(|_| Reply::new("302 Found", "").header("Location", "/again"));
    let said = error(&settings(&endless, &tempfile::tempdir().unwrap()), &file());
    assert!(said.contains("redirects more than 5 times"), "{said}");
}

#[test]
fn what_the_hub_refuses_is_said_with_the_way_out() {
    let said = |status: &'static str, code: &'static str, token: Option<&str>| {
        let hub = TestServer::start(move |_| Reply::new(status, "").header("X-Error-Code", code));
        let folder = tempfile::tempdir().unwrap();
        let settings = settings(&hub, &folder);
        let said = error(&HubSettings { token: token.map(str::to_owned), ..settings }, &file());
        assert!(!said.contains("hf_secret"), "{said}");
        said
    };
    let without = said("401 Unauthorized", "RepoNotFound", None);
    assert_eq!(
        without,
        "cannot fetch hf:some/model/graphs/a.pb: the hub returned 401 Unauthorized: some/model \
         does not exist, or is private or gated: set HF_TOKEN to a token with read access"
    );
    let with = said("403 Forbidden", "GatedRepo", Some("hf_secret"));
    assert!(with.ends_with("private or gated: the token in use has no read access"), "{with}");
    let entry = said("404 Not Found", "EntryNotFound", None);
    assert!(entry.contains("some/model has no file graphs/a.pb at main"), "{entry}");
    let revision = said("404 Not Found", "RevisionNotFound", None);
    assert!(revision.ends_with("some/model has no revision main"), "{revision}");
    assert!(
        said("503 Service Unavailable", "", None).ends_with("returned 503 Service Unavailable")
    );
}

#[test]
fn what_a_hostile_hub_says_stays_outside_the_cache() {
    let said = |etag: &'static str, commit: &'static str| {
        let hub = TestServer::start(move |_| {
            Reply::new("200 OK", "abc").header("X-Repo-Commit", commit).header("ETag", etag)
        });
        let folder = tempfile::tempdir().unwrap();
        let said = error(&settings(&hub, &folder), &file());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "something was written");
        said
    };
    assert!(said("\"../../x\"", COMMIT).contains("the hub sent an invalid etag \"../../x\""));
    assert!(said("\"x\"", "../../main").contains("the hub sent an invalid commit \"../../main\""));
    let hub = TestServer::start(|_| Reply::new("200 OK", "a page"));
    let said = error(&settings(&hub, &tempfile::tempdir().unwrap()), &file());
    assert!(said.ends_with("is not a hub: its response lacks x-repo-commit"), "{said}");
}

#[test]
fn names_of_files_are_read_and_written() {
    for text in ["hf:a/b/c.pb", "hf:a/b@v1.0/c/d e.pb", "hf:a-b/c.d@refs%2Fpr%2F1/x"] {
        assert_eq!(text.parse::<HubFile>().unwrap().to_string(), text);
    }
    let file: HubFile = "hf:a/b@refs%2Fpr%2F1/c/d e#.pb".parse().unwrap();
    assert_eq!(file.url("https://h"), "https://h/a/b/resolve/refs%2Fpr%2F1/c/d%20e%23.pb");
    assert_eq!(file.base_name(), "d e#.pb");
    for wrong in [
        "a/b/c",
        "hf:a/b",
        "hf:a/b/",
        "hf:a//c",
        "hf:../b/c",
        "hf:a/b/../c",
        "hf:a/b@/c",
        "hf:a/b@../c",
        "hf:a/b/c\\d",
        "hf:a--b/c/d",
        "hf:a b/c/d",
    ] {
        let said = wrong.parse::<HubFile>().unwrap_err().to_string();
        assert!(said.ends_with("the form is hf:OWNER/REPO[@REVISION]/FILE"), "{said}");
    }
    assert!(!HubFile::is_meant("h/f.pb") && HubFile::is_meant("hf:x"));
    let path = local_file("some/graph.pb", &mut |_| ()).unwrap();
    assert_eq!(path, Path::new("some/graph.pb"));
}
