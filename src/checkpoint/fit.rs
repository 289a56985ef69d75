//! Whether a checkpoint is the model's.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use safetensors::Dtype;

use super::Checkpoint;

impl Checkpoint {
    /// Compares model, names, types and shapes: exactly these tensors and no other.
    ///
    /// # Errors
    /// Every difference, a line each.
    pub fn expect<S: AsRef<str>, D: AsRef<[usize]>>(
        &self,
        model: &str,
        tensors: &[(S, Dtype, D)],
    ) -> Result<()> {
        let expected = table(tensors);
        let mut found = self.misfits(model, &expected);
        for (name, info) in &self.header.infos {
            if !expected.contains_key(name.as_str()) {
                found.push(format!("unexpected: {name} {}", shown(info.dtype, &info.shape)));
            }
        }
        self.report(model, &found)
    }

    /// As [`expect`](Self::expect), but other tensors may be there too: for a run that takes
    /// another's parameters and not its state.
    ///
    /// # Errors
    /// Every difference, a line each.
    pub fn expect_among<S: AsRef<str>, D: AsRef<[usize]>>(
        &self,
        model: &str,
        tensors: &[(S, Dtype, D)],
    ) -> Result<()> {
        self.report(model, &self.misfits(model, &table(tensors)))
    }

    fn misfits(&self, model: &str, expected: &Table<'_>) -> Vec<String> {
        let mut found = Vec::new();
        if self.meta.model != model {
            found.push(format!("model: {model} expected, {} in the file", self.meta.model));
        }
        for (&name, &(dtype, shape)) in expected {
            let expected = shown(dtype, shape);
            match self.header.infos.get(name) {
                None => found.push(format!("missing: {name} {expected}")),
                Some(info) if info.dtype != dtype || info.shape != shape => {
                    let actual = shown(info.dtype, &info.shape);
                    found.push(format!(
                        "other shape: {name} {expected} expected, {actual} in the file"
                    ));
                }
                Some(_) => {}
            }
        }
        found
    }

    fn report(&self, model: &str, found: &[String]) -> Result<()> {
        if found.is_empty() {
            return Ok(());
        }
        bail!(
            "the checkpoint {} does not fit this {model}:\n  {}",
            self.path.display(),
            found.join("\n  ")
        )
    }
}

type Table<'a> = BTreeMap<&'a str, (Dtype, &'a [usize])>;

fn table<S: AsRef<str>, D: AsRef<[usize]>>(tensors: &[(S, Dtype, D)]) -> Table<'_> {
    tensors.iter().map(|(name, dtype, shape)| (name.as_ref(), (*dtype, shape.as_ref()))).collect()
}

fn shown(dtype: Dtype, shape: &[usize]) -> String {
    format!("{dtype} {shape:?}")
}
