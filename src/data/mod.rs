//! Texts, tokenizers, vocabularies and batches; images and their distortions; downloads; frozen
//! graphs of TensorFlow; synthetic images and text.

pub mod analogies;
pub mod augment;
pub mod batches;
pub mod cifar10;
pub mod corpus;
pub mod fetch;
mod formats;
pub mod grammar;
pub mod graphdef;
pub mod input;
pub mod jpeg;
mod labelled;
mod locate;
pub mod mnist;
pub mod parallel;
pub mod photo;
pub mod prefetch;
pub mod shuffle;
mod split;
pub mod synthetic;
pub mod synthetic_pairs;
pub mod tokenizer;
pub mod vocabulary;
pub mod words;

pub use labelled::Labelled;
pub use locate::locate;
pub use locate::{Missing, is_missing, reworded};
pub use split::Split;
