//! Values that the user feeds to tensors besides the images, such as the training phase.

use std::fmt;
use std::str::FromStr;

use anyhow::{Context, Error, Result, bail, ensure};

use crate::data::graphdef::{
    DataType, FrozenGraph, FrozenNode, NodeOutput, Tensor, TensorName, Values,
};

/// The most values of a placeholder that one number fills.
const MAX_VALUES: usize = 1 << 20;

/// `TENSOR=VALUE`, or several values with commas.
#[derive(Clone, Debug, PartialEq)]
pub struct Given {
    tensor: TensorName,
    values: Vec<f64>,
}

impl FromStr for Given {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (tensor, values) = text
            .split_once('=')
            .with_context(|| format!("{text:?} has no value: write TENSOR=VALUE"))?;
        let number =
            |value: &str| match value.trim() {
                "true" => Ok(1.0),
                "false" => Ok(0.0),
                value => value.parse().ok().filter(|number: &f64| number.is_finite()).with_context(
                    || format!("{value:?} is neither a number nor true or false (in {text:?})"),
                ),
            };
        let values = values.split(',').map(number).collect::<Result<_>>()?;
        Ok(Self { tensor: tensor.trim().parse()?, values })
    }
}

impl fmt::Display for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let values: Vec<_> = self.values.iter().map(f64::to_string).collect();
        write!(f, "{}={}", self.tensor, values.join(","))
    }
}

/// The graph whose tensors have the given values.
///
/// # Errors
/// A tensor that the graph lacks, or of a type that no number fits; values of another number than its
/// shape says.
pub fn with_given(graph: FrozenGraph, given: &[Given]) -> Result<FrozenGraph> {
    if given.is_empty() {
        return Ok(graph);
    }
    let constant = |given: &Given| {
        let NodeOutput { node, output } = graph.find(&given.tensor)?;
        let title = graph.node(node).title();
        ensure!(output == 0, "{}: only the first output of {title} can be fed", graph.place());
        let tensor = tensor(graph.node(node), &given.values);
        Ok((node, tensor.with_context(|| format!("{}: the value {given}", graph.place()))?))
    };
    let constants: Vec<(usize, Tensor)> = given.iter().map(constant).collect::<Result<_>>()?;
    Ok(graph.with_nodes(|index, node| {
        if let Some((_, tensor)) = constants.iter().rfind(|(given, _)| *given == index) {
            node.become_constant(tensor);
        }
    }))
}

/// The values as what the node gives: of its type, and of its shape where it says one.
fn tensor(node: &FrozenNode, values: &[f64]) -> Result<Tensor> {
    let key = if node.has("dtype") { "dtype" } else { "T" };
    let data_type = node.data_type(key, DataType::Float)?;
    let known: Option<Vec<usize>> =
        node.shape("shape")?.and_then(|sizes| sizes.into_iter().collect());
    let shape = match known {
        Some(shape) => shape,
        None if values.len() == 1 => Vec::new(),
        None => vec![values.len()],
    };
    let len = shape.iter().try_fold(1usize, |len, &size| len.checked_mul(size));
    let len =
        len.filter(|len| *len <= MAX_VALUES).with_context(|| format!("{shape:?} is too large"))?;
    let all = match *values {
        [one] => vec![one; len],
        _ => values.to_vec(),
    };
    ensure!(
        all.len() == len,
        "{} has shape {shape:?}, but {} values are given",
        node.title(),
        all.len()
    );
    Tensor::new(shape, of_type(data_type, &all).with_context(|| node.title())?)
}

fn of_type(data_type: DataType, numbers: &[f64]) -> Result<Values> {
    let whole = |least: f64, most: f64| -> Result<()> {
        let fits = |number: &f64| number.fract() == 0.0 && (least..=most).contains(number);
        match numbers.iter().find(|number| !fits(number)) {
            Some(number) => bail!("takes whole numbers from {least} to {most}, not {number}"),
            None => Ok(()),
        }
    };
    let each = numbers.iter();
    Ok(match data_type {
        DataType::Float | DataType::Half => Values::Float(each.map(|&n| n as f32).collect()),
        DataType::Double => Values::Double(numbers.to_vec()),
        DataType::Bool => {
            let odd = each.clone().find(|n| ![0.0, 1.0].contains(*n));
            ensure!(odd.is_none(), "must be true or false, not {}", odd.unwrap_or(&0.0));
            Values::Bool(each.map(|&n| n != 0.0).collect())
        }
        DataType::Int32 => {
            whole(i32::MIN.into(), i32::MAX.into())?;
            Values::Int32(each.map(|&n| n as i32).collect())
        }
        DataType::Int64 => {
            whole(-(2f64.powi(53)), 2f64.powi(53))?;
            Values::Int64(each.map(|&n| n as i64).collect())
        }
        DataType::Uint8 => {
            whole(0.0, 255.0)?;
            Values::Uint8(each.map(|&n| n as u8).collect())
        }
        other => bail!("is of type {other}, which cannot be fed a number"),
    })
}
