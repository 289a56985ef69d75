//! Graphs that are written: nodes and attributes from values.

use anyhow::{Result, ensure};
use prost::Message;
use prost::bytes::Bytes;

use super::proto::{
    AttrEntry, AttrKind, AttrValue, Dim, GraphDef, ListValue, NodeDef, TensorProto,
    TensorShapeProto, VersionDef,
};
use super::{DataType, Tensor, Values};

/// The most bytes of a message, which protobuf's other readers take.
const MAX_BYTES: usize = i32::MAX as usize;

impl GraphDef {
    /// A graph of these nodes. `producer` says which TensorFlow's rules it follows: 8 is the last
    /// that has `BatchNormWithGlobalNormalization`.
    pub fn new(node: Vec<NodeDef>, producer: i32) -> Self {
        let versions = Some(VersionDef { producer, min_consumer: 0 });
        Self { node, library: None, version: 0, versions }
    }

    /// The bytes of its file.
    ///
    /// # Errors
    /// A graph of two gibibytes or more, which no protobuf message can have.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let len = self.encoded_len();
        ensure!(
            len <= MAX_BYTES,
            "a graph may have at most {MAX_BYTES} bytes, but this one has {len}"
        );
        Ok(self.encode_to_vec())
    }
}

impl NodeDef {
    /// A node that reads nothing yet.
    pub fn new(name: impl Into<String>, op: impl Into<String>) -> Self {
        Self { name: name.into(), op: op.into(), input: Vec::new(), attr: Vec::new() }
    }

    /// A `Const` of this value.
    pub fn constant(name: impl Into<String>, tensor: &Tensor) -> Self {
        Self::new(name, "Const")
            .attr("dtype", AttrValue::data_type(tensor.values.data_type()))
            .attr("value", AttrValue::tensor(tensor))
    }

    /// A `Placeholder` of a type and a shape, whose open sizes are `None`.
    pub fn placeholder(
        name: impl Into<String>,
        data_type: DataType,
        shape: &[Option<usize>],
    ) -> Self {
        Self::new(name, "Placeholder")
            .attr("dtype", AttrValue::data_type(data_type))
            .attr("shape", AttrValue::shape(shape))
    }

    /// Reads one more input: `node`, `node:output` or `^node`.
    pub fn input(mut self, input: impl Into<String>) -> Self {
        self.input.push(input.into());
        self
    }

    /// Has one more attribute.
    pub fn attr(mut self, key: impl Into<String>, value: AttrValue) -> Self {
        self.attr.push(AttrEntry { key: key.into(), value: Some(value) });
        self
    }
}

impl AttrValue {
    /// An integer.
    pub fn int(value: i64) -> Self {
        AttrKind::I(value).into()
    }

    /// A number.
    pub fn float(value: f32) -> Self {
        AttrKind::F(value).into()
    }

    /// A yes or no.
    pub fn flag(value: bool) -> Self {
        AttrKind::B(value).into()
    }

    /// A text.
    pub fn text(value: impl Into<String>) -> Self {
        AttrKind::S(Bytes::from(value.into())).into()
    }

    /// A type.
    pub fn data_type(value: DataType) -> Self {
        AttrKind::Type(value.number()).into()
    }

    /// A list of integers.
    pub fn ints(values: &[i64]) -> Self {
        Self::list(&ListValue { i: values.to_vec(), ..ListValue::default() })
    }

    /// A list of numbers.
    pub fn floats(values: &[f32]) -> Self {
        Self::list(&ListValue { f: values.to_vec(), ..ListValue::default() })
    }

    /// A shape, whose open sizes are `None`.
    pub fn shape(sizes: &[Option<usize>]) -> Self {
        AttrKind::Shape(shape_proto(sizes.iter().copied()).encode_to_vec().into()).into()
    }

    /// A tensor.
    pub fn tensor(tensor: &Tensor) -> Self {
        AttrKind::Tensor(tensor.to_proto().encode_to_vec().into()).into()
    }

    fn list(list: &ListValue) -> Self {
        AttrKind::List(list.encode_to_vec().into()).into()
    }
}

impl From<AttrKind> for AttrValue {
    fn from(kind: AttrKind) -> Self {
        Self { value: Some(kind) }
    }
}

impl Tensor {
    /// The message of the tensor, its values raw; strings are a list.
    pub fn to_proto(&self) -> TensorProto {
        let mut proto = TensorProto {
            dtype: self.values.data_type().number(),
            tensor_shape: Some(shape_proto(self.shape.iter().copied().map(Some))),
            ..TensorProto::default()
        };
        match &self.values {
            Values::String(values) => proto.string_val.clone_from(values),
            values => proto.tensor_content = raw(values),
        }
        proto
    }
}

fn shape_proto(sizes: impl Iterator<Item = Option<usize>>) -> TensorShapeProto {
    let dim = sizes.map(|size| Dim { size: size.map_or(-1, |size| size as i64) }).collect();
    TensorShapeProto { dim, unknown_rank: false }
}

/// The values in order, little-endian.
fn raw(values: &Values) -> Bytes {
    fn bytes<T: Copy, const N: usize>(values: &[T], encode: impl Fn(T) -> [u8; N]) -> Bytes {
        values.iter().flat_map(|value| encode(*value)).collect()
    }
    match values {
        Values::Float(values) => bytes(values, f32::to_le_bytes),
        Values::Double(values) => bytes(values, f64::to_le_bytes),
        Values::Int32(values) => bytes(values, i32::to_le_bytes),
        Values::Int64(values) => bytes(values, i64::to_le_bytes),
        Values::Int16(values) => bytes(values, i16::to_le_bytes),
        Values::Int8(values) => bytes(values, i8::to_le_bytes),
        Values::Uint8(values) => bytes(values, u8::to_le_bytes),
        Values::Bool(values) => bytes(values, |value| [u8::from(value)]),
        Values::String(_) => Bytes::new(),
    }
}
