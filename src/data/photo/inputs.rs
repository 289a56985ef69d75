//! The images that arguments name: files, folders, patterns, and a list on standard input.

use std::ffi::OsStr;
use std::io::{BufRead, Read};
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result, ensure};
use walkdir::{DirEntry, WalkDir};

use crate::system::wording::by_number;

/// Endings of images, in small letters.
const ENDINGS: [&str; 8] = ["png", "jpg", "jpeg", "jpe", "jfif", "gif", "bmp", "webp"];
/// Bytes of a path in a list, at most: no system has longer ones.
const MAX_PATH_BYTES: u64 = 1 << 16;

/// The image files that arguments name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PictureFiles {
    /// The files in the order of the arguments; those of a folder in the order of their names.
    /// Whether they are there, and are images, whoever reads them finds out.
    pub files: Vec<PathBuf>,
    /// The number of files in folders that were skipped, because of their endings or because they
    /// are not plain files.
    pub passed_over: usize,
}

/// Finds the image files that `arguments` name. Each is a file; a folder, whose images count with
/// those of the folders in it; a pattern such as `photos/*.jpg`, where no file has that very name;
/// or `-`, for a list of files and folders on `stdin`, one per line.
///
/// In folders only names count that end as those of images do and do not begin with a dot, and only
/// plain files. A file that is named itself is taken as it is, and one that is missing too, so that
/// it does not hide the others.
///
/// # Errors
/// A folder or the list cannot be read; a pattern is wrong or matches nothing; nothing is named at
/// all. Each says how to put it right.
pub fn picture_files(arguments: &[PathBuf], stdin: &mut dyn BufRead) -> Result<PictureFiles> {
    let mut found = PictureFiles::default();
    for argument in arguments {
        if argument.as_os_str() == "-" {
            found.add_list(stdin)?;
        } else if is_pattern(argument) {
            found.add_matches(argument)?;
        } else {
            found.add(argument.clone())?;
        }
    }
    let place = |argument: &PathBuf| match argument.as_os_str() == "-" {
        true => "the list on standard input".to_owned(),
        false => argument.display().to_string(),
    };
    ensure!(
        !found.files.is_empty(),
        "there are no images in {}: in folders only files that end in {} count, and {} {} \
         skipped",
        arguments.iter().map(place).collect::<Vec<_>>().join(" "),
        ENDINGS.map(|ending| format!(".{ending}")).join(", "),
        found.passed_over,
        by_number(found.passed_over, "other was", "others were")
    );
    Ok(found)
}

/// Whether a shell would take it for a pattern, and no file has that name.
fn is_pattern(argument: &Path) -> bool {
    has_wildcards(argument.as_os_str()) && argument.symlink_metadata().is_err()
}

fn has_wildcards(text: &OsStr) -> bool {
    text.as_encoded_bytes().iter().any(|byte| b"*?[".contains(byte))
}

/// The folder where all that a pattern matches is, and how deep below it at most.
fn base_and_depth(pattern: &Path) -> (PathBuf, usize) {
    let parts: Vec<_> = pattern.components().map(Component::as_os_str).collect();
    let fixed = parts.iter().take_while(|part| !has_wildcards(part)).count();
    let base: PathBuf = match fixed {
        0 => ".".into(),
        _ => parts[..fixed].iter().collect(),
    };
    let is_deep = parts.iter().any(|part| part.as_encoded_bytes() == b"**");
    (base, if is_deep { usize::MAX } else { parts.len() - fixed })
}

impl PictureFiles {
    /// Adds a file, or the images of a folder.
    fn add(&mut self, path: PathBuf) -> Result<()> {
        if !path.is_dir() {
            self.files.push(path);
            return Ok(());
        }
        let is_shown = |entry: &DirEntry| {
            entry.depth() == 0 || !entry.file_name().as_encoded_bytes().starts_with(b".")
        };
        let entries = WalkDir::new(&path).follow_links(true).sort_by_file_name();
        for entry in entries.into_iter().filter_entry(is_shown) {
            match entry {
                Ok(entry) if entry.file_type().is_dir() => {}
                Ok(entry) if entry.file_type().is_file() && is_picture(entry.path()) => {
                    self.files.push(entry.into_path());
                }
                Ok(_) => self.passed_over += 1,
                // A link back to a folder that it is in.
                Err(error) if error.loop_ancestor().is_some() => self.passed_over += 1,
                Err(error) => self.add_missing(&path, error)?,
            }
        }
        Ok(())
    }

    /// Adds what of a folder cannot be followed: a link that leads nowhere, where it has the name
    /// of an image, or a folder that cannot be listed.
    fn add_missing(&mut self, folder: &Path, error: walkdir::Error) -> Result<()> {
        match error.path() {
            Some(link) if link.is_symlink() && is_picture(link) => {
                self.files.push(link.to_path_buf());
            }
            Some(link) if link.is_symlink() => self.passed_over += 1,
            // A folder in it that cannot be listed hides no others: whoever reads the images says
            // why.
            Some(inner) if error.depth() > 0 => self.files.push(inner.to_path_buf()),
            _ => {
                return Err(error)
                    .with_context(|| format!("cannot list the images in {}", folder.display()));
            }
        }
        Ok(())
    }

    /// Adds what a pattern matches, in the order of names.
    fn add_matches(&mut self, pattern: &Path) -> Result<()> {
        let place = pattern.display();
        let text = pattern.to_str();
        let text = text.with_context(|| format!("the pattern {place} is not valid Unicode"))?;
        // Two separators in a row are one, and `./` in front is nothing: so are they in what is found.
        let parts = Path::new(text).components().filter(|&part| part != Component::CurDir);
        let text = parts.collect::<PathBuf>().display().to_string();
        let matched = glob::Pattern::new(&text).with_context(|| {
            format!("the pattern {place} is invalid; use *, ? and [a-z] as wildcards")
        })?;
        let options = glob::MatchOptions {
            require_literal_leading_dot: true,
            require_literal_separator: true,
            ..Default::default()
        };
        let (base, depth) = base_and_depth(Path::new(&text));
        let entries = WalkDir::new(&base).min_depth(1).max_depth(depth).follow_links(true);
        let mut is_none = true;
        for entry in entries.sort_by_file_name() {
            let path = match entry {
                Ok(entry) => entry.into_path(),
                // A folder that cannot be read, or a link to one that it is in, matches by its name alone.
                Err(error) => match error.path() {
                    Some(path) if path != base => path.to_owned(),
                    _ => continue,
                },
            };
            let path = path.strip_prefix("./").map_or(path.clone(), Path::to_owned);
            if matched.matches_path_with(&path, options) {
                self.add(path)?;
                is_none = false;
            }
        }
        ensure!(!is_none, "no file matches {place}; check the contents of its folder");
        Ok(())
    }

    /// Adds the files and folders of a list, one per line.
    fn add_list(&mut self, list: &mut dyn BufRead) -> Result<()> {
        for number in 1.. {
            let mut line = Vec::new();
            let n = list.take(MAX_PATH_BYTES).read_until(b'\n', &mut line);
            let n = n.context("cannot read the list of images on standard input")?;
            if n == 0 {
                break;
            }
            ensure!(
                (n as u64) < MAX_PATH_BYTES && !line.contains(&0),
                "line {number} of standard input is not a path; give a list of image files there, \
                 one per line"
            );
            // Line endings, including those of Windows, are not part of a name.
            for end in [b'\n', b'\r'] {
                line.pop_if(|last| *last == end);
            }
            if !line.is_empty() {
                self.add(
                    path(line)
                        .with_context(|| format!("line {number} of standard input is not UTF-8"))?,
                )?;
            }
        }
        Ok(())
    }
}

/// The path that a line names, where the system has names of any bytes.
#[cfg(unix)]
fn path(line: Vec<u8>) -> Option<PathBuf> {
    use std::os::unix::ffi::OsStringExt;
    Some(std::ffi::OsString::from_vec(line).into())
}

#[cfg(not(unix))]
fn path(line: Vec<u8>) -> Option<PathBuf> {
    String::from_utf8(line).ok().map(PathBuf::from)
}

/// Whether the name of a file ends as those of images do.
pub fn is_picture(path: &Path) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    ENDINGS.contains(&ending.to_ascii_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::*;

    fn folder(files: &[&str]) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, b"x").unwrap();
        }
        folder
    }

    /// What arguments below `folder` name, below it, and how many files were passed over.
    fn named(folder: &TempDir, arguments: &[&str], stdin: &str) -> Result<(Vec<String>, usize)> {
        let below = |name: &&str| match *name {
            "-" => "-".into(),
            name => folder.path().join(name),
        };
        let arguments: Vec<_> = arguments.iter().map(below).collect();
        let stdin = stdin.replace('@', folder.path().to_str().unwrap());
        let found = picture_files(&arguments, &mut stdin.as_bytes())?;
        let name = |path: &PathBuf| {
            let parts = path.strip_prefix(folder.path()).unwrap().iter();
            parts.map(|part| part.to_str().unwrap()).collect::<Vec<_>>().join("/")
        };
        Ok((found.files.iter().map(name).collect(), found.passed_over))
    }

    fn error(folder: &TempDir, arguments: &[&str], stdin: &str) -> String {
        format!("{:#}", named(folder, arguments, stdin).unwrap_err())
    }

    #[test]
    fn folders_are_searched_in_the_order_of_names() {
        let files =
            ["b/2.JPEG", "b/1.png", "b/deep/x.webp", "a.jpg", "c.gif", "notes.txt", "b/none"];
        let dir = folder(&[&files[..], &[".hidden.png", ".git/x.png", "b/.x.jpg"]].concat());
        let all = ["a.jpg", "b/1.png", "b/2.JPEG", "b/deep/x.webp", "c.gif"];
        assert_eq!(named(&dir, &[""], "").unwrap(), (all.map(str::to_owned).to_vec(), 2));
        // Arguments stay in their order, and are taken as they are.
        let (found, passed_over) =
            named(&dir, &["notes.txt", "b/deep", ".git", "missing.jpg", "a.jpg"], "").unwrap();
        assert_eq!(found, ["notes.txt", "b/deep/x.webp", ".git/x.png", "missing.jpg", "a.jpg"]);
        assert_eq!(passed_over, 0);
        let error = error(&folder(&["notes.txt", "more"]), &[""], "");
        assert!(error.starts_with("there are no images in ") && error.contains("2 others"));
        assert!(error.contains(".png, .jpg, .jpeg, "), "{error}");
    }

    #[test]
    fn patterns_match_as_in_a_shell() {
        let dir = folder(&["a1.jpg", "a2.jpg", "b/x.png", "b/y.txt", ".a3.jpg", "[z]*.jpg"]);
        assert_eq!(named(&dir, &["a?.jpg"], "").unwrap().0, ["a1.jpg", "a2.jpg"]);
        assert_eq!(named(&dir, &["*/*"], "").unwrap().0, ["b/x.png", "b/y.txt"]);
        assert_eq!(named(&dir, &["**/*.png", "[b]"], "").unwrap().0, ["b/x.png", "b/x.png"]);
        // A file of that very name is not a pattern.
        assert_eq!(named(&dir, &["[z]*.jpg"], "").unwrap().0, ["[z]*.jpg"]);
        let none = error(&dir, &["a1.jpg", "c*.jpg"], "");
        assert!(none.contains("c*.jpg; check the contents of its folder"), "{none}");
        let wrong = error(&dir, &["a[.jpg"], "");
        assert!(wrong.contains("a[.jpg is invalid; use *, ? and [a-z] as"), "{wrong}");
    }

    #[test]
    fn a_list_has_a_path_a_line() {
        let dir = folder(&["a.jpg", "b/x.png", "b/y.txt", "*.png"]);
        let list = "@/a.jpg\r\n\n@/b\n@/missing.gif\n@/*.png";
        let (found, passed_over) = named(&dir, &["-", "a.jpg"], list).unwrap();
        assert_eq!(found, ["a.jpg", "b/x.png", "missing.gif", "*.png", "a.jpg"]);
        assert_eq!(passed_over, 1);
        let long = format!("@/a.jpg\n{}", "x".repeat(1 << 16));
        for list in ["@/a.jpg\n\x01\0", &long] {
            let error = error(&dir, &["-"], list);
            assert!(error.starts_with("line 2 of standard input is not a path; give"), "{error}");
        }
        assert!(
            error(&dir, &["-"], "")
                .starts_with("there are no images in the list on standard input: ")
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_name_that_is_no_unicode_matches_no_pattern() {
        use std::os::unix::ffi::OsStrExt;
        let dir = folder(&["a/1.jpg", "a//b/2.jpg"]);
        fs::write(dir.path().join(OsStr::from_bytes(b"a/\xff.jpg")), b"x").unwrap();
        assert_eq!(named(&dir, &["a//*.jpg"], "").unwrap().0, ["a/1.jpg"]);
        assert_eq!(named(&dir, &["a/**/*.jpg"], "").unwrap().0, ["a/1.jpg", "a/b/2.jpg"]);
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_and_what_is_no_file_is_passed_over() {
        use std::os::unix::fs::symlink;
        let dir = folder(&["a/1.jpg", "b/2.jpg"]);
        let at = |name: &str| dir.path().join(name);
        symlink(at("b"), at("a/b")).unwrap();
        symlink(at("a"), at("a/self")).unwrap();
        symlink(at("gone"), at("a/gone.jpg")).unwrap();
        symlink(at("gone"), at("a/gone.txt")).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(at("a/socket.png")).unwrap();
        let (found, passed_over) = named(&dir, &["a"], "").unwrap();
        assert_eq!(found, ["a/1.jpg", "a/b/2.jpg", "a/gone.jpg"]);
        assert_eq!(passed_over, 3);
    }
}
