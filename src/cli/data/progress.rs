//! The progress of a download: a bar on a terminal, a few plain lines elsewhere.

use std::io::Write;
use std::time::{Duration, Instant};

use crate::console;
use crate::data::fetch::Event;

/// Shows the events of a download on stderr.
pub(super) struct Progress {
    quiet: bool,
    tenths: Tenths,
    /// When the bytes of this source began to come, and how many were there already.
    began: Option<(Instant, u64)>,
}

impl Progress {
    pub(super) fn new(quiet: bool) -> Self {
        Self { quiet, tenths: Tenths::default(), began: None }
    }

    pub(super) fn show(&mut self, event: Event<'_>) {
        match event {
            _ if self.quiet => {}
            Event::Bytes { done, total, .. } if console::is_enabled() => {
                let (start, first) = *self.began.get_or_insert((Instant::now(), done));
                let rate =
                    (done - first.min(done)) as f64 / start.elapsed().as_secs_f64().max(1e-3);
                console::status(|width| status(done, total, rate, width));
            }
            Event::Unpacked { done, total } => console::progress("unpacking", done, total),
            Event::Bytes { done, total, .. } => {
                if let Some(line) = self.tenths.line(done, total) {
                    say(&line);
                }
            }
            event => {
                (self.tenths, self.began) = (Tenths::default(), None);
                say(&words(event));
            }
        }
    }
}

/// The status line of a download at `rate` bytes a second.
fn status(done: u64, total: Option<u64>, rate: f64, width: usize) -> String {
    let megabytes = |bytes: f64| format!("{:.1} MB", bytes / MB as f64);
    let (have, rate_in_words) = (megabytes(done as f64), megabytes(rate) + "/s");
    let Some(total) = total else { return format!("{have}, {rate_in_words}") };
    let left = (total - done.min(total)) as f64 / rate.max(1.0);
    let left = Duration::try_from_secs_f64(left).unwrap_or_default();
    let parts = [format!("{} left", console::duration(left)), rate_in_words];
    let head = format!("{have} of {}", megabytes(total as f64));
    console::fit(&head, done as f64 / total.max(1) as f64, &parts, width)
}

/// A closed stderr does not stop the download.
fn say(line: &str) {
    let _ = console::Stderr.write_all(format!("{line}\n").as_bytes());
}

fn words(event: Event<'_>) -> String {
    match event {
        Event::Source { address } => format!("from {address}"),
        Event::Retry { reason, .. } => format!("  trying again: {reason}"),
        Event::Failed { reason, .. } => format!("  gave up: {reason}"),
        Event::Bytes { done, .. } | Event::Unpacked { done, .. } => format!("  {} MB", done / MB),
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
    fn the_status_line_fits_and_says_what_is_known() {
        let line = status(10 * MB, Some(35 * MB), 5e6, 79);
        assert!(line.starts_with("10.0 MB of 35.0 MB  28% [") && line.chars().count() <= 79);
        assert!(line.ends_with("] 5s left, 5.0 MB/s"), "{line}");
        assert_eq!(status(10 * MB, None, 5e6, 79), "10.0 MB, 5.0 MB/s");
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
