//! What the program asks of the system that it runs on: files in memory, free memory, threads,
//! signals, and the words that it exchanges with a shell.

pub mod mapped;
pub mod memory;
pub mod shell;
pub mod signals;
pub mod threads;
