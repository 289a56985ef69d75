//! The translation model as the verbs that all models share see it.

use std::path::Path;

use anyhow::{Result, ensure};
use serde_json::{Map, Value};

use super::ENTRY;
use super::architecture::{Architecture, architecture};
use super::beam::{Hypothesis, Search};
use super::config::{TranslateConfig, TranslateSettings};
use super::dataset::Dataset;
use super::decode::Translator;
use super::model::TranslationModel;
use super::task::{self, TranslateTask};
use crate::checkpoint::Checkpoint;
use crate::data::parallel::Bucket;
use crate::data::tokenizer::{Side, Tokenizer};
use crate::models::describe::Description;
use crate::models::experiment::Experiment;
use crate::models::verbs::bench::Benchmark;
use crate::models::weights;
use crate::ops::Cpu;
use crate::run::RunDir;
use crate::train::ShutdownFlag;

/// Words and units of the network that is compared with the plain computation.
const COMPARED_WORDS: usize = 50;
const COMPARED_UNITS: usize = 40;

/// Sentences that the end of a training shows.
const SHOWN: usize = 3;

/// The translation model.
pub struct Translate;

/// A trained model, to be used.
pub struct Trained {
    /// The tokenizer.
    pub tokenizer: Tokenizer,
    /// The model with the parameters of the checkpoint.
    pub model: TranslationModel,
}

impl Trained {
    /// A translator for sentences of the config's buckets.
    ///
    /// # Errors
    /// As [`Translator::new`].
    pub fn translator(&self, config: &TranslateConfig) -> Result<Translator> {
        Translator::new(self.model.architecture(), self.model.network(), &config.buckets())
    }
}

/// The network of a bucket, and a training batch.
fn describe_bucket(
    config: &TranslateConfig,
    architecture: Architecture,
    bucket: Bucket,
) -> Result<Description> {
    let (graph, losses) = architecture.unrolled(bucket.target)?;
    let batch = match config.is_bidirectional() {
        true => (config.train.batch_tokens / bucket.target).max(1),
        false => config.train.batch_size,
    };
    let (output, loss) = (losses.exact, losses.trained);
    Ok(Description { graph, output, loss, batch, steps: bucket.source, seed: config.seed })
}

/// Each word of a translation with the source's word that it attended to most.
fn attended(tokenizer: &Tokenizer, source: &str, found: &Hypothesis) -> String {
    let source = tokenizer.words(Side::Source, source);
    let pair = |(&word, place): (&u32, usize)| {
        let of = source.get(place).map_or("", |word| word.trim());
        format!("{}←{of}", tokenizer.piece(Side::Target, word).trim())
    };
    found.words.iter().zip(found.alignment()).map(pair).collect::<Vec<_>>().join(" ")
}

impl Benchmark for Translate {
    /// On few words and units: the plain computation of a large network would take minutes.
    fn compare(cpu: &Cpu, config: &TranslateConfig, _: &Dataset) -> Result<()> {
        let mut small = config.clone();
        let sizes = &mut small.network;
        sizes.hidden_size = sizes.hidden_size.min(COMPARED_UNITS);
        sizes.embedding_size = sizes.embedding_size.min(COMPARED_UNITS);
        sizes.num_samples = sizes.num_samples.min(1);
        let architecture = architecture(&small, [COMPARED_WORDS; 2]);
        describe_bucket(&small, architecture, Bucket::new(3, 4))?.compare(cpu)
    }

    fn random_data(config: &TranslateConfig) -> Result<Dataset> {
        Dataset::random(config)
    }

    /// Of a pair in the mean, from how many pairs have each size.
    fn operations(config: &TranslateConfig, data: &Dataset) -> Result<f64> {
        let architecture = architecture(config, data.vocabularies());
        let mut sum = 0.0;
        for (bucket, pairs) in data.train.sizes() {
            let (graph, losses) = architecture.unrolled(bucket.target)?;
            sum += graph.operations(losses.trained, 1, bucket.source) as f64 * pairs as f64;
        }
        Ok(sum / data.train.len() as f64)
    }

    /// Positions of the decoder that a pair has in the mean, from how many pairs have each size.
    fn second_item(_: &TranslateConfig, data: &Dataset) -> Option<(&'static str, f64)> {
        let positions = data.train.sizes().into_iter().map(|(bucket, n)| bucket.target * n);
        Some(("target positions", positions.sum::<usize>() as f64 / data.train.len() as f64))
    }
}

impl Experiment for Translate {
    type Settings = TranslateSettings;
    type Data = Dataset;
    type Task<'a> = TranslateTask<'a>;
    type Trained = Trained;

    fn data(
        _: &Cpu,
        config: &TranslateConfig,
        data_dir: &Path,
        run: Option<&RunDir>,
    ) -> Result<Dataset> {
        Dataset::load(config, data_dir, run)
    }

    fn fingerprint(data: &Dataset) -> String {
        data.fingerprint()
    }

    fn sizes(data: &Dataset) -> Vec<(&'static str, usize)> {
        let [source, target] = data.vocabularies();
        let of_source = match data.tokenizer {
            Tokenizer::Basic(_) => "words of the source",
            Tokenizer::Bpe(_) => "tokens of the source",
        };
        vec![
            ("training pairs", data.train.len()),
            ("development", data.dev.len()),
            (of_source, source),
            ("of the target", target),
        ]
    }

    fn files(data: &Dataset) -> Vec<(&'static str, Vec<u8>)> {
        data.tokenizer.files()
    }

    fn task<'a>(
        cpu: &'a Cpu,
        config: &'a TranslateConfig,
        data: &'a Dataset,
        init: Option<&Checkpoint>,
    ) -> Result<TranslateTask<'a>> {
        let architecture = architecture(config, data.vocabularies());
        let model = TranslationModel::new(architecture, config.seed, config.train.towers)?;
        if let Some(checkpoint) = init {
            model.load(checkpoint, "")?;
        }
        TranslateTask::new(cpu, config, data, model)
    }

    fn trained(run: &RunDir, config: &TranslateConfig, checkpoint: &Checkpoint) -> Result<Trained> {
        let tokenizer = Tokenizer::load(run.path())?;
        let (here, data) = (tokenizer.fingerprint(), &run.manifest().data);
        ensure!(
            data.starts_with(&here),
            "the vocabulary in {} is not that of the run: it is {here}, but run.json has {data}; put \
            the run's own file back",
            run.path().display()
        );
        let architecture = architecture(config, Side::ALL.map(|side| tokenizer.size(side)));
        // Before there is memory for sizes that are not the checkpoint's.
        weights::expect(ENTRY.name, &architecture.unrolled(1)?.0, checkpoint)?;
        let model = TranslationModel::new(architecture, config.seed, 1)?;
        model.load(checkpoint, if config.train.average_decay > 0.0 { "average/" } else { "" })?;
        Ok(Trained { tokenizer, model })
    }

    fn describe(config: &TranslateConfig, data: Option<&Dataset>) -> Result<Option<Description>> {
        let architecture =
            architecture(config, data.map_or_else(|| config.vocabularies(), Dataset::vocabularies));
        let sizes = config.data.sizes();
        let mut described = describe_bucket(config, architecture, sizes[sizes.len() - 1])?;
        if let Some(data) = data.filter(|_| config.is_bidirectional()) {
            described.batch = described.batch.min(data.train.len().max(1));
        }
        Ok(Some(described))
    }

    fn headline(metrics: &Map<String, Value>) -> Option<String> {
        let of = |name: &str| metrics.get(name).and_then(Value::as_f64);
        Some(task::headline(of("dev_perplexity")?, of("dev_bleu")?))
    }

    /// The first development sentences with their translations and what these attended to.
    fn sample_at_end(cpu: &Cpu, task: TranslateTask, data: &Dataset) -> Option<String> {
        let buckets = task.config().buckets();
        let model = task.into_model();
        let mut translator =
            Translator::new(model.architecture(), model.network(), &buckets).ok()?;
        let shown = &data.dev_text[..SHOWN.min(data.dev_text.len())];
        let encode = |[source, _]: &[String; 2]| data.tokenizer.encode(Side::Source, source);
        let sources: Vec<Vec<u32>> = shown.iter().map(encode).collect();
        let (never, search) =
            (ShutdownFlag::default(), Search { keeps_attention: true, ..Search::GREEDY });
        let found = translator.translate_all(cpu, &sources, search, &never).ok()??;
        let line = |([source, _], found): (&[String; 2], Vec<Hypothesis>)| {
            let best = found.into_iter().next().unwrap_or_default();
            let translation = data.tokenizer.decode(Side::Target, &best.words);
            format!(
                "  {source}\n    {translation}\n    {}",
                attended(&data.tokenizer, source, &best)
            )
        };
        let lines: Vec<String> = shown.iter().zip(found).map(line).collect();
        Some(format!(
            "Translations of the model, each word with the source word it attends to most:\n{}",
            lines.join("\n")
        ))
    }
}
