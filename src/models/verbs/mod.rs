//! Verbs that models share: those that need nothing of a model but its run folder, and those
//! that need an [`Experiment`](super::experiment::Experiment). A model takes them over by a
//! line each in its list of verbs.

pub mod bench;
pub mod layers;
pub mod plot;
mod report;
pub mod train;
pub mod verify;

pub(crate) use report::last_metrics;
