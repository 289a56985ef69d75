//! Vectors as a safetensors file.

use std::collections::HashMap;

use anyhow::{Context, Result};
use safetensors::Dtype;
use safetensors::tensor::{TensorView, serialize};

use super::super::ENTRY;
use super::super::vectors::WordVectors;

/// The tensors `vectors` (V, D) of `f32`, `words` (bytes) of `u8`, which are the words in UTF-8
/// with a line feed between each two, and `counts` (V) of `i64` where counts are known. The words
/// are a tensor since the format limits the size of its metadata.
///
/// In Python: `bytes(tensors["words"]).decode().split("\n")`.
pub(super) fn to_bytes(vectors: &WordVectors) -> Result<Vec<u8>> {
    let (n, width) = (vectors.len(), vectors.width());
    let rows: Vec<u8> = vectors.rows().iter().flat_map(|value| value.to_le_bytes()).collect();
    // A word of a vocabulary holds no line feed.
    let text = vectors.vocabulary().to_text();
    let words = text.strip_suffix('\n').unwrap_or(&text).as_bytes();
    let counts = vectors.counts().map(|counts| -> Result<Vec<u8>> {
        let count = |&count: &u64| i64::try_from(count).context("a count is too large");
        let counts: Vec<i64> = counts.iter().map(count).collect::<Result<_>>()?;
        Ok(counts.iter().flat_map(|count| count.to_le_bytes()).collect())
    });
    let counts = counts.transpose()?;
    let mut tensors = vec![
        ("vectors", TensorView::new(Dtype::F32, vec![n, width], &rows)?),
        ("words", TensorView::new(Dtype::U8, vec![words.len()], words)?),
    ];
    if let Some(counts) = &counts {
        tensors.push(("counts", TensorView::new(Dtype::I64, vec![n], counts)?));
    }
    let about = HashMap::from([
        ("model".to_owned(), ENTRY.name.to_owned()),
        ("words".to_owned(), "UTF-8, with a line feed between each two words".to_owned()),
    ]);
    Ok(serialize(tensors, Some(about))?)
}
