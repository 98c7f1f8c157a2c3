//! Recognises a write that the SDK repeated.

/// Whether the row that a write conflicts with was written by an earlier try of this very write: an SDK repeats a call
/// whose answer it lost. An empty nonce matches nothing.
pub fn is_same_write(stored: &str, nonce: &str) -> bool {
    !nonce.is_empty() && stored == nonce
}
