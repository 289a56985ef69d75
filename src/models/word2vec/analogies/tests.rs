use std::sync::Arc;

use super::super::query::tests::family;
use super::super::vectors::WordVectors;
use super::ResolvedSection;
use super::*;
use crate::data::vocabulary::Vocabulary;
use crate::ops::Isa;

fn unit(words: Vec<String>, width: usize, rows: Vec<f32>) -> UnitVectors {
    let vocabulary = Arc::new(Vocabulary::new(words).unwrap());
    WordVectors::new(vocabulary, width, rows).unwrap().into_unit()
}

fn asked(ids: Vec<[u32; 4]>) -> ResolvedQuestions {
    ResolvedQuestions {
        sections: vec![ResolvedSection { name: "all".to_owned(), ids, skipped: 0, malformed: 0 }],
    }
}

fn mix(i: u64) -> u64 {
    let i = (i * 2_654_435_761 + 12_345) % (1 << 32);
    (i ^ (i >> 15)) * 2_246_822_519 % (1 << 32)
}

/// ```python
/// import numpy as np
/// def mix(i):
///     i = np.asarray(i, dtype=np.uint64)
///     i = (i * np.uint64(2654435761) + np.uint64(12345)) % np.uint64(2**32)
///     return (i ^ (i >> np.uint64(15))) * np.uint64(2246822519) % np.uint64(2**32)
/// V, D, Q = 60, 4, 3000
/// rows = (mix(np.arange(V * D)) >> np.uint64(8)).astype(np.float32) / np.float32(2**24)
/// rows = (rows - np.float32(0.5)).reshape(V, D).astype(np.float64)
/// unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
/// q = (mix(np.arange(Q * 4) + 1000) % np.uint64(V)).astype(int).reshape(Q, 4)
/// for first in (0, 1):
///     right = 0
///     for a, b, c, d in q:
///         scores = unit @ (unit[c] + (unit[b] - unit[a]))
///         scores[:first] = -np.inf
///         for j in np.argsort(-scores, kind="stable")[:4]:
///             if j == d: right += 1; break
///             if j not in (a, b, c): break
///     print(first, right)
/// ```
#[test]
fn equals_numpy_on_random_vectors_with_and_without_unk() {
    let (n, width, n_questions) = (60, 4, 3000);
    let value = |i| (mix(i) >> 8) as f32 / (1 << 24) as f32 - 0.5;
    let rows: Vec<f32> = (0..n * width).map(value).collect();
    let word = |q: u64, i: u64| (mix(q * 4 + i + 1000) % n) as u32;
    let questions: Vec<_> =
        (0..n_questions).map(|q| std::array::from_fn(|i| word(q, i as u64))).collect();
    let asked = asked(questions);
    for (first, expect) in [("zero", 104), ("UNK", 103)] {
        let rest = (1..n).map(|i| format!("w{i}"));
        let words = std::iter::once(first.to_owned()).chain(rest).collect();
        let vectors = unit(words, width as usize, rows.clone());
        for isa in Isa::available() {
            let score = score(&Cpu::new(isa, 2).unwrap(), &vectors, &asked);
            assert_eq!((score.right, score.questions), (expect, n_questions), "{first} {isa:?}");
        }
    }
}

#[test]
fn words_of_the_question_are_passed_over() {
    let cpu = Cpu::new(Isa::Portable, 1).unwrap();
    let vectors = family();
    let id = |word| vectors.id(word).unwrap();
    let [king, queen, man, woman] = ["king", "queen", "man", "woman"].map(id);
    assert_eq!(answers(&cpu, &vectors, [man, king, woman], 1)[0].row, queen);
    let score = |ids| score(&cpu, &vectors, &asked(vec![ids])).right;
    assert_eq!(score([man, king, woman, queen]), 1);
    assert_eq!(score([man, king, woman, man]), 0);
    // The reference looks for d before it passes a word of the question over.
    assert_eq!(score([king, king, woman, woman]), 1);
}

#[test]
fn few_words_and_no_questions_are_no_harm() {
    let cpu = Cpu::new(Isa::Portable, 1).unwrap();
    for words in [vec!["UNK".to_owned()], vec!["UNK".to_owned(), "a".to_owned()]] {
        let rows = vec![1.0; words.len()];
        let vectors = unit(words, 1, rows);
        assert_eq!(
            answers(&cpu, &vectors, [0, 0, 0], 4).iter().map(|hit| hit.row).collect::<Vec<_>>(),
            (1..=vectors.n_answers() as u32).collect::<Vec<_>>()
        );
        assert_eq!(score(&cpu, &vectors, &asked(vec![])).precision, 0.0);
        assert_eq!(score(&cpu, &vectors, &asked(vec![[0; 4]])).right, 0);
    }
}

fn parse(text: &str) -> Questions {
    Questions::parse(Path::new("questions.txt"), text)
}

#[test]
fn sections_words_and_what_is_not_asked() {
    let text = "a b c d\n: Capital \nA b\tC  d\r\na b c x\na b c\n\n: empty\n";
    let vocabulary = Vocabulary::new(["d", "c", "b", "a", "C"]).unwrap();
    let ResolvedQuestions { sections } = parse(text).resolve(&vocabulary).unwrap();
    // A word is looked up as written, then case-insensitively.
    let expect: [(&str, &[[u32; 4]], _, _); 3] = [
        (UNNAMED, &[[3, 2, 1, 0]], 0, 0),
        ("Capital", &[[3, 2, 4, 0]], 1, 1),
        ("empty", &[], 0, 0),
    ];
    assert_eq!(sections.len(), expect.len());
    for (section, (name, ids, skipped, malformed)) in sections.iter().zip(expect) {
        assert_eq!((section.name.as_str(), &*section.ids), (name, ids));
        assert_eq!((section.skipped, section.malformed), (skipped, malformed));
    }
}

#[test]
fn errors_name_file_line_and_hint() {
    let vocabulary = Vocabulary::new(["a", "b"]).unwrap();
    let none = |text: &str| parse(text).resolve(&vocabulary).unwrap_err().to_string();
    assert!(none(": x\na b\n").contains("questions.txt has no questions"));
    let error = none("A B Athens Greece\na b c d\n");
    assert!(error.starts_with("each of the 2 questions of questions.txt"), "{error}");
    assert!(error.contains("\"Athens\"") && error.contains("data.min_count"), "{error}");
    let error = Questions::read(Path::new("no/such.txt")).unwrap_err();
    assert!(format!("{error:#}").starts_with("cannot open no/such.txt: "));
}

#[test]
fn sections_add_up() {
    let section = |name: &str, right, questions, skipped| SectionScore {
        name: name.to_owned(),
        right,
        questions,
        skipped,
        malformed: skipped / 7,
    };
    let score = AnalogyScore::of(vec![section("one", 1, 4, 0), section("no one", 0, 0, 7)]);
    assert_eq!((score.precision, score.skipped), (0.25, 7));
    let expect = "one     25.0 %      1 of     4\nno one no question could be asked\n\
                  total   25.0 %      1 of     4; 7 skipped, since a word has no vector; \
                  1 line does not have four words";
    assert_eq!(score.to_string(), expect);
}
