//! Translation word by word: greedy, or by beam search (Sutskever et al., arXiv 1409.3215).

use anyhow::{Result, ensure};

use super::network::Architecture;
use crate::console;
use crate::data::parallel::Bucket;
use crate::data::tokenizer::{EOS, GO, PAD};
use crate::nn::{Feed, Mode, Network, Output};
use crate::ops::Cpu;
use crate::train::ShutdownFlag;

/// Sentences that are translated side by side.
const BATCH: usize = 32;

/// How translations are searched for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Search {
    /// Hypotheses that are followed at a time; 1 takes the likeliest word every time.
    pub beam: usize,
    /// The exponent of a translation's length, by which its log-probability is divided (Wu et al.,
    /// arXiv 1609.08144, equation 14); 0 prefers short ones.
    pub length_penalty: f64,
    /// The most words of a translation; none for those of its bucket.
    pub max_length: Option<usize>,
}

impl Search {
    /// The likeliest word every time.
    pub const GREEDY: Self = Self { beam: 1, length_penalty: 0.6, max_length: None };

    /// ((5 + length) / 6)^penalty, which log-probabilities are divided by.
    fn normalised(&self, log_probability: f64, length: usize) -> f64 {
        log_probability / ((5.0 + length as f64) / 6.0).powf(self.length_penalty)
    }
}

/// A translation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Hypothesis {
    /// Its words, without the end.
    pub words: Vec<u32>,
    /// Its log-probability in nats, that of its end among it.
    pub log_probability: f64,
    /// The log-probability divided by the length penalty, which the search maximises.
    pub score: f64,
    /// Of each word and the end the attention's weights on the source's words, in their order.
    pub attention: Vec<Vec<f32>>,
}

/// Encoder and decoder of a model.
pub struct Translator {
    buckets: Vec<Bucket>,
    hidden_size: usize,
    encoder: (Network, Vec<Output>),
    decoder: (Network, Vec<Output>),
}

/// What a decoder goes on from.
struct Decoding {
    /// Outputs and features of the encoder (positions · rows, hidden).
    memory: Vec<Vec<f32>>,
    /// The state of every layer and the context (rows, hidden).
    states: Vec<Vec<f32>>,
    positions: usize,
}

/// A translation that is not at its end.
#[derive(Clone, Debug, Default)]
struct Open {
    hypothesis: Hypothesis,
    /// Whether its words are those of greedy search.
    is_greedy: bool,
}

/// The search for the translations of one sentence.
struct Beam {
    open: Vec<Open>,
    done: Vec<Hypothesis>,
}

impl Translator {
    /// A translator with the parameters of `network`, for sentences of these buckets.
    ///
    /// # Errors
    /// Parameters of another architecture.
    pub fn new(architecture: &Architecture, network: &Network, buckets: &[Bucket]) -> Result<Self> {
        let share = |(graph, outputs): (crate::nn::Graph, Vec<Output>)| {
            Ok::<_, anyhow::Error>((network.sharing(graph)?, outputs))
        };
        Ok(Self {
            buckets: buckets.to_vec(),
            hidden_size: architecture.hidden_size,
            encoder: share(architecture.encoding()?)?,
            decoder: share(architecture.decoding()?)?,
        })
    }

    /// The bucket of a sentence of so many words; sentences longer than any bucket are cut to the
    /// last.
    pub fn bucket(&self, words: usize) -> Bucket {
        let fits = |bucket: &&Bucket| words < bucket.source;
        *self.buckets.iter().find(fits).unwrap_or(&self.buckets[self.buckets.len() - 1])
    }

    /// The translations of each sentence, the best first; `None` where a shutdown is requested.
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
        let mut order: Vec<usize> = (0..sentences.len()).collect();
        order.sort_by_key(|&i| (self.bucket(sentences[i].len()).source, sentences[i].len(), i));
        let mut found = vec![Vec::new(); sentences.len()];
        let mut done = 0;
        let same = |a: &usize, b: &usize| {
            self.bucket(sentences[*a].len()) == self.bucket(sentences[*b].len())
        };
        let groups: Vec<Vec<usize>> = order
            .chunk_by(same)
            .flat_map(|group| group.chunks(BATCH).map(<[usize]>::to_vec))
            .collect();
        for group in groups {
            if shutdown.requested() {
                return Ok(None);
            }
            console::progress("translating", done, sentences.len() as u64);
            done += group.len() as u64;
            let batch: Vec<&[u32]> = group.iter().map(|&i| &sentences[i][..]).collect();
            for (i, hypotheses) in group.into_iter().zip(self.translate(cpu, &batch, search)?) {
                found[i] = hypotheses;
            }
        }
        Ok(Some(found))
    }

    /// The translations of sentences of one bucket.
    fn translate(
        &mut self,
        cpu: &Cpu,
        sentences: &[&[u32]],
        search: Search,
    ) -> Result<Vec<Vec<Hypothesis>>> {
        ensure!(search.beam > 0, "a beam needs a hypothesis");
        let bucket = self.bucket(sentences.iter().map(|words| words.len()).max().unwrap_or(0));
        let most = search.max_length.unwrap_or(bucket.target - 1);
        let mut decoding = self.encode(cpu, sentences, bucket.source)?;
        let begun = Open { is_greedy: true, ..Open::default() };
        let mut beams: Vec<Beam> = sentences
            .iter()
            .map(|_| Beam { open: vec![begun.clone()], done: Vec::new() })
            .collect();
        for length in 0..=most {
            let words: Vec<u32> = beams.iter().flat_map(Beam::last_words).collect();
            if words.is_empty() {
                break;
            }
            let (logits, attention) = self.step(cpu, &mut decoding, &words)?;
            let classes = logits.len() / words.len();
            let (mut row, mut parents) = (0, Vec::with_capacity(words.len()));
            for beam in &mut beams {
                let rows = row..row + beam.open.len();
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
            decoding.select(&parents, words.len(), self.hidden_size);
        }
        let finish = |(beam, sentence): (Beam, &&[u32])| {
            let mut done = beam.done;
            done.sort_by(|a, b| b.score.total_cmp(&a.score));
            for hypothesis in &mut done {
                hypothesis.read_in_order(sentence.len().min(bucket.source - 1));
            }
            done
        };
        Ok(beams.into_iter().zip(sentences).map(finish).collect())
    }

    /// Runs the encoder on sentences as the reference feeds them: padding first, then the words from
    /// the last to the first.
    fn encode(&mut self, cpu: &Cpu, sentences: &[&[u32]], positions: usize) -> Result<Decoding> {
        let batch = sentences.len();
        let mut source = vec![PAD; positions * batch];
        for (b, sentence) in sentences.iter().enumerate() {
            for (t, &word) in sentence.iter().take(positions - 1).enumerate() {
                source[(positions - 1 - t) * batch + b] = word;
            }
        }
        let feed = Feed { batch, inputs: Vec::new(), ids: vec![&source], states: &mut [] };
        let (network, outputs) = &mut self.encoder;
        let mut memory = network.run_for(cpu, Mode::Inference, outputs, feed)?;
        let mut states = memory.split_off(2);
        states.push(vec![0.0; batch * self.hidden_size]);
        Ok(Decoding { memory, states, positions })
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
        let feed = Feed { batch: words.len(), inputs, ids: vec![words], states: &mut [] };
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
    fn select(&mut self, parents: &[usize], rows: usize, width: usize) {
        if parents.iter().copied().eq(0..rows) {
            return;
        }
        let pick = |values: &[f32]| -> Vec<f32> {
            let row = |&parent: &usize| &values[parent * width..(parent + 1) * width];
            parents.iter().flat_map(row).copied().collect()
        };
        for state in &mut self.states {
            *state = pick(state);
        }
        for memory in &mut self.memory {
            *memory = memory.chunks(rows * width).flat_map(pick).collect();
        }
    }
}

impl Hypothesis {
    /// Brings the attention from the encoder's order, padding and then the last word first, into that
    /// of the `words` of the sentence.
    fn read_in_order(&mut self, words: usize) {
        for weights in &mut self.attention {
            weights.reverse();
            weights.truncate(words);
        }
    }
}

impl Beam {
    fn last_words(&self) -> impl Iterator<Item = u32> + '_ {
        self.open.iter().map(|open| open.hypothesis.words.last().copied().unwrap_or(GO))
    }

    /// Takes the likeliest continuations of the open hypotheses, from their logits and attention. The
    /// hypotheses that go on are those of the rows that it returns. At the last step all end.
    ///
    /// What greedy search would take is always among them, so that no beam finds less than it.
    fn advance(
        &mut self,
        logits: &[Vec<f32>],
        attention: &[Vec<f32>],
        search: Search,
        is_last: bool,
    ) -> Vec<usize> {
        let keeps_greedy = usize::from(self.open.iter().any(|open| open.is_greedy));
        let wanted = search.beam.saturating_sub(self.done.len()).max(keeps_greedy);
        let mut candidates: Vec<(f64, usize, u32)> = Vec::new();
        let mut greedy = None;
        for (row, (open, logits)) in self.open.iter().zip(logits).enumerate() {
            let log_sum = log_sum_exp(logits);
            let total = |word: u32| {
                open.hypothesis.log_probability + f64::from(logits[word as usize]) - log_sum
            };
            let words = if is_last { vec![EOS] } else { likeliest(logits, search.beam) };
            if open.is_greedy {
                greedy = words.first().map(|&word| (row, word));
            }
            candidates.extend(words.into_iter().map(|word| (total(word), row, word)));
        }
        candidates.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let is_greedy = |&(_, row, word): &(f64, usize, u32)| greedy == Some((row, word));
        let found = candidates.iter().position(is_greedy);
        let most = if is_last { candidates.len() } else { wanted };
        if let Some(found) = found.filter(|&found| found >= most && most > 0) {
            candidates.swap(most - 1, found);
        }
        candidates.truncate(most);
        let before = std::mem::take(&mut self.open);
        let mut parents = Vec::with_capacity(candidates.len());
        for candidate in candidates {
            let is_greedy = is_greedy(&candidate);
            let (log_probability, row, word) = candidate;
            let mut hypothesis = before[row].hypothesis.clone();
            hypothesis.log_probability = log_probability;
            hypothesis.attention.push(attention[row].clone());
            if word == EOS {
                hypothesis.score = search.normalised(log_probability, hypothesis.attention.len());
                self.done.push(hypothesis);
            } else {
                hypothesis.words.push(word);
                self.open.push(Open { hypothesis, is_greedy });
                parents.push(row);
            }
        }
        parents
    }
}

/// The words with the `count` largest logits, the largest first; of equal ones the first word.
fn likeliest(logits: &[f32], count: usize) -> Vec<u32> {
    let larger =
        |a: &u32, b: &u32| logits[*b as usize].total_cmp(&logits[*a as usize]).then(a.cmp(b));
    // Padding and the beginning are no words of a translation.
    let mut words: Vec<u32> = (EOS..logits.len() as u32).collect();
    let count = count.min(words.len());
    if count < words.len() {
        words.select_nth_unstable_by(count, larger);
        words.truncate(count);
    }
    words.sort_by(larger);
    words
}

fn log_sum_exp(logits: &[f32]) -> f64 {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f64 = logits.iter().map(|z| f64::from(z - largest).exp()).sum();
    sum.ln() + f64::from(largest)
}
