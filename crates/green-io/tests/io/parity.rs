//! One source, compiled against std and against green.

/// A module in which `io` and `thread` are std's, and one in which they are green's.
macro_rules! parity {
    ($($name:ident: $file:literal),+) => {
        mod with_std {
            use std::{io, thread};
            $(mod $name {
                use super::{io, thread};
                include!($file);
            })+
        }
        mod with_green {
            use {green_io as io, green_thread as thread};
            $(mod $name {
                use super::{io, thread};
                include!($file);
            })+
        }
    };
}

parity!(pipe: "parity/pipe.rs", traits: "parity/traits.rs");
