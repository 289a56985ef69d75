//! The types that the values of a tensor can have (`tensorflow/core/framework/types.proto`).

use std::fmt;

use anyhow::{Result, bail};

/// The type of a tensor's values, by TensorFlow's name for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DataType {
    /// `f32`.
    Float,
    /// `f64`.
    Double,
    /// `i32`.
    Int32,
    /// `u8`.
    Uint8,
    /// `i16`.
    Int16,
    /// `i8`.
    Int8,
    /// Bytes of any length.
    String,
    /// `i64`.
    Int64,
    /// `bool`, in one byte.
    Bool,
    /// A float of 16 bits.
    Half,
}

/// Each with its number in files, its name, and the bytes of a value; a string has no fixed size.
const KNOWN: &[(DataType, i32, &str, usize)] = &[
    (DataType::Float, 1, "float", 4),
    (DataType::Double, 2, "double", 8),
    (DataType::Int32, 3, "int32", 4),
    (DataType::Uint8, 4, "uint8", 1),
    (DataType::Int16, 5, "int16", 2),
    (DataType::Int8, 6, "int8", 1),
    (DataType::String, 7, "string", 0),
    (DataType::Int64, 9, "int64", 8),
    (DataType::Bool, 10, "bool", 1),
    (DataType::Half, 19, "half", 2),
];

/// Types that are not read, by their numbers.
const NOT_READ: &[(i32, &str)] = &[
    (8, "complex64"),
    (11, "qint8"),
    (12, "quint8"),
    (13, "qint32"),
    (14, "bfloat16"),
    (15, "qint16"),
    (16, "quint16"),
    (17, "uint16"),
    (18, "complex128"),
    (20, "resource"),
    (21, "variant"),
    (22, "uint32"),
    (23, "uint64"),
];

/// What is added to a type's number for a reference to a variable of it.
const REFERENCE: i32 = 100;

impl DataType {
    /// The type of a number in a file.
    ///
    /// # Errors
    /// A type that is not supported, by its name, and a number that is not a type.
    pub fn from_number(number: i32) -> Result<Self> {
        let plain = if number > REFERENCE { number - REFERENCE } else { number };
        if let Some((known, ..)) = KNOWN.iter().find(|(_, other, ..)| *other == plain) {
            return Ok(*known);
        }
        match NOT_READ.iter().find(|(other, _)| *other == plain) {
            Some((_, name)) => bail!("values of type {name} are not supported"),
            None => bail!("{number} is not the number of a data type"),
        }
    }

    /// Its number in files.
    pub fn number(self) -> i32 {
        self.entry().1
    }

    /// The bytes of a value; 0 for a string, which has any number.
    pub fn bytes(self) -> usize {
        self.entry().3
    }

    fn entry(self) -> &'static (DataType, i32, &'static str, usize) {
        // Every type has its line.
        KNOWN.iter().find(|(known, ..)| *known == self).unwrap_or(&KNOWN[0])
    }
}

impl fmt::Display for DataType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.entry().2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_known_by_number_and_name() {
        for (data_type, number, name, bytes) in KNOWN {
            assert_eq!(DataType::from_number(*number).unwrap(), *data_type);
            assert_eq!(DataType::from_number(*number + 100).unwrap(), *data_type);
            let found = (data_type.number(), data_type.to_string(), data_type.bytes());
            assert_eq!(found, (*number, (*name).to_owned(), *bytes));
        }
        let error = |number| DataType::from_number(number).unwrap_err().to_string();
        assert_eq!(error(12), "values of type quint8 are not supported");
        assert_eq!(error(0), "0 is not the number of a data type");
        assert_eq!(error(i32::MIN), "-2147483648 is not the number of a data type");
    }
}
