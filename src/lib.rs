//! tfm trains, evaluates, benchmarks and uses the classic deep-learning models.
//!
//! `configs/x.toml → config → data → model → train → checkpoint + metrics`, one way. The verbs
//! sit on top, the fused operators below.
//!
//! | layer | module | may import |
//! |---|---|---|
//! | 4 | [`cli`] | everything below |
//! | 3 | [`models`] | [`train`], [`nn`], [`ops`] and layer 0; never `cli`, never a sibling model |
//! | 2 | [`train`] | layer 0; never a model |
//! | 1 | [`nn`] | [`ops`], [`rng`] |
//! | 0 | [`ops`], [`data`], [`checkpoint`], [`metrics`], [`config`], [`run`], [`rng`], `atomic`, [`version`] | external crates; any of them `atomic`, `data` and `ops` also `rng` |
#![warn(missing_docs)]

mod atomic;
pub mod checkpoint;
pub mod cli;
pub mod config;
pub mod data;
pub mod metrics;
pub mod models;
pub mod nn;
pub mod ops;
pub mod rng;
pub mod run;
pub mod train;
pub mod version;
