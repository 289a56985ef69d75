//! The instruction level that the CPU operators run at, found at run time.

use std::str::FromStr;

use super::simd::{Kernel, Portable};
#[cfg(target_arch = "x86_64")]
use super::simd::{avx2, avx512};

/// The environment variable that forces a level.
pub const ISA_VARIABLE: &str = "TFM_ISA";

/// An instruction level: which vector instructions the f32 operators use.
///
/// Two levels may round differently; one level always gives the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Isa {
    /// Plain Rust, the same on every machine.
    Portable,
    /// AVX2 with fused multiply-add.
    Avx2,
    /// AVX-512 (F, BW, DQ, VL).
    Avx512,
}

impl Isa {
    /// Every level, the slowest first.
    pub const ALL: [Isa; 3] = [Isa::Portable, Isa::Avx2, Isa::Avx512];

    /// The levels that this machine can run, the slowest first.
    pub fn available() -> Vec<Isa> {
        Self::ALL.into_iter().filter(|isa| isa.is_supported()).collect()
    }

    /// The fastest level of this machine, or the one that `TFM_ISA` names.
    ///
    /// # Errors
    /// When `TFM_ISA` names no level, or one that this machine lacks.
    pub fn from_environment() -> anyhow::Result<Isa> {
        let Some(name) = std::env::var_os(ISA_VARIABLE) else {
            return Ok(Self::available().pop().unwrap_or(Isa::Portable));
        };
        let name = name.to_string_lossy();
        let isa: Isa = name.parse()?;
        anyhow::ensure!(
            isa.is_supported(),
            "{ISA_VARIABLE}={name}: this machine lacks {name}; it has {}",
            names(&Self::available())
        );
        Ok(isa)
    }

    /// The name that `TFM_ISA` and the run folder use.
    pub fn name(self) -> &'static str {
        match self {
            Isa::Portable => "portable",
            Isa::Avx2 => "avx2",
            Isa::Avx512 => "avx512",
        }
    }

    /// Runs `kernel` compiled for this level.
    ///
    /// # Panics
    /// When this machine lacks the level: an [`Isa`] is made by [`Isa::from_environment`]
    /// or [`Isa::available`], which check it.
    #[inline]
    pub fn run<K: Kernel>(self, kernel: K) -> K::Output {
        match self {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => avx512::run(kernel),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => avx2::run(kernel),
            _ => kernel.run::<Portable>(),
        }
    }

    /// The most rows that a matrix kernel keeps in registers at this level.
    pub fn max_rows(self) -> usize {
        match self {
            Isa::Portable => 2,
            Isa::Avx2 => 6,
            Isa::Avx512 => 14,
        }
    }

    fn is_supported(self) -> bool {
        match self {
            Isa::Portable => true,
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => avx2::is_supported(),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => avx512::is_supported(),
            #[cfg(not(target_arch = "x86_64"))]
            _ => false,
        }
    }
}

impl FromStr for Isa {
    type Err = anyhow::Error;

    fn from_str(name: &str) -> anyhow::Result<Self> {
        Self::ALL.into_iter().find(|isa| isa.name() == name).ok_or_else(|| {
            anyhow::anyhow!("{ISA_VARIABLE}={name} must be one of {}", names(&Self::ALL))
        })
    }
}

fn names(levels: &[Isa]) -> String {
    levels.iter().map(|isa| isa.name()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        for isa in Isa::ALL {
            assert_eq!(isa.name().parse::<Isa>().unwrap(), isa);
        }
        assert!("sse9".parse::<Isa>().unwrap_err().to_string().contains("portable, avx2, avx512"));
    }

    #[test]
    fn every_machine_has_the_portable_level() {
        assert_eq!(Isa::available()[0], Isa::Portable);
    }
}
