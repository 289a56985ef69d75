//! One file of a data set, written as the data folder keeps it.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;

use super::failure::{Failure, LocalContext};
use super::sets::DataFile;
use super::verify::{FileState, check_file};

/// Writes `content`, served under the name `served`, to `target`, uncompresses it where it is
/// served compressed and kept plain, brings it to the disk, and checks its md5.
///
/// # Errors
/// Content that cannot be read, exceeds `limit` bytes, or has another md5 is the source's fault;
/// such a `target` is removed.
pub(super) fn store(
    content: impl Read,
    served: &str,
    file: &DataFile,
    limit: u64,
    target: &Path,
) -> Result<(), Failure> {
    if let Some(parent) = target.parent() {
        fs::create_dir_all(parent).local(|| format!("make {}", parent.display()))?;
    }
    let result = write(content, served, file, limit, target).and_then(|()| check(file, target));
    if result.is_err() {
        // The folder is a temporary one and goes as a whole, should this removal fail.
        let _ = fs::remove_file(target);
    }
    result
}

fn write(
    content: impl Read,
    served: &str,
    file: &DataFile,
    limit: u64,
    target: &Path,
) -> Result<(), Failure> {
    let mut content = BufReader::with_capacity(1 << 16, content);
    let start = content.fill_buf().map_err(|error| bad_content(file, error))?;
    // The magic number decides too, because an HTTP layer may have uncompressed the body.
    let gunzip = served.ends_with(".gz") && !file.is_gzip() && start.starts_with(&[0x1f, 0x8b]);
    let output = File::create(target).local(|| format!("create {}", target.display()))?;
    let most = if file.is_gzip() { limit } else { file.bytes.unwrap_or(limit) };
    if gunzip {
        copy(MultiGzDecoder::new(content), &output, file, most, target)?;
    } else {
        copy(content, &output, file, most, target)?;
    }
    output.sync_all().local(|| format!("write {}", target.display()))
}

fn copy(
    mut content: impl Read,
    mut output: &File,
    file: &DataFile,
    most: u64,
    target: &Path,
) -> Result<(), Failure> {
    let mut buffer = vec![0; 1 << 16];
    let mut done = 0;
    loop {
        let n = match content.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(n) => n,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(bad_content(file, error)),
        };
        output.write_all(&buffer[..n]).local(|| format!("write {}", target.display()))?;
        done += n as u64;
        if done > most {
            return Err(Failure::source(format!(
                "wrong content: {} is longer than its {most} bytes{}",
                file.name,
                html_remark(target)
            )));
        }
    }
}

fn check(file: &DataFile, target: &Path) -> Result<(), Failure> {
    match check_file(target, file).map_err(Failure::Local)? {
        FileState::Ok => Ok(()),
        FileState::Missing => Err(Failure::source(format!("{} vanished", target.display()))),
        FileState::Wrong { found } => {
            let expected = expectation(file);
            Err(Failure::source(format!(
                "wrong content: {} has {found}, expected {expected}{}",
                file.name,
                html_remark(target)
            )))
        }
    }
}

/// What the content of a file should be: "md5 …, 12 bytes".
pub(super) fn expectation(file: &DataFile) -> String {
    match file.bytes {
        Some(bytes) => format!("md5 {}, {bytes} bytes", file.md5),
        None => format!("md5 {}", file.md5),
    }
}

/// Says so where wrong content is a page of HTML: the usual face of a mirror that has moved, or of
/// a login page in between.
fn html_remark(target: &Path) -> &'static str {
    let mut start = Vec::new();
    if let Ok(file) = File::open(target) {
        // What cannot be read again is not remarked upon.
        let _ = file.take(512).read_to_end(&mut start);
    }
    let text = String::from_utf8_lossy(&start).trim_start().to_ascii_lowercase();
    let is_html = text.starts_with("<!doctype html") || text.starts_with("<html");
    if is_html { "; it is an HTML page" } else { "" }
}

fn bad_content(file: &DataFile, error: io::Error) -> Failure {
    match error.kind() {
        ErrorKind::UnexpectedEof => Failure::source(format!("{} is truncated", file.name)),
        _ => Failure::source(format!("{} is broken: {error}", file.name)),
    }
}
