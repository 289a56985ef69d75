//! Threads that share a piece of work.

use std::io;
use std::panic::resume_unwind;
use std::sync::{Mutex, PoisonError};
use std::thread::{self, Builder};

use anyhow::{Error, Result, anyhow};

/// What helps where the number of threads is not the user's choice.
const LIMIT: &str = "raise the process limit (ulimit -u, or the container's)";

/// Calls `work` for all `parts` at the same time, each on a thread of its own, the first on the
/// calling one. The results are in the order of the parts.
///
/// # Errors
/// When the system cannot start a thread; no work is begun then.
///
/// # Panics
/// When `work` does.
pub fn for_each<P: Send, T: Send>(
    parts: impl IntoIterator<Item = P>,
    work: impl Fn(P) -> T + Sync,
) -> Result<Vec<T>> {
    let mut parts = parts.into_iter();
    let Some(first) = parts.next() else { return Ok(Vec::new()) };
    let others: Vec<P> = parts.collect();
    let count = 1 + others.len();
    let is_complete = Mutex::new(false);
    // A panic elsewhere leaves the flag whole.
    let lock = || is_complete.lock().unwrap_or_else(PoisonError::into_inner);
    thread::scope(|scope| {
        let mut gate = lock();
        let (lock, work) = (&lock, &work);
        let start = |part| {
            let work = move || {
                let may_begin = *lock();
                may_begin.then(|| work(part))
            };
            Builder::new()
                .spawn_scoped(scope, work)
                .map_err(|error| cannot_start(count, &error, LIMIT))
        };
        let threads = others.into_iter().map(start).collect::<Result<Vec<_>>>()?;
        *gate = true;
        drop(gate);
        let mut results = vec![work(first)];
        for thread in threads {
            results.extend(thread.join().unwrap_or_else(|panic| resume_unwind(panic)));
        }
        Ok(results)
    })
}

/// Finds out whether another thread can be started, for libraries that panic where none can.
///
/// # Errors
/// None can.
pub fn expect_another() -> Result<()> {
    let thread = Builder::new().spawn(|| ());
    let thread = thread.map_err(|error| anyhow!("cannot start a thread: {error}; {LIMIT}"))?;
    thread.join().map_err(|_| anyhow!("a thread failed"))
}

/// The error of threads that the system does not start, with the way out.
pub fn cannot_start(count: usize, error: &io::Error, way_out: &str) -> Error {
    anyhow!("cannot start {count} threads: {error}; {way_out}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_in_the_order_of_the_parts() {
        assert_eq!(for_each([1, 2, 3], |part| 10 * part).unwrap(), [10, 20, 30]);
        assert!(for_each(Vec::<i32>::new(), |part| part).unwrap().is_empty());
        let mut numbers = [1, 2];
        for_each(&mut numbers, |number| *number += 1).unwrap();
        assert_eq!(numbers, [2, 3]);
    }

    #[test]
    fn a_panic_of_any_part_reaches_the_caller() {
        for bad in [0, 1] {
            let work = |part: i32| assert_ne!(part, bad, "as the test wants");
            assert!(std::panic::catch_unwind(|| for_each([0, 1], work)).is_err());
        }
    }

    #[test]
    fn the_error_says_the_way_out() {
        let error = io::Error::other("no more");
        let error = cannot_start(8, &error, "give a lower --threads").to_string();
        assert_eq!(error, "cannot start 8 threads: no more; give a lower --threads");
    }
}
