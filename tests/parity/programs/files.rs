//! Files and folders: openings, ends, holes, links, errors of each kind.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::subject::fs::{self, DirBuilder, File, OpenOptions};
use super::subject::io::{self, BufRead, BufReader, IoSlice, IoSliceMut, Read, Seek, SeekFrom, Write};
use super::subject::os::unix::fs::{
    DirBuilderExt, DirEntryExt, FileExt, FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt, symlink,
};

use crate::log::Log;

/// A folder of a program's own, removed at its end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> io::Result<Self> {
        static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let number = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let side = module_path!().replace("::", "-");
        let path = std::env::temp_dir().join(format!("{side}-{}-{number}", std::process::id()));
        fs::create_dir(&path)?;
        Ok(Self(path))
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Returns the names in a folder, in their order.
fn names(path: &Path) -> io::Result<Vec<String>> {
    let names = fs::read_dir(path)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    let mut names = names.collect::<io::Result<Vec<String>>>()?;
    names.sort();
    Ok(names)
}

pub(crate) fn whole_files(log: &Log) -> io::Result<()> {
    let folder = Folder::new()?;
    let path = folder.at("a");
    log.result("write", &fs::write(&path, "hello"));
    log.result("read", &fs::read(&path));
    log.result("text", &fs::read_to_string(&path));
    log.result("write less", &fs::write(&path, "ho"));
    log.result("text", &fs::read_to_string(&path));
    fs::write(&path, [0x66, 0xff])?;
    log.result("no text", &fs::read_to_string(&path));
    log.result("copy", &fs::copy(&path, folder.at("b")));
    log.result("copied", &fs::read(folder.at("b")));
    log.result("empty", &fs::write(&path, ""));
    log.result("read", &fs::read(&path));
    log.result("nothing there", &fs::read(folder.at("none")));
    log.result("no text there", &fs::read_to_string(folder.at("none")));
    log.result("a folder", &fs::read(&folder.0));
    log.result("write to a folder", &fs::write(&folder.0, "x"));
    log.result("copy of nothing", &fs::copy(folder.at("none"), folder.at("c")));
    log.result("copy of a folder", &fs::copy(&folder.0, folder.at("c")));
    log.note("left", names(&folder.0)?);
    let big: Vec<u8> = (0..3_000_000_u32).map(|n| (n / 7) as u8).collect();
    fs::write(&path, &big)?;
    log.note("a big one", fs::read(&path)? == big);
    log.result("copied", &fs::copy(&path, folder.at("b")));
    log.note("the same", fs::read(folder.at("b"))? == big);
    Ok(())
}

pub(crate) fn openings(log: &Log) -> io::Result<()> {
    let folder = Folder::new()?;
    let path = folder.at("a");
    log.outcome("none", &File::open(&path));
    log.outcome("new", &File::create_new(&path));
    log.outcome("new again", &File::create_new(&path));
    log.outcome("of nothing", &OpenOptions::new().open(&path));
    for (read, write, append, truncate, create, create_new) in [
        (true, false, false, true, false, false),
        (true, false, false, false, true, false),
        (true, false, false, false, false, true),
        (false, true, false, true, true, false),
        (false, false, true, true, false, false),
        (false, false, true, false, true, false),
        (true, true, true, false, false, false),
        (false, true, false, false, false, true),
        (true, true, false, false, false, false),
    ] {
        let mut options = OpenOptions::new();
        options.read(read).write(write).append(append).truncate(truncate).create(create).create_new(create_new);
        log.outcome(&format!("{read} {write} {append} {truncate} {create} {create_new}"), &options.open(&path));
    }
    let mut reader = File::open(&path)?;
    log.result("write to a reader", &reader.write(b"x"));
    let mut writer = File::create(&path)?;
    log.result("read from a writer", &writer.read(&mut [0; 4]));
    log.result("nothing, from a writer", &writer.read(&mut []));
    log.outcome("below a file", &File::open(path.join("b")));
    log.outcome("a folder to read", &File::open(&folder.0));
    log.result("read of a folder", &File::open(&folder.0)?.read(&mut [0; 4]));
    log.outcome("a folder to write", &OpenOptions::new().write(true).open(&folder.0));
    log.outcome("with a NUL", &File::open("a\0b"));
    log.outcome("no name", &File::open(""));
    log.outcome("a long name", &File::open(folder.at(&"x".repeat(300))));
    log.outcome("a long path", &File::open("x/".repeat(4000)));
    log.outcome("a device", &File::open("/dev/null"));
    let private = OpenOptions::new().write(true).create_new(true).mode(0o600).open(folder.at("private"))?;
    log.note("mode", private.metadata()?.mode() & 0o777);
    log.outcome("flags", &OpenOptions::new().read(true).custom_flags(0o200_000).open(&path));
    log.outcome("a folder wanted", &OpenOptions::new().read(true).custom_flags(0o200_000).open(&folder.0));
    Ok(())
}

pub(crate) fn positions(log: &Log) -> io::Result<()> {
    let folder = Folder::new()?;
    let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(folder.at("a"))?;
    log.result("write", &file.write(b"0123456789"));
    log.result("at the end", &file.read(&mut [0; 4]));
    log.result("back", &file.seek(SeekFrom::Start(2)));
    let mut two = [0; 2];
    log.result("read", &file.read(&mut two));
    log.note("bytes", two);
    log.result("where", &file.stream_position());
    log.result("on", &file.seek(SeekFrom::Current(-1)));
    log.result("relative", &file.seek_relative(2));
    log.result("before the start", &file.seek(SeekFrom::Current(-100)));
    log.result("past the end", &file.seek(SeekFrom::End(5)));
    log.result("nothing there", &file.read(&mut two));
    log.result("a hole", &file.write(b"x"));
    log.result("rewind", &file.rewind());
    let mut all = Vec::new();
    log.result("all", &file.read_to_end(&mut all));
    log.note("all", all);

    log.result("read at", &file.read_at(&mut two, 4));
    log.note("bytes", two);
    log.result("read at the end", &file.read_at(&mut two, 16));
    log.result("exactly at", &file.read_exact_at(&mut two, 15));
    log.result("write at", &file.write_at(b"ab", 1));
    log.result("all at", &file.write_all_at(b"cd", 20));
    log.result("it does not move", &file.stream_position());
    log.result("length", &file.metadata().map(|metadata| metadata.len()));
    log.result("cut", &file.set_len(3));
    log.result("where", &file.stream_position());
    log.result("read past", &file.read(&mut two));
    let mut clone = file.try_clone()?;
    clone.rewind()?;
    log.result("a clone moves it", &file.stream_position());
    log.result("read", &file.read(&mut two));
    log.result("and it the clone", &clone.stream_position());
    log.result("write of nothing", &file.write(&[]));
    log.result("read of nothing", &file.read(&mut []));
    log.result("several", &file.write_vectored(&[IoSlice::new(b"ab"), IoSlice::new(b"c")]));
    file.rewind()?;
    let (mut one, mut two) = ([0; 2], [0; 9]);
    log.result("several", &file.read_vectored(&mut [IoSliceMut::new(&mut one), IoSliceMut::new(&mut two)]));
    log.note("bytes", (one, two));
    log.result("by reference", &(&file).write(b"z"));
    log.result("flush", &file.flush());
    log.result("sync", &file.sync_all().and(file.sync_data()));
    let mut file = OpenOptions::new().append(true).read(true).open(folder.at("a"))?;
    file.rewind()?;
    log.result("append", &file.write(b"!"));
    log.result("where", &file.stream_position());
    log.result("text", &fs::read_to_string(folder.at("a")));
    Ok(())
}

pub(crate) fn huge(log: &Log) -> io::Result<()> {
    let folder = Folder::new()?;
    let path = folder.at("sparse");
    let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&path)?;
    let far = 5 << 32;
    log.result("grow", &file.set_len(far));
    log.result("length", &fs::metadata(&path).map(|metadata| metadata.len()));
    log.result("blocks", &fs::metadata(&path).map(|metadata| metadata.blocks() < 1000));
    log.result("far out", &file.seek(SeekFrom::End(-1)));
    log.result("a zero", &file.read(&mut [1; 8]));
    log.result("write beyond", &file.write(b"end"));
    let mut end = [0; 3];
    log.result("read there", &file.read_exact_at(&mut end, far));
    log.note("bytes", end);
    log.result("end", &file.seek(SeekFrom::End(0)));
    log.result("too far", &file.set_len(u64::MAX));
    log.result("too far to read", &file.read_at(&mut end, u64::MAX));
    log.result("too far to seek", &file.seek(SeekFrom::Start(u64::MAX)));
    Ok(())
}

pub(crate) fn folders(log: &Log) -> io::Result<()> {
    let folder = Folder::new()?;
    log.result("deep, one by one", &fs::create_dir(folder.at("a/b")));
    log.result("deep", &fs::create_dir_all(folder.at("a/b/c")));
    log.result("deep again", &fs::create_dir_all(folder.at("a/b/c")));
    log.result("there", &fs::create_dir(folder.at("a")));
    fs::write(folder.at("a/file"), "1")?;
    log.result("on a file", &fs::create_dir_all(folder.at("a/file")));
    log.result("below a file", &fs::create_dir_all(folder.at("a/file/x")));
    log.result("names", &names(&folder.at("a")));
    log.result("not empty", &fs::remove_dir(folder.at("a")));
    log.result("a file is none", &fs::remove_dir(folder.at("a/file")));
    log.result("a folder is no file", &fs::remove_file(folder.at("a/b")));
    log.result("empty", &fs::remove_dir(folder.at("a/b/c")));
    log.result("gone", &fs::remove_dir(folder.at("a/b/c")));
    log.outcome("list of none", &fs::read_dir(folder.at("none")));
    log.outcome("list of a file", &fs::read_dir(folder.at("a/file")));
    log.result("all of it", &fs::remove_dir_all(folder.at("a")));
    log.result("again", &fs::remove_dir_all(folder.at("a")));
    log.result("exists", &fs::exists(folder.at("a")));
    log.result("exists", &fs::exists(&folder.0));
    log.result("exists, with a NUL", &fs::exists("a\0"));

    let mut builder = DirBuilder::new();
    log.result("built", &builder.mode(0o700).create(folder.at("private")));
    log.result("mode", &fs::metadata(folder.at("private")).map(|metadata| metadata.mode() & 0o777));
    log.result("built deep", &builder.recursive(true).create(folder.at("x/y")));
    log.result("twice", &builder.create(folder.at("x/y")));
    log.result("not twice", &builder.recursive(false).create(folder.at("x/y")));
    for n in 0..300 {
        fs::write(folder.at(&format!("x/{n:03}")), "")?;
    }
    log.note("many", names(&folder.at("x"))?.len());
    symlink(folder.at("x"), folder.at("link"))?;
    log.result("a link is removed, not what it leads to", &fs::remove_dir_all(folder.at("link")));
    log.note("still there", names(&folder.at("x"))?.len());
    Ok(())
}

pub(crate) fn entries(log: &Log) -> io::Result<()> {
    let folder = Folder::new()?;
    fs::write(folder.at("file"), "12345")?;
    fs::create_dir(folder.at("folder"))?;
    symlink("file", folder.at("link"))?;
    symlink("nowhere", folder.at("dangling"))?;
    let mut entries = fs::read_dir(&folder.0)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(|entry| entry.file_name());
    for entry in &entries {
        log.note("name", entry.file_name());
        log.note("path", entry.path() == folder.0.join(entry.file_name()));
        let kind = entry.file_type()?;
        log.note("kind", (kind.is_file(), kind.is_dir(), kind.is_symlink(), kind.is_fifo(), kind.is_socket()));
        log.result("its own length", &entry.metadata().map(|metadata| (metadata.len(), metadata.is_symlink())));
        log.note("number", entry.ino() == entry.metadata()?.ino());
    }
    drop(folder);
    log.outcome("when it is gone", &entries[0].metadata());
    Ok(())
}

pub(crate) fn links(log: &Log) -> io::Result<()> {
    let folder = Folder::new()?;
    let (file, link) = (folder.at("file"), folder.at("link"));
    fs::write(&file, "1")?;
    log.result("link", &symlink(&file, &link));
    log.result("link again", &symlink(&file, &link));
    log.result("leads to", &fs::read_link(&link).map(|path| path == file));
    log.result("through it", &fs::read_to_string(&link));
    log.result("itself", &fs::symlink_metadata(&link).map(|metadata| metadata.file_type().is_symlink()));
    log.result("what it leads to", &fs::metadata(&link).map(|metadata| metadata.is_file()));
    log.result("a file is no link", &fs::read_link(&file));
    log.result("canonical", &fs::canonicalize(&link).map(|path| path.file_name().map(|name| name.to_owned())));
    log.result("canonical of none", &fs::canonicalize(folder.at("none")));

    symlink("loop-b", folder.at("loop-a"))?;
    symlink("loop-a", folder.at("loop-b"))?;
    log.outcome("a loop", &File::open(folder.at("loop-a")));
    log.outcome("a loop's data", &fs::metadata(folder.at("loop-a")));
    log.result("a loop exists", &fs::exists(folder.at("loop-a")));
    log.result("a loop's end", &fs::canonicalize(folder.at("loop-a")));

    log.result("hard", &fs::hard_link(&file, folder.at("hard")));
    log.result("hard again", &fs::hard_link(&file, folder.at("hard")));
    log.result("of a folder", &fs::hard_link(&folder.0, folder.at("no")));
    log.result("count", &fs::metadata(&file).map(|metadata| metadata.nlink()));
    fs::remove_file(&file)?;
    log.result("it stays", &fs::read_to_string(folder.at("hard")));
    log.outcome("dangling", &fs::read(&link));
    log.result("dangling exists", &fs::exists(&link));
    log.result("written through", &fs::write(&link, "2"));
    log.result("there again", &fs::read_to_string(&file));
    log.result("remove the link", &fs::remove_file(&link));
    log.result("not what it led to", &fs::exists(&file));
    Ok(())
}

pub(crate) fn renames(log: &Log) -> io::Result<()> {
    let folder = Folder::new()?;
    let [a, b, dir, full] = ["a", "b", "dir", "full"].map(|name| folder.at(name));
    fs::write(&a, "a")?;
    fs::write(&b, "b")?;
    fs::create_dir(&dir)?;
    fs::create_dir_all(full.join("x"))?;
    log.result("over a file", &fs::rename(&a, &b));
    log.result("text", &fs::read_to_string(&b));
    log.result("gone", &fs::rename(&a, &b));
    log.result("a file over a folder", &fs::rename(&b, &dir));
    log.result("a folder over a file", &fs::rename(&dir, &b));
    log.result("a folder over a full one", &fs::rename(&dir, &full));
    log.result("a folder into itself", &fs::rename(&full, full.join("x/y")));
    log.result("a full one over an empty one", &fs::rename(&full, &dir));
    log.result("onto itself", &fs::rename(&b, &b));
    log.note("left", names(&folder.0)?);
    log.result("an open one", &{
        let mut file = File::create(folder.at("open"))?;
        fs::rename(folder.at("open"), folder.at("moved"))?;
        file.write_all(b"still")?;
        fs::read_to_string(folder.at("moved"))
    });
    log.result("a removed one", &{
        let mut file = File::open(folder.at("moved"))?;
        fs::remove_file(folder.at("moved"))?;
        let mut text = String::new();
        file.read_to_string(&mut text).map(|_| text)
    });
    log.result("remove none", &fs::remove_file(folder.at("moved")));
    Ok(())
}

pub(crate) fn metadata(log: &Log) -> io::Result<()> {
    let folder = Folder::new()?;
    let path = folder.at("a");
    let file = File::create(&path)?;
    let mut permissions = fs::metadata(&path)?.permissions();
    log.note("readonly", permissions.readonly());
    permissions.set_readonly(true);
    log.result("set", &fs::set_permissions(&path, permissions));
    log.result("mode", &fs::metadata(&path).map(|metadata| metadata.permissions().mode() & 0o222));
    let mut permissions = file.metadata()?.permissions();
    permissions.set_mode(0o640);
    log.result("set", &file.set_permissions(permissions.clone()));
    log.result("mode", &file.metadata().map(|metadata| metadata.mode() & 0o777));
    log.result("of none", &fs::set_permissions(folder.at("none"), permissions));
    let then = SystemTime::UNIX_EPOCH + Duration::new(1_000_000_000, 5_000_000);
    log.result("modified", &file.set_modified(then));
    log.note("seen", fs::metadata(&path)?.modified()? == then);
    log.result("times", &file.set_times(fs::FileTimes::new().set_accessed(then).set_modified(SystemTime::UNIX_EPOCH)));
    log.note("seen", (file.metadata()?.accessed()? == then, file.metadata()?.mtime()));
    log.result("nothing", &fs::metadata(""));
    log.result("with a NUL", &fs::metadata("\0").map(|_| ()));
    log.shown("file", &file.metadata()?.file_type());
    log.outcome("in a locked folder", &File::open("/proc/1/mem-of-nobody"));
    log.outcome("proc", &fs::read_to_string("/proc/self/stat"));
    log.outcome("write to proc", &fs::write("/proc/version", "x"));
    Ok(())
}

pub(crate) fn locks_on_files(log: &Log) -> io::Result<()> {
    let folder = Folder::new()?;
    let (one, two) = (File::create(folder.at("a"))?, File::open(folder.at("a"))?);
    log.result("lock", &one.lock());
    log.note("try", two.try_lock().map_err(|error| (error.to_string(), matches!(error, fs::TryLockError::WouldBlock))));
    log.note("try shared", two.try_lock_shared().map_err(|error| error.to_string()));
    log.result("unlock", &one.unlock());
    log.result("shared", &two.lock_shared());
    log.note("also shared", one.try_lock_shared().is_ok());
    drop(two);
    log.note("alone", one.try_lock().is_ok());
    let two = File::open(folder.at("a"))?;
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| two.lock());
        std::thread::yield_now();
        one.unlock()?;
        log.result("waited for", &waiting.join().expect("no panic"));
        io::Result::Ok(())
    })
}

pub(crate) fn lines(log: &Log) -> io::Result<()> {
    let folder = Folder::new()?;
    fs::write(folder.at("a"), "one\ntwo\r\n\nlast")?;
    let reader = BufReader::with_capacity(3, File::open(folder.at("a"))?);
    log.result("lines", &reader.lines().collect::<io::Result<Vec<_>>>());
    let mut reader = BufReader::new(File::open(folder.at("a"))?);
    let mut line = String::new();
    log.result("line", &reader.read_line(&mut line));
    log.result("where", &reader.stream_position());
    log.result("split", &reader.split(b'\n').map(|part| part.map(|part| part.len())).collect::<io::Result<Vec<_>>>());
    let mut file = File::open(folder.at("a"))?;
    let mut start = String::new();
    log.result("take", &(&mut file).take(5).read_to_string(&mut start));
    log.note("start", start);
    log.result("sum", &io::copy(&mut file, &mut io::sink()));
    log.result(
        "chain",
        &io::copy(&mut File::open(folder.at("a"))?.chain(&b"more"[..]), &mut File::create(folder.at("b"))?),
    );
    log.result("text", &fs::read_to_string(folder.at("b")));
    log.result("io", &io::read_to_string(File::open(folder.at("b"))?));
    let file = File::open(folder.at("b"))?;
    log.note("shown", format!("{file:?}").starts_with("File { fd: "));
    log.shown("shown", &File::open("/dev/null")?);
    log.shown("options", &OpenOptions::new().read(true).clone());
    log.shown("builder", &DirBuilder::new());
    Ok(())
}
