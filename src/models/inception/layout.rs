//! The layout of images in the fed tensor.

use anyhow::{Result, bail, ensure};

use crate::data::graphdef::{DataType, FrozenGraph, FrozenNode, Tensor, Values};

/// The layout of an image's values in the fed tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Each colour's plane by itself (batch, 3, height, width).
    planar: bool,
    /// One image without the axis of a batch (height, width, 3).
    single: bool,
    /// Whole numbers, or floats.
    pub(super) values: DataType,
}

impl Layout {
    /// The layout of a placeholder, and the size of its images if it gives one.
    ///
    /// # Errors
    /// A placeholder that does not take images.
    pub fn of_placeholder(
        graph: &FrozenGraph,
        node: &FrozenNode,
    ) -> Result<(Self, Option<[usize; 2]>)> {
        let values = node.data_type("dtype", DataType::Float)?;
        let of = |planar, single| Self { planar, single, values };
        let takes = |what: String| {
            format!(
                "{}: {} takes {what}, but images have three channels: name another tensor with \
                --input",
                graph.place(),
                node.title()
            )
        };
        ensure!(
            matches!(values, DataType::Float | DataType::Uint8 | DataType::Int32),
            takes(format!("{values} values"))
        );
        let Some(shape) = node.shape("shape")? else { return Ok((of(false, false), None)) };
        let both = |height: Option<usize>, width: Option<usize>| Some([height?, width?]);
        let is_three = |size: Option<usize>| size.is_none_or(|size| size == 3);
        match shape[..] {
            // Of unknown rank.
            [] => Ok((of(false, false), None)),
            [_, Some(3), height, width] if width != Some(3) => {
                Ok((of(true, false), both(height, width)))
            }
            [_, height, width, channels] if is_three(channels) => {
                Ok((of(false, false), both(height, width)))
            }
            [height, width, channels] if is_three(channels) => {
                Ok((of(false, true), both(height, width)))
            }
            _ => {
                let axes: Vec<_> = shape
                    .iter()
                    .map(|size| size.map_or_else(|| "?".to_owned(), |size| size.to_string()))
                    .collect();
                bail!(takes(format!("tensors of ({})", axes.join(", "))))
            }
        }
    }

    /// That of a tensor between others: `ExpandDims` makes a batch of what it reads.
    pub fn between(graph: &FrozenGraph, node: &FrozenNode) -> Self {
        let reads = |reader: &&FrozenNode| {
            let first = reader.inputs.first();
            first.is_some_and(|input| std::ptr::eq(graph.node(input.node), node))
        };
        let single = graph.nodes().iter().filter(reads).any(|reader| reader.op == "ExpandDims");
        Self { planar: false, single, values: DataType::Float }
    }

    /// The values (height, width, 3) of an image as a tensor.
    ///
    /// # Errors
    /// Another number of values.
    pub fn tensor(self, [height, width]: [usize; 2], values: Vec<f32>) -> Result<Tensor> {
        let (shape, values) = match self.planar {
            true => {
                let plane = |colour| values.iter().skip(colour).step_by(3).copied();
                (vec![1, 3, height, width], (0..3).flat_map(plane).collect())
            }
            false if self.single => (vec![height, width, 3], values),
            false => (vec![1, height, width, 3], values),
        };
        let whole = |least: f32, largest: f32| {
            values.iter().map(move |value| value.round().clamp(least, largest))
        };
        let values = match self.values {
            DataType::Uint8 => Values::Uint8(whole(0.0, 255.0).map(|value| value as u8).collect()),
            DataType::Int32 => {
                let (least, largest) = (i32::MIN as f32, i32::MAX as f32);
                Values::Int32(whole(least, largest).map(|value| value as i32).collect())
            }
            _ => Values::Float(values),
        };
        Tensor::new(shape, values)
    }
}
