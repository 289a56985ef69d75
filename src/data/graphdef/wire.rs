//! Protobuf's wire format as far as the outline of a file needs it: where its fields begin and end.

use std::fmt;

use anyhow::{Result, ensure};

/// The largest number of a field.
const MAX_NUMBER: u64 = (1 << 29) - 1;
/// The most bytes of an integer of 64 bits, seven of them in each.
const MAX_VARINT: usize = 10;
/// The most fields of one list or tensor. Long lists of numbers are packed: they are one field.
const MAX_FIELDS: usize = 1 << 20;

/// The fields of an encoded message, in order.
pub(super) struct Fields<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// One field of a message.
pub(super) struct Field<'a> {
    /// Its number in the message.
    pub(super) number: u64,
    /// The content of a text, of bytes or of a message; `None` for a number.
    pub(super) content: Option<&'a [u8]>,
}

/// Why bytes are not a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Malformed {
    /// They end within the field at a byte, which is longer than the rest.
    Cut {
        /// Where the field begins.
        at: usize,
        /// The bytes that its content should have, if this can still be read.
        claimed: Option<u64>,
        /// The bytes that are left for it.
        left: usize,
    },
    /// No field can begin with what is at a byte.
    NoField {
        /// Where this is.
        at: usize,
    },
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cut { at, claimed: Some(claimed), left } => {
                write!(
                    f,
                    "the field at byte {at} should have {claimed} bytes, but only {left} follow"
                )
            }
            Self::Cut { at, claimed: None, .. } => {
                write!(f, "it ends within the field at byte {at}")
            }
            Self::NoField { at } => write!(f, "byte {at} does not start a field of a message"),
        }
    }
}

/// The fields of the message that `bytes` encode.
pub(super) fn fields(bytes: &[u8]) -> Fields<'_> {
    Fields { bytes, at: 0 }
}

/// Refuses a message of more than a million fields, before each becomes a value in memory.
pub(super) fn ensure_few_fields(bytes: &[u8]) -> Result<()> {
    let n = fields(bytes).take(MAX_FIELDS + 1).count();
    ensure!(n <= MAX_FIELDS, "a list has more values than the limit of {MAX_FIELDS}");
    Ok(())
}

/// The integer at a place, and where it ends. There is none where the bytes end, or after ten.
pub(super) fn varint(bytes: &[u8], at: usize) -> Option<(u64, usize)> {
    let mut value = 0;
    for (i, &byte) in bytes.get(at..)?.iter().take(MAX_VARINT).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * i);
        if byte < 0x80 {
            return Some((value, at + i + 1));
        }
    }
    None
}

impl<'a> Fields<'a> {
    fn field(&mut self) -> Result<Field<'a>, Malformed> {
        let start = self.at;
        let key = self.varint(start)?;
        let number = key >> 3;
        if number == 0 || number > MAX_NUMBER {
            return Err(Malformed::NoField { at: start });
        }
        let content = match key & 7 {
            0 => self.varint(start).map(|_| None)?,
            1 => self.take(start, 8).map(|_| None)?,
            2 => {
                let len = self.varint(start)?;
                Some(self.take(start, len)?)
            }
            5 => self.take(start, 4).map(|_| None)?,
            _ => return Err(Malformed::NoField { at: start }),
        };
        Ok(Field { number, content })
    }

    fn varint(&mut self, start: usize) -> Result<u64, Malformed> {
        let Some((value, end)) = varint(self.bytes, self.at) else {
            let left = self.bytes.len() - self.at;
            let is_cut = left < MAX_VARINT;
            let cut = Malformed::Cut { at: start, claimed: None, left };
            return Err(if is_cut { cut } else { Malformed::NoField { at: start } });
        };
        self.at = end;
        Ok(value)
    }

    fn take(&mut self, start: usize, len: u64) -> Result<&'a [u8], Malformed> {
        let rest = &self.bytes[self.at..];
        let taken = usize::try_from(len).ok().and_then(|len| rest.get(..len));
        let cut = Malformed::Cut { at: start, claimed: Some(len), left: rest.len() };
        let content = taken.ok_or(cut)?;
        self.at += content.len();
        Ok(content)
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<Field<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.bytes.len() {
            return None;
        }
        let field = self.field();
        if field.is_err() {
            self.at = self.bytes.len();
        }
        Some(field)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers of the fields, each with its content; that of a number reads `-`.
    fn outline(bytes: &[u8]) -> Result<String, Malformed> {
        let text = |field: Field<'_>| {
            let content = field.content.map_or("-".into(), String::from_utf8_lossy);
            format!("{} {content}", field.number)
        };
        let fields: Result<Vec<_>, _> = fields(bytes).map(|field| field.map(text)).collect();
        fields.map(|fields| fields.join(", "))
    }

    #[test]
    fn fields_are_told_by_their_numbers_and_contents() {
        let bytes = b"\x0a\x02ab\x10\x96\x01\x1d\0\0\0\0\x21\0\0\0\0\0\0\0\0\x22\0";
        assert_eq!(outline(bytes).unwrap(), "1 ab, 2 -, 3 -, 4 -, 4 ");
    }

    #[test]
    fn what_is_cut_is_told_from_what_is_no_message() {
        let cut = outline(b"\x10\x01\x0a\x05ab").unwrap_err();
        assert_eq!(cut.to_string(), "the field at byte 2 should have 5 bytes, but only 2 follow");
        let cut = outline(b"\x10\x01\x0a").unwrap_err();
        assert_eq!(cut.to_string(), "it ends within the field at byte 2");
        let huge = outline(b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01").unwrap_err();
        assert!(matches!(huge, Malformed::Cut { at: 0, claimed: Some(u64::MAX), left: 0 }));
        for bytes in
            [&b"\x0b\0"[..], b"\0\0", b"\x07", b"\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"]
        {
            assert_eq!(outline(bytes).unwrap_err(), Malformed::NoField { at: 0 }, "{bytes:?}");
        }
    }
}
