// What is not a file: devices, pipes, sockets; included after `contents.rs`.

pub(super) fn devices(_: &Path) -> Log {
    let mut log = Log::default();
    let open = |path| OpenOptions::new().read(true).write(true).open(path).unwrap();
    let mut null = open("/dev/null");
    log.result("null", null.read(&mut [0; 4]));
    log.result("null", null.write(&[0; 200_000]));
    log.result("null", null.seek(SeekFrom::Start(10)));
    log.result("null", null.sync_all());
    log.result("null", fs::read("/dev/null"));
    log.result("null", fs::write("/dev/null", "x"));
    let mut zero = open("/dev/zero");
    let mut buf = [1; 5000];
    // The kernel makes a read short that is not to wait, if the processor is wanted elsewhere.
    log.result("zero", zero.read_exact(&mut buf));
    log.note("zero", buf == [0; 5000]);
    log.result("zero", zero.read_exact_at(&mut buf, 1 << 40));
    let mut full = open("/dev/full");
    log.result("full", full.write(b"x"));
    log.result("full", full.write_all(b"x"));
    log.result("full", full.write_vectored(&[IoSlice::new(b"x"), IoSlice::new(b"y")]));
    log.result("full", full.read_exact(&mut buf));
    log.result("full", fs::write("/dev/full", "x"));
    let mut random = File::open("/dev/urandom").unwrap();
    log.result("random", random.read_exact(&mut buf));
    log.result("copy of a device", fs::copy("/dev/null", "/dev/null"));
    let mut memory = File::open("/proc/self/mem").unwrap();
    log.result("memory", memory.read(&mut buf));
    log.result("memory", memory.read_at(&mut buf, 0));
    log
}

pub(super) fn named_pipes(folder: &Path) -> Log {
    let mut log = Log::default();
    let pipe = make_pipe(folder);
    let answer = folder.join("answer");
    fs::create_dir(&answer).unwrap();
    let answer = make_pipe(&answer);
    let echo = thread::spawn({
        let (pipe, answer) = (pipe.clone(), answer.clone());
        move || {
            let (mut from, mut to) = (File::open(pipe).unwrap(), File::create(answer).unwrap());
            let mut line = [0; 5];
            from.read_exact(&mut line).unwrap();
            to.write_all(&line).unwrap();
            let mut rest = String::new();
            from.read_to_string(&mut rest).unwrap();
            to.write_all(rest.as_bytes()).unwrap();
        }
    });
    let (mut to, mut from) = (OpenOptions::new().write(true).open(&pipe).unwrap(), File::open(&answer).unwrap());
    to.write_all(b"hello").unwrap();
    let mut line = [0; 5];
    from.read_exact(&mut line).unwrap();
    log.note("line", line);
    log.result("seek", from.seek(SeekFrom::Start(0)));
    log.result("read at an offset", from.read_at(&mut line, 0));
    log.result("write at an offset", to.write_at(b"x", 0));
    log.result("sync", to.sync_all());
    log.result("length", to.set_len(1));
    to.write_all(b"the rest").unwrap();
    drop(to);
    let mut rest = String::new();
    log.result("rest", from.read_to_string(&mut rest));
    log.note("rest", rest);
    log.result("the end", from.read(&mut line));
    echo.join().unwrap();
    // More than a pipe holds, by the functions for whole files.
    let much = vec![7; 300_000];
    let writer = thread::spawn({
        let (pipe, much) = (pipe.clone(), much.clone());
        move || fs::write(pipe, much)
    });
    log.note("all", fs::read(&pipe).unwrap() == much);
    log.result("written", writer.join().unwrap());
    // A reader that goes away.
    let reader = thread::spawn({
        let pipe = pipe.clone();
        move || File::open(pipe).unwrap().read(&mut [0; 1]).unwrap()
    });
    let mut to = OpenOptions::new().write(true).open(&pipe).unwrap();
    to.write_all(b"x").unwrap();
    log.note("read", reader.join().unwrap());
    log.result("write to nobody", to.write(b"x"));
    log
}

pub(super) fn nonblocking_pipes(folder: &Path) -> Log {
    let mut log = Log::default();
    let pipe = make_pipe(folder);
    let open = |options: &mut OpenOptions| options.custom_flags(libc::O_NONBLOCK).open(&pipe);
    log.outcome("no reader", open(OpenOptions::new().write(true)));
    let mut reader = open(OpenOptions::new().read(true)).unwrap();
    let mut buf = [0; 10];
    log.result("no writer", reader.read(&mut buf));
    let mut writer = open(OpenOptions::new().write(true)).unwrap();
    log.result("nothing there", reader.read(&mut buf));
    log.result("nothing there", reader.read_vectored(&mut [IoSliceMut::new(&mut buf), IoSliceMut::new(&mut [0; 5])]));
    log.result("nothing there", reader.read_to_end(&mut Vec::new()));
    log.result("write", writer.write(b"text"));
    log.result("read", reader.read(&mut buf));
    let mut written = 0;
    let error = loop {
        match writer.write(&[7; 5000]) {
            Ok(count) => written += count,
            Err(error) => break error,
        }
    };
    log.note("filled", (error.kind(), error.raw_os_error(), written > 5000));
    drop(writer);
    let mut all = Vec::new();
    log.result("all", reader.read_to_end(&mut all).map(|count| count == written));
    log
}

pub(super) fn pipes_by_descriptor(_: &Path) -> Log {
    let mut log = Log::default();
    let (reader, writer) = std::io::pipe().unwrap();
    let (mut reader, mut writer) = (File::from(OwnedFd::from(reader)), File::from(OwnedFd::from(writer)));
    let sent = thread::spawn(move || {
        for _ in 0..100 {
            writer.write_all(&[7; 3000]).unwrap();
        }
        writer.write_vectored(&[IoSlice::new(b"a"), IoSlice::new(&[8; 100_000])]).unwrap()
    });
    let mut all = Vec::new();
    log.result("read", reader.read_to_end(&mut all));
    log.note("sent", sent.join().unwrap());
    log.note("kind", reader.metadata().unwrap().file_type().is_fifo());
    log.result("seek", reader.stream_position());
    let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
    ours.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
    let (mut ours, mut theirs) = (File::from(OwnedFd::from(ours)), File::from(OwnedFd::from(theirs)));
    log.note("timeout", ours.read(&mut [0; 1]).map_err(|error| error.kind()));
    theirs.write_all(b"x").unwrap();
    log.result("socket", ours.read(&mut [0; 4]));
    drop(theirs);
    log.result("socket", ours.read(&mut [0; 4]));
    log.result("socket", ours.write(&[0; 4]));
    log
}
