//! What `tfm bench` needs of the language model.

use anyhow::{Result, ensure};

use super::config::PtbConfig;
use super::corpus::Corpus;
use super::experiment::Ptb;
use super::model::{Architecture, LanguageModel, Window};
use super::reference::mean_loss;
use crate::data::vocabulary::Vocabulary;
use crate::models::verbs::bench::Benchmark;
use crate::ops::Cpu;
use crate::rng::Stream;

/// Windows of random text.
const WINDOWS: usize = 20;
/// Random words where the config keeps all that a text has.
const WORDS: usize = 10_000;

impl Benchmark for Ptb {
    /// The loss of a small window.
    fn compare(cpu: &Cpu) -> Result<()> {
        let architecture = Architecture {
            vocab_size: 50,
            hidden_size: 40,
            num_layers: 2,
            init_scale: 0.3,
            keep_prob: 1.0,
            seed: 1,
        };
        let mut model = LanguageModel::new(architecture)?;
        let words: Vec<u32> = (0..30u32).map(|i| i * 7 % 50).collect();
        let (inputs, targets) = (&words[..25], &words[5..]);
        let want = mean_loss(&model, 5, inputs, targets);
        let mut state = model.zero_state(5);
        let losses = model.evaluate(cpu, Window { batch: 5, inputs, targets }, &mut state);
        let got = losses.iter().copied().map(f64::from).sum::<f64>() / losses.len() as f64;
        ensure!(
            (got - want).abs() < 1e-5 * want,
            "the loss {got} differs from the plain computation's {want} at {}",
            cpu.isa().name()
        );
        Ok(())
    }

    fn random_data(config: &PtbConfig) -> Result<Corpus> {
        let words = if config.data.max_vocab == 0 { WORDS } else { config.data.max_vocab };
        let mut numbers = Stream::new(config.seed, "bench").at(0);
        let needed = config.train.batch_size * (config.train.num_steps * WINDOWS + 1);
        let train: Vec<u32> = (0..needed).map(|_| numbers.below(words as u32)).collect();
        Ok(Corpus {
            vocabulary: Vocabulary::new((0..words).map(|i| format!("word{i}")))?,
            valid: train.clone(),
            test: train.clone(),
            train,
            floor: None,
        })
    }

    /// Forward once, backward twice.
    fn operations(config: &PtbConfig, corpus: &Corpus) -> f64 {
        let (hidden, layers) = (config.network.hidden_size, config.network.num_layers);
        let weights = layers * 2 * hidden * 4 * hidden + hidden * corpus.vocabulary.len();
        6.0 * weights as f64
    }
}
