//! What std has on some processors only.

#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
pub use std::is_x86_feature_detected;
