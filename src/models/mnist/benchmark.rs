//! What `tfm bench` needs of the MNIST model.

use anyhow::Result;

use super::config::MnistConfig;
use super::digits::Digits;
use super::experiment::Mnist;
use super::network::Network;
use crate::models::plain::compare_convolution;
use crate::models::verbs::bench::Benchmark;
use crate::ops::Cpu;

impl Benchmark for Mnist {
    fn compare(cpu: &Cpu) -> Result<()> {
        let [first, second] = Network::new(1)?.convolutions(2);
        compare_convolution(cpu, "conv1", first)?;
        compare_convolution(cpu, "conv2", second)
    }

    fn random_data(config: &MnistConfig) -> Result<Digits> {
        Digits::fake(config)
    }

    /// Forward once, backward twice; the images have no gradient.
    fn operations(_: &MnistConfig, _: &Digits) -> f64 {
        Network::new(1).map_or(f64::NAN, |network| network.operations())
    }
}
