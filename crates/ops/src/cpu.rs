//! The threads and the instruction level that operators run on.

use std::cell::RefCell;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use candle_core::{Device, DeviceLocation};

use super::thread_pool::{Barrier, ThreadPool};
use super::{Buffer, Isa};

/// Work of fewer operations than this is not worth waking another thread for.
const MIN_OPERATIONS: usize = 1 << 20;
/// The CPU as operators see it: an instruction level, a pool of threads and buffers that are kept
/// from call to call. Beside it there may be a GPU for operators that have a kernel.
pub struct Cpu {
    gpu: Option<Device>,
    isa: Isa,
    threads: usize,
    pool: Option<ThreadPool>,
    buffers: Mutex<Vec<Buffer>>,
}

impl Cpu {
    /// A pool of `threads` threads at one instruction level.
    ///
    /// # Errors
    /// When the system cannot start the threads.
    pub fn new(isa: Isa, threads: usize) -> anyhow::Result<Self> {
        let threads = threads.max(1);
        let pool = (threads > 1).then(|| ThreadPool::new(threads)).transpose()?;
        Ok(Self { gpu: None, isa, threads, pool, buffers: Mutex::default() })
    }

    /// One thread at the portable level: for plain computations.
    pub fn in_order() -> Self {
        let (gpu, pool, buffers) = (None, None, Mutex::default());
        Self { gpu, isa: Isa::Portable, threads: 1, pool, buffers }
    }

    /// The same with a GPU.
    pub fn with_gpu(self, gpu: Option<Device>) -> Self {
        Self { gpu, ..self }
    }

    /// The GPU, if there is one to be used.
    pub fn gpu(&self) -> Option<&Device> {
        self.gpu.as_ref()
    }

    /// The name of the device that computes: `cpu` or `cuda:N`.
    pub fn device(&self) -> String {
        match self.gpu.as_ref().map(Device::location) {
            Some(DeviceLocation::Cuda { gpu_id }) => format!("cuda:{gpu_id}"),
            Some(DeviceLocation::Metal { gpu_id }) => format!("metal:{gpu_id}"),
            Some(DeviceLocation::Cpu) | None => "cpu".to_string(),
        }
    }

    /// The instruction level.
    pub fn isa(&self) -> Isa {
        self.isa
    }

    /// The number of threads.
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// Whether this many operations are worth more than one thread.
    pub(super) fn shares(&self, operations: usize) -> bool {
        self.threads > 1 && operations >= MIN_OPERATIONS
    }

    /// Runs `work` once on every thread at the same time, or on this one alone where there
    /// are only a few `operations` to do between two barriers. The work must not call this `Cpu`,
    /// whose threads are all at work.
    ///
    /// # Panics
    /// When `work` does on any thread.
    pub fn parallel<F: Fn(&Worker) + Sync>(&self, operations: usize, work: F) {
        let barrier = Barrier::default();
        let worker = |index, count| Worker { index, count, barrier: &barrier };
        match &self.pool {
            Some(pool) if self.shares(operations) => {
                pool.run(&|index| barrier.guard(|| work(&worker(index, self.threads))));
            }
            _ => work(&worker(0, 1)),
        }
    }

    /// Calls `work` for each block of `0..len`, blocks of `block` items: every thread has those of
    /// its share first, then whichever are left.
    pub fn for_blocks<F: Fn(Range<usize>) + Sync>(&self, len: usize, block: usize, work: F) {
        if len <= block || self.threads == 1 {
            (0..len).step_by(block.max(1)).for_each(|start| work(start..len.min(start + block)));
            return;
        }
        let queue = Queue::of_shares(len.div_ceil(block), self.threads);
        self.parallel(usize::MAX, |worker| {
            while let Some(i) = queue.next(worker) {
                work(i * block..len.min((i + 1) * block));
            }
        });
    }

    /// Lends a buffer of `len` values to `work` and keeps it for the next call. Its
    /// values are whatever the last use left.
    pub fn with_buffer<R>(&self, len: usize, work: impl FnOnce(&mut [f32]) -> R) -> R {
        let lent = self.lock_buffers().pop();
        let mut buffer = lent.unwrap_or_default();
        let result = work(buffer.at_least(len));
        self.lock_buffers().push(buffer);
        result
    }

    fn lock_buffers(&self) -> std::sync::MutexGuard<'_, Vec<Buffer>> {
        // A panic elsewhere leaves the list of buffers whole.
        self.buffers.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Lends a buffer that belongs to the calling thread.
pub(super) fn with_thread_buffer<R>(len: usize, work: impl FnOnce(&mut [f32]) -> R) -> R {
    thread_local!(static BUFFER: RefCell<Buffer> = RefCell::default());
    BUFFER.with_borrow_mut(|buffer| work(buffer.at_least(len)))
}

/// One thread of those that work together.
#[derive(Debug)]
pub struct Worker<'a> {
    index: usize,
    count: usize,
    barrier: &'a Barrier,
}

impl Worker<'_> {
    /// Its number, from 0 to their number less one.
    pub fn index(&self) -> usize {
        self.index
    }

    /// This worker's share of `0..len`: contiguous, the shares' sizes differ by one at most.
    pub fn chunk(&self, len: usize) -> Range<usize> {
        len * self.index / self.count..len * (self.index + 1) / self.count
    }

    /// Waits until every worker is here.
    pub fn wait(&self) {
        if self.count > 1 {
            self.barrier.wait(self.count);
        }
    }
}

/// Hands out `0..len` one by one: to each thread from its own share first, since it finds in its cache
/// what it wrote in the operator before, and then from those of the others.
#[derive(Debug)]
pub(super) struct Queue {
    /// The next one of each share.
    next: Vec<AtomicUsize>,
    len: usize,
}

impl Queue {
    /// One share for all, which is handed out in order.
    pub(super) fn in_order(len: usize) -> Self {
        Self::of_shares(len, 1)
    }

    /// As many equal shares as there are threads.
    pub(super) fn of_shares(len: usize, threads: usize) -> Self {
        let start = |share| AtomicUsize::new(len * share / threads);
        Self { next: (0..threads).map(start).collect(), len }
    }

    pub(super) fn next(&self, worker: &Worker) -> Option<usize> {
        let shares = self.next.len();
        (0..shares).map(|other| (worker.index + other) % shares).find_map(|share| {
            let i = self.next[share].fetch_add(1, Ordering::Relaxed);
            (i < self.len * (share + 1) / shares).then_some(i)
        })
    }
}

/// Hands out `0..len` in chunks, to any thread.
#[derive(Debug)]
pub(super) struct Chunks {
    next: AtomicUsize,
    len: usize,
}

impl Chunks {
    pub(super) fn new(len: usize) -> Self {
        Self { next: AtomicUsize::new(0), len }
    }

    /// Guided self-scheduling for `threads` threads: chunks of at most `most` items, shrinking towards
    /// the end so that threads finish together.
    pub(super) fn next_chunk(&self, most: usize, threads: usize) -> Option<Range<usize>> {
        let run = |next: usize| (self.len - next).div_ceil(2 * threads).min(most);
        let more = |next: usize| (next < self.len).then(|| next + run(next));
        let start = self.next.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok()?;
        Some(start..start + run(start))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_meet_at_every_barrier() {
        let cpu = Cpu::new(Isa::Portable, 3).unwrap();
        let count = AtomicUsize::new(0);
        cpu.parallel(usize::MAX, |worker| {
            for round in 1..=50 {
                count.fetch_add(1, Ordering::Relaxed);
                worker.wait();
                assert_eq!(count.load(Ordering::Relaxed), 3 * round);
                worker.wait();
            }
        });
    }

    #[test]
    fn shares_and_blocks_cover_everything_once() {
        for threads in [1, 2, 5] {
            let cpu = Cpu::new(Isa::Portable, threads).unwrap();
            let hits: Vec<AtomicUsize> = (0..103).map(|_| AtomicUsize::new(0)).collect();
            let hit = |range: Range<usize>| {
                hits[range].iter().for_each(|hit| {
                    hit.fetch_add(1, Ordering::Relaxed);
                });
            };
            cpu.for_blocks(103, 10, hit);
            cpu.parallel(usize::MAX, |worker| hit(worker.chunk(103)));
            // A thread alone has the shares of all.
            let queue = Queue::of_shares(103, 7);
            cpu.parallel(0, |worker| {
                while let Some(i) = queue.next(worker) {
                    hit(i..i + 1)
                }
            });
            assert!(hits.iter().all(|hit| hit.load(Ordering::Relaxed) == 3));
        }
    }

    #[test]
    fn chunks_of_a_queue_cover_everything_once_and_are_no_larger_than_asked_for() {
        for (len, most, threads) in [(0, 3, 2), (1, 9, 4), (97, 1, 3), (1000, 40, 5), (64, 64, 1)] {
            let cpu = Cpu::new(Isa::Portable, threads).unwrap();
            let hits: Vec<AtomicUsize> = (0..len).map(|_| AtomicUsize::new(0)).collect();
            let queue = Chunks::new(len);
            cpu.parallel(usize::MAX, |_| {
                while let Some(chunk) = queue.next_chunk(most, threads) {
                    assert!((1..=most).contains(&chunk.len()));
                    hits[chunk].iter().for_each(|hit| {
                        hit.fetch_add(1, Ordering::Relaxed);
                    });
                }
            });
            assert!(hits.iter().all(|hit| hit.load(Ordering::Relaxed) == 1), "{len} {most}");
        }
    }
}
