//! The command line of the HTTP server.

use super::server::Server;
use std::io::{self, Read};
use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

const USAGE: &str = "\
usage: httpd [options] <folder>

  --listen <address>   where to listen, port 0 for any [127.0.0.1:8000]
  --connections <n>    how many may be open at once [1000]
  --idle <ms>          how long a connection may say nothing [5000]
  --log                a line on standard output for each answer

The first line on standard output is the address. The server stops when standard input ends.";

struct Options {
    listen: String,
    folder: PathBuf,
    connections: usize,
    idle: Duration,
    log: bool,
}

/// Serves as the command line says.
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
            eprintln!("cannot serve {}: {error}", options.folder.display());
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> io::Result<()> {
    let (log, lines) = mpsc::channel::<String>();
    let log = options.log.then_some(log);
    let server = Server::bind(&options.listen, &options.folder, options.connections, options.idle, log)?;
    let server = Arc::new(server);
    println!("{}", server.address()?);
    let logger = thread::Builder::new().name("log".to_owned()).spawn(move || {
        for line in lines {
            println!("{line}");
        }
    })?;
    let stopped = Arc::clone(&server);
    let stopper = thread::Builder::new().name("stdin".to_owned()).spawn(move || {
        // Whatever it says, and however it ends.
        let _ = io::copy(&mut io::stdin().lock().by_ref(), &mut io::sink());
        stopped.stop();
    })?;
    server.run();
    stopper.join().expect("the stopper does not panic");
    // The log's last sender goes with the last owner of the server, which may be a connection that is just ending.
    drop(server);
    logger.join().expect("the logger does not panic");
    Ok(())
}

fn parse(mut args: impl Iterator<Item = String>) -> Result<Options, String> {
    let (mut listen, mut folder, mut log) = ("127.0.0.1:8000".to_owned(), None, false);
    let (mut connections, mut idle) = (1000, 5000);
    while let Some(arg) = args.next() {
        let value = args.by_ref();
        match arg.as_str() {
            "--listen" => listen = value.next().ok_or("--listen needs a value")?,
            "--connections" => connections = number(&arg, value.next())?,
            "--idle" => idle = number(&arg, value.next())?,
            "--log" => log = true,
            option if option.starts_with('-') => return Err(format!("unknown option {option}")),
            _ if folder.is_none() => folder = Some(PathBuf::from(arg)),
            _ => return Err("one folder is enough".to_owned()),
        }
    }
    let folder = folder.ok_or("which folder?")?;
    Ok(Options { listen, folder, connections, idle: Duration::from_millis(idle), log })
}

fn number<T: FromStr>(option: &str, value: Option<String>) -> Result<T, String> {
    let value = value.ok_or_else(|| format!("{option} needs a value"))?;
    value.parse().map_err(|_| format!("not a number: {value}"))
}
