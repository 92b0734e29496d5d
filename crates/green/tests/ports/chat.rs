//! The chat server.

use crate::program::Server;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

const BUILDS: [&str; 2] = ["chat_std", "chat_green"];

/// A chat server with a listener of each kind.
struct Chat {
    server: Server,
    address: String,
    path: PathBuf,
    folder: tempfile::TempDir,
}

trait Connection: Read + Write + Send {
    fn end_writing(&self);
}

impl Connection for TcpStream {
    fn end_writing(&self) {
        self.shutdown(Shutdown::Write).unwrap();
    }
}

impl Connection for UnixStream {
    fn end_writing(&self) {
        self.shutdown(Shutdown::Write).unwrap();
    }
}

struct Client(BufReader<Box<dyn Connection>>);

impl Chat {
    fn start(build: &str) -> Chat {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let mut server = Server::start(build, &["--tcp", "127.0.0.1:0", "--unix", path.to_str().unwrap()]);
        let address = server.line().strip_prefix("tcp ").unwrap().to_owned();
        assert_eq!(server.line(), format!("unix {}", path.display()));
        Chat { server, address, path, folder }
    }

    fn tcp(&self) -> Client {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream.set_nodelay(true).unwrap();
        Client(BufReader::new(Box::new(stream)))
    }

    fn unix(&self) -> Client {
        let stream = UnixStream::connect(&self.path).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        Client(BufReader::new(Box::new(stream)))
    }
}

impl Client {
    fn say(&mut self, line: &str) {
        self.0.get_mut().write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    fn hear(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        line
    }

    #[track_caller]
    fn expect(&mut self, line: &str) {
        assert_eq!(self.hear().trim_end(), line);
    }

    #[track_caller]
    fn expect_end(&mut self) {
        assert_eq!(self.hear(), "");
    }

    fn join(mut self, name: &str, here: &str) -> Client {
        self.expect("name?");
        self.say(name);
        self.expect(format!("* welcome, {name}; here: {here}").trim_end());
        self
    }
}

/// Talks to the chat of each build, ends it, and checks what it printed after its addresses.
fn with_each_build(printed: &[&str], talk: impl Fn(&Chat)) {
    for build in BUILDS {
        let chat = Chat::start(build);
        talk(&chat);
        // The folder stays: the server connects to its own socket to wake up.
        let Chat { server, path, folder: _folder, .. } = chat;
        let (rest, status) = server.stop();
        assert!(status.success(), "{build}: {status}");
        let mut lines: Vec<_> = rest.lines().collect();
        // Those who leave together may do so in any order.
        lines.sort_unstable();
        let mut printed = [printed, &["stopped"]].concat();
        printed.sort_unstable();
        assert_eq!(lines, printed, "{build}");
        assert!(!path.exists(), "{build} leaves its socket behind");
    }
}

#[test]
fn clients_of_both_kinds_hear_each_other() {
    let printed = [
        "alice has joined",
        "bob has joined",
        "bob has left: good night",
        "carol has joined",
        "carol has left",
        "anna has left",
    ];
    with_each_build(&printed, |chat| {
        let mut alice = chat.tcp().join("alice", "");
        let mut bob = chat.unix().join("bob", "alice");
        alice.expect("* bob has joined");
        let mut carol = chat.tcp().join("carol", "alice bob");
        alice.expect("* carol has joined");
        bob.expect("* carol has joined");

        alice.say("hello, \u{e9}veryone\r");
        bob.expect("<alice> hello, \u{e9}veryone");
        carol.expect("<alice> hello, \u{e9}veryone");
        bob.say("/me waves");
        alice.expect("* bob waves");
        carol.expect("* bob waves");
        carol.say("/msg bob psst");
        bob.expect("[carol] psst");
        bob.say("/who");
        bob.expect("* here: alice bob carol");
        alice.say("/name anna");
        alice.expect("* you are now anna");
        bob.expect("* alice is now anna");
        carol.expect("* alice is now anna");
        bob.say("/quit good night");
        bob.expect_end();
        alice.expect("* bob has left: good night");
        carol.expect("* bob has left: good night");
        carol.0.get_ref().end_writing();
        carol.expect_end();
        alice.expect("* carol has left");
        // The rest is the server's end: `alice` is dropped here without a word.
        drop(alice);
        let mut witness = chat.unix();
        witness.expect("name?");
        while {
            witness.say("/who");
            witness.hear()
        } != "* here: \n"
        {}
    });
}

#[test]
fn what_is_not_understood_is_refused() {
    with_each_build(&["bob has joined", "bob has left", "x has joined", "x has left: too long a line"], |chat| {
        let mut alice = chat.unix();
        alice.expect("name?");
        for name in ["", "a b", "<>", "seventeen-letters"] {
            alice.say(name);
            alice.expect("! a name has 1 to 16 letters, digits, - or _");
        }
        let mut bob = chat.tcp().join("bob", "");
        alice.say("bob");
        alice.expect("! that name is taken");
        alice.say("/me waves");
        alice.expect("! say your name first");
        alice.say("/quit");
        alice.expect_end();
        for (said, answer) in [
            ("/dance", "! unknown command /dance"),
            ("/me", "! say what"),
            ("/msg zoe hi", "! nobody is called zoe"),
            ("/name", "! a name has 1 to 16 letters, digits, - or _"),
            ("/name bob", "! that name is taken"),
        ] {
            bob.say(said);
            bob.expect(answer);
        }
        let mut x = chat.unix().join("x", "bob");
        bob.expect("* x has joined");
        x.say(&"z".repeat(1024));
        x.expect("! that line is too long");
        x.expect_end();
        bob.expect("* x has left: too long a line");
        bob.say("/quit");
        bob.expect_end();
    });
}

#[test]
fn who_does_not_listen_is_shown_the_door_and_delays_nobody() {
    let printed = ["deaf has joined", "talker has joined", "deaf has left: too slow", "talker has left"];
    with_each_build(&printed, |chat| {
        let _deaf = chat.unix().join("deaf", "");
        let mut talker = chat.tcp().join("talker", "deaf");
        let line = "z".repeat(1000);
        loop {
            // Each answer shows that the talker is served, however full the other's outbox is.
            talker.say(&line);
            talker.say("/who");
            match talker.hear().trim_end() {
                "* here: deaf talker" => {}
                "* deaf has left: too slow" => break,
                other => panic!("heard {other}"),
            }
        }
        talker.expect("* here: talker");
        talker.say("/quit");
        talker.expect_end();
    });
}

#[test]
fn a_hundred_clients_hear_all_that_is_said_in_one_order() {
    const CLIENTS: usize = 100;
    for build in BUILDS {
        let chat = Chat::start(build);
        let mut clients: Vec<_> = (0..CLIENTS).map(|n| if n % 2 == 0 { chat.tcp() } else { chat.unix() }).collect();
        for (n, client) in clients.iter_mut().enumerate() {
            client.expect("name?");
            client.say(&format!("c{n}"));
            assert!(client.hear().starts_with("* welcome"));
        }
        for client in &mut clients {
            client.say("hello");
        }
        let said = |client: &mut Client| {
            let mut lines = Vec::new();
            while lines.len() < CLIENTS - 1 {
                let line = client.hear();
                if line.ends_with("hello\n") {
                    lines.push(line);
                }
            }
            lines
        };
        let heard: Vec<Vec<String>> = clients.iter_mut().map(said).collect();
        // Nobody hears itself, so two hear the same but for what they said themselves.
        for (n, lines) in heard.iter().enumerate().skip(1) {
            let others = |lines: &[String]| {
                lines
                    .iter()
                    .filter(|line| !["<c0> hello\n", &format!("<c{n}> hello\n")].contains(&line.as_str()))
                    .cloned()
                    .collect::<Vec<_>>()
            };
            assert_eq!(others(lines), others(&heard[0]), "{build}");
        }
        let Chat { server, folder: _folder, .. } = chat;
        let (_, status) = server.stop();
        assert!(status.success(), "{build}: {status}");
        for client in &mut clients {
            client.expect("* the server stops");
            client.expect_end();
        }
    }
}
