//! `--device` and `--threads`.

use std::fmt;
use std::str::FromStr;
use std::thread::available_parallelism;

use anyhow::{Error, Result, bail};
use candle_core::Device;
use clap::Args;

use super::complete;
use crate::ops::{Cpu, Isa};

/// Where a model runs, as asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeviceChoice {
    /// The first GPU that this tfm can use, else the CPU.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// The GPU of that number, counted from 0.
    Cuda(usize),
}

impl FromStr for DeviceChoice {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "auto" => Ok(Self::Auto),
            "cpu" => Ok(Self::Cpu),
            "cuda" => Ok(Self::Cuda(0)),
            _ => match text.strip_prefix("cuda:").map(str::parse) {
                Some(Ok(number)) => Ok(Self::Cuda(number)),
                _ => bail!("\"{text}\" is not a valid device; give auto, cpu, cuda or cuda:N"),
            },
        }
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(number) => write!(f, "cuda:{number}"),
        }
    }
}

/// `--device` and `--threads`.
#[derive(Args, Clone, Copy, Debug, Default)]
#[command(about = None, long_about = None)]
pub struct DeviceOptions {
    /// Where to run: auto, cpu, cuda or cuda:N
    ///
    /// auto is the first GPU that this tfm can use, else the CPU; cuda:N is GPU number N, counted
    /// from 0, and cuda the first.
    #[arg(long, value_name = "auto|cpu|cuda:N", default_value_t, add = complete::devices())]
    pub device: DeviceChoice,

    /// How many threads.
    #[command(flatten)]
    pub threads: ThreadOption,
}

/// `--threads`.
#[derive(Args, Clone, Copy, Debug, Default)]
#[command(about = None, long_about = None)]
pub struct ThreadOption {
    /// Threads on the CPU [default: all cores]
    ///
    /// Results do not depend on it, except for word2vec, whose threads update the same vectors without
    /// locks unless train.deterministic is set. TFM_ISA=portable|avx2|avx512 selects the instruction
    /// set; the default is the best that this machine has.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
}

impl ThreadOption {
    /// The requested number, else the number of cores that this process may use.
    pub fn count(&self) -> usize {
        match self.threads {
            Some(threads) => usize::from(threads),
            None => available_parallelism().map_or(1, usize::from),
        }
    }
}

impl DeviceOptions {
    /// The CPU at the instruction level of `TFM_ISA`, for a verb that cannot use a GPU.
    ///
    /// # Errors
    /// `--device` names a GPU, which this verb of `model` cannot use, or `TFM_ISA` is invalid.
    pub fn cpu(&self, model: &str) -> Result<Cpu> {
        if let DeviceChoice::Cuda(_) = self.device {
            bail!(
                "--device {}: this command of {model} runs only on the CPU; use --device cpu",
                self.device
            );
        }
        self.processor()
    }

    /// The CPU at the instruction level of `TFM_ISA`, whatever the device.
    ///
    /// # Errors
    /// `TFM_ISA` is invalid.
    pub fn processor(&self) -> Result<Cpu> {
        Cpu::new(Isa::from_environment()?, self.threads.count())
    }
}

impl DeviceOptions {
    /// The GPU to run on, or `None` for the CPU. With `auto`, a build with CUDA logs why it runs on
    /// the CPU.
    ///
    /// # Errors
    /// `--device cuda` without such a GPU, or in a build without CUDA.
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
                        tracing::info!("Running on the CPU: {why}");
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
        candle_core::Error::NotCompiledWithCudaSupport => {
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

    #[test]
    fn devices_read_as_they_are_written() {
        for device in [DeviceChoice::Auto, DeviceChoice::Cpu, DeviceChoice::Cuda(3)] {
            assert_eq!(device.to_string().parse::<DeviceChoice>().unwrap(), device);
        }
        assert_eq!("cuda".parse::<DeviceChoice>().unwrap(), DeviceChoice::Cuda(0));
        for text in ["", "cuda:", "cuda:-1", "cuda:x", "CPU"] {
            let error = text.parse::<DeviceChoice>().unwrap_err().to_string();
            assert!(error.contains("give auto, cpu, cuda or cuda:N"), "{error}");
        }
    }

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
