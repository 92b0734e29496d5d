//! The workloads' three words where a blocking call just returns later.

/// Waits for something.
macro_rules! wait {
    ($wanted:expr) => {
        $wanted
    };
}

/// Something to be spawned.
macro_rules! task {
    ($body:block) => {
        move || $body
    };
}

/// A function that waits.
macro_rules! function {
    ($(#[$meta:meta])* $vis:vis fn $name:ident$(<$kind:ident: $bound:path>)?($($argument:ident: $type:ty),*) $(-> $result:ty)? $body:block) => {
        $(#[$meta])*
        $vis fn $name$(<$kind: $bound>)?($($argument: $type),*) $(-> $result)? $body
    };
}
