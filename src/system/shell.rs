//! Words that the program hands to a shell.

use std::ffi::OsStr;

/// `word` as a shell reads it back: commands that are printed are meant to be pasted.
pub fn quoted(word: impl AsRef<OsStr>) -> String {
    let word = word.as_ref().to_string_lossy();
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+:,@%=".contains(c);
    match !word.is_empty() && word.chars().all(is_plain) {
        true => word.into_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_back_what_was_quoted() {
        for (word, expect) in [
            ("runs/ptb-small-1.2", "runs/ptb-small-1.2"),
            ("läufe/é", "läufe/é"),
            ("my run's", r"'my run'\''s'"),
            ("a;b", "'a;b'"),
            ("~x", "'~x'"),
            ("", "''"),
        ] {
            assert_eq!(quoted(word), expect);
            #[cfg(unix)]
            {
                let echo = format!("printf %s {expect}");
                let said = std::process::Command::new("sh").args(["-c", &echo]).output().unwrap();
                assert_eq!(said.stdout, word.as_bytes());
            }
        }
    }
}
