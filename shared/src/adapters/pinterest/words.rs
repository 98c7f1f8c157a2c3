//! Pinterest's words, as far as they are its own.
//!
//! A refusal often quotes what we sent: "Parameter 'title' with the value 'Curly hair' is …". What is quoted, addresses
//! and our own texts are cut out before words are matched, or a pin could choose its own failure. In this order:
//! characters are brought into one form ([`normal`]), our own texts are cut ([`own`]), then what stands in quotation
//! marks ([`quoted`]), and what is left are [`Words`].

mod normal;
mod own;
mod quoted;

use crate::domain::secret::Secret;

/// Stands for a text that was cut out, so that the words before and after it don't become neighbours. One character.
pub const CUT: &str = "\u{fffc}";
/// Stands for an address. One character.
pub const ADDRESS: &str = "\u{fffd}";
/// Stands for the name of a scope, as `boards:write` is one.
const SCOPE: &str = "scope:";
/// Stands for any word in a phrase.
pub const ANY: &str = "_";
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

/// A word and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Token {
    word: String,
    from: usize,
    to: usize,
}

impl Token {
    /// The word, or the two that it is short for.
    fn words(self) -> Vec<String> {
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
fn tokens(text: &[char]) -> Vec<Token> {
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
