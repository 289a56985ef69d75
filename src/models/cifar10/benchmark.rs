//! What `tfm bench` needs of the CIFAR-10 model.

use std::sync::Arc;

use anyhow::Result;

use super::config::Cifar10Config;
use super::experiment::Cifar10;
use super::network::Network;
use super::pictures::Pictures;
use crate::data::cifar10::{CLASS_NAMES, CLASSES, IMAGE_BYTES, Images};
use crate::models::plain::compare_convolution;
use crate::models::verbs::bench::Benchmark;
use crate::ops::Cpu;
use crate::rng::Stream;

/// Batches of random pictures.
const BATCHES: usize = 20;

impl Benchmark for Cifar10 {
    fn compare(cpu: &Cpu) -> Result<()> {
        let [first, second] = Network::new(CLASSES, 1)?.convolutions(2);
        compare_convolution(cpu, "conv1", first)?;
        compare_convolution(cpu, "conv2", second)
    }

    fn random_data(config: &Cifar10Config) -> Result<Pictures> {
        let mut numbers = Stream::new(config.seed, "bench").at(0);
        let mut images = Images::default();
        let mut image = [0; IMAGE_BYTES];
        for i in 0..BATCHES * config.train.batch_size {
            image.fill_with(|| numbers.word() as u8);
            images.push((i % CLASSES) as u8, &image);
        }
        let train = Arc::new(images);
        let classes = CLASS_NAMES.map(String::from).to_vec();
        Ok(Pictures { test: Arc::clone(&train), train, classes })
    }

    /// Forward once, backward twice; the images have no gradient.
    fn operations(_: &Cifar10Config, pictures: &Pictures) -> f64 {
        Network::new(pictures.classes.len(), 1).map_or(f64::NAN, |network| network.operations())
    }
}
