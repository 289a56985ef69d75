//! Words that pass between the program and a shell.

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

/// Takes environment variables away that are set and empty: these are as good as none, but not to
/// every library. To be called while the process has one thread.
pub fn drop_empty_variables() {
    for (name, _) in std::env::vars_os().filter(|(_, value)| value.is_empty()) {
        // SAFETY: no other thread reads the environment meanwhile: there is none.
        unsafe { std::env::remove_var(name) };
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
