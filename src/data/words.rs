//! The words of a text, a newline being the word `<eos>`.
//!
//! As `ptb_raw_data` of the reference, but for one thing: there a newline without a space
//! beside it melts into its neighbours, here it is always a word of its own. On the Penn
//! Treebank both give the same words.

use std::fs::File;
use std::path::Path;

use anyhow::{Context, Result, bail};
use memmap2::MmapOptions;

/// The word that ends a sentence.
pub const END_OF_SENTENCE: &str = "<eos>";

/// How much of a file is mapped at a time, in bytes: a file of any size needs no more.
const WINDOW: u64 = 64 << 20;

/// Calls `each` for every word of a file.
///
/// # Errors
/// When the file cannot be read or is not UTF-8; the line is named.
pub fn for_each_word(path: &Path, mut each: impl FnMut(&str)) -> Result<()> {
    let place = || path.display().to_string();
    let file = File::open(path).with_context(|| format!("cannot open {}", place()))?;
    let size = file.metadata().with_context(|| format!("cannot read {}", place()))?;
    if size.is_dir() {
        bail!("{} is a folder, not a text file", place());
    }
    let (mut at, mut line) = (0, 1);
    while at < size.len() {
        let len = WINDOW.min(size.len() - at);
        // SAFETY: a file that another program shortens meanwhile ends this process with a
        // signal instead of a wrong result; nothing else reads the mapping.
        let window = unsafe { MmapOptions::new().offset(at).len(len as usize).map(&file) }
            .with_context(|| format!("cannot map {}", place()))?;
        let is_last = at + len == size.len();
        let used = if is_last { window.len() } else { whole_words(&window) };
        if used == 0 {
            bail!("{}:{line}: a word of more than {} MiB is no text", place(), WINDOW >> 20);
        }
        let text = std::str::from_utf8(&window[..used]).map_err(|error| {
            let valid = &window[..error.valid_up_to()];
            let line = line + valid.iter().filter(|&&byte| byte == b'\n').count();
            anyhow::anyhow!("{}:{line}: the text is not UTF-8", place())
        })?;
        for_each_word_of(text, &mut each);
        line += text.bytes().filter(|&byte| byte == b'\n').count();
        at += used as u64;
    }
    Ok(())
}

/// Calls `each` for every word of a text in memory.
pub fn for_each_word_of(text: &str, mut each: impl FnMut(&str)) {
    let mut lines = text.split('\n').peekable();
    while let Some(line) = lines.next() {
        line.split(is_space).filter(|word| !word.is_empty()).for_each(&mut each);
        if lines.peek().is_some() {
            each(END_OF_SENTENCE);
        }
    }
}

/// White space as Python's `str.split` sees it.
fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c)
}

/// The length up to and with the last ASCII space or newline, where no word is cut.
fn whole_words(window: &[u8]) -> usize {
    window.iter().rposition(|byte| matches!(byte, b' ' | b'\n')).map_or(0, |last| last + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        let mut words = Vec::new();
        for_each_word_of(text, |word| words.push(word.to_string()));
        words
    }

    #[test]
    fn a_newline_is_a_word_of_its_own() {
        assert_eq!(words(" a b \n c\n"), ["a", "b", "<eos>", "c", "<eos>"]);
        assert_eq!(words("a\nb"), ["a", "<eos>", "b"]);
        assert_eq!(words("\n\n"), ["<eos>", "<eos>"]);
        assert_eq!(words("a\r\n\tb\u{a0}c\u{3000}d"), ["a", "<eos>", "b", "c", "d"]);
        assert!(words("").is_empty());
    }

    #[test]
    fn a_file_gives_the_words_of_its_text() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("text");
        std::fs::write(&path, " hello there\n é ").unwrap();
        let mut got = Vec::new();
        for_each_word(&path, |word| got.push(word.to_string())).unwrap();
        assert_eq!(got, ["hello", "there", "<eos>", "é"]);
    }

    #[test]
    fn a_window_is_cut_behind_its_last_space() {
        assert_eq!(whole_words(b"ab cd ef"), 6);
        assert_eq!(whole_words(b"ab\ncd"), 3);
        assert_eq!(whole_words(b"abcd"), 0);
    }

    #[test]
    fn errors_name_file_and_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("bytes");
        std::fs::write(&path, b"good\nbad \xff\n").unwrap();
        let error = for_each_word(&path, |_| ()).unwrap_err().to_string();
        assert!(error.ends_with("bytes:2: the text is not UTF-8"), "{error}");
        let missing = for_each_word(&dir.path().join("none"), |_| ()).unwrap_err().to_string();
        assert!(missing.contains("cannot open"), "{missing}");
        let folder = for_each_word(dir.path(), |_| ()).unwrap_err().to_string();
        assert!(folder.contains("is a folder"), "{folder}");
    }
}
