//! The HTTP server.

use crate::program::Server;
use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

const BUILDS: [&str; 2] = ["httpd_std", "httpd_green"];
/// Sat, 05 Sep 2026 12:34:56 GMT.
const MODIFIED: u64 = 1_788_611_696;

/// A folder to serve, and a file beside it that is not to be served.
fn site() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir_all(at("site/sub/bare")).unwrap();
    fs::write(at("secret"), "not to be seen").unwrap();
    fs::write(at("site/index.html"), "<h1>home</h1>").unwrap();
    fs::write(at("site/sub/index.html"), "sub").unwrap();
    fs::write(at("site/a b.txt"), "0123456789").unwrap();
    fs::write(at("site/empty.css"), "").unwrap();
    fs::write(at("site/big.bin"), big()).unwrap();
    symlink(at("secret"), at("site/out")).unwrap();
    let modified = SystemTime::UNIX_EPOCH + Duration::from_secs(MODIFIED);
    fs::File::options().write(true).open(at("site/a b.txt")).unwrap().set_modified(modified).unwrap();
    folder
}

fn big() -> Vec<u8> {
    (0..3_000_000_u32).map(|n| (n * 7 / 5) as u8).collect()
}

/// A running server and its address.
fn start(build: &str, folder: &Path, args: &[&str]) -> (Server, String) {
    let site = folder.join("site");
    let mut server = Server::start(build, &[&["--listen", "127.0.0.1:0", site.to_str().unwrap()], args].concat());
    let address = server.line();
    (server, address)
}

fn connect(address: &str) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream
}

/// Sends bytes, says that there are no more, and returns all that is answered, without the dates of today.
fn converse(address: &str, request: &[u8]) -> String {
    let mut stream = connect(address);
    let mut writer = stream.try_clone().unwrap();
    let mut answer = Vec::new();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            // The server may have heard enough before the end.
            let _ = writer.write_all(request);
            let _ = writer.shutdown(Shutdown::Write);
        });
        stream.read_to_end(&mut answer).unwrap();
    });
    let text = answer.escape_ascii().to_string().replace("\\r\\n", "\n").replace("\\n", "\n");
    text.lines().filter(|line| !line.starts_with("Date: ")).map(|line| format!("{line}\n")).collect()
}

/// Asks both builds, which must answer the same, and checks that the answer has all of `parts`.
#[track_caller]
fn check(addresses: &[String], request: &[u8], parts: &[&str]) {
    let answers = [&addresses[0], &addresses[1]].map(|address| converse(address, request));
    assert_eq!(answers[0], answers[1], "{}", request.escape_ascii());
    for part in parts {
        assert!(answers[0].contains(part), "{}\nanswered\n{}", request.escape_ascii(), answers[0]);
    }
}

#[test]
fn both_builds_answer_alike() {
    let folder = site();
    let (servers, addresses): (Vec<_>, Vec<_>) =
        BUILDS.map(|build| start(build, folder.path(), &["--log"])).into_iter().unzip();
    let get = |target: &str, more: &str| {
        format!("GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{more}\r\n").into_bytes()
    };
    let page = "\n\n<h1>home</h1>\n";
    let cases: &[(Vec<u8>, &[&str])] = &[
        (
            get("/", ""),
            &["HTTP/1.1 200 OK\n", "Content-Type: text/html; charset=utf-8\n", "Content-Length: 13\n", page],
        ),
        (get("/index.html?a=b#c", ""), &["200 OK", page]),
        (get("/sub", ""), &["301 Moved", "Location: /sub/\n"]),
        (get("/sub/", ""), &["200 OK", "\n\nsub\n"]),
        (get("/sub/bare/", ""), &["404 Not Found"]),
        (get("/none", ""), &["404 Not Found"]),
        (get("/index.html/", ""), &["404 Not Found"]),
        (get("/a%20b.txt", ""), &["200 OK", "Last-Modified: Sat, 05 Sep 2026 12:34:56 GMT\n", "\n\n0123456789\n"]),
        (get("/empty.css", ""), &["200 OK", "text/css", "Content-Length: 0\n"]),
        (get("/../secret", ""), &["403 Forbidden"]),
        (get("/%2e%2e/secret", ""), &["403 Forbidden"]),
        (get("/sub/..%2f..%2fsecret", ""), &["403 Forbidden"]),
        (get("//etc/passwd", ""), &["404 Not Found"]),
        (get("/out", ""), &["404 Not Found"]),
        (get("/%zz", ""), &["400 Bad Request"]),
        (get("/%0", ""), &["400 Bad Request"]),
        (get("/%00", ""), &["400 Bad Request"]),
        (get("*", ""), &["400 Bad Request"]),
        (get("/a%20b.txt", "Range: bytes=2-4\r\n"), &["206 Partial", "Content-Range: bytes 2-4/10\n", "\n\n234\n"]),
        (get("/a%20b.txt", "Range: bytes=7-\r\n"), &["206 Partial", "\n\n789\n"]),
        (get("/a%20b.txt", "Range: bytes=-2\r\n"), &["206 Partial", "\n\n89\n"]),
        (get("/a%20b.txt", "Range: bytes=10-\r\n"), &["416 Range", "Content-Range: bytes */10\n"]),
        (get("/a%20b.txt", "Range: lines=1-2\r\n"), &["200 OK", "0123456789"]),
        (get("/a%20b.txt", "If-Modified-Since: Sat, 05 Sep 2026 12:34:56 GMT\r\n"), &["304 Not Modified"]),
        (get("/a%20b.txt", "If-Modified-Since: Sat, 05 Sep 2026 12:34:55 GMT\r\n"), &["200 OK"]),
        (get("/a%20b.txt", "If-Modified-Since: yesterday\r\n"), &["200 OK"]),
        (get(&format!("/{}", "a".repeat(300)), ""), &["404 Not Found"]),
        (get(&format!("/{}", "a".repeat(5000)), ""), &["414 URI Too Long"]),
        (get(&format!("/{}", "a".repeat(100_000)), ""), &["414 URI Too Long"]),
        (get("/", &format!("X: {}\r\n", "a".repeat(30_000))), &["431 Request Header"]),
        (get("/", &"X: y\r\n".repeat(100)), &["431 Request Header"]),
        (b"HEAD / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".to_vec(), &["200 OK", "Content-Length: 13\n"]),
        (
            b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc".to_vec(),
            &["405 Method", "Allow: GET, HEAD\n", "Connection: close\n"],
        ),
        (b"GET / HTTP/1.1\r\n\r\n".to_vec(), &["400 Bad Request"]),
        (b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n".to_vec(), &["400 Bad Request"]),
        (b"GET / HTTP/2.0\r\nHost: x\r\n\r\n".to_vec(), &["HTTP/1.1 "]),
        (b"GET / HTTP/1.1\r\nHost".to_vec(), &["400 Bad Request"]),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc".to_vec(), &["400 Bad Request"]),
        (b"GET / HTTP/1.0\r\n\r\n".to_vec(), &["200 OK", "Connection: close\n", page]),
        (
            b"GET /none HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET / HTTP/1.0\r\n\r\n".to_vec(),
            &["404", "200 OK", page],
        ),
        (b"".to_vec(), &[]),
    ];
    for (request, parts) in cases {
        check(&addresses, request, parts);
    }
    let logs: Vec<_> = servers.into_iter().map(Server::stop).collect();
    assert!(logs.iter().all(|(_, status)| status.success()));
    assert_eq!(logs[0].0, logs[1].0);
    assert!(logs[0].0.starts_with("200 GET / 13\n200 GET /index.html?a=b#c 13\n301 GET /sub "), "{}", logs[0].0);
}

#[test]
fn requests_may_come_in_any_pieces_and_many_at_once() {
    let folder = site();
    for build in BUILDS {
        let (server, address) = start(build, folder.path(), &[]);
        let request = b"GET /a%20b.txt HTTP/1.1\r\nHost: x\r\n\r\n";
        let requests = request.repeat(50);
        for piece in [1, 10, 1000, requests.len()] {
            let mut stream = connect(&address);
            stream.set_nodelay(true).unwrap();
            let mut writer = stream.try_clone().unwrap();
            let mut answers = Vec::new();
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    requests.chunks(piece).for_each(|piece| writer.write_all(piece).unwrap());
                    writer.shutdown(Shutdown::Write).unwrap();
                });
                stream.read_to_end(&mut answers).unwrap();
            });
            assert_eq!(String::from_utf8(answers).unwrap().matches("\r\n\r\n0123456789").count(), 50, "{build}");
        }
        assert!(server.stop().1.success());
    }
}

#[test]
fn large_files_arrive_whole_also_at_slow_readers() {
    let folder = site();
    let expected = big();
    for build in BUILDS {
        let (server, address) = start(build, folder.path(), &[]);
        let mut streams: Vec<_> = (0..20).map(|_| connect(&address)).collect();
        for stream in &mut streams {
            stream.write_all(b"GET /big.bin HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
        }
        // One after the other: the rest have to wait with their sockets full.
        for stream in &mut streams {
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).unwrap();
            assert!(answer.ends_with(&expected), "{build}: {} bytes", answer.len());
        }
        assert!(server.stop().1.success());
    }
}

#[test]
fn more_connections_than_allowed_wait_for_their_turn() {
    let folder = site();
    for build in BUILDS {
        let (server, address) = start(build, folder.path(), &["--connections", "2"]);
        let mut streams: Vec<_> = (0..6).map(|_| connect(&address)).collect();
        for stream in &mut streams {
            stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            assert!(answer.ends_with("<h1>home</h1>"), "{build}: {answer}");
            stream.shutdown(Shutdown::Both).unwrap();
        }
        assert!(server.stop().1.success());
    }
}

#[test]
fn who_says_nothing_is_dropped_and_who_is_idle_at_the_end_is_too() {
    let folder = site();
    for build in BUILDS {
        let (server, address) = start(build, folder.path(), &["--idle", "50"]);
        let mut silent = connect(&address);
        let mut answer = Vec::new();
        silent.read_to_end(&mut answer).unwrap();
        assert_eq!(answer, b"", "{build}");
        assert!(server.stop().1.success());

        let (server, address) = start(build, folder.path(), &["--idle", "60000"]);
        let mut idle = connect(&address);
        idle.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"<h1>home</h1>") {
            let mut byte = [0];
            idle.read_exact(&mut byte).unwrap();
            answer.push(byte[0]);
        }
        assert!(server.stop().1.success(), "{build}");
        assert_eq!(idle.read(&mut [0]).unwrap(), 0, "{build}");
    }
}

#[test]
fn curl_is_content() {
    if Command::new("curl").arg("--version").stdout(Stdio::null()).status().is_err() {
        let _ = writeln!(std::io::stderr(), "skipped: there is no curl");
        return;
    }
    let folder = site();
    for build in BUILDS {
        let (server, address) = start(build, folder.path(), &[]);
        let curl = |args: &[&str], path: &str| {
            let mut curl = Command::new("curl");
            curl.args(["--silent", "--show-error", "--noproxy", "*", "--max-time", "30"]).args(args);
            let output = curl.arg(format!("http://{address}{path}")).output().unwrap();
            assert!(output.status.success(), "{build}: {}", output.stderr.escape_ascii());
            output.stdout
        };
        assert_eq!(curl(&[], "/"), b"<h1>home</h1>");
        assert_eq!(curl(&["--location"], "/sub"), b"sub");
        assert_eq!(curl(&["--range", "3-5"], "/a%20b.txt"), b"345");
        assert!(curl(&["--head"], "/").starts_with(b"HTTP/1.1 200 OK\r\n"));
        assert!(curl(&[], "/big.bin") == big());
        // Two on one connection.
        let url = format!("http://{address}/a%20b.txt");
        assert_eq!(curl(&["--write-out", "[%{num_connects}]", &url], "/sub/"), b"0123456789[1]sub[0]");
        assert!(server.stop().1.success());
    }
}
