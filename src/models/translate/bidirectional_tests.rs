//! The bidirectional network: masks, gradients, and that it learns.

use super::architecture::Architecture;
use super::batch::Batch;
use super::beam::Search;
use super::bidirectional::Bidirectional;
use super::decode::Translator;
use super::model::TranslationModel;
use crate::data::parallel::{PreparedPairs, TokenBatch};
use crate::data::tokenizer::EOS;
use crate::nn::optimizer::{Optimizer, OptimizerConfig, Settings};
use crate::nn::{Feed, Mode};
use crate::ops::{Cpu, Isa};
use crate::train::ShutdownFlag;

fn architecture(tied: bool) -> Architecture {
    Architecture::Bidirectional(Bidirectional {
        vocabularies: [12; 2],
        embedding_size: 5,
        hidden_size: 6,
        keep: 1.0,
        smoothing: 0.1,
        tied,
    })
}

fn pairs() -> PreparedPairs {
    let of = |source: &[u32], target: &[u32]| [source.to_vec(), target.to_vec()];
    PreparedPairs::of_ids(&[
        of(&[5, 4, 9], &[7, 8]),
        of(&[11], &[4, 5, 6, 7, 10]),
        of(&[6, 6, 8, 4, 10], &[9]),
    ])
    .unwrap()
}

fn batch(chosen: &[u32]) -> TokenBatch {
    let mut batch = TokenBatch::default();
    batch.fill(&pairs(), chosen);
    batch
}

#[test]
fn the_losses_of_a_pair_do_not_depend_on_the_padding() {
    for tied in [false, true] {
        let mut model = TranslationModel::new(architecture(tied), 3, 1).unwrap();
        let cpu = Cpu::new(Isa::Portable, 1).unwrap();
        let mut losses = |chosen: &[u32]| {
            let batch = batch(chosen);
            model.losses(&cpu, &Batch::from(&batch)).unwrap().to_vec()
        };
        let together = losses(&[0, 1, 2]);
        for pair in 0..3 {
            let alone = losses(&[pair]);
            for (step, loss) in alone.iter().enumerate() {
                let other = together[step * 3 + pair as usize];
                assert!((loss - other).abs() < 1e-6, "{pair} {step}: {loss} and {other}");
            }
        }
    }
}

/// The whole network by its graph: the gradient of tied vectors is that of all their uses.
#[test]
fn gradients_equal_finite_differences() {
    for tied in [false, true] {
        let (graph, losses) = architecture(tied).unrolled(1).unwrap();
        let mut network = crate::nn::Network::new(graph, 5).unwrap();
        let cpu = Cpu::new(Isa::Portable, 1).unwrap();
        let batch = batch(&[0, 1, 2]);
        let batch = Batch::from(&batch);
        let weights = batch.training_weights();
        let feed = || Feed {
            batch: 3,
            inputs: vec![&weights],
            ids: vec![batch.source, batch.decoder, batch.targets, batch.lengths],
            states: &mut [],
        };
        let mode = Mode::Gradients { step: 0, scale: 1.0 };
        network.run(&cpu, mode, losses.trained, feed()).unwrap();
        let gradients: Vec<Vec<f32>> = network
            .gradients()
            .iter()
            .zip(network.parameters())
            .map(|(gradient, parameter)| gradient.in_a_table(parameter.len()))
            .collect();
        let loss = || network.reference(losses.trained, &feed()).unwrap().iter().sum::<f64>();
        for (i, gradient) in gradients.iter().enumerate() {
            for place in (0..gradient.len()).step_by(7) {
                let parameter = network.parameters()[i].replica();
                let before = parameter.values().to_vec();
                let at = |moved: f32| {
                    let mut values = before.clone();
                    values[place] += moved;
                    parameter.set(&values).unwrap();
                    loss()
                };
                let slope = (at(4e-3) - at(-4e-3)) / 8e-3;
                parameter.set(&before).unwrap();
                let name = parameter.name();
                let got = f64::from(gradient[place]);
                assert!((slope - got).abs() < 2e-4, "{name} {place}: {slope} and {got}");
            }
        }
    }
}

#[test]
fn training_learns_the_pairs_by_heart() {
    let mut model = TranslationModel::new(architecture(true), 3, 1).unwrap();
    let cpu = Cpu::new(Isa::Portable, 1).unwrap();
    let config = OptimizerConfig { name: crate::nn::optimizer::Method::Adam, ..Default::default() };
    let mut optimizer =
        Optimizer::new(&config, Settings::default(), model.network().parameters()).unwrap();
    let batch = batch(&[0, 1, 2]);
    let batch = Batch::from(&batch);
    for step in 0..150 {
        model.step(&cpu, &batch, &mut optimizer, 0.02, step).unwrap();
    }
    let losses = model.losses(&cpu, &batch).unwrap();
    assert!(losses.iter().all(|loss| *loss < 0.2), "{losses:?}");
}

#[test]
fn a_translation_does_not_depend_on_those_beside_it() {
    let model = TranslationModel::new(architecture(true), 3, 1).unwrap();
    // No translation ends before it must.
    let biases = model.network().parameters().iter().find(|one| one.name() == "projection/biases");
    let mut values = [0.0; 12];
    values[EOS as usize] = -20.0;
    biases.unwrap().set(&values).unwrap();
    let mut translator = Translator::new(model.architecture(), model.network(), &[]).unwrap();
    let (cpu, never) = (Cpu::new(Isa::Portable, 1).unwrap(), ShutdownFlag::default());
    let sentences = [1, 9, 3].map(|words| (0..words).map(|i| 4 + i * i % 8).collect::<Vec<u32>>());
    for beam in [1, 3] {
        let search = Search { beam, ..Search::GREEDY };
        let mut translate = |sentences: &[Vec<u32>]| {
            translator.translate_all(&cpu, sentences, search, &never).unwrap().unwrap()
        };
        let together = translate(&sentences);
        for (sentence, together) in sentences.iter().zip(together) {
            let alone = translate(std::slice::from_ref(sentence)).remove(0);
            assert_eq!(alone[0].words, together[0].words);
            let most = 2 * sentence.len() + 11;
            assert!(together.iter().all(|found| found.words.len() == most), "{together:?}");
        }
    }
}
