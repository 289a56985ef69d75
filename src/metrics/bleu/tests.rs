//! Numbers of sacreBLEU 2.4.3. Those that need a reference to compare with are made by, say,
//! `BLEU(tokenize="intl", lowercase=True).corpus_score(HYPOTHESES, [FIRST, SECOND]).score`.

use super::*;
use crate::metrics::corpus::{Signature, sum};

/// Quotation marks, spaces, entities, numbers, letters and marks of several scripts.
const HYPOTHESES: [&str; 5] = [
    "L’hôtel « Le Phare » a 1,000.50 m², soit 3-4 étages.",
    "&quot;ÉTÉ&quot; : 25\u{a0}% d'eau…  (env.)",
    "Σίσυφος 漢字テスト。",
    "",
    "a b",
];
const FIRST: [&str; 5] = [
    "L’hôtel «\u{202f}Le Phare\u{202f}» fait 1,000.50 m², soit 3-4 étages.",
    "\"Été\" : 25\u{202f}% d'eau… (environ)",
    "ΣΊΣΥΦΟΣ 漢字のテスト。",
    "vide",
    "a b",
];
const SECOND: [&str; 5] = [
    "L'hôtel Le Phare a 1000,50 m² sur trois étages.",
    "« Été » : 25 % d’eau (environ).",
    "Σίσυφος 漢字。",
    "",
    "a c",
];

fn sums(bleu: &Bleu, hypotheses: &[&str], references: &[&[&str]]) -> Statistics {
    let segments = hypotheses.iter().enumerate().map(|(line, hypothesis)| {
        let references: Vec<_> = references.iter().map(|reference| reference[line]).collect();
        bleu.statistics(hypothesis, &references)
    });
    sum(&segments.collect::<Vec<_>>())
}

#[track_caller]
fn check(bleu: Bleu, hypotheses: &[&str], references: &[&[&str]], expect: f64) {
    let score = bleu.score(&sums(&bleu, hypotheses, references));
    assert!((score - expect).abs() < 1e-9, "{bleu:?}: {score} is not {expect}");
}

/// The example of sacreBLEU's README.
const BITTEN: [&str; 3] =
    ["The dog bit the man.", "It wasn't surprising.", "The man had just bitten him."];
const BITTEN_REFERENCES: [&[&str]; 2] = [
    &["The dog bit the man.", "It was not unexpected.", "The man bit him first."],
    &["The dog had bit the man.", "No one was surprised.", "The man had bitten the dog."],
];

#[test]
fn the_example_of_sacrebleu_has_its_counts_and_text() {
    let bleu = Bleu::default();
    let sums = sums(&bleu, &BITTEN, &BITTEN_REFERENCES);
    assert_eq!((sums.matches, sums.totals), ([14, 7, 5, 3], [17, 14, 11, 8]));
    let score = bleu.evaluate(&sums);
    assert!((score.score - 48.530_827_009_929_865).abs() < 1e-9, "{score:?}");
    assert!((score.brevity_penalty - 0.942_873_1).abs() < 1e-6, "{score:?}");
    let expect =
        "82.4/50.0/45.5/37.5 (BP = 0.943 ratio = 0.944 hyp_len = 17 ref_len = 18)".to_owned();
    assert_eq!(bleu.details(&sums), Some(expect));
    let none = Bleu { tokenizer: Tokenizer::None, ..bleu };
    check(none, &BITTEN, &BITTEN_REFERENCES, 49.191_956_600_472_77);
    check(bleu, &["", "", ""], &BITTEN_REFERENCES, 0.0);
}

#[test]
fn every_tokenizer_gives_its_score_with_and_without_case() {
    // With one reference and two, then the same without case.
    for (tokenizer, expect) in [
        (
            Tokenizer::Mteval13a,
            [66.35357047086508, 68.33645216840672, 74.92553451352812, 76.32661822742675],
        ),
        (
            Tokenizer::None,
            [59.38251019760769, 64.13976615642324, 60.28937569108101, 64.13976615642324],
        ),
        (
            Tokenizer::Char,
            [66.69252541368485, 75.99272804545647, 75.7443983215691, 77.15031163974325],
        ),
        (
            Tokenizer::Intl,
            [56.699572771153676, 58.26878319766321, 57.759836785424135, 58.76473245122596],
        ),
    ] {
        for (lowercase, expect) in [(false, &expect[..2]), (true, &expect[2..])] {
            let bleu = Bleu { tokenizer, lowercase, ..Bleu::default() };
            check(bleu, &HYPOTHESES, &[&FIRST], expect[0]);
            check(bleu, &HYPOTHESES, &[&FIRST, &SECOND], expect[1]);
        }
    }
}

#[test]
fn precisions_of_zero_are_smoothed() {
    let hypotheses = ["un chat noir", "le chien dort ici"];
    let references: &[&[&str]] = &[&["un chien noir", "le chat dort là"]];
    for (smoothing, expect, name) in [
        (Smoothing::Floor(0.1), 7.85629301801026, "floor[0.10]"),
        (Smoothing::Floor(0.01), 1.3970684113160194, "floor[0.01]"),
        (Smoothing::AddK(1.0), 33.03164318013807, "add-k[1.00]"),
        (Smoothing::AddK(0.5), 22.30167552678485, "add-k[0.50]"),
        (Smoothing::None, 0.0, "none"),
        (Smoothing::Exp, 15.619699684601283, "exp"),
    ] {
        check(Bleu { smoothing, ..Bleu::default() }, &hypotheses, references, expect);
        assert_eq!(smoothing.to_string(), name);
    }
    let floor = Bleu { smoothing: Smoothing::Floor(0.01), ..Bleu::default() };
    check(floor, &["this is a fest"], &[&["this is a test"]], 22.360_679_774_997_9);
    let bleu = Bleu::default();
    check(bleu, &["le chat est assis"], &[&["le chat est là"]], 59.460_355_750_136_046);
}

#[test]
fn short_hypotheses_have_a_score_by_the_effective_order_alone() {
    let bleu = Bleu::default();
    let effective = Bleu { effective_order: true, ..bleu };
    check(bleu, &["le chat"], &[&["le chat"]], 0.0);
    check(effective, &["le chat"], &[&["le chat"]], 100.0);
    check(effective, &[""], &[&["x"]], 0.0);
}

#[test]
fn the_score_follows_from_the_counts() {
    let sums = Statistics {
        hypothesis_len: 11,
        reference_len: 11,
        matches: [9, 7, 5, 3],
        totals: [10, 8, 6, 4],
    };
    let bleu = Bleu { smoothing: Smoothing::None, ..Bleu::default() };
    assert!((bleu.score(&sums) - 83.759_223_970_862_69).abs() < 1e-9);
}

#[test]
fn the_nearest_length_counts_and_of_two_the_shorter() {
    let near = |references: &[&[u8]]| Statistics::of(b"abcd", references).reference_len;
    assert_eq!([near(&[b"ab", b"abcdef"]), near(&[b"abcdef", b"ab"])], [2, 2]);
    assert_eq!([near(&[b"a", b"abcde", b""]), near(&[b"abcdefgh"])], [5, 8]);
}

#[test]
fn numbers_are_rounded_as_by_python() {
    let score = Score {
        score: 0.0,
        precisions: [6.25, 43.75, 18.75, 31.25],
        brevity_penalty: 0.0625,
        hypothesis_len: 0,
        reference_len: 0,
    };
    let expect = "6.2/43.8/18.8/31.2 (BP = 0.062 ratio = 0.000 hyp_len = 0 ref_len = 0)";
    assert_eq!(score.to_string(), expect);
}

#[test]
fn signatures_are_those_of_sacrebleu() {
    let signature = Signature::new(&Bleu::default(), 1, None).to_string();
    assert_eq!(signature, "nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:2.4.3");
    let bleu = Bleu {
        tokenizer: Tokenizer::Intl,
        lowercase: true,
        smoothing: Smoothing::Floor(Smoothing::FLOOR),
        effective_order: true,
    };
    let expect =
        "nrefs:2|bs:1000|seed:12345|case:lc|eff:yes|tok:intl|smooth:floor[0.10]|version:2.4.3";
    assert_eq!(Signature::new(&bleu, 2, Some((1000, 12345))).to_string(), expect);
}

#[test]
fn text_becomes_tokens() {
    use Tokenizer::{Char, Intl, Mteval13a, None};
    for (tokenizer, text, expect) in [
        (Mteval13a, "aujourd’hui, c'est l'été…", "aujourd’hui , c'est l'été…"),
        (Mteval13a, "Est-ce que 3-4 suffit?", "Est-ce que 3 - 4 suffit ?"),
        (Mteval13a, "1,000.50 euros (environ)", "1,000.50 euros ( environ )"),
        (
            Mteval13a,
            "a.b,c 3.14,5 x/y @ home &quot;q&quot;",
            "a . b , c 3.14,5 x / y @ home \" q \"",
        ),
        (Mteval13a, "U.S.A. 50% $3.5 -- ok!", "U . S . A . 50 % $ 3.5 -- ok !"),
        // What one entity gives, the next replacement takes; a word on two lines is one.
        (Mteval13a, "&amp;lt;b&gt; a<skipped>b c-\nd\u{1c}e\n", "< b > ab cd e"),
        (Mteval13a, "..5 5.. ,.\u{2009}x", ". .5 5 . . , . x"),
        (None, " a,b\u{202f}c\u{1f}d  ", "a,b c d"),
        (Char, "l'été 漢\u{a0}e\u{301}", "l ' é t é 漢 e \u{301}"),
        (
            Intl,
            "L’hôtel « a » 1,000.50 m², 3-4 d'eau… 5.",
            "L ’ hôtel « a » 1,000.50 m² , 3-4 d ' eau … 5.",
        ),
        (Intl, "&quot;テスト。10€", "& quot ; テスト 。 10 €"),
        (Mteval13a, "\u{3000}", ""),
    ] {
        assert_eq!(tokenizer.tokenize(text), expect, "{tokenizer:?}");
    }
}
