//! What a person sees of a run: a bar on a terminal, plain lines elsewhere.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::Task;

/// Steps a second beyond this are not drawn.
const REFRESH_HZ: u8 = 5;

/// Epoch, bar, step, numbers, time left.
const TEMPLATE: &str = "{prefix} [{bar:25}] {pos}/{len} {msg}, {eta} left in the epoch";

/// The console of a run. Lines go through `tracing`, so that the log has them too.
#[derive(Debug)]
pub struct Display {
    bar: Option<ProgressBar>,
}

impl Display {
    /// A bar where standard error is a terminal and the user is not `quiet`.
    pub fn new(quiet: bool) -> Self {
        let bar = (!quiet && std::io::stderr().is_terminal()).then(|| {
            let target = ProgressDrawTarget::stderr_with_hz(REFRESH_HZ);
            let bar = ProgressBar::with_draw_target(None, target);
            bar.set_style(style());
            bar.enable_steady_tick(Duration::from_secs(1));
            bar
        });
        Self { bar }
    }

    /// Says a line, above the bar where there is one.
    pub fn line(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| tracing::info!("{line}")),
            None => tracing::info!("{line}"),
        }
    }

    /// A line of progress: the bar shows it already, the log and other consoles do not.
    pub fn progress_line(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| tracing::debug!("{line}")),
            None => tracing::info!("{line}"),
        }
    }

    /// Moves the bar to `done` of `steps` of an epoch, counted from 0.
    pub fn step<T: Task>(&self, epoch: u64, done: u64, steps: u64, task: &T, rate: f64) {
        let Some(bar) = &self.bar else { return };
        if done == 1 || bar.length() != Some(steps) {
            bar.reset_eta();
            bar.set_length(steps);
            bar.set_prefix(format!("Epoch {}", epoch + 1));
        }
        bar.set_position(done);
        let numbers: Vec<String> =
            task.progress().iter().map(|(name, value)| format!("{name} {value:.3}")).collect();
        let unit = task.items_per_step().0;
        bar.set_message(format!("{}, {rate:.0} {unit}/s", numbers.join(", ")));
    }

    /// Takes the bar away.
    pub fn close(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        self.close();
    }
}

fn style() -> ProgressStyle {
    // The template is fixed and tested; the default is for the compiler.
    ProgressStyle::with_template(TEMPLATE)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_is_valid() {
        assert!(ProgressStyle::with_template(TEMPLATE).is_ok());
    }
}
