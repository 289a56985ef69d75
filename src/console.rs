//! Standard error: messages and, on a terminal, a status line below them that is drawn over.
//!
//! The cursor waits at the start of the status line. One code then clears it, however a resized
//! window has broken it into pieces.

use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// The least time between two drawings.
const INTERVAL: Duration = Duration::from_millis(200);
/// Columns of the usual window.
pub const COLUMNS: usize = 80;
/// A longer status line would be broken when a large window becomes a usual one.
const MAX_WIDTH: usize = COLUMNS - 1;
/// From the start of the line to the end of the screen.
const CLEAR: &str = "\r\x1b[J";
/// Columns of a bar with its brackets: at least, and where there is room.
const BAR: (usize, usize) = (12, 27);

struct StatusLine {
    enabled: bool,
    line: String,
    drawn: Option<Instant>,
}

static STATUS: Mutex<StatusLine> =
    Mutex::new(StatusLine { enabled: false, line: String::new(), drawn: None });

fn lock() -> MutexGuard<'static, StatusLine> {
    // A panic elsewhere leaves the line usable.
    STATUS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Status lines are drawn from here on, if stderr is a terminal that can clear a line.
pub fn enable() {
    let variable = |name| std::env::var(name).unwrap_or_default();
    let term = variable("TERM");
    let can_clear = cfg!(windows) || !(term.is_empty() || term == "dumb");
    let is_ci = !["", "0", "false"].contains(&variable("CI").as_str());
    lock().enabled = io::stderr().is_terminal() && can_clear && !is_ci;
}

/// Whether status lines are drawn.
pub fn is_enabled() -> bool {
    lock().enabled
}

/// Draws what `line` gives for a number of columns, but not too often.
pub fn status(line: impl FnOnce(usize) -> String) {
    let mut status = lock();
    if status.enabled && status.drawn.is_none_or(|drawn| drawn.elapsed() >= INTERVAL) {
        let columns = terminal_size::terminal_size_of(io::stderr()).map_or(80, |size| size.0.0);
        status.line = line(usize::from(columns).saturating_sub(1).min(MAX_WIDTH));
        status.drawn = Some(Instant::now());
        // Where stderr is closed there is nobody left to tell.
        let _ = write!(io::stderr().lock(), "{CLEAR}{}\r", status.line);
    }
}

/// Clears the status line.
pub fn clear() {
    let mut status = lock();
    if !std::mem::take(&mut status.line).is_empty() {
        let _ = write!(io::stderr().lock(), "{CLEAR}");
    }
    status.drawn = None;
}

/// Draws the status line of `what`, with `done` of `total` parts done.
pub fn progress(what: &str, done: u64, total: u64) {
    status(|width| fit(what, done as f64 / total.max(1) as f64, &[], width));
}

/// Does `work` under a status line that says what it is and how long it takes.
pub fn busy<T>(what: &str, work: impl FnOnce() -> T) -> T {
    if !is_enabled() {
        return work();
    }
    let result = thread::scope(|scope| {
        let (ended, waiting) = channel::<()>();
        let draw = move || {
            let (start, mut own) = (Instant::now(), String::new());
            // Work that draws its own progress says more, and has time to do so between two drawings.
            while waiting.recv_timeout(2 * INTERVAL) == Err(RecvTimeoutError::Timeout) {
                if own.starts_with(&lock().line) {
                    own = format!("{what}, {}", duration(start.elapsed()));
                    status(|width| own.chars().take(width).collect());
                }
            }
        };
        // Where no thread can be started, the work is done without the line.
        let _ = thread::Builder::new().spawn_scoped(scope, draw);
        let result = work();
        drop(ended);
        result
    });
    clear();
    result
}

/// A text, such as a note, without what would break a table or take over a terminal: line breaks,
/// tabs, escape sequences.
pub fn on_one_line(text: &str) -> String {
    let is_gap = |c: char| c.is_whitespace() || c.is_control();
    text.split(is_gap).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// `head`, the share in percent, a bar, and as many of `parts` as fit, in `width` columns.
pub fn fit(head: &str, share: f64, parts: &[String], width: usize) -> String {
    let share = share.clamp(0.0, 1.0);
    let head = format!("{head} {:3}%", (100.0 * share) as u32);
    let room = width.saturating_sub(head.chars().count() + 1);
    let mut tail = String::new();
    for part in parts {
        let separator = if tail.is_empty() { " " } else { ", " };
        let more = format!("{tail}{separator}{part}");
        if more.chars().count() + BAR.0 > room {
            break;
        }
        tail = more;
    }
    let bar = room.saturating_sub(tail.chars().count()).min(BAR.1);
    // What matters most is worth more than a bar.
    let first = parts.first().map_or(head.clone(), |part| format!("{head} {part}"));
    if tail.is_empty() && !parts.is_empty() && first.chars().count() <= width {
        return first;
    }
    if bar < BAR.0 {
        return head.chars().take(width).collect();
    }
    let filled = (share * (bar - 2) as f64) as usize;
    format!("{head} [{:1$}]{tail}", "=".repeat(filled), bar - 2)
}

/// Paths as text, for JSON too: what is not UTF-8 in them has the replacement character.
pub fn paths(paths: &[impl AsRef<Path>]) -> Vec<String> {
    paths.iter().map(|path| path.as_ref().to_string_lossy().into_owned()).collect()
}

/// A time as people say it: 45s, 12m 30s, 3h 05m.
pub fn duration(time: Duration) -> String {
    match time.as_secs() {
        seconds @ ..60 => format!("{seconds}s"),
        seconds @ 60..3600 => format!("{}m {:02}s", seconds / 60, seconds % 60),
        seconds => format!("{}h {:02}m", seconds / 3600, seconds / 60 % 60),
    }
}

/// Breaks a text between words into lines of at most `width` columns.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                *line += " ";
                *line += word;
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// Standard error for messages: what is written is above the status line.
#[derive(Clone, Copy, Debug)]
pub struct Stderr;

impl Write for Stderr {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let status = lock();
        let mut stderr = io::stderr().lock();
        if status.line.is_empty() {
            return stderr.write(bytes);
        }
        stderr.write_all(CLEAR.as_bytes())?;
        stderr.write_all(bytes)?;
        write!(stderr, "{}\r", status.line)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_fits_any_width_and_keeps_what_matters_most() {
        let parts = ["12m 30s left", "perplexity 437.141", "1763 words/s"].map(String::from);
        for width in 0..=MAX_WIDTH {
            let line = fit("Epoch 257/257", 0.425, &parts, width);
            assert!(line.chars().count() <= width, "{line:?} in {width}");
        }
        let line = |width| fit("Epoch 3/13", 0.425, &parts, width);
        assert_eq!(
            line(79),
            "Epoch 3/13  42% [=====         ] 12m 30s left, perplexity 437.141, 1763 words/s"
        );
        assert_eq!(line(60), "Epoch 3/13  42% [==========               ] 12m 30s left");
        assert_eq!(line(45), "Epoch 3/13  42% [=====         ] 12m 30s left");
        assert_eq!(line(30), "Epoch 3/13  42% 12m 30s left");
        assert_eq!(line(20), "Epoch 3/13  42%");
        assert_eq!(
            fit("evaluating", 1.0, &[], 79),
            format!("evaluating 100% [{}]", "=".repeat(25))
        );
    }

    #[test]
    fn long_texts_are_broken_between_words() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("sesquipedalian a", 4), ["sesquipedalian", "a"]);
    }

    #[test]
    fn times_are_short() {
        let of = |seconds| duration(Duration::from_secs(seconds));
        assert_eq!(
            [0, 59, 60, 3599, 3600, 90_000].map(of),
            ["0s", "59s", "1m 00s", "59m 59s", "1h 00m", "25h 00m"]
        );
    }
}
