//! Tests that do not hold under a sanitizer, each with its reason.

use super::Sanitizer;

/// A test that is left out.
struct Skip {
    /// The binary, as `TestBinary::name` has it.
    binary: &'static str,
    /// What the names of the tests contain.
    test: &'static str,
    /// The one sanitizer under which it does not hold; none if it is both.
    under: Option<Sanitizer>,
    #[expect(dead_code, reason = "for who reads the table")]
    why: &'static str,
}

const TABLE: &[Skip] = &[Skip {
    binary: "-p green-core --test greenlet_memory",
    test: "memory_stays_flat",
    under: None,
    why: "measures memory, most of which is the sanitizer's",
}];

/// Returns what the names of the tests contain that are left out of a binary.
pub(super) fn of(binary: &str, sanitizer: Sanitizer) -> Vec<&'static str> {
    let here = |skip: &&Skip| skip.binary == binary && skip.under.is_none_or(|under| under == sanitizer);
    TABLE.iter().filter(here).map(|skip| skip.test).collect()
}
