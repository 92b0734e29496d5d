//! The standard streams, each test in a process of its own, whose streams the test holds the other ends of.

mod input;
mod output;
#[expect(unsafe_code, reason = "opens terminals")]
mod terminal;

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::process::{self, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// What a child prints before anything else, to tell it from what the test harness printed.
const BEGIN: &str = "<begin>";

/// Runs `body` if this is the child, and ends the process; otherwise returns the command that makes one.
///
/// `name` is the calling test's.
fn child(name: &str, body: impl FnOnce()) -> Command {
    const VARIABLE: &str = "GREEN_TEST_CHILD";
    if std::env::var_os(VARIABLE).is_some() {
        io::stdout().write_all(format!("\n{BEGIN}\n").as_bytes()).unwrap();
        io::stdout().flush().unwrap();
        body();
        process::exit(0);
    }
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", name, "--nocapture", "--test-threads=1"]);
    command.env(VARIABLE, "1").env("RUST_BACKTRACE", "0");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit());
    command
}

/// A child that runs, and that is killed if it does so for too long.
struct Running {
    child: process::Child,
    stdout: Option<BufReader<process::ChildStdout>>,
    _alive: mpsc::Sender<()>,
}

impl Running {
    fn start(command: &mut Command) -> Self {
        let mut child = command.spawn().unwrap();
        // What the command has of the pipes would keep them open.
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let (alive, gone) = mpsc::channel::<()>();
        let pid = child.id().to_string();
        thread::spawn(move || {
            if gone.recv_timeout(Duration::from_secs(50)) == Err(mpsc::RecvTimeoutError::Timeout) {
                let _ = Command::new("kill").args(["-9", &pid]).status();
            }
        });
        let stdout = child.stdout.take().map(BufReader::new);
        let mut running = Self { child, stdout, _alive: alive };
        while running.stdout.is_some() && running.line() != BEGIN {}
        running
    }

    /// Reads the next line of the child's output.
    fn line(&mut self) -> String {
        let mut line = String::new();
        assert_ne!(self.stdout.as_mut().unwrap().read_line(&mut line).unwrap(), 0, "the child has ended");
        line.trim_end_matches('\n').to_owned()
    }

    fn stdin(&mut self) -> &mut process::ChildStdin {
        self.child.stdin.as_mut().unwrap()
    }

    /// Reads the rest of its output, and expects success.
    fn finish(mut self) -> String {
        drop(self.child.stdin.take());
        let mut rest = String::new();
        if let Some(mut stdout) = self.stdout.take() {
            stdout.read_to_string(&mut rest).unwrap();
        }
        assert!(self.child.wait().unwrap().success(), "{rest}");
        rest
    }
}

/// Runs a child to its end and returns what it printed.
fn output_of(command: &mut Command) -> String {
    Running::start(command).finish()
}

/// Lets the green threads of this hub run until they park.
fn let_others_park() {
    for _ in 0..10 {
        green_thread::yield_now();
    }
}

/// Returns whether the three standard streams, as far as they are open, have no `O_NONBLOCK`.
fn streams_block() -> bool {
    (0..3).all(|number| {
        std::fs::read_to_string(format!("/proc/self/fdinfo/{number}")).is_ok_and(|info| {
            let flags = info.lines().find_map(|line| line.strip_prefix("flags:")).unwrap();
            i64::from_str_radix(flags.trim(), 8).unwrap() & 0o4000 == 0
        })
    })
}

/// Returns the number of a standard stream that is to be closed or replaced under the feet of its users.
fn number(stream: &impl AsRawFd) -> i32 {
    stream.as_raw_fd()
}

/// Names a parent's end for `Command`, which takes descriptors by value.
fn duplicate(fd: BorrowedFd<'_>) -> Stdio {
    fd.try_clone_to_owned().unwrap().into()
}
