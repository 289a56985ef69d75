//! SIGINT and SIGTERM: the first asks the loop to save and stop, the second stops at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};

/// The exit code of a run that a signal has stopped.
pub const EXIT_CODE: u8 = 130;

/// Whether somebody has asked the run to stop.
#[derive(Clone, Debug, Default)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// One that signals to this process set. To be called once a process.
    ///
    /// # Errors
    /// When the system refuses the signal handler.
    pub fn on_signals() -> Result<Self> {
        let interrupt = Self::default();
        let requested = interrupt.clone();
        ctrlc::set_handler(move || {
            if requested.0.swap(true, Ordering::SeqCst) {
                eprintln!("stopped at once; the last checkpoint stays");
                std::process::exit(EXIT_CODE.into());
            }
            eprintln!("finishing this step and saving; once more stops at once");
        })
        .context("cannot watch for signals")?;
        Ok(interrupt)
    }

    /// Whether the run is to stop.
    pub fn requested(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    /// Asks the run to stop, as a signal does.
    pub fn request(&self) {
        self.0.store(true, Ordering::SeqCst);
    }
}
