//! The same code against std and against this crate.

mod on_std {
    use std as rt;

    include!("parity/checks.rs");
}

mod on_green {
    /// The module in which ours have std's paths.
    mod rt {
        pub(super) use green_process as process;

        pub(super) mod os {
            pub(crate) mod unix {
                pub(crate) use green_process::os::unix as process;
            }
        }
    }

    include!("parity/checks.rs");
}
