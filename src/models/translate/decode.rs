//! Translating sentences with encoder and decoder, word by word.

use anyhow::{Result, ensure};

use super::architecture::Architecture;
use super::beam::{Beam, Hypothesis, Search};
use crate::console;
use crate::data::parallel::Bucket;
use crate::data::tokenizer::{EOS, PAD, Side, Tokenizer};
use crate::metrics::picture::Attention;
use crate::nn::{Feed, Mode, Network, Output};
use crate::ops::Cpu;
use crate::train::ShutdownFlag;

/// Sentences that are translated side by side.
const BATCH: usize = 32;
/// Hypotheses that are kept side by side, unless one sentence has more: each has its states, its scores
/// and what it attended to.
const HYPOTHESES: usize = 512;

/// Encoder and decoder of a model.
pub struct Translator {
    /// Sizes that sentences are padded to; none if padding is masked.
    buckets: Vec<Bucket>,
    /// The width of the decoder's initial context, if it takes one.
    context: Option<usize>,
    encoder: (Network, Vec<Output>),
    decoder: (Network, Vec<Output>),
}

/// The text of a translation, in a line of its own.
///
/// # Panics
/// As [`Tokenizer::decode`].
pub fn text(tokenizer: &Tokenizer, words: &[u32]) -> String {
    without_controls(&tokenizer.decode(Side::Target, words))
}

/// A text with blanks instead of control characters: tokens of bytes may be the end of a line, and a
/// translation is a line, for terminals and tables.
pub fn without_controls(text: &str) -> String {
    text.replace(char::is_control, " ")
}

/// The state that a decoder continues from.
struct Decoding {
    /// Outputs and features of the encoder (positions · rows, width).
    memory: Vec<Vec<f32>>,
    /// The state of every layer, and the context if it is fed back (rows, width).
    states: Vec<Vec<f32>>,
    /// The tokens of each row's source, where padding is masked.
    lengths: Vec<u32>,
    positions: usize,
}

impl Translator {
    /// A translator with the parameters of `network`. Sentences are padded to these buckets; without
    /// buckets padding is masked, as the bidirectional network does it.
    ///
    /// # Errors
    /// Parameters of another architecture.
    pub fn new(architecture: &Architecture, network: &Network, buckets: &[Bucket]) -> Result<Self> {
        let share = |(graph, outputs): (crate::nn::Graph, Vec<Output>)| {
            Ok::<_, anyhow::Error>((network.sharing(graph)?, outputs))
        };
        Ok(Self {
            buckets: buckets.to_vec(),
            context: architecture.context(),
            encoder: share(architecture.encoding()?)?,
            decoder: share(architecture.decoding()?)?,
        })
    }

    /// The bucket of a sentence of `words` words: the first that is longer, as for training pairs. The
    /// reference's `decode` also accepts one that the sentence fills exactly, and then reads a word at a
    /// position that held only padding in training. Sentences longer than any bucket are truncated to the
    /// last one. Without buckets there is room for the whole sentence and a translation twice as long.
    pub fn bucket(&self, words: usize) -> Bucket {
        let Some(last) = self.buckets.last() else { return Bucket::new(words, 2 * words + 11) };
        let fits = |bucket: &&Bucket| words < bucket.source;
        *self.buckets.iter().find(fits).unwrap_or(last)
    }

    /// The most words of a sentence that are translated: the last ones, since the encoder reads from the
    /// end.
    pub fn longest(&self) -> usize {
        self.buckets.last().map_or(usize::MAX, |bucket| bucket.source - 1)
    }

    /// The attention of each word of a translation of `line`, including its end, for drawing.
    pub fn attention(&self, tokenizer: &Tokenizer, line: &str, found: &Hypothesis) -> Attention {
        let source = tokenizer.words(Side::Source, line);
        let word = |&word: &u32| tokenizer.piece(Side::Target, word);
        let end = tokenizer.piece(Side::Target, EOS);
        let target = found.words.iter().map(word).chain([end]).collect();
        Attention { source, target, weights: found.attention.clone() }
    }

    /// The translations of each sentence, the best first, none of one without words; `None` where a
    /// shutdown is requested.
    ///
    /// # Errors
    /// Sizes that do not fit.
    pub fn translate_all(
        &mut self,
        cpu: &Cpu,
        sentences: &[Vec<u32>],
        search: Search,
        shutdown: &ShutdownFlag,
    ) -> Result<Option<Vec<Vec<Hypothesis>>>> {
        let has_words = |&i: &usize| !sentences[i].is_empty();
        let mut order: Vec<usize> = (0..sentences.len()).filter(has_words).collect();
        order.sort_by_key(|&i| (self.bucket(sentences[i].len()).source, sentences[i].len(), i));
        let mut found = vec![Vec::new(); sentences.len()];
        let mut done = 0;
        let same = |a: &usize, b: &usize| {
            self.buckets.is_empty()
                || self.bucket(sentences[*a].len()) == self.bucket(sentences[*b].len())
        };
        let at_once = (HYPOTHESES / search.beam.max(1)).clamp(1, BATCH);
        let groups: Vec<Vec<usize>> = order
            .chunk_by(same)
            .flat_map(|group| group.chunks(at_once).map(<[usize]>::to_vec))
            .collect();
        for group in groups {
            if shutdown.requested() {
                return Ok(None);
            }
            console::progress("translating", done, sentences.len() as u64);
            done += group.len() as u64;
            let batch: Vec<&[u32]> = group.iter().map(|&i| &sentences[i][..]).collect();
            let Some(translated) = self.translate(cpu, &batch, search, shutdown)? else {
                return Ok(None);
            };
            for (i, hypotheses) in group.into_iter().zip(translated) {
                found[i] = hypotheses;
            }
        }
        Ok(Some(found))
    }

    /// The translations of sentences of one bucket, or of any lengths where padding is masked; `None`
    /// where a shutdown is requested.
    fn translate(
        &mut self,
        cpu: &Cpu,
        sentences: &[&[u32]],
        search: Search,
        shutdown: &ShutdownFlag,
    ) -> Result<Option<Vec<Vec<Hypothesis>>>> {
        ensure!(search.beam > 0, "a beam needs a hypothesis");
        let bucket = self.bucket(sentences.iter().map(|words| words.len()).max().unwrap_or(0));
        // Each sentence has its own, whatever else is in the batch.
        let most = |words: &&[u32]| self.bucket(words.len()).target;
        let most: Vec<usize> = sentences
            .iter()
            .map(|words| search.max_length.unwrap_or_else(|| most(words)))
            .collect();
        let mut decoding = self.encode(cpu, sentences, bucket.source)?;
        let mut beams: Vec<Beam> = sentences.iter().map(|_| Beam::new()).collect();
        for length in 0.. {
            let words: Vec<u32> = beams.iter().flat_map(Beam::last_words).collect();
            if words.is_empty() {
                break;
            }
            if shutdown.requested() {
                return Ok(None);
            }
            let (logits, attention) = self.step(cpu, &mut decoding, &words)?;
            let classes = logits.len() / words.len();
            let (mut row, mut parents) = (0, Vec::with_capacity(words.len()));
            for (beam, &most) in beams.iter_mut().zip(&most) {
                let rows = row..row + beam.width();
                let of = |values: &[f32], width: usize| -> Vec<Vec<f32>> {
                    rows.clone()
                        .map(|row| values[row * width..(row + 1) * width].to_vec())
                        .collect()
                };
                let chosen = beam.advance(
                    &of(&logits, classes),
                    &of(&attention, decoding.positions),
                    search,
                    length == most,
                );
                parents.extend(chosen.into_iter().map(|parent| row + parent));
                row = rows.end;
            }
            decoding.select(&parents, words.len());
        }
        let is_reversed = !self.buckets.is_empty();
        let finish = |(beam, sentence): (Beam, &&[u32])| {
            beam.finish(sentence.len(), sentence.len().min(self.longest()), is_reversed)
        };
        Ok(Some(beams.into_iter().zip(sentences).map(finish).collect()))
    }

    /// Runs the encoder on the sentences of a bucket of this many positions, fed as in the reference:
    /// padding first, then the words in reverse order. If padding is masked, the words come first, in
    /// their own order.
    fn encode(&mut self, cpu: &Cpu, sentences: &[&[u32]], positions: usize) -> Result<Decoding> {
        let batch = sentences.len();
        let is_masked = self.buckets.is_empty();
        let mut source = vec![PAD; positions * batch];
        for (b, sentence) in sentences.iter().enumerate() {
            let kept = &sentence[sentence.len().saturating_sub(self.longest())..];
            for (t, &word) in kept.iter().enumerate() {
                let position = if is_masked { t } else { positions - 1 - t };
                source[position * batch + b] = word;
            }
        }
        let lengths = sentences.iter().filter(|_| is_masked).map(|words| words.len() as u32);
        let lengths: Vec<u32> = lengths.collect();
        let feed = Feed { batch, inputs: Vec::new(), ids: ids(&source, &lengths), states: &mut [] };
        let (network, outputs) = &mut self.encoder;
        let mut memory = network.run_for(cpu, Mode::Inference, outputs, feed)?;
        let mut states = memory.split_off(2);
        states.extend(self.context.map(|width| vec![0.0; batch * width]));
        Ok(Decoding { memory, states, lengths, positions })
    }

    /// One step of the decoder on every row: logits (rows, words) and attention (rows, positions).
    fn step(
        &mut self,
        cpu: &Cpu,
        decoding: &mut Decoding,
        words: &[u32],
    ) -> Result<(Vec<f32>, Vec<f32>)> {
        let inputs = decoding.memory.iter().chain(&decoding.states);
        let inputs = inputs.map(|value| &value[..]).collect();
        let ids = ids(words, &decoding.lengths);
        let feed = Feed { batch: words.len(), inputs, ids, states: &mut [] };
        let (network, outputs) = &mut self.decoder;
        let mut step = network.run_for(cpu, Mode::Inference, outputs, feed)?;
        decoding.states = step.split_off(2);
        // The graph gives both.
        let attention = step.pop().unwrap_or_default();
        Ok((step.pop().unwrap_or_default(), attention))
    }
}

impl Decoding {
    /// Goes on with the rows `parents` of `rows`, some perhaps several times.
    fn select(&mut self, parents: &[usize], rows: usize) {
        if parents.iter().copied().eq(0..rows) {
            return;
        }
        let pick = |values: &[f32]| -> Vec<f32> {
            let width = values.len() / rows;
            let row = |&parent: &usize| &values[parent * width..(parent + 1) * width];
            parents.iter().flat_map(row).copied().collect()
        };
        for state in &mut self.states {
            *state = pick(state);
        }
        for memory in &mut self.memory {
            *memory = memory.chunks(memory.len() / self.positions).flat_map(pick).collect();
        }
        if !self.lengths.is_empty() {
            self.lengths = parents.iter().map(|&parent| self.lengths[parent]).collect();
        }
    }
}

/// Words, and lengths if there are any.
fn ids<'a>(words: &'a [u32], lengths: &'a [u32]) -> Vec<&'a [u32]> {
    [words, lengths].into_iter().filter(|ids| !ids.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::super::unidirectional::{Cell, Unidirectional};
    use super::*;
    use crate::nn::graph::Initial;
    use crate::ops::Isa;

    /// One of random parameters, with the one cell or the other.
    fn translator(seed: u64) -> (Cpu, Translator) {
        let architecture = Architecture::Unidirectional(Unidirectional {
            vocabularies: [15, 12],
            cell: if seed.is_multiple_of(2) { Cell::Gru } else { Cell::Lstm },
            hidden_size: 8,
            num_layers: 2,
            num_samples: 3,
            // Far from zero, so that hypotheses differ much.
            initial: Initial::Uniform(1.5),
        });
        let network = Network::new(architecture.unrolled(1).unwrap().0, seed).unwrap();
        let buckets = [Bucket::new(4, 6), Bucket::new(8, 12)];
        let translator = Translator::new(&architecture, &network, &buckets).unwrap();
        (Cpu::new(Isa::Portable, 1).unwrap(), translator)
    }

    fn sentences() -> Vec<Vec<u32>> {
        (0..24)
            .map(|i: u32| (0..1 + i % 9).map(|j| 4 + (i * 7 + j * j * 3) % 11).collect())
            .collect()
    }

    fn all(search: Search, seed: u64) -> Vec<Vec<Hypothesis>> {
        let (cpu, mut translator) = translator(seed);
        let never = ShutdownFlag::default();
        translator.translate_all(&cpu, &sentences(), search, &never).unwrap().unwrap()
    }

    #[test]
    fn no_beam_finds_less_than_greedy_search() {
        for seed in 1..6 {
            let greedy = all(Search::GREEDY, seed);
            for beam in [2, 5] {
                let found = all(Search { beam, ..Search::GREEDY }, seed);
                let mut better = 0;
                for (greedy, found) in greedy.iter().zip(&found) {
                    assert!(found.len() >= beam && found[0].score >= greedy[0].score - 1e-9);
                    assert!(found.windows(2).all(|two| two[0].score >= two[1].score));
                    better += usize::from(found[0].score > greedy[0].score + 1e-9);
                }
                assert!(better > 0, "a beam of {beam} finds nothing better");
            }
        }
    }

    #[test]
    fn a_translation_does_not_depend_on_those_beside_it() {
        let search = Search { beam: 3, keeps_attention: true, ..Search::GREEDY };
        let together = all(search, 1);
        let (cpu, mut translator) = translator(1);
        let never = ShutdownFlag::default();
        for (sentence, together) in sentences().iter().zip(&together) {
            let bucket = translator.bucket(sentence.len());
            let alone = translator.translate(&cpu, &[sentence], search, &never).unwrap().unwrap();
            assert_eq!(alone[0][0].words, together[0].words);
            let cut = sentence.len().saturating_sub(bucket.source - 1);
            assert_eq!(alone[0][0].attention.len(), alone[0][0].words.len() + 1);
            for weights in &alone[0][0].attention {
                assert_eq!(weights.len(), sentence.len());
                assert!(weights[..cut].iter().all(|&weight| weight == 0.0));
            }
            assert!(alone[0][0].words.len() <= bucket.target);
        }
    }

    #[test]
    fn a_sentence_is_in_a_longer_bucket_or_has_its_last_words() {
        let (cpu, mut translator) = translator(1);
        let buckets = [3, 4, 5, 8, 9].map(|words| translator.bucket(words).source);
        assert_eq!(buckets, [4, 8, 8, 8, 8]);
        let never = ShutdownFlag::default();
        let sentence: Vec<u32> = (0..11).map(|i| 4 + i * 3 % 11).collect();
        let search = Search { keeps_attention: true, ..Search::GREEDY };
        let mut found = |words: &[u32]| {
            let found = translator.translate(&cpu, &[words], search, &never);
            found.unwrap().unwrap().remove(0).remove(0)
        };
        let (whole, last) = (found(&sentence), found(&sentence[4..]));
        assert_eq!((whole.words, whole.score), (last.words, last.score));
        assert_eq!(whole.attention[0][4..], last.attention[0]);
    }

    #[test]
    fn the_length_of_a_translation_can_be_limited() {
        let found = all(Search { max_length: Some(2), ..Search::GREEDY }, 1);
        assert!(found.iter().all(|found| found[0].words.len() <= 2));
        assert!(found.iter().all(|found| found[0].attention.is_empty()), "nobody has asked for it");
    }
}
