//! Cuts what stands in quotation marks or in brackets.

use super::token::{SCOPE, tokens};
use crate::adapters::pinterest::marks::CUT;

/// Marks that open, and what closes each.
const PAIRS: [(char, &[char]); 11] = [
    ('“', &['”']),
    ('„', &['“', '”']),
    ('«', &['»']),
    ('»', &['«']),
    ('‹', &['›']),
    ('›', &['‹']),
    ('[', &[']']),
    ('<', &['>']),
    ('「', &['」']),
    ('『', &['』']),
    ('《', &['》']),
];
/// The letters that a programming language writes before the quotation mark of a text.
const PREFIXES: [char; 3] = ['u', 'b', 'r'];

/// The text without what is quoted in it. The names of scopes stay: what Pinterest lists there is its own.
pub fn cut(text: &[char]) -> Vec<char> {
    let mut words = text.to_vec();
    cut_pairs(&mut words);
    cut_between(&mut words, '"', |_, _| true, |_, _| true);
    let opens = |words: &[char], at: usize| !follows_a_word(words, at) && words.get(at + 1).is_some_and(|c| *c != ' ');
    // Between letters it is an apostrophe.
    let closes = |words: &[char], at: usize| !words.get(at + 1).copied().is_some_and(char::is_alphanumeric);
    cut_between(&mut words, '\'', opens, closes);
    words
}

fn cut_pairs(words: &mut Vec<char>) {
    let mut at = 0;
    while at < words.len() {
        let open = words[at];
        let closers = PAIRS.iter().find(|(mark, _)| *mark == open).map(|(_, closers)| *closers);
        if let Some(end) = closers.and_then(|closers| closing(words, at, open, closers)) {
            replace(words, at, end);
        }
        at += 1;
    }
}

/// Where the mark at `at` is closed. Quotations of the same kind may stand within it.
fn closing(words: &[char], at: usize, open: char, closers: &[char]) -> Option<usize> {
    let mut depth = 0_usize;
    for (index, c) in words.iter().enumerate().skip(at + 1) {
        match c {
            c if closers.contains(c) && depth == 0 => return Some(index),
            c if closers.contains(c) => depth -= 1,
            c if *c == open => depth += 1,
            _ => {}
        }
    }
    None
}

/// Cuts what stands between two such marks, as far as they open and close there.
fn cut_between(
    words: &mut Vec<char>,
    mark: char,
    opens: impl Fn(&[char], usize) -> bool,
    closes: impl Fn(&[char], usize) -> bool,
) {
    let mut at = 0;
    while at < words.len() {
        let is_opening = words[at] == mark && opens(words, at);
        let end = (at + 1..words.len()).filter(|_| is_opening).find(|end| words[*end] == mark && closes(words, *end));
        if let Some(end) = end {
            replace(words, at, end);
        }
        at += 1;
    }
}

fn replace(words: &mut Vec<char>, from: usize, to: usize) {
    let inner = tokens(&words[from + 1..to]);
    if inner.is_empty() || inner.iter().any(|token| token.word != SCOPE) {
        let from = if has_prefix(words, from) { from - 1 } else { from };
        words.splice(from..=to, CUT.chars());
    } else {
        // Without the marks, or those within would be taken for a quotation.
        words[from] = ' ';
        words[to] = ' ';
    }
}

/// Whether a word ends before the mark; the prefix of a quoted text is none.
fn follows_a_word(words: &[char], at: usize) -> bool {
    is_letter(words, at.checked_sub(1)) && !has_prefix(words, at)
}

fn has_prefix(words: &[char], at: usize) -> bool {
    at > 0 && PREFIXES.contains(&words[at - 1]) && !is_letter(words, at.checked_sub(2))
}

fn is_letter(words: &[char], at: Option<usize>) -> bool {
    at.is_some_and(|at| words[at].is_alphanumeric())
}
