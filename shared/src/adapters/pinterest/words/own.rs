//! Cuts our own texts out of a message, whole or in part, but never out of a sentence of Pinterest's.
//!
//! A text of ours is found by its words. If one of them is no word of Pinterest's ([`is_pinterests`]), it is ours
//! wherever it stands. Otherwise ("Image", "Trial access") Pinterest may have said the same, and it is taken for ours
//! only where it is set off: behind the name of a field, as a sentence of its own, or before a mark that it was cut.

use std::sync::LazyLock;

use super::normal;
use super::token::{Token, tokens};
use crate::adapters::pinterest::marks::{ADDRESS, CUT};
use crate::adapters::pinterest::rows;

/// As many words of Pinterest's in a row, from the beginning of a text of ours, are no coincidence.
const LONG_WORDS: usize = 6;
/// The beginning of a text is recognised by this many characters where it is set off or marked as cut.
const BEGINNING_MIN: usize = 3;

/// Sentences that are known to be Pinterest's: a text with the same words doesn't make them ours.
const SENTENCES: [&str; 29] = [
    "sorry we could not fetch the image",
    "unable to reach the url",
    "please check the url is correct",
    "you've hit a block (pins) we have in place to combat spam",
    "we blocked this link because it may lead to spam",
    "we've blocked this description because it contains a link",
    "this site doesn't allow you to save pins",
    "something went wrong on our end",
    "is not a valid url format",
    "it looks like you entered an invalid url",
    "try creating a pin again with a valid url",
    "authentication failed",
    "the access token is invalid or expired",
    "authorization failed",
    "you don't have permission to edit that board",
    "not authorized to access board or pin",
    "you have exceeded your rate limit",
    "this request exceeded a rate limit",
    "the format of the image is not supported",
    "your image is too small",
    "please choose a larger image and try again",
    "this image is broken",
    "please pick a different image",
    "could not get exclusive access to the board",
    "board not found",
    "we couldn't find this board section",
    "your application consumer type is not supported",
    "apps with trial access may not create pins in production",
    "you are not permitted to access that resource",
];

static SENTENCE_WORDS: LazyLock<Vec<Vec<Token>>> =
    LazyLock::new(|| SENTENCES.iter().map(|sentence| tokens(&sentence.chars().collect::<Vec<char>>())).collect());

/// Words of a message that say nothing of whose text it is.
#[rustfmt::skip]
const COMMON: &[&str] = &[
    "a", "about", "after", "again", "all", "already", "also", "an", "and", "any", "api", "app", "apps", "are", "as",
    "at", "be", "because", "been", "before", "behavior", "behaviour", "being", "but", "by", "can", "check", "choose",
    "contact", "contains", "correct", "could", "couldn't", "did", "different", "do", "does", "for", "from", "goes",
    "against", "guidelines", "community", "had", "has", "have", "here", "if", "in", "instead", "into", "is", "it",
    "its", "later", "like", "looks", "make", "may", "might", "minutes", "more", "must", "new", "no", "now", "of", "on",
    "one", "or", "other", "our", "over", "please", "pin", "pins", "pinterest", "policy", "provided", "save", "saving",
    "sandbox", "seems", "should", "so", "sorry", "than", "that", "the", "their", "them", "there", "these", "they",
    "this", "those", "to", "too", "try", "trying", "under", "use", "used", "using", "value", "was", "we", "were",
    "what", "when", "which", "while", "will", "with", "without", "would", "you", "you've", "your",
];

/// A text that stands behind one of these is what it names.
const NAMES: [&str; 14] = [
    "title",
    "titled",
    "description",
    "alt",
    "text",
    "caption",
    "name",
    "named",
    "called",
    "value",
    "parameter",
    "field",
    "keyword",
    "phrase",
];
/// Fields whose names are words of many sentences: only the first word of a message names one, and only with the whole
/// text behind it.
const FIRST_NAMES: [&str; 3] = ["link", "note", "url"];
/// Names with an underscore of what is no field of a pin: Pinterest speaks of them itself.
const NO_FIELDS: [&str; 2] = ["access_token", "refresh_token"];
/// Behind one of these, a name of the user's may stand without any mark: "Board Too many requests: …".
const NAMED_THINGS: [&str; 4] = ["board", "boards", "section", "sections"];
/// What is said of a text that stands at the beginning.
const SAID_OF_A_TEXT: [&[&str]; 3] = [&["is", "too", "long"], &["is", "too", "short"], &["exceeds"]];
/// Marks that set a text off. (Not the comma: "Sorry, image unavailable.")
const SETS_OFF: [char; 16] = ['.', ':', ';', '!', '?', '(', ')', '"', '\'', '-', '–', '—', '|', '“', '”', '…'];

/// A word of a text of ours.
struct Own {
    token: Token,
    may_be_pinterests: bool,
}

/// A part of a message that has the same words as a part of a text of ours.
struct Same {
    /// Whether none of its words is ours alone.
    may_be_pinterests: bool,
    /// Words of the message, from and up to.
    from: usize,
    to: usize,
    is_beginning: bool,
    is_whole: bool,
    /// A mark behind it says that it was cut.
    is_cut: bool,
}

/// Cuts every text of `own` out of a message in its normal form.
pub fn cut(message: &mut Vec<char>, own: &[&str]) {
    let mut texts: Vec<(Vec<char>, &str)> = own.iter().map(|text| (form_of(text), mark_of(text))).collect();
    // A long one may contain a short one.
    texts.sort_by_key(|(text, _)| std::cmp::Reverse(text.len()));
    // Addresses as a whole first: two of them may end in the same host, and "example.com" is a part of both.
    for (text, mark) in texts.iter().filter(|(_, mark)| *mark == ADDRESS) {
        cut_text(message, text, mark, true);
    }
    for (text, mark) in &texts {
        // A part of the text may stand before the whole of it.
        cut_text(message, text, mark, true);
        cut_text(message, text, mark, false);
    }
}

/// An address in a text is replaced as it is in a message.
fn form_of(text: &str) -> Vec<char> {
    if text.contains(char::is_whitespace) { normal::of_message(text) } else { normal::of_text(text) }
}

/// An address reads as one also without its scheme.
fn mark_of(text: &str) -> &'static str {
    if text.contains('.') && !text.contains(char::is_whitespace) { ADDRESS } else { CUT }
}

fn cut_text(message: &mut Vec<char>, text: &[char], mark: &str, wants_whole: bool) {
    let own = tokens(text);
    if own.is_empty() {
        return;
    }
    let own: Vec<Own> =
        own.into_iter().map(|token| Own { may_be_pinterests: is_pinterests(&token.word), token }).collect();
    let (mut said, mut at) = (tokens(message), 0);
    while at < said.len() {
        let same =
            if wants_whole { part_at(message, &said, at, &own, 0) } else { longest_at(message, &said, at, &own) };
        let same = same.filter(|same| same.is_whole || !wants_whole).filter(|same| is_ours(message, &said, same));
        if let Some(same) = same {
            let (from, to) = (said[same.from].from, said[same.to - 1].to);
            // With the marks that the text itself begins and ends with.
            let from = from - same_end(&message[..from], &text[..own[0].token.from]);
            let after = &text[own[own.len() - 1].token.to..];
            let to = to + if same.is_whole { same_beginning(&message[to..], after) } else { 0 };
            message.splice(from..to, mark.chars());
            said = tokens(message);
        }
        at += 1;
    }
}

/// The longest part of the text whose words stand in the message from there on.
fn longest_at(message: &[char], said: &[Token], at: usize, own: &[Own]) -> Option<Same> {
    // The first of the longest: one from the beginning.
    let parts = (0..own.len()).filter_map(|begin| part_at(message, said, at, own, begin));
    parts.reduce(|best, next| if next.to > best.to { next } else { best })
}

/// What stands there of the text, from its word `begin` on.
fn part_at(message: &[char], said: &[Token], at: usize, own: &[Own], begin: usize) -> Option<Same> {
    let words = said[at..].iter().zip(&own[begin..]).take_while(|(said, own)| said.word == own.token.word).count();
    if words == 0 && begin > 0 {
        return None;
    }
    let is_cut_at = |to: usize| said.get(to - 1).is_some_and(|last| is_cut_mark(&message[last.to..]));
    let mut to = at + words;
    let mut may_be_pinterests = own[begin..begin + words].iter().all(|own| own.may_be_pinterests);
    // The last word may be cut, too.
    if let Some((said, own)) = said.get(to).zip(own.get(begin + words))
        && own.token.word.starts_with(&said.word)
        && is_cut_at(to + 1)
    {
        may_be_pinterests &= is_pinterests(&said.word);
        to += 1;
    }
    (to > at).then(|| Same {
        may_be_pinterests,
        from: at,
        to,
        is_beginning: begin == 0,
        is_whole: words == own.len(),
        is_cut: is_cut_at(to),
    })
}

fn is_ours(message: &[char], said: &[Token], same: &Same) -> bool {
    if is_in_sentence(said, same) && !is_named(message, said, same) {
        return false;
    }
    let words = &said[same.from..same.to];
    let length = words[words.len() - 1].to - words[0].from;
    if !same.may_be_pinterests {
        return same.is_whole || words.len() > 1 || same.is_cut;
    }
    if !same.is_beginning || length < BEGINNING_MIN {
        return false;
    }
    words.len() >= LONG_WORDS || same.is_cut || is_set_off(message, said, same)
}

fn is_set_off(message: &[char], said: &[Token], same: &Same) -> bool {
    let before = same.from.checked_sub(1).map(|before| &said[before]);
    if before.is_some_and(|before| is_name(&before.word)) {
        return true;
    }
    if same.is_whole && same.from == 1 && FIRST_NAMES.contains(&said[0].word.as_str()) {
        return true;
    }
    if !same.is_whole || same.to - same.from == said.len() {
        return false;
    }
    let gap_before = &message[before.map_or(0, |before| before.to)..said[same.from].from];
    let is_off_before = gap_before.iter().any(|c| SETS_OFF.contains(c))
        || before.is_none_or(|before| NAMED_THINGS.contains(&before.word.as_str()));
    let behind = &said[same.to..];
    let gap_behind = &message[said[same.to - 1].to..behind.first().map_or(message.len(), |behind| behind.from)];
    let is_off_behind = behind.is_empty() || gap_behind.iter().any(|c| SETS_OFF.contains(c));
    let is_said_of = |words: &&[&str]| {
        behind.len() >= words.len() && behind.iter().zip(words.iter()).all(|(behind, word)| behind.word == *word)
    };
    is_off_before && (is_off_behind || (same.to - same.from > 1 && SAID_OF_A_TEXT.iter().any(is_said_of)))
}

/// Whether it is the text of the field that is named before it: "Title Board not found contains banned words". Behind a
/// colon Pinterest may say what is wrong with the field, so there the sentence must go on.
fn is_named(message: &[char], said: &[Token], same: &Same) -> bool {
    let Some(before) = same.from.checked_sub(1).map(|before| &said[before]) else { return false };
    let has = |gap: &[char], signs: &[char]| gap.iter().any(|c| signs.contains(c));
    let gap = &message[before.to..said[same.from].from];
    let goes_on = said.get(same.to).is_some_and(|next| !has(&message[said[same.to - 1].to..next.from], &SETS_OFF));
    is_name(&before.word) && !has(gap, &['.', '!', '?']) && (goes_on || !has(gap, &SETS_OFF))
}

/// Whether the word names a field, as a person would call it or as it is called in a request: `alt_text`,
/// `board_section_id`.
fn is_name(word: &str) -> bool {
    NAMES.contains(&word) || (word.trim_matches('_').contains('_') && !NO_FIELDS.contains(&word))
}

/// Whether a message of Pinterest's may have the word without quoting anything.
fn is_pinterests(word: &str) -> bool {
    let apart = Token { word: word.to_owned(), from: 0, to: 0 }.words();
    apart.iter().all(|word| COMMON.contains(&word.as_str()) || rows::is_word_of_a_row(word))
        || COMMON.contains(&word)
        || NAMES.contains(&word)
        || [ADDRESS, CUT].contains(&word)
        || SENTENCE_WORDS.iter().flatten().any(|known| known.word == word)
}

fn is_in_sentence(said: &[Token], same: &Same) -> bool {
    SENTENCE_WORDS.iter().any(|sentence| {
        // Where a sentence that contains this part may begin.
        let first = same.to.saturating_sub(sentence.len());
        (first..=same.from).any(|at| {
            said.len() >= at + sentence.len()
                && said[at..].iter().zip(sentence).all(|(said, known)| said.word == known.word)
        })
    })
}

/// Whether a mark says here that a text was cut. ("…" is "..." in the normal form.)
fn is_cut_mark(behind: &[char]) -> bool {
    behind.starts_with(&['.', '.']) || behind.starts_with(&[' ', '.', '.'])
}

fn same_end(text: &[char], end: &[char]) -> usize {
    text.iter().rev().zip(end.iter().rev()).take_while(|(a, b)| a == b).count()
}

fn same_beginning(text: &[char], beginning: &[char]) -> usize {
    text.iter().zip(beginning).take_while(|(a, b)| a == b).count()
}
