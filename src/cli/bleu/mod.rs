//! `tfm bleu`: scores of translations, as sacreBLEU computes them.

mod args;
mod report;
mod texts;

use anyhow::{Context, Result};
use clap::{ArgMatches, Args, Command, FromArgMatches};

use super::{Fixed, Registry};
use crate::metrics::bleu::{Bleu, Tokenizer};
use crate::metrics::bootstrap;
use crate::metrics::chrf::Chrf;
use crate::metrics::corpus::{CorpusMetric, Signature, sum};
use crate::rng::Stream;
use args::{BleuArgs, Resampling};
use report::{Compared, Scored, Sentence, Sentences, System};
use texts::Texts;

pub(super) const FIXED: Fixed = Fixed { command, run };

const LONG: &str = "Scores translations with BLEU (Papineni et al., 2002) and chrF (Popović, 2015), \
with the numbers, signatures and JSON keys of sacreBLEU 2.4.3. Hypotheses and references are plain, \
untokenized text, one segment per line; .gz files work too. A byte order mark at the start of a file is \
skipped; sacreBLEU counts it as a character.";

const EXAMPLES: &str = "With --json the score has all its digits; several metrics, and the two systems \
of --paired-bootstrap, are printed as an array, as in sacreBLEU.\n\n\
Examples:\n  \
tfm bleu --ref newstest2013.fr hypotheses.fr\n  \
tfm bleu --ref a.txt --ref b.txt --metrics bleu,chrf --lowercase < hypotheses.txt\n  \
tfm bleu --ref ref.txt hypotheses.txt --sentence\n  \
tfm bleu --ref ref.txt baseline.txt --paired-bootstrap better.txt";

fn command() -> Command {
    let command = BleuArgs::augment_args(Command::new("bleu"));
    command
        .about("Scores translations with BLEU and chrF, like sacreBLEU")
        .long_about(LONG)
        .after_long_help(EXAMPLES)
}

fn run(_: Registry, matches: &ArgMatches) -> Result<()> {
    let args = BleuArgs::from_arg_matches(matches)?;
    args.output.init_logging();
    let metrics = args.metrics()?;
    let texts = Texts::read(&args)?;
    warn_of_tokens(&metrics, &texts);
    if args.sentence {
        return metrics.iter().try_for_each(|metric| metric.sentences(&texts).print(args.output));
    }
    if let Some(resampling) = args.resampling() {
        let compared = metrics.iter().map(|metric| metric.compare(&texts, resampling));
        return report::print_compared(&compared.collect::<Result<Vec<_>>>()?, args.output);
    }
    let scored: Vec<_> = metrics.iter().map(|metric| metric.corpus(&texts)).collect();
    report::print_scored(&scored, args.output)
}

/// A metric that was asked for.
#[derive(Clone, Copy, Debug)]
enum Metric {
    Bleu(Bleu),
    Chrf(Chrf),
}

impl Metric {
    fn corpus(&self, texts: &Texts) -> Scored {
        match self {
            Self::Bleu(bleu) => corpus(bleu, texts),
            Self::Chrf(chrf) => corpus(chrf, texts),
        }
    }

    fn sentences(&self, texts: &Texts) -> Sentences {
        match self {
            Self::Bleu(bleu) => sentences(bleu, texts),
            Self::Chrf(chrf) => sentences(chrf, texts),
        }
    }

    fn compare(&self, texts: &Texts, resampling: Resampling) -> Result<Compared> {
        match self {
            Self::Bleu(bleu) => compare(bleu, texts, resampling),
            Self::Chrf(chrf) => compare(chrf, texts, resampling),
        }
    }
}

fn corpus<M: CorpusMetric>(metric: &M, texts: &Texts) -> Scored {
    let sums = sum(&texts.statistics(metric, &texts.hypotheses));
    let signature = Signature::new(metric, texts.references.len(), None);
    Scored::new(metric.name(), metric.score(&sums), metric.details(&sums), signature)
}

fn sentences<M: CorpusMetric>(metric: &M, texts: &Texts) -> Sentences {
    let statistics = texts.statistics(metric, &texts.hypotheses);
    let sentence = |counts: &M::Statistics| Sentence {
        score: metric.score(counts),
        verbose_score: metric.details(counts),
    };
    let signature = Signature::new(metric, texts.references.len(), None);
    Sentences::new(metric.name(), statistics.iter().map(sentence).collect(), signature)
}

/// Compares the hypotheses, as the baseline, with those of another system.
fn compare<M: CorpusMetric>(metric: &M, texts: &Texts, resampling: Resampling) -> Result<Compared> {
    let Resampling { samples, seed } = resampling;
    let other = texts.other.as_ref().context("there is no second system")?;
    let [own, others] = [&texts.hypotheses, other].map(|text| texts.statistics(metric, text));
    let segments = own.len();
    let below = u32::try_from(segments).context("there are too many lines for the bootstrap")?;
    let stream = Stream::new(seed, "bootstrap");
    let draw = |sample| {
        let mut numbers = stream.at(sample);
        (0..segments).map(move |_| numbers.below(below) as usize)
    };
    if texts.hypotheses.lines().eq(other.lines()) {
        tracing::warn!("both systems are identical: a difference between them is meaningless");
    }
    let compared = bootstrap::compare(metric, &own, &others, (0..samples).map(draw));
    let [own, others] = [own, others].map(|segments| metric.score(&sum(&segments)));
    let signature = Signature::new(metric, texts.references.len(), Some((samples, seed)));
    let baseline = System::new(own, compared.baseline, None, &signature);
    let system = System::new(others, compared.system, Some(compared.p_value), &signature);
    let names = [format!("Baseline: {}", texts.hypotheses), other.to_string()];
    Ok(Compared { metric: metric.name(), names, systems: [baseline, system], signature })
}

/// Lines that end in a full stop of its own, from which on a text is taken for tokenized.
const TOKENIZED: usize = 100;

/// Warns of text that was tokenized before, since its score is another.
fn warn_of_tokens(metrics: &[Metric], texts: &Texts) {
    let tokenizes = metrics.iter().any(|metric| match metric {
        Metric::Bleu(bleu) => matches!(bleu.tokenizer, Tokenizer::Mteval13a | Tokenizer::Intl),
        Metric::Chrf(_) => false,
    });
    let lines = texts.hypotheses.lines().filter(|line| line.trim_end().ends_with(" .")).count();
    if tokenizes && lines >= TOKENIZED {
        let name = &texts.hypotheses;
        tracing::warn!("{lines} lines of {name} end in \" .\": BLEU expects untokenized text");
    }
}
