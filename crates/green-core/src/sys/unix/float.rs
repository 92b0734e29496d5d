//! The floating-point flags that make a context switch slow when they differ.

/// Presets the sticky floating-point flags of the calling OS thread; `context.rs` tells why.
pub(crate) fn calm_float_flags() {
    // Miri knows no assembler; there nothing is switched.
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    {
        // All exceptions masked, as at program start, and all six sticky flags raised.
        let flags: u32 = 0x1fbf;
        // SAFETY: `ldmxcsr` reads four bytes; the value keeps every exception masked, so that only the status flags
        // change, which no Rust operation reads.
        unsafe {
            std::arch::asm!("ldmxcsr [{}]", in(reg) &raw const flags, options(nostack, readonly));
        }
    }
}
