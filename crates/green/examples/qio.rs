//! A migration's connections, as QEMU makes them: one task connects, and its completion starts four more.
//!
//! It prints which OS thread does what: `cargo run -p green --features task --example qio`.
//!
//! The workers block, each on an OS thread of a pool. The completions run on this program's main thread, one after the
//! other, while it waits, and share a log that is neither `Send` nor locked.

#![allow(clippy::print_stdout, reason = "a program talks to whoever started it")]

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::{Arc, Barrier};
use std::thread::{self, ThreadId};

use green::io;
use green::net::{TcpListener, TcpStream};
use green::println;
use green::task::{Pending, Task};

/// How many connections follow the first.
const MORE: usize = 4;

/// What a worker brings back: who it was, and the connection.
type Connected = (ThreadId, std::net::TcpStream);

/// The connections so far, and the tasks that will bring more. Only completions touch it.
#[derive(Default)]
struct Migration {
    connections: Vec<std::net::TcpStream>,
    pending: Vec<Pending>,
}

/// Starts a task that connects to `server`, and calls `then` on this OS thread when it has.
fn connect(
    number: usize,
    server: std::net::SocketAddr,
    together: Arc<Barrier>,
    then: impl FnOnce(io::Result<Connected>) + 'static,
) -> Pending {
    Task::new(number)
        .run(move |task| -> io::Result<Connected> {
            // std's own, which blocks: this is an OS thread of the pool.
            let stream = std::net::TcpStream::connect(server)?;
            // All of them at once, so that none gets an OS thread that another has done with.
            together.wait();
            println!("task {}: worker on {:?}", task.source(), thread::current().id());
            Ok((thread::current().id(), stream))
        })
        .on_complete(move |task| {
            println!("task {}: completion begins on {:?}", task.source(), thread::current().id());
            then(task.take().map_err(io::Error::from));
            // The others have their turns here, but no other completion begins.
            green::thread::yield_now();
            println!("task {}: completion ends on {:?}", task.source(), thread::current().id());
        })
}

fn main() -> io::Result<()> {
    println!("main thread is {:?}", thread::current().id());
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let server = listener.local_addr()?;
    let accepted =
        green::thread::spawn(move || -> io::Result<Vec<TcpStream>> { listener.incoming().take(1 + MORE).collect() });

    let migration = Rc::new(RefCell::new(Migration::default()));
    let next = Rc::clone(&migration);
    let main_channel = connect(1, server, Arc::new(Barrier::new(1)), move |connected| {
        let Ok((_, stream)) = connected else { return };
        next.borrow_mut().connections.push(stream);
        let together = Arc::new(Barrier::new(MORE));
        for number in 2..=1 + MORE {
            let each = Rc::clone(&next);
            let task = connect(number, server, Arc::clone(&together), move |connected| {
                each.borrow_mut().connections.extend(connected.map(|(_, stream)| stream));
            });
            next.borrow_mut().pending.push(task);
        }
    });
    main_channel.wait();
    let pending = std::mem::take(&mut migration.borrow_mut().pending);
    pending.iter().for_each(Pending::wait);

    println!("{} connections", migration.borrow().connections.len());
    if migration.borrow().connections.len() == 1 + MORE {
        accepted.join().expect("it only accepts")?;
    }
    Ok(())
}
