//! What the program asks of the system that it runs on: files in memory, free memory and large
//! pages, threads, what belongs to the process, the words that it hands to a shell; and the words for
//! counts, which every module may need.

pub mod mapped;
pub mod memory;
pub mod process;
pub mod shell;
pub mod wording;

pub use tfm_ops::threads;
