//! The config of the translation model.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::unidirectional::Cell;
use crate::config::{Invalid, at_least, divides, in_range, one_of, positive};
use crate::data::parallel::{Bucket, Invalid as InvalidPairs, Longest};
use crate::data::tokenizer::{Bpe, Kind};
use crate::models::Entry;
use crate::models::run_config::{RunConfig, Settings, Unused, check_optimizer};
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
    /// The training.
    pub train: Train,
    /// The optimizer; the reference uses gradient descent.
    pub optimizer: OptimizerConfig,
}

/// The `[network]` table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Network {
    /// "reference", the network of TensorFlow's translate.py, or "bidirectional": a bidirectional
    /// encoder, masked padding, and attention between the decoder's two layers.
    pub kind: String,
    /// The recurrent cell of the reference network: "gru" or "lstm".
    pub cell: Cell,
    /// Hidden units per layer; in the reference network also the embedding size.
    pub hidden_size: usize,
    /// The embedding size of the bidirectional network.
    pub embedding_size: usize,
    /// Dropout rate of the bidirectional network.
    pub dropout: f32,
    /// Whether source, target and output projection of the bidirectional network share one embedding
    /// matrix (weight tying); needs one vocabulary for both languages (`data.tokenizer = "bpe"`).
    pub tie_embeddings: bool,
    /// Layers of the encoder, and of the decoder, of the reference network.
    pub num_layers: usize,
    /// Negative samples per time step for sampled softmax; 0, or at least the target vocabulary size V,
    /// selects the full softmax. As in the reference, the full softmax projects to V words twice
    /// (after the cells and after the attention): about (V + units) · V more parameters.
    pub num_samples: usize,
    /// Parameter initialisation: "tf-1.0", Glorot uniform, the default of TensorFlow 1.0, or
    /// "tf-0.12", uniform unit scaling, the default of TensorFlow 0.12.
    pub init: String,
}

/// The `[data]` table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Data {
    /// "files", "synthetic" for a generated language pair, or "self-test" for the five pairs of ids
    /// of the reference's self-test.
    pub source: String,
    /// The training text: two files, source and target, or one with tabs.
    pub train: Vec<String>,
    /// The development text, evaluated at the end of every epoch.
    pub dev: Vec<String>,
    /// The test text, for `tfm eval translate --split test`; none by default.
    pub test: Vec<String>,
    /// What to do with empty sides (the reference trains on them), invalid UTF-8, unpaired lines and
    /// lines of more than 1 MiB: "error" or "drop".
    pub invalid: InvalidPairs,
    /// "basic", the reference's word tokenizer, or "bpe", byte-pair encoding.
    pub tokenizer: Kind,
    /// A `tokenizer.json` to use instead of training a tokenizer on the training text, with
    /// `data.tokenizer = "bpe"`.
    pub tokenizer_file: String,
    /// Maximum vocabulary size of the source, including four special words; with "bpe" the size of
    /// the shared vocabulary.
    pub source_vocab: usize,
    /// Maximum vocabulary size of the target, including four special words.
    pub target_vocab: usize,
    /// Batching: "buckets", drawn at random as in the reference, or "tokens": each epoch is a
    /// permutation, cut into batches of about `train.batch_tokens` target tokens, with sentences of
    /// similar length.
    pub batching: String,
    /// Maximum sentence length in tokens, with "tokens". Pairs with a longer sentence are left out of
    /// training, and so are those whose target with its end exceeds `train.batch_tokens`.
    pub max_length: usize,
    /// The buckets, each a pair of encoder and decoder lengths. A sentence goes into the first bucket
    /// that it fits; longer ones are left out.
    pub buckets: Vec<[usize; 2]>,
    /// Number of generated training pairs.
    pub synthetic_pairs: usize,
}

/// The `[train]` table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Train {
    /// Batch size in pairs, over all towers.
    pub batch_size: usize,
    /// Batch size in target tokens, with `data.batching = "tokens"`.
    pub batch_tokens: usize,
    /// Data parallelism: parts of a batch, each on its own group of threads. With buckets the number
    /// must divide `train.batch_size`; with tokens the parts differ by one pair at most.
    pub towers: usize,
    /// Total number of epochs. With buckets, an epoch has as many steps as the pairs fill batches, but
    /// pairs are drawn with replacement.
    pub num_epochs: u64,
    /// The maximum number of steps; 0: no limit.
    pub max_steps: u64,
    /// The initial learning rate.
    pub learning_rate: f64,
    /// Multiplies the learning rate when the mean loss of `decay_every` steps is above each of the
    /// three previous windows.
    pub lr_decay: f64,
    /// Window length in steps for the mean loss.
    pub decay_every: u64,
    /// Steps of linear warm-up.
    pub warmup_steps: u64,
    /// Decay after the warm-up: "inverse-sqrt" (Vaswani et al., arXiv 1706.03762), and without a
    /// warm-up by `lr_decay` as in the reference; or "cosine", to zero at the end of `num_epochs`,
    /// whatever `max_steps` is (Loshchilov and Hutter, arXiv 1608.03983).
    pub schedule: String,
    /// Word dropout (Bowman et al., arXiv 1511.06349): the probability that a word which the
    /// bidirectional network reads in training, in source or target, is replaced by _UNK.
    pub word_dropout: f32,
    /// Label smoothing: the probability mass spread uniformly over all tokens. The training perplexity
    /// is computed with the smoothed labels, the development perplexity with the true ones, so the
    /// former stays higher.
    pub label_smoothing: f32,
    /// Decay of the moving average (EMA) of the weights, used for translation; 0: no average.
    pub average_decay: f32,
    /// Early-stopping patience: epochs without a better BLEU on the development text; 0 disables it.
    pub patience: u64,
    /// Gradients are clipped to this global norm.
    pub max_grad_norm: f64,
}

impl Default for Network {
    fn default() -> Self {
        Self {
            kind: "reference".to_string(),
            cell: Cell::Gru,
            hidden_size: 1024,
            embedding_size: 256,
            dropout: 0.0,
            tie_embeddings: false,
            num_layers: 3,
            num_samples: 512,
            init: "tf-1.0".to_string(),
        }
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
            tokenizer_file: String::new(),
            source_vocab: 40_000,
            target_vocab: 40_000,
            batching: "buckets".to_string(),
            max_length: 100,
            buckets: Bucket::REFERENCE.map(bucket).to_vec(),
            synthetic_pairs: 20_000,
        }
    }
}

impl Default for Train {
    fn default() -> Self {
        Self {
            batch_size: 64,
            batch_tokens: 1500,
            towers: 1,
            num_epochs: 10,
            max_steps: 0,
            learning_rate: 0.5,
            lr_decay: 0.99,
            decay_every: 200,
            warmup_steps: 0,
            schedule: "inverse-sqrt".to_string(),
            word_dropout: 0.0,
            label_smoothing: 0.0,
            average_decay: 0.0,
            patience: 0,
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
        check_optimizer(&self.optimizer)?;
        self.check_kind()
    }

    fn unused(&self) -> Vec<Unused> {
        let mut unused: Vec<Unused> = vec![match self.is_bidirectional() {
            true => ("network.kind = \"bidirectional\"", OF_THE_REFERENCE),
            false => ("network.kind = \"reference\"", OF_THE_BIDIRECTIONAL),
        }];
        match self.data.tokenizer {
            Kind::Basic => unused.push(("data.tokenizer = \"basic\"", &["data.tokenizer_file"])),
            Kind::Bpe => unused.push(("data.tokenizer = \"bpe\"", &["data.target_vocab"])),
        }
        let decay: &[_] = &["train.lr_decay", "train.decay_every"];
        match self.train.is_cosine() {
            true => unused.push(("train.schedule = \"cosine\"", decay)),
            false if self.train.warmup_steps > 0 => unused.push(("train.warmup_steps", decay)),
            false => {}
        }
        unused
    }
}

/// The keys of the reference's network alone.
const OF_THE_REFERENCE: &[&str] = &[
    "network.cell",
    "network.num_layers",
    "network.num_samples",
    "network.init",
    "data.buckets",
    "train.batch_size",
];
/// The keys of the bidirectional network alone.
const OF_THE_BIDIRECTIONAL: &[&str] = &[
    "network.embedding_size",
    "network.dropout",
    "network.tie_embeddings",
    "data.max_length",
    "train.batch_tokens",
    "train.word_dropout",
    "train.label_smoothing",
];

impl TranslateSettings {
    /// Whether the network is the bidirectional one.
    pub fn is_bidirectional(&self) -> bool {
        self.network.kind == "bidirectional"
    }

    /// The sizes that sentences are padded to; none if padding is masked.
    pub fn buckets(&self) -> Vec<Bucket> {
        if self.is_bidirectional() { Vec::new() } else { self.data.sizes() }
    }

    /// The longest training sentences; unlimited with buckets.
    pub fn longest(&self) -> Longest {
        if !self.is_bidirectional() {
            return Longest::ANY;
        }
        let most = self.data.max_length;
        // A batch holds the longest target and its end.
        Longest { source: most, target: most.min(self.train.batch_tokens - 1) }
    }

    /// The most words of source and of target.
    pub fn vocabularies(&self) -> [usize; 2] {
        match self.data.tokenizer {
            Kind::Basic => [self.data.source_vocab, self.data.target_vocab],
            Kind::Bpe => [self.data.source_vocab; 2],
        }
    }

    /// Checks the requirements of each kind of network.
    fn check_kind(&self) -> Result<(), Invalid> {
        let rule = |key: &str, rule: &str| Err(Invalid::new(key, rule));
        let batching = if self.is_bidirectional() { "tokens" } else { "buckets" };
        if self.data.batching != batching {
            let kind = &self.network.kind;
            return rule(
                "data.batching",
                &format!("must be \"{batching}\" with the {kind} network"),
            );
        }
        if self.network.tie_embeddings && self.data.tokenizer != Kind::Bpe {
            return rule(
                "network.tie_embeddings",
                "needs one vocabulary: data.tokenizer = \"bpe\"",
            );
        }
        if !self.is_bidirectional() {
            let Train { towers, batch_size, .. } = self.train;
            divides("train.towers", towers, "train.batch_size", batch_size)?;
        }
        Ok(())
    }
}

impl Network {
    fn validate(&self) -> Result<(), Invalid> {
        one_of("network.kind", &self.kind, &["reference", "bidirectional"])?;
        in_range("network.hidden_size", self.hidden_size, 1, 65_536)?;
        in_range("network.embedding_size", self.embedding_size, 1, 65_536)?;
        share("network.dropout", self.dropout)?;
        in_range("network.num_layers", self.num_layers, 1, 4)?;
        in_range("network.num_samples", self.num_samples, 0, 1_000_000)?;
        one_of("network.init", &self.init, &["tf-1.0", "tf-0.12"])
    }
}

impl Data {
    fn validate(&self) -> Result<(), Invalid> {
        one_of("data.source", &self.source, &["files", "synthetic", "self-test"])?;
        let least = if self.tokenizer == Kind::Bpe { Bpe::MIN_SIZE } else { 5 };
        in_range("data.source_vocab", self.source_vocab, least, 10_000_000)?;
        in_range("data.target_vocab", self.target_vocab, 5, 10_000_000)?;
        one_of("data.batching", &self.batching, &["buckets", "tokens"])?;
        in_range("data.max_length", self.max_length, 1, 10_000)?;
        in_range("data.buckets", self.buckets.len(), 1, 64)?;
        let rule = |key: &str, rule: &str| Err(Invalid::new(key, rule));
        // Every position is a part of the graph.
        if !self.buckets.iter().all(|[a, b]| (2..=500).contains(a) && (3..=500).contains(b)) {
            return rule("data.buckets", "must have from [2, 3] to [500, 500] positions each");
        }
        if !self.buckets.is_sorted_by(|[a, b], [c, d]| a <= c && b <= d && (a, b) != (c, d)) {
            return rule("data.buckets", "must each be larger than the one before");
        }
        let texts = [("data.train", 1, &self.train), ("data.dev", 1, &self.dev)];
        for (key, least, files) in texts.into_iter().chain([("data.test", 0, &self.test)]) {
            if !(least..=2).contains(&files.len()) {
                return rule(key, "must name two files, source and target, or one with tabs");
            }
        }
        in_range("data.synthetic_pairs", self.synthetic_pairs, 100, 100_000_000)
    }

    /// The buckets.
    pub fn sizes(&self) -> Vec<Bucket> {
        self.buckets.iter().map(|&[source, target]| Bucket::new(source, target)).collect()
    }
}

impl Train {
    /// Whether the learning rate depends on the number of epochs.
    pub fn is_cosine(&self) -> bool {
        self.schedule == "cosine"
    }

    fn validate(&self) -> Result<(), Invalid> {
        in_range("train.batch_size", self.batch_size, 1, 65_536)?;
        in_range("train.towers", self.towers, 1, 1_024)?;
        in_range("train.num_epochs", self.num_epochs, 1, 1_000_000)?;
        at_least("train.learning_rate", self.learning_rate, 0.0)?;
        positive("train.lr_decay", self.lr_decay)?;
        in_range("train.decay_every", self.decay_every, 1, 1_000_000_000)?;
        in_range("train.batch_tokens", self.batch_tokens, 2, 10_000_000)?;
        in_range("train.warmup_steps", self.warmup_steps, 0, 1_000_000_000)?;
        one_of("train.schedule", &self.schedule, &["inverse-sqrt", "cosine"])?;
        share("train.word_dropout", self.word_dropout)?;
        share("train.label_smoothing", self.label_smoothing)?;
        share("train.average_decay", self.average_decay)?;
        positive("train.max_grad_norm", self.max_grad_norm)
    }
}

/// Holds a value to [0, 1).
fn share(key: &str, value: f32) -> Result<(), Invalid> {
    match (0.0..1.0).contains(&value) {
        true => Ok(()),
        false => Err(Invalid::new(key, "must be at least 0 and below 1")),
    }
}
