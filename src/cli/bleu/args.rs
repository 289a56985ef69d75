//! The options of `tfm bleu`, as sacreBLEU has them.

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::error::ErrorKind;
use clap::{Args, ValueEnum, ValueHint};

use super::Metric;
use crate::metrics::bleu::{Bleu, Smoothing, Tokenizer};
use crate::metrics::chrf::{Chrf, MAX_WORD_ORDER};
use crate::models::options::OutputOptions;

#[derive(Args, Debug)]
pub(super) struct BleuArgs {
    /// A reference translation, one segment per line; may be repeated for several references
    #[arg(long = "ref", value_name = "FILE", required = true, value_hint = ValueHint::FilePath)]
    pub references: Vec<PathBuf>,

    /// The hypotheses, one segment per line [default: standard input]
    #[arg(value_name = "HYP", value_hint = ValueHint::FilePath)]
    pub hypotheses: Option<PathBuf>,

    /// The metrics, separated by commas
    #[arg(long, value_name = "METRIC", value_delimiter = ',', default_value = "bleu")]
    metrics: Vec<Name>,

    /// Scores every line; BLEU uses --effective-order
    #[arg(long)]
    pub sentence: bool,

    /// The tokenizer of BLEU [default: 13a]
    #[arg(long, value_name = "NAME", value_parser = tokenizers())]
    tokenize: Option<Tokenizer>,

    /// Case-insensitive BLEU
    #[arg(long)]
    lowercase: bool,

    /// The smoothing method of BLEU for zero n-gram precisions [default: exp]
    #[arg(long, value_name = "METHOD")]
    smooth: Option<Method>,

    /// The value of floor [default: 0.1] or of add-k [default: 1]
    #[arg(long, value_name = "VALUE", value_parser = value, allow_negative_numbers = true)]
    smooth_value: Option<f64>,

    /// Ignores n-gram orders that all hypotheses are too short for, in BLEU
    #[arg(long)]
    effective_order: bool,

    /// The word n-gram order of chrF: 0 is chrF2, 2 is chrF2++
    #[arg(
        long,
        value_name = "N",
        default_value_t = 0,
        value_parser = clap::value_parser!(u8).range(0..=MAX_WORD_ORDER as i64)
    )]
    chrf_word_order: u8,

    /// Case-insensitive chrF
    #[arg(long)]
    chrf_lowercase: bool,

    /// Compares the hypotheses with those of another system, by paired bootstrap resampling
    ///
    /// Each score is followed by its mean over the samples and the 95 % interval around it. The
    /// null hypothesis of the p-value is that both systems are equal; * marks p up to 0.05. The
    /// samples are drawn in another way than sacreBLEU's, so that intervals and p differ slightly.
    #[arg(
        long,
        value_name = "OTHER",
        value_hint = ValueHint::FilePath,
        conflicts_with = "sentence"
    )]
    pub paired_bootstrap: Option<PathBuf>,

    /// Number of bootstrap samples
    #[arg(
        long,
        value_name = "N",
        default_value_t = 1000,
        requires = "paired_bootstrap",
        value_parser = clap::value_parser!(u32).range(1..)
    )]
    samples: u32,

    /// The seed of the bootstrap; the same seed always gives the same samples
    #[arg(long, value_name = "SEED", default_value_t = 12345, requires = "paired_bootstrap")]
    seed: u64,

    #[command(flatten)]
    pub output: OutputOptions,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
enum Name {
    /// BLEU
    Bleu,
    /// chrF2, or chrF2++ with --chrf-word-order 2
    Chrf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Method {
    /// Half a match for the first n-gram order without one, then a quarter, and so on
    Exp,
    /// A fraction of a match
    Floor,
    /// Adds to matches and totals of all orders except 1
    AddK,
    /// No smoothing: the score is zero
    None,
}

/// How often the bootstrap draws, and from which seed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Resampling {
    pub samples: u64,
    pub seed: u64,
}

impl BleuArgs {
    /// The metrics in sacreBLEU's order, each once.
    ///
    /// # Errors
    /// Of usage, when options do not go together.
    pub fn metrics(&self) -> Result<Vec<Metric>> {
        let mut names = self.metrics.clone();
        names.sort();
        names.dedup();
        if self.sentence && names.len() > 1 {
            return usage("--sentence prints one metric: give only one in --metrics");
        }
        let is_bleu = self.lowercase
            || self.effective_order
            || self.tokenize.is_some()
            || self.smooth.is_some()
            || self.smooth_value.is_some();
        if !names.contains(&Name::Bleu) && is_bleu {
            return usage(
                "--tokenize, --lowercase, --smooth and --effective-order are for BLEU; chrF has \
                --chrf-lowercase",
            );
        }
        if !names.contains(&Name::Chrf) && (self.chrf_lowercase || self.chrf_word_order > 0) {
            return usage(
                "--chrf-lowercase and --chrf-word-order are for chrF: --metrics bleu,chrf scores it too",
            );
        }
        let bleu = Bleu {
            tokenizer: self.tokenize.unwrap_or(Tokenizer::Mteval13a),
            lowercase: self.lowercase,
            smoothing: self.smoothing()?,
            effective_order: self.effective_order || self.sentence,
        };
        let word_order = usize::from(self.chrf_word_order);
        let chrf = Chrf { word_order, lowercase: self.chrf_lowercase };
        let metric = |name| match name {
            Name::Bleu => Metric::Bleu(bleu),
            Name::Chrf => Metric::Chrf(chrf),
        };
        Ok(names.into_iter().map(metric).collect())
    }

    fn smoothing(&self) -> Result<Smoothing> {
        Ok(match (self.smooth.unwrap_or(Method::Exp), self.smooth_value) {
            (Method::Floor, value) => Smoothing::Floor(value.unwrap_or(Smoothing::FLOOR)),
            (Method::AddK, value) => Smoothing::AddK(value.unwrap_or(Smoothing::ADD_K)),
            (Method::Exp, None) => Smoothing::Exp,
            (Method::None, None) => Smoothing::None,
            (Method::Exp | Method::None, Some(_)) => {
                return usage("--smooth-value works only with --smooth floor and --smooth add-k");
            }
        })
    }

    /// The options of the bootstrap, if one is requested.
    pub fn resampling(&self) -> Option<Resampling> {
        let resampling = Resampling { samples: self.samples.into(), seed: self.seed };
        self.paired_bootstrap.is_some().then_some(resampling)
    }
}

fn usage<T>(message: &str) -> Result<T> {
    bail!(clap::Error::raw(ErrorKind::ArgumentConflict, format!("{message}\n")))
}

fn tokenizers() -> impl TypedValueParser<Value = Tokenizer> {
    let about = |tokenizer| match tokenizer {
        Tokenizer::Mteval13a => "The tokenizer of mteval-v13a, for Latin scripts",
        Tokenizer::None => "No tokenizer: words are separated by white space",
        Tokenizer::Char => "Every character is a token",
        Tokenizer::Intl => "The tokenizer of mteval-v14, by Unicode punctuation and symbols",
    };
    let value = |tokenizer: Tokenizer| PossibleValue::new(tokenizer.name()).help(about(tokenizer));
    PossibleValuesParser::new(Tokenizer::ALL.map(value)).map(|name| {
        let found = Tokenizer::ALL.into_iter().find(|tokenizer| tokenizer.name() == name);
        found.unwrap_or_default()
    })
}

/// A number that is finite and not negative.
fn value(text: &str) -> Result<f64, String> {
    let value = text.parse::<f64>().ok().filter(|value| value.is_finite() && *value >= 0.0);
    value.ok_or_else(|| "give a number that is at least 0".to_owned())
}
