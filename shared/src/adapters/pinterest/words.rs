//! Pinterest's words, as far as they are its own.
//!
//! A refusal often quotes what we sent: "Parameter 'title' with the value 'Curly hair' is …". What is quoted, addresses
//! and our own texts are cut out before words are matched, or a pin could choose its own failure. In this order:
//! characters are brought into one form ([`normal`]), our own texts are cut ([`own`]), then what stands in quotation
//! marks ([`quoted`]), and what is left are [`Words`].

mod normal;
mod own;
mod quoted;
mod token;

use super::marks::ANY;
use crate::domain::secret::Secret;
use token::{Token, tokens};

/// The beginnings of Pinterest's tokens.
const TOKEN_PREFIXES: [&str; 3] = ["pina_", "pinr_", "pinc_"];

/// What Pinterest said: its words in lower case, without what it quotes. "Couldn't" is "could not".
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words(Vec<String>);

impl Words {
    /// Reads a message. `own` are the texts that we have sent, and that it may repeat.
    pub fn of(message: &str, own: &[&str]) -> Self {
        let mut text = normal::of_message(message);
        own::cut(&mut text, own);
        Self(tokens(&quoted::cut(&text)).into_iter().flat_map(Token::words).collect())
    }

    /// Whether the words have this phrase: whole words, the beginnings of words that end in `*`, and any word for `_`.
    pub fn say(&self, phrase: &str) -> bool {
        let (first, rest) = phrase.split_once(' ').unwrap_or((phrase, ""));
        let goes_on = |at: usize| {
            let mut said = self.0[at + 1..].iter();
            rest.is_empty() || rest.split(' ').all(|wanted| said.next().is_some_and(|word| fits(word, wanted)))
        };
        self.0.iter().enumerate().any(|(at, word)| fits(word, first) && goes_on(at))
    }

    pub fn say_any(&self, phrases: &[&str]) -> bool {
        phrases.iter().any(|phrase| self.say(phrase))
    }

    pub fn text(&self) -> String {
        self.0.join(" ")
    }
}

fn fits(word: &str, wanted: &str) -> bool {
    wanted == ANY || wanted.strip_suffix('*').map_or(word == wanted, |stem| word.starts_with(stem))
}

/// The message without tokens: it is logged, stored and shown.
pub fn scrubbed(message: &str, token: &Secret) -> String {
    let mut text = if token.is_empty() { message.to_owned() } else { message.replace(token.expose(), "[token]") };
    for prefix in TOKEN_PREFIXES {
        while let Some(at) = text.find(prefix) {
            let rest = &text[at + prefix.len()..];
            let length = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '-').unwrap_or(rest.len());
            text.replace_range(at..at + prefix.len() + length, "[token]");
        }
    }
    text
}

#[cfg(test)]
mod tests;
