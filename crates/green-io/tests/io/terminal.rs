//! A `Pollable` of a terminal.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{FromRawFd, OwnedFd};
use std::ptr;

use green_io::{IsTerminal, Pollable};

use crate::support::{beside, is_nonblocking};

/// Opens a pair of terminal ends: the one of the emulator and the one of the program.
fn terminal() -> (OwnedFd, OwnedFd) {
    let (mut master, mut slave) = (0, 0);
    // SAFETY: the call writes two numbers; the other pointers may be null.
    let result = unsafe { libc::openpty(&raw mut master, &raw mut slave, ptr::null_mut(), ptr::null(), ptr::null()) };
    assert_eq!(result, 0);
    // SAFETY: the kernel has just made these descriptors, and nobody else owns them.
    let master = unsafe { OwnedFd::from_raw_fd(master) };
    // SAFETY: as above.
    (master, unsafe { OwnedFd::from_raw_fd(slave) })
}

#[test]
fn terminals_park_in_both_directions() {
    let (master, slave) = terminal();
    let mut emulator = Pollable::new(File::from(master));
    let program = Pollable::new(slave);
    assert!(program.get_ref().is_terminal() && program.is_terminal());
    let program = beside(
        move || {
            let mut line = [0; 80];
            let count = (&program).read(&mut line).unwrap();
            assert_eq!(&line[..count], b"typed\n", "a read ends with the line");
            program
        },
        || emulator.write_all(b"typed\nand more").unwrap(),
    );
    assert!(!is_nonblocking(&program));
    const LINES: usize = 20_000;
    let program = beside(
        move || {
            let text = "twenty bytes of text\n".repeat(LINES);
            assert_eq!((&program).write(text.as_bytes()).unwrap(), text.len());
            program
        },
        || {
            // The terminal's echo, and what it makes of line ends.
            let expected = "typed\r\nand more".to_owned() + &"twenty bytes of text\r\n".repeat(LINES);
            let mut shown = vec![0; expected.len()];
            emulator.read_exact(&mut shown).unwrap();
            assert!(String::from_utf8(shown).unwrap() == expected);
        },
    );
    assert!(!is_nonblocking(&program) && !is_nonblocking(&emulator));
}

#[test]
fn a_terminal_whose_emulator_is_gone_is_at_its_end() {
    let (master, slave) = terminal();
    drop(master);
    let mut program = Pollable::new(slave);
    assert_eq!(program.read(&mut [0]).unwrap(), 0);
    assert_eq!(program.write(b"x").unwrap_err().raw_os_error(), Some(libc::EIO));
}

#[test]
fn a_read_that_asks_for_no_wait_gets_none() {
    let (_master, slave) = terminal();
    let mut program = Pollable::new(slave);
    // SAFETY: a termios is numbers only, for which zeroes are valid: no canonical mode, VMIN 0, VTIME 0.
    let settings: libc::termios = unsafe { std::mem::zeroed() };
    let fd = std::os::fd::AsRawFd::as_raw_fd(program.get_ref());
    // SAFETY: the descriptor is open and the struct outlives the call.
    assert_eq!(unsafe { libc::tcsetattr(fd, libc::TCSANOW, &raw const settings) }, 0);
    assert_eq!(program.read(&mut [0; 8]).unwrap(), 0);
}
