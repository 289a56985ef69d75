//! What the program asks of the system that it runs on: files in memory, free memory and large
//! pages, threads, what belongs to the process, and the words that it hands to a shell.

pub mod mapped;
pub mod memory;
pub mod process;
pub mod shell;

pub use tfm_ops::threads;
