//! `SET` with its options.

use super::super::input::{Request, parse_integer};
use super::super::reply::Reply;
use super::super::store::{Condition, SetOptions, unix_millis};
use super::{Flow, NOT_AN_INTEGER, SYNTAX_ERROR, Session};

/// A time to end, as the client put it.
#[derive(Clone, Copy)]
struct Expiry<'a> {
    amount: &'a [u8],
    /// Milliseconds in the client's unit.
    unit: i64,
    absolute: bool,
}

pub(super) fn set(session: &mut Session<'_>, request: &Request<'_>, reply: &mut Reply) -> Flow {
    let (options, wants_old) = match parse(request) {
        Ok(parsed) => parsed,
        Err(message) => {
            reply.error(message);
            return Flow::Continue;
        }
    };
    let mut old = |value: Option<&[u8]>| match value {
        _ if !wants_old => {}
        Some(value) => reply.bulk(value),
        None => reply.null(),
    };
    let stored = session.shared.store.set(request.arg(1), request.arg(2), &options, &mut old);
    match (wants_old, stored) {
        (true, _) => {}
        (false, true) => reply.simple("OK"),
        (false, false) => reply.null(),
    }
    Flow::Continue
}

/// Reads the options; with them, whether the old value is the answer.
fn parse(request: &Request<'_>) -> Result<(SetOptions, bool), &'static str> {
    let mut options = SetOptions::default();
    let mut wants_old = false;
    let mut expiry: Option<Expiry<'_>> = None;
    let mut args = request.args_from(3);
    while let Some(arg) = args.next() {
        let is = |name: &str| arg.eq_ignore_ascii_case(name.as_bytes());
        if is("get") {
            wants_old = true;
        } else if is("nx") && options.condition != Some(Condition::IfPresent) {
            options.condition = Some(Condition::IfAbsent);
        } else if is("xx") && options.condition != Some(Condition::IfAbsent) {
            options.condition = Some(Condition::IfPresent);
        } else if is("keepttl") && expiry.is_none() {
            options.keep_ttl = true;
        } else {
            let (unit, absolute) = match () {
                () if is("ex") => (1000, false),
                () if is("px") => (1, false),
                () if is("exat") => (1000, true),
                () if is("pxat") => (1, true),
                () => return Err(SYNTAX_ERROR),
            };
            // One kind only, though the same one may come again.
            let differs = expiry.is_some_and(|earlier| (earlier.unit, earlier.absolute) != (unit, absolute));
            let amount = args.next().ok_or(SYNTAX_ERROR)?;
            if options.keep_ttl || differs {
                return Err(SYNTAX_ERROR);
            }
            expiry = Some(Expiry { amount, unit, absolute });
        }
    }
    options.expires = expiry.map(Expiry::at).transpose()?;
    Ok((options, wants_old))
}

impl Expiry<'_> {
    /// Returns the time in milliseconds since the Unix epoch.
    fn at(self) -> Result<i64, &'static str> {
        const INVALID: &str = "invalid expire time in 'set' command";
        let amount = parse_integer(self.amount).ok_or(NOT_AN_INTEGER)?;
        if amount <= 0 {
            return Err(INVALID);
        }
        let millis = amount.checked_mul(self.unit).ok_or(INVALID)?;
        let from = if self.absolute { 0 } else { unix_millis() };
        millis.checked_add(from).ok_or(INVALID)
    }
}
