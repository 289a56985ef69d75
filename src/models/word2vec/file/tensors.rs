//! Vectors as a safetensors file.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorView, serialize};

use super::super::ENTRY;
use super::super::vectors::WordVectors;
use super::binary::read_values;
use super::read::ImportOptions;
use super::table::VectorTable;

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

/// The longest header, as the format has it.
const MAX_HEADER: u64 = 100_000_000;

/// Reads what [`to_bytes`] writes.
pub(super) fn read(path: &Path, options: ImportOptions) -> Result<VectorTable<'_>> {
    let mut file = Tensors::open(path)?;
    let (shape, _) = file.find("vectors", Dtype::F32)?;
    let &[n, width] = &shape[..] else {
        anyhow::bail!(
            "{}: the tensor vectors has the shape {shape:?}, not words × values",
            path.display()
        )
    };
    let words = String::from_utf8(file.bytes("words", Dtype::U8)?)
        .with_context(|| format!("{}: the tensor words is not UTF-8", path.display()))?;
    let counts = match file.infos.info("counts") {
        Some(_) => file.bytes("counts", Dtype::I64)?,
        None => vec![0; 8 * n],
    };
    let (counts, _) = counts.as_chunks::<8>();
    let words: Vec<&str> = words.split('\n').collect();
    ensure!(
        words.len() == n && counts.len() == n,
        "{}: {n} vectors have {} words and {} counts",
        path.display(),
        words.len(),
        counts.len()
    );
    let mut table = VectorTable::new(path, options, width, Some(n))?;
    let (_, start) = file.find("vectors", Dtype::F32)?;
    file.file.seek(SeekFrom::Start(start))?;
    for (index, (&word, count)) in words.iter().zip(counts).enumerate() {
        if table.is_full() {
            break;
        }
        table.add(
            || format!("{}, word {}", path.display(), index + 1),
            |rows| {
                read_values(&mut file.file, width, rows)?;
                Ok((word, i64::from_le_bytes(*count).try_into().context("a negative count")?))
            },
        )?;
    }
    Ok(table)
}

/// A safetensors file whose tensors are read one by one.
struct Tensors<'a> {
    path: &'a Path,
    file: BufReader<File>,
    infos: Metadata,
    data_start: u64,
}

impl<'a> Tensors<'a> {
    fn open(path: &'a Path) -> Result<Self> {
        let place = || format!("cannot read the tensors of {}", path.display());
        let file = File::open(path).with_context(place)?;
        let bytes = file.metadata().with_context(place)?.len();
        let mut file = BufReader::new(file);
        let mut size = [0; 8];
        file.read_exact(&mut size).with_context(place)?;
        let (size, mut header) = (u64::from_le_bytes(size), Vec::new());
        ensure!(size <= MAX_HEADER, "{}: its header says {size} bytes", path.display());
        file.by_ref().take(size).read_to_end(&mut header).with_context(place)?;
        let infos: Metadata = serde_json::from_slice(&header).with_context(place)?;
        let (data, expected) = (bytes.saturating_sub(8 + size), infos.data_len() as u64);
        ensure!(
            data == expected,
            "{}: its tensors have {data} of {expected} bytes",
            path.display()
        );
        Ok(Self { path, file, infos, data_start: 8 + size })
    }

    /// The shape of a tensor and its place in the file.
    fn find(&self, name: &str, dtype: Dtype) -> Result<(Vec<usize>, u64)> {
        let info = self.infos.info(name).filter(|info| info.dtype == dtype).with_context(|| {
            format!(
                "{} has no tensor {name} of {dtype:?}; the tensors are vectors of F32, words of U8 \
                 and counts of I64, as `tfm export word2vec --format safetensors` writes them",
                self.path.display()
            )
        })?;
        Ok((info.shape.clone(), self.data_start + info.data_offsets.0 as u64))
    }

    fn bytes(&mut self, name: &str, dtype: Dtype) -> Result<Vec<u8>> {
        let (shape, start) = self.find(name, dtype)?;
        let place = || format!("cannot read {name} in {}", self.path.display());
        self.file.seek(SeekFrom::Start(start)).with_context(place)?;
        let mut bytes = vec![0; shape.iter().product::<usize>() * dtype.bitsize() / 8];
        self.file.read_exact(&mut bytes).with_context(place)?;
        Ok(bytes)
    }
}
