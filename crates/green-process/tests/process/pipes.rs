//! The pipes between parent and child.

use std::fs::File;
use std::io::{self, ErrorKind, IoSlice, IoSliceMut, Read, Seek, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;

use green_process::{ChildStderr, ChildStdin, ChildStdout, Command, Stdio};
use green_thread as thread;

use crate::support::{flags, parse_flags, until};

/// More than any pipe holds.
const BIG: usize = 1 << 20;

fn pattern() -> Vec<u8> {
    (0..BIG).map(|n| (n % 251) as u8).collect()
}

fn cat() -> green_process::Child {
    Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap()
}

#[test]
fn a_megabyte_goes_through_a_child_both_ways() {
    let mut child = cat();
    let stdin = child.stdin.take().unwrap();
    let writer = thread::spawn(move || (&stdin).write(&pattern()).unwrap());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    assert!(output.stdout == pattern());
    assert_eq!(writer.join().unwrap(), BIG, "a blocking write writes everything");
}

#[test]
fn both_outputs_are_read_at_once() {
    // Each fills its pipe many times over before the other gets anything, and again the other way round.
    let script = "head -c 500000 /dev/zero; head -c 500000 /dev/zero >&2; head -c 500000 /dev/zero; echo end >&2";
    let output = Command::new("sh").args(["-c", script]).output().unwrap();
    assert!(output.status.success());
    assert_eq!((output.stdout.len(), output.stderr.len()), (1_000_000, 500_004));
}

#[test]
fn one_output_may_go_on_long_after_the_other() {
    for script in ["exec >&-; head -c 300000 /dev/zero >&2", "exec 2>&-; head -c 300000 /dev/zero"] {
        let output = Command::new("sh").args(["-c", script]).output().unwrap();
        assert!(output.status.success());
        assert_eq!(output.stdout.len() + output.stderr.len(), 300_000);
    }
}

#[test]
fn several_buffers_go_at_once() {
    let mut child = cat();
    let mut stdin = child.stdin.take().unwrap();
    let (big, small) = (vec![b'b'; 300_000], b"small");
    let writer = thread::spawn(move || {
        let written = stdin.write_vectored(&[IoSlice::new(b""), IoSlice::new(&big), IoSlice::new(small)]).unwrap();
        assert_eq!(written, 300_005);
    });
    let mut stdout = child.stdout.take().unwrap();
    let mut total = Vec::new();
    loop {
        let (mut a, mut b) = ([0; 7], [0; 4000]);
        let count = stdout.read_vectored(&mut [IoSliceMut::new(&mut a), IoSliceMut::new(&mut b)]).unwrap();
        if count == 0 {
            break;
        }
        total.extend_from_slice(&a[..count.min(7)]);
        total.extend_from_slice(&b[..count.saturating_sub(7)]);
    }
    writer.join().unwrap();
    assert_eq!(total.len(), 300_005);
    assert!(total.ends_with(b"small"));
    child.wait().unwrap();
}

#[test]
fn reading_lets_other_green_threads_run() {
    let mut child = cat();
    let (mut stdin, mut stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let reader = thread::spawn(move || {
        let mut word = [0; 4];
        stdout.read_exact(&mut word).unwrap();
        word
    });
    // With one hub for all, this one has its turn only if the reader has parked.
    let writer = thread::spawn(move || stdin.write_all(b"word").unwrap());
    assert_eq!(&reader.join().unwrap(), b"word");
    writer.join().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_child_that_does_not_read_breaks_the_pipe() {
    let mut child = Command::new("true").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    child.wait().unwrap();
    // A child of another test may have everything open between its fork and its exec.
    until("the end of the last reader", || stdin.write(b"x").is_err());
    assert_eq!(stdin.write(b"x").unwrap_err().kind(), ErrorKind::BrokenPipe);
    assert_eq!(stdin.write(&vec![0; BIG]).unwrap_err().kind(), ErrorKind::BrokenPipe);
    assert_eq!(child.stdout.take().unwrap().read(&mut [0; 8]).unwrap(), 0);
}

#[test]
fn a_writer_that_waits_learns_that_the_reader_has_gone() {
    // It reads a little and goes.
    let mut child =
        Command::new("head").args(["-c", "10"]).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let stdin = child.stdin.take().unwrap();
    let writer = thread::spawn(move || (&stdin).write_all(&vec![0; 4 * BIG]));
    assert!(child.wait().unwrap().success());
    assert_eq!(writer.join().unwrap().unwrap_err().kind(), ErrorKind::BrokenPipe);
}

#[test]
fn nobody_s_end_becomes_non_blocking() {
    let script = "for fd in 0 1 2; do cat /proc/self/fdinfo/$fd; echo ---; done; read line; read line";
    let mut child = Command::new("sh")
        .args(["-c", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Ours have been waited for by the time that the child looks at its own.
    let mut stdout = child.stdout.take().unwrap();
    let mut text = Vec::new();
    while text.windows(4).filter(|window| window == b"---\n").count() < 3 {
        let mut chunk = [0; 512];
        let count = stdout.read(&mut chunk).unwrap();
        assert_ne!(count, 0);
        text.extend_from_slice(&chunk[..count]);
    }
    for info in String::from_utf8(text).unwrap().split_terminator("---\n") {
        assert_eq!(parse_flags(info) & libc::O_NONBLOCK as u32, 0, "{info}");
    }
    let ours =
        [child.stdin.as_ref().unwrap().as_raw_fd(), stdout.as_raw_fd(), child.stderr.as_ref().unwrap().as_raw_fd()];
    for fd in ours {
        assert_eq!(flags("self", fd) & libc::O_NONBLOCK as u32, 0);
        assert_ne!(flags("self", fd) & libc::O_CLOEXEC as u32, 0, "children would inherit it");
    }
    child.wait().unwrap();
}

#[test]
fn a_user_s_own_o_nonblock_is_obeyed() {
    let mut child = cat();
    let mut stdout = child.stdout.take().unwrap();
    set_nonblocking(&stdout);
    assert_eq!(stdout.read(&mut [0; 8]).unwrap_err().kind(), ErrorKind::WouldBlock);
    let mut stdin = child.stdin.take().unwrap();
    set_nonblocking(&stdin);
    assert!(stdin.write(&vec![0; BIG]).unwrap() < BIG, "a part fits");
    drop((stdin, stdout));
    child.wait().unwrap();
}

fn set_nonblocking(pipe: &impl AsRawFd) {
    // SAFETY: the call takes numbers only, and changes a flag that nobody relies on.
    assert_eq!(unsafe { libc::fcntl(pipe.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK) }, 0);
}

#[test]
fn children_can_be_chained() {
    let mut first = Command::new("printf").arg("b\\na\\nc\\n").stdout(Stdio::piped()).spawn().unwrap();
    let mut second = Command::new("sort").stdin(first.stdout.take().unwrap()).stdout(Stdio::piped()).spawn().unwrap();
    let third = Command::new("tr").args(["a-z", "A-Z"]).stdin(second.stdout.take().unwrap()).output().unwrap();
    assert_eq!(third.stdout, b"A\nB\nC\n");
    assert!(first.wait().unwrap().success() && second.wait().unwrap().success());
}

#[test]
fn a_pipe_that_has_been_waited_for_can_be_given_to_a_child() {
    let mut child = cat();
    let (mut stdin, mut stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let writer = thread::spawn(move || {
        stdin.write_all(b"first ").unwrap();
        stdin
    });
    stdout.read_exact(&mut [0; 6]).unwrap();
    let stdin = writer.join().unwrap();
    let mut echo = Command::new("echo").arg("then").stdout(stdin).spawn().unwrap();
    assert!(echo.wait().unwrap().success());
    // `echo` stood for a `Command` that holds the writing end, so the end comes only now.
    let rest = Command::new("cat").stdin(stdout).output().unwrap();
    assert_eq!(rest.stdout, b"then\n");
    assert!(child.wait().unwrap().success());
}

#[test]
fn pipe_types_can_be_made_of_any_descriptor() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let mut writer = ChildStdin::from(OwnedFd::from(ours));
    let mut reader = ChildStdout::from(OwnedFd::from(theirs));
    let thread = thread::spawn(move || writer.write_all(&pattern()));
    let mut text = Vec::new();
    reader.read_to_end(&mut text).unwrap();
    assert!(text == pattern());
    thread.join().unwrap().unwrap();

    let mut file = tempfile::tempfile().unwrap();
    let mut writer = ChildStdin::from(OwnedFd::from(file.try_clone().unwrap()));
    writer.write_all(&pattern()).unwrap();
    file.rewind().unwrap();
    let mut text = Vec::new();
    ChildStderr::from(OwnedFd::from(file)).read_to_end(&mut text).unwrap();
    assert!(text == pattern());

    let null: OwnedFd = File::open("/dev/null").unwrap().into();
    assert_eq!(ChildStdout::from(null).read(&mut [0; 8]).unwrap(), 0);
}

#[test]
fn outputs_are_captured_where_one_was_exchanged_for_a_file() {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(b"from a file").unwrap();
    file.rewind().unwrap();
    let mut child = Command::new("echo").arg("x").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stderr = Some(ChildStderr::from(OwnedFd::from(file)));
    let output = child.wait_with_output().unwrap();
    assert_eq!((&output.stdout[..], &output.stderr[..]), (&b"x\n"[..], &b"from a file"[..]));
}

#[test]
fn empty_reads_and_writes_do_nothing() {
    let mut child = cat();
    assert_eq!(child.stdin.as_ref().unwrap().write(&[]).unwrap(), 0);
    assert_eq!(child.stdout.as_mut().unwrap().read(&mut []).unwrap(), 0);
    assert!(child.wait_with_output().unwrap().stdout.is_empty());
}

#[test]
fn several_writers_share_one_pipe() {
    let mut child = cat();
    let stdin = child.stdin.take().unwrap();
    let reader = thread::spawn(move || child.wait_with_output().unwrap().stdout);
    thread::scope(|scope| {
        for n in 0..8_u8 {
            let stdin = &stdin;
            scope.spawn(move || {
                for _ in 0..100 {
                    // What is no longer than PIPE_BUF is never torn apart.
                    (&*stdin).write_all(&[n; 1000]).unwrap();
                }
            });
        }
    });
    drop(stdin);
    let text = reader.join().unwrap();
    assert_eq!(text.len(), 800_000);
    assert!(text.chunks(1000).all(|chunk| chunk.iter().all(|byte| *byte == chunk[0])));
}

#[test]
fn an_error_of_the_pipe_is_the_os_s() {
    let (reader, _writer) = io::pipe().unwrap();
    let mut wrong = ChildStdin::from(OwnedFd::from(reader));
    assert_eq!(wrong.write(b"x").unwrap_err().raw_os_error(), Some(libc::EBADF));
}
