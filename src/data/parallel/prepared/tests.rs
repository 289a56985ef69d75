use std::fs;

use tempfile::TempDir;

use super::*;
use crate::data::parallel::Invalid;
use crate::data::tokenizer::{Basic, Bpe, UNK};

/// A text in a folder, and a tokenizer of its words.
struct Case {
    folder: TempDir,
    text: ParallelText,
    tokenizer: Tokenizer,
}

const SOURCE: &str = "a b c\nb\nc c c c a\n";
const TARGET: &str = "x\ny z\nz y x\n";

fn case(source: &str, target: &str, invalid: Invalid) -> Case {
    let folder = tempfile::tempdir().unwrap();
    let paths = ["a.en", "a.fr"].map(|name| folder.path().join(name));
    fs::write(&paths[0], source).unwrap();
    fs::write(&paths[1], target).unwrap();
    let text = ParallelText::new(&paths, invalid).unwrap();
    Case { tokenizer: tokenizer(99), text, folder }
}

/// Knows the words of both sides, as far as there is room.
fn tokenizer(size: usize) -> Tokenizer {
    let basic = Basic::train([size, 99], |add| {
        SOURCE.lines().for_each(|line| add(Side::Source, line));
        TARGET.lines().for_each(|line| add(Side::Target, line));
        Ok(())
    });
    Tokenizer::Basic(basic.unwrap())
}

impl Case {
    fn open(&self) -> Result<PreparedPairs> {
        self.open_in(&self.folder.path().join("prepared"), 1)
    }

    fn open_in(&self, folder: &Path, threads: usize) -> Result<PreparedPairs> {
        let Self { text, tokenizer, .. } = self;
        PreparedPairs::open(&Preparation { text, tokenizer, folder, threads }, &mut |_| ())
    }
}

fn all(pairs: &PreparedPairs) -> Vec<[Vec<u32>; 2]> {
    let ids = |pair| Side::ALL.map(|side| pairs.ids(pair, side).collect());
    (0..pairs.len()).map(ids).collect()
}

#[test]
fn ids_are_those_of_the_tokenizer_and_are_made_once() {
    let case = case(SOURCE, TARGET, Invalid::Error);
    let pairs = case.open().unwrap();
    // By falling count, first seen first: c, a, b; x, y, z.
    let expect =
        [[vec![5, 6, 4], vec![4]], [vec![6], vec![5, 6]], [vec![4, 4, 4, 4, 5], vec![6, 5, 4]]];
    assert_eq!(all(&pairs), expect);
    assert_eq!((pairs.tokens(Side::Source), pairs.tokens(Side::Target)), (9, 6));
    assert_eq!((pairs.length(2, Side::Source), pairs.length(2, Side::Target)), (5, 3));
    assert_eq!(pairs.ids(2, Side::Target).rev().collect::<Vec<_>>(), [4, 5, 6]);
    let path = pairs.path().unwrap().to_path_buf();
    let made = fs::metadata(&path).unwrap().modified().unwrap();
    assert_eq!(case.open().unwrap().fingerprint(), pairs.fingerprint());
    assert_eq!(fs::metadata(&path).unwrap().modified().unwrap(), made, "it was made again");
    let mut names: Vec<_> = fs::read_dir(path.parent().unwrap()).unwrap().collect();
    assert_eq!(names.len(), 2, "{names:?}");
    names.retain(|entry| entry.as_ref().unwrap().file_name() == "lock");
    assert_eq!(names.len(), 1);
}

#[test]
fn other_texts_and_tokenizers_have_other_ids() {
    let mut case = case(SOURCE, TARGET, Invalid::Error);
    let first = case.open().unwrap();
    case.tokenizer = tokenizer(6);
    let second = case.open().unwrap();
    assert_ne!(second.path(), first.path(), "both tokenizers have their files");
    assert_eq!(second.ids(0, Side::Source).collect::<Vec<_>>(), [5, UNK, 4]);
    fs::write(&case.text.paths()[1], "x\ny\nz y x\n").unwrap();
    let third = case.open().unwrap();
    assert_eq!((third.path(), third.tokens(Side::Target)), (second.path(), 5));
}

#[test]
fn a_damaged_file_is_made_again() {
    let case = case(SOURCE, TARGET, Invalid::Error);
    let pairs = case.open().unwrap();
    let (path, expect) = (pairs.path().unwrap().to_path_buf(), all(&pairs));
    drop(pairs);
    let whole = fs::read(&path).unwrap();
    let flipped = (0..whole.len()).step_by(if whole.len() > 5000 { 97 } else { 31 }).map(|at| {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        bytes
    });
    let cuts = [0, 5, HEADER - 1, HEADER, whole.len() - 1].map(|len| whole[..len].to_vec());
    for damaged in flipped.chain(cuts) {
        fs::write(&path, damaged).unwrap();
        assert_eq!(all(&case.open().unwrap()), expect);
        assert_eq!(fs::read(&path).unwrap(), whole);
    }
}

#[test]
fn ids_of_large_vocabularies_have_four_bytes() {
    let mut case = case(SOURCE, TARGET, Invalid::Error);
    let many: String = (0..70_000).map(|i: u32| format!("{} ", letters(i))).collect();
    let basic = Basic::train([80_000, 99], |add| {
        add(Side::Source, &format!("{many} a b c"));
        add(Side::Target, TARGET);
        Ok(())
    });
    case.tokenizer = Tokenizer::Basic(basic.unwrap());
    let pairs = case.open().unwrap();
    assert_eq!(pairs.ids(0, Side::Source).collect::<Vec<_>>(), [70_004, 70_005, 70_006]);
    assert_eq!(pairs.ids(2, Side::Target).len(), 3);
    // Ids have four bytes even where all of them would fit into two.
    fs::write(&case.text.paths()[0], "AAAA\nBAAA\nAAAA\n").unwrap();
    let small = case.open().unwrap();
    let at_hand = PreparedPairs::of_tokens(&all(&small), &case.tokenizer).unwrap();
    assert_eq!(at_hand.fingerprint(), small.fingerprint());
}

/// Its normalizer deletes every b.
const DELETING: &str = r#"{"version":"1.0","normalizer":{"type":"Replace","pattern":{"String":"b"},
    "content":""},"pre_tokenizer":{"type":"Whitespace"},
    "model":{"type":"WordLevel","unk_token":"[UNK]","vocab":{"[UNK]":0,"a":1,"x":2}}}"#;

#[test]
fn pairs_in_which_the_tokenizer_finds_nothing_are_left_out_or_named() {
    for invalid in [Invalid::Drop, Invalid::Error] {
        let mut case = case("a\nb\na\n", "x\nx\nx x\n", invalid);
        let path = case.folder.path().join("tokenizer.json");
        fs::write(&path, DELETING).unwrap();
        case.tokenizer = Tokenizer::Bpe(Bpe::read(&path).unwrap());
        match case.open() {
            Ok(pairs) => {
                assert_eq!(pairs.reading(), Reading { pairs: 2, empty: 1, ..Reading::default() });
                assert_eq!(pairs.length(1, Side::Target), 2);
            }
            Err(error) => {
                assert_eq!(invalid, Invalid::Error, "{error:#}");
                let want = "line 2 has no tokens on one side";
                assert!(format!("{error:#}").ends_with(want), "{error:#}");
            }
        }
    }
}

/// A word for a number, in capitals.
fn letters(mut number: u32) -> String {
    let mut word = String::new();
    for _ in 0..4 {
        word.push((b'A' + (number % 26) as u8) as char);
        number /= 26;
    }
    word
}

#[test]
fn the_file_does_not_depend_on_threads_and_holds_many_chunks() {
    let source: String = (0..20_000).map(|i| format!("a b{}\n", " c".repeat(i % 7))).collect();
    let case = case(&source, &"x y\n".repeat(20_000), Invalid::Error);
    let one = case.open_in(&case.folder.path().join("one"), 1).unwrap();
    let three = case.open_in(&case.folder.path().join("three"), 3).unwrap();
    assert_eq!(fs::read(one.path().unwrap()).unwrap(), fs::read(three.path().unwrap()).unwrap());
    assert_eq!(three.ids(19_997, Side::Source).len(), 2 + 5);
    assert_eq!(three.len(), 20_000);
}

#[test]
fn where_nothing_can_be_written_ids_stay_in_memory() {
    let case = case(SOURCE, TARGET, Invalid::Error);
    let expect = all(&case.open().unwrap());
    let file = case.folder.path().join("a.en");
    let pairs = case.open_in(&file, 1).unwrap();
    assert_eq!((pairs.path(), all(&pairs)), (None, expect));
    assert_eq!(pairs.fingerprint(), case.open().unwrap().fingerprint());
}

#[test]
fn pairs_without_a_sentence_are_left_out_or_named() {
    let dropping = case("a\n\u{b}\u{1}b\n\nb\n", "x\ny\ny\nz\n", Invalid::Drop);
    let pairs = dropping.open().unwrap();
    assert_eq!(pairs.reading(), Reading { pairs: 3, empty: 1, ..Reading::default() });
    let wrong = case("a\n\nb\n", "x\ny\nz\n", Invalid::Error);
    let error = format!("{:#}", wrong.open().unwrap_err());
    assert!(error.contains("a.en:2 (the partner of a.fr:2): the line is empty"), "{error}");
    assert_eq!(fs::read_dir(wrong.folder.path().join("prepared")).unwrap().count(), 1);
}
