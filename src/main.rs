//! The program `tfm`: everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    tfm::cli::prepare();
    match tfm::cli::run(std::env::args_os()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => tfm::cli::fail(&error),
    }
}
