//! Threads that run one piece of work together.
//!
//! A training step has dozens of pieces of work of a millisecond or less. A general pool
//! puts its threads to sleep between them, and waking one takes longer than some of the
//! pieces; these wait awake for a while before they sleep.

use std::cell::UnsafeCell;
use std::hint::spin_loop;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::threads::cannot_start;

/// How often a waiting thread looks before it lets another thread have its core.
const SPINS: usize = 4_000;
/// How often it does so before it sleeps: where other programs keep all cores busy, sleeping
/// brings the thread that it waits for to its turn sooner.
const YIELDS: usize = 100;
/// How long it sleeps at a time, where nobody wakes it.
const SLEEP: Duration = Duration::from_micros(50);

/// Waits until `done`, awake at first.
fn wait_until(done: impl Fn() -> bool) {
    if !wait_awake(&done) {
        while !done() {
            thread::sleep(SLEEP);
        }
    }
}

/// Waits awake for some microseconds: whether `done` came.
fn wait_awake(done: &impl Fn() -> bool) -> bool {
    (0..SPINS + YIELDS).any(|i| {
        let is_done = done();
        match is_done {
            true => (),
            false if i < SPINS => spin_loop(),
            false => thread::yield_now(),
        }
        is_done
    })
}

type Work<'a> = dyn Fn(usize) + Sync + 'a;

/// What the threads of a pool share.
#[derive(Default)]
struct State {
    /// The number of pieces of work handed out so far.
    round: AtomicUsize,
    /// The threads that have not finished the piece at hand.
    running: AtomicUsize,
    sleeping: AtomicUsize,
    failed: AtomicBool,
    stop: AtomicBool,
    sleep_lock: Mutex<()>,
    wake: Condvar,
    /// The piece at hand. Written before `round` grows, read after, and valid until
    /// `running` is zero.
    work: UnsafeCell<Option<*const Work<'static>>>,
}

// SAFETY: `work` is written by the one thread that holds the pool's `run_lock`, while no other
// thread runs; the others read it between the growth of `round` and their own end.
unsafe impl Send for State {}
// SAFETY: as for `Send`.
unsafe impl Sync for State {}

/// A number of threads, the calling one among them.
pub(super) struct ThreadPool {
    state: Arc<State>,
    threads: Vec<JoinHandle<()>>,
    run_lock: Mutex<()>,
}

impl ThreadPool {
    /// A pool of `size` threads, one of which is whoever calls [`ThreadPool::run`].
    ///
    /// # Errors
    /// When the system cannot start a thread.
    pub(super) fn new(size: usize) -> anyhow::Result<Self> {
        let state = Arc::new(State::default());
        let mut team = Self { state, threads: Vec::new(), run_lock: Mutex::default() };
        for index in 1..size {
            let state = team.state.clone();
            let thread = thread::Builder::new().name(format!("tfm-{index}"));
            let thread = thread.spawn(move || state.worker_loop(index));
            team.threads.push(
                thread.map_err(|error| cannot_start(size, &error, "give a lower --threads"))?,
            );
        }
        Ok(team)
    }

    /// Calls `work` once on every thread at the same time, with the thread's index.
    ///
    /// # Panics
    /// When `work` does on any of them.
    pub(super) fn run(&self, work: &Work) {
        let _run_lock = self.run_lock.lock().unwrap_or_else(PoisonError::into_inner);
        let state = &*self.state;
        // SAFETY: the lifetime is put aside, not outlived: this function ends only after
        // every thread is done with `work`.
        let work_for_all: *const Work<'static> = unsafe { std::mem::transmute(work) };
        // SAFETY: no thread is at work, and this one has the run_lock.
        unsafe { *state.work.get() = Some(work_for_all) };
        state.running.store(self.threads.len(), SeqCst);
        // A panic of the caller's own may have hidden that of another thread.
        state.failed.store(false, SeqCst);
        state.next_round();
        let others = WaitForOthers(state);
        work(0);
        drop(others);
        assert!(!state.failed.swap(false, SeqCst), "a thread of the pool panicked");
    }
}

/// Keeps the work alive until the last thread is done, also when this one panics.
struct WaitForOthers<'a>(&'a State);

impl Drop for WaitForOthers<'_> {
    fn drop(&mut self) {
        wait_until(|| self.0.running.load(SeqCst) == 0);
    }
}

impl State {
    fn next_round(&self) {
        self.round.fetch_add(1, SeqCst);
        if self.sleeping.load(SeqCst) > 0 {
            // Whoever is about to sleep has seen the new round, or gets the wake.
            drop(self.sleep_lock.lock().unwrap_or_else(PoisonError::into_inner));
            self.wake.notify_all();
        }
    }

    /// The life of thread `index`.
    fn worker_loop(&self, index: usize) {
        let mut seen = 0;
        loop {
            self.wait_for_round_after(seen);
            seen += 1;
            if self.stop.load(SeqCst) {
                return;
            }
            // SAFETY: the round has grown, so the work is there; it stays as long as this
            // thread is counted as running.
            let work = || unsafe { (*self.work.get()).map(|work| (*work)(index)) };
            if catch_unwind(AssertUnwindSafe(work)).is_err() {
                self.failed.store(true, SeqCst);
            }
            self.running.fetch_sub(1, SeqCst);
        }
    }

    fn wait_for_round_after(&self, seen: usize) {
        if wait_awake(&|| self.round.load(SeqCst) != seen) {
            return;
        }
        self.sleeping.fetch_add(1, SeqCst);
        let mut sleep_lock = self.sleep_lock.lock().unwrap_or_else(PoisonError::into_inner);
        while self.round.load(SeqCst) == seen {
            sleep_lock = self.wake.wait(sleep_lock).unwrap_or_else(PoisonError::into_inner);
        }
        self.sleeping.fetch_sub(1, SeqCst);
    }
}

impl Drop for ThreadPool {
    fn drop(&mut self) {
        self.state.stop.store(true, SeqCst);
        self.state.next_round();
        for thread in self.threads.drain(..) {
            // The threads catch every panic of their work.
            let _ = thread.join();
        }
    }
}

/// A place where threads wait for each other.
#[derive(Debug, Default)]
pub(super) struct Barrier {
    arrived: AtomicUsize,
    round: AtomicUsize,
    is_broken: AtomicBool,
}

/// Lets no thread wait for one that has panicked.
struct BreakOnPanic<'a>(&'a Barrier);

impl Drop for BreakOnPanic<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.is_broken.store(true, SeqCst);
        }
    }
}

impl Barrier {
    /// Does `work` that may wait here: where it panics, the other threads do too instead of waiting.
    pub(super) fn guard(&self, work: impl FnOnce()) {
        let _broken = BreakOnPanic(self);
        work();
    }

    /// Waits until `count` threads are here.
    ///
    /// # Panics
    /// When a thread never comes, since it has panicked.
    pub(super) fn wait(&self, count: usize) {
        let round = self.round.load(SeqCst);
        if self.arrived.fetch_add(1, SeqCst) + 1 == count {
            self.arrived.store(0, SeqCst);
            self.round.store(round.wrapping_add(1), SeqCst);
        } else {
            let is_broken = || self.is_broken.load(SeqCst);
            wait_until(|| self.round.load(SeqCst) != round || is_broken());
            assert!(!is_broken(), "another thread of the pool panicked");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Sequence, Stream};

    #[test]
    fn every_thread_works_once_a_round_awake_or_asleep() {
        let team = ThreadPool::new(3).unwrap();
        let counts: [AtomicUsize; 3] = Default::default();
        for round in 1..=300 {
            team.run(&|i| {
                counts[i].fetch_add(1, SeqCst);
            });
            assert!(counts.iter().all(|count| count.load(SeqCst) == round));
            if round % 100 == 0 {
                // Long enough for the others to fall asleep.
                thread::sleep(Duration::from_millis(20));
            }
        }
    }

    #[test]
    fn a_panic_on_any_thread_reaches_the_caller_and_leaves_the_team_whole() {
        let team = ThreadPool::new(2).unwrap();
        for index in [0, 1] {
            let work = |i| assert_ne!(i, index, "as the test wants");
            let run = std::panic::AssertUnwindSafe(|| team.run(&work));
            assert!(std::panic::catch_unwind(run).is_err());
            team.run(&|_| ());
        }
    }

    #[test]
    fn nobody_waits_for_a_thread_that_has_panicked() {
        let (team, barrier) = (ThreadPool::new(3).unwrap(), Barrier::default());
        let work = |i| {
            barrier.guard(|| {
                barrier.wait(3);
                assert_ne!(i, 1, "as the test wants");
                barrier.wait(3);
            });
        };
        let run = std::panic::AssertUnwindSafe(|| team.run(&work));
        assert!(std::panic::catch_unwind(run).is_err());
        team.run(&|_| ());
    }

    /// Nothing, some work, or so much that whoever waits falls asleep.
    fn uneven_work(numbers: &mut Sequence) {
        match numbers.below(50) {
            0 => thread::sleep(Duration::from_millis(2)),
            drawn => (0..drawn.saturating_sub(20) * 100).for_each(|_| spin_loop()),
        }
    }

    /// Phases between barriers: in each, every thread adds one to its share of the items, and then
    /// holds all items to what they must be.
    fn run_phases(team: &ThreadPool, size: usize, round: u64) {
        let stream = Stream::new(1, "phases");
        let mut numbers = stream.at(round);
        let items = 1 + numbers.below(40) as usize;
        let (phases, chunk) = (1 + numbers.below(6) as usize, 1 + numbers.below(9) as usize);
        let (barrier, all_in_time) = (Barrier::default(), AtomicBool::new(true));
        let hits: Vec<AtomicUsize> = (0..items).map(|_| AtomicUsize::new(0)).collect();
        team.run(&|thread| {
            let mut numbers = stream.at(1 << 32 | round << 8 | thread as u64);
            for phase in 1..=phases {
                let own = |i: &usize| i / chunk % size == thread;
                for i in (0..items).filter(own) {
                    uneven_work(&mut numbers);
                    hits[i].fetch_add(1, SeqCst);
                }
                barrier.wait(size);
                // A panic here would leave the others at the barrier.
                all_in_time.fetch_and(hits.iter().all(|hit| hit.load(SeqCst) == phase), SeqCst);
                uneven_work(&mut numbers);
                barrier.wait(size);
            }
        });
        assert!(all_in_time.into_inner(), "round {round}: a thread was early");
        assert!(hits.iter().all(|hit| hit.load(SeqCst) == phases), "round {round}");
    }

    #[test]
    fn no_thread_passes_a_barrier_early_and_every_item_is_done_once() {
        for size in 1..=6 {
            let team = ThreadPool::new(size).unwrap();
            (0..12).for_each(|round| run_phases(&team, size, size as u64 * 100 + round));
        }
    }
}
