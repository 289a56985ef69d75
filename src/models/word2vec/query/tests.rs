use std::sync::Arc;

use super::super::vectors::WordVectors;
use super::*;
use crate::data::vocabulary::Vocabulary;
use crate::ops::Isa;

/// Words whose vectors are arranged like their meanings.
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
    let query = Query::Neighbours(vec!["king".to_owned(), "the".to_owned()]);
    let answer = query.answer(&cpu(), &family(), Some(2)).unwrap();
    let rule = "=".repeat(37);
    let expect = format!(
        "king\n{rule}\nman                  0.7470\nqueen                0.0526\n\n\
         the\n{rule}\nking                 0.0000\nqueen                0.0000"
    );
    assert_eq!(answer.to_string(), expect);
    let json = serde_json::to_value(&answer).unwrap();
    assert_eq!(json["nearby"][0]["neighbours"][0]["word"], "man");
}

#[test]
fn unk_is_never_named() {
    let all = neighbours(&cpu(), &family(), "UNK", DEFAULT_NEIGHBOURS).unwrap().neighbours;
    assert_eq!(all.len(), 5);
    assert!(all.iter().all(|neighbour| neighbour.word != "UNK"));
}

#[test]
fn the_answer_is_none_of_the_three() {
    let query = Query::Analogy(["man", "king", "woman"].map(str::to_owned));
    let answer = query.answer(&cpu(), &family(), None).unwrap();
    // In numpy: v = king - man + woman of the rows of length 1; v @ queen / |v|.
    assert_eq!(answer.to_string(), "queen                0.9614");
    let json = serde_json::to_value(&answer).unwrap();
    assert_eq!(
        (&json["analogy"]["a"], &json["analogy"]["answer"]["word"]),
        (&"man".into(), &"queen".into())
    );
}

#[test]
fn unknown_words_get_spellings() {
    let error = analogy(&cpu(), &family(), ["man", "kin", "woman"], 1).unwrap_err().to_string();
    assert_eq!(error, "no vector for \"kin\"; nearest spellings: king");
}

#[test]
fn similarities_are_cosines_and_as_many_as_are_asked_for() {
    let answers = analogy(&cpu(), &family(), ["Man", "KING", "woman"], 2).unwrap().answers;
    assert_eq!(answers.iter().map(|answer| &*answer.word).collect::<Vec<_>>(), ["queen", "the"]);
    let all = analogy(&cpu(), &family(), ["man", "king", "woman"], DEFAULT_NEIGHBOURS).unwrap();
    assert_eq!((all.answers.len(), &all.answers[0], &*all.b), (2, &all.answer, "king"));
    assert!(all.answers.iter().all(|answer| answer.similarity.abs() <= 1.0));
}

#[test]
fn commands_and_their_words() {
    let nearby = Query::Neighbours(vec!["proton".to_owned(), "elephant".to_owned()]);
    assert_eq!(Line::parse("  nearby proton\telephant ").unwrap(), Line::Query(nearby));
    let analogy = Query::Analogy(["france", "paris", "russia"].map(str::to_owned));
    assert_eq!(Line::parse("analogy france paris russia").unwrap(), Line::Query(analogy));
    for (line, expect) in [
        ("", Line::Blank),
        ("# nearby proton", Line::Blank),
        ("help", Line::Help),
        ("quit", Line::Quit),
    ] {
        assert_eq!(Line::parse(line).unwrap(), expect);
    }
}

#[test]
fn wrong_lines_say_how_to_ask() {
    let error = |line| Line::parse(line).unwrap_err().to_string();
    assert!(error("nearby").contains("nearby proton"));
    assert!(error("analogy a b").contains("three words but got 2"));
    assert_eq!(
        error("proton"),
        "\"proton\" is not a command; the commands are nearby, analogy, help, quit"
    );
}
