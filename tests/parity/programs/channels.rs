//! `mpsc`: order, ends, bounds, errors and their texts, what becomes of messages that nobody takes.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::subject::io;
use super::subject::sync::mpsc::{self, RecvTimeoutError, TryRecvError, TrySendError};
use super::subject::thread;

use crate::log::{Dropped, Log};

pub(crate) fn in_order(log: &Log) -> io::Result<()> {
    let (sender, receiver) = mpsc::channel();
    thread::scope(|scope| {
        for part in 0..4 {
            let sender = sender.clone();
            scope.spawn(move || (0..100).for_each(|n| sender.send((part, n)).unwrap()));
        }
        drop(sender);
        let mut next = [0; 4];
        for (part, n) in &receiver {
            assert_eq!(next[part], n, "of one sender they come in order");
            next[part] += 1;
        }
        log.note("all came", next);
    });
    log.note("then", receiver.recv());
    Ok(())
}

pub(crate) fn ends(log: &Log) -> io::Result<()> {
    let (sender, receiver) = mpsc::channel::<u32>();
    log.note("empty", receiver.try_recv());
    log.note("no time", receiver.recv_timeout(Duration::ZERO));
    sender.send(1).unwrap();
    sender.clone().send(2).unwrap();
    drop(sender);
    log.note("what was sent stays", (receiver.try_recv(), receiver.recv_timeout(Duration::from_secs(9))));
    log.note("no sender", (receiver.try_recv(), receiver.recv(), receiver.recv_timeout(Duration::from_secs(9))));
    log.note("iterators", (receiver.iter().next(), receiver.try_iter().next(), receiver.into_iter().next()));

    let (sender, receiver) = mpsc::channel();
    drop(receiver);
    log.note("no receiver", sender.send(5));
    let (sender, receiver) = mpsc::sync_channel(1);
    drop(receiver);
    log.note("no receiver", (sender.send(5), sender.try_send(6)));

    let (sender, receiver) = mpsc::channel::<u32>();
    let waiting = thread::spawn(move || receiver.recv());
    thread::yield_now();
    drop(sender);
    log.note("a waiter hears of the end", waiting.join().unwrap());
    let (sender, receiver) = mpsc::sync_channel(0);
    let waiting = thread::spawn(move || sender.send(3));
    thread::yield_now();
    drop(receiver);
    log.note("a sender hears of the end", waiting.join().unwrap());
    Ok(())
}

pub(crate) fn bounds(log: &Log) -> io::Result<()> {
    let (sender, receiver) = mpsc::sync_channel(2);
    log.note("room", (sender.try_send(1), sender.try_send(2), sender.try_send(3)));
    log.note("taken", receiver.recv());
    log.note("room again", sender.try_send(4));
    let (passed, other) = (std::sync::Arc::new(AtomicUsize::new(0)), sender.clone());
    let count = std::sync::Arc::clone(&passed);
    let sending = thread::spawn(move || {
        for n in 10..20 {
            other.send(n).unwrap();
            count.fetch_add(1, Ordering::SeqCst);
        }
    });
    for _ in 0..20 {
        thread::yield_now();
    }
    log.note("nobody sends past the bound", passed.load(Ordering::SeqCst));
    drop(sender);
    log.note("all", receiver.iter().collect::<Vec<_>>());
    sending.join().unwrap();

    // With no room at all, a sender stays until its message is taken.
    let (sender, receiver) = mpsc::sync_channel(0);
    log.note("nobody takes", sender.try_send(1));
    let handed = std::sync::Arc::new(AtomicUsize::new(0));
    let count = std::sync::Arc::clone(&handed);
    let sending = thread::spawn(move || {
        for n in 0..3 {
            sender.send(n).unwrap();
            count.fetch_add(1, Ordering::SeqCst);
        }
    });
    for _ in 0..20 {
        thread::yield_now();
    }
    log.note("handed over", handed.load(Ordering::SeqCst));
    log.note("all", receiver.iter().collect::<Vec<_>>());
    sending.join().unwrap();
    log.note("in the end", handed.load(Ordering::SeqCst));
    Ok(())
}

pub(crate) fn timeouts(log: &Log) -> io::Result<()> {
    let (sender, receiver) = mpsc::channel();
    let started = Instant::now();
    log.note("nothing comes", receiver.recv_timeout(Duration::from_millis(20)));
    log.note("it took its time", started.elapsed() >= Duration::from_millis(20));
    let sending = thread::spawn(move || {
        sender.send("late").unwrap();
        sender
    });
    log.note("something comes", receiver.recv_timeout(Duration::from_secs(60)));
    log.note("for ever", {
        let sender = sending.join().unwrap();
        sender.send("in time").unwrap();
        receiver.recv_timeout(Duration::MAX)
    });
    log.note("at the end", receiver.recv_timeout(Duration::from_secs(60)));
    Ok(())
}

pub(crate) fn what_nobody_takes(log: &Log) -> io::Result<()> {
    let message = |what| Dropped { what, log: log.clone() };
    let (sender, receiver) = mpsc::channel();
    sender.send(message("the first")).unwrap();
    sender.send(message("the second")).unwrap();
    drop(receiver);
    log.note("the receiver", "is gone");
    let back = sender.send(message("the third")).unwrap_err();
    log.note("it came back", back.0.what);
    drop((back, sender));
    let (sender, receiver) = mpsc::sync_channel(4);
    sender.send(message("a fourth")).unwrap();
    drop(sender);
    log.note("the sender", "is gone");
    drop(receiver);
    Ok(())
}

pub(crate) fn texts(log: &Log) -> io::Result<()> {
    let (sender, receiver) = mpsc::channel::<u32>();
    let (sync_sender, sync_receiver) = mpsc::sync_channel::<u32>(0);
    log.note("ends", (&sender, &receiver, &sync_sender, &sync_receiver));
    log.note("iterators", (receiver.iter().size_hint(), receiver.try_iter()));
    drop(sync_receiver);
    let error = sync_sender.send(1).unwrap_err();
    log.note("send", (error.to_string(), error));
    for error in [TrySendError::Full(1), TrySendError::Disconnected(2), TrySendError::from(error)] {
        log.note("try_send", (error.to_string(), error));
    }
    for error in [TryRecvError::Empty, TryRecvError::Disconnected, TryRecvError::from(mpsc::RecvError)] {
        log.note("try_recv", (error.to_string(), error));
    }
    for error in [RecvTimeoutError::Timeout, RecvTimeoutError::Disconnected, RecvTimeoutError::from(mpsc::RecvError)] {
        log.note("recv_timeout", (error.to_string(), error));
    }
    Ok(())
}
