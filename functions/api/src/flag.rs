//! How a flag is written in a query: `true`, `false`, `1` or `0`.

/// `None`: the text is no flag.
pub fn read(text: &str) -> Option<bool> {
    match text {
        "false" | "0" => Some(false),
        "true" | "1" => Some(true),
        _ => None,
    }
}
