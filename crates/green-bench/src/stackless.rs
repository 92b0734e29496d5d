//! The workloads' three words where waiting is spelt out.

/// Waits for something.
macro_rules! wait {
    ($wanted:expr) => {
        $wanted.await
    };
}

/// Something to be spawned.
macro_rules! task {
    ($body:block) => {
        async move $body
    };
}

/// A function that waits.
macro_rules! function {
    ($(#[$meta:meta])* $vis:vis fn $name:ident$(<$kind:ident: $bound:path>)?($($argument:ident: $type:ty),*) $(-> $result:ty)? $body:block) => {
        $(#[$meta])*
        $vis async fn $name$(<$kind: $bound>)?($($argument: $type),*) $(-> $result)? $body
    };
}
