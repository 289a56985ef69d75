use super::*;

const TEXT: &str = "b a c b d a b";

fn count(text: &str, rules: &VocabularyRules) -> (Vec<String>, Vec<u32>, Vec<u64>) {
    let mut counter = WordCounter::default();
    text.split(' ').for_each(|word| counter.add(word));
    let (vocabulary, tokens) = counter.finish(rules).unwrap();
    let words = vocabulary.words().map(String::from).collect();
    (words, tokens, vocabulary.counts().to_vec())
}

fn unk(max: usize) -> VocabularyRules<'static> {
    VocabularyRules { max, unknown: Some(UNKNOWN), ..VocabularyRules::default() }
}

#[test]
fn orders_words_by_count_and_spelling() {
    let (words, tokens, counts) = count(TEXT, &VocabularyRules::default());
    assert_eq!(words, ["b", "a", "c", "d"]);
    assert_eq!(tokens, [0, 1, 2, 0, 3, 1, 0]);
    assert_eq!(counts, [3, 2, 1, 1]);
}

#[test]
fn words_beyond_the_limit_are_dropped_or_unknown() {
    let (words, tokens, counts) =
        count(TEXT, &VocabularyRules { max: 2, ..VocabularyRules::default() });
    assert_eq!((words.len(), tokens, counts), (2, vec![0, 1, 0, 1, 0], vec![3, 2]));
    let (words, tokens, counts) = count(TEXT, &unk(3));
    assert_eq!(words, ["b", "a", "<unk>"]);
    assert_eq!(tokens, [0, 1, 2, 0, 2, 1, 0]);
    assert_eq!(counts, [3, 2, 2]);
    assert_eq!(count("<unk> <unk> a b", &unk(2)).0, ["<unk>", "a"]);
    assert_eq!(
        count("a b <unk> a", &unk(2)),
        (vec!["a".into(), "<unk>".into()], vec![0, 1, 1, 0], vec![2, 2])
    );
    assert_eq!(count("a b", &unk(0)).0, ["a", "b", "<unk>"]);
    assert_eq!(count("a b", &unk(1)), (vec!["<unk>".into()], vec![0, 0], vec![2]));
}

#[test]
fn reserved_words_stand_at_their_ids_whatever_the_text_has() {
    let reserved = ["_PAD", "_GO", "_EOS", "_UNK"];
    let rules = VocabularyRules {
        reserved: &reserved,
        unknown: Some("_UNK"),
        ..VocabularyRules::default()
    };
    let text = "z _EOS a z _EOS y a _EOS x z _UNK";
    let (words, tokens, counts) = count(text, &VocabularyRules { max: 2, ..rules });
    assert_eq!(words, ["_PAD", "_GO", "_EOS", "_UNK", "z", "a"]);
    assert_eq!(tokens, [4, 2, 5, 4, 2, 3, 5, 2, 3, 4, 3]);
    assert_eq!(counts, [0, 0, 3, 3, 3, 2]);
    // Of y and x, which occur as often, y is seen first.
    assert_eq!(count(text, &rules).0[6..], ["x", "y"]);
    let first_seen = VocabularyRules { order: WordOrder::CountThenFirstSeen, ..rules };
    assert_eq!(count(text, &first_seen).0[6..], ["y", "x"]);
    let often = VocabularyRules { min_count: 3, ..rules };
    assert_eq!(count(text, &often).0[4..], ["z"]);
    // What is reserved is no stranger where nothing is read as unknown.
    let none = VocabularyRules { unknown: None, max: 1, ..rules };
    assert_eq!(
        count("a q a _GO", &none),
        (words_of(&["_PAD", "_GO", "_EOS", "_UNK", "a"]), vec![4, 4, 1], vec![0, 1, 0, 0, 2])
    );
    let vocabulary = Vocabulary::new(reserved).unwrap();
    vocabulary.ensure_reserved(&reserved).unwrap();
    let error = vocabulary.ensure_reserved(&["_PAD", "_EOS"]).unwrap_err().to_string();
    assert_eq!(error, "word 2 is \"_GO\" and not _EOS");
    let twice = VocabularyRules { reserved: &["a", "a"], ..VocabularyRules::default() };
    assert!(Vocabulary::of_counts([], &twice).unwrap_err().to_string().contains("twice"));
}

#[test]
fn kept_words_stay_however_rare_they_are() {
    let kept = VocabularyRules { kept: &["d"], max: 2, ..VocabularyRules::default() };
    assert_eq!(count(TEXT, &kept), (words_of(&["b", "d"]), vec![0, 0, 1, 0], vec![3, 1]));
    let both = VocabularyRules { max: 3, unknown: Some(UNKNOWN), min_count: 3, ..kept };
    assert_eq!(count(TEXT, &both).0, ["b", "d", UNKNOWN]);
    assert_eq!(count(TEXT, &VocabularyRules { max: 1, ..both }).0, ["d", UNKNOWN]);
    // What the text lacks does not come in.
    assert_eq!(count("a b", &kept).0, ["a", "b"]);
}

#[test]
fn words_are_found_as_written_and_then_without_their_case() {
    let vocabulary = Vocabulary::new(["paris", "Paris", "Rome", "USA", "été", "UNK"]).unwrap();
    let found = ["paris", "Paris", "PARIS", "rome", "usa", "Été", "oslo", "", "unk", "UNK"];
    let ids = found.map(|word| vocabulary.find(word));
    let expect = [Some(0), Some(1), Some(0), Some(2), Some(3), Some(4), None, None, None, Some(5)];
    assert_eq!(ids, expect);
}

fn words_of(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_string()).collect()
}

#[test]
fn reads_other_text_in_the_same_ids() {
    let vocabulary = Vocabulary::new(["x", "<unk>"]).unwrap();
    let read = |oov: OutOfVocabulary| {
        let mut reader = WordReader::new(&vocabulary, oov.unknown()).unwrap();
        ["x", "y", "x"].into_iter().for_each(|word| reader.add(word));
        (reader.tokens, reader.coverage.outside)
    };
    assert_eq!(read(OutOfVocabulary::Drop), (vec![0, 0], 1));
    assert_eq!(read(OutOfVocabulary::Unk), (vec![0, 1, 0], 1));
    let error = WordReader::new(&vocabulary, Some("UNK")).unwrap_err().to_string();
    assert!(error.contains("lacks UNK; use data.oov"), "{error}");
}

#[test]
fn texts_round_trip_and_doubles_are_errors() {
    let vocabulary = Vocabulary::new(["a", "b"]).unwrap();
    assert_eq!(vocabulary.to_text(), "a\nb\n");
    assert_eq!(Vocabulary::from_text(&vocabulary.to_text()).unwrap(), vocabulary);
    let counted = vocabulary.clone().with_counts(vec![7, 0]).unwrap();
    assert_eq!(
        (counted.to_text(), &*counted.to_counted_text()),
        (vocabulary.to_text(), "a 7\nb 0\n")
    );
    assert_eq!(Vocabulary::from_counted_text(&counted.to_counted_text()).unwrap(), counted);
    let crc = |text: &str| format!("2 words {:08x}", crc32c::crc32c(text.as_bytes()));
    assert_eq!(vocabulary.fingerprint(), crc("a\nb\n"));
    assert_eq!(counted.fingerprint(), crc("a 7\nb 0\n"));
    assert_eq!(counted.without_counts(), vocabulary);
    assert!(Vocabulary::new(["a", "a"]).unwrap_err().to_string().contains("twice"));
    let error = vocabulary.with_counts(vec![1]).unwrap_err().to_string();
    assert_eq!(error, "there are 2 words, but 1 count");
    assert!(WordCounter::default().finish(&VocabularyRules::default()).is_err());
}

#[test]
fn a_damaged_text_with_counts_is_named_by_its_line() {
    let error = |text: &str| format!("{:#}", Vocabulary::from_counted_text(text).unwrap_err());
    assert!(error("UNK 1\nthe").starts_with("line 2: \"the\" is not a word, a space"));
    assert!(error("UNK 1\nthe x\n").starts_with("line 2: \"x\" is not the count"));
    assert!(error("UNK 1\na 1\na 1\n").contains("\"a\" twice, as word 2 and as word 3"));
    assert!(error("UNK 1\n 7\n").starts_with("line 2: there is no word before the count 7"));
    assert!(error(&format!("UNK 1\nthe {}\n", u64::MAX)).contains("add up to more than"));
    let unreserved = |text: &str| {
        Vocabulary::from_counted_text(text)
            .unwrap()
            .ensure_reserved(&["UNK"])
            .unwrap_err()
            .to_string()
    };
    assert_eq!(unreserved("the 1\n"), "word 1 is \"the\" and not UNK");
    assert_eq!(unreserved(""), "word 1 is \"\" and not UNK");
}
