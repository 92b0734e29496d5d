//! What std's own tests lean on beside std: ours, in place of the helpers that they have inside std. This file is a part of
//! each crate that `cargo xtask parity --std-tests` makes, where `std` is std or green.

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicU64, Ordering};
use std::path::{Path, PathBuf};
use std::{env, fs, process, thread};

/// The variable that puts the body of each test into a thread that it spawns.
const INSIDE: &str = "STD_TESTS_SPAWN";

/// Runs the body of a test: here, or in a thread of the subject, whose panic is this one's.
pub fn run<T: Send + 'static>(body: impl FnOnce() -> T + Send + 'static) -> T {
    if env::var_os(INSIDE).is_none() {
        return body();
    }
    let name = thread::current().name().unwrap_or("test").to_owned();
    let thread = thread::Builder::new().name(name).spawn(body).expect("a thread for a test");
    thread.join().unwrap_or_else(|panic| resume_unwind(panic))
}

/// What the tests for both kinds of locks call in place of `unwrap`.
#[track_caller]
pub fn unwrapped<T, E: std::fmt::Debug>(result: Result<T, E>) -> T {
    result.unwrap()
}

/// A folder that goes away with its value.
#[derive(Debug)]
pub struct TempDir(PathBuf);

impl TempDir {
    pub fn join(&self, path: &str) -> PathBuf {
        self.0.join(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let removed = fs::remove_dir_all(&self.0);
        if !thread::panicking() {
            removed.expect("the folder can be removed");
        }
    }
}

pub fn tmpdir() -> TempDir {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let path = env::temp_dir().join(format!("std-tests-{}-{count}", process::id()));
    fs::create_dir(&path).expect("a folder for a test");
    TempDir(path)
}

/// Numbers that differ from call to call, for tests that want some of any kind.
#[derive(Debug)]
pub struct Numbers(u64);

pub fn test_rng() -> Numbers {
    static SEED: AtomicU64 = AtomicU64::new(1);
    Numbers(SEED.fetch_add(1, Ordering::Relaxed) ^ u64::from(process::id()) << 32)
}

impl rand::RngCore for Numbers {
    fn next_u64(&mut self) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

/// As much of the crate `rand` as the tests name.
pub mod rand {
    pub trait RngCore {
        fn next_u64(&mut self) -> u64;

        fn fill_bytes(&mut self, bytes: &mut [u8]) {
            for chunk in bytes.chunks_mut(8) {
                chunk.copy_from_slice(&self.next_u64().to_le_bytes()[..chunk.len()]);
            }
        }
    }

    pub trait Rng: RngCore {
        fn random_bool(&mut self, probability: f64) -> bool {
            (self.next_u64() as f64) < probability * (u64::MAX as f64)
        }
    }

    impl<R: RngCore> Rng for R {}

    pub mod distr {
        pub struct Alphanumeric;

        pub trait SampleString {
            fn sample_string(&self, numbers: &mut super::super::Numbers, length: usize) -> String;
        }

        impl SampleString for Alphanumeric {
            fn sample_string(&self, numbers: &mut super::super::Numbers, length: usize) -> String {
                let letter = |_| char::from(b'a' + (super::RngCore::next_u64(numbers) % 26) as u8);
                (0..length).map(letter).collect()
            }
        }
    }
}

/// Addresses for tests of sockets.
pub mod net {
    use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, ToSocketAddrs};

    pub fn next_test_ip4() -> SocketAddr {
        free_port(sa4(Ipv4Addr::LOCALHOST, 0))
    }

    pub fn next_test_ip6() -> SocketAddr {
        free_port(sa6(Ipv6Addr::LOCALHOST, 0))
    }

    /// Returns the address with a port that nobody has had in this process.
    fn free_port(mut address: SocketAddr) -> SocketAddr {
        use std::sync::atomic::{AtomicU16, Ordering};
        static NEXT: AtomicU16 = AtomicU16::new(0);
        // Below the ports that the system gives to who asks for any.
        let first = 12_000 + (std::process::id() % 20) as u16 * 1_000;
        loop {
            address.set_port(first + NEXT.fetch_add(1, Ordering::Relaxed) % 1_000);
            if TcpListener::bind(address).is_ok() || !address.ip().is_loopback() {
                return address;
            }
        }
    }

    pub fn sa4(address: Ipv4Addr, port: u16) -> SocketAddr {
        SocketAddr::from((address, port))
    }

    pub fn sa6(address: Ipv6Addr, port: u16) -> SocketAddr {
        SocketAddr::from((address, port))
    }

    pub fn tsa<A: ToSocketAddrs>(addresses: A) -> Result<Vec<SocketAddr>, String> {
        addresses.to_socket_addrs().map(Iterator::collect).map_err(|error| error.to_string())
    }

    pub fn compare_ignore_zoneid(a: &SocketAddr, b: &SocketAddr) -> bool {
        match (a, b) {
            (SocketAddr::V6(a), SocketAddr::V6(b)) => {
                (a.ip(), a.port(), a.flowinfo()) == (b.ip(), b.port(), b.flowinfo())
            }
            _ => a == b,
        }
    }
}
