//! Learns the user's own classes on top of a frozen graph, as TensorFlow's `retrain.py` of 2016 does:
//! what the graph's last layer reads (its features, there "bottlenecks") is computed once for each
//! picture, and a softmax layer is trained on it.
//!
//! ```text
//! folder → Listing           listing.rs     classes, files, contents
//! graph + Listing → Features features.rs    computed, or from before (cache.rs)
//! Features → FeatureDataset  dataset.rs     three parts, by the names of the files (division.rs)
//! FeatureDataset → Task      task.rs        the last layer in training
//! run → frozen graph         frozen.rs      for TensorFlow, with the new last layer
//! ```

mod cache;
mod config;
mod dataset;
mod division;
mod experiment;
mod features;
mod frozen;
mod listing;
mod task;

pub use config::InceptionConfig;
pub use dataset::FeatureDataset;
pub use experiment::Inception;
pub use features::{features_of, graph_checksum};
pub use frozen::{LastLayer, OUTPUT, with_last_layer};
pub use listing::class_folders;
