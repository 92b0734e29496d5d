//! Channels: two that answer each other, and senders that send as fast as they can.

use super::rt;
use crate::meter::Meter;
use crate::report::Report;
use crate::settings::Settings;

function! {
    /// Two that answer each other over two channels, `total` round trips in all, shared out among `pairs` of them, one
    /// after the other.
    pub(super) fn ping_pong(settings: &'static Settings) -> Report {
        let pairs: usize = settings.get("pairs").unwrap_or(1);
        let each = settings.need::<usize>("total").div_ceil(pairs);
        let meter = Meter::start();
        for _ in 0..pairs {
            let (ping, mut pings) = rt::channel();
            let (pong, mut pongs) = rt::channel();
            let server = rt::spawn(task!({
                while let Some(count) = wait!(rt::receive(&mut pings)) {
                    pong.send(count + 1).expect("a receiver");
                }
            }));
            let client = rt::spawn(task!({
                let mut count = 0_usize;
                for _ in 0..each {
                    ping.send(count).expect("a receiver");
                    count = wait!(rt::receive(&mut pongs)).expect("a sender");
                }
                count
            }));
            assert_eq!(wait!(rt::join(client)), each);
            wait!(rt::join(server));
        }
        meter.stop().report_each(each * pairs)
    }
}

function! {
    /// `senders` to one receiver, which is the driver; `total` messages in all.
    pub(super) fn throughput(settings: &'static Settings) -> Report {
        let senders: usize = settings.need("senders");
        let each = settings.need::<usize>("total").div_ceil(senders);
        let meter = Meter::start();
        let (sender, mut receiver) = rt::channel();
        for _ in 0..senders {
            let sender = sender.clone();
            rt::spawn(task!({
                for number in 0..each {
                    sender.send(number).expect("a receiver");
                }
            }));
        }
        drop(sender);
        let (mut count, mut sum) = (0, 0);
        while let Some(number) = wait!(rt::receive(&mut receiver)) {
            count += 1;
            sum += number;
        }
        let measured = meter.stop();
        assert_eq!((count, sum), (senders * each, senders * (each * (each - 1) / 2)));
        measured.report_each(count)
    }
}
