//! Names of nodes and of their outputs.

use std::fmt;
use std::str::FromStr;

use anyhow::{Error, Result, bail, ensure};

/// The longest name that is read. Those of TensorFlow's own models stay below 300 bytes.
const MAX_BYTES: usize = 4096;
/// The largest number of an output.
const MAX_OUTPUT: usize = 65_535;

/// An output of a node as people and TensorFlow write it: `node:output`, or `node` for its first.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TensorName {
    /// The node's name.
    pub node: String,
    /// Which of its outputs.
    pub output: usize,
}

impl FromStr for TensorName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        ensure!(!text.starts_with('^'), "{text:?} is not a tensor: ^ marks a control dependency");
        let (node, output) = match text.rsplit_once(':') {
            None => (text, 0),
            Some((node, output)) => match output.parse() {
                Ok(output) if output <= MAX_OUTPUT => (node, output),
                _ => bail!("{text:?} is not a tensor: an output number must follow the colon"),
            },
        };
        check(node, "a node")?;
        Ok(Self { node: node.to_owned(), output })
    }
}

impl fmt::Display for TensorName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.node, self.output)
    }
}

/// Refuses what cannot be the name of `what` and would spoil a message.
pub(super) fn check(name: &str, what: &str) -> Result<()> {
    ensure!(!name.is_empty(), "the name of {what} is empty");
    let is_name = |c: char| !c.is_control() && !c.is_whitespace() && c != ':' && c != '^';
    if name.len() > MAX_BYTES || !name.chars().all(is_name) {
        let start: String = name.chars().take(60).collect();
        bail!(
            "{start:?} is not a valid name of {what}: it has spaces, special characters or more \
             than {MAX_BYTES} bytes"
        );
    }
    Ok(())
}

/// The names among `known` that a wrong one most likely stands for: up to three, the nearest first.
///
/// The same in other letters comes first, then the same last part in another scope, then few edits.
pub(super) fn near<'a>(wrong: &str, known: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let most = (wrong.chars().count() / 3).max(2);
    let ranked = known.filter_map(|name| Some((rank(wrong, name, most)?, name)));
    let mut ranked: Vec<_> = ranked.collect();
    ranked.sort_unstable();
    ranked.into_iter().take(3).map(|(_, name)| name).collect()
}

fn rank(wrong: &str, name: &str, most: usize) -> Option<(u8, usize)> {
    let last = |name: &str| name.rsplit('/').next().unwrap_or(name).to_lowercase();
    if wrong.eq_ignore_ascii_case(name) {
        return Some((0, 0));
    }
    if last(wrong) == last(name) {
        return Some((1, name.len()));
    }
    if wrong.len().abs_diff(name.len()) > most {
        return None;
    }
    let edits = strsim::damerau_levenshtein(wrong, name);
    (edits <= most).then_some((2, edits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_an_output() {
        let name: TensorName = "pool_3/_reshape:1".parse().unwrap();
        assert_eq!((&*name.node, name.output), ("pool_3/_reshape", 1));
        let name: TensorName = "softmax".parse().unwrap();
        assert_eq!(name.to_string(), "softmax:0");
        for wrong in ["^a", "", ":0", "a:b", "a:", "a:-1", "a:70000", "a b", "a:b:0", "a\x1b[0m"] {
            assert!(wrong.parse::<TensorName>().is_err(), "{wrong}");
        }
        assert!(check(&"a".repeat(MAX_BYTES + 1), "a node").unwrap_err().to_string().len() < 200);
    }

    #[test]
    fn near_names_come_by_likeness() {
        let known = ["softmax", "softmax/logits", "SoftMax1", "pool_3", "tower/pool_3", "Mul"];
        let near = |wrong| near(wrong, known.into_iter());
        assert_eq!(near("softmx"), ["softmax"]);
        assert_eq!(near("import/softmax"), ["softmax"]);
        assert_eq!(near("Softmax1"), ["SoftMax1", "softmax"]);
        assert_eq!(near("pool_3x"), ["pool_3"]);
        assert_eq!(near("image_tensor"), Vec::<&str>::new());
    }
}
