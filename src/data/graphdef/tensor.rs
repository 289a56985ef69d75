//! A tensor with its values in memory.

use prost::bytes::Bytes;

use anyhow::{Result, ensure};

use super::DataType;

/// Values with their shape, the last dimension the fastest.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// The sizes of its dimensions, the outermost first; empty for a scalar.
    pub shape: Vec<usize>,
    /// As many values as the sizes multiply to.
    pub values: Values,
}

/// The values of a tensor, by their type.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// `float`, and `half`, which is widened.
    Float(Vec<f32>),
    /// `double`.
    Double(Vec<f64>),
    /// `int32`.
    Int32(Vec<i32>),
    /// `int64`.
    Int64(Vec<i64>),
    /// `int16`.
    Int16(Vec<i16>),
    /// `int8`.
    Int8(Vec<i8>),
    /// `uint8`.
    Uint8(Vec<u8>),
    /// `bool`.
    Bool(Vec<bool>),
    /// `string`.
    String(Vec<Bytes>),
}

impl Tensor {
    /// A tensor of these values.
    ///
    /// # Errors
    /// When the shape has room for more or for fewer.
    pub fn new(shape: Vec<usize>, values: Values) -> Result<Self> {
        let len = shape.iter().try_fold(1usize, |len, &size| len.checked_mul(size));
        ensure!(
            len == Some(values.len()),
            "{} values do not fit the shape {shape:?}",
            values.len()
        );
        Ok(Self { shape, values })
    }

    /// A tensor without dimensions.
    pub fn scalar(value: f32) -> Self {
        Self { shape: Vec::new(), values: Values::Float(vec![value]) }
    }

    /// A vector of `int32`, such as a shape.
    pub fn int32s(values: &[i32]) -> Self {
        Self { shape: vec![values.len()], values: Values::Int32(values.to_vec()) }
    }
}

impl Values {
    /// How many there are.
    pub fn len(&self) -> usize {
        match self {
            Self::Float(values) => values.len(),
            Self::Double(values) => values.len(),
            Self::Int32(values) => values.len(),
            Self::Int64(values) => values.len(),
            Self::Int16(values) => values.len(),
            Self::Int8(values) => values.len(),
            Self::Uint8(values) => values.len(),
            Self::Bool(values) => values.len(),
            Self::String(values) => values.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Their type; that of widened ones is `float`.
    pub fn data_type(&self) -> DataType {
        match self {
            Self::Float(_) => DataType::Float,
            Self::Double(_) => DataType::Double,
            Self::Int32(_) => DataType::Int32,
            Self::Int64(_) => DataType::Int64,
            Self::Int16(_) => DataType::Int16,
            Self::Int8(_) => DataType::Int8,
            Self::Uint8(_) => DataType::Uint8,
            Self::Bool(_) => DataType::Bool,
            Self::String(_) => DataType::String,
        }
    }

    /// The numbers, rounded to `f32`; `None` if the values are not numbers.
    pub fn to_floats(&self) -> Option<Vec<f32>> {
        fn floats<T: Copy>(values: &[T], float: impl Fn(T) -> f32) -> Option<Vec<f32>> {
            Some(values.iter().map(|&value| float(value)).collect())
        }
        match self {
            Self::Float(values) => Some(values.clone()),
            Self::Double(values) => floats(values, |value| value as f32),
            Self::Int32(values) => floats(values, |value| value as f32),
            Self::Int64(values) => floats(values, |value| value as f32),
            Self::Int16(values) => floats(values, f32::from),
            Self::Int8(values) => floats(values, f32::from),
            Self::Uint8(values) => floats(values, f32::from),
            Self::Bool(_) | Self::String(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_every_type_become_floats() {
        let expect = Some(vec![1.0, 2.0]);
        for values in [
            Values::Float(vec![1.0, 2.0]),
            Values::Double(vec![1.0, 2.0]),
            Values::Int32(vec![1, 2]),
            Values::Int64(vec![1, 2]),
            Values::Int16(vec![1, 2]),
            Values::Int8(vec![1, 2]),
            Values::Uint8(vec![1, 2]),
        ] {
            assert_eq!(values.to_floats(), expect, "{:?}", values.data_type());
        }
        assert_eq!(Values::Bool(vec![true]).to_floats(), None);
    }
}
