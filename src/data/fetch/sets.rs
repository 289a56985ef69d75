//! The table of the data sets that `tfm data fetch` can bring, `sets.toml`.

use std::sync::LazyLock;

use anyhow::{Result, bail};
use serde::Deserialize;

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
    /// [`DataFile::member`], or of a `.zip` that holds the only one.
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
