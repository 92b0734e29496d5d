//! The commands about the connection and the server rather than the data.

use super::super::input::{Request, parse_integer};
use super::super::reply::Reply;
use super::super::rt;
use super::{COMMANDS, Flow, NOT_AN_INTEGER, SYNTAX_ERROR, Session, VERSION};
use rt::fmt::Write;

/// The parameters that clients ask for before they start.
const CONFIG: &[(&str, &str)] =
    &[("appendonly", "no"), ("databases", "1"), ("maxmemory", "0"), ("proto-max-bulk-len", "536870912"), ("save", "")];

pub(super) fn select(_: &mut Session<'_>, request: &Request<'_>, reply: &mut Reply) -> Flow {
    match parse_integer(request.arg(1)).map(i32::try_from) {
        Some(Ok(0)) => reply.simple("OK"),
        Some(Ok(_)) => reply.error("DB index is out of range"),
        Some(Err(_)) => {
            let (min, max) = (i32::MIN, i32::MAX);
            reply.error(format!("value is out of range, value must between {min} and {max}"));
        }
        None => reply.error(NOT_AN_INTEGER),
    }
    Flow::Continue
}

pub(super) fn quit(_: &mut Session<'_>, _: &Request<'_>, reply: &mut Reply) -> Flow {
    reply.simple("OK");
    Flow::Close
}

pub(super) fn shutdown(_: &mut Session<'_>, request: &Request<'_>, reply: &mut Reply) -> Flow {
    let has = |name: &str| request.args_from(1).any(|arg| arg.eq_ignore_ascii_case(name.as_bytes()));
    let names = ["nosave", "save", "now", "force", "abort"];
    let is_known = |arg: &[u8]| names.iter().any(|name| arg.eq_ignore_ascii_case(name.as_bytes()));
    let contradicts = (has("save") && has("nosave")) || (has("abort") && request.len() > 2);
    if contradicts || !request.args_from(1).all(is_known) {
        reply.error(SYNTAX_ERROR);
    } else if has("abort") {
        reply.error("No shutdown in progress.");
    } else {
        return Flow::Shutdown;
    }
    Flow::Continue
}

/// `POST` and `Host:` come from a browser that was tricked into sending requests here. Redis hangs up, and so do we.
pub(super) fn cross_protocol(_: &mut Session<'_>, _: &Request<'_>, _: &mut Reply) -> Flow {
    Flow::Drop
}

pub(super) fn hello(session: &mut Session<'_>, request: &Request<'_>, reply: &mut Reply) -> Flow {
    if request.len() > 1 {
        let Some(version) = parse_integer(request.arg(1)) else {
            reply.error("Protocol version is not an integer or out of range");
            return Flow::Continue;
        };
        if !(2..=3).contains(&version) {
            reply.error_as("NOPROTO", b"unsupported protocol version");
            return Flow::Continue;
        }
        let mut args = request.args_from(2);
        while let Some(option) = args.next() {
            match args.next() {
                Some(name) if option.eq_ignore_ascii_case(b"setname") => {
                    if !session.set_name(name, reply) {
                        return Flow::Continue;
                    }
                }
                _ => {
                    let mut message = b"Syntax error in HELLO option '".to_vec();
                    message.extend_from_slice(super::c_prefix(option, usize::MAX));
                    message.push(b'\'');
                    reply.error(message);
                    return Flow::Continue;
                }
            }
        }
        reply.resp3 = version == 3;
    }
    reply.map(7);
    for (key, value) in [("server", "redis"), ("version", VERSION)] {
        reply.bulk(key.as_bytes());
        reply.bulk(value.as_bytes());
    }
    reply.bulk(b"proto");
    reply.integer(if reply.resp3 { 3 } else { 2 });
    reply.bulk(b"id");
    reply.integer(session.id as i64);
    for (key, value) in [("mode", "standalone"), ("role", "master")] {
        reply.bulk(key.as_bytes());
        reply.bulk(value.as_bytes());
    }
    reply.bulk(b"modules");
    reply.array(0);
    Flow::Continue
}

pub(super) fn client_id(session: &mut Session<'_>, _: &Request<'_>, reply: &mut Reply) -> Flow {
    reply.integer(session.id as i64);
    Flow::Continue
}

pub(super) fn client_getname(session: &mut Session<'_>, _: &Request<'_>, reply: &mut Reply) -> Flow {
    if session.name.is_empty() {
        reply.null();
    } else {
        reply.bulk(&session.name);
    }
    Flow::Continue
}

pub(super) fn client_setname(session: &mut Session<'_>, request: &Request<'_>, reply: &mut Reply) -> Flow {
    if session.set_name(request.arg(2), reply) {
        reply.simple("OK");
    }
    Flow::Continue
}

impl Session<'_> {
    /// Names the connection, or answers why not.
    fn set_name(&mut self, name: &[u8], reply: &mut Reply) -> bool {
        let printable = name.iter().all(|byte| (b'!'..=b'~').contains(byte));
        if printable {
            self.name = name.to_vec();
        } else {
            reply.error("Client names cannot contain spaces, newlines or special characters.");
        }
        printable
    }
}

/// Describes no command: clients that look here for help get none, and go on.
pub(super) fn command(_: &mut Session<'_>, _: &Request<'_>, reply: &mut Reply) -> Flow {
    reply.array(0);
    Flow::Continue
}

pub(super) fn command_count(_: &mut Session<'_>, _: &Request<'_>, reply: &mut Reply) -> Flow {
    let count = COMMANDS.iter().filter(|command| !command.name.contains('|')).count();
    reply.integer(count as i64);
    Flow::Continue
}

pub(super) fn command_docs(_: &mut Session<'_>, _: &Request<'_>, reply: &mut Reply) -> Flow {
    reply.map(0);
    Flow::Continue
}

pub(super) fn config_get(_: &mut Session<'_>, request: &Request<'_>, reply: &mut Reply) -> Flow {
    let mut found = Vec::new();
    for (name, value) in CONFIG {
        let is_it = |arg: &&[u8]| *arg == b"*" || arg.eq_ignore_ascii_case(name.as_bytes());
        match request.args_from(2).find(is_it) {
            Some(b"*") => found.push((name.as_bytes(), value)),
            // In the letters of the question.
            Some(arg) => found.push((arg, value)),
            None => {}
        }
    }
    reply.map(found.len());
    for (name, value) in found {
        reply.bulk(name);
        reply.bulk(value.as_bytes());
    }
    Flow::Continue
}

pub(super) fn info(session: &mut Session<'_>, request: &Request<'_>, reply: &mut Reply) -> Flow {
    let asked = |section: &str| {
        let names = [section, "all", "default", "everything"];
        let is_one = |arg: &[u8]| names.iter().any(|name| arg.eq_ignore_ascii_case(name.as_bytes()));
        request.len() == 1 || request.args_from(1).any(is_one)
    };
    let sections = [
        ("Server", format!("redis_version:{VERSION}\r\nredis_mode:standalone\r\nprocess_id:{}", rt::process::id())),
        ("Clients", format!("connected_clients:{}", session.clients())),
        ("Keyspace", format!("db0:keys={}", session.shared.store.len())),
    ];
    let mut text = String::new();
    for (name, body) in sections {
        if asked(name) {
            let gap = if text.is_empty() { "" } else { "\r\n" };
            // Writing to a string cannot fail.
            let _ = write!(text, "{gap}# {name}\r\n{body}\r\n");
        }
    }
    reply.verbatim(&text);
    Flow::Continue
}
