//! Launches of `kernels/neg_sampling.cu`.

use anyhow::{Context, Result, ensure};
use candle_core::cuda_backend::cudarc::driver::sys::{CUdevice_attribute, CUfunction_attribute};
use candle_core::cuda_backend::cudarc::driver::{
    CudaFunction, CudaSlice, LaunchConfig, PushKernelArg,
};
use candle_core::{CudaDevice, Device};

use super::shape::BlockShape;
use super::{Sentences, Sizes, Trained};
use crate::rng::Stream;
use crate::skipgram::NegativeSampler;

/// The kernels as PTX: one constant a file of `kernels`.
mod ptx {
    include!(concat!(env!("OUT_DIR"), "/ptx.rs"));
}

/// The kernel and its file's stem, by which Candle keeps what it has loaded.
const KERNEL: &str = "neg_sampling";

/// Trains windows on a GPU, which holds both tables.
pub struct WindowTrainer {
    device: CudaDevice,
    kernel: CudaFunction,
    shape: BlockShape,
    sizes: Sizes,
    stream: Stream,
    thresholds: CudaSlice<u32>,
    aliases: CudaSlice<u32>,
    w_in: CudaSlice<f32>,
    w_out: CudaSlice<f32>,
}

impl WindowTrainer {
    /// Loads the kernel, and copies `noise` and the tables (ids, width) to `device`. `stream` is
    /// the one that windows and negatives are drawn from.
    ///
    /// # Errors
    /// `device` is not a GPU, a block does not fit on it, or it has too little memory.
    ///
    /// # Panics
    /// When the tables or the noise have another size, or the sizes hold a zero.
    pub fn new(
        device: &Device,
        sizes: Sizes,
        noise: &NegativeSampler,
        stream: Stream,
        w_in: &[f32],
        w_out: &[f32],
    ) -> Result<Self> {
        assert_eq!(
            (w_in.len(), w_out.len()),
            (sizes.values(), sizes.values()),
            "the tables do not match the sizes"
        );
        assert!(sizes.ids > 0 && sizes.width > 0 && sizes.window > 0, "{sizes:?} contains a zero");
        assert_eq!(noise.len(), sizes.ids, "the noise distribution does not match the ids");
        let buckets = noise.buckets().iter();
        let (thresholds, aliases): (Vec<_>, Vec<_>) =
            buckets.map(|slot| (slot.threshold, slot.alias)).unzip();
        let device = device.as_cuda_device()?.clone();
        let (kernel, shape) = load(&device, sizes)?;
        let too_large =
            || format!("cannot copy two tables of {} values to the GPU", sizes.values());
        Ok(Self {
            kernel,
            shape,
            sizes,
            stream,
            thresholds: device.clone_htod(&thresholds)?,
            aliases: device.clone_htod(&aliases)?,
            w_in: device.clone_htod(w_in).with_context(too_large)?,
            w_out: device.clone_htod(w_out).with_context(too_large)?,
            device,
        })
    }

    /// Trains the windows of all sentences, side by side and without locks, and waits for the end.
    ///
    /// # Errors
    /// What CUDA says.
    ///
    /// # Panics
    /// When the lists do not fit each other, or a word is not a valid id.
    pub fn train(&mut self, sentences: Sentences<'_>) -> Result<Trained> {
        sentences.check(self.sizes.ids);
        if sentences.is_empty() {
            return Ok(Trained::default());
        }
        // Nothing is uploaded for sentences that are all empty, so a word stands in.
        let words = if sentences.words.is_empty() { &[0] } else { sentences.words };
        let words = self.device.clone_htod(words)?;
        let starts = self.device.clone_htod(sentences.starts)?;
        let first_numbers = self.device.clone_htod(sentences.first_numbers)?;
        let rates = self.device.clone_htod(sentences.rates)?;
        let mut losses = self.device.alloc_zeros::<f64>(sentences.len())?;
        let mut pairs = self.device.alloc_zeros::<u64>(sentences.len())?;
        let Sizes { ids, width, window, negatives } = self.sizes;
        let [ids, width, window, negatives] = [ids, width, window, negatives].map(|n| n as u32);
        let [key0, key1] = self.stream.key();
        let cuda_stream = self.device.cuda_stream();
        let mut launch = cuda_stream.launch_builder(&self.kernel);
        launch.arg(&mut self.w_in).arg(&mut self.w_out).arg(&ids).arg(&width);
        launch.arg(&self.thresholds).arg(&self.aliases).arg(&key0).arg(&key1);
        launch.arg(&window).arg(&negatives);
        launch.arg(&words).arg(&starts).arg(&first_numbers).arg(&rates);
        launch.arg(&mut losses).arg(&mut pairs);
        let config = LaunchConfig {
            grid_dim: (sentences.len() as u32, 1, 1),
            block_dim: (self.shape.threads as u32, 1, 1),
            shared_mem_bytes: self.shape.shared_bytes as u32,
        };
        // SAFETY: the arguments are those of the kernel, in its order. It reads and writes rows of
        // ids below `ids`, which `check` has seen to, and one number a sentence; `shape` is what
        // its shared memory takes.
        unsafe { launch.launch(config) }.context("cannot launch the kernel neg_sampling")?;
        let losses = self.device.clone_dtoh(&losses).context("the kernel neg_sampling failed")?;
        let pairs = self.device.clone_dtoh(&pairs)?;
        Ok(Trained { loss: losses.iter().sum(), pairs: pairs.iter().sum() })
    }

    /// Copies the tables from the GPU.
    ///
    /// # Errors
    /// What CUDA says.
    ///
    /// # Panics
    /// When a table has another size.
    pub fn download(&self, w_in: &mut [f32], w_out: &mut [f32]) -> Result<()> {
        let values = self.sizes.values();
        assert_eq!(
            (w_in.len(), w_out.len()),
            (values, values),
            "the tables do not match the sizes"
        );
        let cuda_stream = self.device.cuda_stream();
        cuda_stream.memcpy_dtoh(&self.w_in, w_in)?;
        cuda_stream.memcpy_dtoh(&self.w_out, w_out)?;
        cuda_stream.synchronize().context("cannot copy the tables from the GPU")
    }
}

/// The kernel, ready to be launched in blocks of the shape that comes with it.
fn load(device: &CudaDevice, sizes: Sizes) -> Result<(CudaFunction, BlockShape)> {
    let limits = [sizes.ids, sizes.width, sizes.window, sizes.negatives];
    ensure!(
        limits.iter().all(|&n| n <= i32::MAX as usize),
        "{sizes:?} exceed the index range of the GPU"
    );
    let shape = BlockShape::new(sizes);
    let limit = device
        .cuda_stream()
        .context()
        .attribute(CUdevice_attribute::CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN)?;
    shape.check(sizes, limit as usize)?;
    let kernel = device
        .get_or_load_custom_func(KERNEL, KERNEL, ptx::NEG_SAMPLING)
        .context("the GPU's driver cannot load the kernel neg_sampling; a newer driver may")?
        .into_cuda_function();
    // Beyond 48 KiB a kernel has to ask.
    kernel.set_attribute(
        CUfunction_attribute::CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES,
        shape.shared_bytes as i32,
    )?;
    Ok((kernel, shape))
}
