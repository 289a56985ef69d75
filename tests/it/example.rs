//! The network of `examples/residual.rs` for a few steps.

use tempfile::tempdir;
use tfm::checkpoint::{Selector, open};
use tfm::data::Split;
use tfm::nn::plan::Plan;
use tfm::nn::{Feed, Mode, Parameter};
use tfm::ops::{Cpu, Isa};

#[allow(dead_code, reason = "its main trains for a minute; `run` is what it does")]
#[path = "../../examples/residual.rs"]
mod residual;

use residual::{BATCH, Training, batch};

fn cpu() -> Cpu {
    Cpu::new(Isa::from_environment().unwrap(), 2).unwrap()
}

fn values(of: &[&Parameter]) -> Vec<(String, Vec<f32>)> {
    of.iter().map(|parameter| (parameter.name().to_string(), parameter.values().to_vec())).collect()
}

#[test]
fn the_example_runs_to_its_end() {
    residual::run(&tempdir().unwrap().path().join("new"), 4, 2).unwrap();
}

#[test]
fn trains_and_goes_on_from_a_checkpoint_to_the_bit() {
    let (cpu, folder) = (cpu(), tempdir().unwrap());
    let mut whole = Training::new(1).unwrap();
    let first = whole.train(&cpu, 15).unwrap();
    whole.save(folder.path()).unwrap();
    let last = whole.train(&cpu, 15).unwrap();
    assert!(last < first, "the loss goes from {first} to {last}");

    let mut resumed = Training::new(2).unwrap();
    assert_ne!(values(&resumed.state()), values(&whole.state()));
    resumed.load(folder.path(), Selector::Last).unwrap();
    resumed.train(&cpu, 15).unwrap();
    assert_eq!(values(&resumed.state()), values(&whole.state()));
}

#[test]
fn moving_statistics_move_and_are_saved() {
    let (cpu, folder) = (cpu(), tempdir().unwrap());
    let mut training = Training::new(1).unwrap();
    let before = values(&training.state());
    training.train(&cpu, 2).unwrap();
    training.save(folder.path()).unwrap();
    let saved = open(folder.path(), Selector::Step(2)).unwrap();
    let mut statistics = 0;
    for (parameter, (name, before)) in training.state().into_iter().zip(before) {
        if parameter.statistic_momentum().is_some() {
            assert!(
                parameter.values().iter().zip(&before).all(|(now, then)| now != then),
                "{name}"
            );
            let bytes: Vec<u8> = parameter.values().iter().flat_map(|v| v.to_le_bytes()).collect();
            assert_eq!(saved.tensor(&name).unwrap().data(), bytes, "{name}");
            statistics += 1;
        }
    }
    // A mean and a variance for the stem, six convolutions and two shortcuts.
    assert_eq!(statistics, 2 * 9);
}

#[test]
fn its_table_names_every_layer() {
    let training = Training::new(1).unwrap();
    let layers = training.network.graph().layers(BATCH, 1);
    let row = |name: &str| {
        let layer = layers.iter().find(|layer| layer.name == name).unwrap();
        (&layer.operator[..], &layer.output[..], layer.parameters)
    };
    assert_eq!(row("stem"), ("conv2d", &[BATCH, 16, 16, 32][..], 5 * 5 * 3 * 32));
    assert_eq!(row("stem/norm"), ("batch_norm", &[BATCH, 16, 16, 32][..], 4 * 32));
    assert_eq!(row("block2/shortcut"), ("conv2d", &[BATCH, 8, 8, 64][..], 32 * 64));
    assert_eq!(row("add3"), ("add", &[BATCH, 4, 4, 128][..], 0));
    assert_eq!(row("logits"), ("linear", &[BATCH, 10][..], 128 * 10 + 10));
}

#[test]
fn inference_folds_the_normalisations_into_the_filters() {
    let cpu = cpu();
    let mut training = Training::new(1).unwrap();
    training.train(&cpu, 3).unwrap();
    let network = &mut training.network;
    let logits = network.graph().find("logits").unwrap();
    let plan = Plan::of(network.graph(), Mode::Inference, logits, [BATCH, 1]).unwrap();
    let nodes = plan.forward_nodes();
    assert!(nodes.iter().all(|(_, operator)| operator != "batch_norm"), "{nodes:?}");

    // The plain computation has every normalisation as a node of its own.
    let (images, labels) = batch(Split::Test, 0);
    let (images, count) = (&images[..images.len() / BATCH * 4], 4);
    let feed = || Feed::images(count, images, &labels[..count]);
    let want = network.reference(logits, &feed()).unwrap();
    let got = network.run(&cpu, Mode::Inference, logits, feed()).unwrap();
    let largest = want.iter().fold(0.0f64, |largest, want| largest.max(want.abs()));
    for (got, want) in got.iter().zip(&want) {
        assert!((f64::from(*got) - want).abs() <= 1e-5 * largest, "{got} and {want}");
    }
}
