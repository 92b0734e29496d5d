//! Finds the file that a request is about.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

/// What a request's target leads to.
#[derive(Debug)]
pub(crate) enum Found {
    File(File, Box<fs::Metadata>, &'static str),
    /// A folder that was asked for without the slash at its end.
    Folder,
    /// Nothing to be shown, for this status.
    Nothing(u16),
}

/// Looks a target up below `root`, which must be canonical.
pub(crate) fn find(root: &Path, target: &str) -> io::Result<Found> {
    let path = target.split(['?', '#']).next().unwrap_or_default();
    let Some(path) = path.strip_prefix('/').and_then(decode) else { return Ok(Found::Nothing(400)) };
    if path.contains(&0) {
        return Ok(Found::Nothing(400));
    }
    if path.split(|byte| *byte == b'/').any(|part| part == b"..") {
        return Ok(Found::Nothing(403));
    }
    let as_folder = path.is_empty() || path.ends_with(b"/");
    let path = root.join(OsString::from_vec(path.iter().skip_while(|byte| **byte == b'/').copied().collect()));
    match open(root, &path, as_folder) {
        Err(error) => match error.kind() {
            ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::InvalidFilename => Ok(Found::Nothing(404)),
            ErrorKind::PermissionDenied => Ok(Found::Nothing(403)),
            _ => Err(error),
        },
        found => found,
    }
}

fn open(root: &Path, path: &Path, as_folder: bool) -> io::Result<Found> {
    let mut path: PathBuf = fs::canonicalize(path)?;
    if as_folder {
        path = fs::canonicalize(path.join("index.html"))?;
    }
    // A symbolic link may lead anywhere.
    if !path.starts_with(root) {
        return Ok(Found::Nothing(404));
    }
    let metadata = fs::metadata(&path)?;
    if metadata.is_dir() {
        return Ok(if as_folder { Found::Nothing(404) } else { Found::Folder });
    }
    // To open a pipe would wait for whoever writes into it.
    if !metadata.is_file() {
        return Ok(Found::Nothing(403));
    }
    let file = File::open(&path)?;
    let metadata = file.metadata()?;
    Ok(Found::File(file, Box::new(metadata), content_type(&path)))
}

/// Replaces `%2f` and its like; `None` if one is incomplete.
fn decode(text: &str) -> Option<Vec<u8>> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => {
                let mut digit = || char::from(bytes.next()?).to_digit(16);
                (digit()? * 16 + digit()?) as u8
            }
            byte => byte,
        });
    }
    Some(decoded)
}

fn content_type(path: &Path) -> &'static str {
    let extension = path.extension().unwrap_or_default().to_ascii_lowercase();
    match extension.to_str().unwrap_or_default() {
        "html" | "htm" => "text/html; charset=utf-8",
        "txt" | "md" | "rs" | "toml" => "text/plain; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "json" => "application/json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        _ => "application/octet-stream",
    }
}
