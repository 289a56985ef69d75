//! A node of a graph, and its attributes by their types.

use anyhow::{Context, Result, bail};
use prost::Message;
use prost::bytes::Bytes;

use super::proto::{AttrEntry, AttrKind, ListValue, NodeDef, TensorShapeProto};
use super::{Constant, DataType, Tensor, wire};

/// An operation of a [`super::FrozenGraph`], whose inputs are known by their index.
///
/// Its getters take the attribute's name and what it is where the node lacks it, as TensorFlow
/// leaves out what has the default of the operation; `None` asks for the attribute. Their errors
/// are an attribute that lacks so, and one of another type; both name the node.
#[derive(Clone, Debug)]
pub struct FrozenNode {
    /// Its name, unique in the graph.
    pub name: String,
    /// The kind of operation, such as `Conv2D`.
    pub op: String,
    /// What it reads, in order.
    pub inputs: Vec<NodeOutput>,
    /// Nodes that TensorFlow runs before it (`^name`), by their index.
    pub control_inputs: Vec<usize>,
    pub(super) attributes: Vec<AttrEntry>,
}

/// An output of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NodeOutput {
    /// The index of the node in the graph.
    pub node: usize,
    /// Which of its outputs.
    pub output: usize,
}

impl FrozenNode {
    /// Its name and operation, for messages: `conv/Conv2D (Conv2D)`.
    pub fn title(&self) -> String {
        format!("{} ({})", self.name, self.op)
    }

    /// Makes a `Const` of it.
    pub fn become_constant(&mut self, tensor: &Tensor) {
        let constant = NodeDef::constant("", tensor);
        (self.op, self.attributes) = (constant.op, constant.attr);
        self.inputs.clear();
    }

    /// Makes an `Identity` of it, which hands on what it reads.
    pub fn hand_on(&mut self, input: NodeOutput) {
        self.op = "Identity".to_owned();
        self.inputs = vec![input];
    }

    /// The names of its attributes, in the order of the file.
    pub fn attributes(&self) -> impl Iterator<Item = &str> {
        self.attributes.iter().map(|entry| &*entry.key)
    }

    /// Whether it has the attribute.
    pub fn has(&self, key: &str) -> bool {
        self.attribute(key).is_some()
    }

    /// An integer.
    ///
    /// # Errors
    /// See [`FrozenNode`].
    pub fn int(&self, key: &str, default: impl Into<Option<i64>>) -> Result<i64> {
        self.get(key, "an integer", default, |kind| match kind {
            AttrKind::I(value) => Some(*value),
            _ => None,
        })
    }

    /// A number.
    ///
    /// # Errors
    /// See [`FrozenNode`].
    pub fn float(&self, key: &str, default: impl Into<Option<f32>>) -> Result<f32> {
        self.get(key, "a float", default, |kind| match kind {
            AttrKind::F(value) => Some(*value),
            _ => None,
        })
    }

    /// A yes or no.
    ///
    /// # Errors
    /// See [`FrozenNode`].
    pub fn flag(&self, key: &str, default: impl Into<Option<bool>>) -> Result<bool> {
        self.get(key, "a bool", default, |kind| match kind {
            AttrKind::B(value) => Some(*value),
            _ => None,
        })
    }

    /// A text, such as `SAME`.
    ///
    /// # Errors
    /// See [`FrozenNode`]; a text that is not UTF-8.
    pub fn text<'a>(&'a self, key: &str, default: impl Into<Option<&'a str>>) -> Result<&'a str> {
        self.get(key, "a text", default, |kind| match kind {
            AttrKind::S(value) => std::str::from_utf8(value).ok(),
            _ => None,
        })
    }

    /// A type.
    ///
    /// # Errors
    /// See [`FrozenNode`]; a type that is not read.
    pub fn data_type(&self, key: &str, default: impl Into<Option<DataType>>) -> Result<DataType> {
        let number = self.get(key, "a type", default.into().map(DataType::number), |kind| {
            if let AttrKind::Type(number) = kind { Some(*number) } else { None }
        })?;
        DataType::from_number(number).with_context(|| format!("{}: {key}", self.title()))
    }

    /// A list of integers, such as strides.
    ///
    /// # Errors
    /// See [`FrozenNode`].
    pub fn ints<'a>(&self, key: &str, default: impl Into<Option<&'a [i64]>>) -> Result<Vec<i64>> {
        self.get(key, "a list of integers", default.into().map(<[i64]>::to_vec), |kind| {
            Self::list(kind, |list| list.s.len() + list.f.len() + list.b.len() == 0)
                .map(|list| list.i)
        })
    }

    /// A list of numbers.
    ///
    /// # Errors
    /// See [`FrozenNode`].
    pub fn floats<'a>(&self, key: &str, default: impl Into<Option<&'a [f32]>>) -> Result<Vec<f32>> {
        self.get(key, "a list of floats", default.into().map(<[f32]>::to_vec), |kind| {
            Self::list(kind, |list| list.s.len() + list.i.len() + list.b.len() == 0)
                .map(|list| list.f)
        })
    }

    /// A shape, a size of which is `None` where it is open; `None` where even the number of
    /// dimensions is, or where the node lacks the attribute.
    ///
    /// # Errors
    /// An attribute of another type, and a negative size other than −1.
    pub fn shape(&self, key: &str) -> Result<Option<Vec<Option<usize>>>> {
        let open = TensorShapeProto { dim: Vec::new(), unknown_rank: true };
        let shape = self.get(key, "a shape", open, |kind| match kind {
            AttrKind::Shape(bytes) => decoded(bytes),
            _ => None,
        })?;
        if shape.unknown_rank {
            return Ok(None);
        }
        let size = |size: i64| match size {
            -1 => Ok(None),
            size => usize::try_from(size)
                .map(Some)
                .with_context(|| format!("{}: {key} has the size {size}", self.title())),
        };
        shape.dim.iter().map(|dim| size(dim.size)).collect::<Result<_>>().map(Some)
    }

    /// The tensor of an attribute, such as `value` of a `Const`.
    ///
    /// # Errors
    /// See [`FrozenNode`] and [`Constant::new`].
    pub fn constant(&self, key: &str) -> Result<Constant> {
        let bytes = self.get(key, "a tensor", None, |kind| match kind {
            AttrKind::Tensor(bytes) => Some(bytes.clone()),
            _ => None,
        })?;
        Constant::decode(bytes).with_context(|| format!("{}: {key}", self.title()))
    }

    fn attribute(&self, key: &str) -> Option<&AttrKind> {
        let entry = self.attributes.iter().rev().find(|entry| entry.key == key)?;
        entry.value.as_ref()?.value.as_ref()
    }

    fn get<'a, T>(
        &'a self,
        key: &str,
        what: &str,
        default: impl Into<Option<T>>,
        read: impl Fn(&'a AttrKind) -> Option<T>,
    ) -> Result<T> {
        match (self.attribute(key), default.into()) {
            (Some(kind), _) => {
                read(kind).with_context(|| format!("{}: {key} is not {what}", self.title()))
            }
            (None, Some(default)) => Ok(default),
            (None, None) => bail!("{} lacks {key}, {what}", self.title()),
        }
    }

    fn list(kind: &AttrKind, is_kind: impl Fn(&ListValue) -> bool) -> Option<ListValue> {
        let AttrKind::List(bytes) = kind else { return None };
        // An empty list is of any kind.
        decoded(bytes).filter(is_kind)
    }
}

/// The message, if the bytes are one and it is not too large.
fn decoded<M: Message + Default>(bytes: &Bytes) -> Option<M> {
    wire::ensure_few_fields(bytes).ok()?;
    M::decode(bytes.clone()).ok()
}
