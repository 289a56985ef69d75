//! What the program asks of the system that it runs on: files in memory, free memory and large
//! pages, threads, what belongs to the process, and the words that it hands to a shell.

#[allow(unsafe_code)]
pub mod mapped;
#[allow(unsafe_code)]
pub mod memory;
#[allow(unsafe_code)]
pub mod process;
pub mod shell;
pub mod threads;
