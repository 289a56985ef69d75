//! Where images enter a frozen graph, and how they are preprocessed for it.

use anyhow::{Context, Result, bail, ensure};
use image::RgbImage;

use super::layout::Layout;
use super::options::{GraphOptions, MAX_SIDE};
use crate::data::graphdef::{
    DataType, FrozenGraph, FrozenNode, NodeOutput, Tensor, TensorName, Values,
};
use crate::data::jpeg::Dct;
use crate::data::photo::ReadOptions;
use crate::ops::resize::{Alignment, Resize, resize_bilinear};

/// Operations that decode an image file.
const DECODERS: &[&str] = &["DecodeJpeg", "DecodePng", "DecodeImage", "DecodeBmp", "DecodeGif"];

/// Where images enter.
#[derive(Clone, Debug, PartialEq)]
pub enum EntryPoint {
    /// The graph itself preprocesses an image of any size, given its pixels (height, width, 3) as bytes.
    Pixels {
        /// The tensor that is fed.
        at: TensorName,
        /// How the graph wants JPEG files decoded.
        reading: ReadOptions,
    },
    /// The graph takes images (batch, height, width, 3) of one size.
    Images {
        /// The tensor that is fed.
        at: TensorName,
        /// How image files become such images.
        preprocessing: Preprocessing,
    },
}

/// `(pixel − mean) · scale` of a resized image.
#[derive(Clone, Debug, PartialEq)]
pub struct Preprocessing {
    /// The order and type of the values, and whether images come one by one.
    pub layout: Layout,
    /// Rows and columns.
    pub size: [usize; 2],
    /// The share of height and width that is kept, around the middle.
    pub crop: f32,
    /// Mean subtracted from each channel (pixel range 0–255).
    pub mean: [f32; 3],
    /// The factor after that.
    pub scale: f32,
    /// How image files are read.
    pub reading: ReadOptions,
}

/// The preprocessing that kinds of graphs are known to use: a part of a node's name, the side of an
/// image, mean and scale.
const KINDS: &[(&str, usize, [f32; 3], f32)] = &[
    ("InceptionV3/", 299, [0.0; 3], 1.0 / 255.0),
    ("InceptionResnetV2/", 299, [127.5; 3], 1.0 / 127.5),
    ("InceptionV4/", 299, [127.5; 3], 1.0 / 127.5),
    ("InceptionV1/", 224, [127.5; 3], 1.0 / 127.5),
    ("InceptionV2/", 224, [127.5; 3], 1.0 / 127.5),
    ("MobilenetV", 224, [127.5; 3], 1.0 / 127.5),
    ("final_layer/predictions", 224, [127.5; 3], 1.0 / 127.5),
    ("resnet_v2_", 299, [127.5; 3], 1.0 / 127.5),
    ("resnet_v1_", 224, [123.68, 116.78, 103.94], 1.0),
    ("vgg_", 224, [123.68, 116.78, 103.94], 1.0),
    ("softmax2_pre_activation", 224, [117.0; 3], 1.0),
];

impl EntryPoint {
    /// The entry point that the user names, else the one that the graph has.
    ///
    /// # Errors
    /// No such tensor; a graph without one; an image size that is not known.
    pub fn find(graph: &FrozenGraph, options: &GraphOptions) -> Result<Self> {
        let at = match &options.input {
            Some(name) => graph.find(name)?,
            None => guess(graph)?,
        };
        let node = graph.node(at.node);
        let name = TensorName { node: node.name.clone(), output: at.output };
        let decoder = if DECODERS.contains(&&*node.op) {
            Some(at.node)
        } else {
            // The input names the file's bytes; the fed tensor is what the graph would decode from them.
            decoder_of(graph, at)
        };
        if let Some(decoder) = decoder {
            ensure_without_effect(graph, options)?;
            let node = graph.node(decoder);
            let at = TensorName { node: node.name.clone(), output: 0 };
            return Ok(Self::Pixels { at, reading: reading(node, options)? });
        }
        let preprocessing = Preprocessing::of(graph, node, options)?;
        Ok(Self::Images { at: name, preprocessing })
    }

    /// The tensor that is fed.
    pub fn at(&self) -> &TensorName {
        match self {
            Self::Pixels { at, .. } | Self::Images { at, .. } => at,
        }
    }

    /// How image files are read.
    pub fn reading(&self) -> ReadOptions {
        match self {
            Self::Pixels { reading, .. } => *reading,
            Self::Images { preprocessing, .. } => preprocessing.reading,
        }
    }

    /// The tensor to feed for an image.
    ///
    /// # Errors
    /// An image that cannot be resized.
    pub fn tensor(&self, picture: &RgbImage) -> Result<Tensor> {
        match self {
            Self::Pixels { .. } => {
                let (width, height) = picture.dimensions();
                let shape = vec![height as usize, width as usize, 3];
                Tensor::new(shape, Values::Uint8(picture.as_raw().clone()))
            }
            Self::Images { preprocessing, .. } => preprocessing.image(picture),
        }
    }

    /// The preprocessing in words.
    pub fn in_words(&self) -> String {
        match self {
            Self::Pixels { at, .. } => format!("{at} takes images of any size"),
            Self::Images { at, preprocessing } => {
                let Preprocessing { size: [height, width], mean, scale, .. } = preprocessing;
                let mean = if mean.iter().all(|of| *of == mean[0]) {
                    mean[0].to_string()
                } else {
                    format!("{mean:?}")
                };
                format!("{at} takes images of {height} × {width}: (pixel - {mean}) · {scale}")
            }
        }
    }
}

/// The entry point of a graph: the operation that decodes an image, else the first placeholder.
fn guess(graph: &FrozenGraph) -> Result<NodeOutput> {
    let nodes = graph.nodes();
    let decoder = nodes.iter().position(|node| DECODERS.contains(&&*node.op));
    let placeholder = || nodes.iter().position(|node| node.op.starts_with("Placeholder"));
    match decoder.or_else(placeholder) {
        Some(node) => Ok(NodeOutput { node, output: 0 }),
        None => bail!(
            "{} has no unfed placeholder and does not decode images: name the tensor to feed with \
            --input, or leave out its --feed",
            graph.place()
        ),
    }
}

/// The operation that decodes the file whose bytes a tensor holds.
fn decoder_of(graph: &FrozenGraph, file: NodeOutput) -> Option<usize> {
    let reads =
        |node: &FrozenNode| DECODERS.contains(&&*node.op) && node.inputs.first() == Some(&file);
    graph.nodes().iter().position(reads)
}

/// Refuses preprocessing options if the graph preprocesses images itself.
fn ensure_without_effect(graph: &FrozenGraph, options: &GraphOptions) -> Result<()> {
    let GraphOptions { size, mean, scale, crop, .. } = options;
    let given = [
        ("size", size.is_some()),
        ("mean", mean.is_some()),
        ("scale", scale.is_some()),
        ("crop", *crop != 1.0),
    ];
    match given.iter().find(|(_, is_given)| *is_given) {
        Some((name, _)) => bail!(
            "--{name} (in a config: preprocessing.{name}) has no effect: {} decodes and resizes \
            images itself; leave it out, or name the tensor after the resizing with --input",
            graph.place()
        ),
        None => Ok(()),
    }
}

/// How an operation of the graph decodes images.
fn reading(node: &FrozenNode, options: &GraphOptions) -> Result<ReadOptions> {
    let of_graph = match node.text("dct_method", "")? {
        "INTEGER_ACCURATE" => Dct::Accurate,
        _ => Dct::Fast,
    };
    let ratio = node.int("ratio", 1)?;
    ensure!(
        ratio == 1,
        "{}: ratio = {ratio} is not 1, but images are decoded at full size",
        node.title()
    );
    let channels = node.int("channels", 0)?;
    // JPEG files have three channels by default; other formats are converted to three.
    ensure!(
        matches!(channels, 0 | 3),
        "{}: channels = {channels}, but images are decoded to three",
        node.title()
    );
    let values = node.data_type("dtype", DataType::Uint8)?;
    ensure!(
        values == DataType::Uint8,
        "{}: dtype = {values}, but images are decoded to uint8",
        node.title()
    );
    Ok(ReadOptions {
        dct: options.decode.unwrap_or(of_graph),
        fancy_upscaling: node.flag("fancy_upscaling", true)?,
        upright: options.exif,
    })
}

impl Preprocessing {
    /// The user's options, else the graph's own settings, else the known settings of its kind.
    fn of(graph: &FrozenGraph, node: &FrozenNode, options: &GraphOptions) -> Result<Self> {
        let names = || graph.nodes().iter().map(|node| &node.name);
        let kind = KINDS.iter().find(|kind| names().any(|name| name.contains(kind.0)));
        let is_placeholder = node.op.starts_with("Placeholder");
        let (layout, of_shape) = match is_placeholder {
            true => Layout::of_placeholder(graph, node)?,
            false => (Layout::between(graph, node), None),
        };
        let resized = || resized_to(graph).filter(|_| !is_placeholder);
        let size = options.size.or(of_shape).or_else(resized).or(kind.map(|kind| [kind.1; 2]));
        let size = size.with_context(|| {
            format!("{} does not give the size of its images: use --size", graph.place())
        })?;
        ensure!(
            size.iter().all(|side| (1..=MAX_SIDE).contains(side)),
            "{}: {} takes images of {} × {}, but sides must be from 1 to {MAX_SIDE}: give --size, or \
            name another tensor with --input",
            graph.place(),
            node.title(),
            size[0],
            size[1]
        );
        let is_float = layout.values == DataType::Float;
        let (mean, scale) = match (kind, &*node.op) {
            // Raw pixels: the graph does the rest.
            _ if !is_float => ([0.0; 3], 1.0),
            (Some(kind), _) => (kind.2, kind.3),
            (None, _) if is_placeholder => ([127.5; 3], 1.0 / 127.5),
            // The preprocessing that the 2015 graph does before the named node.
            (None, "Mul") => ([128.0; 3], 1.0 / 128.0),
            (None, "Sub") => ([128.0; 3], 1.0),
            (None, _) => ([0.0; 3], 1.0),
        };
        let is_guessed = kind.is_none() && is_placeholder && is_float;
        if is_guessed && options.mean.is_none() && options.scale.is_none() {
            tracing::warn!(
                "the preprocessing of {} is unknown; assuming (pixel - 127.5) / 127.5. Override it \
                with --mean and --scale",
                graph.place()
            );
        }
        Ok(Self {
            layout,
            size,
            crop: options.crop,
            mean: options.mean.unwrap_or(mean),
            scale: options.scale.unwrap_or(scale),
            reading: ReadOptions {
                dct: options.decode.unwrap_or_default(),
                upright: options.exif,
                ..ReadOptions::default()
            },
        })
    }

    /// An image as a tensor (1, height, width, 3).
    fn image(&self, picture: &RgbImage) -> Result<Tensor> {
        let picture = cropped(picture, self.crop);
        let (width, height) = picture.dimensions();
        let from = [1, height as usize, width as usize, 3];
        let resize = Resize::new(from, self.size, Alignment::Corner)?;
        let mut values = vec![0.0; resize.outputs()];
        resize_bilinear(resize, picture.as_raw(), &mut values);
        for pixel in values.chunks_mut(3) {
            for (value, mean) in pixel.iter_mut().zip(self.mean) {
                *value = (*value - mean) * self.scale;
            }
        }
        self.layout.tensor(self.size, values)
    }
}

/// The constant size that the graph itself resizes to.
fn resized_to(graph: &FrozenGraph) -> Option<[usize; 2]> {
    let node = graph.nodes().iter().find(|node| node.op == "ResizeBilinear")?;
    let size = graph.node(node.inputs.get(1)?.node).constant("value").ok()?.ints().ok()?;
    match size[..] {
        [height, width] => Some([usize::try_from(height).ok()?, usize::try_from(width).ok()?]),
        _ => None,
    }
}

/// The central crop of an image to this fraction of its height and width, as in
/// `tf.image.central_crop`.
fn cropped(picture: &RgbImage, share: f32) -> RgbImage {
    let (width, height) = picture.dimensions();
    // The number that was written: 0.8 is not the nearest one of 32 bits.
    let share: f64 = share.to_string().parse().unwrap_or(share.into());
    let margin = |all: u32| ((f64::from(all) - f64::from(all) * share) / 2.0) as u32;
    let (left, top) = (margin(width), margin(height));
    image::imageops::crop_imm(picture, left, top, width - 2 * left, height - 2 * top).to_image()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ```python
    /// for w, h, f in [(500, 375, .875), (500, 375, .5), (10, 10, .8), (7, 9, .3), (1, 2, .1)]:
    ///     print(tf.image.central_crop(tf.zeros((h, w, 3)), f).shape[1::-1])
    /// ```
    #[test]
    fn the_middle_is_that_of_tensorflow() {
        for (size, share, expect) in [
            ((500, 375), 0.875, (438, 329)),
            ((500, 375), 0.5, (250, 189)),
            ((10, 10), 0.8, (8, 8)),
            ((7, 9), 0.3, (3, 3)),
            ((1, 2), 0.1, (1, 2)),
        ] {
            let picture = RgbImage::new(size.0, size.1);
            assert_eq!(cropped(&picture, share).dimensions(), expect, "{size:?}, {share}");
        }
    }
}
