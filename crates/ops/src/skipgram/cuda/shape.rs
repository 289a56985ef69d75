//! The threads and the shared memory of a block of `kernels/neg_sampling.cu`.

use anyhow::{Result, ensure};

use super::Sizes;

/// Threads of a warp.
const WARP: usize = 32;
/// `MAX_THREADS` of the kernel.
const MAX_THREADS: usize = 256;
/// Columns a thread updates at once: `COLUMNS` of the kernel.
const COLUMNS: usize = 2;
/// Inputs a thread updates at once: `INPUTS` of the kernel.
const INPUTS: usize = 8;
/// Numbers in front of a plan: `SIZES` of the kernel.
const PLAN_SIZES: usize = 5;

/// What a block of threads takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BlockShape {
    /// Threads, in whole warps.
    pub threads: usize,
    /// Bytes of dynamic shared memory.
    pub shared_bytes: usize,
}

impl BlockShape {
    /// The shape for these sizes, laid out as in the kernel.
    pub fn new(sizes: Sizes) -> Self {
        // Two warps at least: they plan the next window side by side.
        let threads = sizes.width.div_ceil(COLUMNS).next_multiple_of(WARP);
        let threads = threads.clamp(2 * WARP, MAX_THREADS);
        let targets = 1 + sizes.negatives;
        let (inputs, buckets) = (2 * sizes.window, 2 * sizes.window + 1);
        // An odd number of half lines of banks: neighbouring rows can be read at once.
        let stride = (sizes.width + 16).next_multiple_of(32) - 16;
        let rows = (buckets + targets) * stride;
        let gradients = targets * inputs.next_multiple_of(INPUTS);
        let plan = PLAN_SIZES + 2 * targets + 2 * inputs;
        Self { threads, shared_bytes: 4 * (rows + gradients + targets + 2 * plan) }
    }

    /// Whether a GPU that gives a block `limit` bytes of shared memory can run it.
    ///
    /// # Errors
    /// It cannot; the message says what to make smaller.
    pub fn check(&self, sizes: Sizes, limit: usize) -> Result<()> {
        ensure!(
            self.shared_bytes <= limit,
            "a window of {} words and {} negatives with vectors of {} takes {} bytes of shared \
             memory, but this GPU allows {limit} per block: make one of the three smaller, or use \
             --device cpu",
            sizes.window,
            sizes.negatives,
            sizes.width,
            self.shared_bytes
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(width: usize, window: usize, negatives: usize) -> BlockShape {
        BlockShape::new(Sizes { ids: 1, width, window, negatives })
    }

    #[test]
    fn blocks_have_the_shape_that_the_kernel_counts_on() {
        // (11 + 26) rows of 208, 26 · 16 gradients, 26 draws, two plans of 5 + 52 + 20.
        let bytes = 4 * (37 * 208 + 26 * 16 + 26 + 2 * 77);
        assert_eq!(shape(200, 5, 25), BlockShape { threads: 128, shared_bytes: bytes });
        // (3 + 2) rows of 16, 2 · 8 gradients, 2 draws, two plans of 5 + 4 + 4.
        let bytes = 4 * (5 * 16 + 16 + 2 + 26);
        assert_eq!(shape(1, 1, 1), BlockShape { threads: 64, shared_bytes: bytes });
        assert_eq!(shape(5000, 5, 5).threads, 256);
        assert_eq!(shape(300, 5, 5).threads, 160);
    }

    #[test]
    fn what_does_not_fit_says_what_to_make_smaller() {
        let sizes = Sizes { ids: 1, width: 1000, window: 5, negatives: 25 };
        let shape = BlockShape::new(sizes);
        assert!(shape.check(sizes, 227 * 1024).is_ok());
        let error = shape.check(sizes, 64 * 1024).unwrap_err().to_string();
        assert!(error.contains("25 negatives with vectors of 1000 takes 151568 bytes"), "{error}");
        assert!(error.contains("allows 65536 per block"), "{error}");
    }
}
