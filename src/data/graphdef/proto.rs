//! The protobuf messages of a graph (`tensorflow/core/framework/graph.proto` and what it imports).
//!
//! Fields that nobody here asks for are left out, so they are skipped. Lists, shapes, tensors and
//! the library of functions are kept as they are encoded, in the memory of the file, until they are
//! asked for: a small file cannot become a large one in memory, and nothing is recursive.

use prost::Message;
use prost::bytes::Bytes;

/// A graph: its nodes in any order.
#[derive(Clone, PartialEq, Message)]
pub struct GraphDef {
    /// The nodes.
    #[prost(message, repeated, tag = "1")]
    pub node: Vec<NodeDef>,
    /// An encoded `FunctionDefLibrary`.
    #[prost(bytes = "bytes", optional, tag = "2")]
    pub library: Option<Bytes>,
    /// The producer's version in the oldest files.
    #[prost(int32, tag = "3")]
    pub version: i32,
    /// The versions of the programs that wrote it and can read it.
    #[prost(message, optional, tag = "4")]
    pub versions: Option<VersionDef>,
}

/// Versions of graphs, which TensorFlow counts up.
#[derive(Clone, Copy, PartialEq, Message)]
pub struct VersionDef {
    /// That of the program that wrote the graph.
    #[prost(int32, tag = "1")]
    pub producer: i32,
    /// The oldest that can read it.
    #[prost(int32, tag = "2")]
    pub min_consumer: i32,
}

/// An operation with its inputs.
#[derive(Clone, PartialEq, Message)]
pub struct NodeDef {
    /// Its name, unique in the graph.
    #[prost(string, tag = "1")]
    pub name: String,
    /// The kind of operation, such as `Conv2D`.
    #[prost(string, tag = "2")]
    pub op: String,
    /// What it reads: `node`, `node:output`, and after these `^node`, which only runs before.
    #[prost(string, repeated, tag = "3")]
    pub input: Vec<String>,
    /// Its attributes. Of two with one name the last counts, as in a map.
    #[prost(message, repeated, tag = "5")]
    pub attr: Vec<AttrEntry>,
}

/// An entry of a node's map of attributes.
#[derive(Clone, PartialEq, Message)]
pub struct AttrEntry {
    /// The attribute's name.
    #[prost(string, tag = "1")]
    pub key: String,
    /// Its value.
    #[prost(message, optional, tag = "2")]
    pub value: Option<AttrValue>,
}

/// The value of an attribute.
#[derive(Clone, PartialEq, Message)]
pub struct AttrValue {
    /// The value, by its kind.
    #[prost(oneof = "AttrKind", tags = "1, 2, 3, 4, 5, 6, 7, 8, 9, 10")]
    pub value: Option<AttrKind>,
}

/// The kinds of attributes.
#[derive(Clone, PartialEq, prost::Oneof)]
pub enum AttrKind {
    /// An encoded [`ListValue`].
    #[prost(bytes = "bytes", tag = "1")]
    List(Bytes),
    /// A text.
    #[prost(bytes = "bytes", tag = "2")]
    S(Bytes),
    /// An integer.
    #[prost(int64, tag = "3")]
    I(i64),
    /// A number.
    #[prost(float, tag = "4")]
    F(f32),
    /// A yes or no.
    #[prost(bool, tag = "5")]
    B(bool),
    /// The number of a [`super::DataType`].
    #[prost(int32, tag = "6")]
    Type(i32),
    /// An encoded [`TensorShapeProto`].
    #[prost(bytes = "bytes", tag = "7")]
    Shape(Bytes),
    /// An encoded [`TensorProto`].
    #[prost(bytes = "bytes", tag = "8")]
    Tensor(Bytes),
    /// The name of an attribute of the function that the node is in.
    #[prost(bytes = "bytes", tag = "9")]
    Placeholder(Bytes),
    /// An encoded function with its attributes.
    #[prost(bytes = "bytes", tag = "10")]
    Func(Bytes),
}

/// A list of values, of which one field is filled. Lists of other kinds are not read.
#[derive(Clone, PartialEq, Message)]
pub struct ListValue {
    /// Texts.
    #[prost(bytes = "bytes", repeated, tag = "2")]
    pub s: Vec<Bytes>,
    /// Integers.
    #[prost(int64, repeated, tag = "3")]
    pub i: Vec<i64>,
    /// Numbers.
    #[prost(float, repeated, tag = "4")]
    pub f: Vec<f32>,
    /// Yes or no.
    #[prost(bool, repeated, tag = "5")]
    pub b: Vec<bool>,
    /// Numbers of types.
    #[prost(int32, repeated, tag = "6")]
    pub r#type: Vec<i32>,
}

/// A shape, in which sizes may be open.
#[derive(Clone, PartialEq, Message)]
pub struct TensorShapeProto {
    /// The sizes, the outermost first.
    #[prost(message, repeated, tag = "2")]
    pub dim: Vec<Dim>,
    /// Whether even their number is open.
    #[prost(bool, tag = "3")]
    pub unknown_rank: bool,
}

/// The size of one dimension.
#[derive(Clone, Copy, PartialEq, Message)]
pub struct Dim {
    /// The size; −1 where it is open.
    #[prost(int64, tag = "1")]
    pub size: i64,
}

/// The values of a tensor: raw, or in the list of their type.
#[derive(Clone, PartialEq, Message)]
pub struct TensorProto {
    /// The number of its [`super::DataType`].
    #[prost(int32, tag = "1")]
    pub dtype: i32,
    /// Its shape.
    #[prost(message, optional, tag = "2")]
    pub tensor_shape: Option<TensorShapeProto>,
    /// The values in order, little-endian. Where there are some, the lists do not count.
    #[prost(bytes = "bytes", tag = "4")]
    pub tensor_content: Bytes,
    /// Values of `float`.
    #[prost(float, repeated, tag = "5")]
    pub float_val: Vec<f32>,
    /// Values of `double`.
    #[prost(double, repeated, tag = "6")]
    pub double_val: Vec<f64>,
    /// Values of all integers up to 32 bits.
    #[prost(int32, repeated, tag = "7")]
    pub int_val: Vec<i32>,
    /// Values of `string`.
    #[prost(bytes = "bytes", repeated, tag = "8")]
    pub string_val: Vec<Bytes>,
    /// Values of `int64`.
    #[prost(int64, repeated, tag = "10")]
    pub int64_val: Vec<i64>,
    /// Values of `bool`.
    #[prost(bool, repeated, tag = "11")]
    pub bool_val: Vec<bool>,
    /// The bits of values of `half`.
    #[prost(int32, repeated, tag = "13")]
    pub half_val: Vec<i32>,
}
