use std::io::Write;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use tempfile::TempDir;

use super::*;
use crate::data::tokenizer::UNK;
use crate::rng::Stream;

/// Files in a folder of their own.
fn files(contents: &[(&str, &[u8])]) -> (TempDir, Vec<PathBuf>) {
    let folder = tempfile::tempdir().unwrap();
    let write = |(name, bytes): &(&str, &[u8])| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let paths = contents.iter().map(write).collect();
    (folder, paths)
}

fn two(source: &[u8], target: &[u8]) -> (TempDir, Vec<PathBuf>) {
    files(&[("a.en", source), ("a.fr", target)])
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn read(paths: &[PathBuf]) -> Vec<[String; 2]> {
    ParallelText::new(paths, Invalid::Error).unwrap().read().unwrap().pairs
}

fn dropping(paths: &[PathBuf]) -> ParallelText {
    ParallelText::new(paths, Invalid::Drop).unwrap()
}

#[track_caller]
fn refuses(files: &(TempDir, Vec<PathBuf>), part: &str) {
    let text = ParallelText::new(&files.1, Invalid::Error).unwrap();
    let error = format!("{:#}", text.read().unwrap_err());
    assert!(error.contains(part), "{part} is not in {error}");
}

#[test]
fn lines_of_two_files_are_pairs() {
    let expect = [["one", "un"], ["two !", "deux\u{202f}!"]];
    let (source, target) = ("one\r\ntwo !\n", "un\ndeux\u{202f}!");
    let plain = two(source.as_bytes(), target.as_bytes());
    assert_eq!(read(&plain.1), expect);
    let (marked, packed) = (format!("\u{feff}{source}"), gzip(target.as_bytes()));
    let mixed = two(marked.as_bytes(), &packed);
    assert_eq!(read(&mixed.1), expect);
    let text = ParallelText::new(&mixed.1, Invalid::Error).unwrap();
    let mut lines = Vec::new();
    let reading = text.for_each(&mut |_| (), |pair| {
        lines.push(pair.line);
        Ok(())
    });
    assert_eq!((reading.unwrap().pairs, lines), (2, vec![1, 2]));
    let error = ParallelText::new(&[], Invalid::Error).unwrap_err().to_string();
    assert!(error.ends_with("or one with tabs; 0 are given"), "{error}");
}

#[test]
fn a_file_with_tabs_has_both_sides_and_perhaps_more_columns() {
    let tabs = files(&[("a.tsv", b"one\tun\ntwo\tdeux\n")]);
    assert_eq!(read(&tabs.1), [["one", "un"], ["two", "deux"]]);
    let more = files(&[("a.tsv", b"one\tun\tCC-BY\ntwo\tdeux\tCC-BY\r\n")]);
    assert_eq!(read(&more.1), [["one", "un"], ["two", "deux"]]);
    let odd = files(&[("a.tsv", b"one\tun\ntwo\tde\tux\n")]);
    refuses(&odd, "a.tsv:2: there are 3 columns, and 2 in the first line; give data.invalid");
    refuses(&files(&[("a.tsv", b"one un\n")]), "a.tsv:1: there is no tab between");
    refuses(&files(&[("a.tsv", b"one\tun\ntwo\t \n")]), "a.tsv:2: the target is empty");
    refuses(&files(&[("a.tsv", b"")]), "no pair of sentences in ");
}

#[test]
fn files_of_different_lengths_are_told_with_both_counts() {
    for (source, target, part) in [
        ("a\nb\nc\nd\n", "a\nb\n", "a.en:3 has no partner: "),
        ("a\n", "a\nb\nc\n", "a.fr:2 has no partner: "),
    ] {
        let files = two(source.as_bytes(), target.as_bytes());
        refuses(&files, part);
        let Sentences { pairs, reading, .. } = dropping(&files.1).read().unwrap();
        assert_eq!(pairs[0], ["a", "a"]);
        assert_eq!((reading.pairs, reading.unpaired), (pairs.len() as u64, 2));
        let error = reading.expect_partners("a.en and a.fr").unwrap_err().to_string();
        let expect = "the files differ in length: 2 lines have no partner in a.en and a.fr";
        assert_eq!(error, expect);
    }
    let longer = two(b"a\nb\nc\nd\n", b"a\nb\n");
    refuses(&longer, "a.en has 4 lines, ");
    refuses(&longer, "; give data.invalid");
    let arguments = ParallelText::new(&longer.1, Invalid::Error).unwrap().of_arguments();
    let error = arguments.read().unwrap_err().to_string();
    assert!(error.ends_with("; mend the text, or give another"), "{error}");
}

#[test]
fn what_cannot_be_used_is_an_error_or_left_out_and_counted() {
    let text = b"one\n\ntwo\n\xff\nthree\n";
    let empty = two(text, b"un\nx\n \t\ny\ntrois\n");
    refuses(&empty, "a.en:2 (the partner of a.fr:2): the line is empty; give data.invalid");
    refuses(&two(b"one\n", b" \n"), "a.fr:1 (the partner of a.en:1): the line is empty");
    refuses(&two(b"one\na\xffb\n", b"un\nx\n"), "a.en:2: the text is not UTF-8, byte 5");
    let Sentences { pairs, lines, reading } = dropping(&empty.1).read().unwrap();
    assert_eq!(pairs, [["one", "un"], ["three", "trois"]]);
    assert_eq!(lines, [1, 5]);
    assert_eq!(reading, Reading { pairs: 2, empty: 2, not_utf8: 1, ..Reading::default() });
    let words = reading.dropped().unwrap();
    assert_eq!(
        words,
        "3 of 5 pairs are left out: 2 with an empty side, 1 not in UTF-8, 0 too long for sentences, \
         0 lines that do not pair up"
    );
    assert_eq!(Reading::default().dropped(), None);
    let nothing = two(b"\n", b"\n");
    let error = dropping(&nothing.1).read().unwrap_err();
    let why = "a.fr: 1 of 1 pair is left out: 1 with an empty side, ";
    assert!(error.to_string().contains(why), "{error}");
    let alone = files(&[("a.en", b"one\ntwo\n")]);
    let error = dropping(&alone.1).read().unwrap_err().to_string();
    assert!(
        error.ends_with("2 lines that do not pair up; two files are given as two names"),
        "{error}"
    );
    let odd = files(&[("a.tsv", b"title\none\tun\ntwo\tde\tux\nthree\ttrois\n")]);
    let Sentences { pairs, reading, .. } = dropping(&odd.1).read().unwrap();
    assert_eq!(pairs, [["one", "un"], ["three", "trois"]]);
    assert_eq!(reading, Reading { pairs: 2, unpaired: 2, ..Reading::default() });
}

#[test]
fn what_is_no_text_is_named() {
    let long = vec![b'x'; (1 << 20) + 5];
    refuses(&two(&long, b"x\n"), "a.en:1: the line is longer than 1048576 bytes; give data");
    let among = two(&[&long[..], b"\none\n"].concat(), b"x\nun\n");
    let Sentences { pairs, reading, .. } = dropping(&among.1).read().unwrap();
    assert_eq!(pairs, [["one", "un"]]);
    assert_eq!(reading, Reading { pairs: 1, too_long: 1, ..Reading::default() });
    for end in [&b""[..], b"\n", b"\r\n"] {
        let just = two(&[&long[..1 << 20], end].concat(), b"x\n");
        assert_eq!(read(&just.1)[0][0].len(), 1 << 20);
        let over = two(&[&long[..(1 << 20) + 1], end].concat(), b"x\n");
        refuses(&over, "a.en:1: the line is longer than 1048576 bytes; give data");
    }
    refuses(&two(b"x\n", &gzip(b"x\ny\n")[..12]), "a.fr cannot be read to the end");
    let (folder, _) = two(b"", b"");
    let absent = ParallelText::new(&[folder.path().join("no"), PathBuf::from("no")], Invalid::Drop);
    let error = absent.unwrap().read().unwrap_err();
    assert!(crate::data::is_missing(&error), "{error:#}");
    #[cfg(unix)]
    {
        let device = ParallelText::new(&[PathBuf::from("/dev/null")], Invalid::Drop).unwrap();
        let error = device.read().unwrap_err().to_string();
        assert!(error.starts_with("/dev/null can be read once only"), "{error}");
    }
}

#[test]
fn progress_is_told_as_a_share_where_the_size_is_known() {
    let text = "one\n".repeat(2500);
    let shares = |source: &[u8]| {
        let (_folder, paths) = two(source, text.as_bytes());
        let mut told = Vec::new();
        let text = ParallelText::new(&paths, Invalid::Error).unwrap();
        text.for_each(&mut |progress| told.push(progress), |_| Ok(())).unwrap();
        told
    };
    let progress = |pairs, share| Progress { pairs, share };
    let plain = shares(text.as_bytes());
    assert_eq!(plain, [progress(1000, Some(0.4)), progress(2000, Some(0.8))]);
    assert_eq!(shares(&gzip(text.as_bytes()))[1], progress(2000, None));
}

#[test]
fn the_fingerprint_is_that_of_the_content() {
    let print = |(_folder, paths): (TempDir, Vec<PathBuf>), invalid| {
        ParallelText::new(&paths, invalid).unwrap().fingerprint().unwrap()
    };
    let first = print(two(b"a\n", b"b\n"), Invalid::Error);
    assert_eq!(print(two(b"a\n", b"b\n"), Invalid::Error), first);
    assert_ne!(print(two(b"a\n", b"c\n"), Invalid::Error), first);
    assert_ne!(print(two(b"a\n", b"b\n"), Invalid::Drop), first);
    let absent = ParallelText::new(&[Path::new("no such").to_path_buf()], Invalid::Error).unwrap();
    assert!(absent.fingerprint().unwrap_err().to_string().starts_with("cannot read no such"));
}

#[test]
fn words_are_dropped_from_what_is_read_by_their_share_and_step() {
    let ids = |first: u32| (0..20).map(|i| first + i).collect::<Vec<_>>();
    let all: Vec<_> = (0..50).map(|i| [ids(4 + i), ids(9 + i)]).collect();
    let pairs = PreparedPairs::of_ids(&all).unwrap();
    let chosen: Vec<u32> = (0..50).collect();
    let stream = Stream::new(1, "words");
    let batch = |dropped: Option<u64>| {
        let mut batch = TokenBatch::default();
        batch.fill(&pairs, &chosen);
        if let Some(step) = dropped {
            batch.drop_words(0.2, &mut stream.at(step));
        }
        batch
    };
    let (whole, part) = (batch(None), batch(Some(7)));
    assert_eq!(part, batch(Some(7)));
    assert_ne!(part, batch(Some(8)));
    assert_eq!((&part.targets, &part.source_lengths), (&whole.targets, &whole.source_lengths));
    for (before, after) in [(&whole.source, &part.source), (&whole.decoder, &part.decoder)] {
        let kept = |(before, after): (&u32, &u32)| {
            assert!(after == before || (*after == UNK && *before >= 4), "{before} {after}");
            after == before
        };
        let dropped = before.iter().zip(after).filter(|&pair| !kept(pair)).count();
        // A fifth of 1,000 words; 63 is five standard deviations.
        assert!(dropped.abs_diff(200) < 63, "{dropped}");
    }
}
