//! The config of the translation model.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::network::Architecture;
use crate::config::{Invalid, at_least, divides, in_range, one_of, positive};
use crate::data::parallel::{Bucket, Invalid as InvalidPairs};
use crate::data::tokenizer::Kind;
use crate::models::Entry;
use crate::models::run_config::{RunConfig, Settings, check_optimizer};
use crate::nn::graph::Initial;
use crate::nn::optimizer::OptimizerConfig;

/// A whole experiment. The seed is that of the initial parameters, of the batches and of the samples.
pub type TranslateConfig = RunConfig<TranslateSettings>;

/// The model's own tables; the default is the reference's model.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct TranslateSettings {
    /// The network.
    pub network: Network,
    /// The parallel texts.
    pub data: Data,
    /// How it is trained.
    pub train: Train,
    /// The optimizer; the reference's is gradient descent.
    pub optimizer: OptimizerConfig,
}

/// The `[network]` table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Network {
    /// Units of a layer, and the width of a word's vector.
    pub hidden_size: usize,
    /// Layers of the encoder, and of the decoder.
    pub num_layers: usize,
    /// Words of the target that a time step of training looks at beside the right ones (sampled
    /// softmax); 0, or as many as there are: all words.
    pub num_samples: usize,
    /// Where the parameters begin: "tf-1.0", Glorot's uniform distribution, or "tf-0.12", uniform
    /// unit scaling. The reference means whichever its TensorFlow had.
    pub init: String,
}

/// The `[data]` table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Data {
    /// "files", or "synthetic" for the program's own language pair.
    pub source: String,
    /// The training text: two files, source and target, or one with tabs.
    pub train: Vec<String>,
    /// The development text, which every epoch ends with.
    pub dev: Vec<String>,
    /// The test text, for `tfm eval translate --split test`; none by default.
    pub test: Vec<String>,
    /// What becomes of pairs with an empty side or invalid UTF-8: "error" or "drop".
    pub invalid: InvalidPairs,
    /// "basic", the reference's words, or "bpe", byte-pair encoding.
    pub tokenizer: Kind,
    /// The most frequent words of the source that are kept, four special ones among them; with "bpe"
    /// the size of the one vocabulary.
    pub source_vocab: usize,
    /// The most frequent words of the target that are kept, four special ones among them.
    pub target_vocab: usize,
    /// Positions of encoder and decoder, a pair a bucket: shorter sentences go into the first that
    /// they fit, longer ones are left out.
    pub buckets: Vec<[usize; 2]>,
    /// Training pairs of the synthetic language.
    pub synthetic_pairs: usize,
}

/// The `[train]` table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Train {
    /// Pairs of a batch, all towers together.
    pub batch_size: usize,
    /// Equal parts of a batch, each on a group of threads of its own.
    pub towers: usize,
    /// Epochs in all: as many steps as the pairs have batches, though pairs are drawn with
    /// replacement.
    pub num_epochs: u64,
    /// Stops after so many steps, wherever the epoch stands; 0 does not.
    pub max_steps: u64,
    /// The first learning rate.
    pub learning_rate: f64,
    /// What the learning rate is multiplied by where the mean loss of `decay_every` steps is above
    /// those of the three such windows before.
    pub lr_decay: f64,
    /// Steps between two looks at the mean loss.
    pub decay_every: u64,
    /// The greatest global norm of the gradients.
    pub max_grad_norm: f64,
}

impl Default for Network {
    fn default() -> Self {
        Self { hidden_size: 1024, num_layers: 3, num_samples: 512, init: "tf-1.0".to_string() }
    }
}

impl Default for Data {
    fn default() -> Self {
        let files = |names: [&str; 2]| names.map(str::to_string).to_vec();
        let bucket = |bucket: Bucket| [bucket.source, bucket.target];
        Self {
            source: "files".to_string(),
            train: files(["giga-fren.release2.fixed.en.gz", "giga-fren.release2.fixed.fr.gz"]),
            dev: files(["newstest2013.en", "newstest2013.fr"]),
            test: Vec::new(),
            invalid: InvalidPairs::Error,
            tokenizer: Kind::Basic,
            source_vocab: 40_000,
            target_vocab: 40_000,
            buckets: Bucket::REFERENCE.map(bucket).to_vec(),
            synthetic_pairs: 20_000,
        }
    }
}

impl Default for Train {
    fn default() -> Self {
        Self {
            batch_size: 64,
            towers: 1,
            num_epochs: 10,
            max_steps: 0,
            learning_rate: 0.5,
            lr_decay: 0.99,
            decay_every: 200,
            max_grad_norm: 5.0,
        }
    }
}

impl Settings for TranslateSettings {
    const ENTRY: &'static Entry = &super::ENTRY;

    fn validate(&self) -> Result<(), Invalid> {
        self.network.validate()?;
        self.data.validate()?;
        self.train.validate()?;
        check_optimizer(&self.optimizer)
    }
}

impl Network {
    fn validate(&self) -> Result<(), Invalid> {
        in_range("network.hidden_size", self.hidden_size, 1, 65_536)?;
        in_range("network.num_layers", self.num_layers, 1, 4)?;
        in_range("network.num_samples", self.num_samples, 0, 1_000_000)?;
        one_of("network.init", &self.init, &["tf-1.0", "tf-0.12"])
    }
}

impl Data {
    fn validate(&self) -> Result<(), Invalid> {
        one_of("data.source", &self.source, &["files", "synthetic"])?;
        in_range("data.source_vocab", self.source_vocab, 5, 10_000_000)?;
        in_range("data.target_vocab", self.target_vocab, 5, 10_000_000)?;
        in_range("data.buckets", self.buckets.len(), 1, 64)?;
        in_range("data.synthetic_pairs", self.synthetic_pairs, 100, 100_000_000)
    }

    /// The buckets.
    pub fn sizes(&self) -> Vec<Bucket> {
        self.buckets.iter().map(|&[source, target]| Bucket::new(source, target)).collect()
    }
}

impl Train {
    fn validate(&self) -> Result<(), Invalid> {
        in_range("train.batch_size", self.batch_size, 1, 65_536)?;
        in_range("train.towers", self.towers, 1, 1_024)?;
        divides("train.towers", self.towers, "train.batch_size", self.batch_size)?;
        in_range("train.num_epochs", self.num_epochs, 1, 1_000_000)?;
        at_least("train.learning_rate", self.learning_rate, 0.0)?;
        positive("train.lr_decay", self.lr_decay)?;
        in_range("train.decay_every", self.decay_every, 1, 1_000_000_000)?;
        positive("train.max_grad_norm", self.max_grad_norm)
    }
}

/// The network of a config for vocabularies of these sizes, source and target.
pub fn architecture(config: &TranslateConfig, vocabularies: [usize; 2]) -> Architecture {
    let Network { hidden_size, num_layers, num_samples, init } = &config.network;
    Architecture {
        vocabularies,
        hidden_size: *hidden_size,
        num_layers: *num_layers,
        num_samples: *num_samples,
        initial: if init == "tf-0.12" { Initial::UnitScaling } else { Initial::GlorotUniform },
    }
}
