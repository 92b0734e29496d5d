//! What each connection asks, and the answers that must come back.
//!
//! A connection asks five things over and over, about keys of its own, so that every answer is known beforehand.

/// Appends request `number`, counted from 0, of a connection.
pub(super) fn write_request(out: &mut Vec<u8>, connection: usize, number: u64) {
    let connection = connection as u64;
    match number % 5 {
        0 => out.extend_from_slice(b"*1\r\n$4\r\nPING\r\n"),
        1 => {
            out.extend_from_slice(b"*3\r\n$3\r\nSET\r\n$10\r\nk:");
            write_padded::<8>(out, connection);
            out.extend_from_slice(b"\r\n$14\r\nv:");
            write_padded::<12>(out, number);
            out.extend_from_slice(b"\r\n");
        }
        2 => {
            out.extend_from_slice(b"*2\r\n$3\r\nGET\r\n$10\r\nk:");
            write_padded::<8>(out, connection);
            out.extend_from_slice(b"\r\n");
        }
        3 => {
            out.extend_from_slice(b"*2\r\n$4\r\nINCR\r\n$10\r\nn:");
            write_padded::<8>(out, connection);
            out.extend_from_slice(b"\r\n");
        }
        _ => {
            out.extend_from_slice(b"*2\r\n$4\r\nECHO\r\n$14\r\ne:");
            write_padded::<12>(out, number);
            out.extend_from_slice(b"\r\n");
        }
    }
}

/// Appends the right answer to request `number`.
pub(super) fn write_answer(out: &mut Vec<u8>, number: u64) {
    match number % 5 {
        0 => out.extend_from_slice(b"+PONG\r\n"),
        1 => out.extend_from_slice(b"+OK\r\n"),
        2 => {
            out.extend_from_slice(b"$14\r\nv:");
            write_padded::<12>(out, number - 1);
            out.extend_from_slice(b"\r\n");
        }
        3 => {
            out.push(b':');
            out.extend_from_slice((number / 5 + 1).to_string().as_bytes());
            out.extend_from_slice(b"\r\n");
        }
        _ => {
            out.extend_from_slice(b"$14\r\ne:");
            write_padded::<12>(out, number);
            out.extend_from_slice(b"\r\n");
        }
    }
}

/// Appends the last `WIDTH` digits of `value`: keys of one length need no length of their own.
fn write_padded<const WIDTH: usize>(out: &mut Vec<u8>, mut value: u64) {
    let mut digits = [b'0'; WIDTH];
    for digit in digits.iter_mut().rev() {
        *digit += (value % 10) as u8;
        value /= 10;
    }
    out.extend_from_slice(&digits);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_what_their_answers_answer() {
        let (mut requests, mut answers) = (Vec::new(), Vec::new());
        for number in 5..10 {
            write_request(&mut requests, 42, number);
            write_answer(&mut answers, number);
        }
        let requests = String::from_utf8(requests).unwrap();
        assert_eq!(
            requests.replace("\r\n", " "),
            "*1 $4 PING *3 $3 SET $10 k:00000042 $14 v:000000000006 *2 $3 GET $10 k:00000042 \
             *2 $4 INCR $10 n:00000042 *2 $4 ECHO $14 e:000000000009 "
        );
        let answers = String::from_utf8(answers).unwrap();
        assert_eq!(answers.replace("\r\n", " "), "+PONG +OK $14 v:000000000006 :2 $14 e:000000000009 ");
    }
}
