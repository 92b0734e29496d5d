//! The commands, and the answers that Redis 7.0 gives to them.

use super::Shared;
use super::input::{Request, parse_integer};
use super::reply::Reply;
use super::rt;
use super::store::{AddError, SetOptions, TimeToLive};
use rt::sync::atomic::Ordering;

mod connection;
mod set;

/// The Redis whose answers these are.
const VERSION: &str = "7.0.15";

const NOT_AN_INTEGER: &str = "value is not an integer or out of range";
const SYNTAX_ERROR: &str = "syntax error";

/// How a connection goes on after a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flow {
    Continue,
    /// Send what is owed, then close.
    Close,
    /// Close at once.
    Drop,
    /// Stop the whole server.
    Shutdown,
}

/// One client's view of the server.
#[derive(Debug)]
pub(super) struct Session<'a> {
    shared: &'a Shared,
    id: u64,
    name: Vec<u8>,
}

/// A command, or a subcommand named `container|name`.
struct Command {
    name: &'static str,
    /// The number of arguments including the name; negative: at least that many.
    arity: isize,
    run: fn(&mut Session<'_>, &Request<'_>, &mut Reply) -> Flow,
}

impl Command {
    const fn new(
        name: &'static str,
        arity: isize,
        run: fn(&mut Session<'_>, &Request<'_>, &mut Reply) -> Flow,
    ) -> Self {
        Command { name, arity, run }
    }

    fn accepts(&self, count: usize) -> bool {
        if self.arity < 0 { count >= self.arity.unsigned_abs() } else { count == self.arity.unsigned_abs() }
    }
}

/// All commands, sorted by name. A container has an entry of its own, which counts its arguments.
const COMMANDS: &[Command] = &[
    Command::new("client", -2, unreachable_container),
    Command::new("client|getname", 2, connection::client_getname),
    Command::new("client|id", 2, connection::client_id),
    Command::new("client|setname", 3, connection::client_setname),
    Command::new("command", -1, connection::command),
    Command::new("command|count", 2, connection::command_count),
    Command::new("command|docs", -2, connection::command_docs),
    Command::new("config", -2, unreachable_container),
    Command::new("config|get", -3, connection::config_get),
    Command::new("dbsize", 1, dbsize),
    Command::new("decr", 2, decr),
    Command::new("decrby", 3, decrby),
    Command::new("del", -2, del),
    Command::new("echo", 2, echo),
    Command::new("exists", -2, exists),
    Command::new("flushall", -1, flushall),
    Command::new("get", 2, get),
    Command::new("hello", -1, connection::hello),
    Command::new("host:", -1, connection::cross_protocol),
    Command::new("incr", 2, incr),
    Command::new("incrby", 3, incrby),
    Command::new("info", -1, connection::info),
    Command::new("mget", -2, mget),
    Command::new("mset", -3, mset),
    Command::new("ping", -1, ping),
    Command::new("post", -1, connection::cross_protocol),
    Command::new("pttl", 2, pttl),
    Command::new("quit", -1, connection::quit),
    Command::new("select", 2, connection::select),
    Command::new("set", -3, set::set),
    Command::new("shutdown", -1, connection::shutdown),
    Command::new("ttl", 2, ttl),
    Command::new("type", 2, type_of),
];

impl<'a> Session<'a> {
    pub(super) fn new(shared: &'a Shared, id: u64) -> Self {
        Session { shared, id, name: Vec::new() }
    }

    /// Runs one request and appends its answer.
    pub(super) fn execute(&mut self, request: &Request<'_>, reply: &mut Reply) -> Flow {
        let Some(mut command) = find(&[request.arg(0)]) else {
            unknown_command(request, reply);
            return Flow::Continue;
        };
        let is_container = matches!(command.name, "client" | "command" | "config");
        if is_container && request.len() > 1 {
            match find(&[command.name.as_bytes(), b"|", request.arg(1)]) {
                Some(subcommand) => command = subcommand,
                None => {
                    unknown_subcommand(command.name, request.arg(1), reply);
                    return Flow::Continue;
                }
            }
        }
        if !command.accepts(request.len()) {
            wrong_number_of_arguments(command.name, reply);
            return Flow::Continue;
        }
        (command.run)(self, request, reply)
    }
}

/// Finds the command whose name the `parts` make up, in whichever case.
fn find(parts: &[&[u8]]) -> Option<&'static Command> {
    let mut name = [0; 24];
    let mut length = 0;
    for part in parts {
        let end = length + part.len();
        name.get_mut(length..end)?.copy_from_slice(part);
        length = end;
    }
    let name = &mut name[..length];
    // A subcommand has no name of its own outside its container.
    if parts.len() == 1 && name.contains(&b'|') {
        return None;
    }
    name.make_ascii_lowercase();
    let found = COMMANDS.binary_search_by(|command| command.name.as_bytes().cmp(name)).ok()?;
    Some(&COMMANDS[found])
}

fn unknown_command(request: &Request<'_>, reply: &mut Reply) {
    let mut message = b"unknown command '".to_vec();
    message.extend_from_slice(c_prefix(request.arg(0), 128));
    message.extend_from_slice(b"', with args beginning with: ");
    let mut shown = 0;
    for arg in request.args_from(1) {
        if shown >= 128 {
            break;
        }
        let arg = c_prefix(arg, 128 - shown);
        message.push(b'\'');
        message.extend_from_slice(arg);
        message.extend_from_slice(b"' ");
        shown += arg.len() + 3;
    }
    reply.error(message);
}

fn unknown_subcommand(container: &str, name: &[u8], reply: &mut Reply) {
    let mut message = b"unknown subcommand '".to_vec();
    message.extend_from_slice(c_prefix(name, 128));
    message.extend_from_slice(b"'. Try ");
    message.extend_from_slice(container.to_ascii_uppercase().as_bytes());
    message.extend_from_slice(b" HELP.");
    reply.error(message);
}

fn wrong_number_of_arguments(name: &str, reply: &mut Reply) {
    reply.error(format!("wrong number of arguments for '{name}' command"));
}

/// Returns what C's `%.*s` prints of `bytes`: at most `limit` of them, up to the first NUL.
fn c_prefix(bytes: &[u8], limit: usize) -> &[u8] {
    let bytes = &bytes[..bytes.len().min(limit)];
    bytes.split(|&byte| byte == 0).next().unwrap_or_default()
}

/// The entry of a container that needs a subcommand: [`Session::execute`] finds the subcommand, or too few arguments.
fn unreachable_container(_: &mut Session<'_>, _: &Request<'_>, reply: &mut Reply) -> Flow {
    reply.error(SYNTAX_ERROR);
    Flow::Continue
}

fn ping(_: &mut Session<'_>, request: &Request<'_>, reply: &mut Reply) -> Flow {
    match request.len() {
        1 => reply.simple("PONG"),
        2 => reply.bulk(request.arg(1)),
        _ => wrong_number_of_arguments("ping", reply),
    }
    Flow::Continue
}

fn echo(_: &mut Session<'_>, request: &Request<'_>, reply: &mut Reply) -> Flow {
    reply.bulk(request.arg(1));
    Flow::Continue
}

fn get(session: &mut Session<'_>, request: &Request<'_>, reply: &mut Reply) -> Flow {
    session.get_one(request.arg(1), reply);
    Flow::Continue
}

fn mget(session: &mut Session<'_>, request: &Request<'_>, reply: &mut Reply) -> Flow {
    reply.array(request.len() - 1);
    for key in request.args_from(1) {
        session.get_one(key, reply);
    }
    Flow::Continue
}

/// Unlike Redis', not one step: another client may see some keys set and others not yet.
fn mset(session: &mut Session<'_>, request: &Request<'_>, reply: &mut Reply) -> Flow {
    if request.len().is_multiple_of(2) {
        wrong_number_of_arguments("mset", reply);
        return Flow::Continue;
    }
    let options = SetOptions::default();
    for index in (1..request.len()).step_by(2) {
        session.shared.store.set(request.arg(index), request.arg(index + 1), &options, |_| {});
    }
    reply.simple("OK");
    Flow::Continue
}

fn del(session: &mut Session<'_>, request: &Request<'_>, reply: &mut Reply) -> Flow {
    let removed = request.args_from(1).filter(|key| session.shared.store.remove(key)).count();
    reply.integer(removed as i64);
    Flow::Continue
}

fn exists(session: &mut Session<'_>, request: &Request<'_>, reply: &mut Reply) -> Flow {
    let present = request.args_from(1).filter(|key| session.shared.store.get(key, |value| value.is_some())).count();
    reply.integer(present as i64);
    Flow::Continue
}

fn type_of(session: &mut Session<'_>, request: &Request<'_>, reply: &mut Reply) -> Flow {
    let present = session.shared.store.get(request.arg(1), |value| value.is_some());
    reply.simple(if present { "string" } else { "none" });
    Flow::Continue
}

fn ttl(session: &mut Session<'_>, request: &Request<'_>, reply: &mut Reply) -> Flow {
    session.time_to_live(request.arg(1), 1000, reply);
    Flow::Continue
}

fn pttl(session: &mut Session<'_>, request: &Request<'_>, reply: &mut Reply) -> Flow {
    session.time_to_live(request.arg(1), 1, reply);
    Flow::Continue
}

fn incr(session: &mut Session<'_>, request: &Request<'_>, reply: &mut Reply) -> Flow {
    session.add(request.arg(1), 1, reply);
    Flow::Continue
}

fn decr(session: &mut Session<'_>, request: &Request<'_>, reply: &mut Reply) -> Flow {
    session.add(request.arg(1), -1, reply);
    Flow::Continue
}

fn incrby(session: &mut Session<'_>, request: &Request<'_>, reply: &mut Reply) -> Flow {
    match parse_integer(request.arg(2)) {
        Some(delta) => session.add(request.arg(1), delta, reply),
        None => reply.error(NOT_AN_INTEGER),
    }
    Flow::Continue
}

fn decrby(session: &mut Session<'_>, request: &Request<'_>, reply: &mut Reply) -> Flow {
    match parse_integer(request.arg(2)) {
        Some(delta) => match delta.checked_neg() {
            Some(delta) => session.add(request.arg(1), delta, reply),
            None => reply.error("decrement would overflow"),
        },
        None => reply.error(NOT_AN_INTEGER),
    }
    Flow::Continue
}

fn dbsize(session: &mut Session<'_>, _: &Request<'_>, reply: &mut Reply) -> Flow {
    reply.integer(session.shared.store.len() as i64);
    Flow::Continue
}

fn flushall(session: &mut Session<'_>, request: &Request<'_>, reply: &mut Reply) -> Flow {
    let understood = match request.len() {
        1 => true,
        2 => [&b"sync"[..], b"async"].iter().any(|mode| request.arg(1).eq_ignore_ascii_case(mode)),
        _ => false,
    };
    if understood {
        session.shared.store.clear();
        reply.simple("OK");
    } else {
        reply.error(SYNTAX_ERROR);
    }
    Flow::Continue
}

impl Session<'_> {
    fn get_one(&self, key: &[u8], reply: &mut Reply) {
        self.shared.store.get(key, |value| match value {
            Some(value) => reply.bulk(value),
            None => reply.null(),
        });
    }

    fn add(&self, key: &[u8], delta: i64, reply: &mut Reply) {
        match self.shared.store.add(key, delta) {
            Ok(sum) => reply.integer(sum),
            Err(AddError::NotAnInteger) => reply.error(NOT_AN_INTEGER),
            Err(AddError::Overflow) => reply.error("increment or decrement would overflow"),
        }
    }

    /// Answers in units of `unit` milliseconds, rounded to the nearest.
    fn time_to_live(&self, key: &[u8], unit: i64, reply: &mut Reply) {
        reply.integer(match self.shared.store.time_to_live(key) {
            TimeToLive::NoKey => -2,
            TimeToLive::Forever => -1,
            TimeToLive::Milliseconds(left) => left.saturating_add(unit / 2) / unit,
        });
    }

    fn clients(&self) -> u64 {
        self.shared.clients.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::COMMANDS;

    #[test]
    fn commands_are_sorted_for_the_binary_search() {
        assert!(COMMANDS.is_sorted_by(|a, b| a.name < b.name));
    }
}
