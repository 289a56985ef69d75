//! The floor against the best trigram model, and the frequencies that make it learnable.

use super::trigram::Trigram;
use super::*;

fn sample(grammar: &Grammar, stream: &str, n_tokens: usize) -> (Vec<Vec<u16>>, f64) {
    let (mut text, mut tokens, mut log_probability) = (Vec::new(), 0, 0.0);
    for sentence in grammar.sentences(11, stream) {
        if tokens >= n_tokens {
            break;
        }
        tokens += sentence.tokens();
        log_probability += sentence.log_probability;
        text.push(sentence.words.iter().map(|word| grammar.word_ids[word] + 1).collect());
    }
    (text, perplexity(log_probability, tokens))
}

#[test]
fn a_trigram_model_stays_a_fifth_above_the_floor() {
    let grammar = Grammar::english();
    let (train, _) = sample(&grammar, "train", 1_000_000);
    let (tuning, _) = sample(&grammar, "valid", 50_000);
    let (test, floor) = sample(&grammar, "test", 250_000);
    let mut model = Trigram::train(&train, grammar.words().len());
    model.tune(&tuning);
    let trigram = model.perplexity(&test);
    println!("floor {floor:.3}, trigram {trigram:.3}, quotient {:.3}", floor / trigram);
    assert!((15.0..60.0).contains(&floor), "floor {floor}");
    assert!(floor <= 0.8 * trigram, "floor {floor}, trigram {trigram}");
}

#[test]
fn no_word_is_rare() {
    let grammar = Grammar::english();
    let mut counts = vec![0; grammar.words().len()];
    let (text, _) = sample(&grammar, "train", 1_000_000);
    text.iter().flatten().for_each(|&word| counts[usize::from(word) - 1] += 1);
    let (&rarest, word) = counts.iter().zip(grammar.words()).min().unwrap();
    println!("{} words, rarest {word}: {rarest}", counts.len());
    assert!(rarest >= 90, "{word}: {rarest}");
    assert!((500..1_000).contains(&counts.len()), "{}", counts.len());
}
