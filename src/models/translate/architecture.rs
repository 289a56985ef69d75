//! One interface to the two kinds of networks.

use anyhow::Result;

use super::bidirectional::Bidirectional;
use super::config::{Network, TranslateConfig};
use super::unidirectional::Unidirectional;
use crate::nn::graph::Initial;
use crate::nn::{Graph, Output};

/// A network of either kind.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Architecture {
    /// The reference's.
    Unidirectional(Unidirectional),
    /// The bidirectional one.
    Bidirectional(Bidirectional),
}

/// The losses (steps · batch) of a network, each times its weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Losses {
    /// Those of the full softmax.
    pub exact: Output,
    /// Those that training takes: of the sampled softmax, or with label smoothing.
    pub trained: Output,
}

impl Architecture {
    /// The width of the zero context fed to the first step of the decoder; none if it takes no context.
    pub fn context(&self) -> Option<usize> {
        match self {
            Self::Unidirectional(network) => Some(network.hidden_size),
            Self::Bidirectional(_) => None,
        }
    }

    /// The network of `steps` positions of the target, for training and for losses. What it is fed
    /// differs: see both kinds.
    ///
    /// # Errors
    /// A layer that does not fit its input.
    pub fn unrolled(&self, steps: usize) -> Result<(Graph, Losses)> {
        match self {
            Self::Unidirectional(network) => network.unrolled(steps),
            Self::Bidirectional(network) => network.unrolled(steps),
        }
    }

    /// Only the encoder.
    ///
    /// # Errors
    /// As [`Architecture::unrolled`].
    pub fn encoding(&self) -> Result<(Graph, Vec<Output>)> {
        match self {
            Self::Unidirectional(network) => network.encoding(),
            Self::Bidirectional(network) => network.encoding(),
        }
    }

    /// One step of the decoder.
    ///
    /// # Errors
    /// As [`Architecture::unrolled`].
    pub fn decoding(&self) -> Result<(Graph, Vec<Output>)> {
        match self {
            Self::Unidirectional(network) => network.decoding(),
            Self::Bidirectional(network) => network.decoding(),
        }
    }
}

/// The network of a config for vocabularies of these sizes, source and target.
pub(super) fn architecture(config: &TranslateConfig, vocabularies: [usize; 2]) -> Architecture {
    let Network { cell, hidden_size, num_layers, num_samples, init, .. } = &config.network;
    if config.is_bidirectional() {
        return Architecture::Bidirectional(Bidirectional {
            vocabularies,
            embedding_size: config.network.embedding_size,
            hidden_size: *hidden_size,
            keep: 1.0 - config.network.dropout,
            smoothing: config.train.label_smoothing,
            tied: config.network.tie_embeddings,
        });
    }
    Architecture::Unidirectional(Unidirectional {
        vocabularies,
        cell: *cell,
        hidden_size: *hidden_size,
        num_layers: *num_layers,
        num_samples: *num_samples,
        initial: if init == "tf-0.12" { Initial::UnitScaling } else { Initial::GlorotUniform },
    })
}
