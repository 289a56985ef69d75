//! Texts, vocabularies and batches; downloads; text made by a grammar.

pub mod batches;
pub mod fetch;
pub mod grammar;
pub mod vocabulary;
pub mod words;
