//! Finds the files below the paths of the command line, in the order of their names.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Something that the walk came upon.
#[derive(Debug)]
pub(crate) enum Found {
    File(PathBuf),
    /// A folder or an entry that cannot be read.
    Unreadable(PathBuf, io::Error),
}

/// Walks `root` and everything below it, until `visit` says false. Returns whether it got to the end.
///
/// A symbolic link is followed if it is the root, and passed over below it; so is what is neither file nor folder.
pub(crate) fn walk(root: &Path, visit: &mut impl FnMut(Found) -> bool) -> bool {
    match fs::metadata(root) {
        Ok(metadata) if metadata.is_dir() => walk_folder(root, visit),
        // What was asked for by name is read, whatever it is.
        Ok(_) => visit(Found::File(root.to_owned())),
        Err(error) => visit(Found::Unreadable(root.to_owned(), error)),
    }
}

fn walk_folder(folder: &Path, visit: &mut impl FnMut(Found) -> bool) -> bool {
    let entries = fs::read_dir(folder).and_then(Iterator::collect::<io::Result<Vec<_>>>);
    let mut entries = match entries {
        Ok(entries) => entries,
        Err(error) => return visit(Found::Unreadable(folder.to_owned(), error)),
    };
    entries.sort_by_key(fs::DirEntry::file_name);
    entries.into_iter().all(|entry| match entry.file_type() {
        Ok(kind) if kind.is_dir() => walk_folder(&entry.path(), visit),
        Ok(kind) if kind.is_file() => visit(Found::File(entry.path())),
        Ok(_) => true,
        Err(error) => visit(Found::Unreadable(entry.path(), error)),
    })
}
