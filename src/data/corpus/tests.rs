use std::io::Write;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;

use super::sentences::keep_probability;
use super::*;

const TEXT: &str = "the cat saw the dog\nthe dog saw UNK\tthe cat \u{b} and  the bird\n\
                    the cat saw the dog\nthe dog saw UNK\tthe cat \u{b} and  the bird\n\
                    the cat saw the dog\nthe dog saw UNK\tthe cat \u{b} and  the bird\nonce\n";
const TWICE: Limits = Limits { min_count: 2, max_vocab: 0 };
const ALL: Limits = Limits { min_count: 0, max_vocab: 0 };

fn of(text: &str, limits: Limits) -> Corpus {
    Corpus::read(&[TextSource::Memory(text.into())], limits, 1).unwrap()
}

/// The corpus's words, a line an item.
fn lines(corpus: &Corpus) -> Vec<String> {
    let mut lines = Vec::<String>::new();
    for id in corpus.words() {
        let word = corpus.vocabulary.word(id & !LINE_START);
        match lines.last_mut() {
            Some(line) if id & LINE_START == 0 => *line += &format!(" {word}"),
            _ => lines.push(word.to_string()),
        }
    }
    lines
}

// The reference's own operator, which TensorFlow 2.15 still has:
//   d = tf.GraphDef(); d.versions.producer = 18; n = d.node.add(); n.name, n.op = "sg", "Skipgram"
//   n.attr["filename"].s = FILE; n.attr["batch_size"].i = 4; n.attr["window_size"].i = 2
//   n.attr["min_count"].i = 2; n.attr["subsample"].f = 0
//   tf.import_graph_def(d, name=""); tf.Session().run(["sg:0", "sg:1", "sg:2"])
// gives UNK 1, the 15, dog 6, saw 6, cat 6, bird 3, and 3, UNK 3; 43 words. It orders equal
// counts as they come, and has the word UNK twice where the text has it.
#[test]
fn words_and_counts_are_those_of_the_reference() {
    let corpus = of(TEXT, TWICE);
    let vocabulary = &corpus.vocabulary;
    assert_eq!(corpus.len(), 43);
    assert_eq!(vocabulary.to_counted_text(), "UNK 4\nthe 15\ncat 6\ndog 6\nsaw 6\nand 3\nbird 3\n");
    let read = Vocabulary::from_counted_text(&vocabulary.to_counted_text()).unwrap();
    assert_eq!(read, **vocabulary);
    read.ensure_reserved(RESERVED).unwrap();
    assert_eq!(
        lines(&corpus)[..2],
        ["the cat saw the dog", "the dog saw UNK the cat and the bird"]
    );
    assert_eq!(lines(&corpus).last().unwrap(), "UNK");
    let all = of(TEXT, ALL);
    assert_eq!((all.vocabulary.len(), all.vocabulary.id("once")), (8, Some(7)));
    let three = of(TEXT, Limits { max_vocab: 3, ..TWICE });
    assert_eq!(three.vocabulary.to_counted_text(), "UNK 16\nthe 15\ncat 6\ndog 6\n");
}

#[test]
fn a_given_vocabulary_stays_and_is_counted_anew() {
    let words = Vocabulary::clone(&of(TEXT, TWICE).vocabulary);
    let corpus =
        Corpus::read_with(&[TextSource::Memory("dog once dog\ncat".into())], words, 1).unwrap();
    assert_eq!(
        corpus.vocabulary.to_counted_text(),
        "UNK 1\nthe 0\ncat 1\ndog 2\nsaw 0\nand 0\nbird 0\n"
    );
    assert_eq!(lines(&corpus), ["dog UNK dog", "cat"]);
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn files_archives_and_threads_give_the_same_text() {
    let folder = tempfile::tempdir().unwrap();
    // More than two pieces, with a word across the border of a piece, and no newline at the end.
    let mut text = String::new();
    for i in 0..2_600_000u32 {
        text += &format!("word{}{}", i % 5003 * 7919 % 5003, if i % 11 == 0 { "\n" } else { " " });
    }
    let text = text.trim_end();
    let half = text[..text.len() / 2].rfind('\n').unwrap();
    let (a, b) = (&text[..half], &text[half + 1..]);
    let plain = write(folder.path(), "a.txt", a.as_bytes());
    // Two members, as `cat a.gz b.gz` makes them.
    let cut = b.len() / 3;
    let members = [gzip(&b.as_bytes()[..cut]), gzip(&b.as_bytes()[cut..])].concat();
    let packed = write(folder.path(), "b.txt.gz", &members);
    let whole = of(text, TWICE);
    assert!(whole.len() == 2_600_000 && text.len() > 16 << 20, "{}", text.len());
    for threads in [1, 3] {
        let sources = files(&[plain.clone(), packed.clone()]).unwrap();
        let corpus = Corpus::read(&sources, TWICE, threads).unwrap();
        assert_eq!(corpus.fingerprint(), whole.fingerprint());
        assert!(corpus == whole);
    }
    let single = write(folder.path(), "c.txt", text.as_bytes());
    assert!(Corpus::read(&files(&[single]).unwrap(), TWICE, 2).unwrap() == whole);
}

// A piece is 16 MiB of a file, and what is left of the word that it ends in.
#[test]
fn a_line_begins_whatever_white_space_follows_its_newline() {
    let folder = tempfile::tempdir().unwrap();
    let text = "ab ".repeat((16 << 20) / 3) + " \n \t cd \n cd";
    for at in 0..4 {
        // One of them has the border of the pieces between the newline and the space.
        let text = &text[at..];
        let path = write(folder.path(), "text", text.as_bytes());
        let corpus = Corpus::read(&files(&[path]).unwrap(), ALL, 2).unwrap();
        assert!(corpus == of(text, ALL), "{at}");
    }
}

#[test]
fn bad_files_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let error = |name: &str, bytes: &[u8]| {
        let path = write(folder.path(), name, bytes);
        let error = files(&[path]).and_then(|files| Corpus::read(&files, ALL, 2)).unwrap_err();
        let text = format!("{error:#}");
        assert!(text.contains(name), "{text}");
        text
    };
    assert!(error("empty", b"").contains("contains no words"));
    assert!(error("blank", b" \n\t ").contains("contains no words"));
    let [good, nothing] = [("good", "word"), ("nothing.gz", "")]
        .map(|(name, text)| write(folder.path(), name, &gzip(text.as_bytes())));
    let beside = Corpus::read(&files(&[good, nothing]).unwrap(), ALL, 2).unwrap_err();
    assert!(beside.to_string().ends_with("nothing.gz contains no words"), "{beside}");
    let bytes = error("bytes", b"good\nbad \xff\n");
    assert!(bytes.contains("bytes:2: the text is not UTF-8, byte 9"), "{bytes}");
    assert!(
        error("bytes.gz", &gzip(b"good\nbad \xff\n"))
            .contains("bytes.gz:2: the text is not UTF-8, byte 9")
    );
    let whole = gzip(TEXT.repeat(50).as_bytes());
    let cut = error("cut.gz", &whole[..whole.len() / 2]);
    assert!(cut.contains("cannot be read to the end"), "{cut}");
    assert!(error("long", "x".repeat(2 << 20).as_bytes()).contains("this is not text"));
    assert!(error("long.gz", &gzip("x".repeat(2 << 20).as_bytes())).contains("this is not text"));
    let missing = files(&[folder.path().join("none")]).unwrap_err().to_string();
    assert!(missing.contains("cannot open"), "{missing}");
    let place = files(&[folder.path().to_path_buf()]).unwrap_err().to_string();
    assert!(place.contains("is a folder"), "{place}");
}

// (np.sqrt(c / (p * t)) + 1) * (p * t) / c
#[test]
fn words_are_kept_with_the_probability_of_the_reference() {
    let cases = [
        (1_061_396, 17_005_207, 1e-3, 0.142_597_801_878_981_86),
        (5, 17_005_207, 1e-3, 1.0),
        (100, 1_000, 1e-3, 0.11),
        (30_000, 1_000_000, 1e-4, 0.061_068_360_252_295_915),
        (30_000, 1_000_000, 0.0, 1.0),
    ];
    for (count, total, sample, expect) in cases {
        let got = keep_probability(count, total, sample);
        assert!((got - expect).abs() < 1e-15, "{count} {total} {sample}: {got}");
    }
}

/// All sentences of two epochs, read up to each of `until` in turn.
fn read(sentences: &Sentences, until: &[u64], end: u64) -> (Vec<Vec<u32>>, Vec<SentenceSpan>) {
    let (mut cursor, mut block) = (Cursor::default(), SentenceBatch::default());
    let (mut words, mut all) = (Vec::new(), Vec::new());
    for &until in until {
        // A cursor that was written and read continues as it would have.
        cursor = serde_json::from_str(&serde_json::to_string(&cursor).unwrap()).unwrap();
        sentences.read(&mut cursor, until, end, &mut block);
        for sentence in &block.sentences {
            words.push(block.words[sentence.words.clone()].to_vec());
            all.push(SentenceSpan { words: 0..sentence.words.len(), ..sentence.clone() });
        }
    }
    assert_eq!(cursor.position, end);
    assert_eq!(cursor.kept, words.iter().map(Vec::len).sum::<usize>() as u64);
    (words, all)
}

fn random_text(words: u32) -> String {
    let mut numbers = crate::rng::Stream::new(1, "text").at(0);
    let mut word = || {
        let frequent = numbers.below(3) == 0;
        let word = if frequent { numbers.below(4) } else { numbers.below(500) };
        format!("w{word}{}", if numbers.below(12) == 0 { "\n" } else { " " })
    };
    (0..words).map(|_| word()).collect()
}

#[test]
fn blocks_of_a_thousand_kept_words_run_across_epochs() {
    let corpus = of(&random_text(7_000), Limits { min_count: 10, max_vocab: 0 });
    let subsampling = || Subsampling::new(corpus.vocabulary.counts(), 1e-2, Unk::Keep, 5).unwrap();
    let sentences = Sentences::new(&corpus, subsampling(), SentenceMode::Blocks);
    let end = 2 * corpus.len() as u64;
    let (words, places) = read(&sentences, &[end], end);
    assert!(words.len() > 5 && words[..words.len() - 1].iter().all(|words| words.len() == 1000));
    let share = words.iter().map(Vec::len).sum::<usize>() as f64 / end as f64;
    assert!((share - sentences.expected_share()).abs() < 0.01, "{share}");
    assert!((0.3..0.9).contains(&share), "{share}");
    // Steps may be cut anywhere.
    assert_eq!(read(&sentences, &[1, 2, 999, 3_000, 3_001, 8_000, end], end), (words, places));
    // The second epoch draws anew.
    let other = Sentences::new(
        &corpus,
        Subsampling::new(corpus.vocabulary.counts(), 1e-2, Unk::Keep, 6).unwrap(),
        SentenceMode::Blocks,
    );
    assert_ne!(read(&other, &[end], end).0, read(&sentences, &[end], end).0);
}

#[test]
fn a_word_is_kept_by_the_number_of_its_place() {
    let corpus = of(&random_text(3_000), Limits { min_count: 10, max_vocab: 0 });
    let counts = corpus.vocabulary.counts();
    let (sample, n, end) = (1e-2, corpus.len() as u64, 2 * corpus.len() as u64 + 500);
    for (unk, first, mode) in
        [(Unk::Keep, 0, SentenceMode::Blocks), (Unk::Drop, 1, SentenceMode::Lines)]
    {
        let total = counts[first as usize..].iter().sum();
        let numbers = crate::rng::Stream::new(5, "subsampling");
        let keeps = |place: &u64| {
            let id = corpus.words()[(place % n) as usize] & !LINE_START;
            let number = numbers.block(place / 4, 0)[(place % 4) as usize];
            let probability = keep_probability(counts[id as usize], total, sample);
            id >= first && f64::from(number) < (probability * 2f64.powi(32)).floor()
        };
        let kept = (0..end).filter(keeps);
        let expect: Vec<_> =
            kept.map(|place| corpus.words()[(place % n) as usize] & !LINE_START).collect();
        let subsampling = Subsampling::new(counts, sample, unk, 5).unwrap();
        let sentences = Sentences::new(&corpus, subsampling, mode);
        let (words, places) = read(&sentences, &[end], end);
        assert_eq!(words.concat(), expect);
        let mut first = 0;
        for sentence in places {
            assert_eq!(sentence.first, first);
            assert_eq!((0..sentence.position).filter(keeps).count() as u64, first);
            first += sentence.words.len() as u64;
        }
    }
}

#[test]
fn lines_are_sentences_and_unknown_words_may_be_dropped() {
    let text = "a b rare c\n\nrare\nb a";
    let corpus = of(&format!("{text}\n{}", "a ".repeat(1_500)), TWICE);
    let unk = |unk| Subsampling::new(corpus.vocabulary.counts(), 0.0, unk, 1).unwrap();
    let (a, b, rare) = (1, 2, 3);
    let expect = |drop: bool| {
        // `c` alone is outside the vocabulary.
        let mut lines = match drop {
            true => vec![vec![a, b, rare], vec![rare], vec![b, a]],
            false => vec![vec![a, b, rare, 0], vec![rare], vec![b, a]],
        };
        lines.extend([vec![a; 1_000], vec![a; 500]]);
        lines
    };
    let end = corpus.len() as u64;
    for (rule, drop) in [(Unk::Keep, false), (Unk::Drop, true)] {
        let sentences = Sentences::new(&corpus, unk(rule), SentenceMode::Lines);
        assert_eq!(read(&sentences, &[end], end).0, expect(drop));
        let twice: Vec<_> = [expect(drop), expect(drop)].concat();
        assert_eq!(read(&sentences, &[end, 2 * end], 2 * end).0, twice);
    }
    let error = Subsampling::new(&[4], 0.0, Unk::Drop, 1).unwrap_err();
    assert!(error.to_string().contains("data.min_count"), "{error}");
    let rare =
        Corpus::read(&[TextSource::Memory("a b a".into())], Limits { min_count: 3, ..TWICE }, 1);
    let expect = "no word of the text occurs data.min_count = 3 times: the most frequent, \"a\", \
                  occurs 2; lower data.min_count";
    assert_eq!(rare.unwrap_err().to_string(), expect);
    let none = Vocabulary::new(["UNK", "z"]).unwrap();
    let error = Corpus::read_with(&[TextSource::Memory("a b".into())], none, 1).unwrap_err();
    assert!(error.to_string().contains("is in its vocabulary"), "{error}");
}

#[test]
fn the_wikipedia_text_has_the_published_counts() {
    let Some(data) = std::env::var_os("TFM_DATA_DIR") else {
        return println!("skipped: TFM_DATA_DIR is not set");
    };
    let path = Path::new(&data).join("enwiki/enwiki-100mb.txt");
    if !path.exists() {
        return println!("skipped: {} is not there", path.display());
    }
    let limits = Limits { min_count: 5, max_vocab: 0 };
    let corpus = Corpus::read(&files(&[path]).unwrap(), limits, 2).unwrap();
    assert_eq!((corpus.len(), corpus.vocabulary.len()), (16_938_113, 67_890));
}
