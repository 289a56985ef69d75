//! Messages: to stderr for people, and into a file of the run folder with their times.

use std::fmt;
use std::fs::File;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{self as log, FmtContext, FormatEvent, FormatFields, MakeWriter};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;

use super::OutputOptions;
use crate::console::{self, Stderr};
use crate::run::rfc3339;

impl OutputOptions {
    /// Sends messages of `tracing` to stderr from now on: warnings, without `--quiet` also progress,
    /// with `--verbose` also details. The returned file receives the same messages, even with `--quiet`,
    /// once it is set. Only the first call in a process counts.
    pub fn init_logging(&self) -> LogFile {
        if !self.quiet {
            console::enable();
        }
        let file = LogFile::default();
        // A second call comes from a test; the first one's subscriber stays.
        let _ = tracing_subscriber::registry()
            .with(layer(|| Stderr, Style::Terminal, self.level()))
            .with(layer(file.clone(), Style::File, self.level().max(LevelFilter::DEBUG)))
            .try_init();
        file
    }

    fn level(&self) -> LevelFilter {
        match (self.quiet, self.verbose) {
            (true, _) => LevelFilter::WARN,
            (false, false) => LevelFilter::INFO,
            (false, true) => LevelFilter::DEBUG,
        }
    }
}

/// A layer that writes messages of tfm up to `level`, and warnings of anything else.
fn layer<S, W>(to: W, style: Style, level: LevelFilter) -> impl Layer<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let levels =
        Targets::new().with_default(LevelFilter::WARN).with_target(env!("CARGO_PKG_NAME"), level);
    // An error inside of the logger would be printed with a macro that panics where stderr is
    // closed.
    let layer = log::layer().with_writer(to).log_internal_errors(false);
    layer.event_format(style).with_filter(levels)
}

/// The log file of a run, which messages go to once the run folder exists.
#[derive(Clone, Debug, Default)]
pub struct LogFile {
    file: Arc<Mutex<Option<File>>>,
}

impl LogFile {
    /// Sends messages to `file` from now on, or with `None` to no file. Open it to append: a resumed
    /// run continues the existing log.
    pub fn set(&self, file: Option<File>) {
        *self.lock() = file;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<File>> {
        // A panic elsewhere leaves the file usable.
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Write for LogFile {
    /// A log that cannot be written does not end a run. It is reported once, and the log ends there.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut file = self.lock();
        if let Some(Err(error)) = file.as_mut().map(|file| file.write_all(bytes)) {
            *file = None;
            // Not by `tracing`, which comes here from a message.
            let _ = writeln!(
                Stderr,
                "warning: cannot write the run's log.txt, which ends here: {error}"
            );
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for LogFile {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// How a message is written.
#[derive(Clone, Copy)]
enum Style {
    /// The message, with its level if that says something.
    Terminal,
    /// Time, level and message.
    File,
}

impl<S, N> FormatEvent<S, N> for Style
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let level = *event.metadata().level();
        match self {
            Self::Terminal => {
                writer.write_str(prefix(level))?;
                context.format_fields(writer.by_ref(), event)?;
                writeln!(writer)
            }
            Self::File => {
                let mut message = String::new();
                context.format_fields(Writer::new(&mut message), event)?;
                // Whoever searches or sorts a log takes a line for a record.
                let message = message.lines().map(str::trim).collect::<Vec<_>>().join("; ");
                writeln!(writer, "{} {level:>5} {message}", rfc3339(SystemTime::now()))
            }
        }
    }
}

fn prefix(level: Level) -> &'static str {
    match level {
        Level::ERROR => "error: ",
        Level::WARN => "warning: ",
        Level::INFO => "",
        Level::DEBUG => "debug: ",
        Level::TRACE => "trace: ",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Default)]
    struct Buffer(Arc<Mutex<Vec<u8>>>);

    impl Write for Buffer {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl<'a> MakeWriter<'a> for Buffer {
        type Writer = Self;

        fn make_writer(&'a self) -> Self {
            self.clone()
        }
    }

    fn speak() {
        tracing::warn!("a warning of {}", "tfm");
        tracing::info!("a word");
        tracing::debug!("a detail");
        tracing::info!(target: "other", "a word of a library");
        tracing::warn!(target: "other", "a warning of a library");
    }

    fn said(options: OutputOptions, style: Style) -> String {
        let buffer = Buffer::default();
        let layer = layer(buffer.clone(), style, options.level());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), speak);
        let bytes = buffer.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn the_options_decide_what_is_said() {
        let options = OutputOptions::default();
        let (tfm, other) = ("warning: a warning of tfm\n", "warning: a warning of a library\n");
        let expect = format!("{tfm}a word\n{other}");
        assert_eq!(said(options, Style::Terminal), expect);
        let quiet = OutputOptions { quiet: true, ..options };
        assert_eq!(said(quiet, Style::Terminal), format!("{tfm}{other}"));
        let verbose = OutputOptions { verbose: true, ..options };
        let expect = format!("{tfm}a word\ndebug: a detail\n{other}");
        assert_eq!(said(verbose, Style::Terminal), expect);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_log_that_cannot_be_written_ends() {
        let mut log = LogFile::default();
        log.set(Some(File::options().write(true).open("/dev/full").unwrap()));
        assert_eq!(log.write(b"a line\n").unwrap(), 7);
        assert!(log.lock().is_none());
    }

    #[test]
    fn a_file_has_times_and_begins_when_it_is_set() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log.txt");
        let log = LogFile::default();
        let layer = layer(log.clone(), Style::File, LevelFilter::INFO);
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            tracing::info!("before");
            log.set(Some(File::create(&path).unwrap()));
            tracing::info!("within\n  a line");
            log.set(None);
            tracing::info!("after");
        });
        let text = std::fs::read_to_string(&path).unwrap();
        let line = text.strip_suffix("  INFO within; a line\n").unwrap();
        assert_eq!((line.len(), &line[10..11], &line[23..]), (24, "T", "Z"), "{text}");
    }
}
