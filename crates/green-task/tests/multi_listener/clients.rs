//! Many clients at once, while the handler comes and goes.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use green_task::channel::Socket;

use crate::support::{LONG, client, listener, name_of};

#[test]
fn of_many_clients_none_is_lost_and_none_comes_twice() {
    const CLIENTS: usize = 200;
    let (listener, _) = listener();
    listener.open("127.0.0.1:0", 64).unwrap();
    let addresses = listener.addresses();
    let seen = Arc::new(Mutex::new(BTreeSet::new()));
    let serve = |seen: &Arc<Mutex<BTreeSet<String>>>| {
        let seen = Arc::clone(seen);
        move |client: Socket| {
            let name = name_of(&client);
            assert!(seen.lock().unwrap().insert(name), "a client came twice");
            drop(std::io::Write::write_all(&mut &client, b"\n"));
        }
    };
    let clients: Vec<_> = (0..CLIENTS)
        .map(|n| {
            let address = addresses[n % addresses.len()].clone();
            green_thread::spawn(move || name_of(&client(&address, &n.to_string())))
        })
        .collect();
    let mut round = 0;
    while !clients.iter().all(green_thread::JoinHandle::is_finished) {
        round += 1;
        match round % 4 {
            0 => listener.clear_handler(),
            1 | 2 => listener.set_handler(serve(&seen)).unwrap(),
            _ => {
                if let Some(client) = listener.wait_client_timeout(LONG / 10_000).unwrap() {
                    serve(&seen)(client);
                }
            }
        }
        green_thread::yield_now();
    }
    for client in clients {
        assert_eq!(client.join().unwrap(), "");
    }
    assert_eq!(seen.lock().unwrap().len(), CLIENTS);
}
