use std::sync::Arc;

use super::super::vectors::WordVectors;
use super::*;
use crate::data::vocabulary::Vocabulary;
use crate::ops::Isa;

/// Words whose vectors lie as their meanings do.
pub(in crate::models::word2vec) fn family() -> UnitVectors {
    let words = ["UNK", "king", "queen", "man", "woman", "the"];
    let vocabulary = Arc::new(Vocabulary::new(words).unwrap());
    let rows = [
        [0.5, 0.5, 0.5],
        [1.0, 0.9, 0.0],
        [1.0, -1.0, 0.0],
        [0.1, 0.9, 0.0],
        [0.1, -1.0, 0.0],
        [0.0, 0.0, 1.0],
    ];
    WordVectors::new(vocabulary, 3, rows.concat()).unwrap().into_unit()
}

fn cpu() -> Cpu {
    Cpu::new(Isa::Portable, 1).unwrap()
}

#[test]
fn nearby_is_printed_as_the_reference_does() {
    let query = Query::Nearby(vec!["king".to_owned(), "the".to_owned()]);
    let answer = query.answer(&cpu(), &family(), 2).unwrap();
    let rule = "=".repeat(37);
    let expect = format!(
        "king\n{rule}\nking                 1.0000\nman                  0.7470\n\n\
         the\n{rule}\nthe                  1.0000\nking                 0.0000"
    );
    assert_eq!(answer.to_string(), expect);
    let json = serde_json::to_value(&answer).unwrap();
    assert_eq!(json["nearby"][0]["neighbours"][1]["word"], "man");
}

#[test]
fn unk_is_never_named() {
    let all = nearby(&cpu(), &family(), "UNK", NEARBY).unwrap().neighbours;
    assert_eq!(all.len(), 5);
    assert!(all.iter().all(|neighbour| neighbour.word != "UNK"));
}

#[test]
fn the_answer_is_none_of_the_three() {
    let query = Query::Analogy(["man", "king", "woman"].map(str::to_owned));
    let answer = query.answer(&cpu(), &family(), NEARBY).unwrap();
    assert_eq!(answer.to_string(), "queen");
    let json = serde_json::to_value(&answer).unwrap();
    assert_eq!(
        (&json["analogy"]["a"], &json["analogy"]["answer"]["word"]),
        (&"man".into(), &"queen".into())
    );
}

#[test]
fn unknown_words_get_spellings() {
    let error = analogy(&cpu(), &family(), ["man", "kin", "woman"]).unwrap_err().to_string();
    assert_eq!(error, "no vector for \"kin\"; nearest spellings: king");
}
