//! Recognises a write of a row: one that the SDK repeated, and one that others may have followed since.

/// A row knows so many writes before its last one.
const KEPT: usize = 3;
/// So many characters of a nonce distinguish the writes of a row.
const TAG_CHARS: usize = 8;

/// Whether the row that a write conflicts with was written by an earlier try of this very write: an SDK repeats a call
/// whose answer it lost. An empty nonce matches nothing.
pub fn is_same_write(stored: &str, nonce: &str) -> bool {
    !nonce.is_empty() && stored == nonce
}

/// The writes of a row before its last one, by the beginnings of their nonces: the newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trail(Vec<String>);

impl Trail {
    /// The trail of the write that follows the one with that nonce, which has this trail.
    #[must_use]
    pub fn behind(&self, nonce: &str) -> Self {
        Self(std::iter::once(tag(nonce)).chain(self.0.iter().cloned()).take(KEPT).collect())
    }

    /// As it is stored; `None` if there is nothing to store.
    pub fn text(&self) -> Option<String> {
        (!self.0.is_empty()).then(|| self.0.join(","))
    }

    pub fn parse(text: &str) -> Self {
        Self(text.split(',').map(str::to_owned).collect())
    }
}

fn tag(nonce: &str) -> String {
    nonce.chars().take(TAG_CHARS).collect()
}

/// What a row shows of its writes.
#[derive(Clone, Copy, Debug)]
pub struct Writes<'a> {
    /// The number of the last one.
    pub number: u64,
    pub nonce: &'a str,
    pub trail: &'a Trail,
}

impl Writes<'_> {
    /// Whether the row's write with that number is the one with that nonce. `None`: too many have followed it.
    pub fn has(&self, number: u64, nonce: &str) -> Option<bool> {
        let Some(followed_by) = self.number.checked_sub(number) else { return Some(false) };
        match usize::try_from(followed_by).unwrap_or(usize::MAX) {
            0 => Some(is_same_write(self.nonce, nonce)),
            writes => self.trail.0.get(writes - 1).map(|known| *known == tag(nonce)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_knows_its_last_writes_and_no_earlier_ones() {
        let nonces =
            ["0123456789abcdef", "1123456789abcdef", "2123456789abcdef", "3123456789abcdef", "4123456789abcdef"];
        let trail = nonces[..4].iter().fold(Trail::default(), |trail, nonce| trail.behind(nonce));
        let trail = Trail::parse(&trail.text().expect("not empty"));
        let row = Writes { number: 5, nonce: nonces[4], trail: &trail };
        let known: Vec<_> = (1..=6).map(|number| row.has(number, nonces[(number as usize - 1).min(4)])).collect();
        assert_eq!(known, [None, Some(true), Some(true), Some(true), Some(true), Some(false)]);
        assert_eq!(
            (row.has(5, nonces[3]), row.has(4, nonces[4]), row.has(5, "")),
            (Some(false), Some(false), Some(false))
        );
        assert_eq!(Trail::default().text(), None);
    }
}
