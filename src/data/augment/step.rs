//! The steps: how they are written, what they do to a size, and what they do to an image.

use std::fmt;
use std::str::FromStr;

use anyhow::{Result, bail, ensure};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Canvas, Shape, between, is_flipped, place};

/// What is done to an image. It is written as its name and its numbers, such as `crop 24`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub enum Step {
    /// `crop SIDE` or `crop HEIGHT WIDTH`: a part of this size from a random place; in
    /// evaluation from the centre.
    Crop {
        /// Rows that stay.
        height: usize,
        /// Columns that stay.
        width: usize,
    },
    /// `pad-and-crop PAD`: zeros on all sides, then a random crop of the old size (He et al.,
    /// "Deep Residual Learning for Image Recognition", 4.2).
    PadAndCrop {
        /// Zeros on each side.
        pad: usize,
    },
    /// `flip`: left and right change places in one of two cases.
    Flip,
    /// `brightness MAX`: a number from [-MAX, MAX) is added to every value.
    Brightness {
        /// The largest change.
        max: f32,
    },
    /// `contrast MIN MAX`: the distances to each channel's mean are multiplied by a number
    /// from [MIN, MAX).
    Contrast {
        /// The least factor.
        min: f32,
        /// The largest factor.
        max: f32,
    },
    /// `standardise`: mean 0 and deviation 1 over all values; also in evaluation.
    Standardise,
}

/// The bounds of brightness and contrast, so that no number of an image can overflow.
const MAX_BRIGHTNESS: f32 = 255.0;
const MAX_CONTRAST: f32 = 100.0;
/// No image has a longer side.
const MAX_SIDE: usize = 1 << 16;

impl Step {
    /// The size of an image of size `input` after this step.
    ///
    /// # Errors
    /// What the list must not do, where the step does not fit.
    pub fn output(self, input: Shape) -> Result<Shape> {
        match self {
            Step::Crop { height, width } => {
                ensure!(
                    height <= input.height && width <= input.width,
                    "must not take a crop of {height} × {width} from images of {input} (\"{self}\")"
                );
                Ok(Shape { height, width, ..input })
            }
            Step::PadAndCrop { pad } => {
                let max = input.height.min(input.width);
                ensure!(pad <= max, "must not pad images of {input} by {pad} (\"{self}\")");
                Ok(input)
            }
            _ => Ok(input),
        }
    }

    /// Whether the step does something in evaluation.
    pub fn is_of_evaluation(self) -> bool {
        matches!(self, Step::Crop { .. } | Step::Standardise)
    }

    /// Works on an image, by random numbers in training and without in evaluation.
    ///
    /// # Panics
    /// When [`Step::output`] is an error for the image's size.
    pub fn apply(self, canvas: &mut Canvas, random: Option<[u32; 4]>) {
        let Shape { height: rows, width: columns, .. } = canvas.shape();
        match (self, random) {
            (Step::Crop { height, width }, random) => {
                assert!(height <= rows && width <= columns, "the crop extends past the image");
                let (below, beside) = (rows - height, columns - width);
                let centre = (below / 2, beside / 2);
                let at = random.map_or(centre, |[word, ..]| place(below + 1, beside + 1, word));
                canvas.cut(0, at, height, width);
            }
            (Step::PadAndCrop { pad }, Some([word, ..])) => {
                let places = 2 * pad + 1;
                canvas.cut(pad, place(places, places, word), rows, columns);
            }
            (Step::Flip, Some([word, ..])) if is_flipped(word) => canvas.flip(),
            (Step::Brightness { max }, Some([word, ..])) => {
                canvas.brighten(between(-max..max, word));
            }
            (Step::Contrast { min, max }, Some([word, ..])) => {
                canvas.contrast(between(min..max, word));
            }
            (Step::Standardise, _) => canvas.standardise(),
            _ => (),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Step::Crop { height, width } if height == width => write!(f, "crop {height}"),
            Step::Crop { height, width } => write!(f, "crop {height} {width}"),
            Step::PadAndCrop { pad } => write!(f, "pad-and-crop {pad}"),
            Step::Flip => f.write_str("flip"),
            Step::Brightness { max } => write!(f, "brightness {max}"),
            Step::Contrast { min, max } => write!(f, "contrast {min} {max}"),
            Step::Standardise => f.write_str("standardise"),
        }
    }
}

impl FromStr for Step {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let Some((name, numbers)) = words.split_first() else { bail!("a step is empty") };
        let step = match (*name, numbers) {
            ("crop", [side]) => {
                let side = number(text, side, 1, MAX_SIDE)?;
                Step::Crop { height: side, width: side }
            }
            ("crop", [height, width]) => Step::Crop {
                height: number(text, height, 1, MAX_SIDE)?,
                width: number(text, width, 1, MAX_SIDE)?,
            },
            ("pad-and-crop", [pad]) => Step::PadAndCrop { pad: number(text, pad, 1, MAX_SIDE)? },
            ("flip", []) => Step::Flip,
            ("brightness", [max]) => {
                Step::Brightness { max: number(text, max, 0.0, MAX_BRIGHTNESS)? }
            }
            ("contrast", [min, max]) => {
                let min = number(text, min, 0.0, MAX_CONTRAST)?;
                Step::Contrast { min, max: number(text, max, min, MAX_CONTRAST)? }
            }
            ("standardise", []) => Step::Standardise,
            _ => bail!("\"{text}\" is not a step; the steps are: {STEPS}"),
        };
        Ok(step)
    }
}

/// All steps, as they are written.
const STEPS: &str = "crop SIDE, crop HEIGHT WIDTH, pad-and-crop PAD, flip, brightness MAX, \
                     contrast MIN MAX, standardise";

/// A number of the step `text`, from `least` to `most`.
fn number<T: FromStr + PartialOrd + fmt::Display>(
    text: &str,
    word: &str,
    min: T,
    max: T,
) -> Result<T> {
    match word.parse::<T>() {
        Ok(number) if number >= min && number <= max => Ok(number),
        _ => bail!("\"{text}\": {word} must be a number from {min} to {max}"),
    }
}

impl TryFrom<String> for Step {
    type Error = anyhow::Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Step> for String {
    fn from(step: Step) -> Self {
        step.to_string()
    }
}
