//! The reader scores what the generator draws, and refuses everything else.

use super::*;

#[test]
fn the_reader_scores_a_text_as_the_generator_drew_it() {
    let grammar = Grammar::english();
    let text = grammar.text(1, "train", 50_000);
    let lines: Vec<Vec<_>> =
        text.text.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines.iter().map(|line| line.len() + 1).sum::<usize>(), text.tokens);
    let mut total = 0.0;
    for (line, sentence) in lines.iter().zip(grammar.sentences(1, "train")) {
        assert_eq!(*line, sentence.words);
        let score = grammar.score(line).unwrap();
        assert!((score - sentence.log_probability).abs() < 1e-9);
        total += score;
    }
    assert!((total - text.log_probability).abs() < 1e-6);
    assert!((perplexity(total, text.tokens) - text.perplexity()).abs() < 1e-9);
}

#[test]
fn the_next_word_is_distributed_as_scored_at_every_prefix() {
    let grammar = Grammar::english();
    for sentence in grammar.sentences(2, "test").take(300) {
        let mut cursor = grammar.begin();
        for word in &sentence.words {
            let probabilities = cursor.next_words();
            let sum: f64 = probabilities.iter().sum();
            assert!((sum - 1.0).abs() < 1e-12, "{sum}");
            let expected = probabilities[usize::from(grammar.word_ids[word])].ln();
            let log_probability = cursor.advance(word).unwrap();
            assert!((log_probability - expected).abs() < 1e-9, "{word}");
        }
        let end = cursor.next_words()[grammar.words.len()];
        assert!((cursor.finish().unwrap() - end.ln()).abs() < 1e-9);
    }
}

#[test]
fn every_word_without_probability_is_refused() {
    let grammar = Grammar::english();
    for sentence in grammar.sentences(4, "test").take(40) {
        let mut cursor = grammar.begin();
        for word in &sentence.words {
            for (next, probability) in grammar.words.iter().zip(cursor.next_words()) {
                assert_eq!(cursor.clone().advance(next).is_some(), probability > 0.0, "{next}");
            }
            cursor.advance(word).unwrap();
        }
    }
}

#[test]
fn sentences_that_break_a_rule_have_no_score() {
    let grammar = Grammar::english();
    let possible = |sentence: &str| {
        let words: Vec<_> = sentence.split(' ').collect();
        grammar.score(&words).is_some()
    };
    for (right, wrong) in [
        (
            "the baker who the pilots admire bakes a cake",
            "the baker who the pilots admire bake a cake",
        ),
        ("the bakers who anna likes roast a pie", "the bakers who anna likes repair a pie"),
        ("yesterday an old engineer repaired a clock", "yesterday an old engineer repairs a clock"),
        ("the poet laughed last week", "the poet laughed next week"),
        ("anna blames herself", "anna blames himself"),
        ("both anna and peter dance", "both anna or peter dance"),
        ("mary said that she smiled", "mary said that he smiled"),
        ("a horse from oslo slept", "a horse from oslo yawned"),
        ("if john yawns then mary will dance", "if john yawns mary will dance"),
        ("an odd owl vanished", "a odd owl vanished"),
    ] {
        assert!(possible(right), "{right}");
        assert!(!possible(wrong), "{wrong}");
    }
    assert_eq!(grammar.score(&[]), None);
    assert_eq!(grammar.score(&["<eos>"]), None);
    assert_eq!(grammar.score(&["anna"]), None);
}

#[test]
fn a_reader_that_failed_stays_failed() {
    let grammar = Grammar::english();
    let mut cursor = grammar.begin();
    assert!(cursor.advance("anna").is_some());
    assert_eq!(cursor.advance("the"), None);
    assert_eq!(cursor.advance("laughed"), None);
    assert_eq!(cursor.finish(), None);
    assert!(cursor.next_words().iter().all(|&probability| probability == 0.0));
}

#[test]
fn text_is_a_function_of_seed_and_stream() {
    let grammar = Grammar::english();
    let text = |seed, stream| grammar.text(seed, stream, 2_000);
    assert_eq!(text(1, "train"), text(1, "train"));
    assert_ne!(text(1, "train"), text(2, "train"));
    assert_ne!(text(1, "train"), text(1, "valid"));
    let longer = grammar.text(1, "train", 4_000).text;
    assert!(longer.starts_with(&text(1, "train").text));
    assert_eq!(text(1, "train").text, grammar.text(1, "train", 2_000).text);
}

#[test]
fn the_vocabulary_is_sorted_and_in_lower_case() {
    let grammar = Grammar::english();
    assert!(grammar.words().is_sorted());
    for word in grammar.words() {
        assert!(word.bytes().all(|byte| byte.is_ascii_lowercase()), "{word}");
    }
}
