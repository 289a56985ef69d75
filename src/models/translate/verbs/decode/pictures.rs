//! The folder with the pictures of attention.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::atomic;
use crate::metrics::picture::Attention;
use crate::system::wording::counted;

/// The pictures of a call, `line-<number>.svg` each.
pub struct Pictures {
    folder: PathBuf,
    drawn: u64,
}

impl Pictures {
    /// Makes the folder where it is absent. With `force` pictures of an earlier call may be
    /// replaced.
    ///
    /// # Errors
    /// The folder holds pictures, or cannot be made.
    pub fn open(folder: &Path, force: bool) -> Result<Self> {
        if let Some(there) = of_another_call(folder).filter(|_| !force) {
            bail!("{} already exists; choose another --attention or use --force", there.display());
        }
        atomic::create_folder(folder)?;
        Ok(Self { folder: folder.to_path_buf(), drawn: 0 })
    }

    /// Draws the attention of a line.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn draw(&mut self, line: u64, attention: &Attention) -> Result<()> {
        let path = self.folder.join(format!("line-{line}.svg"));
        attention.write_svg(&path, &format!("line {line}"))?;
        self.drawn += 1;
        Ok(())
    }

    /// How many there are, and where.
    pub fn summary(&self) -> String {
        let pictures = counted(self.drawn, "picture");
        format!("{pictures} of attention in {}", self.folder.display())
    }
}

/// A picture in the folder; if there are several, the first by name.
fn of_another_call(folder: &Path) -> Option<PathBuf> {
    let is_picture = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let number = name.strip_prefix("line-").and_then(|rest| rest.strip_suffix(".svg"));
        number.is_some_and(|number| number.parse::<u64>().is_ok())
    };
    let entries = fs::read_dir(folder).ok()?;
    entries.filter_map(|entry| Some(entry.ok()?.path())).filter(is_picture).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_of_another_call_are_replaced_when_that_is_asked_for_alone() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("a/b");
        let word = || vec!["x".to_owned()];
        let attention = Attention { source: word(), target: word(), weights: vec![vec![1.0]] };
        let mut pictures = Pictures::open(&folder, false).unwrap();
        fs::write(folder.join("line-x.svg"), "").unwrap();
        assert!(Pictures::open(&folder, false).is_ok());
        pictures.draw(3, &attention).unwrap();
        let name = folder.display();
        assert_eq!(pictures.summary(), format!("1 picture of attention in {name}"));
        let error = Pictures::open(&folder, false).err().unwrap().to_string();
        let want = format!("{}", folder.join("line-3.svg").display());
        assert!(error.starts_with(&want) && error.ends_with("use --force"), "{error}");
        Pictures::open(&folder, true).unwrap().draw(3, &attention).unwrap();
    }
}
