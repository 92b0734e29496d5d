//! Tasks, watches, channels and listeners in the manner of QEMU's I/O layer, on green threads.
