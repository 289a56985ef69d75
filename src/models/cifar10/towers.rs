//! Towers: equal parts of a batch, each on a group of threads of its own, with their gradients
//! averaged before every update, as the reference's multi-GPU training does.

use std::thread;

use anyhow::{Result, bail};

use super::network::Network;
use crate::data::augment::CROP_VALUES;
use crate::ops::{Cpu, norm, sgd};

/// A network and its replicas.
pub struct Towers<'a> {
    cpu: &'a Cpu,
    network: Network,
    replicas: Vec<Tower>,
}

/// A replica and its threads.
struct Tower {
    cpu: Cpu,
    network: Network,
}

impl<'a> Towers<'a> {
    /// `count` towers on the threads of `cpu`; one alone has all of them.
    ///
    /// # Errors
    /// When the threads cannot be started.
    pub fn new(cpu: &'a Cpu, count: usize, network: Network) -> Result<Self> {
        let threads = (cpu.threads() / count).max(1);
        let tower = |_| {
            let cpu = Cpu::new(cpu.isa(), threads)?;
            Ok(Tower { cpu, network: network.replica() })
        };
        let several = if count > 1 { count } else { 0 };
        let replicas = (0..several).map(tower).collect::<Result<_>>()?;
        Ok(Self { cpu, network, replicas })
    }

    /// The network whose parameters all towers share, with the gradients of the last batch.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// As [`Towers::network`], to be used.
    pub fn network_mut(&mut self) -> &mut Network {
        &mut self.network
    }

    /// The mean cross-entropy of a batch of images (batch, 24, 24, 3), and its gradients in
    /// the network's parameters.
    pub fn gradients(&mut self, images: &[f32], labels: &[u32]) -> f64 {
        let scale = 1.0 / labels.len() as f32;
        let sum = match self.replicas.len() {
            0 => sum(self.network.gradients(self.cpu, images, labels, scale)),
            count => self.in_towers(images, labels, scale, labels.len() / count),
        };
        sum / labels.len() as f64
    }

    /// Every tower takes its part of the batch at the same time; the parts' gradients are
    /// added in the towers' order.
    fn in_towers(&mut self, images: &[f32], labels: &[u32], scale: f32, part: usize) -> f64 {
        let parts = images.chunks(part * CROP_VALUES).zip(labels.chunks(part));
        let losses: Vec<f64> = thread::scope(|scope| {
            let towers = self.replicas.iter_mut().zip(parts).map(|(tower, (images, labels))| {
                scope.spawn(move || sum(tower.network.gradients(&tower.cpu, images, labels, scale)))
            });
            let towers: Vec<_> = towers.collect();
            // A panic in a tower is one here.
            towers.into_iter().map(|tower| tower.join().unwrap_or(f64::NAN)).collect()
        });
        for (i, parameter) in self.network.parameters_mut().into_iter().enumerate() {
            let len = parameter.len();
            let total = parameter.gradient.at_least(len);
            for (tower, replica) in self.replicas.iter().enumerate() {
                let own = &replica.network.parameters()[i].gradient[..len];
                match tower {
                    0 => total.copy_from_slice(own),
                    _ => sgd::descend(self.cpu, total, own, 1.0, -1.0),
                }
            }
        }
        losses.iter().sum()
    }

    /// Holds all gradients to finite values.
    ///
    /// # Errors
    /// The first parameter with another one.
    pub fn check_gradients(&self) -> Result<()> {
        for parameter in self.network.parameters() {
            if !norm::sum_of_squares(self.cpu, &parameter.gradient).is_finite() {
                bail!("the gradient of {} is not finite", parameter.name());
            }
        }
        Ok(())
    }
}

fn sum(losses: &[f32]) -> f64 {
    losses.iter().copied().map(f64::from).sum()
}
