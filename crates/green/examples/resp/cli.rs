//! The command line of the RESP server.

use super::rt;
use super::server::{STACK_SIZE, Server};
use rt::io::{self, Read, Write};
use rt::process::ExitCode;
use rt::sync::Arc;

const USAGE: &str = "\
A server for Redis clients with one thread per connection.

usage: resp_std|resp_green [--listen <address>] [--stack-size <bytes>] [--stop-at-eof]

  --listen <address>    where to listen, port 0 for any [127.0.0.1:6379]
  --stack-size <bytes>  stack of each connection's thread [65536]
  --stop-at-eof         stop when standard input ends

The first line on standard output is the address. SHUTDOWN, sent by a client, stops the server.
";

struct Options {
    listen: String,
    stack_size: usize,
    stop_at_eof: bool,
}

/// Runs the server as the command line says.
pub(crate) fn main() -> ExitCode {
    let options = match parse(rt::env::args().skip(1)) {
        Ok(Some(options)) => options,
        Ok(None) => {
            let _ = io::stdout().write_all(USAGE.as_bytes());
            return ExitCode::SUCCESS;
        }
        Err(message) => return fail(&format!("{message}\n\n{USAGE}"), 2),
    };
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&format!("cannot serve {}: {error}\n", options.listen), 1),
    }
}

fn run(options: &Options) -> io::Result<()> {
    let server = Server::bind(&options.listen, options.stack_size)?;
    let shared = server.shared();
    writeln!(io::stdout(), "{}", shared.address())?;
    io::stdout().flush()?;
    if options.stop_at_eof {
        let shared = Arc::clone(&shared);
        // An OS thread in both builds: `rt::io` has std's own stdin as long as green has none, and that would block
        // whoever shares the reading thread.
        std::thread::Builder::new().name("stdin".into()).spawn(move || {
            // Whatever it says and however it ends.
            let _ = std::io::copy(&mut std::io::stdin().lock().by_ref(), &mut std::io::sink());
            shared.stop();
        })?;
    }
    server.run();
    Ok(())
}

/// Understands the arguments; `None` asks for help.
fn parse(mut args: impl Iterator<Item = String>) -> Result<Option<Options>, String> {
    let mut options = Options { listen: "127.0.0.1:6379".into(), stack_size: STACK_SIZE, stop_at_eof: false };
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or_else(|| format!("{arg} needs a value"));
        match arg.as_str() {
            "--listen" => options.listen = value()?,
            "--stack-size" => {
                let text = value()?;
                options.stack_size = text.parse().map_err(|_| format!("not a number of bytes: {text}"))?;
            }
            "--stop-at-eof" => options.stop_at_eof = true,
            "--help" | "-h" => return Ok(None),
            _ => return Err(format!("unknown argument {arg}")),
        }
    }
    Ok(Some(options))
}

fn fail(message: &str, code: u8) -> ExitCode {
    // There is nowhere left to report a broken standard error.
    let _ = io::stderr().write_all(message.as_bytes());
    ExitCode::from(code)
}
