//! `--device` and `--threads`.

use std::fmt;
use std::str::FromStr;
use std::thread::available_parallelism;

use anyhow::{Error, Result, bail};
use clap::Args;

use super::complete;

/// Where a model runs, as asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeviceChoice {
    /// The first GPU that this tfm can use, else the processor.
    #[default]
    Auto,
    /// The processor.
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
                _ => bail!("\"{text}\" is no device; give auto, cpu, cuda or cuda:N"),
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
    /// auto is the first GPU that this tfm can use, else the processor; cuda:N is the GPU of
    /// number N, counted from 0, and cuda the first.
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
    /// Threads on the processor [default: all cores]
    ///
    /// The results do not depend on it, but for those of word2vec, whose threads change the same
    /// vectors without locks unless train.deterministic is set. TFM_ISA=portable|avx2|avx512 chooses the instructions
    /// that each thread uses; by default they are the best of this machine.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
}

impl ThreadOption {
    /// The number that was asked for, else that of the cores which this process may use.
    pub fn count(&self) -> usize {
        match self.threads {
            Some(threads) => usize::from(threads),
            None => available_parallelism().map_or(1, usize::from),
        }
    }
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
}
