//! The result that the kernel is held to: that of the engine on the CPU, in order.

use super::host::Problem;
use crate::skipgram::cuda::Trained;
use crate::skipgram::{Engine, Sentence, Skipgram, Updates};
use crate::{Cpu, Isa};

/// Trains windows sentence after sentence, and returns what each has done.
pub(super) fn train_in_order(
    problem: &Problem<'_>,
    w_in: &mut [f32],
    w_out: &mut [f32],
) -> Vec<Trained> {
    let Problem { sizes, noise, stream, sentences, .. } = *problem;
    let cpu = Cpu::new(Isa::from_environment().unwrap(), 1).unwrap();
    let engine = Engine::SharedNegatives;
    let (window, negatives) = (sizes.window, sizes.negatives);
    let skipgram = Skipgram { window, negatives, noise, shares: &[], stream, engine };
    let train = |s: usize| {
        let words = sentences.starts[s] as usize..sentences.starts[s + 1] as usize;
        let (first, rate) = (sentences.first_numbers[s], sentences.rates[s]);
        let one = [Sentence { words, first, rate }];
        let (words, order) = (sentences.words, Updates::Sequential);
        let loss = skipgram.train(&cpu, w_in, w_out, sizes.width, words, &one, order);
        Trained { loss: loss.sum, pairs: loss.pairs }
    };
    (0..sentences.len()).map(train).collect()
}
