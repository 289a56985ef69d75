//! A tensor of a file, whose values stay there until they are asked for.

use anyhow::{Context, Result, bail, ensure};
use half::f16;
use prost::Message;
use prost::bytes::Bytes;

use super::proto::TensorProto;
use super::{DataType, Tensor, Values, wire};
use crate::system::memory;
use crate::system::wording::plural;

/// The most values of one tensor: a gibibyte of `float`. The largest of a published classifier, the
/// first dense layer of VGG, has 102,760,448.
const MAX_VALUES: usize = 1 << 28;
/// The most strings of one tensor. Each takes 32 bytes of memory, even where one is repeated.
const MAX_STRINGS: usize = 1 << 20;

/// A tensor as a file holds it, with its type and shape checked. Its values are the bytes of the
/// file, or a list that may be shorter: its last value fills the rest.
#[derive(Clone, Debug)]
pub struct Constant {
    data_type: DataType,
    shape: Vec<usize>,
    len: usize,
    proto: TensorProto,
}

impl Constant {
    /// The tensor of an encoded [`TensorProto`].
    ///
    /// # Errors
    /// Bytes that are not such a message, and what [`Constant::new`] refuses.
    pub fn decode(bytes: Bytes) -> Result<Self> {
        wire::ensure_few_fields(&bytes)?;
        Self::new(TensorProto::decode(bytes).context("the tensor is damaged")?)
    }

    /// The tensor of a message.
    ///
    /// # Errors
    /// A type that is not read, an open or negative size, more values than memory should be asked
    /// for, and raw values of another number than the shape's.
    pub fn new(proto: TensorProto) -> Result<Self> {
        let data_type = DataType::from_number(proto.dtype)?;
        let shape = sizes(&proto)?;
        let most = if data_type == DataType::String { MAX_STRINGS } else { MAX_VALUES };
        let len = shape.iter().try_fold(1usize, |len, &size| len.checked_mul(size));
        let Some(len) = len.filter(|len| *len <= most) else {
            bail!("a tensor of shape {shape:?} has more values than the limit of {most}");
        };
        let (due, found) = (len * data_type.bytes(), proto.tensor_content.len());
        ensure!(
            data_type == DataType::String || found == 0 || found == due,
            "a tensor of {data_type} and shape {shape:?} needs {due} {}, but has {found}",
            plural(due, "byte")
        );
        Ok(Self { data_type, shape, len, proto })
    }

    /// The type of its values.
    pub fn data_type(&self) -> DataType {
        self.data_type
    }

    /// The sizes of its dimensions, the outermost first; empty for a scalar.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The number of its values.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Its values as they are in the file, little-endian; empty where it holds a list instead.
    pub fn raw(&self) -> &[u8] {
        &self.proto.tensor_content
    }

    /// Writes its values, which are `float`, `half` or `double`, to a slice of its length.
    ///
    /// # Errors
    /// Values of another type.
    ///
    /// # Panics
    /// When the slice has another length.
    pub fn copy_to(&self, to: &mut [f32]) -> Result<()> {
        assert_eq!(to.len(), self.len, "the slice and the constant differ in length");
        let proto = &self.proto;
        match self.data_type {
            DataType::Float => self.fill(to, f32::from_le_bytes, &proto.float_val, |value| value),
            DataType::Double => {
                self.fill(to, |b| f64::from_le_bytes(b) as f32, &proto.double_val, |v| v as f32);
            }
            DataType::Half => self.fill(
                to,
                |bytes| f16::from_le_bytes(bytes).to_f32(),
                &proto.half_val,
                |bits| f16::from_bits(bits as u16).to_f32(),
            ),
            other => bail!("expected floats, found values of type {other}"),
        }
        Ok(())
    }

    /// Its values as integers, whatever their width, such as a shape or axes.
    ///
    /// # Errors
    /// Values that are not integers, and those that memory cannot hold.
    pub fn ints(&self) -> Result<Vec<i64>> {
        Ok(match self.to_tensor()?.values {
            Values::Int32(values) => values.into_iter().map(i64::from).collect(),
            Values::Int64(values) => values,
            Values::Int16(values) => values.into_iter().map(i64::from).collect(),
            Values::Int8(values) => values.into_iter().map(i64::from).collect(),
            Values::Uint8(values) => values.into_iter().map(i64::from).collect(),
            values => bail!("expected integers, found values of type {}", values.data_type()),
        })
    }

    /// Its values in memory.
    ///
    /// # Errors
    /// Those that memory cannot hold, and strings that are truncated.
    pub fn to_tensor(&self) -> Result<Tensor> {
        let bytes = self.len.saturating_mul(self.data_type.bytes().max(size_of::<Bytes>()));
        memory::ensure_fits(bytes as u64, || format!("a constant of shape {:?}", self.shape))?;
        let proto = &self.proto;
        let values = match self.data_type {
            DataType::Float | DataType::Half => {
                let mut values = vec![0.0; self.len];
                self.copy_to(&mut values)?;
                Values::Float(values)
            }
            DataType::Double => {
                Values::Double(self.values(f64::from_le_bytes, &proto.double_val, |value| value))
            }
            DataType::Int32 => {
                Values::Int32(self.values(i32::from_le_bytes, &proto.int_val, |value| value))
            }
            DataType::Int64 => {
                Values::Int64(self.values(i64::from_le_bytes, &proto.int64_val, |value| value))
            }
            DataType::Int16 => {
                Values::Int16(self.values(i16::from_le_bytes, &proto.int_val, |value| value as i16))
            }
            DataType::Int8 => {
                Values::Int8(self.values(i8::from_le_bytes, &proto.int_val, |value| value as i8))
            }
            DataType::Uint8 => {
                Values::Uint8(self.values(u8::from_le_bytes, &proto.int_val, |value| value as u8))
            }
            DataType::Bool => {
                Values::Bool(self.values(|[byte]| byte != 0, &proto.bool_val, |value| value))
            }
            DataType::String => Values::String(self.strings()?),
        };
        Ok(Tensor { shape: self.shape.clone(), values })
    }

    fn values<const N: usize, T: Copy + Default, S: Copy>(
        &self,
        decode: impl Fn([u8; N]) -> T,
        list: &[S],
        convert: impl Fn(S) -> T,
    ) -> Vec<T> {
        let mut values = vec![T::default(); self.len];
        self.fill(&mut values, decode, list, convert);
        values
    }

    /// Writes the raw values, or else those of the list, the last of which fills the rest.
    fn fill<const N: usize, T: Copy + Default, S: Copy>(
        &self,
        to: &mut [T],
        decode: impl Fn([u8; N]) -> T,
        list: &[S],
        convert: impl Fn(S) -> T,
    ) {
        let raw = self.proto.tensor_content.as_chunks::<N>().0;
        if !raw.is_empty() {
            to.iter_mut().zip(raw).for_each(|(value, bytes)| *value = decode(*bytes));
            return;
        }
        let (listed, rest) = to.split_at_mut(list.len().min(to.len()));
        listed.iter_mut().zip(list).for_each(|(value, item)| *value = convert(*item));
        rest.fill(list.last().map_or_else(T::default, |item| convert(*item)));
    }

    fn strings(&self) -> Result<Vec<Bytes>> {
        let mut strings = match self.proto.tensor_content.is_empty() {
            true => self.proto.string_val.clone(),
            false => raw_strings(&self.proto.tensor_content, self.len)?,
        };
        let last = strings.last().cloned().unwrap_or_default();
        strings.resize(self.len, last);
        Ok(strings)
    }
}

/// The sizes of a tensor's dimensions.
fn sizes(proto: &TensorProto) -> Result<Vec<usize>> {
    let Some(shape) = &proto.tensor_shape else { return Ok(Vec::new()) };
    ensure!(!shape.unknown_rank, "a tensor with values has an unknown shape");
    ensure!(
        shape.dim.len() <= MAX_RANK,
        "a tensor has {} dimensions; the limit is {MAX_RANK}",
        shape.dim.len()
    );
    let size =
        |size: i64| usize::try_from(size).with_context(|| format!("{size} is not a valid size"));
    shape.dim.iter().map(|dim| size(dim.size)).collect()
}

/// TensorFlow's own limit on the dimensions of a tensor.
const MAX_RANK: usize = 254;

/// Strings as raw content: the length of each, then their bytes (`EncodeStringList` in
/// `tensorflow/core/lib/core/coding.h`).
fn raw_strings(content: &Bytes, n: usize) -> Result<Vec<Bytes>> {
    let cut = || "the strings of a tensor are truncated";
    let (mut at, mut lengths) = (0, Vec::new());
    for _ in 0..n {
        let (length, next) = wire::varint(content, at).with_context(cut)?;
        lengths.push(usize::try_from(length).with_context(cut)?);
        at = next;
    }
    let mut strings = Vec::with_capacity(n);
    for length in lengths {
        let end = at.checked_add(length).filter(|end| *end <= content.len()).with_context(cut)?;
        strings.push(content.slice(at..end));
        at = end;
    }
    Ok(strings)
}

#[cfg(test)]
mod tests;
