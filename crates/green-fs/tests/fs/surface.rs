//! The types and signatures: the same as std's, as far as the compiler can tell.

use std::fmt::Debug;
use std::io::{self, Read, Seek, Write};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, IntoRawFd, OwnedFd};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::SystemTime;

/// Checks one of the two sets of types.
macro_rules! check {
    ($name:ident, $fs:path, $os:path) => {
        #[test]
        fn $name() {
            use fs::{DirBuilder, DirEntry, File, Metadata, OpenOptions, Permissions, ReadDir, TryLockError};
            use $fs as fs;
            use $os as os;

            fn plain<T: Send + Sync + Unpin + UnwindSafe + RefUnwindSafe + Debug>() {}
            fn file<T>()
            where
                T: Read + Write + Seek + AsFd + AsRawFd + FromRawFd + IntoRawFd + From<OwnedFd>,
                T: Into<OwnedFd> + Into<Stdio> + os::FileExt,
            {
            }
            fn borrowed<T: Read + Write + Seek>() {}
            fn iterator<T: Iterator<Item = io::Result<DirEntry>>>() {}
            plain::<File>();
            plain::<OpenOptions>();
            plain::<DirBuilder>();
            plain::<DirEntry>();
            plain::<ReadDir>();
            plain::<Metadata>();
            file::<File>();
            borrowed::<&File>();
            iterator::<ReadDir>();
            fn cloned<T: Clone + os::OpenOptionsExt>() {}
            cloned::<OpenOptions>();
            fn extended<B: os::DirBuilderExt, E: os::DirEntryExt, M: os::MetadataExt, P: os::PermissionsExt>() {}
            extended::<DirBuilder, DirEntry, Metadata, Permissions>();
            fn typed<T: os::FileTypeExt>() {}
            typed::<fs::FileType>();

            type R<T> = io::Result<T>;
            type P<'a> = &'a Path;
            let _: fn(P<'_>) -> R<PathBuf> = |path| fs::canonicalize(path);
            let _: fn(P<'_>, P<'_>) -> R<u64> = |from, to| fs::copy(from, to);
            let _: [fn(P<'_>) -> R<()>; 6] = [
                |path| fs::create_dir(path),
                |path| fs::create_dir_all(path),
                |path| fs::remove_dir(path),
                |path| fs::remove_dir_all(path),
                |path| fs::remove_file(path),
                |path| os::chroot(path),
            ];
            let _: fn(P<'_>) -> R<bool> = |path| fs::exists(path);
            let _: [fn(P<'_>, P<'_>) -> R<()>; 3] =
                [|from, to| fs::hard_link(from, to), |from, to| fs::rename(from, to), |from, to| os::symlink(from, to)];
            let _: [fn(P<'_>) -> R<Metadata>; 2] = [|path| fs::metadata(path), |path| fs::symlink_metadata(path)];
            let _: fn(P<'_>) -> R<Vec<u8>> = |path| fs::read(path);
            let _: fn(P<'_>) -> R<ReadDir> = |path| fs::read_dir(path);
            let _: fn(P<'_>) -> R<PathBuf> = |path| fs::read_link(path);
            let _: fn(P<'_>) -> R<String> = |path| fs::read_to_string(path);
            let _: fn(P<'_>, Permissions) -> R<()> = |path, perm| fs::set_permissions(path, perm);
            let _: fn(P<'_>, &[u8]) -> R<()> = |path, contents| fs::write(path, contents);
            let _: fn(&str, String) -> R<()> = |path, contents| fs::write(path, contents);
            let _: [fn(P<'_>, Option<u32>, Option<u32>) -> R<()>; 2] =
                [|path, uid, gid| os::chown(path, uid, gid), |path, uid, gid| os::lchown(path, uid, gid)];
            let _: fn(&File, Option<u32>, Option<u32>) -> R<()> = |file, uid, gid| os::fchown(file, uid, gid);

            let _: [fn(P<'_>) -> R<File>; 3] =
                [|path| File::open(path), |path| File::create(path), |path| File::create_new(path)];
            let _: fn() -> OpenOptions = File::options;
            let _: [fn(&File) -> R<()>; 5] =
                [File::sync_all, File::sync_data, File::lock, File::lock_shared, File::unlock];
            let _: [fn(&File) -> Result<(), TryLockError>; 2] = [File::try_lock, File::try_lock_shared];
            let _: fn(&File, u64) -> R<()> = File::set_len;
            let _: fn(&File) -> R<Metadata> = File::metadata;
            let _: fn(&File) -> R<File> = File::try_clone;
            let _: fn(&File, Permissions) -> R<()> = File::set_permissions;
            let _: fn(&File, fs::FileTimes) -> R<()> = File::set_times;
            let _: fn(&File, SystemTime) -> R<()> = File::set_modified;

            let _: fn() -> OpenOptions = OpenOptions::new;
            type Setter = for<'a> fn(&'a mut OpenOptions, bool) -> &'a mut OpenOptions;
            let _: [Setter; 6] = [
                OpenOptions::read,
                OpenOptions::write,
                OpenOptions::append,
                OpenOptions::truncate,
                OpenOptions::create,
                OpenOptions::create_new,
            ];
            let _: fn(&OpenOptions, P<'_>) -> R<File> = |options, path| options.open(path);
            let _: fn() -> DirBuilder = DirBuilder::new;
            let _: for<'a> fn(&'a mut DirBuilder, bool) -> &'a mut DirBuilder = DirBuilder::recursive;
            let _: fn(&DirBuilder, P<'_>) -> R<()> = |builder, path| builder.create(path);
            let _: fn(&DirEntry) -> PathBuf = DirEntry::path;
            let _: fn(&DirEntry) -> R<Metadata> = DirEntry::metadata;
            let _: fn(&DirEntry) -> R<fs::FileType> = DirEntry::file_type;
            let _: fn(&DirEntry) -> std::ffi::OsString = DirEntry::file_name;
        }
    };
}

check!(std_has_this_surface, std::fs, std::os::unix::fs);
check!(green_has_the_same, green_fs, green_fs::os::unix);

#[test]
fn files_go_to_std_and_come_back() {
    let mut ours = green_fs::File::from(tempfile::tempfile().unwrap());
    ours.write_all(b"text").unwrap();
    let mut theirs = std::fs::File::from(ours);
    theirs.rewind().unwrap();
    let mut ours = green_fs::File::from(theirs);
    let mut text = String::new();
    ours.read_to_string(&mut text).unwrap();
    assert_eq!(text, "text");
    assert!(!ours.is_terminal());
}
