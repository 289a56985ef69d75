//! What a run writes about its progress, and the curves drawn from it.
//!
//! A [`Record`] is one line of `metrics.jsonl`. A [`Recorder`] appends records to that file and, as
//! scalars, to a TensorBoard event file in the same run folder; [`read`] reads the lines back;
//! [`plot`] draws them. [`picture`] draws what a classifier gets right and wrong.
//!
//! [`bleu`] and [`chrf`] score translations; [`bootstrap`] compares two systems by them.

pub mod bleu;
pub mod bootstrap;
pub mod chrf;
pub mod corpus;
mod events;
mod jsonl;
mod ngrams;
pub mod picture;
pub mod plot;
mod raster;
mod recorder;

pub use events::{Content, Histogram, Picture, Summary};
pub use jsonl::{Record, Recorded, read};
pub use raster::Raster;
pub use recorder::Recorder;

/// The name among a record's times of the seconds since the run began, without pauses.
pub const ELAPSED: &str = "elapsed";

/// The name in a run folder of the file that holds one [`Record`] a line.
pub const FILE_NAME: &str = "metrics.jsonl";

/// A perplexity in words: one of a run that has diverged may have hundreds of digits.
pub fn perplexity_in_words(perplexity: f64) -> String {
    if perplexity < 1e7 { format!("{perplexity:.3}") } else { format!("{perplexity:.3e}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_perplexity_of_many_digits_is_a_power_of_ten() {
        for (perplexity, expect) in
            [(115.0913, "115.091"), (9_999_999.0, "9999999.000"), (1.2e30, "1.200e30")]
        {
            assert_eq!(perplexity_in_words(perplexity), expect);
        }
        assert_eq!(perplexity_in_words(f64::INFINITY), "inf");
    }
}
