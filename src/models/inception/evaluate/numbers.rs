//! Values by their type: macros over all types, numbers in wider ones, and what memory they need.

use anyhow::{Context, Result, bail, ensure};

use crate::data::graphdef::{DataType, Tensor, Values};
use crate::system::memory;

/// The most values of one output: four gibibytes of `float`.
const MAX_VALUES: usize = 1 << 30;
/// The maximum number of strings of one output; each takes 32 bytes.
const MAX_STRINGS: usize = 1 << 20;
/// TensorFlow's own limit on the dimensions of a tensor.
const MAX_RANK: usize = 254;
/// Outputs of at least this many bytes are checked against the available memory.
pub(super) const MIN_CHECKED: u64 = 64 << 20;

/// Numbers in the widest type of their kind.
pub(super) enum Numbers {
    /// Floats.
    Floats(Vec<f64>),
    /// Integers; 0 and 1 for false and true.
    Ints(Vec<i64>),
}

/// Values of the type of `$values` from an expression on its vector `$v`.
macro_rules! same_type {
    ($values:expr, $v:ident => $body:expr) => {{
        use $crate::data::graphdef::Values as V;
        match $values {
            V::Float($v) => V::Float($body),
            V::Double($v) => V::Double($body),
            V::Int32($v) => V::Int32($body),
            V::Int64($v) => V::Int64($body),
            V::Int16($v) => V::Int16($body),
            V::Int8($v) => V::Int8($body),
            V::Uint8($v) => V::Uint8($body),
            V::Bool($v) => V::Bool($body),
            V::String($v) => V::String($body),
        }
    }};
}

/// An expression on the vectors `$a` and `$b` of two values of one type, whichever it is; `$other`
/// where they have two.
macro_rules! both {
    ($left:expr, $right:expr, ($a:ident, $b:ident) => $body:expr, $other:expr) => {{
        use $crate::data::graphdef::Values as V;
        match ($left, $right) {
            (V::Float($a), V::Float($b)) => $body,
            (V::Double($a), V::Double($b)) => $body,
            (V::Int32($a), V::Int32($b)) => $body,
            (V::Int64($a), V::Int64($b)) => $body,
            (V::Int16($a), V::Int16($b)) => $body,
            (V::Int8($a), V::Int8($b)) => $body,
            (V::Uint8($a), V::Uint8($b)) => $body,
            (V::Bool($a), V::Bool($b)) => $body,
            (V::String($a), V::String($b)) => $body,
            _ => $other,
        }
    }};
}

/// An expression on the vector `$v` of values that are numbers of any type.
macro_rules! numeric {
    ($values:expr, $v:ident => $body:expr) => {{
        use $crate::data::graphdef::Values as V;
        match $values {
            V::Float($v) => $body,
            V::Double($v) => $body,
            V::Int32($v) => $body,
            V::Int64($v) => $body,
            V::Int16($v) => $body,
            V::Int8($v) => $body,
            V::Uint8($v) => $body,
            other => return Err($crate::models::inception::evaluate::numbers::not_taken(other)),
        }
    }};
}

pub(super) use {both, numeric, same_type};

impl Numbers {
    /// The numbers of values.
    ///
    /// # Errors
    /// Strings.
    pub(super) fn of(values: &Values) -> Result<Self> {
        Ok(match values {
            Values::Float(values) => Self::Floats(wide(values)),
            Values::Double(values) => Self::Floats(values.clone()),
            Values::Int32(values) => Self::Ints(wide(values)),
            Values::Int64(values) => Self::Ints(values.clone()),
            Values::Int16(values) => Self::Ints(wide(values)),
            Values::Int8(values) => Self::Ints(wide(values)),
            Values::Uint8(values) => Self::Ints(wide(values)),
            Values::Bool(values) => Self::Ints(wide(values)),
            Values::String(_) => return Err(not_taken(values)),
        })
    }

    /// The numbers as values of a type, as C converts them: floats lose their fraction, integers
    /// their upper bits, and what is not zero is true. `half` is rounded, and kept as `float`.
    ///
    /// # Errors
    /// Strings are asked for.
    pub(super) fn into_values(self, data_type: DataType) -> Result<Values> {
        fn all<A, B>(values: Vec<A>, convert: impl Fn(A) -> B) -> Vec<B> {
            values.into_iter().map(convert).collect()
        }
        let half = |value| half::f16::from_f64(value).to_f32();
        Ok(match (self, data_type) {
            (Self::Floats(values), DataType::Float) => {
                Values::Float(all(values, |value| value as f32))
            }
            (Self::Floats(values), DataType::Half) => Values::Float(all(values, half)),
            (Self::Floats(values), DataType::Double) => Values::Double(values),
            (Self::Floats(values), DataType::Bool) => {
                Values::Bool(all(values, |value| value != 0.0))
            }
            (Self::Floats(values), DataType::Int64) => Values::Int64(all(values, to_i64)),
            (Self::Floats(values), _) => {
                return Self::Ints(all(values, |value| i64::from(to_i32(value))))
                    .into_values(data_type);
            }
            (Self::Ints(values), DataType::Float) => {
                Values::Float(all(values, |value| value as f32))
            }
            (Self::Ints(values), DataType::Half) => {
                Values::Float(all(values, |value| half(value as f64)))
            }
            (Self::Ints(values), DataType::Double) => {
                Values::Double(all(values, |value| value as f64))
            }
            (Self::Ints(values), DataType::Int32) => {
                Values::Int32(all(values, |value| value as i32))
            }
            (Self::Ints(values), DataType::Int64) => Values::Int64(values),
            (Self::Ints(values), DataType::Int16) => {
                Values::Int16(all(values, |value| value as i16))
            }
            (Self::Ints(values), DataType::Int8) => Values::Int8(all(values, |value| value as i8)),
            (Self::Ints(values), DataType::Uint8) => {
                Values::Uint8(all(values, |value| value as u8))
            }
            (Self::Ints(values), DataType::Bool) => Values::Bool(all(values, |value| value != 0)),
            (Self::Ints(_), DataType::String) => bail!("numbers cannot be cast to strings"),
        })
    }
}

fn wide<A: Copy, B: From<A>>(values: &[A]) -> Vec<B> {
    values.iter().map(|value| B::from(*value)).collect()
}

/// The integer that x86 CPUs give for NaN or a float out of range: the lowest.
fn to_i64(value: f64) -> i64 {
    if value.abs() < 2f64.powi(63) { value as i64 } else { i64::MIN }
}

fn to_i32(value: f64) -> i32 {
    let value = value.trunc();
    let is_inside = (f64::from(i32::MIN)..=f64::from(i32::MAX)).contains(&value);
    if is_inside { value as i32 } else { i32::MIN }
}

/// Numbers of up to 32 bits, and doubles, as `f64`, which holds them all.
pub(super) fn doubles(values: &Values) -> Result<Vec<f64>> {
    Ok(match values {
        Values::Float(values) => wide(values),
        Values::Double(values) => values.clone(),
        Values::Int32(values) => wide(values),
        Values::Int16(values) => wide(values),
        Values::Int8(values) => wide(values),
        Values::Uint8(values) => wide(values),
        other => return Err(not_taken(other)),
    })
}

/// A tensor of a type from results in `f64`.
pub(super) fn from_doubles(
    shape: Vec<usize>,
    values: Vec<f64>,
    data_type: DataType,
) -> Result<Tensor> {
    let numbers = match data_type {
        DataType::Float | DataType::Double => Numbers::Floats(values),
        // Sums of integers wrap.
        _ => Numbers::Ints(values.into_iter().map(to_i64).collect()),
    };
    Tensor::new(shape, numbers.into_values(data_type)?)
}

/// The values if they are integers, as of a shape or of axes.
pub(super) fn integers(values: &Values) -> Result<Vec<i64>> {
    match (values, Numbers::of(values)) {
        (Values::Bool(_), _) | (_, Ok(Numbers::Floats(_)) | Err(_)) => {
            bail!("expected integers, got values of type {}", values.data_type())
        }
        (_, Ok(Numbers::Ints(values))) => Ok(values),
    }
}

/// The error of a type that an operation lacks.
pub(super) fn not_taken(values: &Values) -> anyhow::Error {
    anyhow::anyhow!("values of type {} are not supported", values.data_type())
}

/// The error of two types where one is due.
pub(super) fn two_types(left: &Values, right: &Values) -> anyhow::Error {
    let (left, right) = (left.data_type(), right.data_type());
    anyhow::anyhow!("values of type {left} and of type {right} cannot be combined")
}

/// The number of elements of an output with this shape and type.
///
/// # Errors
/// More memory than is sensible or available, or too many dimensions.
pub(super) fn len(shape: &[usize], data_type: DataType) -> Result<usize> {
    ensure!(shape.len() <= MAX_RANK, "{} dimensions are more than {MAX_RANK}", shape.len());
    if shape.contains(&0) {
        return Ok(0);
    }
    let most = if data_type == DataType::String { MAX_STRINGS } else { MAX_VALUES };
    let len = shape.iter().try_fold(1usize, |len, &size| len.checked_mul(size));
    let len = len.filter(|len| *len <= most).with_context(|| {
        format!("an output of shape {shape:?} has more than {most} elements, the limit")
    })?;
    // Results are numbers of 64 bits before they have their type.
    let bytes = (len * size_of::<f64>()) as u64;
    if bytes >= MIN_CHECKED {
        memory::ensure_fits(bytes, || format!("an output of shape {shape:?}"))?;
    }
    Ok(len)
}
