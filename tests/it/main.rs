//! The program as a whole: each test runs the built `tfm` in an empty folder.

mod cli;
mod data;
mod dir;
mod revision;
