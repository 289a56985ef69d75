//! Which point is trained next, until all have come to their end.

use std::collections::{BTreeMap, BTreeSet};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::claim::Claim;
use super::folder::Sweep;
use super::plan::Plan;
use super::progress;
use super::rule::{Board, Decision, Event};
use super::worker::{Ended, Worker, tail};
use crate::analysis::table::number;
use crate::analysis::{Objective, RunSummary};
use crate::console;
use crate::run::{RunDir, State, Status};
use crate::system::shell::quoted;
use crate::train::ShutdownFlag;

/// How often workers are looked after.
const TICK: Duration = Duration::from_millis(10);
/// How often a point that another process has is asked for.
const RETRY: Duration = Duration::from_millis(300);

/// How a sweep ended.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Points that could not be trained, why, and the last lines of their logs.
    pub failed: BTreeMap<u64, (String, Vec<String>)>,
    /// Whether a signal ended it.
    pub interrupted: bool,
}

/// How a point ended.
enum Settled {
    Done,
    Stopped,
    Failed(String),
}

struct Scheduler<'a> {
    sweep: &'a Sweep,
    plan: &'a Plan,
    /// Where there is a rule of early stopping.
    board: Option<Board>,
    /// Held while this process decides.
    _alone: Option<Claim>,
    objective: Option<Objective>,
    numbers: Vec<u64>,
    settled: BTreeMap<u64, Settled>,
    attempts: BTreeMap<u64, u32>,
    /// Points whose processes a killed sweep has left running, if there is a rule: it decides by
    /// the order of arrival, so no others are started instead.
    orphans: Vec<u64>,
    /// Points that other processes have, and when to ask again.
    elsewhere: BTreeMap<u64, Instant>,
    workers: Vec<Worker>,
    /// Workers are asked to end, once.
    stopping: bool,
    /// Seconds of the points that have ended here.
    times: Vec<f64>,
}

/// Trains the points of a sweep that have not come to their end.
///
/// # Errors
/// What keeps the sweep itself from continuing, such as a full disk; its workers are asked to save
/// and to end before.
pub fn run(sweep: &Sweep, plan: &Plan, shutdown: &ShutdownFlag) -> Result<Outcome> {
    let mut scheduler = Scheduler::new(sweep, plan)?;
    let result = scheduler.run(shutdown);
    console::clear();
    if result.is_err() {
        scheduler.end_all();
    }
    let failed = scheduler.settled.iter().filter_map(|(point, settled)| match settled {
        Settled::Failed(why) => Some((*point, (why.clone(), tail(sweep, *point)))),
        _ => None,
    });
    let failed = failed.collect();
    result.map(|()| Outcome { failed, interrupted: shutdown.requested() })
}

impl<'a> Scheduler<'a> {
    fn new(sweep: &'a Sweep, plan: &'a Plan) -> Result<Self> {
        let objective = sweep.spec.objective(sweep.model()?)?;
        let (mut board, mut alone) = (None, None);
        if let (Some(rule), Some(objective)) = (&sweep.spec.stop, objective.clone()) {
            alone = Some(sweep.decide_alone()?);
            let mut of_rule = Board::new(rule.clone(), objective);
            sweep.events()?.iter().for_each(|event| of_rule.apply(event));
            board = Some(of_rule);
        }
        let all = sweep.points().iter().map(|point| point.number);
        let numbers: Vec<u64> =
            all.filter(|number| plan.only.is_none_or(|only| only == *number)).collect();
        Ok(Self {
            sweep,
            plan,
            orphans: if board.is_some() { sweep.held(&numbers)? } else { Vec::new() },
            board,
            _alone: alone,
            objective,
            numbers,
            settled: BTreeMap::new(),
            attempts: BTreeMap::new(),
            elsewhere: BTreeMap::new(),
            workers: Vec::new(),
            stopping: false,
            times: Vec::new(),
        })
    }

    fn run(&mut self, shutdown: &ShutdownFlag) -> Result<()> {
        loop {
            self.reap()?;
            if shutdown.requested() {
                self.stop_all();
            }
            self.orphans = self.sweep.held(&self.orphans)?;
            while !self.stopping && self.at_work() < self.plan.jobs && self.start_next()? {}
            if self.workers.is_empty() && (self.stopping || self.is_at_end()?) {
                return Ok(());
            }
            let done = self.settled.len();
            let all = [done, self.at_work(), self.numbers.len()];
            progress::draw(self.sweep.name(), all, &self.times, self.plan.jobs);
            sleep(TICK);
        }
    }

    /// Points that are trained now.
    fn at_work(&self) -> usize {
        self.workers.len() + self.orphans.len()
    }

    /// Whether every point has come to its end. Points that rest are ended where none can come any
    /// more that would let them continue.
    fn is_at_end(&mut self) -> Result<bool> {
        let open: Vec<u64> = self
            .numbers
            .iter()
            .copied()
            .filter(|point| !self.settled.contains_key(point))
            .collect();
        let Some(board) = &self.board else { return Ok(open.is_empty()) };
        if !open.iter().all(|point| board.is_waiting(*point)) {
            return Ok(false);
        }
        let is_done = self.settled.values().any(|settled| matches!(settled, Settled::Done));
        if let Some(event) = board.last_resort().filter(|_| !is_done) {
            self.decided(event)?;
            return Ok(false);
        }
        for point in open {
            self.decided(Event::Stopped { point })?;
            self.end_by_rule(point)?;
        }
        Ok(true)
    }

    /// Starts the next point, if there is one that can be; whether it did.
    fn start_next(&mut self) -> Result<bool> {
        if let Some(event) = self.board.as_ref().and_then(Board::promotable) {
            self.decided(event)?;
        }
        for point in self.candidates() {
            let Some(claim) = self.sweep.claim(point)? else {
                self.elsewhere.insert(point, Instant::now() + RETRY);
                continue;
            };
            if self.is_to_train(point)? {
                let pause_at = self.board.as_ref().and_then(|board| board.next_step(point));
                let pause_at = pause_at.map(|(_, step)| step);
                self.sweep.forget_failure(point)?;
                self.workers.push(Worker::start(self.sweep, self.plan, point, claim, pause_at)?);
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The points that may be trained now: those that a rule lets continue, then the others in
    /// order.
    fn candidates(&self) -> Vec<u64> {
        let now = Instant::now();
        let busy: BTreeSet<u64> = self.workers.iter().map(|worker| worker.point).collect();
        let is_open = |point: &u64| {
            !self.settled.contains_key(point)
                && !busy.contains(point)
                && self.elsewhere.get(point).is_none_or(|again| *again <= now)
        };
        let open = self.numbers.iter().copied().filter(is_open);
        let Some(board) = &self.board else { return open.collect() };
        let (ready, others): (Vec<u64>, Vec<u64>) = open
            .filter(|point| !board.is_waiting(*point))
            .partition(|point| board.is_ready(*point));
        [ready, others].concat()
    }

    /// Whether a point that was claimed has to be trained; else it is settled, rests, or is another
    /// process's.
    fn is_to_train(&mut self, point: u64) -> Result<bool> {
        let run = match self.sweep.run(point) {
            Ok(Some(run)) => run,
            Ok(None) => return Ok(true),
            Err(error) => {
                let run = quoted(self.sweep.run_dir(point));
                self.fail(point, format!("{error:#}; remove {run} to train it again"));
                return Ok(false);
            }
        };
        match run.state {
            State::Finished => {
                self.settled.insert(point, Settled::Done);
                Ok(false)
            }
            State::Running => {
                self.elsewhere.insert(point, Instant::now() + RETRY);
                Ok(false)
            }
            _ if self.board.as_ref().is_some_and(|board| board.is_stopped(point)) => {
                self.end_by_rule(point)?;
                Ok(false)
            }
            // It came to a step, and what follows was not written down.
            State::Paused => self.arrive(point, &run),
            State::Interrupted | State::Failed | State::Stopped => Ok(true),
        }
    }

    /// Decides about a paused run; returns whether it continues at once.
    fn arrive(&mut self, point: u64, run: &RunSummary) -> Result<bool> {
        let Some(board) = &self.board else { return Ok(true) };
        let Some((rung, step)) = board.next_step(point).filter(|(_, step)| run.step >= *step)
        else {
            return Ok(true);
        };
        let (records, objective) = (run.records()?, board.objective());
        let before = objective.measured(&records).take_while(|(at, _)| *at <= step);
        // A run that has diverged is the worst, whatever it was before.
        let value = before.last().map(|(_, value)| match value.is_finite() {
            true => value,
            false => objective.worst(),
        });
        if value.is_none() {
            tracing::warn!(
                "point {point} has no {} by step {step}; the stopping rule skips it",
                board.objective().name
            );
        }
        let event = board.arrive(point, rung, value);
        let Event::Arrived { decision, .. } = event else { return Ok(false) };
        self.decided(event)?;
        if decision == Decision::Stop {
            self.end_by_rule(point)?;
        }
        Ok(decision == Decision::Continue)
    }

    /// Writes a decision down, then applies it.
    fn decided(&mut self, event: Event) -> Result<()> {
        self.sweep.note(&event)?;
        if let Some(board) = &mut self.board {
            board.apply(&event);
        }
        Ok(())
    }

    /// Says in the run itself that a rule has ended it.
    fn end_by_rule(&mut self, point: u64) -> Result<()> {
        let dir = self.sweep.run_dir(point);
        let run = RunDir::resume(&dir)?;
        if let Some(status) = Status::read(&dir)?.filter(|status| status.state == State::Paused) {
            let (reason, step) = ("the sweep's rule has ended it early".to_owned(), status.step);
            run.write_status(&Status { state: State::Stopped, reason, ..status })?;
            tracing::info!("Point {} is stopped after step {step}", self.in_words(point));
        }
        self.settled.insert(point, Settled::Stopped);
        Ok(())
    }

    /// Takes the workers that have ended.
    fn reap(&mut self) -> Result<()> {
        let mut index = 0;
        while index < self.workers.len() {
            let Some(how) = self.workers[index].poll(self.sweep)? else {
                index += 1;
                continue;
            };
            // The claim is held until what has come of it is known.
            let worker = self.workers.remove(index);
            self.ended(&worker, how)?;
        }
        Ok(())
    }

    fn ended(&mut self, worker: &Worker, how: Ended) -> Result<()> {
        let point = worker.point;
        match how {
            Ended::Interrupted if self.stopping => {}
            Ended::Interrupted => self.fail(point, "its process was ended by a signal".to_owned()),
            // All others would fail as well, and a rule would take that for a result.
            Ended::Full(why) if !self.stopping => {
                let (words, go_on) = (self.in_words(point), self.plan.go_on(self.sweep));
                bail!("point {words}: {why}; free some space, then resume with: {go_on}")
            }
            Ended::Full(why) | Ended::Failed(why) => self.fail(point, why),
            Ended::Well => {
                let run = self.sweep.run(point)?.context("a worker left no run behind")?;
                match run.state {
                    State::Finished => self.done(worker, &run),
                    State::Paused => drop(self.arrive(point, &run)?),
                    state => self.fail(point, format!("its process left it {state}")),
                }
            }
        }
        Ok(())
    }

    fn done(&mut self, worker: &Worker, run: &RunSummary) {
        self.settled.insert(worker.point, Settled::Done);
        self.times.push(worker.elapsed().as_secs_f64());
        let value =
            self.objective.as_ref().and_then(|score| Some((&score.name, run.metric(&score.name)?)));
        let scores = [value.map(|(name, value)| (name.clone(), value)), run.headline()];
        let mut scores: Vec<_> = scores
            .into_iter()
            .flatten()
            .map(|(name, value)| format!("{name} {}", number(value)))
            .collect();
        scores.dedup();
        if scores.is_empty() {
            scores.extend(run.score_in_words());
        }
        let time = console::duration(worker.elapsed());
        let words = self.in_words(worker.point);
        tracing::info!(
            "Point {words}: {}{time}",
            scores.iter().map(|s| format!("{s}, ")).collect::<String>()
        );
    }

    /// Says at once that a point failed, and whether it is tried again.
    fn fail(&mut self, point: u64, why: String) {
        let words = self.in_words(point);
        let attempts = self.attempts.entry(point).or_insert(0);
        *attempts += 1;
        if *attempts <= self.plan.retries && !self.stopping {
            tracing::warn!("point {words} failed and is retried: {why}");
            return;
        }
        tracing::warn!("point {words} failed: {why}");
        if let Err(error) = self.sweep.note_failure(point, &why) {
            tracing::warn!("cannot record the failure of point {point}: {error:#}");
        }
        self.settled.insert(point, Settled::Failed(why));
        if self.plan.fail_fast {
            self.stop_all();
        }
    }

    /// `3 of 9 (seed=1)`.
    fn in_words(&self, point: u64) -> String {
        let settings = self.sweep.point(point).map(|point| point.in_words()).unwrap_or_default();
        format!("{point} of {} ({settings})", self.sweep.points().len())
    }

    fn stop_all(&mut self) {
        if !std::mem::replace(&mut self.stopping, true) {
            self.workers.iter_mut().for_each(Worker::ask_to_end);
        }
    }

    /// Waits until the workers have saved and ended.
    fn end_all(&mut self) {
        self.stop_all();
        while let Some(worker) = self.workers.first_mut() {
            match worker.poll(self.sweep) {
                Ok(None) => sleep(TICK),
                _ => drop(self.workers.remove(0)),
            }
        }
    }
}
