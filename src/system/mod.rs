//! What the program asks of the system that it runs on: files in memory, threads, signals, and the
//! words that it exchanges with a shell.

pub mod mapped;
pub mod shell;
pub mod signals;
pub mod threads;
