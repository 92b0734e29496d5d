//! Several buffers as one datagram, for a socket that takes one.

use std::io::{self, IoSlice, IoSliceMut};

/// The most that a datagram of the internet holds; a Unix one that is longer has calls of its own.
const LONGEST: usize = 64 * 1024;

/// Receives a datagram into `bufs` by `recv`, which fills one buffer.
pub(super) fn scatter(
    bufs: &mut [IoSliceMut<'_>],
    recv: impl FnOnce(&mut [u8]) -> io::Result<usize>,
) -> io::Result<usize> {
    if let [buf] = bufs {
        return recv(buf);
    }
    let room = bufs.iter().map(|buf| buf.len()).sum::<usize>().min(LONGEST);
    let mut datagram = vec![0; room];
    let count = recv(&mut datagram)?;
    let mut rest = &datagram[..count];
    for buf in bufs {
        let (part, more) = rest.split_at(rest.len().min(buf.len()));
        buf[..part.len()].copy_from_slice(part);
        rest = more;
    }
    Ok(count)
}

/// Sends `bufs` as one datagram by `send`, which takes one buffer.
pub(super) fn gather(bufs: &[IoSlice<'_>], send: impl FnOnce(&[u8]) -> io::Result<usize>) -> io::Result<usize> {
    match bufs {
        [buf] => send(buf),
        _ => send(&bufs.iter().flat_map(|buf| buf.iter().copied()).collect::<Vec<_>>()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_datagram_goes_through_several_buffers() {
        let mut sent = Vec::new();
        let parts: [&[u8]; 3] = [b"ab", b"", b"cde"];
        let count = gather(&parts.map(IoSlice::new), |datagram| {
            sent.extend_from_slice(datagram);
            Ok(datagram.len())
        });
        assert_eq!((count.unwrap(), &sent[..]), (5, &b"abcde"[..]));

        let (mut one, mut other) = ([0; 1], [0; 8]);
        let count = scatter(&mut [IoSliceMut::new(&mut one), IoSliceMut::new(&mut other)], |room| {
            assert_eq!(room.len(), 9);
            room[..5].copy_from_slice(&sent);
            Ok(5)
        });
        assert_eq!((count.unwrap(), &one, &other[..4]), (5, b"a", &b"bcde"[..]));
    }
}
