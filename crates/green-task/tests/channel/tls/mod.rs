//! TLS, which is not green's own: rustls as a channel that a user brings (A38), and over a `TcpStream` as it is over std's,
//! with the names of eventlet's `ssl_test`.

mod channel;
mod config;

use std::io::{self, ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use green_core::kill::Killed;
use green_net::serve::{Builder, Listener, ServeError};
use green_net::{SocketAddr, TcpListener, TcpStream};
use green_task::channel::{Channel, Feature, Shutdown};
use green_thread as thread;
use rustls::{ClientConnection, ServerConnection, StreamOwned};
use socket2::SockRef;

pub(crate) use channel::Tls;

use crate::support::{LONG, pair, wait_for};
use config::{client_config, client_that_trusts, server_config, server_name};

fn tls_pair() -> (Tls, Tls) {
    let (near, far) = pair("127.0.0.1:0");
    (Tls::client(near), Tls::server(far))
}

fn write(channel: &Tls, data: &[u8]) -> io::Result<()> {
    channel.writev_all(&mut [IoSlice::new(data)])
}

fn read<const N: usize>(channel: &Tls) -> io::Result<[u8; N]> {
    let mut data = [0; N];
    channel.readv_all(&mut [IoSliceMut::new(&mut data)])?;
    Ok(data)
}

/// Lets hardly anything fit between two ends of a connection; those that a listener accepts inherit it.
fn narrow(socket: &impl AsFd) {
    let socket = SockRef::from(socket);
    socket.set_send_buffer_size(16 << 10).unwrap();
    socket.set_recv_buffer_size(64 << 10).unwrap();
}

#[test]
fn both_directions_of_a_channel_go_on_at_once() {
    const LEN: usize = 3 << 20;
    let (near, far) = tls_pair();
    thread::scope(|scope| {
        for (channel, mark) in [(&near, 1_u8), (&far, 2)] {
            scope.spawn(move || write(channel, &vec![mark; LEN]).unwrap());
            scope.spawn(move || {
                let mut data = vec![0; LEN];
                channel.readv_all(&mut [IoSliceMut::new(&mut data)]).unwrap();
                assert!(data.iter().all(|byte| *byte == 3 - mark));
            });
        }
    });
}

#[test]
fn a_question_is_answered_while_a_reader_waits() {
    let (near, far) = tls_pair();
    thread::scope(|scope| {
        let answer = scope.spawn(|| read::<4>(&near).unwrap());
        scope.spawn(|| write(&far, &read::<4>(&far).unwrap()).unwrap());
        scope.spawn(|| write(&near, b"echo").unwrap());
        assert_eq!(&answer.join().unwrap(), b"echo");
    });
}

#[test]
fn the_end_of_a_channel_is_told_from_a_cut() {
    let (near, far) = tls_pair();
    let reader = thread::spawn(move || {
        assert_eq!(&read::<3>(&far).unwrap(), b"end");
        far.readv_all_eof(&mut [IoSliceMut::new(&mut [0])])
    });
    write(&near, b"end").unwrap();
    Box::new(near).close().unwrap();
    assert!(!reader.join().unwrap().unwrap());

    let (near, far) = pair("127.0.0.1:0");
    let far = Tls::server(far);
    let reader = thread::spawn(move || {
        assert_eq!(&read::<3>(&far).unwrap(), b"cut");
        read::<1>(&far)
    });
    let mut near = StreamOwned::new(ClientConnection::new(client_config(), server_name()).unwrap(), near);
    near.write_all(b"cut").unwrap();
    near.sock.shutdown(Shutdown::Write).unwrap();
    assert_eq!(reader.join().unwrap().unwrap_err().kind(), ErrorKind::UnexpectedEof);
}

#[test]
fn what_a_channel_of_ones_own_lacks_is_an_error_of_itself() {
    let (near, _far) = tls_pair();
    assert!(near.has_feature(Feature::Shutdown) && !near.has_feature(Feature::FdPass));
    let error = near.readv_with_fds(&mut [], &mut Vec::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(near.peek(&mut [0]).is_err() && near.seek(io::SeekFrom::Start(0)).is_err());
    near.set_nodelay(true).unwrap();
}

#[test]
fn a_channel_survives_the_kill_of_who_waits() {
    let (near, far) = pair("127.0.0.1:0");
    [&near, &far].into_iter().for_each(narrow);
    let (near, far) = (Tls::client(near), Arc::new(Tls::server(far)));
    let shaking = Arc::clone(&far);
    let victim = thread::spawn(move || read::<1>(&shaking).map(drop));
    wait_for("the other side", || near.wait_writable(Some(Instant::now() + Duration::from_millis(1))).unwrap());
    victim.kill().unwrap();
    assert!(victim.join().unwrap_err().is::<Killed>());
    let writer = thread::spawn(move || {
        let data = vec![7; 4 << 20];
        write(&near, &data)
    });
    assert_eq!(read(&far).unwrap(), [7; 100]);
    writer.kill().unwrap();
    assert!(writer.join().unwrap_err().is::<Killed>());
    // What it had not sent is not sent; what it had is whole.
    assert_eq!(read(&far).unwrap(), [7; 1000]);
}

#[test]
fn who_is_not_trusted_is_an_error_on_both_sides() {
    let (near, far) = pair("127.0.0.1:0");
    let far = Tls::server(far);
    let server = thread::spawn(move || read::<1>(&far));
    let other = rcgen::generate_simple_self_signed(["other.example".to_owned()]).unwrap();
    let config = client_that_trusts([other.cert.der().clone()]);
    let mut near = StreamOwned::new(ClientConnection::new(config, server_name()).unwrap(), near);
    assert_eq!(near.write_all(b"x").unwrap_err().kind(), ErrorKind::InvalidData);
    assert_eq!(server.join().unwrap().unwrap_err().kind(), ErrorKind::InvalidData);
}

/// A listener whose connections speak TLS, and have yet to shake hands.
struct TlsListener(TcpListener);

type Server = StreamOwned<ServerConnection, TcpStream>;

fn server(stream: TcpStream) -> Server {
    StreamOwned::new(ServerConnection::new(server_config()).unwrap(), stream)
}

fn client(stream: TcpStream) -> StreamOwned<ClientConnection, TcpStream> {
    StreamOwned::new(ClientConnection::new(client_config(), server_name()).unwrap(), stream)
}

impl Listener for TlsListener {
    type Stream = Server;
    type Addr = SocketAddr;

    fn accept(&self) -> io::Result<(Server, SocketAddr)> {
        let (stream, addr) = self.0.accept()?;
        Ok((server(stream), addr))
    }
}

/// eventlet's `test_no_handshake_block_accept_loop`: a client that never shakes hands keeps nobody else from it.
#[test]
fn who_never_shakes_hands_does_not_hold_up_the_others() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let failures = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&failures);
    let server = Builder::new()
        .on_error(move |error| {
            assert!(matches!(error, ServeError::Handler(_)), "{error}");
            counted.fetch_add(1, Ordering::SeqCst);
        })
        .serve(TlsListener(listener), |mut stream: Server, _| {
            let mut word = [0; 4];
            stream.read_exact(&mut word)?;
            stream.write_all(&word)
        })
        .unwrap();
    let silent: Vec<_> = (0..3).map(|_| TcpStream::connect(addr).unwrap()).collect();
    for _ in 0..3 {
        let mut client = client(TcpStream::connect(addr).unwrap());
        client.write_all(b"echo").unwrap();
        let mut word = [0; 4];
        client.read_exact(&mut word).unwrap();
        assert_eq!(&word, b"echo");
    }
    wait_for("the end of those who spoke", || server.connections() == 3);
    assert_eq!(failures.load(Ordering::SeqCst), 0);
    drop(silent);
    assert!(server.stop_within(LONG).unwrap());
    assert_eq!(failures.load(Ordering::SeqCst), 3);
}

/// eventlet's `test_receiving_doesnt_block_if_there_is_already_decrypted_buffered_data`.
#[test]
fn what_is_decrypted_already_is_read_without_waiting() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let reader = thread::spawn(move || {
        let mut stream = server(listener.accept().unwrap().0);
        let mut byte = [0];
        let mut text = Vec::new();
        while text.len() < 8 {
            stream.read_exact(&mut byte).unwrap();
            text.push(byte[0]);
            if text.len() == 1 {
                // All of it came in one record: the socket has nothing more, and would say so.
                stream.sock.set_nonblocking(true).unwrap();
                assert_eq!(stream.sock.peek(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
                stream.sock.set_nonblocking(false).unwrap();
            }
        }
        stream.write_all(&text).unwrap();
    });
    let mut client = client(TcpStream::connect(addr).unwrap());
    client.write_all(b"buffered").unwrap();
    let mut text = [0; 8];
    client.read_exact(&mut text).unwrap();
    assert_eq!(&text, b"buffered");
    reader.join().unwrap();

    // So it is with the channel, and its wait knows.
    let (near, far) = tls_pair();
    let writer = thread::spawn(move || write(&near, b"buffered").map(|()| near));
    assert_eq!(read(&far).unwrap(), [b'b']);
    assert!(far.wait_readable(Some(Instant::now())).unwrap());
    far.set_nonblocking(true).unwrap();
    assert_eq!(&read::<7>(&far).unwrap(), b"uffered");
    assert!(!far.wait_readable(Some(Instant::now())).unwrap());
    drop(writer.join().unwrap());
}

/// Returns for how long this OS thread has run.
fn run_time() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(text.split(' ').next().unwrap().parse().unwrap())
}

/// eventlet's `test_sendall_cpu_usage`: to send to who does not read costs no time, until that one reads.
#[test]
fn a_sender_that_waits_for_room_does_not_spin() {
    const LEN: usize = 4 << 20;
    const SPAN: Duration = Duration::from_millis(100);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    narrow(&listener);
    let addr = listener.local_addr().unwrap();
    let (say, said) = std::sync::mpsc::channel();
    let sending = std::thread::spawn(move || {
        let sender = thread::spawn_local(move || {
            let mut stream = client(TcpStream::connect(addr).unwrap());
            narrow(&stream.sock);
            stream.write_all(&vec![5; LEN]).unwrap();
            stream.conn.send_close_notify();
            stream.flush().unwrap();
        });
        // The sender alone runs here. Until there is no room left, it does so all the time.
        let stops = (0..100).any(|_| {
            let before = run_time();
            thread::sleep(SPAN);
            run_time() - before < SPAN / 10
        });
        say.send(stops && !sender.is_finished()).unwrap();
        sender.join().unwrap();
    });
    let mut stream = server(listener.accept().unwrap().0);
    stream.conn.complete_io(&mut stream.sock).unwrap();
    // Nothing is read before this.
    assert!(said.recv().unwrap(), "it runs and runs");
    let mut data = Vec::new();
    stream.read_to_end(&mut data).unwrap();
    assert!(data == vec![5; LEN]);
    sending.join().unwrap();
}
