//! The command line of the chat server.

use super::server::Server;
use std::io::{self, BufRead};
use std::path::PathBuf;
use std::process::ExitCode;

const USAGE: &str = "\
usage: chat [--tcp <address>] [--unix <path>] [--queue <lines>]

Listens there (port 0: any), says where on standard output, and stops when standard input ends
or says \"stop\". --queue is how many lines may wait for a slow client [256].";

struct Options {
    tcp: Option<String>,
    unix: Option<PathBuf>,
    queue: usize,
}

/// Runs the server as the command line says.
pub(crate) fn main() -> ExitCode {
    let options = match parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(message) => {
            eprintln!("{message}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cannot serve: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> io::Result<()> {
    let server = Server::bind(options.tcp.as_deref(), options.unix.as_deref(), options.queue)?;
    if let Some(address) = server.tcp_address() {
        println!("tcp {address}");
    }
    if let Some(path) = &options.unix {
        println!("unix {}", path.display());
    }
    server.run(|| {
        let lines = io::stdin().lock().lines();
        lines.map_while(Result::ok).take_while(|line| line != "stop").for_each(drop);
    })?;
    println!("stopped");
    Ok(())
}

fn parse(mut args: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options = Options { tcp: None, unix: None, queue: 256 };
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or_else(|| format!("{arg} needs a value"));
        match arg.as_str() {
            "--tcp" => options.tcp = Some(value()?),
            "--unix" => options.unix = Some(value()?.into()),
            "--queue" => {
                let text = value()?;
                options.queue = text.parse().map_err(|_| format!("not a number of lines: {text}"))?;
            }
            _ => return Err(format!("unknown argument {arg}")),
        }
    }
    if options.tcp.is_none() && options.unix.is_none() {
        return Err("nowhere to listen".to_owned());
    }
    Ok(options)
}
