// Programs that say what they see; `rt` is std or green.

use std::io::{BufRead, BufReader, BufWriter, IoSlice, IoSliceMut, Read, Seek, SeekFrom, Write};
use std::os::fd::{AsFd, AsRawFd, IntoRawFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, SystemTime};

use rt::fs::{self, DirBuilder, File, FileTimes, OpenOptions, TryLockError};
use rt::os::unix::fs::{
    DirBuilderExt, DirEntryExt, FileExt, FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt, symlink,
};
use rt::thread;

use super::Log;
use crate::calls::{make_pipe, memory_file, own};

pub(super) fn opens(folder: &Path) -> Log {
    let mut log = Log::default();
    let file = folder.join("file");
    fs::write(&file, "text").unwrap();
    symlink("loop", folder.join("loop")).unwrap();
    symlink("file", folder.join("link")).unwrap();
    symlink("nowhere", folder.join("dangling")).unwrap();
    let paths = [
        "file",
        "missing",
        "missing/file",
        "file/file",
        "",
        "loop",
        "link",
        "dangling",
        "with\0zero",
        ".",
        "./file/",
        "..",
        "file/..",
    ];
    for path in paths {
        let full = if path.is_empty() { path.into() } else { folder.join(path) };
        log.outcome(path, File::open(&full));
        log.outcome(path, fs::read(&full));
        log.outcome(path, fs::metadata(&full));
        log.outcome(path, fs::symlink_metadata(&full));
        log.outcome(path, fs::exists(&full));
        log.outcome(path, fs::read_dir(&full));
    }
    for length in [200, 255, 256, 300, 5000] {
        let name = "n".repeat(length);
        log.outcome("long name", File::open(folder.join(&name)));
        log.outcome("long name", fs::metadata(folder.join(&name)));
        log.outcome("long name", File::create(folder.join(&name)));
        log.outcome("long name", fs::read(folder.join(&name)));
    }
    let deep = folder.join("./".repeat(1500)).join("file");
    log.result("deep", fs::read(&deep));
    log.outcome("nothing asked", OpenOptions::new().open(&file));
    log.outcome("truncate alone", OpenOptions::new().truncate(true).open(&file));
    log.outcome("read and truncate", OpenOptions::new().read(true).truncate(true).open(&file));
    log.outcome("append and truncate", OpenOptions::new().append(true).truncate(true).open(&file));
    log.outcome("create without write", OpenOptions::new().read(true).create(true).open(&file));
    log.outcome("create new, existing", File::create_new(&file));
    log.outcome("create new, dangling", File::create_new(folder.join("dangling")));
    log.outcome("create in a missing folder", File::create(folder.join("missing/file")));
    log.outcome("create a folder", File::create(folder));
    log.outcome("write a folder", OpenOptions::new().write(true).open(folder));
    log.outcome("taken back", OpenOptions::new().write(true).create(true).write(false).create(false).open(&file));
    let with = |flags| OpenOptions::new().read(true).custom_flags(flags).open(folder.join("link"));
    log.outcome("no link", with(libc::O_NOFOLLOW));
    log.outcome("a folder", with(libc::O_DIRECTORY));
    log.outcome("path", with(libc::O_PATH));
    log.outcome("path", with(libc::O_PATH).unwrap().read(&mut [0; 4]));
    log.outcome("nonblocking", with(libc::O_NONBLOCK).unwrap().read(&mut [0; 4]));
    let mode = |mode| {
        let path = folder.join(format!("mode {mode:o}"));
        OpenOptions::new().write(true).create_new(true).mode(mode).open(&path).unwrap();
        fs::metadata(path).unwrap().mode() & 0o7777
    };
    log.note("modes", [mode(0o600), mode(0o444), mode(0)]);
    let file = File::options().read(true).write(true).create(true).truncate(true).open(&file).unwrap();
    log.note("truncated", file.metadata().unwrap().len());
    log
}

pub(super) fn reads_and_seeks(folder: &Path) -> Log {
    let mut log = Log::default();
    let path = folder.join("file");
    let contents: Vec<u8> = (0..300_000_u32).map(|i| (i / 7) as u8).collect();
    fs::write(&path, &contents).unwrap();
    let mut file = OpenOptions::new().read(true).write(true).open(&path).unwrap();
    for size in [0, 1, 10, 4096, 5000, 131_071, 131_072, 131_073, 100_000, 0] {
        let mut buf = vec![0; size];
        let count = log.result("read", file.read(&mut buf)).unwrap();
        let position = log.result("position", file.stream_position()).unwrap() as usize;
        assert_eq!(buf[..count], contents[position - count..position]);
        assert!(buf[count..].iter().all(|byte| *byte == 0));
    }
    log.result("read exactly", file.read_exact(&mut [0; 10]));
    let places = [
        SeekFrom::Start(0),
        SeekFrom::Start(299_990),
        SeekFrom::End(0),
        SeekFrom::End(-5),
        SeekFrom::End(5),
        SeekFrom::End(-300_001),
        SeekFrom::Current(-10),
        SeekFrom::Current(0),
        SeekFrom::Current(i64::MIN),
        SeekFrom::Start(u64::MAX),
        SeekFrom::Start(1 << 40),
    ];
    for place in places {
        log.result("seek", file.seek(place));
        log.result("position", file.stream_position());
        log.result("read", file.read(&mut [0; 20]));
        log.result("read exactly", file.read_exact(&mut [0; 3]));
    }
    file.seek_relative(-3).unwrap();
    log.result("position", file.stream_position());
    file.rewind().unwrap();
    log.result("write", file.write(b"beginning"));
    log.result("write nothing", file.write(b""));
    log.result("position", file.stream_position());
    file.seek(SeekFrom::End(10)).unwrap();
    file.write_all(b"after a gap").unwrap();
    file.write_all(&[9; 200_000]).unwrap();
    log.result("flush", file.flush());
    let mut all = Vec::new();
    file.rewind().unwrap();
    file.read_to_end(&mut all).unwrap();
    log.note("all", (all.len(), &all[..12], &all[299_995..300_025]));
    file.seek(SeekFrom::Start(1 << 33)).unwrap();
    log.result("write far out", file.write(b"x"));
    log.note("length", file.metadata().unwrap().len());
    let (read_only, write_only) = (File::open(&path).unwrap(), OpenOptions::new().write(true).open(&path).unwrap());
    log.result("write to a read-only file", (&read_only).write(b"x"));
    log.result("read from a write-only file", (&write_only).read(&mut [0; 1]));
    log.result("read nothing from a write-only file", (&write_only).read(&mut []));
    log.result("read all from a write-only file", (&write_only).read_to_end(&mut Vec::new()));
    let mut folder = File::open(folder).unwrap();
    log.result("read a folder", folder.read(&mut [0; 10]));
    log.result("read nothing of a folder", folder.read(&mut []));
    log.result("read all of a folder", folder.read_to_end(&mut Vec::new()));
    log.result("write a folder", folder.write(b"x"));
    log
}

pub(super) fn reads_and_writes_at_offsets(folder: &Path) -> Log {
    let mut log = Log::default();
    let path = folder.join("file");
    let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&path).unwrap();
    log.result("write", file.write_at(b"0123456789", 5));
    log.result("write all", file.write_all_at(&[7; 140_000], 20));
    log.result("position", file.stream_position());
    let mut buf = [1; 12];
    for offset in [0, 5, 10, 140_015, 140_020, 1 << 45, i64::MAX as u64 - 1, i64::MAX as u64, 1 << 63, u64::MAX] {
        buf.fill(1);
        log.result("read", file.read_at(&mut buf, offset));
        log.note("read", buf);
        log.result("read exactly", file.read_exact_at(&mut buf, offset));
        log.result("read nothing", file.read_at(&mut [], offset));
    }
    let mut large = vec![0; 139_000];
    log.result("read much", file.read_at(&mut large, 100));
    assert!(large.iter().all(|byte| *byte == 7));
    for offset in [i64::MAX as u64, 1 << 63, u64::MAX] {
        log.result("write", file.write_at(b"x", offset));
        log.result("write all", file.write_all_at(b"xy", offset));
        log.result("write nothing", file.write_at(b"", offset));
    }
    log.result("position", file.stream_position());
    file.write_all(b"abc").unwrap();
    log.result("length", file.metadata().map(|metadata| metadata.len()));
    log.result("read", fs::read(&path).map(|all| all[..25].to_vec()));
    log
}

pub(super) fn vectored_calls(folder: &Path) -> Log {
    let mut log = Log::default();
    let path = folder.join("file");
    let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&path).unwrap();
    let parts = [IoSlice::new(b"one"), IoSlice::new(b""), IoSlice::new(b"three"), IoSlice::new(b"four")];
    log.result("write", file.write_vectored(&parts));
    log.result("write one", file.write_vectored(&parts[..1]));
    log.result("write none", file.write_vectored(&[]));
    log.result("write empty", file.write_vectored(&[IoSlice::new(b""), IoSlice::new(b"")]));
    log.result("write many", file.write_vectored(&vec![IoSlice::new(b"ab"); 2000]));
    file.rewind().unwrap();
    let (mut a, mut b, mut c) = ([0; 4], [0; 0], [0; 6]);
    let mut bufs = [IoSliceMut::new(&mut a), IoSliceMut::new(&mut b), IoSliceMut::new(&mut c)];
    log.result("read", file.read_vectored(&mut bufs));
    log.note("read", (a, c));
    log.result("read one", file.read_vectored(&mut [IoSliceMut::new(&mut a)]));
    log.result("read none", file.read_vectored(&mut []));
    log.result("read empty", file.read_vectored(&mut [IoSliceMut::new(&mut []), IoSliceMut::new(&mut [])]));
    let mut bytes = vec![[0; 1]; 1500];
    let mut bufs: Vec<_> = bytes.iter_mut().map(|byte| IoSliceMut::new(byte)).collect();
    log.result("read many", file.read_vectored(&mut bufs));
    log.result("position", file.stream_position());
    file.seek(SeekFrom::End(-3)).unwrap();
    let (mut a, mut c) = ([0; 2], [0; 6]);
    log.result("read at the end", file.read_vectored(&mut [IoSliceMut::new(&mut a), IoSliceMut::new(&mut c)]));
    log.note("read", (a, c));
    log
}

pub(super) fn appends(folder: &Path) -> Log {
    let mut log = Log::default();
    let path = folder.join("file");
    let open = || OpenOptions::new().append(true).create(true).open(&path).unwrap();
    let (mut first, mut second) = (open(), open());
    first.write_all(b"one ").unwrap();
    second.write_all(b"two ").unwrap();
    first.write_all(b"three ").unwrap();
    log.result("position", first.stream_position());
    first.rewind().unwrap();
    first.write_all(b"four ").unwrap();
    log.result("write at an offset", first.write_at(b"five ", 0));
    log.result("text", fs::read_to_string(&path));
    let mut both = OpenOptions::new().read(true).append(true).open(&path).unwrap();
    let mut text = String::new();
    both.read_to_string(&mut text).unwrap();
    both.write_all(b"six").unwrap();
    log.result("position", both.stream_position());
    log.result("text", fs::read_to_string(&path));
    log.result("read an append-only file", first.read(&mut [0; 1]));
    log
}

pub(super) fn clones(folder: &Path) -> Log {
    let mut log = Log::default();
    let path = folder.join("file");
    fs::write(&path, "0123456789").unwrap();
    let mut file = OpenOptions::new().read(true).write(true).open(&path).unwrap();
    let mut clone = file.try_clone().unwrap();
    let mut other = File::open(&path).unwrap();
    let mut buf = [0; 3];
    file.read_exact(&mut buf).unwrap();
    clone.read_exact(&mut buf).unwrap();
    log.note("clone", buf);
    other.read_exact(&mut buf).unwrap();
    log.note("other", buf);
    clone.write_all(b"ab").unwrap();
    log.result("position", file.stream_position());
    drop(file);
    clone.rewind().unwrap();
    let mut text = String::new();
    clone.read_to_string(&mut text).unwrap();
    log.note("text", text);
    fs::remove_file(&path).unwrap();
    other.rewind().unwrap();
    log.result("removed", other.read(&mut buf));
    log.note("removed", (buf, other.metadata().unwrap().nlink()));
    log
}

pub(super) fn whole_files(folder: &Path) -> Log {
    let mut log = Log::default();
    let (path, copy) = (folder.join("file"), folder.join("copy"));
    for size in [0, 1, 4095, 4096, 4097, 131_072, 262_143, 262_144, 262_145, 1_000_000] {
        let contents: Vec<u8> = (0..size).map(|i: u32| (i / 100) as u8 & 0x7f).collect();
        log.result("write", fs::write(&path, &contents));
        // Once perhaps not from the page cache, and once from it.
        for _ in 0..2 {
            assert!(fs::read(&path).unwrap() == contents);
            assert!(fs::read_to_string(&path).unwrap().as_bytes() == contents);
        }
        log.result("copy", fs::copy(&path, &copy));
        assert!(fs::read(&copy).unwrap() == contents);
    }
    log.result("write less", fs::write(&path, "less"));
    log.result("read", fs::read_to_string(&path));
    for bytes in [b"\xff".as_slice(), b"text \xe2\x82", b"text \xe2\x82\xac"] {
        fs::write(&path, bytes).unwrap();
        log.result("read", fs::read_to_string(&path));
    }
    log.result("read missing", fs::read_to_string(folder.join("missing")));
    log.result("read a folder", fs::read(folder));
    log.result("read a folder", fs::read_to_string(folder));
    log.result("write a folder", fs::write(folder, "x"));
    log.result("write nowhere", fs::write(folder.join("missing/file"), "x"));
    log.result("copy missing", fs::copy(folder.join("missing"), &copy));
    log.result("copy a folder", fs::copy(folder, &copy));
    log.result("copy to a folder", fs::copy(&path, folder));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o741)).unwrap();
    fs::remove_file(&copy).unwrap();
    log.result("copy", fs::copy(&path, &copy));
    log.note("mode", fs::metadata(&copy).unwrap().mode() & 0o7777);
    log.result("copy onto itself", fs::copy(&copy, &copy));
    log.result("length", fs::metadata(&copy).map(|metadata| metadata.len()));
    log
}

pub(super) fn reads_to_the_end(folder: &Path) -> Log {
    let mut log = Log::default();
    let path = folder.join("file");
    for size in [0_usize, 10, 4096, 100_000, 262_144, 700_000] {
        let contents: Vec<u8> = (0..size).map(|i| (i / 10) as u8 & 0x7f).collect();
        fs::write(&path, &contents).unwrap();
        let mut file = File::open(&path).unwrap();
        let mut buf = b"before ".to_vec();
        log.result("all", file.read_to_end(&mut buf));
        assert!(buf.starts_with(b"before ") && buf[7..] == contents);
        log.result("again", file.read_to_end(&mut buf));
        log.result("position", file.stream_position());
        let mut text = String::from("before ");
        file.seek(SeekFrom::Start(size as u64 / 2)).unwrap();
        log.result("half", file.read_to_string(&mut text));
        assert!(text.as_bytes()[7..] == contents[size / 2..]);
        file.seek(SeekFrom::Start(size as u64 + 10)).unwrap();
        log.result("beyond", file.read_to_end(&mut buf));
        let mut exact = Vec::with_capacity(size);
        file.rewind().unwrap();
        file.read_to_end(&mut exact).unwrap();
        assert!(exact == contents);
        file.rewind().unwrap();
        log.result("limited", (&file).take(5).read_to_end(&mut exact));
        log.result("chained", (&file).chain(b"more".as_slice()).read_to_end(&mut exact));
        file.rewind().unwrap();
        log.note("bytes", (&file).bytes().take(3).collect::<Result<Vec<_>, _>>().unwrap());
    }
    fs::write(&path, b"text \xff text").unwrap();
    let mut text = String::from("before");
    log.result("not text", File::open(&path).unwrap().read_to_string(&mut text));
    log.note("kept", &text);
    let write_only = OpenOptions::new().write(true).open(&path).unwrap();
    log.result("write-only", (&write_only).read_to_string(&mut text));
    log.note("kept", &text);
    // What the kernel makes up as it is read has no length.
    let status = fs::read_to_string("/proc/self/status").unwrap();
    log.note("status", (status.contains("Threads:"), fs::metadata("/proc/self/status").unwrap().len()));
    let mut file = File::open("/proc/self/status").unwrap();
    let mut status = String::new();
    file.read_to_string(&mut status).unwrap();
    log.note("status", status.contains("Threads:"));
    log
}

pub(super) fn lengths(folder: &Path) -> Log {
    let mut log = Log::default();
    let path = folder.join("file");
    let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&path).unwrap();
    file.write_all(b"0123456789").unwrap();
    for size in [4, 12, 0, 1 << 40, 3, u64::MAX, 1 << 63] {
        log.result("set", file.set_len(size));
        log.result("length", file.metadata().map(|metadata| metadata.len()));
        log.result("position", file.stream_position());
    }
    file.write_all(b"x").unwrap();
    log.result("contents", fs::read(&path));
    log.result("sync", file.sync_all());
    log.result("sync", file.sync_data());
    let read_only = File::open(&path).unwrap();
    log.result("read-only", read_only.set_len(1));
    log.result("read-only", read_only.sync_all());
    log.result("folder", File::open(folder).unwrap().sync_all());
    log.result("folder", File::open(folder).unwrap().set_len(0));
    log
}

pub(super) fn buffered_readers_and_writers(folder: &Path) -> Log {
    let mut log = Log::default();
    let path = folder.join("file");
    let mut writer = BufWriter::new(File::create(&path).unwrap());
    for i in 0..5000 {
        writeln!(writer, "line {i}").unwrap();
    }
    log.outcome("flushed", writer.into_inner().map_err(Into::into));
    let reader = BufReader::new(File::open(&path).unwrap());
    let lines: Vec<_> = reader.lines().map(Result::unwrap).collect();
    log.note("lines", (lines.len(), &lines[4321]));
    let mut reader = BufReader::with_capacity(7, File::open(&path).unwrap());
    let mut line = Vec::new();
    log.result("until", reader.read_until(b'2', &mut line));
    log.result("position", reader.stream_position());
    log.result("seek", reader.seek(SeekFrom::Current(3)));
    line.clear();
    log.result("until", reader.read_until(b'\n', &mut line));
    log.note("line", line);
    let copied = std::io::copy(&mut File::open(&path).unwrap(), &mut File::create(folder.join("copy")).unwrap());
    log.result("copied", copied);
    log.note("equal", fs::read(&path).unwrap() == fs::read(folder.join("copy")).unwrap());
    let text = std::io::read_to_string(File::open(&path).unwrap()).unwrap();
    log.note("text", text.len());
    log
}

pub(super) fn descriptors(folder: &Path) -> Log {
    let mut log = Log::default();
    let path = folder.join("file");
    fs::write(&path, "0123456789").unwrap();
    let mut file = File::open(&path).unwrap();
    let flags = |fd: i32| {
        let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{fd}")).unwrap();
        info.lines().find(|line| line.starts_with("flags:")).unwrap().to_owned()
    };
    log.note("flags", flags(file.as_raw_fd()));
    let written = OpenOptions::new().write(true).custom_flags(libc::O_SYNC).open(&path).unwrap();
    log.note("flags", flags(written.as_raw_fd()));
    file.read_exact(&mut [0; 2]).unwrap();
    let owned = file.as_fd().try_clone_to_owned().unwrap();
    let mut clone = File::from(owned);
    clone.read_exact(&mut [0; 2]).unwrap();
    log.result("position", file.stream_position());
    let raw = file.into_raw_fd();
    let mut file: File = own(raw);
    log.note("same", file.as_raw_fd() == raw);
    log.result("position", file.stream_position());
    let owned = OwnedFd::from(file);
    log.note("same", owned.as_raw_fd() == raw);
    let mut text = String::new();
    File::from(owned).read_to_string(&mut text).unwrap();
    log.note("text", text);
    let memory = memory_file();
    let mut file = File::from(memory);
    file.write_all(b"in memory").unwrap();
    file.rewind().unwrap();
    let mut text = String::new();
    file.read_to_string(&mut text).unwrap();
    log.note("text", text);
    log
}

pub(super) fn owners(folder: &Path) -> Log {
    use rt::os::unix::fs::{chown, fchown, lchown};
    let mut log = Log::default();
    let path = folder.join("file");
    let file = File::create(&path).unwrap();
    symlink("nowhere", folder.join("link")).unwrap();
    log.result("chown", chown(&path, None, None));
    log.result("chown", chown(folder.join("link"), None, None));
    log.result("lchown", lchown(folder.join("link"), None, None));
    log.result("fchown", fchown(&file, None, None));
    log.result("chown to oneself", chown(&path, Some(file.metadata().unwrap().uid()), None));
    log.result("chroot", rt::os::unix::fs::chroot(folder.join("missing")));
    log
}

pub(super) fn debug_output(folder: &Path) -> Log {
    let mut log = Log::default();
    let mut options = OpenOptions::new();
    log.note("options", &options);
    options.read(true).write(true).append(true).truncate(true).create(true).create_new(true);
    log.note("options", options.mode(0o600).custom_flags(1));
    log.note("options", options.clone());
    let mut builder = DirBuilder::new();
    log.note("builder", &builder);
    log.note("builder", builder.recursive(true).mode(0o700));
    fs::write(folder.join("file"), "").unwrap();
    let name =
        |text: String| text.replace(&format!("{folder:?}"), "FOLDER").replace(&*folder.to_string_lossy(), "FOLDER");
    log.note("entries", name(format!("{:?}", fs::read_dir(folder).unwrap())));
    log.note("entry", name(format!("{:?}", fs::read_dir(folder).unwrap().next().unwrap().unwrap())));
    let file = File::open(folder.join("file")).unwrap();
    let fd = format!("fd: {},", file.as_raw_fd());
    log.note("file", name(format!("{file:?}")).replace(&fd, "FD"));
    log
}

pub(super) fn child_processes(folder: &Path) -> Log {
    let mut log = Log::default();
    let (input, output) = (folder.join("input"), folder.join("output"));
    fs::write(&input, "from a file\n").unwrap();
    let status = std::process::Command::new("cat")
        .stdin(File::open(&input).unwrap())
        .stdout(File::create(&output).unwrap())
        .status();
    log.result("cat", status);
    log.result("output", fs::read_to_string(&output));
    log
}
