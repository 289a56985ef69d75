//! The moving averages of all parameters, with which the network is evaluated.

use anyhow::Result;

use super::ENTRY;
use super::config::Train;
use super::network::Network;
use crate::checkpoint::Checkpoint;
use crate::models::classify::Classifier;
use crate::models::weights;
use crate::nn::Parameter;
use crate::ops::Cpu;
use crate::ops::average::{AveragedDescent, decay_at};
use crate::ops::descent::descend_by;

/// A network whose parameters are the averages of another's.
#[derive(Debug)]
pub struct Averages(Network);

impl Averages {
    /// Averages that begin at the parameters of `network`, each named
    /// `average/<parameter>`.
    ///
    /// # Errors
    /// When Candle cannot make the tensors.
    pub fn of(network: &Network) -> Result<Self> {
        let mut averages = Network::new(network.classes(), 0)?;
        for (average, parameter) in averages.parameters_mut().into_iter().zip(network.parameters())
        {
            average.set(&parameter.values())?;
            average.rename(format!("average/{}", parameter.name()));
        }
        Ok(Self(averages))
    }

    /// The averages in a checkpoint.
    ///
    /// # Errors
    /// When one is missing or has another shape.
    pub fn load(classes: usize, checkpoint: &Checkpoint) -> Result<Self> {
        let averages = Self::of(&Network::new(classes, 0)?)?;
        weights::load(ENTRY.name, &averages.parameters(), checkpoint)?;
        Ok(averages)
    }

    /// The network of the averages.
    pub fn network(&mut self) -> &mut Network {
        &mut self.0
    }

    /// Gives the network of the averages away.
    pub fn into_network(self) -> Network {
        self.0
    }

    /// Every average, in the order of [`Network::parameters`].
    pub fn parameters(&self) -> [&Parameter; 10] {
        self.0.parameters()
    }

    /// One step of gradient descent on `network`, after which the averages follow.
    ///
    /// # Errors
    /// What Candle reports of the storage.
    pub fn descend(
        &self,
        cpu: &Cpu,
        train: &Train,
        network: &Network,
        rate: f32,
        step: u64,
    ) -> Result<()> {
        // The reference counts the step that was just done.
        let decay = decay_at(train.average_decay, step + 1);
        for (parameter, average) in network.parameters().into_iter().zip(self.parameters()) {
            let weight_decay = if Network::decays(parameter) { train.weight_decay } else { 0.0 };
            let rule = AveragedDescent { rate, weight_decay, decay };
            average.update(|averages, _| {
                parameter.update(|weights, gradient| {
                    descend_by(cpu, rule, weights, averages, gradient);
                })
            })??;
        }
        Ok(())
    }
}
