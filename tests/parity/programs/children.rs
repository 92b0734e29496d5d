//! Child processes: how they end, what they say, what they are given.

use std::ffi::OsStr;
use std::time::{Duration, Instant};

use super::subject::fs::File;
use super::subject::io::{self, BufRead, BufReader, Read, Write};
use super::subject::os::fd::{AsRawFd, OwnedFd};
use super::subject::os::unix::process::{CommandExt, ExitStatusExt};
use super::subject::process::{Command, ExitStatus, Stdio};
use super::subject::thread;

use crate::log::Log;

fn sh(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command
}

pub(crate) fn ends(log: &Log) -> io::Result<()> {
    log.result("good", &sh("exit 0").status());
    log.result("bad", &sh("exit 7").status());
    let status = sh("kill -9 $$").status()?;
    log.note("killed", (status.code(), status.signal(), status.success(), status.core_dumped()));
    log.note("text", status.to_string());
    log.note("text", sh("exit 7").status()?.to_string());
    log.note("made", ExitStatus::from_raw(0x0300).code());
    log.result("output", &sh("echo out; echo err >&2; exit 3").output());
    log.outcome("no program", &Command::new("no-such-program-anywhere").spawn());
    log.outcome("no file", &Command::new("/no/such/file").status());
    log.outcome("no program to run", &Command::new("/etc/passwd").output());
    log.outcome("a folder", &Command::new("/").spawn());
    log.outcome("with a NUL", &Command::new("a\0b").spawn());
    log.outcome("an argument with a NUL", &Command::new("true").arg("a\0b").spawn());
    log.outcome("in no folder", &Command::new("true").current_dir("/no/such/folder").spawn());
    log.outcome("an empty name", &Command::new("").spawn());
    Ok(())
}

pub(crate) fn waits(log: &Log) -> io::Result<()> {
    let mut child = sh("read line; exit 5").stdin(Stdio::piped()).spawn()?;
    log.result("not yet", &child.try_wait());
    let input = child.stdin.take();
    log.note("taken", input.is_some());
    drop(input);
    log.result("wait", &child.wait());
    log.result("wait again", &child.wait());
    log.result("try", &child.try_wait());
    log.result("kill what has ended", &child.kill());
    // To wait closes the pipe that the child reads from.
    let mut child = sh("cat; exit 6").stdin(Stdio::piped()).stdout(Stdio::null()).spawn()?;
    log.result("wait", &child.wait());
    log.note("stdin", child.stdin.is_none());

    let mut child = sh("exec sleep 1000").spawn()?;
    log.note("number", child.id() > 1);
    log.result("kill", &child.kill());
    log.result("wait", &child.wait());
    log.result("kill again", &child.kill());
    let started = Instant::now();
    let mut child = sh("sleep 0.05").spawn()?;
    let waiting = thread::spawn(move || child.wait());
    log.result("elsewhere", &waiting.join().expect("no panic"));
    log.note("it took its time", started.elapsed() >= Duration::from_millis(50));
    Ok(())
}

pub(crate) fn pipes(log: &Log) -> io::Result<()> {
    let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let (mut input, output) = (child.stdin.take().expect("piped"), child.stdout.take().expect("piped"));
    log.note("stderr", child.stderr.is_none());
    let mut lines = BufReader::new(output).lines();
    for text in ["one", "two"] {
        writeln!(input, "{text}")?;
        log.result("echo", &lines.next().transpose());
    }
    drop(input);
    log.result("end", &lines.next().transpose());
    log.result("wait", &child.wait());

    // Both pipes are full long before the child ends.
    let output = sh("head -c 300000 /dev/zero; head -c 300000 /dev/zero >&2; echo end").output()?;
    log.note("both", (output.stdout.len(), output.stderr.len(), output.status.code()));
    let child = sh("echo a; echo b >&2").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    log.result("with output", &child.wait_with_output());
    let child = sh("echo a >/dev/null; exit 4").spawn()?;
    log.result("without pipes", &child.wait_with_output());
    log.result("status lets it be", &sh("cat").stdin(Stdio::null()).status());

    let mut child = sh("exit 0").stdin(Stdio::piped()).spawn()?;
    let mut input = child.stdin.take().expect("piped");
    child.wait()?;
    // A child of somebody else's, on its way to its own program, may hold the other end for a moment.
    let broken = loop {
        if let Err(error) = input.write_all(&[0; 10]) {
            break Err::<(), _>(error);
        }
        thread::yield_now();
    };
    log.result("nobody reads", &broken);
    let mut child = sh("exec >&-; read line").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let mut text = String::new();
    log.result("closed by the child", &child.stdout.as_mut().expect("piped").read_to_string(&mut text));
    log.result("wait", &child.wait());
    log.result("nothing asked", &{
        let mut child = sh("echo x").stdout(Stdio::piped()).spawn()?;
        let count = child.stdout.as_mut().expect("piped").read(&mut []);
        child.wait()?;
        count
    });
    Ok(())
}

pub(crate) fn chains(log: &Log) -> io::Result<()> {
    let mut first = sh("printf 'b\\na\\nc\\n'").stdout(Stdio::piped()).spawn()?;
    let second = Command::new("sort").stdin(first.stdout.take().expect("piped")).output()?;
    log.result("sorted", &Ok(second));
    log.result("wait", &first.wait());
    let path = std::env::temp_dir().join(format!("parity-{}-{:p}", std::process::id(), log));
    let status = sh("echo into a file").stdout(File::create(&path)?).status()?;
    log.note("status", status.success());
    let output = Command::new("cat").stdin(File::open(&path)?).output()?;
    log.result("out of a file", &Ok(output.stdout));
    std::fs::remove_file(path)?;
    let (reader, writer) = io::pipe()?;
    let mut child = sh("echo to a pipe; echo and its clone >&2").stdout(writer.try_clone()?).stderr(writer).spawn()?;
    log.result("a pipe", &io::read_to_string(reader));
    child.wait()?;
    let (reader, mut writer) = io::pipe()?;
    let mut child = Command::new("cat").stdin(reader).stdout(Stdio::piped()).spawn()?;
    writer.write_all(b"from a pipe")?;
    drop(writer);
    let mut text = String::new();
    child.stdout.take().expect("piped").read_to_string(&mut text)?;
    log.note("text", text);
    child.wait()?;
    let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn()?;
    let input = child.stdin.take().expect("piped");
    let number = input.as_raw_fd();
    log.note("owned", OwnedFd::from(input).as_raw_fd() == number);
    log.result("wait", &child.wait());
    Ok(())
}

pub(crate) fn surroundings(log: &Log) -> io::Result<()> {
    let text =
        |command: &mut Command| command.output().map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    log.result("set", &text(sh("echo $ONE $TWO").env("ONE", "1").envs([("TWO", "2")])));
    log.result("removed", &text(sh("echo \"[$ONE]\"").env("ONE", "1").env_remove("ONE")));
    log.result("cleared", &text(Command::new("/usr/bin/env").env_clear().env("ONLY", "this")));
    log.result("folder", &text(sh("pwd").current_dir("/")));
    log.result("name", &text(sh("echo $0").arg0("other")));
    log.result("arguments", &text(Command::new("printf").arg("%s|").args(["a b", "", "c\"d"])));
    log.outcome("a path of its own", &Command::new("true").env("PATH", "/nowhere").status());
    log.outcome("no path at all", &Command::new("true").env_clear().status());
    log.result("group", &{
        let child = sh("ps -o pgid= -p $$ 2>/dev/null || cut -d' ' -f5 /proc/$$/stat")
            .process_group(0)
            .stdout(Stdio::piped())
            .spawn()?;
        let id = child.id();
        let output = child.wait_with_output()?;
        Ok(String::from_utf8_lossy(&output.stdout).trim() == id.to_string())
    });

    let mut command = Command::new("program");
    command.arg("one").args(["two", "th\"ree"]).env("K", "v").env_remove("L").current_dir("/tmp");
    log.note("program", command.get_program());
    log.note("arguments", command.get_args().collect::<Vec<&OsStr>>());
    log.note("variables", command.get_envs().collect::<Vec<_>>());
    log.note("folder", command.get_current_dir());
    log.note("shown", &command);
    log.note("shown", Command::new("x").env_clear().arg0("y").arg("z"));
    Ok(())
}

pub(crate) fn before_exec(log: &Log) -> io::Result<()> {
    let mut failing = Command::new("true");
    // SAFETY: the closure makes a value and nothing else.
    unsafe { failing.pre_exec(|| Err(io::Error::from_raw_os_error(17))) };
    log.outcome("an error", &failing.spawn());
    let mut good = sh("exit 9");
    // SAFETY: the closure does nothing.
    unsafe { good.pre_exec(|| Ok(())) };
    log.result("none", &good.status());
    log.result("used again", &good.status());
    Ok(())
}

pub(crate) fn many(log: &Log) -> io::Result<()> {
    let children = (0..30).map(|n| sh(&format!("echo {n}; exit {n}")).stdout(Stdio::piped()).spawn());
    let children = children.collect::<io::Result<Vec<_>>>()?;
    let waiting: Vec<_> = children.into_iter().map(|child| thread::spawn(move || child.wait_with_output())).collect();
    for waiting in waiting {
        let output = waiting.join().expect("no panic")?;
        log.note("child", (output.status.code(), output.stdout));
    }
    Ok(())
}
