//! Options of the search that verbs share.

use clap::Args;
use clap::builder::RangedU64ValueParser;

use super::super::beam::Search;

/// `--beam` and `--length-penalty`.
#[derive(Args, Clone, Copy, Debug)]
#[command(about = None, long_about = None)]
pub struct SearchOptions {
    /// Beam size: the number of hypotheses to keep; 1 is greedy search
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = RangedU64ValueParser::<usize>::new().range(1..=1000))]
    beam: usize,
    /// Length penalty: log-probabilities are divided by ((5 + length) / 6) to this power, with the end
    /// counted in the length; 0 prefers short translations
    #[arg(long, value_name = "EXPONENT", default_value_t = Search::GREEDY.length_penalty, value_parser = exponent)]
    length_penalty: f64,
}

impl SearchOptions {
    /// The search that they ask for.
    pub fn search(self) -> Search {
        let Self { beam, length_penalty } = self;
        Search { beam, length_penalty, ..Search::GREEDY }
    }
}

fn exponent(text: &str) -> Result<f64, String> {
    let exponent = text.parse::<f64>().ok().filter(|exponent| exponent.is_finite());
    exponent.ok_or_else(|| "give a number, such as 0.6".to_owned())
}
