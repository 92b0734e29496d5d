//! Standard streams, in a process of their own whose streams are whatever its parent made them.

use super::subject::io::{self, BufRead, IsTerminal, Read, Write};
use super::subject::os::fd::{AsFd, AsRawFd};
use super::subject::{eprint, eprintln, print, println, thread};

use crate::log::Log;

pub(crate) fn echoes_lines(log: &Log) -> io::Result<()> {
    for line in io::stdin().lines() {
        let line = line?;
        println!("<{line}>");
        if line.starts_with('!') {
            eprintln!("[{line}]");
        }
        log.note("line", line);
    }
    log.result("the end", &io::stdin().read_line(&mut String::new()));
    log.result("stays", &io::stdin().read(&mut [0; 4]));
    Ok(())
}

pub(crate) fn reads_in_pieces(log: &Log) -> io::Result<()> {
    let stdin = io::stdin();
    let mut line = String::from("before ");
    log.result("a line", &stdin.read_line(&mut line));
    log.note("it is added", &line);
    log.result("nothing asked", &io::stdin().read(&mut []));
    let mut lock = stdin.lock();
    log.result("what is buffered", &lock.fill_buf().map(|buf| !buf.is_empty()));
    let mut part = Vec::new();
    log.result("until", &lock.read_until(b',', &mut part));
    log.note("part", part);
    let mut two = [0; 2];
    log.result("exactly", &lock.read_exact(&mut two));
    log.note("two", two);
    drop(lock);
    let mut rest = String::new();
    log.result("the rest", &io::stdin().read_to_string(&mut rest));
    log.note("rest", rest);
    log.result("too much", &io::stdin().read_exact(&mut two));
    Ok(())
}

pub(crate) fn prints(log: &Log) -> io::Result<()> {
    print!("no line yet");
    eprint!("a word ");
    println!(", and now one");
    eprintln!("and another: {:?}", Some(1));
    let mut stdout = io::stdout();
    log.result("bytes", &stdout.write(b"bytes\nand more"));
    let mut lock = stdout.lock();
    log.result("in a lock", &writeln!(lock, ", in a lock"));
    // The lock is this thread's, and may be taken again by it.
    log.result("once more", &writeln!(io::stdout().lock(), "once more"));
    println!("by the macro, inside the lock");
    drop(lock);
    log.result("by reference", &(&stdout).write(b"by reference\n"));
    log.result("nothing", &stdout.write(b""));
    log.result("to the other", &io::stderr().write_all(b"raw\n"));
    log.result("no text", &stdout.write_all(b"\xff\xfe\n"));
    log.result("flush", &stdout.flush().and(io::stderr().flush()));
    println!();
    eprintln!();
    print!("the end without a line");
    Ok(())
}

pub(crate) fn prints_much(log: &Log) -> io::Result<()> {
    for n in 0..20_000 {
        println!("line {n} of what no pipe holds at once");
    }
    let all = vec![b'x'; 500_000];
    log.result("at once", &io::stdout().write_all(&all));
    log.result("to the other", &io::stderr().write_all(&all));
    Ok(())
}

pub(crate) fn prints_from_threads(log: &Log) -> io::Result<()> {
    thread::scope(|scope| {
        for part in 0..8 {
            scope.spawn(move || {
                for n in 0..100 {
                    println!("thread {part} line {n}");
                    let mut lock = io::stdout().lock();
                    write!(lock, "thread {part} ").expect("it is open");
                    thread::yield_now();
                    writeln!(lock, "in pieces {n}").expect("it is open");
                }
            });
        }
    });
    log.note("all", "done");
    Ok(())
}

pub(crate) fn reads_from_threads(log: &Log) -> io::Result<()> {
    let count = |_| {
        let mut line = String::new();
        let mut count = 0;
        while io::stdin().read_line(&mut line)? > 0 {
            assert!(line.starts_with("line ") && line.ends_with('\n') && line.len() < 12, "{line:?}");
            line.clear();
            count += 1;
        }
        Ok(count)
    };
    let readers: Vec<_> = (0..4).map(|n| thread::spawn(move || count(n))).collect();
    let counts =
        readers.into_iter().map(|reader| reader.join().expect("no panic")).collect::<io::Result<Vec<u32>>>()?;
    log.note("lines", counts.iter().sum::<u32>());
    Ok(())
}

pub(crate) fn tells_what_they_are(log: &Log) -> io::Result<()> {
    let (stdin, stdout, stderr) = (io::stdin(), io::stdout(), io::stderr());
    log.note("numbers", (stdin.as_raw_fd(), stdout.as_raw_fd(), stderr.as_raw_fd()));
    log.note("numbers", (stdin.as_fd().as_raw_fd(), stdout.lock().as_raw_fd(), stderr.lock().as_fd().as_raw_fd()));
    log.note("terminals", (stdin.is_terminal(), stdout.is_terminal(), stderr.is_terminal()));
    log.note("shown", (&stdin, &stdout, &stderr));
    log.note("shown", (stdin.lock(), stdout.lock(), stderr.lock()));
    Ok(())
}

/// For streams that are closed, full, or the wrong way round.
pub(crate) fn tries_everything(log: &Log) -> io::Result<()> {
    let mut buf = [0; 4];
    log.result("read", &io::stdin().read(&mut buf));
    log.result("line", &io::stdin().read_line(&mut String::new()));
    log.result("to the end", &io::stdin().read_to_end(&mut Vec::new()));
    log.result("exactly", &io::stdin().read_exact(&mut buf));
    log.result("bytes", &io::stdout().write_all(b"bytes"));
    log.result("flush", &io::stdout().flush());
    log.result("a line", &io::stdout().write_all(b"a line\n"));
    log.result("flush", &io::stdout().flush());
    log.result("much", &io::stdout().write_all(&[b'x'; 100_000]));
    log.result("flush", &io::stdout().flush());
    log.result("stderr", &io::stderr().write_all(b"bytes"));
    log.result("stderr, flush", &io::stderr().flush());
    for (what, print) in [
        ("println", (|| println!("a line")) as fn()),
        ("print", || print!("a word")),
        ("eprintln", || eprintln!("a line")),
        ("eprint", || eprint!("a word")),
    ] {
        match std::panic::catch_unwind(print) {
            Ok(()) => log.note(what, "no panic"),
            Err(payload) => log.panic(what, payload.as_ref()),
        }
    }
    Ok(())
}
