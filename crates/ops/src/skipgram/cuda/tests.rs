//! The kernel's own source, run on the CPU under several schedules of its threads.

mod host;
mod in_order;

use super::{Sentences, Sizes, Trained};
use crate::rng::{Sequence, Stream};
use crate::skipgram::NegativeSampler;
use host::{HostKernel, Outcome, Problem};
use in_order::train_in_order;

/// The largest difference, relative to the largest value, that is let pass.
const TOLERANCE: f64 = 1e-5;

/// Numbers for one problem, drawn from its sizes.
struct Drawn {
    sizes: Sizes,
    stream: Stream,
    words: Vec<u32>,
    starts: Vec<u32>,
    first_numbers: Vec<u64>,
    rates: Vec<f32>,
    noise: NegativeSampler,
    w_in: Vec<f32>,
    w_out: Vec<f32>,
}

impl Drawn {
    fn new(sizes: Sizes, lengths: &[usize]) -> Self {
        let mut draws = Stream::new(11, "neg-sampling test").at(sizes.width as u64);
        let ids = |n: usize, draws: &mut Sequence| -> Vec<u32> {
            (0..n).map(|_| draws.below(sizes.ids as u32)).collect()
        };
        let words = ids(lengths.iter().sum(), &mut draws);
        let counts: Vec<u64> = (0..sizes.ids).map(|_| 1 + u64::from(draws.below(1000))).collect();
        let noise = NegativeSampler::new(&counts).unwrap();
        let mut starts = vec![0];
        for &length in lengths {
            starts.push(starts[starts.len() - 1] + length as u32);
        }
        // Running numbers that need more than 32 bits, and rates large enough to matter.
        let first_numbers = starts.iter().map(|&s| u64::from(s) + (7 << 32)).take(lengths.len());
        let first_numbers = first_numbers.collect();
        let rates = (0..lengths.len()).map(|_| draws.uniform_between(0.05, 0.2)).collect();
        let bound = 1.0 / (sizes.width as f32).sqrt();
        let mut table =
            || (0..sizes.values()).map(|_| draws.uniform_between(-bound, bound)).collect();
        let (w_in, w_out) = (table(), table());
        let stream = Stream::new(5, "pairs");
        Self { sizes, stream, words, starts, first_numbers, rates, noise, w_in, w_out }
    }

    fn problem(&self) -> Problem<'_> {
        let sentences = Sentences {
            words: &self.words,
            starts: &self.starts,
            first_numbers: &self.first_numbers,
            rates: &self.rates,
        };
        sentences.check(self.sizes.ids);
        Problem {
            sizes: self.sizes,
            noise: &self.noise,
            stream: self.stream,
            sentences,
            w_in: &self.w_in,
            w_out: &self.w_out,
        }
    }
}

/// What the sentences give in order.
struct Expected {
    w_in: Vec<f32>,
    w_out: Vec<f32>,
    trained: Vec<Trained>,
}

impl Expected {
    fn of(problem: &Problem<'_>) -> Self {
        let (mut w_in, mut w_out) = (problem.w_in.to_vec(), problem.w_out.to_vec());
        let trained = train_in_order(problem, &mut w_in, &mut w_out);
        Self { w_in, w_out, trained }
    }

    /// How far an outcome is from it; infinite where something is not a number.
    fn distance(&self, outcome: &Outcome) -> f64 {
        let wide = |table: &[f32]| table.iter().map(|&x| f64::from(x)).collect::<Vec<_>>();
        let losses: Vec<_> = self.trained.iter().map(|trained| trained.loss).collect();
        let pairs: Vec<_> = self.trained.iter().map(|trained| trained.pairs).collect();
        if pairs != outcome.pairs {
            return f64::INFINITY;
        }
        relative_difference(&wide(&self.w_in), &wide(&outcome.w_in))
            .max(relative_difference(&wide(&self.w_out), &wide(&outcome.w_out)))
            .max(relative_difference(&losses, &outcome.losses))
    }
}

/// The largest difference by the largest expected value.
fn relative_difference(expected: &[f64], found: &[f64]) -> f64 {
    let largest = expected.iter().fold(0.0f64, |largest, x| largest.max(x.abs()));
    let differences = expected.iter().zip(found).map(|(a, b)| (a - b).abs());
    let difference =
        differences.fold(0.0f64, |a, b| if b.is_nan() { f64::INFINITY } else { a.max(b) });
    if difference == 0.0 { 0.0 } else { difference / largest }
}

fn kernel() -> Option<HostKernel> {
    let kernel = HostKernel::build();
    if kernel.is_none() {
        println!("skipped: there is no C++ compiler");
    }
    kernel
}

#[test]
fn every_schedule_gives_what_the_sentences_give_in_order() {
    let Some(kernel) = kernel() else { return };
    let seeds: Vec<u32> = (0..8).collect();
    let mut largest = 0.0f64;
    for (width, ids, window, negatives) in [
        (1, 1, 1, 1),
        (1, 50, 5, 5),
        (7, 2, 5, 1),
        (7, 50, 1, 25),
        (33, 1, 5, 5),
        (33, 2, 1, 5),
        (33, 50, 5, 25),
        (100, 2, 5, 25),
        (100, 50, 5, 5),
        // More than a warp of negatives and of positions in the window.
        (7, 50, 20, 40),
        (200, 50, 5, 25),
    ] {
        let drawn = Drawn::new(Sizes { ids, width, window, negatives }, &[1, 23, 0, 2, 12]);
        let problem = drawn.problem();
        let expected = Expected::of(&problem);
        let outcomes = kernel.run(&problem, &seeds, None).unwrap();
        for (seed, outcome) in seeds.iter().zip(&outcomes) {
            let distance = expected.distance(outcome);
            let sizes = drawn.sizes;
            assert!(distance < TOLERANCE, "{distance:e} away in schedule {seed} of {sizes:?}");
            largest = largest.max(distance);
        }
    }
    println!("largest relative difference: {largest:.2e}");
}

#[test]
fn rows_wider_than_a_block_are_done_in_parts() {
    let Some(kernel) = kernel() else { return };
    let drawn = Drawn::new(Sizes { ids: 3, width: 601, window: 2, negatives: 3 }, &[5]);
    let problem = drawn.problem();
    let outcomes = kernel.run(&problem, &[0, 1], None).unwrap();
    let expected = Expected::of(&problem);
    for outcome in &outcomes {
        let distance = expected.distance(outcome);
        assert!(distance < TOLERANCE, "{distance:e}");
    }
}

#[test]
fn no_synchronisation_can_be_left_out() {
    let Some(kernel) = kernel() else { return };
    // Sizes with which both warps take part in everything: logits, columns, sums.
    let seeds: Vec<u32> = (1..=16).collect();
    let drawn = Drawn::new(Sizes { ids: 50, width: 47, window: 3, negatives: 12 }, &[12, 9, 10]);
    let problem = drawn.problem();
    let expected = Expected::of(&problem);
    let shows = |outcome: &Outcome| expected.distance(outcome) >= TOLERANCE;
    let n_sites = kernel.n_sites();
    assert!(n_sites > 0);
    for site in 0..n_sites {
        // Lanes that wait for others which never come show it as well.
        match kernel.run(&problem, &seeds, Some(site)) {
            Ok(outcomes) => {
                let n = outcomes.iter().filter(|outcome| shows(outcome)).count();
                println!("without synchronisation {site}: {n} of {} schedules differ", seeds.len());
                assert!(n > 0, "no schedule needs synchronisation {site} of the source");
            }
            Err(why) => println!("without synchronisation {site}: {why}"),
        }
    }
}
