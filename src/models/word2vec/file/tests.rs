use std::io::Write;
use std::sync::Arc;

use super::*;
use crate::data::corpus::Unk;
use crate::data::vocabulary::Vocabulary;

/// ```python
/// import numpy as np
/// from gensim.models import KeyedVectors  # 4.4.0
/// vectors = KeyedVectors(3)
/// vectors.add_vectors(["the", "été", "a/b"], np.array([
///     [0.1, -2.5, 1e-7], [3.4028235e38, 0.0, -0.0], [1 / 3, 1e-45, 123456.79]], dtype=np.float32))
/// vectors.save_word2vec_format("text", binary=False); print(open("text", "rb").read())
/// vectors.save_word2vec_format("bin", binary=True); print(open("bin", "rb").read())
/// ```
const GENSIM_TEXT: &[u8] = b"3 3\nthe 0.1 -2.5 1e-07\n\xc3\xa9t\xc3\xa9 3.4028235e+38 0.0 -0.0\n\
                             a/b 0.33333334 1e-45 123456.79\n";
const GENSIM_BIN: &[u8] = b"3 3\nthe \xcd\xcc\xcc=\x00\x00 \xc0\x95\xbf\xd63\
    \xc3\xa9t\xc3\xa9 \xff\xff\x7f\x7f\x00\x00\x00\x00\x00\x00\x00\x80\
    a/b \xab\xaa\xaa>\x01\x00\x00\x00e \xf1G";
/// The same as Google's own program writes it.
const GOOGLE_BIN: &[u8] = b"3 3\nthe \xcd\xcc\xcc=\x00\x00 \xc0\x95\xbf\xd63\n\
    \xc3\xa9t\xc3\xa9 \xff\xff\x7f\x7f\x00\x00\x00\x00\x00\x00\x00\x80\n\
    a/b \xab\xaa\xaa>\x01\x00\x00\x00e \xf1G\n";

fn golden() -> WordVectors {
    let rows = [0.1, -2.5, 1e-7, 3.402_823_5e38, 0.0, -0.0, 1.0 / 3.0, 1e-45, 123_456.79];
    of(&["the", "été", "a/b"], rows.to_vec(), None)
}

fn of(words: &[&str], rows: Vec<f32>, counts: Option<Vec<u64>>) -> WordVectors {
    let mut vocabulary = Vocabulary::new(words.iter().copied()).unwrap();
    if let Some(counts) = counts {
        vocabulary = vocabulary.with_counts(counts).unwrap();
    }
    WordVectors::new(Arc::new(vocabulary), rows.len() / words.len(), rows).unwrap()
}

fn import(bytes: &[u8], options: ImportOptions) -> Result<Imported> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("v");
    fs::write(&path, bytes).unwrap();
    let text = path.display().to_string();
    let rename = |error| anyhow::anyhow!(format!("{error:#}").replace(&text, "v"));
    let mut imported = read(&path, options).map_err(rename)?;
    imported.warnings.iter_mut().for_each(|warning| *warning = warning.replace(&text, "v"));
    Ok(imported)
}

/// The words of a file without a fault.
fn parse(bytes: &[u8], format: Option<Format>) -> Result<WordVectors> {
    let imported =
        import(bytes, ImportOptions { format, strict: true, ..ImportOptions::default() })?;
    assert_eq!(imported.warnings, [""; 0]);
    imported.vectors.without_untrained(Unk::Keep)
}

/// The contents of the written file `name`.
fn written(vectors: &WordVectors, format: Format, name: &str) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("v");
    write(vectors, format, &path, false).unwrap();
    fs::read(if name.is_empty() { path } else { path.join(name) }).unwrap()
}

#[track_caller]
fn equal(got: &WordVectors, expect: &WordVectors) {
    let bits = |vectors: &WordVectors| -> Vec<u32> {
        vectors.rows().iter().map(|value| value.to_bits()).collect()
    };
    assert_eq!((got.width(), bits(got)), (expect.width(), bits(expect)));
    assert!(got.vocabulary().words().eq(expect.vocabulary().words()));
}

#[test]
fn reads_what_gensim_and_google_write_and_finds_out_which() {
    for (bytes, format) in [
        (GENSIM_TEXT, Format::Text),
        (GENSIM_BIN, Format::Bin),
        (GOOGLE_BIN, Format::Bin),
        (b"3 3\r\nthe  0.1 -2.5 1e-07 \r\n\xc3\xa9t\xc3\xa9 3.4028235e+38 0 -0 \na/b .33333334 1e-45 \
           123456.79\n\n", Format::Text),
    ] {
        for format in [Some(format), None] {
            equal(&parse(bytes, format).unwrap(), &golden());
        }
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(bytes).unwrap();
        equal(&parse(&packed.finish().unwrap(), None).unwrap(), &golden());
    }
}

#[test]
fn a_row_of_text_is_text_whatever_its_word_is_made_of() {
    for word in [&b"caf\xe9"[..], b"\x7f", b"\x1b[0m", b"a\0b"] {
        let file = [b"3 2\n", word, b" 1 0\nb 0 1\nc 1 1\n"].concat();
        let imported = import(&file, ImportOptions::default()).unwrap();
        let words: Vec<&str> = imported.vectors.vocabulary().words().collect();
        assert_eq!(words[words.len() - 2..], ["b", "c"], "{word:?}");
    }
}

#[test]
fn two_whole_numbers_are_a_first_line_and_no_word() {
    for first in ["0 2", "-3 2", "2 0", "99999999999999999999 2"] {
        for rest in ["", "\na 1 0\nb 0 1\n"] {
            let error = import(format!("{first}{rest}").as_bytes(), ImportOptions::default());
            let error = format!("{:#}", error.unwrap_err());
            assert!(error.starts_with("v:1: "), "{first}: {error}");
        }
    }
    // A word with one value is recognised only if the value is not an integer.
    assert_eq!(import(b"7 0.5\na 0.25\n", ImportOptions::default()).unwrap().words, 2);
}

#[test]
fn writes_what_gensim_and_google_read() {
    assert_eq!(written(&golden(), Format::Bin, ""), GOOGLE_BIN);
    let text = String::from_utf8(written(&golden(), Format::Text, "")).unwrap();
    let expect =
        "3 3\nthe 0.1 -2.5 1e-7\nété 3.4028235e38 0.0 -0.0\na/b 0.33333334 1e-45 123456.79\n";
    assert_eq!(text, expect);
    equal(&parse(text.as_bytes(), None).unwrap(), &golden());
}

#[test]
fn every_float_comes_back_to_the_bit() {
    let mut bits = crate::rng::Stream::new(1, "floats").at(0);
    let values = std::iter::repeat_with(|| f32::from_bits(bits.word()));
    let rows: Vec<f32> = values.filter(|value| value.is_finite()).take(3000).collect();
    let words: Vec<String> = (0..100).map(|i| format!("w{i}")).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let vectors = of(&words, rows, None);
    for format in [Format::Text, Format::Bin] {
        equal(&parse(&written(&vectors, format, ""), None).unwrap(), &vectors);
    }
}

#[test]
fn the_projector_gets_a_head_only_with_two_columns() {
    let plain = of(&["a b", "c"], vec![0.5, 1.0, -1e-9, 2.0], None);
    assert_eq!(written(&plain, Format::Tsv, "vectors.tsv"), b"0.5\t1.0\n-1e-9\t2.0\n");
    assert_eq!(written(&plain, Format::Tsv, "metadata.tsv"), b"a b\nc\n");
    let counted = of(&["a b", "c"], vec![0.5, 1.0], Some(vec![9, 3]));
    assert_eq!(written(&counted, Format::Tsv, "metadata.tsv"), b"word\tcount\na b\t9\nc\t3\n");
}

#[test]
fn tensors_hold_any_word() {
    let vectors = of(&["", "a b", "c\t"], vec![1.0, 2.0, 3.0], Some(vec![7, 2, 1]));
    let bytes = written(&vectors, Format::Safetensors, "");
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let rows = tensors.tensor("vectors").unwrap();
    assert_eq!((rows.shape(), rows.dtype()), ([3, 1].as_slice(), safetensors::Dtype::F32));
    assert_eq!(rows.data()[4..8], 2f32.to_le_bytes());
    assert_eq!(tensors.tensor("words").unwrap().data(), b"\na b\nc\t");
    assert_eq!(tensors.tensor("counts").unwrap().data()[..8], 7i64.to_le_bytes());
}

#[test]
fn words_that_a_format_cannot_hold_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("v");
    for (word, format, fits) in [
        ("a b", Format::Text, false),
        ("a\tb", Format::Bin, false),
        ("", Format::Text, false),
        ("", Format::Tsv, false),
        ("a\tb", Format::Tsv, false),
        ("a\u{a0}b", Format::Text, true),
    ] {
        let vectors = of(&["x", word], vec![1.0; 2], None);
        match write(&vectors, format, &path, true) {
            Ok(_) => {
                assert!(fits, "{word:?} {format:?}");
                equal(&parse(&fs::read(&path).unwrap(), None).unwrap(), &vectors);
            }
            Err(error) => {
                let error = error.to_string();
                assert!(!fits && error.starts_with(&format!("word 1 is {word:?}, ")), "{error}");
            }
        }
    }
}

#[test]
fn nothing_is_replaced_without_force() {
    let folder = tempfile::tempdir().unwrap();
    for (format, name) in [(Format::Text, "v"), (Format::Tsv, "t/metadata.tsv")] {
        let file = folder.path().join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, "mine").unwrap();
        let path = if format == Format::Tsv { folder.path().join("t") } else { file.clone() };
        let error = write(&golden(), format, &path, false).unwrap_err().to_string();
        assert!(error.contains("already exists") && error.contains("--force"), "{error}");
        assert_eq!(fs::read(&file).unwrap(), b"mine");
        write(&golden(), format, &path, true).unwrap();
        assert_ne!(fs::read(&file).unwrap(), b"mine");
    }
}

#[track_caller]
fn check(bytes: &[u8], format: Format, expect: &str) {
    let error = parse(bytes, Some(format)).unwrap_err().to_string();
    assert!(error.contains(expect), "{error}");
}

#[test]
fn damaged_text_is_named_by_line_and_value() {
    let text = |text: &str, expect| check(text.as_bytes(), Format::Text, expect);
    text("", "v:1: \"\" must be the number of words");
    text("the 0.1 x\n", "v:1: \"the 0.1 x\\n\" must be the number of words");
    text("2 1\na 1\n", "v ends after 1 word, but its first line says 2");
    text("1 1\na 1\nb 2\n", "v:3: more data follows after the 1 word that");
    text("2 2\na 1 2\nb 1\n", "v:3: \"b\" has 1 value, but must have 2");
    text("1 2\na 1 x\n", "v:2: value 2 of \"a\" is \"x\", but must be a number");
    text("1 2\na 1 nan\n", "v:2: value 2 of \"a\" is NaN, but must be finite");
    text("1 2\na 1 1e39\n", "v:2: value 2 of \"a\" is inf, but must be finite");
    text("1 1\n 1\n", "v:2: the word is empty");
    text("3 1\na 1\nb 1\na 2\n", "v:4: \"a\" occurred before");
    text("4000000000 99999999\na 1\n", "v:1: 4000000000 words of 99999999 dimensions need");
    text("apple 1,5 2\nb 1,5 2\n", "v:1: \"apple 1,5 2\\n\" must be");
    text("1 2\na 1 2,04\n", "v:2: value 2 of \"a\" is \"2,04\", but must be a number");
    check(b"1 1\n\xff 1\n", Format::Text, "v:2: the line is not UTF-8");
    check(&[8, 0, 0, 0, 0, 0, 0, 0, b'{'], Format::Safetensors, "cannot read the tensors of v");
}

#[test]
fn damaged_binaries_are_named_by_word() {
    let bin = |bytes: &[u8], expect| check(bytes, Format::Bin, expect);
    bin(b"2 1\na \0\0\0\0", "v ends after 1 word, but its first line says 2");
    bin(b"2 1\na \0\0\0\0\nb", "v, word 2: no blank ends \"b\"");
    bin(b"1 2\na \0\0\0\0\0\0\0", "v, word 1: the file ends within the 2 values of \"a\"");
    bin(b"1 1\na \0\0\0\0\nb \0\0\0\0\n", "v: more data follows after the 1 word of 1 value that");
    bin(b"1 1\na \0\0\xc0\x7f", "v, word 1: value 1 of \"a\" is NaN, but must be finite");
    bin(b"1 1\n\xff \0\0\0\0", "v, word 1: the word is not UTF-8");
    bin(b"2 1\na \0\0\0\0a \0\0\0\0", "v, word 2: \"a\" occurred before");
    bin(b"4000000000 99999999\na \0\0\0\0", "v:1: 4000000000 words of 99999999 dimensions need");
    for end in 0..GOOGLE_BIN.len() - 1 {
        parse(&GOOGLE_BIN[..end], Some(Format::Bin)).unwrap_err();
    }
}

#[test]
fn wrong_lines_and_words_twice_are_left_out_and_counted() {
    let text = b"5 2\na 1 2\nb 1,5 2\nc 1\na 3 4\nUNK 5 6\n";
    let imported = import(text, ImportOptions::default()).unwrap();
    assert_eq!(imported.words, 2);
    let unknown = of(&["UNK", "a"], vec![5.0, 6.0, 1.0, 2.0], None);
    equal(&imported.vectors, &unknown);
    let expect = [
        "v: 2 lines are malformed and skipped; the first: v:3: value 1 of \"b\" is \"1,5\", but must be \
         a number",
        "v: 1 word occurs twice and keeps its first vector: v:5: \"a\" occurred before",
    ];
    assert_eq!(imported.warnings, expect);
    let none = import(b"1 2\na 1,5 2\n", ImportOptions::default()).unwrap_err().to_string();
    assert_eq!(none, "v:2: value 1 of \"a\" is \"1,5\", but must be a number");
    let bin =
        import(b"3 1\na \0\0\0\0UNK \0\0\x80?\xff \0\0\0\0", ImportOptions::default()).unwrap();
    equal(&bin.vectors, &of(&["UNK", "a"], vec![1.0, 0.0], None));
    assert!(bin.warnings[0].contains("v, word 3: the word is not UTF-8"), "{:?}", bin.warnings);
}

#[test]
fn a_first_line_may_lack_and_the_first_words_be_enough() {
    let text = b"\xef\xbb\xbfthe 0.5 1e-3\n, -1 2\nof 3 4\n";
    let vectors = of(&["the", ",", "of"], vec![0.5, 1e-3, -1.0, 2.0, 3.0, 4.0], None);
    equal(&parse(text, None).unwrap(), &vectors);
    for format in [Format::Text, Format::Bin, Format::Safetensors] {
        let bytes = written(&vectors, format, "");
        equal(&parse(&bytes, None).unwrap(), &vectors);
        let limit = std::num::NonZeroUsize::new(2);
        let two = import(&bytes, ImportOptions { limit, ..ImportOptions::default() }).unwrap();
        assert_eq!((two.words, two.vectors.rows()), (2, &[0.0, 0.0, 0.5, 1e-3, -1.0, 2.0][..]));
    }
}

#[test]
fn exports_with_counts_come_back() {
    let vectors = of(&["UNK", "a", "b"], vec![0.5, 1.0, 2.0], Some(vec![7, 9, 3]));
    let folder = tempfile::tempdir().unwrap();
    for (format, name) in [(Format::Tsv, "t"), (Format::Safetensors, "s")] {
        let path = folder.path().join(name);
        write(&vectors, format, &path, false).unwrap();
        let back = read(&path, ImportOptions::default()).unwrap().vectors;
        equal(&back, &vectors);
        assert_eq!(back.counts(), vectors.counts());
    }
    let config = fs::read_to_string(folder.path().join("t/projector_config.pbtxt")).unwrap();
    assert!(config.contains("tensor_path: \"vectors.tsv\""), "{config}");
    let inside = folder.path().join("t/vectors.tsv");
    equal(&read(&inside, ImportOptions::default()).unwrap().vectors, &vectors);
    fs::write(&inside, "1.0\n").unwrap();
    let error = read(&inside, ImportOptions::default()).unwrap_err().to_string();
    assert!(error.ends_with("vectors.tsv ends before line 2, but there are more words"), "{error}");
}
