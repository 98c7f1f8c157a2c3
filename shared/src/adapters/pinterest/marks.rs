//! What stands for something else among Pinterest's words, and in the phrases that are looked for.

/// Stands for a text that was cut out, so that the words before and after it don't become neighbours. One character.
pub const CUT: &str = "\u{fffc}";
/// Stands for an address. One character.
pub const ADDRESS: &str = "\u{fffd}";
/// Stands for any word in a phrase.
pub const ANY: &str = "_";
