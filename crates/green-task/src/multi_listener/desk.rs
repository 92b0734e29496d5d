//! Where clients come to, and from where they are given away.

use std::collections::VecDeque;
use std::io;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use green_core::clock;
use green_core::kill::{self, KillError};
use green_core::park::sleep_until;
use green_core::spawn::{Joiner, Options, spawn};
use green_core::unpark::{Outcome, WaitReason};
use green_core::wait_queue::WaitQueue;

use crate::channel::{Address, Channel, Socket};

/// The pause after the second failure in a row, and the longest.
const PAUSE: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(100));

pub(super) type Handler = dyn Fn(Socket) + Send + Sync;

/// What a listener and its acceptors share.
#[derive(Default)]
pub(super) struct Desk {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    places: Vec<Place>,
    handler: Option<Arc<Handler>>,
    /// Those in `wait_client`, in their order.
    waiting: VecDeque<Arc<Ticket>>,
    /// Clients who were accepted for somebody who did not want them any more.
    spare: VecDeque<Socket>,
    /// Acceptors that were killed, until they have ended.
    leaving: Vec<Joiner<()>>,
    name: Option<String>,
    last_number: u64,
}

/// A socket that clients come to.
struct Place {
    socket: Arc<Socket>,
    /// Who accepts from it, while clients are wanted, with its number.
    acceptor: Option<(u64, Joiner<()>)>,
}

/// The right of a `wait_client` to the next client.
#[derive(Default)]
struct Ticket {
    answer: Mutex<Option<Answer>>,
    queue: WaitQueue,
}

enum Answer {
    Client(Socket),
    Disconnected,
}

/// Clients and whose they are now; to be carried out without the lock.
#[derive(Default)]
struct Errands {
    to_wake: Vec<Arc<Ticket>>,
    to_serve: Vec<(Arc<Handler>, Socket)>,
    name: Option<String>,
}

impl Desk {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn add(self: &Arc<Self>, sockets: Vec<Socket>) -> io::Result<()> {
        let mut state = self.state();
        state.places.extend(sockets.into_iter().map(|socket| Place { socket: Arc::new(socket), acceptor: None }));
        state.arrange(self)
    }

    pub(super) fn set_handler(self: &Arc<Self>, handler: Arc<Handler>) -> io::Result<()> {
        let mut state = self.state();
        let old = state.handler.replace(handler);
        let result = state.arrange(self);
        // Without acceptors it would be in vain.
        let refused = if result.is_err() { state.handler.take() } else { None };
        let errands = state.distribute();
        drop(state);
        // They may be anything, and so may their destructors.
        drop((old, refused));
        result.and(errands.run(self))
    }

    /// Takes the handler away, and waits until nobody accepts any more. A kill point.
    pub(super) fn clear_handler(&self) {
        let (old, leaving) = {
            let mut state = self.state();
            let old = state.handler.take();
            if !state.is_wanted() {
                state.dismiss();
            }
            (old, mem::take(&mut state.leaving))
        };
        drop(old);
        for acceptor in leaving {
            // It was killed, or has seen for itself that it is no longer needed.
            let _ = acceptor.join();
        }
    }

    pub(super) fn set_name(&self, name: &str) {
        self.state().name = Some(name.to_owned());
    }

    pub(super) fn is_connected(&self) -> bool {
        !self.state().places.is_empty()
    }

    pub(super) fn addresses(&self) -> Vec<Address> {
        self.state().places.iter().filter_map(|place| place.socket.local_addr().ok()).collect()
    }

    /// Parks until a client comes; `None` at `deadline`. A kill point.
    pub(super) fn wait_client(self: &Arc<Self>, deadline: Option<Instant>) -> io::Result<Option<Socket>> {
        loop {
            let ticket = match self.state().queue_up(self)? {
                Ok(client) => return Ok(Some(client)),
                Err(ticket) => ticket,
            };
            let outcome = ticket.wait(deadline);
            if outcome != Outcome::Unparked {
                self.state().withdraw(&ticket);
            }
            // Who has withdrawn may have been served all the same, but is no more.
            let answer = ticket.take();
            match (outcome, answer) {
                (Outcome::Interrupted, answer) => {
                    if let Some(Answer::Client(client)) = answer {
                        self.give_back(client);
                    }
                    kill::deliver();
                }
                (_, Some(Answer::Client(client))) => return Ok(Some(client)),
                (_, Some(Answer::Disconnected)) => return Err(disconnected()),
                (Outcome::TimedOut, None) => return Ok(None),
                (Outcome::Unparked, None) => {}
            }
        }
    }

    /// Takes a client back from somebody who is killed instead.
    fn give_back(&self, client: Socket) {
        let mut state = self.state();
        if !state.places.is_empty() {
            state.spare.push_front(client);
        }
        drop(state);
        // If there is no green thread to be had for it, it waits as other clients do.
        let _ = self.hand_out();
    }

    /// Gives away the clients that are there, to those who want them.
    fn hand_out(&self) -> io::Result<()> {
        let errands = self.state().distribute();
        errands.run(self)
    }

    /// Closes everything; waits for it in `disconnect` only.
    pub(super) fn close(&self) {
        let (closed, _) = self.state().close();
        closed.tell();
    }

    /// Closes everything, and waits until it is closed.
    pub(super) fn disconnect(&self) -> Result<(), KillError> {
        let (closed, killed) = self.state().close();
        let (acceptors, sockets) = closed.tell();
        killed?;
        for acceptor in acceptors {
            // It was killed, or has seen for itself that it is no longer needed.
            let _ = acceptor.join();
        }
        // Here they are closed: the acceptors were their other owners.
        drop(sockets);
        Ok(())
    }

    /// Accepts from `socket` as long as clients are wanted; the body of an acceptor.
    fn accept(&self, socket: &Socket, number: u64) {
        let mut failures = 0;
        while self.state().goes_on(number) {
            match self.accept_one(socket) {
                Ok(()) => failures = 0,
                Err(_) => {
                    // An error that stays would make this loop spin.
                    if let Some(pause) = pause_after(failures) {
                        sleep_until(clock::now() + pause);
                    }
                    failures += 1;
                }
            }
        }
    }

    fn accept_one(&self, socket: &Socket) -> io::Result<()> {
        // Clients for whom there was no green thread.
        self.hand_out()?;
        match socket.accept() {
            Ok(client) => {
                let mut state = self.state();
                if !state.places.is_empty() {
                    state.spare.push_back(client);
                }
                drop(state);
                self.hand_out()
            }
            // Its owner made it so, for calls of its own.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => socket.wait_readable(None).map(drop),
            Err(error) => Err(error),
        }
    }
}

impl State {
    fn is_wanted(&self) -> bool {
        self.handler.is_some() || !self.waiting.is_empty()
    }

    /// Makes sure that there are acceptors if clients are wanted, and otherwise none.
    fn arrange(&mut self, desk: &Arc<Desk>) -> io::Result<()> {
        self.leaving.retain(|acceptor| !acceptor.is_finished());
        if !self.is_wanted() {
            self.dismiss();
            return Ok(());
        }
        for place in self.places.iter_mut().filter(|place| place.acceptor.is_none()) {
            self.last_number += 1;
            let number = self.last_number;
            let name = self.name.as_ref().map(|name| format!("{name}-listen"));
            let (desk, socket) = (Arc::clone(desk), Arc::clone(&place.socket));
            let acceptor = spawn(Options { name, ..Options::default() }, move || desk.accept(&socket, number))?;
            place.acceptor = Some((number, acceptor));
        }
        Ok(())
    }

    /// Kills the acceptors. Where that is not possible, each ends after its next client.
    fn dismiss(&mut self) {
        for place in &mut self.places {
            if let Some((_, acceptor)) = place.acceptor.take_if(|(_, acceptor)| acceptor.kill().is_ok()) {
                self.leaving.push(acceptor);
            }
        }
    }

    /// Returns whether an acceptor is to accept another client; if not, it is no longer the one of its place.
    fn goes_on(&mut self, number: u64) -> bool {
        let wanted = self.is_wanted();
        let is_its = |place: &&mut Place| place.acceptor.as_ref().is_some_and(|(other, _)| *other == number);
        let Some(place) = self.places.iter_mut().find(is_its) else { return false };
        if !wanted {
            let acceptor = place.acceptor.take();
            self.leaving.extend(acceptor.map(|(_, acceptor)| acceptor));
        }
        wanted
    }

    /// Takes a client who is there, or a ticket for the next one.
    fn queue_up(&mut self, desk: &Arc<Desk>) -> io::Result<Result<Socket, Arc<Ticket>>> {
        if self.places.is_empty() {
            return Err(disconnected());
        }
        if let Some(client) = self.spare.pop_front() {
            return Ok(Ok(client));
        }
        let ticket = Arc::<Ticket>::default();
        self.waiting.push_back(Arc::clone(&ticket));
        match self.arrange(desk) {
            Ok(()) => Ok(Err(ticket)),
            Err(error) => {
                self.withdraw(&ticket);
                Err(error)
            }
        }
    }

    /// Gives a ticket back, if it was not served.
    fn withdraw(&mut self, ticket: &Arc<Ticket>) {
        self.waiting.retain(|other| !Arc::ptr_eq(other, ticket));
        if !self.is_wanted() {
            self.dismiss();
        }
    }

    /// Decides whose the clients are.
    fn distribute(&mut self) -> Errands {
        let mut errands = Errands { name: self.name.clone(), ..Errands::default() };
        while let Some(client) = self.spare.pop_front() {
            if let Some(ticket) = self.waiting.pop_front() {
                ticket.answer(Answer::Client(client));
                errands.to_wake.push(ticket);
            } else if let Some(handler) = &self.handler {
                errands.to_serve.push((Arc::clone(handler), client));
            } else {
                self.spare.push_front(client);
                break;
            }
        }
        if !self.is_wanted() {
            self.dismiss();
        }
        errands
    }

    /// Empties everything, and tells the acceptors.
    fn close(&mut self) -> (Closed, Result<(), KillError>) {
        let mut closed = Closed {
            tickets: mem::take(&mut self.waiting),
            acceptors: mem::take(&mut self.leaving),
            handler: self.handler.take(),
            spare: mem::take(&mut self.spare),
            sockets: Vec::new(),
        };
        let mut result = Ok(());
        for place in self.places.drain(..) {
            if let Some((_, acceptor)) = place.acceptor {
                result = result.and(acceptor.kill());
                closed.acceptors.push(acceptor);
            }
            closed.sockets.push(place.socket);
        }
        (closed, result)
    }
}

/// What is left of a listener that was closed.
struct Closed {
    tickets: VecDeque<Arc<Ticket>>,
    acceptors: Vec<Joiner<()>>,
    handler: Option<Arc<Handler>>,
    spare: VecDeque<Socket>,
    sockets: Vec<Arc<Socket>>,
}

impl Closed {
    /// Sends away who waits, drops what is the user's, and returns what is still to end.
    fn tell(self) -> (Vec<Joiner<()>>, Vec<Arc<Socket>>) {
        let Self { tickets, acceptors, handler, spare, sockets } = self;
        for ticket in tickets {
            ticket.answer(Answer::Disconnected);
            ticket.queue.notify_one();
        }
        drop((handler, spare));
        (acceptors, sockets)
    }
}

impl Ticket {
    fn lock(&self) -> MutexGuard<'_, Option<Answer>> {
        self.answer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Parks until there is an answer.
    fn wait(&self, deadline: Option<Instant>) -> Outcome {
        self.queue.wait_until(deadline, WaitReason::Accept, || self.lock().is_none())
    }

    /// Puts the answer there; its owner still has to be woken.
    fn answer(&self, answer: Answer) {
        *self.lock() = Some(answer);
    }

    fn take(&self) -> Option<Answer> {
        self.lock().take()
    }
}

impl Errands {
    /// Wakes those who have got a client, and starts green threads for the others. If there is none to be had, the clients who
    /// are left lie in wait again.
    fn run(self, desk: &Desk) -> io::Result<()> {
        for ticket in self.to_wake {
            ticket.queue.notify_one();
        }
        let mut to_serve = self.to_serve.into_iter();
        while let Some((handler, client)) = to_serve.next() {
            let name = self.name.as_ref().map(|name| format!("{name}-client"));
            // The closure is lost if it cannot be spawned, and this is not.
            let parcel = Arc::new(Mutex::new(Some(client)));
            let addressee = Arc::clone(&parcel);
            let spawned = spawn(Options { name, ..Options::default() }, move || {
                if let Some(client) = open(&addressee) {
                    handler(client);
                }
            });
            if let Err(error) = spawned {
                // Before the lock is taken: this drops handlers, which are the user's.
                let mut spare: VecDeque<_> =
                    open(&parcel).into_iter().chain(to_serve.map(|(_, client)| client)).collect();
                let mut state = desk.state();
                spare.append(&mut state.spare);
                state.spare = spare;
                return Err(error);
            }
        }
        Ok(())
    }
}

fn open(parcel: &Mutex<Option<Socket>>) -> Option<Socket> {
    parcel.lock().unwrap_or_else(PoisonError::into_inner).take()
}

fn disconnected() -> io::Error {
    io::Error::new(io::ErrorKind::NotConnected, "this listener listens nowhere")
}

/// Returns how long to pause after a failure that `failures` others came right before: not at all the first time.
fn pause_after(failures: u32) -> Option<Duration> {
    let doublings = failures.checked_sub(1)?.min(16);
    Some((PAUSE.0 * (1 << doublings)).min(PAUSE.1))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use green_net::os::unix::UnixStream;

    use super::*;

    #[test]
    fn handlers_are_dropped_without_the_lock_if_there_is_no_green_thread_for_their_clients() {
        struct Looks(Arc<Desk>, Arc<AtomicUsize>);
        impl Drop for Looks {
            fn drop(&mut self) {
                assert!(self.0.state.try_lock().is_ok());
                self.1.fetch_add(1, Ordering::Relaxed);
            }
        }
        let name = "multi_listener::desk::tests::\
                    handlers_are_dropped_without_the_lock_if_there_is_no_green_thread_for_their_clients";
        // Nothing can be spawned with that.
        green_tests::alone_with(name, None, &[("GREEN_HUBS", "none")], || {
            let (desk, dropped) = (Arc::<Desk>::default(), Arc::<AtomicUsize>::default());
            let errand = || -> (Arc<Handler>, Socket) {
                let looks = Looks(Arc::clone(&desk), Arc::clone(&dropped));
                let handler = move |_| {
                    let _ = &looks;
                };
                (Arc::new(handler), UnixStream::pair().unwrap().0.into())
            };
            let errands = Errands { to_serve: (0..3).map(|_| errand()).collect(), ..Errands::default() };
            assert!(errands.run(&desk).is_err());
            assert_eq!(dropped.load(Ordering::Relaxed), 3);
            assert_eq!(desk.state().spare.len(), 3, "the clients lie in wait");
        });
    }
}
