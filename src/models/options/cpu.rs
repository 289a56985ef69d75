//! The processor that the options ask for.

use anyhow::{Result, bail};

use super::{DeviceChoice, DeviceOptions};
use crate::ops::{Cpu, Isa};

impl DeviceOptions {
    /// The processor, at the instruction level of `TFM_ISA`, where the options ask for it.
    ///
    /// # Errors
    /// A GPU is asked for, which this verb of `model` cannot use; `TFM_ISA` is wrong.
    pub fn cpu(&self, model: &str) -> Result<Cpu> {
        if let DeviceChoice::Cuda(_) = self.device {
            bail!(
                "--device {}: this command of {model} runs on the processor only; use --device cpu",
                self.device
            );
        }
        self.processor()
    }

    /// The processor, at the instruction level of `TFM_ISA`, whatever the device.
    ///
    /// # Errors
    /// `TFM_ISA` is wrong.
    pub fn processor(&self) -> Result<Cpu> {
        Cpu::new(Isa::from_environment()?, self.threads.count())
    }
}
