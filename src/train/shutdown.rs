//! SIGINT, SIGTERM and SIGHUP: the first asks for a clean stop, the second stops at once.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::system::process;

use crate::console::{self, Stderr};

/// The exit code of a run that a signal has stopped.
pub const EXIT_CODE: u8 = 130;

/// A signal so soon after the first is the same wish: programs such as `timeout` signal a
/// process and then its group, and with it the process again.
const SAME_WISH: Duration = Duration::from_millis(50);

/// Whether somebody has asked the run to stop.
#[derive(Clone, Debug, Default)]
pub struct ShutdownFlag(Arc<AtomicBool>);

impl ShutdownFlag {
    /// A flag that the process's signals set. `says` are the messages at the first and the second
    /// signal. Call it once per process.
    ///
    /// # Errors
    /// When the system refuses the signal handler.
    pub fn on_signals(says: [&'static str; 2]) -> Result<Self> {
        let shutdown = Self::default();
        let requested = shutdown.clone();
        let mut first: Option<Instant> = None;
        process::on_stop(move || match first {
            None => {
                first = Some(Instant::now());
                requested.request();
                say(&format!("{}; interrupt again to stop at once", says[0]));
            }
            Some(first) if first.elapsed() < SAME_WISH => {}
            Some(_) => {
                console::clear();
                say(says[1]);
                std::process::exit(EXIT_CODE.into());
            }
        })?;
        Ok(shutdown)
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

/// Ctrl-C has often ended whoever reads standard error: that must not end the run unsaved.
fn say(message: &str) {
    let _ = Stderr.write_all(format!("{message}\n").as_bytes());
}
