//! The first line of word2vec's formats.

use anyhow::{Result, bail, ensure};

/// No more can be addressed.
const MAX_VALUES: usize = isize::MAX as usize / size_of::<f32>();

/// What the first line says: V words of D values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) words: usize,
    pub(super) width: usize,
}

impl Header {
    /// Reads `V D`.
    ///
    /// # Errors
    /// The line's text and the rule, without a place.
    pub(super) fn parse(line: &[u8]) -> Result<Self> {
        let text = String::from_utf8_lossy(line);
        let fields: Vec<&str> = text.split_whitespace().collect();
        let numbers: Vec<usize> = fields.iter().flat_map(|field| field.parse()).collect();
        let (&[words, width], 2) = (numbers.as_slice(), fields.len()) else {
            bail!(
                "{} must be the number of words and the number of values of each, or a word and its \
                 values",
                excerpt(&text)
            );
        };
        ensure!(
            words > 0 && width > 0,
            "{words} words of {width} values: both numbers must be at least 1"
        );
        let fits = words.checked_mul(width).is_some_and(|values| values <= MAX_VALUES);
        ensure!(
            fits && u32::try_from(words).is_ok(),
            "{words} words of {width} values are more than can be read"
        );
        Ok(Self { words, width })
    }

    /// Holds the line to what its file can hold, where a value takes so many bytes at least.
    ///
    /// # Errors
    /// More values than that.
    pub(super) fn ensure_held(self, max_bytes: u64, bytes_a_value: u64) -> Result<()> {
        let bytes = (self.words as u64 * self.width as u64).saturating_mul(bytes_a_value);
        ensure!(
            bytes <= max_bytes,
            "{} words of {} values need {bytes} bytes, and the file has at most {max_bytes}: it is \
             cut off, or this line is wrong",
            self.words,
            self.width
        );
        Ok(())
    }
}

/// The beginning of a text for a message.
pub(super) fn excerpt(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{:?}…", &text[..end]),
        None => format!("{text:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_numbers() {
        assert_eq!(Header::parse(b" 3 200 \r\n").unwrap(), Header { words: 3, width: 200 });
        let error = |line: &str| Header::parse(line.as_bytes()).unwrap_err().to_string();
        for line in ["", "3", "3 4 5", "the 0.1 0.2", "-1 4", "3 4.0", "99999999999999999999 4"] {
            assert!(error(line).contains("must be the number of words"), "{line}");
        }
        assert!(error("0 4").contains("at least 1") && error("4 0").contains("at least 1"));
        assert!(error("5000000000 4").contains("more than can be read"));
        assert!(error(&"x ".repeat(400)).len() < 250);
    }

    #[test]
    fn no_more_than_the_file_can_hold() {
        let header = Header { words: 10, width: 10 };
        header.ensure_held(400, 4).unwrap();
        let error = header.ensure_held(399, 4).unwrap_err().to_string();
        assert!(error.starts_with("10 words of 10 values need 400 bytes, and the file has"));
        let lies = Header { words: u32::MAX as usize, width: MAX_VALUES / u32::MAX as usize };
        lies.ensure_held(u64::MAX / 8, 4).unwrap_err();
    }
}
