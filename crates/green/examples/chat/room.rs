//! Who is here, and what each of them is still to be sent.

use super::stream::Stream;
use std::collections::BTreeMap;
use std::net::Shutdown;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard};

/// A line without its end; everyone who is to get it shares it.
pub(crate) type Line = Arc<str>;

const LONGEST_NAME: usize = 16;

/// The table of all clients.
#[derive(Debug)]
pub(crate) struct Room {
    state: Mutex<State>,
    /// How many lines may wait for one client.
    queue: usize,
}

#[derive(Debug, Default)]
struct State {
    members: BTreeMap<u64, Member>,
    last_id: u64,
    closed: bool,
}

#[derive(Debug)]
struct Member {
    /// None until the client has chosen one; nameless clients neither hear nor are heard.
    name: Option<String>,
    outbox: SyncSender<Line>,
    stream: Arc<Stream>,
    too_slow: bool,
}

/// A client's place in the room, given up when dropped.
#[derive(Debug)]
pub(crate) struct Seat<'room> {
    room: &'room Room,
    id: u64,
    outbox: SyncSender<Line>,
}

impl Room {
    pub(crate) fn new(queue: usize) -> Room {
        Room { state: Mutex::default(), queue }
    }

    /// Gives a client a seat and the lines that it is to be sent, or `None` once the room is closed.
    pub(crate) fn enter(&self, stream: &Arc<Stream>) -> Option<(Seat<'_>, Receiver<Line>)> {
        let (outbox, lines) = sync_channel(self.queue);
        let mut state = self.state();
        if state.closed {
            return None;
        }
        state.last_id += 1;
        let id = state.last_id;
        let member = Member { name: None, outbox: outbox.clone(), stream: Arc::clone(stream), too_slow: false };
        state.members.insert(id, member);
        Some((Seat { room: self, id, outbox }, lines))
    }

    /// Says farewell to everybody, and lets nobody in any more.
    pub(crate) fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        state.tell_all(0, "* the server stops");
        for member in state.members.values() {
            // The reader finds an end; what the outbox holds is still sent.
            member.stream.shutdown(Shutdown::Read);
        }
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.state().closed
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics with the table locked")
    }
}

impl State {
    fn names(&self) -> Vec<&str> {
        let mut names: Vec<_> = self.members.values().filter_map(|member| member.name.as_deref()).collect();
        names.sort_unstable();
        names
    }

    /// Sends a line to all who have a name, except one. Nobody is waited for: whose outbox is full is too slow.
    fn tell_all(&mut self, except: u64, line: &str) {
        let line = Line::from(line);
        for (_, member) in self.members.iter_mut().filter(|(id, member)| **id != except && member.name.is_some()) {
            member.tell(&line);
        }
    }
}

impl Member {
    fn tell(&mut self, line: &Line) {
        if let Err(TrySendError::Full(_)) = self.outbox.try_send(Arc::clone(line)) {
            self.too_slow = true;
            self.stream.shutdown(Shutdown::Both);
        }
    }
}

impl Seat<'_> {
    /// Takes a name, the first or another, and tells the others. The error is for the client to read.
    pub(crate) fn take_name(&self, name: &str) -> Result<(), &'static str> {
        let fits = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_');
        if name.is_empty() || name.chars().count() > LONGEST_NAME || !name.chars().all(fits) {
            return Err("! a name has 1 to 16 letters, digits, - or _");
        }
        let mut state = self.room.state();
        if state.names().contains(&name) {
            return Err("! that name is taken");
        }
        let here = state.names().join(" ");
        let member = state.members.get_mut(&self.id).expect("a seat keeps its member");
        match member.name.replace(name.to_owned()) {
            Some(before) => {
                member.tell(&Line::from(format!("* you are now {name}")));
                state.tell_all(self.id, &format!("* {before} is now {name}"));
            }
            None => {
                // Under the lock, so that it comes before whatever the others say next.
                member.tell(&Line::from(format!("* welcome, {name}; here: {here}")));
                state.tell_all(self.id, &format!("* {name} has joined"));
                println!("{name} has joined");
            }
        }
        Ok(())
    }

    /// Tells the others what the client says or does.
    pub(crate) fn say(&self, text: &str) {
        self.speak(|name| format!("<{name}> {text}"));
    }

    pub(crate) fn act(&self, text: &str) {
        self.speak(|name| format!("* {name} {text}"));
    }

    fn speak(&self, line: impl FnOnce(&str) -> String) {
        let mut state = self.room.state();
        if let Some(name) = &state.members[&self.id].name {
            let line = line(name);
            state.tell_all(self.id, &line);
        }
    }

    /// Tells one other, if there is one of that name.
    pub(crate) fn whisper(&self, to: &str, text: &str) -> bool {
        let mut state = self.room.state();
        let Some(from) = state.members[&self.id].name.clone() else { return false };
        let Some(member) = state.members.values_mut().find(|member| member.name.as_deref() == Some(to)) else {
            return false;
        };
        member.tell(&Line::from(format!("[{from}] {text}")));
        true
    }

    pub(crate) fn who(&self) -> String {
        self.room.state().names().join(" ")
    }

    /// Sends a line to this client itself, and waits while its outbox is full. False if nobody sends it any more.
    pub(crate) fn reply(&self, line: &str) -> bool {
        self.outbox.send(Line::from(line)).is_ok()
    }

    /// Leaves with a last word.
    pub(crate) fn leave(self, word: &str) {
        self.room.state().remove(self.id, word);
    }
}

impl State {
    fn remove(&mut self, id: u64, word: &str) {
        let Some(member) = self.members.remove(&id) else { return };
        if let Some(name) = member.name {
            let why = match (member.too_slow, word) {
                (true, _) => ": too slow",
                (false, "") => "",
                (false, word) => &format!(": {word}"),
            };
            // When all leave, the farewell was enough.
            if !self.closed {
                self.tell_all(id, &format!("* {name} has left{why}"));
            }
            println!("{name} has left{why}");
        }
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.room.state().remove(self.id, "");
    }
}
