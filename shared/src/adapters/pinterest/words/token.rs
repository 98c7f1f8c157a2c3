//! The words of a text, and where they stand.

use crate::adapters::pinterest::marks::{ADDRESS, CUT};

/// Stands for the name of a scope, as `boards:write` is one.
pub const SCOPE: &str = "scope:";

/// A word and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    pub word: String,
    pub from: usize,
    pub to: usize,
}

impl Token {
    /// The word, or the two that it is short for.
    pub fn words(self) -> Vec<String> {
        match self.word.as_str() {
            "cannot" => vec!["can".into(), "not".into()],
            word => match word.strip_suffix("n't") {
                Some(verb) => vec![if verb == "ca" { "can".into() } else { verb.into() }, "not".into()],
                None => vec![self.word],
            },
        }
    }
}

/// The words of a text in its normal form. An apostrophe between letters is part of its word, and so is the colon of a
/// scope's name.
pub fn tokens(text: &[char]) -> Vec<Token> {
    let is_part = |at: usize| match text.get(at) {
        Some('\'') => {
            at > 0 && text[at - 1].is_alphanumeric() && text.get(at + 1).copied().is_some_and(char::is_alphanumeric)
        }
        Some(c) => c.is_alphanumeric() || *c == '_',
        None => false,
    };
    let (mut found, mut at) = (Vec::<Token>::new(), 0);
    while at < text.len() {
        let from = at;
        while is_part(at) {
            at += 1;
        }
        if at > from {
            found.push(Token { word: text[from..at].iter().collect(), from, to: at });
            continue;
        }
        let sign = String::from(text[at]);
        if [CUT, ADDRESS].contains(&sign.as_str()) {
            found.push(Token { word: sign, from, to: at + 1 });
        }
        at += 1;
    }
    let mut at = 0;
    while at + 1 < found.len() {
        let (subject, verb) = (&found[at], &found[at + 1]);
        let is_scope = text[subject.to..verb.from] == [':']
            && ["read", "write", "read_secret", "write_secret"].contains(&verb.word.as_str());
        if is_scope {
            let scope = Token { word: SCOPE.into(), from: subject.from, to: verb.to };
            found.splice(at..=at + 1, [scope]);
        }
        at += 1;
    }
    found
}
