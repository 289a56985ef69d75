//! Completion for bash. Bash passes the whole line, splits words also at `=` and `:`, and replaces only
//! the text after the last split.

use std::env;
use std::ffi::OsString;
use std::io::{Result, Write};
use std::path::Path;

use clap::Command;
use clap_complete::engine::complete;
use clap_complete::env::EnvCompleter;

/// Where bash cuts words, unless the script says so.
const BREAKS: &str = " \t\n\"'@><=;|&(:";

/// The environment variable in which the script says where.
const VARIABLE: &str = "TFM_COMPLETE_BREAKS";

const SCRIPT: &str = r#"_NAME_complete() {
    local reply
    COMPREPLY=()
    while IFS= read -r reply; do
        COMPREPLY+=("$reply")
    done < <(VAR=bash BREAKS="$COMP_WORDBREAKS" COMPLETER -- "${COMP_LINE:0:COMP_POINT}" 2> /dev/null)
    if [[ "${COMPREPLY-}" == *[=/] ]]; then
        compopt -o nospace 2> /dev/null
    fi
}
if [[ "${BASH_VERSINFO[0]}" -eq 4 && "${BASH_VERSINFO[1]}" -ge 4 || "${BASH_VERSINFO[0]}" -gt 4 ]]; then
    complete -o bashdefault -o nosort -F _NAME_complete BIN
else
    complete -o nospace -o bashdefault -F _NAME_complete BIN
fi
"#;

/// A line up to the cursor.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Line {
    /// The words as the program would be given them; the last is the one at the cursor.
    pub words: Vec<String>,
    /// The bytes of the last word that bash leaves as they are.
    kept: usize,
    /// The quote that is open at the cursor.
    quote: Option<char>,
}

impl Line {
    /// Splits a line from bash at bash's word breaks.
    pub fn asked(line: &str) -> Self {
        Self::split(line, &env::var(VARIABLE).unwrap_or_else(|_| BREAKS.to_owned()))
    }

    /// Splits a line as a shell does, without substitutions.
    fn split(line: &str, breaks: &str) -> Self {
        let (mut words, mut word, mut begun) = (Vec::new(), String::new(), false);
        let (mut kept, mut before, mut quote) = (0, 0, None);
        let mut chars = line.chars().peekable();
        while let Some(c) = chars.next() {
            let blank = quote.is_none() && c.is_ascii_whitespace();
            if blank {
                if begun {
                    words.push(std::mem::take(&mut word));
                }
                (begun, kept) = (false, 0);
                continue;
            }
            begun = true;
            match (quote, c) {
                (None, '\'' | '"') => {
                    (quote, before) = (Some(c), kept);
                    kept = word.len();
                }
                (Some(open), _) if open == c => (quote, kept) = (None, before),
                (None, '\\') => word.extend(chars.next()),
                (Some('"'), '\\') => {
                    let escaped = chars.next_if(|&next| "\"\\$`".contains(next));
                    word.push(escaped.unwrap_or(c));
                }
                _ => {
                    word.push(c);
                    if quote.is_none() && breaks.contains(c) {
                        kept = word.len();
                    }
                }
            }
        }
        words.push(word);
        Self { words, kept, quote }
    }

    /// The text that bash inserts for a last word `value`; nothing if it does not fit on one line.
    fn reply(&self, value: &str) -> Option<String> {
        let typed = self.words.last()?;
        let rest = value.get(self.kept..).filter(|_| value.starts_with(&typed[..self.kept]))?;
        (!rest.contains('\n')).then(|| escaped(rest, self.quote))
    }
}

/// `text` as bash reads it back where `quote` is open. A tilde before a slash stays the home folder.
fn escaped(text: &str, quote: Option<char>) -> String {
    let is_plain = |c: char| match quote {
        Some('\'') => c != '\'',
        Some(_) => !"\"\\$`".contains(c),
        None => c.is_alphanumeric() || "/._-+:,@%=".contains(c),
    };
    let home = if quote.is_none() && text.starts_with("~/") { 1 } else { 0 };
    let mut escaped = text[..home].to_owned();
    for c in text[home..].chars() {
        match (is_plain(c), quote) {
            (true, _) => escaped.push(c),
            (false, Some('\'')) => escaped.push_str(r"'\''"),
            (false, _) => escaped.extend(['\\', c]),
        }
    }
    escaped
}

/// Completion for bash.
#[derive(Default)]
pub(super) struct Bash {
    /// The completion request.
    pub line: Line,
}

impl EnvCompleter for Bash {
    fn name(&self) -> &'static str {
        "bash"
    }

    fn is(&self, name: &str) -> bool {
        name == self.name()
    }

    fn write_registration(
        &self,
        var: &str,
        name: &str,
        bin: &str,
        completer: &str,
        buf: &mut dyn Write,
    ) -> Result<()> {
        let script =
            SCRIPT.replace("BREAKS=", &format!("{VARIABLE}=")).replace("VAR=", &format!("{var}="));
        let script = script.replace("COMPLETER", &escaped(completer, None));
        buf.write_all(script.replace("NAME", name).replace("BIN", bin).as_bytes())
    }

    /// Writes one reply per line.
    fn write_complete(
        &self,
        command: &mut Command,
        _: Vec<OsString>,
        folder: Option<&Path>,
        buf: &mut dyn Write,
    ) -> Result<()> {
        let words: Vec<_> = self.line.words.iter().map(OsString::from).collect();
        let Some(last) = words.len().checked_sub(1) else { return Ok(()) };
        for candidate in complete(command, words, last, folder)? {
            if let Some(reply) = self.line.reply(&candidate.get_value().to_string_lossy()) {
                writeln!(buf, "{reply}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, words: &[&str], value: &str, reply: &str) {
        let line = Line::split(line, BREAKS);
        assert_eq!(line.words, words);
        assert_eq!(line.reply(value).as_deref(), Some(reply));
    }

    #[test]
    fn a_line_is_split_as_the_shell_splits_it() {
        check("tfm  a ", &["tfm", "a", ""], "b c", r"b\ c");
        check(r"tfm my\ ru", &["tfm", "my ru"], "my run/", r"my\ run/");
        check("tfm 'my ru", &["tfm", "my ru"], "my run's", r"my run'\''s");
        check(r#"tfm "my \"$ru"#, &["tfm", "my \"$ru"], "my \"$run", r#"my \"\$run"#);
        check("tfm 'my r'u", &["tfm", "my ru"], "my run", r"my\ run");
        check("tfm '' x", &["tfm", "", "x"], "x*", r"x\*");
        check("tfm ~/x", &["tfm", "~/x"], "~/x~", r"~/x\~");
    }

    #[test]
    fn bash_replaces_what_follows_the_last_break() {
        check("tfm a=", &["tfm", "a="], "a=true", "true");
        check("tfm a=t", &["tfm", "a=t"], "a=true", "true");
        check("tfm cuda:", &["tfm", "cuda:"], "cuda:0", "0");
        check(r"tfm a\=b", &["tfm", "a=b"], "a=bc", "a=bc");
        check("tfm a='b c", &["tfm", "a=b c"], "a=b cd", "b cd");
        let whole = Line::split("tfm a=t", " ");
        assert_eq!(whole.reply("a=true").as_deref(), Some("a=true"));
    }

    #[test]
    fn a_value_that_does_not_go_on_with_the_word_or_has_two_lines_is_left_out() {
        let line = Line::split("tfm a=", BREAKS);
        assert_eq!([line.reply("b=c"), line.reply("a"), line.reply("a=b\nc")], [None, None, None]);
    }
}
