//! How threads share the steps of stochastic gradient descent.

use std::ops::AddAssign;
use std::sync::{Mutex, PoisonError};

use crate::Cpu;
use crate::cpu::Queue;

/// In what order sentences or batches are trained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Updates {
    /// All threads take work from a queue and change the tables without locks (Hogwild, Recht et
    /// al., 2011): the fastest, and never twice the same with more than one thread.
    Hogwild,
    /// One after another on one thread: the same bits for any number of threads.
    Sequential,
}

/// The loss over pairs of input and label: the mean is `sum / pairs`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Loss {
    /// -log σ(x) of the labels and -log σ(-x) of the negatives, in nats.
    pub sum: f64,
    /// The number of pairs of input and label.
    pub pairs: u64,
}

impl AddAssign for Loss {
    fn add_assign(&mut self, other: Self) {
        self.sum += other.sum;
        self.pairs += other.pairs;
    }
}

impl Updates {
    /// The sum of `train(thread, i)` for the `len` pieces of work i.
    pub(crate) fn sum<F: Fn(usize, usize) -> Loss + Sync>(
        self,
        cpu: &Cpu,
        len: usize,
        train: F,
    ) -> Loss {
        let mut loss = Loss::default();
        match self {
            Updates::Sequential => (0..len).for_each(|i| loss += train(0, i)),
            Updates::Hogwild => {
                let queue = Queue::in_order(len);
                let total = Mutex::new(&mut loss);
                cpu.parallel(usize::MAX, |worker| {
                    let mut own = Loss::default();
                    while let Some(i) = queue.next(worker) {
                        own += train(worker.index(), i);
                    }
                    // A panic elsewhere leaves the sum whole.
                    **total.lock().unwrap_or_else(PoisonError::into_inner) += own;
                });
            }
        }
        loss
    }
}
