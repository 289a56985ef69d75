//! The axis order of images. Everything is computed as (batch, height, width, channels).

use std::borrow::Cow;

use anyhow::{Context, Result, bail, ensure};

use super::rearrange::transposed;
use crate::data::graphdef::{FrozenNode, Tensor};

/// TensorFlow's `data_format`.
#[derive(Clone, Copy)]
pub(super) enum DataFormat {
    /// (batch, height, width, channels).
    Nhwc,
    /// (batch, channels, height, width).
    Nchw,
}

impl DataFormat {
    /// The format of a node.
    ///
    /// # Errors
    /// One of another number of dimensions.
    pub(super) fn of(node: &FrozenNode) -> Result<Self> {
        match node.text("data_format", "NHWC")? {
            "NHWC" => Ok(Self::Nhwc),
            "NCHW" => Ok(Self::Nchw),
            other => bail!("data_format must be NHWC or NCHW, not {other:?}"),
        }
    }

    /// The order of batch, height, width and channels.
    fn axes(self) -> [usize; 4] {
        match self {
            Self::Nhwc => [0, 1, 2, 3],
            Self::Nchw => [0, 2, 3, 1],
        }
    }

    /// Pictures with their channels last.
    pub(super) fn channels_last(self, pictures: &Tensor) -> Result<Cow<'_, Tensor>> {
        let shape = &pictures.shape;
        ensure!(shape.len() == 4, "expected images with 4 dimensions, got shape {shape:?}");
        match self {
            Self::Nhwc => Ok(Cow::Borrowed(pictures)),
            Self::Nchw => Ok(Cow::Owned(transposed(pictures, &self.axes())?)),
        }
    }

    /// Pictures in this order from those with their channels last.
    pub(super) fn restored(self, pictures: Tensor) -> Result<Tensor> {
        match self {
            Self::Nhwc => Ok(pictures),
            Self::Nchw => transposed(&pictures, &[0, 3, 1, 2]),
        }
    }

    /// The numbers of a list for rows and for columns, such as strides; those for batch and channels
    /// are one. A list that the node lacks is ones if it has a default.
    pub(super) fn rows_and_columns(
        self,
        node: &FrozenNode,
        key: &str,
        default: Option<&[i64]>,
    ) -> Result<[usize; 2]> {
        let list = node.ints(key, default)?;
        let sizes: Vec<_> = list.iter().map(|size| usize::try_from(*size).unwrap_or(0)).collect();
        let [batch, height, width, channels] = self.axes();
        let fits = sizes.len() == 4
            && (sizes[batch], sizes[channels]) == (1, 1)
            && [height, width].iter().all(|axis| (1..=MAX_SIZE).contains(&sizes[*axis]));
        ensure!(
            fits,
            "{key} {list:?} must be 1 for batch and channels and above zero for the rest"
        );
        Ok([sizes[height], sizes[width]])
    }

    /// The borders that `explicit_paddings` gives to rows and to columns, before and after.
    pub(super) fn explicit_paddings(self, node: &FrozenNode) -> Result<[[usize; 2]; 2]> {
        let list = node.ints("explicit_paddings", &[][..])?;
        let refusal = || format!("explicit_paddings {list:?} must be two for each of four axes");
        let size = |size: &i64| usize::try_from(*size).ok().filter(|size| *size <= MAX_SIZE);
        let sizes: Vec<_> = list.iter().map(size).collect::<Option<_>>().with_context(refusal)?;
        let [batch, height, width, channels] = self.axes();
        let pairs: Vec<_> = sizes.chunks_exact(2).map(|pair| [pair[0], pair[1]]).collect();
        let fits = list.len() == 8 && (pairs[batch], pairs[channels]) == ([0, 0], [0, 0]);
        ensure!(fits, refusal());
        Ok([pairs[height], pairs[width]])
    }
}

/// The largest of a kernel, a stride, a dilation and a border, as TensorFlow has it.
const MAX_SIZE: usize = i32::MAX as usize;
