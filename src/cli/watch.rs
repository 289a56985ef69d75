//! `tfm watch`: the progress of runs.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::Result;
use clap::{ArgMatches, Args, Command, FromArgMatches};

use super::{Fixed, Registry};
use crate::analysis::table::{Table, number};
use crate::analysis::{RunSummary, index};
use crate::console::{COLUMNS, duration};
use crate::models::options::{OutputOptions, complete};
use crate::models::stdout::{Reader, print, write};
use crate::run::State;
use crate::sweep::{Failure, Sweep, is_sweep};
use crate::system::shell::quoted;
use crate::system::wording::counted;

pub(super) const FIXED: Fixed = Fixed { command, run };

/// From the upper left corner to the end of the screen, and from the cursor to the end of its line.
const HOME: &str = "\x1b[H";
const CLEAR_LINE: &str = "\x1b[K";
const CLEAR_BELOW: &str = "\x1b[J";
/// Between two points a sweep has no process for an instant; after this long it has stopped.
const QUIET: Duration = Duration::from_secs(5);

#[derive(Args, Debug)]
struct Watch {
    /// A sweep, a run, or a folder of runs
    #[arg(value_name = "DIR", default_value = "runs", add = complete::runs())]
    dir: PathBuf,

    /// Seconds between refreshes
    #[arg(long, value_name = "SECONDS", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=3600))]
    every: u16,

    /// Prints the current state and exits
    #[arg(long)]
    once: bool,

    #[command(flatten)]
    output: OutputOptions,
}

fn command() -> Command {
    Watch::augment_args(Command::new("watch"))
        .about("Shows the progress of a sweep or of runs: states, scores, time left")
        .after_long_help(
            "Exits when nothing is training any more. If stdout is not a terminal, or TERM is dumb, it \
            prints one line per change.\n\nExamples:\n  tfm watch sweeps/rates\n  tfm watch runs --once",
        )
}

fn run(_: Registry, matches: &ArgMatches) -> Result<()> {
    let args = Watch::from_arg_matches(matches)?;
    args.output.init_logging();
    warn_of_damaged(&args.dir)?;
    if args.once || args.output.json {
        let runs = look(&args.dir)?.runs;
        let json: Vec<_> = runs.iter().map(RunSummary::in_json).collect();
        return args.output.report(&json, table(&runs).to_text(usize::MAX));
    }
    let mut screen = Screen::new();
    let mut last_alive = Instant::now();
    loop {
        let seen = look(&args.dir)?;
        if screen.draw(&args.dir, &seen)? == Reader::Gone {
            return Ok(());
        }
        let is_alive = seen.runs.iter().any(|run| run.state == State::Running);
        if is_alive {
            last_alive = Instant::now();
        }
        let waits = seen.open > 0 && last_alive.elapsed() < QUIET;
        if !is_alive && !waits {
            return seen.say_what_is_left(&args.dir);
        }
        sleep(Duration::from_secs(args.every.into()));
    }
}

/// Names the runs that cannot be read.
fn warn_of_damaged(dir: &Path) -> Result<()> {
    if !is_sweep(dir) {
        index::read(&[dir.to_owned()])?.warn_of_damaged();
    }
    Ok(())
}

/// The current state of the sweep or the runs.
struct Seen {
    runs: Vec<RunSummary>,
    /// Points that failed before they were runs.
    failures: Vec<Failure>,
    /// Points of a sweep that have not ended.
    open: usize,
}

impl Seen {
    /// Reports points that failed before they became runs, and how to resume a sweep that no process is
    /// running.
    fn say_what_is_left(&self, dir: &Path) -> Result<()> {
        self.failures.iter().for_each(|failure| tracing::warn!("{failure}"));
        if self.open > 0 {
            let (points, dir) = (counted(self.open, "point"), quoted(dir));
            tracing::info!(
                "No process is running this sweep; {points} left. Resume with: tfm sweep \
                 resume {dir}"
            );
        }
        Ok(())
    }
}

fn look(dir: &Path) -> Result<Seen> {
    if !is_sweep(dir) {
        let runs = index::read(&[dir.to_owned()])?.runs;
        return Ok(Seen { runs, failures: Vec::new(), open: 0 });
    }
    let sweep = Sweep::open(dir)?;
    let mut runs = Vec::new();
    for point in sweep.points() {
        // One that is damaged, or just being made, is seen at the next look.
        runs.extend(sweep.run(point.number).ok().flatten());
    }
    let ended =
        |run: &&RunSummary| [State::Finished, State::Stopped, State::Failed].contains(&run.state);
    let open = sweep.points().len() - runs.iter().filter(ended).count();
    Ok(Seen { runs, failures: sweep.failures(), open })
}

/// Where the table is drawn.
struct Screen {
    /// Whether it is drawn over; else a line is printed for each change.
    draws: bool,
    states: BTreeMap<PathBuf, (State, u64)>,
}

impl Screen {
    fn new() -> Self {
        let term = std::env::var("TERM").unwrap_or_default();
        let draws = io::stdout().is_terminal() && !term.is_empty() && term != "dumb";
        Self { draws, states: BTreeMap::new() }
    }

    fn draw(&mut self, dir: &Path, seen: &Seen) -> Result<Reader> {
        if !self.draws {
            return self.changes(&seen.runs);
        }
        // Asked for at each drawing: the window may have another size by now.
        let size = terminal_size::terminal_size();
        let (columns, rows): (usize, usize) =
            size.map_or((COLUMNS, 24), |size| (size.0.0.into(), size.1.0.into()));
        let count = |state: State| seen.runs.iter().filter(|run| run.state == state).count();
        let states: Vec<_> =
            [State::Running, State::Finished, State::Failed, State::Stopped, State::Interrupted]
                .into_iter()
                .filter(|state| count(*state) > 0)
                .map(|state| format!("{} {state}", count(state)))
                .collect();
        let at_work = count(State::Running) + count(State::Interrupted);
        let waiting = match seen.open.saturating_sub(at_work) {
            0 => String::new(),
            waiting => format!(", {waiting} waiting"),
        };
        let head = format!("{}: {}{waiting}\n", dir.display(), states.join(", "));
        // Active runs come before those that have ended.
        let mut runs = seen.runs.clone();
        runs.sort_by_key(|run| (run.state != State::Running, run.state == State::Finished));
        let text = head + &table(&runs).to_text(columns.saturating_sub(1));
        let lines = text.lines().take(rows.saturating_sub(1));
        let lines: String = lines
            .map(|line| {
                let line: String = line.chars().take(columns.saturating_sub(1)).collect();
                format!("{line}{CLEAR_LINE}\n")
            })
            .collect();
        write(&format!("{HOME}{lines}{CLEAR_BELOW}"))
    }

    /// A line for each run that has another state, or a tenth of its steps more.
    fn changes(&mut self, runs: &[RunSummary]) -> Result<Reader> {
        let mut reader = Reader::Listening;
        for run in runs {
            let tenth = 10 * run.step / run.total_steps.unwrap_or(u64::MAX).max(1);
            if self.states.insert(run.path.clone(), (run.state, tenth)) == Some((run.state, tenth))
            {
                continue;
            }
            let total = run.total_steps.map(|total| format!("/{total}")).unwrap_or_default();
            let score = run.score_in_words().map(|score| format!(", {score}"));
            reader = print(format!(
                "{} {} {}{total}{}",
                run.path.display(),
                run.state,
                run.step,
                score.unwrap_or_default()
            ))?;
        }
        Ok(reader)
    }
}

fn table(runs: &[RunSummary]) -> Table {
    let varying = varying(runs);
    let mut table =
        Table::new(["run", "state", "step", "score", "best", "time", "left", "settings"]);
    for run in runs {
        let total = run.total_steps.map(|total| format!("/{total}")).unwrap_or_default();
        let best = run.best.as_ref().map(|best| number(best.value));
        table.row([
            run.name(),
            run.state.to_string(),
            format!("{}{total}", run.step),
            run.score_in_words().unwrap_or_default(),
            best.unwrap_or_default(),
            duration(seconds(run.seconds)),
            left(run).map(duration).unwrap_or_default(),
            super::runs::settings(run.settings.iter().filter(|(key, _)| varying.contains(key))),
        ]);
    }
    table
}

/// The settings in which the runs differ; for a single run, or for equal ones, all settings.
fn varying(runs: &[RunSummary]) -> BTreeSet<&String> {
    let keys: BTreeSet<_> = runs.iter().flat_map(|run| run.settings.keys()).collect();
    let value = |run: &RunSummary, key: &String| run.settings.get(key).cloned();
    let varies = |key: &&String| runs.iter().any(|run| value(run, key) != value(&runs[0], key));
    let varying: BTreeSet<_> = keys.iter().copied().filter(varies).collect();
    if varying.is_empty() { keys } else { varying }
}

/// The remaining time of a run at its average speed so far.
fn left(run: &RunSummary) -> Option<Duration> {
    let total = run.total_steps.filter(|_| run.state == State::Running)?;
    let rest = total.saturating_sub(run.step);
    (run.step > 0).then(|| seconds(run.seconds / run.step as f64 * rest as f64))
}

fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds.clamp(0.0, 1e12))
}
