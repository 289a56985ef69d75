use std::path::PathBuf;

use super::*;

/// Sentences with what is easily lost: spaces before French punctuation, apostrophes, case, digits,
/// two spaces, names of special tokens, letters in two ways of writing.
const LINES: [&str; 9] = [
    "Est-ce que 3-4 suffit\u{202f}?",
    "«\u{a0}L'été d'Hélène\u{a0}: aujourd’hui, c'est fini\u{a0}!\u{a0}»",
    "Go.",
    "It's  two  spaces, e\u{301} and é.",
    " a space before and one behind ",
    "_GO _PAD_EOS _UNK is text, <s> too",
    "日本語 😀\u{1}\ttab",
    "L'ÉTÉ l'été L'été",
    "s'm's't 1,000.50 (x)",
];

fn pairs(add: &mut dyn FnMut(Side, &str)) -> Result<()> {
    for line in LINES {
        add(Side::Source, line);
        add(Side::Target, line);
    }
    Ok(())
}

fn trained() -> Tokenizer {
    Tokenizer::Bpe(Bpe::train(300, 2, pairs).unwrap())
}

fn basic(source: &[&str], sizes: [usize; 2]) -> Basic {
    let add = |add: &mut dyn FnMut(Side, &str)| {
        source.iter().for_each(|line| add(Side::Source, line));
        add(Side::Target, "le chat");
        Ok(())
    };
    Basic::train(sizes, add).unwrap()
}

fn words(basic: &Basic, side: Side) -> Vec<&str> {
    basic.vocabulary(side).words().collect()
}

/// The tokens are those of `basic_tokenizer` of the reference with `_DIGIT_RE`, in Python 3.
#[test]
fn basic_tokens_are_the_reference_s() {
    let line = "  Don't (ever) say \"no.\", 1,024 times:x;y?! «été» l’été\u{a0}! a-b٣ \u{b} z";
    let basic = basic(&[line], [99, 99]);
    // Every token has its own id here, so the text shows them.
    let expect = "Don ' t ( ever ) say \" no . \" , 0 , 000 times : x ; y ? ! «été» l’été\u{a0} ! \
                  a-b٣ z";
    let tokenizer = Tokenizer::Basic(basic);
    let ids = tokenizer.encode(Side::Source, line);
    assert_eq!(tokenizer.decode(Side::Source, &ids), expect);
    assert!(!ids.contains(&UNK));
    assert!(tokenizer.encode(Side::Source, " \t ").is_empty());
}

#[test]
fn basic_vocabularies_are_ordered_and_cut_with_the_special_tokens() {
    let lines = ["b a c a", "d b 12 34 _GO"];
    let all = basic(&lines, [99, 99]);
    assert_eq!(
        words(&all, Side::Source),
        ["_PAD", "_GO", "_EOS", "_UNK", "b", "a", "00", "c", "d"],
        "by falling count, first seen first"
    );
    assert_eq!(words(&all, Side::Target), ["_PAD", "_GO", "_EOS", "_UNK", "le", "chat"]);
    let cut = Tokenizer::Basic(basic(&lines, [6, 5]));
    assert_eq!((cut.size(Side::Source), cut.size(Side::Target)), (6, 5));
    assert_eq!(cut.encode(Side::Source, "a b c 7 _GO _PAD"), [5, 4, 3, 3, 3, 3]);
    assert_eq!(cut.encode(Side::Target, "a le"), [3, 4]);
    assert_eq!(cut.decode(Side::Source, &[GO, 5, UNK, 4, EOS, 4, PAD]), "a _UNK b");
    assert_eq!([0, 5].map(|id| cut.piece(Side::Source, id)), ["_PAD", "a"]);
    assert!(!cut.is_shared());
    let none = |_: &mut dyn FnMut(Side, &str)| Ok(());
    let error = format!("{:#}", Basic::train([9, 9], none).unwrap_err());
    assert_eq!(error, "the source text: it has no words");
    let error = Basic::train([9, 4], none).unwrap_err().to_string();
    assert_eq!(error, "a vocabulary of 4 words has no room for the target's");
}

#[test]
fn bpe_gives_every_text_back_as_it_was_written() {
    let tokenizer = trained();
    for side in Side::ALL {
        assert!(tokenizer.size(side) == 300 && tokenizer.is_shared());
        // Also what it was not trained on.
        for line in LINES.into_iter().chain(["", " ", "zażółć\u{2028}", "_GO"]) {
            let ids = tokenizer.encode(side, line);
            assert_eq!(tokenizer.decode(side, &ids), line, "{ids:?}");
            assert!(ids.iter().all(|&id| id > UNK && id < 300), "{line:?}: {ids:?}");
        }
    }
    let ids = tokenizer.encode(Side::Source, "été");
    let padded = [&[GO], &ids[..], &[EOS, PAD, 77, PAD]].concat();
    assert_eq!(tokenizer.decode(Side::Target, &padded), "été");
    assert_eq!(tokenizer.piece(Side::Source, EOS), "_EOS");
    assert_eq!(tokenizer.encode(Side::Source, "t x t")[0], tokenizer.encode(Side::Source, "t")[0]);
}

#[test]
fn bpe_is_the_same_with_any_number_of_threads() {
    let one = Tokenizer::Bpe(Bpe::train(300, 1, pairs).unwrap());
    assert_eq!(one.fingerprint(), trained().fingerprint());
    let error = Bpe::train(259, 1, pairs).unwrap_err().to_string();
    assert!(error.starts_with("a byte-level vocabulary of 259 ids is too small"), "{error}");
    let fails = |_: &mut dyn FnMut(Side, &str)| anyhow::bail!("a.en:7: no more");
    assert_eq!(Bpe::train(300, 1, fails).unwrap_err().to_string(), "a.en:7: no more");
}

#[test]
fn tokenizers_are_saved_and_loaded() {
    for tokenizer in [trained(), Tokenizer::Basic(basic(&LINES, [99, 99]))] {
        let folder = tempfile::tempdir().unwrap();
        let error = Tokenizer::load(folder.path()).unwrap_err().to_string();
        assert!(error.contains("has no tokenizer: neither tokenizer.json nor source."), "{error}");
        tokenizer.save(folder.path()).unwrap();
        let loaded = Tokenizer::load(folder.path()).unwrap();
        assert_eq!(loaded.fingerprint(), tokenizer.fingerprint());
        for line in LINES {
            let ids = tokenizer.encode(Side::Source, line);
            assert_eq!(loaded.encode(Side::Source, line), ids);
        }
        loaded.save(folder.path()).unwrap();
        assert_eq!(Tokenizer::load(folder.path()).unwrap().fingerprint(), loaded.fingerprint());
    }
}

#[test]
fn damaged_files_are_named() {
    let load = |files: &[(&str, &str)]| {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        format!("{:#}", Tokenizer::load(folder.path()).unwrap_err())
    };
    let error = load(&[("tokenizer.json", "{}")]);
    assert!(error.contains("tokenizer.json is not a tokenizer: "), "{error}");
    let error = load(&[("source.vocab.txt", "_PAD\n_GO\nx\n")]);
    assert!(error.contains("source.vocab.txt is damaged: word 3 is \"x\" and not _EOS"), "{error}");
    let error = load(&[("source.vocab.txt", "_PAD\n_GO\n_EOS\n_UNK\nx\n")]);
    assert!(error.contains("target.vocab.txt"), "{error}");
}

/// A `tokenizer.json` as the Python library writes it for a `WordLevel` model.
fn of_words(unknown: &str) -> String {
    let special = |id: u32, name: &str| {
        format!(
            r#"{{"id":{id},"content":"{name}","single_word":false,"lstrip":false,"rstrip":false,
            "normalized":false,"special":true}}"#
        )
    };
    format!(
        r#"{{"version":"1.0","truncation":{{"direction":"Right","max_length":1,
        "strategy":"LongestFirst","stride":0}},"padding":null,"added_tokens":[{},{}],
        "normalizer":null,"pre_tokenizer":{{"type":"Whitespace"}},"post_processor":null,
        "decoder":null,"model":{{"type":"WordLevel","vocab":{{"a":0,"</s>":1,"<unk>":2,"b":4}},
        "unk_token":"{unknown}"}}}}"#,
        special(1, "</s>"),
        special(2, "<unk>")
    )
}

#[test]
fn the_file_of_another_maker_gets_the_special_ids() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokenizer.json");
    std::fs::write(&path, of_words("<unk>")).unwrap();
    let tokenizer = Tokenizer::load(folder.path()).unwrap();
    assert_eq!(tokenizer.size(Side::Source), 6);
    assert_eq!(tokenizer.encode(Side::Source, "b a z b"), [5, 4, UNK, 5]);
    assert_eq!(tokenizer.words(Side::Source, "b  été a"), ["b", "été", "a"]);
    assert_eq!(tokenizer.decode(Side::Source, &[GO, 5, UNK, 4, EOS, 4]), "b <unk> a");
    tokenizer.save(folder.path()).unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), of_words("<unk>"));
    // One that cannot write what it does not know is refused at once.
    std::fs::write(&path, of_words("<none>")).unwrap();
    let error = format!("{:#}", Tokenizer::load(folder.path()).unwrap_err());
    assert!(error.contains("tokenizer.json is not a tokenizer: WordLevel"), "{error}");
}

/// Settings at which the library would panic, for which there is no memory, or that are random.
#[test]
fn what_the_library_cannot_do_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokenizer.json");
    let whole = of_words("<unk>");
    let with =
        |decoder: &str| whole.replace(r#""decoder":null"#, &format!(r#""decoder":{decoder}"#));
    let bpe = r#"{"version":"1.0","model":{"type":"BPE","continuing_subword_prefix":"@@@@",
        "vocab":{"a":0,"b":1,"ab":2},"merges":["a b"]}}"#;
    for (json, part) in [
        (with(r#"{"type":"Strip","content":" ","start":0,"stop":1}"#), "a stop above 0"),
        (
            with(
                r#"{"type":"Sequence","decoders":[{"type":"Strip","content":" ","start":0,"stop":2}]}"#,
            ),
            "a stop above 0",
        ),
        (with(r#"{"type":"Strip","content":" ","#), "is not a tokenizer"),
        (bpe.to_owned(), "lacks continuing_subword_prefix"),
        (bpe.replace(r#""BPE""#, r#""BPE","dropout":0.1"#), "at random (model.dropout = 0.1)"),
        (
            bpe.replace(
                r#""1.0""#,
                r#""1.0","pre_tokenizer":{"type":"Sequence","pretokenizers":[{"type":"FixedLength","length":0}]}"#,
            ),
            "FixedLength has a length of 0",
        ),
        (whole.replace(r#""b":4"#, r#""b":4000000000"#), "is too large"),
    ] {
        std::fs::write(&path, &json).unwrap();
        let error = format!("{:#}", Tokenizer::load(folder.path()).unwrap_err());
        assert!(error.contains(part), "{json}: {error}");
    }
    let strip = with(r#"{"type":"Strip","content":" ","start":1,"stop":0}"#);
    std::fs::write(&path, strip).unwrap();
    Tokenizer::load(folder.path()).unwrap();
}

/// Real lines, and what the Python library makes of them: TFM_DATA_DIR has `enfr/tatoeba`.
#[test]
fn real_text_comes_back_as_it_was_written() {
    let Some(data) = std::env::var_os("TFM_DATA_DIR") else {
        return println!("skipped: TFM_DATA_DIR is not set");
    };
    let folder = PathBuf::from(data).join("enfr/tatoeba");
    let read = |name| std::fs::read_to_string(folder.join(name));
    let (Ok(source), Ok(target)) = (read("train.en"), read("train.fr")) else {
        return println!("skipped: {} is not there", folder.display());
    };
    let pairs = |add: &mut dyn FnMut(Side, &str)| {
        source.lines().for_each(|line| add(Side::Source, line));
        target.lines().for_each(|line| add(Side::Target, line));
        Ok(())
    };
    let tokenizer = Tokenizer::Bpe(Bpe::train(8000, 2, pairs).unwrap());
    assert_eq!(tokenizer.size(Side::Target), 8000);
    for line in source.lines().step_by(9).chain(target.lines().step_by(3)) {
        let ids = tokenizer.encode(Side::Target, line);
        assert_eq!(tokenizer.decode(Side::Target, &ids), line);
    }
}
