//! Where the lines of earlier prompts are kept.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;

/// The file of the prompt's history: `tfm/word2vec-history` in the folder where the user's programs
/// keep their state. That is `XDG_STATE_HOME`, or `.local/state` in the home folder, and on Windows
/// `LOCALAPPDATA`. None where there is no such folder; the prompt then forgets.
pub(super) fn path() -> Option<PathBuf> {
    let home = || env::home_dir().map(PathBuf::into_os_string);
    state_folder(cfg!(windows), |name| env::var_os(name), home)
        .map(|folder| folder.join("tfm").join("word2vec-history"))
}

fn state_folder(
    is_windows: bool,
    variable: impl Fn(&str) -> Option<OsString>,
    home: impl Fn() -> Option<OsString>,
) -> Option<PathBuf> {
    // As the XDG specification asks, a path that is not absolute is not taken.
    let absolute = |path: OsString| Some(PathBuf::from(path)).filter(|path| path.is_absolute());
    if is_windows {
        return variable("LOCALAPPDATA").and_then(absolute);
    }
    variable("XDG_STATE_HOME")
        .and_then(absolute)
        .or_else(|| home().and_then(absolute).map(|home| home.join(".local").join("state")))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn state_lies_where_the_user_wants_it() {
        let home = || Some(OsString::from("/home/u"));
        let folder = |value: Option<&str>| {
            state_folder(
                false,
                |name| value.filter(|_| name == "XDG_STATE_HOME").map(Into::into),
                home,
            )
        };
        assert_eq!(folder(Some("/state")), Some("/state".into()));
        assert_eq!(folder(Some("state")), Some("/home/u/.local/state".into()));
        assert_eq!(folder(None), Some("/home/u/.local/state".into()));
        assert_eq!(state_folder(false, |_| None, || None), None);
        assert_eq!(state_folder(true, |_| None, home), None);
    }
}
