//! The parts that data is divided into.

use std::fmt;
use std::str::FromStr;

use anyhow::Result;

/// A part of the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Split {
    /// What the parameters are fitted to.
    Train,
    /// What is looked at while a run is under way.
    Valid,
    /// What a run is judged by.
    Test,
}

impl Split {
    /// Every split, in the order of its discriminants.
    pub const ALL: [Split; 3] = [Split::Train, Split::Valid, Split::Test];

    /// `train`, `valid` or `test`.
    pub const fn name(self) -> &'static str {
        match self {
            Split::Train => "train",
            Split::Valid => "valid",
            Split::Test => "test",
        }
    }
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Split {
    type Err = anyhow::Error;

    fn from_str(name: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|split| split.name() == name).ok_or_else(|| {
            anyhow::anyhow!("{name:?} is not a split; the splits are train, valid and test")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_split_is_read_by_its_name() {
        for (i, split) in Split::ALL.into_iter().enumerate() {
            assert_eq!(split as usize, i);
            assert_eq!(split.to_string().parse::<Split>().unwrap(), split);
        }
        assert_eq!("Test".parse::<Split>().unwrap_err().to_string().find("\"Test\""), Some(0));
    }
}
