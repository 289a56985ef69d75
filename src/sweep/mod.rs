//! Sweeps: a model trained with many settings, each an ordinary run in a process of its own.
//!
//! ```text
//! sweeps/rates-20261122-171500/
//!   sweep.toml       what the sweep is, as it was given
//!   sweep.json       the same, its points with their numbers, and how it was begun; named last
//!   config/x.toml    the config, where that was a file
//!   points/0001/     the run of point 1
//!   claims/0001      locked by whoever trains point 1
//!   logs/0001.txt    what its processes have said
//!   logs/0001.failed why it failed, where it has
//!   decisions.jsonl  what a rule of early stopping has decided
//! ```
//!
//! There is no server and no database: any number of processes, on one machine or on several that
//! share the folder, take points by locking their claims. A lock ends with the processes that hold
//! it, so that [`Sweep::open`] finds a consistent state whatever was killed.

mod axis;
mod begin;
mod claim;
mod cost;
mod failure;
mod folder;
mod plan;
mod points;
mod progress;
mod rule;
mod scheduler;
pub mod slurm;
mod spec;
mod worker;

pub use begin::Begin;
pub use cost::Cost;
pub use failure::Failure;
pub use folder::{ROOT, Sweep, is_sweep};
pub use plan::Plan;
pub use points::{SweepPoint, check, find, points};
pub use rule::{Rule, StopRule};
pub use scheduler::{Outcome, run};
pub use spec::{Random, Spec, SweepFile, check_name};
