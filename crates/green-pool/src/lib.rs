//! Pools of green threads, of resources and of OS threads, as eventlet has them.
