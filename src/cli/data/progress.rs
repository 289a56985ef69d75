//! How a download goes on: a bar on a terminal, a few plain lines elsewhere.

use std::io::{IsTerminal, Write, stderr};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::data::fetch::Event;

/// Shows the events of a download on stderr.
pub(super) enum Progress {
    /// `--quiet`.
    Silent,
    /// A terminal.
    Bar(ProgressBar),
    /// A file or a pipe.
    Lines(Tenths),
}

impl Progress {
    pub(super) fn new(quiet: bool) -> Self {
        match (quiet, stderr().is_terminal()) {
            (true, _) => Self::Silent,
            (false, true) => Self::Bar(bar()),
            (false, false) => Self::Lines(Tenths::default()),
        }
    }

    pub(super) fn show(&mut self, event: Event<'_>) {
        match self {
            Self::Silent => {}
            Self::Bar(bar) => match event {
                Event::Bytes { done, total, .. } => advance(bar, done, total),
                event => bar.suspend(|| say(&words(event))),
            },
            Self::Lines(tenths) => match event {
                Event::Bytes { done, total, .. } => {
                    if let Some(line) = tenths.line(done, total) {
                        say(&line);
                    }
                }
                event => {
                    *tenths = Tenths::default();
                    say(&words(event));
                }
            },
        }
    }

    /// Takes the bar away.
    pub(super) fn finish(&self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}

/// Before anything has arrived; where the size is known; where it is not.
const TEMPLATES: [&str; 3] = [
    "{spinner} connecting",
    "{bar:30} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left",
    "{spinner} {bytes}, {bytes_per_sec}",
];

fn bar() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(10));
    bar.set_style(style(TEMPLATES[0]));
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

fn advance(bar: &ProgressBar, done: u64, total: Option<u64>) {
    // What can be shown changes with the source.
    if bar.length() != total || bar.position() == 0 {
        bar.set_style(style(TEMPLATES[if total.is_some() { 1 } else { 2 }]));
        match total {
            Some(total) => bar.set_length(total),
            None => bar.unset_length(),
        }
    }
    bar.set_position(done);
}

/// A template that does not parse (a test sees to it that each does) leaves the usual bar.
fn style(template: &str) -> ProgressStyle {
    let style = ProgressStyle::with_template(template);
    style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("##-")
}

/// A closed stderr is no reason to stop.
fn say(line: &str) {
    let _ = writeln!(stderr().lock(), "{line}");
}

fn words(event: Event<'_>) -> String {
    match event {
        Event::Source { address } => format!("from {address}"),
        Event::Retry { reason, .. } => format!("  trying again: {reason}"),
        Event::Failed { reason, .. } => format!("  given up: {reason}"),
        Event::Bytes { done, .. } => format!("  {} MB", done / MB),
    }
}

const MB: u64 = 1_000_000;

/// Thins the events of a download out to about ten lines.
#[derive(Debug, Default)]
pub(super) struct Tenths {
    shown: Option<u64>,
}

impl Tenths {
    /// A line where another tenth is done; where the total is unknown, at each doubling from
    /// 1 MB on. A download that starts anew is counted anew.
    fn line(&mut self, done: u64, total: Option<u64>) -> Option<String> {
        let reached = match total {
            Some(total) => (u128::from(done) * 10 / u128::from(total.max(1))) as u64,
            None => u64::from((done / MB).checked_ilog2()? + 1),
        };
        let last = self.shown.replace(reached);
        let first = last.is_none() && reached == 0;
        if first || last == Some(reached) {
            return None;
        }
        let megabytes = done as f64 / MB as f64;
        Some(match total {
            Some(total) => format!("  {megabytes:.1} of {:.1} MB", total as f64 / MB as f64),
            None => format!("  {megabytes:.1} MB"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_follows_the_download() {
        assert!(TEMPLATES.iter().all(|template| ProgressStyle::with_template(template).is_ok()));
        let bar = ProgressBar::hidden();
        advance(&bar, 0, Some(2048));
        advance(&bar, 1024, Some(2048));
        assert_eq!((bar.position(), bar.length()), (1024, Some(2048)));
        advance(&bar, 4096, None);
        assert_eq!((bar.position(), bar.length()), (4096, None));
    }

    #[test]
    fn a_download_takes_about_ten_lines() {
        for total in [10, 999, 34_869_662] {
            let mut tenths = Tenths::default();
            let events = (0..=1000).map(|i| total * i / 1000);
            let lines: Vec<_> = events.filter_map(|done| tenths.line(done, Some(total))).collect();
            assert!((5..=10).contains(&lines.len()), "{lines:?}");
        }
        let mut tenths = Tenths::default();
        let lines: Vec<_> = (0..5000).filter_map(|i| tenths.line(i * 10_000, None)).collect();
        assert_eq!(
            lines,
            ["  1.0 MB", "  2.0 MB", "  4.0 MB", "  8.0 MB", "  16.0 MB", "  32.0 MB"]
        );
    }

    #[test]
    fn a_download_that_starts_anew_is_shown_anew() {
        let mut tenths = Tenths::default();
        assert!(tenths.line(0, Some(100)).is_none());
        assert_eq!(tenths.line(2_000_000, Some(4_000_000)).unwrap(), "  2.0 of 4.0 MB");
        assert_eq!(tenths.line(0, Some(4_000_000)).unwrap(), "  0.0 of 4.0 MB");
        assert_eq!(tenths.line(4_000_000, Some(4_000_000)).unwrap(), "  4.0 of 4.0 MB");
    }
}
