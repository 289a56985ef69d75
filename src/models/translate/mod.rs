//! Translation.

pub mod network;

#[cfg(test)]
mod tests;
