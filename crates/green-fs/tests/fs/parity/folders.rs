// Folders, names and what is known about files; included after `contents.rs`.

pub(super) fn metadata(folder: &Path) -> Log {
    let mut log = Log::default();
    let (file, link, dangling) = (folder.join("file"), folder.join("link"), folder.join("dangling"));
    fs::write(&file, "text").unwrap();
    symlink("file", &link).unwrap();
    symlink("nowhere", &dangling).unwrap();
    let pipe = make_pipe(folder);
    let show = |metadata: fs::Metadata| {
        let kind = metadata.file_type();
        (
            (metadata.is_file(), metadata.is_dir(), metadata.is_symlink(), kind.is_fifo(), kind.is_char_device()),
            (metadata.mode(), metadata.nlink(), metadata.is_file().then_some(metadata.size())),
        )
    };
    for path in [&file, &link, &dangling, &pipe, folder, "/dev/null".as_ref(), "/proc/self".as_ref()] {
        log.result("followed", fs::metadata(path).map(show));
        log.result("not followed", fs::symlink_metadata(path).map(show));
        log.result("exists", fs::exists(path));
    }
    for path in [&file, folder] {
        let file = File::open(path).unwrap();
        log.result("open", file.metadata().map(show));
        let by_path = fs::metadata(path).unwrap();
        let by_file = file.metadata().unwrap();
        assert_eq!(
            (by_path.ino(), by_path.dev(), by_path.ctime_nsec()),
            (by_file.ino(), by_file.dev(), by_file.ctime_nsec())
        );
        let other = std::fs::metadata(path).unwrap();
        assert_eq!(
            (by_path.ino(), by_path.dev(), by_path.ctime_nsec()),
            (other.ino(), other.dev(), other.ctime_nsec())
        );
    }
    let now = SystemTime::now();
    let age = |time: SystemTime| now.duration_since(time).is_ok_and(|age| age < Duration::from_secs(3600));
    let known = fs::metadata(&file).unwrap();
    log.note("recent", (age(known.modified().unwrap()), age(known.accessed().unwrap())));
    log
}

pub(super) fn times_and_permissions(folder: &Path) -> Log {
    let mut log = Log::default();
    let path = folder.join("file");
    let file = File::create(&path).unwrap();
    let (then, later) = (SystemTime::UNIX_EPOCH + Duration::new(1_000_000, 123_456_789), SystemTime::UNIX_EPOCH);
    log.result("times", file.set_times(FileTimes::new().set_modified(then).set_accessed(later)));
    let show = |metadata: fs::Metadata| (metadata.modified().unwrap(), metadata.accessed().unwrap());
    log.result("times", fs::metadata(&path).map(show));
    log.result("modified", file.set_modified(later));
    log.result("nothing", file.set_times(FileTimes::new()));
    log.result("times", file.metadata().map(show));
    log.result("permissions", file.set_permissions(fs::Permissions::from_mode(0o604)));
    log.note("mode", file.metadata().unwrap().mode() & 0o7777);
    let mut permissions = fs::metadata(&path).unwrap().permissions();
    permissions.set_readonly(true);
    log.result("permissions", fs::set_permissions(&path, permissions));
    log.note(
        "read-only",
        (fs::metadata(&path).unwrap().permissions().readonly(), file.metadata().unwrap().mode() & 0o7777),
    );
    log.result("missing", fs::set_permissions(folder.join("missing"), fs::Permissions::from_mode(0o600)));
    log
}

pub(super) fn folders_and_entries(folder: &Path) -> Log {
    let mut log = Log::default();
    log.result("make", fs::create_dir(folder.join("a")));
    log.result("make again", fs::create_dir(folder.join("a")));
    log.result("make deep", fs::create_dir(folder.join("b/c")));
    log.result("make all", fs::create_dir_all(folder.join("b/c/d")));
    log.result("make all again", fs::create_dir_all(folder.join("b/c/d")));
    log.result("make nothing", fs::create_dir_all(""));
    fs::write(folder.join("file"), "text").unwrap();
    log.result("make under a file", fs::create_dir_all(folder.join("file/x")));
    log.result("make over a file", fs::create_dir_all(folder.join("file")));
    log.result("builder", DirBuilder::new().mode(0o700).create(folder.join("private")));
    log.note("mode", fs::metadata(folder.join("private")).unwrap().mode() & 0o7777);
    log.result("builder", DirBuilder::new().recursive(true).mode(0o750).create(folder.join("p/q")));
    log.note("mode", fs::metadata(folder.join("p/q")).unwrap().mode() & 0o7777);
    log.result("builder", DirBuilder::new().recursive(true).recursive(false).create(folder.join("p/q")));
    log.result("builder", DirBuilder::new().create(folder.join("a\0b")));
    symlink("nowhere", folder.join("link")).unwrap();
    let mut entries: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let kind = entry.file_type().unwrap();
            assert_eq!(entry.path(), folder.join(entry.file_name()));
            assert_eq!(entry.ino(), fs::symlink_metadata(entry.path()).unwrap().ino());
            let metadata = entry.metadata().unwrap();
            assert_eq!(metadata.file_type(), kind);
            assert_eq!(metadata.ino(), entry.ino());
            (
                entry.file_name(),
                kind.is_dir(),
                kind.is_file(),
                kind.is_symlink(),
                kind.is_file().then_some(metadata.len()),
            )
        })
        .collect();
    entries.sort();
    log.note("entries", entries);
    log.result("entries of a file", fs::read_dir(folder.join("file")).map(|_| ()));
    log.result("entries of nothing", fs::read_dir(folder.join("missing")).map(|_| ()));
    log.note("no entries", fs::read_dir(folder.join("a")).unwrap().count());
    let mut none = fs::read_dir(folder.join("a")).unwrap();
    log.note("after the end", (none.next().is_none(), none.next().is_none()));
    for i in 0..600 {
        fs::write(folder.join(format!("a/{i}")), "").unwrap();
    }
    let names = |entries: fs::ReadDir| {
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names.dedup();
        names.len()
    };
    log.note("many", names(fs::read_dir(folder.join("a")).unwrap()));
    let mut part = fs::read_dir(folder.join("a")).unwrap();
    let entry = part.nth(400).unwrap().unwrap();
    fs::remove_file(entry.path()).unwrap();
    log.outcome("removed", entry.metadata());
    log.outcome("removed", entry.file_type());
    log.note("size", part.size_hint());
    drop(part);
    log.outcome("name alone", fs::read_dir("."));
    log
}

pub(super) fn links(folder: &Path) -> Log {
    let mut log = Log::default();
    let (file, hard, soft) = (folder.join("file"), folder.join("hard"), folder.join("soft"));
    fs::write(&file, "text").unwrap();
    log.result("hard", fs::hard_link(&file, &hard));
    log.result("hard again", fs::hard_link(&file, &hard));
    log.result("hard missing", fs::hard_link(folder.join("missing"), folder.join("x")));
    log.note("links", fs::metadata(&file).unwrap().nlink());
    log.result("soft", symlink("file", &soft));
    log.result("soft again", symlink("file", &soft));
    log.result("read", fs::read_link(&soft));
    log.result("read a file", fs::read_link(&file));
    log.result("read nothing", fs::read_link(folder.join("missing")));
    #[expect(deprecated, reason = "deprecated in std as well")]
    log.result("old", fs::soft_link("hard", folder.join("old")));
    log.result("through", fs::read_to_string(folder.join("old")));
    log.result(
        "canonical",
        fs::canonicalize(folder.join("./old")).map(|path| path == fs::canonicalize(&hard).unwrap()),
    );
    log.result("canonical", fs::canonicalize(folder.join("missing")));
    log.result("canonical", fs::canonicalize(""));
    symlink("a/b", folder.join("a")).unwrap();
    log.result("canonical", fs::canonicalize(folder.join("a")));
    log
}

pub(super) fn renames_and_removals(folder: &Path) -> Log {
    let mut log = Log::default();
    let at = |name: &str| folder.join(name);
    fs::write(at("a"), "a").unwrap();
    fs::write(at("b"), "b").unwrap();
    fs::create_dir(at("full")).unwrap();
    fs::write(at("full/file"), "x").unwrap();
    fs::create_dir(at("empty")).unwrap();
    log.result("over", fs::rename(at("a"), at("b")));
    log.result("text", fs::read_to_string(at("b")));
    log.result("missing", fs::rename(at("a"), at("c")));
    log.result("file over folder", fs::rename(at("b"), at("full")));
    log.result("folder over file", fs::rename(at("full"), at("b")));
    log.result("folder over full folder", fs::rename(at("empty"), at("full")));
    log.result("folder over empty folder", fs::rename(at("full"), at("empty")));
    log.result("into itself", fs::rename(at("empty"), at("empty/x")));
    log.result("to another file system", fs::rename(at("b"), "/proc/green"));
    log.result("remove full", fs::remove_dir(at("empty")));
    log.result("remove folder as file", fs::remove_file(at("empty")));
    log.result("remove file as folder", fs::remove_dir(at("b")));
    log.result("remove missing", fs::remove_file(at("missing")));
    log.result("remove missing", fs::remove_dir(at("missing")));
    log.result("remove all missing", fs::remove_dir_all(at("missing")));
    log.result("remove all of a file", fs::remove_dir_all(at("b")));
    fs::create_dir_all(at("tree/a/b/c")).unwrap();
    fs::write(at("tree/a/file"), "x").unwrap();
    symlink("../empty", at("tree/link")).unwrap();
    symlink("tree", at("to tree")).unwrap();
    log.result("remove all of a link", fs::remove_dir_all(at("to tree")));
    log.note("there", (fs::exists(at("tree")).unwrap(), fs::symlink_metadata(at("to tree")).is_ok()));
    log.result("remove all", fs::remove_dir_all(at("tree")));
    log.note("there", (fs::exists(at("tree")).unwrap(), fs::exists(at("empty/file")).unwrap()));
    log.result("remove", fs::remove_file(at("b")));
    log.result("remove", fs::remove_file(at("empty/file")));
    log.result("remove", fs::remove_dir(at("empty")));
    log
}

pub(super) fn locks(folder: &Path) -> Log {
    let mut log = Log::default();
    let path = folder.join("file");
    let open = || OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).unwrap();
    let (first, second, third) = (open(), open(), open());
    let show = |result: Result<(), TryLockError>| match result {
        Ok(()) => "locked".to_owned(),
        Err(error) => format!("{error:?} {error}"),
    };
    log.result("lock", first.lock());
    log.note("try", show(second.try_lock()));
    log.note("try", show(second.try_lock_shared()));
    log.note("its own", show(first.try_lock()));
    log.note("to shared", show(first.try_lock_shared()));
    log.note("shared", show(second.try_lock_shared()));
    log.result("shared", third.lock_shared());
    log.note("exclusive", show(third.try_lock()));
    log.result("unlock", first.unlock());
    log.result("unlock", first.unlock());
    log.result("unlock", second.unlock());
    let clone = third.try_clone().unwrap();
    log.note("clone", show(clone.try_lock()));
    log.note("other", show(first.try_lock_shared()));
    drop(third);
    log.note("other", show(first.try_lock_shared()));
    drop(clone);
    // It may wait a moment: the child of another test has all descriptors until its `exec`.
    log.result("other", first.lock());
    let waiting = thread::spawn(move || {
        second.lock().unwrap();
        second.unlock().unwrap();
        show(second.try_lock_shared())
    });
    thread::yield_now();
    first.unlock().unwrap();
    log.note("waited", waiting.join().unwrap());
    log
}
