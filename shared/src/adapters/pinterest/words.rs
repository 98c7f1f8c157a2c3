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

use super::marks::{ANY, CUT};
use crate::domain::secret::Secret;
use token::{Token, tokens};

/// The beginnings of Pinterest's tokens.
const TOKEN_PREFIXES: [&str; 3] = ["pina_", "pinr_", "pinc_"];

/// What stands around a message that is quoted as a whole: "Error: “Sorry, we could not fetch the image.”".
const FRAME: [&str; 24] = [
    "a",
    "an",
    "and",
    "answer",
    "api",
    "body",
    "code",
    "detail",
    "details",
    "error",
    "errors",
    "exception",
    "following",
    "from",
    "message",
    "pinterest",
    "reason",
    "response",
    "said",
    "says",
    "server",
    "status",
    "the",
    "with",
];
/// Says that the account isn't what was refused, so that it isn't taken for that.
const REASSURING: [&str; 14] = [
    "account is fine",
    "account is ok",
    "account is okay",
    "account is safe",
    "account is not affected",
    "account was not affected",
    "account is not blocked",
    "account is not restricted",
    "account is not suspended",
    "account is in good standing",
    "account remains active",
    "account is still active",
    "not affect your account",
    "not your account",
];
/// Is in every one of [`REASSURING`].
const REASSURED: &str = "account";
/// Marks a sentence about the account as a warning or as advice: "Your account may be closed if this happens again."
const ASIDE: [&str; 16] = [
    "may lead",
    "may be",
    "might be",
    "could be",
    "may result",
    "could result",
    "happens again",
    "if you think",
    "if you believe",
    "mistake",
    "repeat*",
    "contact",
    "support",
    "settings",
    "a warning",
    "in the future",
];
const SENTENCE_ENDS: [char; 3] = ['.', '!', '?'];
/// A sentence has at least so many words; fewer are the value of a field.
const SENTENCE_MIN: usize = 4;

/// What Pinterest said: its words in lower case, without what it quotes. "Couldn't" is "could not".
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words(Vec<String>);

impl Words {
    /// Reads a message. `own` are the texts that we have sent, and that it may repeat.
    pub fn of(message: &str, own: &[&str]) -> Self {
        let mut text = normal::of_message(message);
        own::cut(&mut text, own);
        let text = without_asides(text);
        let outside = Self::read(&quoted::cut(&text));
        let is_frame = |word: &String| word == CUT || is_number(word) || FRAME.contains(&word.as_str());
        if !outside.0.iter().all(is_frame) {
            return outside;
        }
        let whole = Self::read(&text);
        let quoted = whole.0.iter().filter(|word| !is_frame(word)).count();
        if quoted >= SENTENCE_MIN && !own.iter().any(|own| whole.repeats(own)) { whole } else { outside }
    }

    /// Whether a sentence of ours may be what is quoted.
    fn repeats(&self, own: &str) -> bool {
        let own = Self::read(&normal::of_text(own)).0;
        let length = own.len().clamp(1, SENTENCE_MIN);
        own.windows(length).any(|part| self.0.windows(length).any(|said| said == part))
    }

    fn read(text: &[char]) -> Self {
        let mut words = Self(tokens(text).into_iter().flat_map(Token::words).collect());
        // Most texts reassure of nothing, above all our own: they needn't be searched for each phrase.
        if !words.say(REASSURED) {
            return words;
        }
        for phrase in REASSURING {
            while let Some(at) = words.place_of(phrase) {
                words.0.splice(at..at + phrase.split(' ').count(), [CUT.to_owned()]);
            }
        }
        words
    }

    /// Whether the words have this phrase: whole words, the beginnings of words that end in `*`, and any word for `_`.
    pub fn say(&self, phrase: &str) -> bool {
        self.place_of(phrase).is_some()
    }

    fn place_of(&self, phrase: &str) -> Option<usize> {
        let (first, rest) = phrase.split_once(' ').unwrap_or((phrase, ""));
        let goes_on = |at: usize| {
            let mut said = self.0[at + 1..].iter();
            rest.is_empty() || rest.split(' ').all(|wanted| said.next().is_some_and(|word| fits(word, wanted)))
        };
        self.0.iter().enumerate().position(|(at, word)| fits(word, first) && goes_on(at))
    }

    pub fn say_any(&self, phrases: &[&str]) -> bool {
        phrases.iter().any(|phrase| self.say(phrase))
    }

    pub fn text(&self) -> String {
        self.0.join(" ")
    }
}

/// Without sentences that only warn of what may happen to the account, if another says what has happened.
fn without_asides(text: Vec<char>) -> Vec<char> {
    let (mut sentences, mut from) = (Vec::new(), 0);
    for (at, c) in text.iter().enumerate() {
        if SENTENCE_ENDS.contains(c) && text.get(at + 1) == Some(&' ') {
            sentences.push(text[from..=at].to_vec());
            from = at + 1;
        }
    }
    sentences.push(text[from..].to_vec());
    let is_aside = |sentence: &Vec<char>| {
        let words = Words::read(sentence);
        words.say_any(&["account", "account's", "accounts"]) && words.say_any(&ASIDE)
    };
    if sentences.iter().all(is_aside) {
        return text;
    }
    sentences.retain(|sentence| !is_aside(sentence));
    sentences.concat()
}

fn is_number(word: &str) -> bool {
    word.bytes().all(|byte| byte.is_ascii_digit())
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
