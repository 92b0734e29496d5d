//! The same code against std and against this crate.

mod on_std {
    use std as rt;

    mod tcp {
        use super::rt;
        include!("parity/tcp.rs");
    }
    mod udp {
        use super::rt;
        include!("parity/udp.rs");
    }
    mod unix {
        use super::rt;
        include!("parity/unix.rs");
    }
}

mod on_green {
    /// The module in which ours have std's paths.
    mod rt {
        pub(super) use green_net as net;
        pub(super) use green_thread as thread;

        pub(super) mod os {
            pub(in super::super) mod unix {
                pub(in super::super::super) use green_net::os::unix as net;
            }
            pub(in super::super) mod linux {
                pub(in super::super::super) use green_net::os::linux as net;
            }
        }
    }

    mod tcp {
        use super::rt;
        include!("parity/tcp.rs");
    }
    mod udp {
        use super::rt;
        include!("parity/udp.rs");
    }
    mod unix {
        use super::rt;
        include!("parity/unix.rs");
    }
}
