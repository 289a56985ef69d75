//! Lines into translations, and these onto standard output.

use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use anyhow::{Error, Result, bail};
use serde::Serialize;
use serde_json::json;

use super::DecodeArgs;
use super::chunks::Receiving;
use super::pictures::Pictures;
use crate::console;
use crate::data::tokenizer::{Side, Tokenizer, UNK};
use crate::models::Interrupted;
use crate::models::stdout::{Reader, print};
use crate::models::translate::beam::{Hypothesis, Search};
use crate::models::translate::decode::{Translator, text, without_controls};
use crate::ops::Cpu;
use crate::train::ShutdownFlag;

/// The interval at which to check for a stop while there is no line.
const WAIT: Duration = Duration::from_millis(100);

/// Translates lines and prints them.
pub struct Decoder<'a> {
    /// The options.
    pub args: &'a DecodeArgs,
    /// The translator.
    pub cpu: &'a Cpu,
    /// Makes ids of sentences.
    pub tokenizer: &'a Tokenizer,
    /// The model.
    pub translator: Translator,
    /// Lines that are printed.
    pub lines: u64,
    /// Where attention is drawn.
    pub pictures: Option<Pictures>,
    /// Whether to stop.
    pub shutdown: &'a ShutdownFlag,
}

/// The printed form of a translation.
#[derive(Debug, Serialize)]
struct Printed {
    translation: String,
    score: f64,
    log_probability: f64,
    /// What the ids of the translation stand for.
    tokens: Vec<String>,
    /// For each of them the index of the source's token that it attends to most.
    alignment: Vec<usize>,
}

impl Decoder<'_> {
    /// Translates the chunks of a text until it ends or nobody reads the translations.
    ///
    /// # Errors
    /// Those of the text and of [`Decoder::translate`].
    pub fn translate_all(&mut self, text: &Receiving) -> Result<()> {
        loop {
            if self.shutdown.requested() {
                bail!(self.stopped());
            }
            match text.recv_timeout(WAIT) {
                Ok(lines) => {
                    if self.translate(&lines?)? == Reader::Gone {
                        return Ok(());
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
        }
    }

    /// Translates lines and prints them in their order.
    ///
    /// # Errors
    /// A signal to stop; standard output or a picture that cannot be written.
    pub fn translate(&mut self, lines: &[String]) -> Result<Reader> {
        // A line of spaces counts as empty, as in a parallel text, although spaces may be tokens.
        let encode = |line: &String| match line.trim() {
            "" => Vec::new(),
            _ => self.tokenizer.encode(Side::Source, line),
        };
        let sources: Vec<Vec<u32>> = lines.iter().map(encode).collect();
        for (source, number) in sources.iter().zip(self.lines + 1..) {
            let (own, longest) = (source.len(), self.translator.longest());
            if own > longest {
                let unit = self.tokenizer.unit();
                tracing::warn!(
                    "line {number} has {own} {unit}: only the last {longest} are translated"
                );
            }
        }
        let words: Vec<Vec<u32>> =
            sources.iter().filter(|words| !words.is_empty()).cloned().collect();
        let search = self.search();
        let Some(found) = self.translator.translate_all(self.cpu, &words, search, self.shutdown)?
        else {
            bail!(self.stopped())
        };
        console::clear();
        let mut found = found.into_iter();
        for (line, source) in lines.iter().zip(&sources) {
            self.lines += 1;
            let best =
                if source.is_empty() { Vec::new() } else { found.next().unwrap_or_default() };
            self.draw(line, best.first())?;
            if self.print(line, best)? == Reader::Gone {
                return Ok(Reader::Gone);
            }
        }
        Ok(Reader::Listening)
    }

    fn search(&self) -> Search {
        let search = self.args.search.search();
        let beam = search.beam.max(self.args.n_best.unwrap_or(1));
        // Attention is as long as source and translation together are.
        let keeps_attention =
            self.args.attention.is_some() || self.args.output.json || self.args.replace_unk;
        Search { beam, max_length: self.args.max_length, keeps_attention, ..search }
    }

    fn stopped(&self) -> Error {
        Interrupted { message: format!("stopped after line {}", self.lines) }.into()
    }

    /// Draws the attention of a line's translation, its end among the words.
    fn draw(&mut self, line: &str, best: Option<&Hypothesis>) -> Result<()> {
        let (Some(pictures), Some(best)) = (&mut self.pictures, best) else { return Ok(()) };
        let attention = self.translator.attention(self.tokenizer, line, best);
        pictures.draw(self.lines, &attention)
    }

    fn print(&self, line: &str, found: Vec<Hypothesis>) -> Result<Reader> {
        let count = self.args.n_best.unwrap_or(1);
        let found: Vec<Printed> =
            found.into_iter().take(count).map(|one| self.printed(line, &one)).collect();
        if self.args.output.json {
            let tokens = self.tokenizer.words(Side::Source, line);
            let json = json!({
                "line": self.lines,
                "source": line,
                "source_tokens": tokens,
                "translations": found,
            });
            return print(json.to_string());
        }
        if self.args.n_best.is_none() {
            return print(found.into_iter().next().map_or_else(String::new, |one| one.translation));
        }
        for Printed { translation, score, .. } in found {
            if print(format!("{}\t{score:.4}\t{translation}", self.lines))? == Reader::Gone {
                return Ok(Reader::Gone);
            }
        }
        Ok(Reader::Listening)
    }

    fn printed(&self, line: &str, found: &Hypothesis) -> Printed {
        let alignment = found.alignment();
        let translation = match self.args.replace_unk && found.words.contains(&UNK) {
            false => text(self.tokenizer, &found.words),
            true => without_controls(&replaced(self.tokenizer, line, &found.words, &alignment)),
        };
        let Hypothesis { score, log_probability, .. } = *found;
        let piece = |&word: &u32| self.tokenizer.piece(Side::Target, word);
        let tokens = found.words.iter().map(piece).collect();
        Printed { translation, score, log_probability, tokens, alignment }
    }
}

/// The translation with source words instead of unknown ones. What is copied stands apart.
fn replaced(tokenizer: &Tokenizer, line: &str, words: &[u32], alignment: &[usize]) -> String {
    let source = tokenizer.words(Side::Source, line);
    let (mut parts, mut known) = (Vec::new(), Vec::new());
    for (&word, &place) in words.iter().zip(alignment) {
        let Some(copied) = source.get(place).filter(|_| word == UNK) else {
            known.push(word);
            continue;
        };
        parts.push(tokenizer.decode(Side::Target, &known));
        parts.push(copied.clone());
        known.clear();
    }
    parts.push(tokenizer.decode(Side::Target, &known));
    let parts = parts.iter().map(|part| part.trim()).filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::tokenizer::{Basic, Bpe, SPECIAL};

    #[test]
    fn unknown_words_are_those_of_the_source_and_the_others_stay_as_they_are_decoded() {
        let basic = Basic::train([9, 9], |add| {
            Side::ALL.into_iter().for_each(|side| add(side, "a b"));
            Ok(())
        });
        let basic = Tokenizer::Basic(basic.unwrap());
        let first = SPECIAL.len() as u32;
        let words = [first, UNK, first + 1, UNK];
        assert_eq!(replaced(&basic, "Hut x a", &words, &[2, 0, 1, 1]), "a Hut b x");

        // Pieces that the decoder joins: "lo" and "ng" are one word.
        let json = r###"{"version":"1.0","pre_tokenizer":{"type":"Whitespace"},
            "decoder":{"type":"WordPiece","prefix":"##","cleanup":true},
            "model":{"type":"WordPiece","unk_token":"[UNK]","continuing_subword_prefix":"##",
            "max_input_chars_per_word":9,"vocab":{"[UNK]":0,"lo":1,"##ng":2}}}"###;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tokenizer.json");
        std::fs::write(&path, json).unwrap();
        let pieces = Tokenizer::Bpe(Bpe::read(&path).unwrap());
        let ids = pieces.encode(Side::Source, "long 漢 long");
        assert_eq!(ids[2], UNK);
        assert_eq!(replaced(&pieces, "été lo", &ids, &[1, 1, 0, 1, 1]), "long été long");
    }
}
