//! Vectors as a safetensors file.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use safetensors::tensor::{TensorView, serialize};
use safetensors::{Dtype, SafeTensors};

use super::super::ENTRY;
use super::super::vectors::WordVectors;
use super::read::ImportOptions;
use super::table::VectorTable;
use crate::system::mapped;
use crate::system::wording::{by_number, counted};

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

/// Reads what [`to_bytes`] writes.
pub(super) fn read(path: &Path, options: ImportOptions) -> Result<VectorTable<'_>> {
    let cannot = || format!("cannot read the tensors of {}", path.display());
    let bytes = mapped::open(path).with_context(cannot)?;
    let tensors = SafeTensors::deserialize(&bytes).with_context(cannot)?;
    let find = |name: &str, dtype| {
        let tensor = tensors.tensor(name).ok().filter(|tensor| tensor.dtype() == dtype);
        tensor.with_context(|| {
            format!(
                "{} has no tensor {name} of {dtype:?}; the tensors are vectors of F32, words of U8 \
                 and counts of I64, as `tfm export word2vec --format safetensors` writes them",
                path.display()
            )
        })
    };
    let (vectors, words) = (find("vectors", Dtype::F32)?, find("words", Dtype::U8)?);
    let &[n, width] = vectors.shape() else {
        bail!(
            "{}: the tensor vectors has the shape {:?}, not words × values",
            path.display(),
            vectors.shape()
        )
    };
    let words = std::str::from_utf8(words.data())
        .with_context(|| format!("{}: the tensor words is not UTF-8", path.display()))?;
    let words: Vec<&str> = words.split('\n').collect();
    // Without values there may be any number of vectors.
    ensure!(width > 0, "{}: its vectors have no values", path.display());
    let counts = match tensors.tensor("counts") {
        Ok(_) => find("counts", Dtype::I64)?.data().to_vec(),
        Err(_) => vec![0; 8 * words.len()],
    };
    let (counts, _) = counts.as_chunks::<8>();
    ensure!(
        words.len() == n && counts.len() == n,
        "{}: {n} {} {} and {}",
        path.display(),
        by_number(n, "vector has", "vectors have"),
        counted(words.len(), "word"),
        counted(counts.len(), "count")
    );
    let mut table = VectorTable::new(path, options, width, Some(n))?;
    let rows = vectors.data().chunks(size_of::<f32>() * width.max(1));
    for (index, ((&word, count), row)) in words.iter().zip(counts).zip(rows).enumerate() {
        if table.is_full() {
            break;
        }
        let place = || format!("{}, word {}", path.display(), index + 1);
        table.add(place, |rows| {
            let (values, _) = row.as_chunks::<4>();
            rows.extend(values.iter().map(|value| f32::from_le_bytes(*value)));
            Ok((word, i64::from_le_bytes(*count).try_into().context("a negative count")?))
        })?;
    }
    Ok(table)
}
