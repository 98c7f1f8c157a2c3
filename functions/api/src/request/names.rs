//! Names that a request has made up, as answers repeat them.

/// The length of the name of an unknown field in an answer, in characters.
pub const UNKNOWN_NAME_MAX: usize = 100;

pub fn shortened(name: &str) -> String {
    name.chars().take(UNKNOWN_NAME_MAX).collect()
}
