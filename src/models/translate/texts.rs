//! Where the texts of a config are.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use super::config::TranslateConfig;
use crate::data::parallel::ParallelText;
use crate::data::{Missing, fetch};

/// The data sets that hold parallel texts.
const SETS: [&str; 4] = ["wmt-fr-en", "tatoeba-fr-en", "multi30k-fr-en", "translation"];

/// A text that a config names by `key`.
///
/// # Errors
/// A file that is missing, or a bare name that several data sets have.
pub fn text(
    config: &TranslateConfig,
    data_dir: &Path,
    key: &str,
    names: &[String],
) -> Result<ParallelText> {
    let find = |name: &String| find(data_dir, name).with_context(|| key.to_string());
    let paths = names.iter().map(find).collect::<Result<Vec<_>>>()?;
    if let Some((path, name)) = paths.iter().zip(names).find(|(path, _)| !path.exists()) {
        let (path, folder) = (path.display(), data_dir.display());
        let bring = match set_of(name) {
            Some("translation") => "; `tfm data make translation` makes it".to_string(),
            Some(set) => {
                format!("; `{}` brings it", fetch::command(&[fetch::find(set)?], data_dir))
            }
            None => String::new(),
        };
        bail!(Missing(format!(
            "{path} is missing ({key} names the texts: SET/FILE is a file of a data set in {folder}, a \
            bare name is looked up in those sets and then here, any other path is used as it is; SET is \
            one of {}){bring}",
            SETS.join(", ")
        )));
    }
    ParallelText::new(&paths, config.data.invalid).context(key.to_string())
}

/// The data set that a name begins with.
fn set_of(name: &str) -> Option<&'static str> {
    let (first, _) = name.split_once('/')?;
    SETS.into_iter().find(|set| *set == first)
}

/// The file that a name stands for, whether it is there or not.
fn find(data_dir: &Path, name: &str) -> Result<PathBuf> {
    let here = PathBuf::from(name);
    if set_of(name).is_some() {
        let path = data_dir.join(name);
        return Ok(if path.exists() || !here.exists() { path } else { here });
    }
    if here.components().count() != 1 {
        return Ok(here);
    }
    let having = |set: &&str| data_dir.join(set).join(name).exists();
    let sets: Vec<&str> = SETS.into_iter().filter(having).collect();
    let all = sets.join(" and ");
    ensure!(sets.len() < 2, "{name} is in the data sets {all}: write SET/{name} to choose one");
    Ok(sets.first().map_or(here, |set| data_dir.join(set).join(name)))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_name_is_of_a_set_by_its_folder_and_bare_only_where_one_set_has_it() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str| {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, "text\n").unwrap();
            path
        };
        let one = write("tatoeba-fr-en/train.en");
        let find = |name: &str| find(dir.path(), name).map_err(|error| error.to_string());
        assert_eq!(find("train.en"), Ok(one.clone()));
        let other = write("multi30k-fr-en/train.en");
        assert_eq!(find("tatoeba-fr-en/train.en"), Ok(one));
        assert_eq!(find("multi30k-fr-en/train.en"), Ok(other));
        let both = "train.en is in the data sets tatoeba-fr-en and multi30k-fr-en: write SET/train.en to \
                    choose one";
        assert_eq!(find("train.en"), Err(both.to_owned()));
        let missing = dir.path().join("wmt-fr-en/train.en");
        assert_eq!(find("wmt-fr-en/train.en"), Ok(missing));
        for name in ["nowhere.en", "folder/train.en"] {
            assert_eq!(find(name), Ok(PathBuf::from(name)));
        }
    }
}
