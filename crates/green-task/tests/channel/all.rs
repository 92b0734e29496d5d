//! §5.2: `*_all` and `*_all_eof`: the end before any byte, the end in between, and would-block beside errors.

use std::io::{self, ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::time::{Duration, Instant};

use green_net::{TcpListener, TcpStream};
use green_task::channel::{Buffer, Channel, Null, Pipe, Shutdown, Socket};

use crate::support::unix_pair;

#[test]
fn the_end_before_any_byte_is_no_error_and_the_end_in_between_is() {
    let buffer = Buffer::from(b"abcde".to_vec());
    let (mut one, mut other) = ([0; 2], [0; 1]);
    assert!(buffer.readv_all_eof(&mut [IoSliceMut::new(&mut one), IoSliceMut::new(&mut other)]).unwrap());
    assert_eq!((&one, &other), (b"ab", b"c"));
    let error = buffer.readv_all_eof(&mut [IoSliceMut::new(&mut [0; 3])]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
    assert!(!buffer.readv_all_eof(&mut [IoSliceMut::new(&mut [0; 3])]).unwrap());
    let error = buffer.readv_all(&mut [IoSliceMut::new(&mut [0; 3])]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
}

#[test]
fn the_end_of_a_stream_is_told_from_an_end_in_between() {
    for sent in [&b""[..], b"ab"] {
        let (near, far) = unix_pair();
        let reader = green_thread::spawn(move || far.readv_all_eof(&mut [IoSliceMut::new(&mut [0; 3])]));
        (&near).write_all(sent).unwrap();
        drop(near);
        match reader.join().unwrap() {
            Ok(filled) => assert!(!filled && sent.is_empty()),
            Err(error) => assert!(error.kind() == ErrorKind::UnexpectedEof && !sent.is_empty(), "{error}"),
        }
    }
}

#[test]
fn nothing_to_fill_is_filled_and_nothing_to_write_is_written() {
    let (near, _far) = unix_pair();
    for channel in [&near as &dyn Channel, &Null, &Buffer::new()] {
        assert!(channel.readv_all_eof(&mut []).unwrap());
        assert!(channel.readv_all_eof(&mut [IoSliceMut::new(&mut []), IoSliceMut::new(&mut [])]).unwrap());
        channel.writev_all(&mut [IoSlice::new(&[])]).unwrap();
    }
}

#[test]
fn empty_buffers_in_between_change_nothing() {
    let (near, far) = Pipe::pair().unwrap();
    near.writev_all(&mut [IoSlice::new(b""), IoSlice::new(b"ab"), IoSlice::new(b""), IoSlice::new(b"c")]).unwrap();
    let (mut one, mut other) = ([0; 1], [0; 2]);
    let mut bufs = [&mut [][..], &mut one, &mut [], &mut other].map(IoSliceMut::new);
    far.readv_all(&mut bufs).unwrap();
    assert_eq!((&one, &other), (b"a", b"bc"));
}

#[test]
fn would_block_is_no_other_error_and_comes_at_once() {
    let (near, far) = unix_pair();
    let (left, right) = Pipe::pair().unwrap();
    for (near, far) in [(&near as &dyn Channel, &far as &dyn Channel), (&left, &right)] {
        far.set_nonblocking(true).unwrap();
        let error = far.readv(&mut [IoSliceMut::new(&mut [0])]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
        assert!(!far.wait_readable(Some(Instant::now())).unwrap());
        near.writev_all(&mut [IoSlice::new(b"a")]).unwrap();
        assert!(far.wait_readable(None).unwrap());
        assert_eq!(far.readv(&mut [IoSliceMut::new(&mut [0; 2])]).unwrap(), 1);
        assert!(far.wait_writable(None).unwrap());
        // A write that finds no room for all of it says how much went.
        let mut written = 0;
        let error = loop {
            match far.writev(&[IoSlice::new(&[1; 100_000])]) {
                Ok(count) => written += count,
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
        near.readv_all(&mut [IoSliceMut::new(&mut vec![0; written])]).unwrap();
    }
    // The end is no would-block. (A child that another test starts may have a copy of a socket that is only dropped.)
    near.shutdown(Shutdown::Both).unwrap();
    assert_eq!(far.readv(&mut [IoSliceMut::new(&mut [0])]).unwrap(), 0);
}

#[test]
fn a_sockets_own_timeout_ends_a_loop_over_it() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    near.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
    let (mut far, _) = listener.accept().unwrap();
    far.write_all(b"a").unwrap();
    let error = Socket::from(near).readv_all(&mut [IoSliceMut::new(&mut [0; 2])]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
}

#[test]
fn an_error_of_the_channel_ends_a_loop_over_it() {
    let (near, far) = unix_pair();
    far.shutdown(Shutdown::Both).unwrap();
    let error = near.writev_all(&mut [IoSlice::new(b"a")]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BrokenPipe);
}

#[test]
fn a_channel_of_any_kind_is_a_reader_and_a_writer() {
    let (near, far) = Pipe::pair().unwrap();
    let (mut near, far): (Box<dyn Channel>, Box<dyn Channel>) = (Box::new(near), Box::new(far));
    let reader = green_thread::spawn(move || {
        let mut text = String::new();
        let mut far = far;
        far.read_to_string(&mut text).map(|_| text)
    });
    near.write_all(b"through ").unwrap();
    io::copy(&mut &b"a box"[..], &mut &*near).unwrap();
    near.close().unwrap();
    assert_eq!(reader.join().unwrap().unwrap(), "through a box");
}
