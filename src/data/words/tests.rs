use std::path::PathBuf;

use super::*;

fn words(text: &str) -> Vec<&str> {
    Space::Unicode.tokens(text).map(Token::or_end).collect()
}

#[test]
fn a_newline_is_a_word_of_its_own() {
    assert_eq!(words(" a b \n c\n"), ["a", "b", "<eos>", "c", "<eos>"]);
    assert_eq!(words("a\nb"), ["a", "<eos>", "b"]);
    assert_eq!(words("\n\n"), ["<eos>", "<eos>"]);
    assert_eq!(words("a\r\n\tb\u{a0}c\u{3000}d"), ["a", "<eos>", "b", "c", "d"]);
    assert!(words("").is_empty());
    let ascii: Vec<_> = Space::Ascii.words("a\u{a0}b\u{1c}c\u{b}d\r\ne").collect();
    assert_eq!(ascii, ["a\u{a0}b\u{1c}c", "d", "e"]);
}

#[test]
fn white_space_is_that_of_c_or_of_python() {
    for c in '\0'..=char::MAX {
        let text = format!("é{c}x");
        let parts = |space: Space| space.words(&text).count() == 2;
        assert_eq!(parts(Space::Ascii), c.is_ascii_whitespace() || c == '\u{b}', "{c:?}");
        let python = c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c);
        assert_eq!(parts(Space::Unicode), python, "{c:?}");
    }
}

fn file(bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("text");
    std::fs::write(&path, bytes).unwrap();
    (dir, path)
}

/// The words of a file, and the error that ends them.
fn read(path: &std::path::Path) -> (Vec<String>, Option<String>) {
    let mut got = Vec::new();
    let read = TextSource::file(path).and_then(|source| {
        source.for_each_token(Space::Unicode, |token| got.push(token.or_end().to_string()))
    });
    (got, read.err().map(|error| format!("{error:#}")))
}

#[test]
fn a_file_gives_the_words_of_its_text() {
    let (_dir, path) = file(" hello there\n é ".as_bytes());
    assert_eq!(read(&path).0, ["hello", "there", "<eos>", "é"]);
    let (_dir, empty) = file(b"");
    assert_eq!(read(&empty), (vec![], None));
}

#[test]
fn pieces_give_the_words_of_the_whole() {
    let text = "ab\u{a0}c \n\n é ".repeat((40 << 20) / 12);
    let (_dir, path) = file(text.as_bytes());
    let mut expected = words(&text).into_iter();
    let source = TextSource::file(&path).unwrap();
    assert!(pieces(std::slice::from_ref(&source)).unwrap().len() > 2);
    source
        .for_each_token(Space::Unicode, |token| assert_eq!(Some(token.or_end()), expected.next()))
        .unwrap();
    assert_eq!(expected.next(), None);
}

#[test]
fn a_text_that_becomes_shorter_is_an_error() {
    let text = "word \n".repeat(100);
    let (_dir, path) = file(text.as_bytes());
    let source = TextSource::file(&path).unwrap();
    let all = pieces(std::slice::from_ref(&source)).unwrap();
    std::fs::write(&path, &text[..60]).unwrap();
    let error = all[0].for_each_token(Space::Ascii, |_| ()).unwrap_err().to_string();
    assert!(error.ends_with("text was truncated while it was read"), "{error}");
}

#[test]
fn a_byte_order_mark_is_no_part_of_a_text() {
    let (_dir, path) = file("\u{feff}one\ntwo \u{feff}".as_bytes());
    assert_eq!(read(&path).0, ["one", "<eos>", "two", "\u{feff}"]);
    let source = TextSource::file(&path).unwrap();
    assert!(pieces(std::slice::from_ref(&source)).unwrap()[0].starts_line());
}

#[test]
fn errors_name_file_and_line() {
    let (dir, path) = file(b"good\nbad \xff\n");
    let error = read(&path).1.unwrap();
    assert!(error.contains("text:2: the text is not UTF-8, byte 9"), "{error}");
    assert!(read(&dir.path().join("none")).1.unwrap().contains("cannot open"));
    assert!(read(dir.path()).1.unwrap().contains("is a folder"));
}
