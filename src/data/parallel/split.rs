//! The training and the development text of a published text that comes in one piece.

use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::{Invalid, ParallelText};
use crate::atomic;

/// The most pairs of the development text, and the share of all pairs that it does not exceed.
const MOST: usize = 2000;
const SHARE: usize = 20;

/// Cuts `file`, whose lines hold source, tab and target, into `train.*` and `dev.*` beside it, where
/// `*` are the names of the `sides`. No sentence of the development text, source or target, is in the
/// training text. Which sentences are held out depends on their words alone, so that editions of one
/// text agree. Pairs that cannot be used are left out.
///
/// Files that are there already stay; where one has another text, nothing is written and a warning
/// says so. Gives the files that were written.
///
/// # Errors
/// The file cannot be read, or one cannot be written.
pub fn split(file: &Path, sides: &[String; 2]) -> Result<Vec<PathBuf>> {
    let text = ParallelText::new(&[file.to_path_buf()], Invalid::Drop)?.read()?;
    let folder = file.parent().unwrap_or(Path::new(""));
    let [train, dev] = held_out(&text.pairs);
    let mut files = Vec::new();
    for (name, pairs) in [("train", train), ("dev", dev)] {
        for (i, side) in sides.iter().enumerate() {
            let lines = pairs.iter().flat_map(|pair| [&pair[i][..], "\n"]);
            files.push((folder.join(format!("{name}.{side}")), lines.collect::<String>()));
        }
    }
    let mut lacking = Vec::new();
    for (path, text) in files {
        match std::fs::read(&path) {
            Ok(there) if there == text.as_bytes() => {}
            Ok(_) => {
                let (path, file) = (path.display(), file.display());
                tracing::warn!(
                    "{path} has another text than the cut of {file}: nothing is replaced; to have it \
                    cut anew, remove train.* and dev.* and run the command again"
                );
                return Ok(Vec::new());
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                lacking.push((path, text))
            }
            Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display()))?,
        }
    }
    for (path, text) in &lacking {
        atomic::write(path, text.as_bytes())?;
    }
    Ok(lacking.into_iter().map(|(path, _)| path).collect())
}

/// The pairs that are trained on, and those that are held out.
fn held_out(pairs: &[[String; 2]]) -> [Vec<&[String; 2]>; 2] {
    let mut sources: Vec<_> = pairs.iter().map(|[source, _]| &source[..]).collect();
    sources.sort_unstable_by_key(|source| (crc32c::crc32c(source.as_bytes()), *source));
    sources.dedup();
    let most = MOST.min(pairs.len() / SHARE);
    let chosen: BTreeSet<&str> = sources.into_iter().take(most).collect();
    // Each source once, by its first translation.
    let (mut read, mut dev) = (HashSet::new(), Vec::new());
    for pair in pairs {
        if chosen.contains(&pair[0][..]) && read.insert(&pair[0][..]) {
            dev.push(pair);
        }
    }
    let targets: HashSet<&str> = dev.iter().map(|pair| &pair[1][..]).collect();
    let is_free =
        |pair: &&[String; 2]| !chosen.contains(&pair[0][..]) && !targets.contains(&pair[1][..]);
    [pairs.iter().filter(is_free).collect(), dev]
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn no_sentence_of_the_development_text_is_trained_on() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("fra.txt");
        // 450 sources of two translations each, some of which others have too; a third column.
        let line = |i: usize| format!("source {}\ttarget {}\tCC-BY\n", i / 2, i % 700);
        fs::write(&file, (0..900).map(line).collect::<String>()).unwrap();
        let sides = ["en", "fr"].map(str::to_owned);
        let made = split(&file, &sides).unwrap();
        let names = ["train.en", "train.fr", "dev.en", "dev.fr"].map(|name| dir.path().join(name));
        assert_eq!(made, names);
        let lines = |path: &PathBuf| -> Vec<String> {
            fs::read_to_string(path).unwrap().lines().map(str::to_owned).collect()
        };
        let [train_en, train_fr, dev_en, dev_fr] = names.each_ref().map(lines);
        assert_eq!((dev_en.len(), dev_fr.len(), train_en.len()), (45, 45, train_fr.len()));
        assert!((700..900 - 90).contains(&train_en.len()), "{}", train_en.len());
        for (train, dev) in [(&train_en, &dev_en), (&train_fr, &dev_fr)] {
            assert!(dev.iter().all(|sentence| !train.contains(sentence)));
        }
        let pairs = |en: &[String], fr: &[String]| -> HashSet<String> {
            en.iter().zip(fr).map(|(en, fr)| format!("{en}\t{fr}\tCC-BY\n")).collect()
        };
        let all: HashSet<String> = (0..900).map(line).collect();
        assert!(
            pairs(&train_en, &train_fr).union(&pairs(&dev_en, &dev_fr)).all(|p| all.contains(p))
        );

        assert_eq!(split(&file, &sides).unwrap(), Vec::<PathBuf>::new());
        fs::remove_file(&names[2]).unwrap();
        assert_eq!(split(&file, &sides).unwrap(), [names[2].clone()]);
        fs::write(&names[1], "mine\n").unwrap();
        fs::remove_file(&names[2]).unwrap();
        assert_eq!(split(&file, &sides).unwrap(), Vec::<PathBuf>::new());
        assert!(fs::read_to_string(&names[1]).unwrap() == "mine\n" && !names[2].exists());
    }
}
