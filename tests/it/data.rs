//! `tfm data` against a server on loopback and without any.

use std::io::Write;
use std::net::TcpListener;
use std::path::Path;
use std::time::{Duration, Instant};

use flate2::{Compression, write::GzEncoder};
use tar::{Builder, EntryType, Header};

use crate::dir::{Dir, Said, tfm};

#[path = "../../src/data/fetch/tests/server.rs"]
mod test_server;

use test_server::{Reply, TestServer};

/// A `.tgz` of files with these names, written by hand since the library refuses hostile ones.
fn tgz(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    for (name, content) in files {
        let mut header = Header::new_ustar();
        header.set_entry_type(EntryType::Regular);
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.set_cksum();
        builder.append(&header, *content).unwrap();
    }
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(&builder.into_inner().unwrap()).unwrap();
    encoder.finish().unwrap()
}

/// Fetches PTB from an address of the server.
fn fetch(dir: &Dir, server: &TestServer) -> Said {
    let url = server.url("/simple-examples.tgz");
    let said = dir.tfm(&format!("data fetch ptb --from {url}"));
    assert!(said.stderr.contains(&url) && said.stdout.is_empty(), "{said:?}");
    said
}

#[track_caller]
fn refuses(body: Vec<u8>, parts: &[&str]) {
    let server = TestServer::start(move |_| Reply::new("200 OK", body.clone()));
    let dir = Dir::new();
    fetch(&dir, &server).fails(1, &[&["error: cannot fetch ptb:"], parts].concat());
    assert!(!dir.files().iter().any(|file| !file.contains(".partial")), "{:?}", dir.files());
}

#[test]
fn wrong_content_is_refused() {
    refuses(b"<html>moved</html>".to_vec(), &["not a .tgz archive", "<html>"]);
    refuses(tgz(&[("simple-examples/data/ptb.train.txt", b"a b c\n")]), &["ptb.train.txt", "md5"]);
    refuses(tgz(&[("readme", b"nothing else")]), &["the archive lacks"]);
}

#[test]
fn a_hostile_archive_is_refused() {
    refuses(tgz(&[("../../evil", b"out")]), &["hostile archive", "points outside the folder"]);
    refuses(tgz(&[("/evil", b"out")]), &["hostile archive", "points outside the folder"]);
}

#[test]
fn a_broken_connection_is_tried_again_and_continued_by_the_next_command() {
    // The body does not matter: the connection always breaks before its end.
    let body = vec![7; 300_000];
    let server = TestServer::start(move |request| {
        let left = if request.headers.contains_key("range") { 0 } else { 200_000 };
        Reply::ranged(request, &body, "\"v1\"").cut_after(left)
    });
    let dir = Dir::new();
    let said = fetch(&dir, &server);
    said.fails(1, &["trying again", "times in a row"]);
    let first = server.requests().len();
    assert!(first > 1, "there was one try");
    let said = fetch(&dir, &server);
    said.fails(1, &["times in a row"]);
    let next = &server.requests()[first];
    assert_eq!(next.path, "/simple-examples.tgz");
    assert_eq!(next.headers["range"], "bytes=200000-", "the download was not continued");
}

#[test]
fn a_refusal_of_the_server_is_told() {
    let server = TestServer::start(|_| Reply::new("404 Not Found", ""));
    fetch(&Dir::new(), &server).fails(1, &["404 Not Found"]);
}

/// An address where nothing listens.
fn nowhere() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

#[test]
fn offline_ends_in_seconds_with_what_to_do_by_hand() {
    let dir = Dir::new();
    let start = Instant::now();
    // Every address of the set is asked of a proxy that is not there.
    let proxy = nowhere();
    let mut command = tfm();
    command.args(["data", "fetch", "ptb", "--data-dir", "d"]);
    command.env("ALL_PROXY", &proxy).env("HTTP_PROXY", &proxy).env("HTTPS_PROXY", &proxy);
    let said = dir.run(&mut command);
    let place = Path::new("d").join("ptb").join("ptb.train.txt").display().to_string();
    said.fails(
        1,
        &[
            "error: cannot fetch ptb:",
            "download by hand one of",
            "http://www.fit.vutbr.cz/~imikolov/rnnlm/simple-examples.tgz",
            "`tfm data fetch ptb --data-dir d --from simple-examples.tgz`",
            &place,
        ],
    );
    assert!(start.elapsed() < Duration::from_secs(60), "it hung");
    assert!(dir.files().is_empty(), "{:?}", dir.files());

    let said = dir.tfm(&format!("data fetch ptb --from {}/x.tgz --quiet", nowhere()));
    said.fails(1, &["refused"]);
    assert!(said.stderr.starts_with("error: "), "{said:?}");
}

#[test]
fn sets_are_listed_and_verified() {
    let dir = Dir::new();
    let json = dir.tfm("data list --json").json();
    let list = dir.tfm("data list").ok();
    let names = [
        "cifar10",
        "googlenet",
        "inception",
        "inception-2016",
        "mnist",
        "mobilenet-v1",
        "multi30k-fr-en",
        "ptb",
        "tatoeba-fr-en",
        "text8",
        "wmt-fr-en",
        "word2vec-eval",
    ];
    assert_eq!(json["sets"].as_array().unwrap().len(), names.len());
    for (i, name) in names.into_iter().enumerate() {
        let set = &json["sets"][i];
        assert_eq!((&set["name"], &set["presence"]), (&name.into(), &"missing".into()));
        assert!(list.contains(&format!("{name} ")), "{list}");
    }
    assert_eq!(dir.tfm("data verify").ok(), "no data set is in data\n");
    dir.tfm("data verify ptb")
        .fails(1, &["3 of 3 files are wrong or missing", "tfm data fetch ptb"]);
    let sets = "[possible values: cifar10, googlenet, inception, inception-2016, mnist, \
                mobilenet-v1, multi30k-fr-en, ptb, tatoeba-fr-en, text8, wmt-fr-en, \
                word2vec-eval]";
    dir.tfm("data verify ptbb").fails(2, &["'ptbb'", sets, "'ptb'"]);

    dir.write("elsewhere/ptb/ptb.train.txt", "mine\n");
    let mut command = tfm();
    command.args(["data", "verify", "--json"]).env("TFM_DATA_DIR", "elsewhere");
    let said = dir.run(&mut command);
    said.fails(1, &["3 of 3 files"]);
    let json = said.json();
    let states: Vec<_> = (0..3).map(|i| json["files"][i]["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["wrong", "missing", "missing"]);
    assert_eq!(json["ok"], false);

    let said = dir.tfm("data fetch ptb --data-dir elsewhere --from nowhere.tgz");
    said.fails(1, &["nothing was replaced", "--force"]);
}

#[test]
fn a_language_pair_is_made_once() {
    let dir = Dir::new();
    let json = dir.tfm("data make translation --pairs 600 --seed 7 --json").json();
    let files = ["dev.src", "dev.tgt", "test.src", "test.tgt", "train.src", "train.tgt"];
    assert_eq!(dir.files(), files.map(|file| format!("data/translation/{file}")));
    let pairs: Vec<_> = (0..3).map(|i| json["files"][i]["pairs"].as_u64().unwrap()).collect();
    assert_eq!(pairs, [600, 200, 200]);
    let read = |file: &str| std::fs::read_to_string(dir.path().join(file)).unwrap();
    assert_eq!(read("data/translation/train.tgt").lines().count(), 600);
    let again = "data make translation --pairs 600 --seed 7";
    dir.tfm(&format!("{again}1")).fails(1, &["already exists"]);
    let text = dir.tfm(again).ok();
    assert!(text.lines().count() == 3 && text.contains("train.tgt: 600 pairs"), "{text}");
    dir.tfm(&format!("{again} --out other")).ok();
    assert_eq!(read("other/test.src"), read("data/translation/test.src"));
    dir.tfm("data make translation --pairs 0").fails(2, &["0 is not in 1..=1000000000"]);
}

#[test]
fn a_parallel_text_is_fetched_and_known_by_its_lines() {
    let server = TestServer::start(|request| {
        let lines = if request.path.contains("train") { 29_000 } else { 1_014 };
        let short = request.path.starts_with("/short/");
        Reply::new("200 OK", "a man in a hat\n".repeat(lines - usize::from(short)))
    });
    let dir = Dir::new();
    let fetch =
        |path: &str| dir.tfm(&format!("data fetch multi30k-fr-en --from {}", server.url(path)));
    fetch("/short/").fails(1, &["train.en has 28999 lines, expected 29000 lines or more"]);
    fetch("/").ok();
    let files = ["train.en", "train.fr", "val.en", "val.fr"];
    assert_eq!(dir.files(), files.map(|file| format!("data/multi30k-fr-en/{file}")));
    let json = dir.tfm("data verify multi30k-fr-en --json").json();
    assert!(json["ok"] == true && json["files"][0]["md5"].is_null(), "{json}");
    dir.write("data/multi30k-fr-en/val.fr", "un\n");
    let said = dir.tfm("data verify multi30k-fr-en");
    said.fails(1, &["1 of 4 files is wrong or missing"]);
    assert!(said.stdout.contains("val.fr: 1 line, expected 1014 lines or more"), "{said:?}");
}

/// A repository of the Hugging Face hub with one file.
fn hub(file: &'static str, content: Vec<u8>) -> TestServer {
    TestServer::start(move |request| {
        if request.path != format!("/some/sets/resolve/main/{file}") {
            return Reply::new("404 Not Found", "").header("X-Error-Code", "EntryNotFound");
        }
        // One for each content: the cache knows it by this.
        let etag = format!("\"v{}\"", content.len());
        let reply = Reply::new("200 OK", content.clone()).header("ETag", etag);
        reply.header("X-Repo-Commit", "0123456789abcdef0123456789abcdef01234567")
    })
}

#[test]
fn a_set_comes_from_the_hub_as_an_archive_or_file_by_file() {
    let text = b"go.\tva !\n".repeat(100_000);
    let server = hub("fra-eng.tgz", tgz(&[("fra.txt", &text)]));
    let dir = Dir::new();
    let fetch = |server: &TestServer, line: &str| {
        let mut command = tfm();
        command.args(format!("data fetch {line}").split(' '));
        dir.run(command.env("HF_ENDPOINT", server.url("")).env("HF_HOME", "hub"))
    };
    let said = fetch(&server, "tatoeba-fr-en --from hf:some/sets/fra-eng.tgz --json");
    assert_eq!(said.json()["source"], "hf:some/sets/fra-eng.tgz");
    assert_eq!(std::fs::read(dir.path().join("data/tatoeba-fr-en/fra.txt")).unwrap(), text);
    let none = fetch(&server, "tatoeba-fr-en --from hf:some/sets/none.tgz --data-dir d");
    none.fails(1, &["hf:some/sets/none.tgz: cannot fetch", "has no file none.tgz at main"]);

    let server = hub("en/val.en", b"a man\n".repeat(1_014));
    let said = fetch(&server, "multi30k-fr-en --from hf:some/sets/en/val.en");
    said.fails(1, &["hf:some/sets/en/val.en: it lacks train.en, train.fr, val.fr"]);
    assert!(dir.files().contains(&"data/multi30k-fr-en/val.en".to_owned()), "{:?}", dir.files());
    let other = fetch(&hub("x", vec![1]), "multi30k-fr-en --from hf:some/sets/x");
    other.fails(1, &["x is not a file of multi30k-fr-en"]);
    let wrong = fetch(&server, "multi30k-fr-en --from hf:some/../x");
    wrong.fails(1, &["the form is hf:OWNER/REPO[@REVISION]/FILE"]);
}

#[test]
fn a_data_folder_that_is_not_there_is_not_right() {
    let said = Dir::new().tfm("data verify --data-dir dta");
    said.fails(1, &["there is no data folder dta"]);
}

#[test]
fn a_grammar_is_made_once() {
    let dir = Dir::new();
    let json = dir.tfm("data make grammar --words 3000 --seed 7 --json").json();
    let files = ["grammar.test.txt", "grammar.train.txt", "grammar.valid.txt"];
    assert_eq!(dir.files(), files.map(|file| format!("data/grammar/{file}")));
    assert_eq!(json["files"][0]["split"], "train");
    for i in 0..3 {
        let perplexity = json["files"][i]["perplexity"].as_f64().unwrap();
        assert!((10.0..100.0).contains(&perplexity), "{json}");
    }
    let again = "data make grammar --words 3000 --seed 7";
    dir.tfm(&format!("{again}1")).fails(1, &["already exists"]);
    // The same text may be made again: an earlier call may have been killed half-way.
    let text = dir.tfm(again).ok();
    assert!(text.lines().count() == 3 && text.contains("perplexity"), "{text}");
    dir.tfm(&format!("{again} --out other")).ok();
    dir.tfm(&format!("{again}1 --force --out other")).ok();
    dir.tfm(&format!("{again} --force --out other")).ok();
    let read = |folder: &str| std::fs::read(dir.path().join(folder).join(files[1])).unwrap();
    assert_eq!(read("data/grammar"), read("other"));
    for words in ["0", "99999999999999"] {
        dir.tfm(&format!("data make grammar --words {words}")).fails(2, &["not in 1..=1000000000"]);
    }
}
