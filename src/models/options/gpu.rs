//! The GPU that the options ask for.

use anyhow::{Result, bail};
use candle_core::{Device, Error};

use super::{DeviceChoice, DeviceOptions};

impl DeviceOptions {
    /// The GPU that a model with operators for it runs on, or none: then it is the processor of
    /// [`cpu`](Self::cpu). With `auto` a message of a build
    /// with CUDA says why it is the processor.
    ///
    /// # Errors
    /// `--device cuda` where there is no such GPU, or in a build without CUDA.
    pub fn gpu(&self) -> Result<Option<Device>> {
        match self.device {
            DeviceChoice::Cpu => Ok(None),
            DeviceChoice::Cuda(number) => match open(number) {
                Ok(gpu) => Ok(Some(gpu)),
                Err(why) => bail!("--device {}: {why}; use --device cpu", self.device),
            },
            DeviceChoice::Auto => match open(0) {
                Ok(gpu) => Ok(Some(gpu)),
                Err(why) => {
                    // A build without CUDA was not meant to find one.
                    if cfg!(feature = "cuda") {
                        tracing::info!("Running on the processor: {why}");
                    }
                    Ok(None)
                }
            },
        }
    }
}

/// The GPU of that number, or why there is none.
fn open(number: usize) -> Result<Device, String> {
    // `cuda_if_available` would be an error, too, where a build with CUDA finds no GPU.
    Device::new_cuda(number).map_err(|error| match error {
        Error::NotCompiledWithCudaSupport => {
            "this tfm is built without CUDA (cargo build --features cuda)".to_owned()
        }
        error => {
            // The first line: a backtrace may follow.
            let text = error.to_string();
            format!("there is no such GPU ({})", text.lines().next().unwrap_or_default())
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gpu(device: DeviceChoice) -> Result<Option<Device>> {
        DeviceOptions { device, ..DeviceOptions::default() }.gpu()
    }

    #[test]
    fn a_gpu_that_is_not_there_is_an_error_that_says_a_hint() {
        // No machine has that many.
        let error = gpu(DeviceChoice::Cuda(1000)).unwrap_err().to_string();
        let why = if cfg!(feature = "cuda") { "no such GPU" } else { "built without CUDA" };
        assert!(error.starts_with("--device cuda:1000: ") && error.contains(why), "{error}");
        assert!(error.ends_with("use --device cpu"), "{error}");
    }

    #[test]
    fn without_a_gpu_auto_is_the_processor() {
        assert!(gpu(DeviceChoice::Cpu).unwrap().is_none());
        if !cfg!(feature = "cuda") {
            assert!(gpu(DeviceChoice::Auto).unwrap().is_none());
        }
    }
}
