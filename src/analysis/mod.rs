//! Many runs read back together: what each was, which are replicas of one experiment, and how they
//! compare.
//!
//! A [`RunSummary`] is what lists, reports and sweeps know of a run. [`index`] reads thousands of
//! them, the unchanged ones from a cache. [`Group`]s are runs that differ in their seed alone.

pub mod compare;
pub mod filter;
mod groups;
pub mod index;
mod objective;
pub mod statistics;
mod summary;
pub mod table;
mod wide;

pub use groups::{Group, groups, rank};
pub use objective::Objective;
pub use summary::{Best, RunSummary, last_lines, shown};
pub use wide::wide;
