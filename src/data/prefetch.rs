//! Batches prepared ahead of the step that needs them.
//!
//! Worker threads fill a few buffers in the order of the steps; the consumer takes them in that
//! order and gives each back by taking the next. Threads that have nothing to do sleep.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use anyhow::{Context, Result, anyhow, bail};

/// The batches of `first_step`, `first_step` + 1, ….
///
/// Dropping it waits until the workers have finished the batches that they are at.
pub struct Prefetch<B> {
    queue: Arc<Queue<B>>,
    workers: Vec<JoinHandle<()>>,
    /// The batch that the consumer has; there is none before the first step and after an error.
    current: Option<B>,
    step: u64,
    failed: bool,
}

impl<B: Send + 'static> Prefetch<B> {
    /// Starts `workers` threads that keep up to `ahead` batches ready; without workers a batch is
    /// prepared when it is asked for.
    ///
    /// `prepare` makes the buffer into the batch of a step. It must set all of it, since the
    /// buffer holds an older batch, and depend on the step alone. `allocate` makes a buffer; it is
    /// called here, and never later.
    ///
    /// # Errors
    /// The system cannot start the threads.
    pub fn new(
        workers: usize,
        ahead: usize,
        first_step: u64,
        allocate: impl FnMut() -> B,
        prepare: impl Fn(u64, &mut B) -> Result<()> + Send + Sync + 'static,
    ) -> Result<Self> {
        // One buffer more than are ready: the consumer's.
        let buffers = if workers == 0 { 1 } else { ahead.max(1) + 1 };
        let state = State {
            next: first_step,
            free: std::iter::repeat_with(allocate).take(buffers).collect(),
            ready: std::iter::repeat_with(|| None).take(buffers).collect(),
            stopped: false,
        };
        let queue = Arc::new(Queue {
            state: Mutex::new(state),
            freed: Condvar::new(),
            filled: Condvar::new(),
            prepare: Box::new(prepare),
        });
        let threads = Vec::with_capacity(workers);
        let mut prefetch =
            Self { queue, workers: threads, current: None, step: first_step, failed: false };
        for i in 0..workers {
            let queue = prefetch.queue.clone();
            let thread = thread::Builder::new().name(format!("batches-{i}"));
            // After a failure the drop ends those that run.
            let worker = thread.spawn(move || queue.work());
            prefetch
                .workers
                .push(worker.context(
                    "cannot start a thread for the batches; give a lower train.workers",
                )?);
        }
        Ok(prefetch)
    }

    /// The step whose batch [`Prefetch::next_batch`] gives next.
    pub fn step(&self) -> u64 {
        self.step
    }

    /// The batch of the last step; none before the first.
    pub fn current(&self) -> Option<&B> {
        self.current.as_ref()
    }

    /// The batch of the next step. Waits where it is not ready yet.
    ///
    /// # Errors
    /// `prepare` failed or panicked at this step, or, said once more, at an earlier one.
    pub fn next_batch(&mut self) -> Result<&B> {
        if self.failed {
            bail!("there are no more batches after the failed batch of step {}", self.step);
        }
        let batch = if self.workers.is_empty() { self.prepare_here() } else { self.take() };
        match batch {
            Ok(batch) => {
                self.step += 1;
                Ok(self.current.insert(batch))
            }
            Err(error) => {
                self.failed = true;
                self.queue.stop();
                Err(error.context(format!("cannot prepare the batch of step {}", self.step)))
            }
        }
    }

    fn prepare_here(&mut self) -> Result<B> {
        let spare = self.current.take().or_else(|| self.queue.lock().free.pop());
        let mut buffer = spare.context("the buffer was lost with an earlier batch")?;
        self.queue.attempt(self.step, &mut buffer)?;
        Ok(buffer)
    }

    fn take(&mut self) -> Result<B> {
        let mut state = self.queue.lock();
        if let Some(old) = self.current.take() {
            state.free.push(old);
            self.queue.freed.notify_one();
        }
        let place = (self.step % state.ready.len() as u64) as usize;
        loop {
            if let Some(batch) = state.ready[place].take() {
                return batch;
            }
            state = self.queue.filled.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl<B> Drop for Prefetch<B> {
    fn drop(&mut self) {
        self.queue.stop();
        for worker in self.workers.drain(..) {
            // A worker catches the panics of `prepare`; there is nobody left to tell of another.
            let _ = worker.join();
        }
    }
}

/// What the consumer and the workers share.
struct Queue<B> {
    state: Mutex<State<B>>,
    /// A buffer has become free, or the work has ended.
    freed: Condvar,
    /// A batch has become ready.
    filled: Condvar,
    prepare: Box<Prepare<B>>,
}

type Prepare<B> = dyn Fn(u64, &mut B) -> Result<()> + Send + Sync;

struct State<B> {
    /// The step that the next free worker takes on.
    next: u64,
    free: Vec<B>,
    /// The batch of step `s` at `s % ready.len()`. No two fall together: steps are taken on in
    /// order, each with a buffer, and there are as many places as buffers.
    ready: Vec<Option<Result<B>>>,
    stopped: bool,
}

impl<B> Queue<B> {
    /// What a worker does: takes on one step after another until it is stopped.
    fn work(&self) {
        while let Some((step, mut buffer)) = self.take_on() {
            let done = self.attempt(step, &mut buffer);
            let mut state = self.lock();
            let place = (step % state.ready.len() as u64) as usize;
            state.ready[place] = Some(done.map(|()| buffer));
            drop(state);
            self.filled.notify_one();
        }
    }

    fn take_on(&self) -> Option<(u64, B)> {
        let mut state = self.lock();
        loop {
            if state.stopped {
                return None;
            }
            if let Some(buffer) = state.free.pop() {
                let step = state.next;
                state.next += 1;
                return Some((step, buffer));
            }
            state = self.freed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Prepares a batch and makes a panic an error.
    fn attempt(&self, step: u64, buffer: &mut B) -> Result<()> {
        // What a panic leaves half-made is thrown away with the buffer.
        let done = catch_unwind(AssertUnwindSafe(|| (self.prepare)(step, buffer)));
        done.unwrap_or_else(|panic| Err(anyhow!("panic: {}", message(&*panic))))
    }

    fn stop(&self) {
        self.lock().stopped = true;
        self.freed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State<B>> {
        // The lock is never held while foreign code runs, so the state is whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without a message")
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::ensure;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;
    use std::time::Duration;

    /// Batches that hold their step three times, prepared with delays that mix the order up.
    fn batches(workers: usize, ahead: usize, first: u64) -> Prefetch<Vec<u64>> {
        Prefetch::new(workers, ahead, first, Vec::new, |step, batch: &mut Vec<u64>| {
            thread::sleep(Duration::from_micros(step.wrapping_mul(7919) % 300));
            batch.clear();
            batch.resize(3, step);
            Ok(())
        })
        .unwrap()
    }

    #[test]
    fn batches_come_in_order_from_any_step_on() {
        for (workers, ahead) in [(0, 0), (1, 0), (1, 1), (2, 3), (5, 2)] {
            for first in [0, 1_000_003] {
                let mut prefetch = batches(workers, ahead, first);
                for step in first..first + 100 {
                    assert_eq!(prefetch.step(), step);
                    assert_eq!(prefetch.next_batch().unwrap(), &[step; 3]);
                }
            }
        }
    }

    #[test]
    fn buffers_are_made_once_and_workers_run_no_further_than_these() {
        for (workers, ahead, expect) in [(0, 9, 1), (2, 3, 4), (4, 1, 2)] {
            let (mut made, prepared) = (0, Arc::new(AtomicUsize::new(0)));
            let count = prepared.clone();
            let allocate = || made += 1;
            let mut prefetch = Prefetch::new(workers, ahead, 0, allocate, move |_, _| {
                count.fetch_add(1, Ordering::SeqCst);
                Ok(())
            })
            .unwrap();
            (0..50).for_each(|_| prefetch.next_batch().map(|_| ()).unwrap());
            drop(prefetch);
            assert_eq!(made, expect);
            let prepared = prepared.load(Ordering::SeqCst);
            // The consumer has given back 49 buffers.
            assert!((50..=49 + expect).contains(&prepared), "{prepared} batches");
        }
    }

    #[test]
    fn an_error_or_a_panic_comes_at_its_step_and_ends_the_batches() {
        for workers in [0, 1, 3] {
            for (fails, expect) in [(false, "panic: no image 7"), (true, "step 7 has no file")] {
                let prepare = move |step, batch: &mut u64| {
                    *batch = step;
                    ensure!(!fails || step != 7, "step {step} has no file");
                    assert!(step != 7, "no image {step}");
                    Ok(())
                };
                let mut prefetch = Prefetch::new(workers, 4, 5, || 0, prepare).unwrap();
                assert_eq!(*prefetch.next_batch().unwrap(), 5);
                assert_eq!(*prefetch.next_batch().unwrap(), 6);
                let error = format!("{:#}", prefetch.next_batch().unwrap_err());
                assert_eq!(error, format!("cannot prepare the batch of step 7: {expect}"));
                let again = prefetch.next_batch().unwrap_err().to_string();
                assert!(again.contains("after the failed batch of step 7"), "{again}");
            }
        }
    }

    #[test]
    fn a_consumer_that_stops_early_leaves_no_thread_behind() {
        for taken in [0, 1, 5] {
            let alive = Arc::new(());
            let held = alive.clone();
            let mut prefetch = Prefetch::new(
                3,
                2,
                0,
                || 0,
                move |_, _| {
                    let _ = &held;
                    Ok(())
                },
            )
            .unwrap();
            (0..taken).for_each(|_| prefetch.next_batch().map(|_| ()).unwrap());
            drop(prefetch);
            assert_eq!(Arc::strong_count(&alive), 1);
        }
    }

    #[test]
    fn the_drop_waits_for_a_worker_at_work() {
        let (begun, has_begun) = mpsc::channel();
        let finished = Arc::new(AtomicUsize::new(0));
        let count = finished.clone();
        let prefetch = Prefetch::new(
            1,
            1,
            0,
            || (),
            move |_, ()| {
                let _ = begun.send(());
                thread::sleep(Duration::from_millis(5));
                count.fetch_add(1, Ordering::SeqCst);
                Ok(())
            },
        )
        .unwrap();
        has_begun.recv().unwrap();
        drop(prefetch);
        assert!(finished.load(Ordering::SeqCst) >= 1);
    }
}
