//! Pinterest's words, as far as they are its own.
//!
//! A refusal often quotes what we sent: "Parameter 'title' with the value 'Curly hair' is …". What is quoted, and our
//! own texts, are cut out before words are matched, or a pin could choose its own failure.

use crate::domain::secret::Secret;

/// Stands for a text that was cut out, so that the words before and after it don't become neighbours.
const CUT: char = '\u{fffc}';
/// A text of ours that Pinterest has cut off is recognised by this many characters.
const PREFIX_MIN: usize = 12;
/// The beginnings of Pinterest's tokens.
const TOKEN_PREFIXES: [&str; 3] = ["pina_", "pinr_", "pinc_"];

/// Sentences that are known to be Pinterest's: a title with the same words doesn't make them ours.
const SENTENCES: [&str; 27] = [
    "sorry we could not fetch the image.",
    "unable to reach the url. please check the url is correct.",
    "sorry! you've hit a block (pins) we have in place to combat spam",
    "sorry! we blocked this link because it may lead to spam.",
    "sorry, we've blocked this description because it contains a link",
    "sorry! this site doesn't allow you to save pins.",
    "sorry! something went wrong on our end.",
    "something went wrong on our end",
    "is not a valid url format.",
    "whoops! it looks like you entered an invalid url. try creating a pin again with a valid url.",
    "authentication failed.",
    "you don't have permission to edit that board.",
    "not authorized to access board or pin.",
    "you have exceeded your rate limit.",
    "this request exceeded a rate limit.",
    "the format of the image is not supported",
    "your image is too small. please choose a larger image and try again.",
    "sorry, this image is broken. please pick a different image.",
    "could not get exclusive access to the board",
    "board not found.",
    "sorry! we couldn't find this board section.",
    "your application consumer type is not supported",
    "apps with trial access may not create pins in production",
    "your account is blocked for behaviour that looks like spam",
    "you have been blocked from pinning: spam",
    "you are not permitted to access that resource.",
    "authorization failed. missing: [",
];

/// The message in one form (lower case, straight quotes, single blanks), without what is quoted in it.
pub fn bare(message: &str) -> String {
    let mut words = normal(message);
    cut_quoted(&mut words, '"', |_, _| true, |_, _| true);
    let opens = |before: Option<char>, after: Option<char>| !is_letter(before) && after.is_some_and(|c| c != ' ');
    // Between letters it is an apostrophe.
    let closes = |_: Option<char>, after: Option<char>| !is_letter(after);
    cut_quoted(&mut words, '\'', opens, closes);
    words.into_iter().collect()
}

/// The message in one form, without our own texts: whole, or cut off after [`PREFIX_MIN`] characters; and without
/// addresses.
pub fn without_own(message: &str, own: &[&str]) -> String {
    let mut words = normal(message);
    let mut own: Vec<Vec<char>> = own.iter().map(|text| normal(text)).filter(|text| !text.is_empty()).collect();
    // A long one may contain a short one.
    own.sort_by_key(|text| std::cmp::Reverse(text.len()));
    for text in own {
        cut_text(&mut words, &text);
    }
    let text: String = words.into_iter().collect();
    let is_address = |word: &&str| word.contains("://") || word.starts_with("www.");
    let cut: Vec<String> =
        text.split(' ').map(|word| if is_address(&word) { CUT.to_string() } else { word.to_owned() }).collect();
    cut.join(" ")
}

/// Whether the words, as [`bare`] returns them, have this phrase: whole words, in lower case.
pub fn says(words: &str, phrase: &str) -> bool {
    words.match_indices(phrase).any(|(at, found)| {
        let (before, after) = (words[..at].chars().next_back(), words[at + found.len()..].chars().next());
        is_apart(before, found.chars().next()) && is_apart(found.chars().next_back(), after)
    })
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

fn normal(text: &str) -> Vec<char> {
    let text = text
        .replace("&quot;", "\"")
        .replace("&#34;", "\"")
        .replace("&#39;", "'")
        .replace("&#x27;", "'")
        .replace("&apos;", "'")
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&nbsp;", " ")
        .replace("&amp;", "&");
    let mut words: Vec<char> = Vec::new();
    for c in text.chars().flat_map(char::to_lowercase) {
        let c = match c {
            '\u{200b}'..='\u{200f}' | '\u{feff}' | '\u{ad}' | '\u{2060}' => continue,
            '‘' | '’' | '‚' | '‛' | 'ʼ' | '′' | '`' | '´' | '‹' | '›' | '＇' => '\'',
            '“' | '”' | '„' | '‟' | '″' | '«' | '»' | '「' | '」' | '＂' => '"',
            c if c.is_whitespace() || c.is_control() => ' ',
            c => c,
        };
        if c != ' ' || words.last().is_some_and(|last| *last != ' ') {
            words.push(c);
        }
    }
    if words.last() == Some(&' ') {
        words.pop();
    }
    words
}

fn is_letter(c: Option<char>) -> bool {
    c.is_some_and(char::is_alphanumeric)
}

/// Whether a word ends between the two characters.
fn is_apart(before: Option<char>, after: Option<char>) -> bool {
    !is_letter(before) || !is_letter(after)
}

/// Cuts what stands between two such marks, as far as they open and close there.
fn cut_quoted(
    words: &mut Vec<char>,
    mark: char,
    opens: impl Fn(Option<char>, Option<char>) -> bool,
    closes: impl Fn(Option<char>, Option<char>) -> bool,
) {
    let around = |words: &[char], at: usize| (at.checked_sub(1).map(|at| words[at]), words.get(at + 1).copied());
    let mut at = 0;
    while at < words.len() {
        let is_opening = words[at] == mark && {
            let (before, after) = around(words, at);
            opens(before, after)
        };
        let end = (at + 1..words.len()).filter(|_| is_opening).find(|end| {
            let (before, after) = around(words, *end);
            words[*end] == mark && closes(before, after)
        });
        if let Some(end) = end {
            words.splice(at..=end, [CUT]);
        }
        at += 1;
    }
}

/// Cuts every occurrence of a text of ours, unless it is part of a sentence of Pinterest's: whole ones first, then
/// those that were cut off.
fn cut_text(words: &mut Vec<char>, own: &[char]) {
    for is_whole in [true, false] {
        let mut at = 0;
        while at < words.len() {
            let length = if is_whole { whole_at(words, at, own) } else { beginning_at(words, at, own) };
            let before = at.checked_sub(1).map(|at| words[at]);
            let length = length.filter(|_| is_apart(before, own.first().copied()));
            if let Some(length) = length.filter(|length| !is_in_sentence(words, at, at + length)) {
                words.splice(at..at + length, [CUT]);
            }
            at += 1;
        }
    }
}

fn whole_at(words: &[char], at: usize, own: &[char]) -> Option<usize> {
    let is_there = words[at..].starts_with(own);
    (is_there && is_apart(own.last().copied(), words.get(at + own.len()).copied())).then_some(own.len())
}

/// The length of what stands there of the text's beginning, if it is long enough to be that.
fn beginning_at(words: &[char], at: usize, own: &[char]) -> Option<usize> {
    let same = words[at..].iter().zip(own).take_while(|(said, ours)| said == ours).count();
    let blanks = words[at..at + same].iter().rev().take_while(|c| **c == ' ').count();
    (same - blanks >= PREFIX_MIN).then_some(same - blanks)
}

fn is_in_sentence(words: &[char], from: usize, to: usize) -> bool {
    SENTENCES.iter().any(|sentence| {
        let sentence: Vec<char> = sentence.chars().collect();
        // Where a sentence that contains this part may begin.
        let first = to.saturating_sub(sentence.len());
        (first..=from).any(|at| words[at..].starts_with(&sentence))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_quoted_is_cut_out_in_every_kind_of_quotation_marks() {
        for message in [
            "Value 'curly url' is wrong",
            "value \"curly url\" is wrong",
            "Value ‘curly url’ is wrong",
            "Value “curly url” is wrong",
            "Value „curly url“ is wrong",
            "Value «curly url» is wrong",
            "Value &quot;curly url&quot; is wrong",
            "Value &#39;curly url&#39;  is\nwrong",
            "Value 'it's a curly url' is wrong",
            "Value ’it’s a curly url’ is wrong",
        ] {
            assert_eq!(bare(message), format!("value {CUT} is wrong"), "{message}");
        }
    }

    #[test]
    fn an_apostrophe_is_no_quotation_mark() {
        for message in ["We've blocked what doesn't fit", "We’ve blocked what doesn’t fit"] {
            assert_eq!(bare(message), "we've blocked what doesn't fit");
        }
        assert_eq!(bare("The pins' owner isn't here"), "the pins' owner isn't here");
        assert_eq!(bare("an open 'quote"), "an open 'quote");
    }

    #[test]
    fn only_whole_words_count() {
        assert!(says("a valid url.", "url") && says("url", "url") && says("(url)", "valid url") == says("x", "y"));
        for words in ["curly", "urls", "a curl"] {
            assert!(!says(words, "url"), "{words}");
        }
        assert!(says("missing: [", "missing: ["));
    }

    #[test]
    fn our_own_texts_are_cut_out_as_they_are_and_cut_off() {
        let cut = |message: &str, own: &str| without_own(message, &[own]);
        assert_eq!(cut("The title Spam and more is wrong", "Spam and more"), format!("the title {CUT} is wrong"));
        assert_eq!(cut("Title SPAM  and More!", "spam and more"), format!("title {CUT}!"));
        let long = "A broken image of a blocked link";
        assert_eq!(cut("Title A broken image of… is wrong", long), format!("title {CUT}… is wrong"));
        assert_eq!(cut("Spammers", "spam"), "spammers", "whole words");
        assert_eq!(cut("at https://spam.example/url now", ""), format!("at {CUT} now"));
    }

    #[test]
    fn a_title_of_pinterests_own_words_leaves_its_sentences_alone() {
        for own in ["url", "Broken", "this image is broken", "Sorry, this image is broken. And more"] {
            let message = "Sorry, this image is broken. Please pick a different image.";
            assert_eq!(without_own(message, &[own]), message.to_lowercase(), "{own}");
        }
    }

    #[test]
    fn no_token_is_left_in_a_message() {
        let token = Secret::new("secret-token");
        let message = "Token secret-token or pina_ABC-1_2, pinr_X. is wrong";
        assert_eq!(scrubbed(message, &token), "Token [token] or [token], [token]. is wrong");
        assert_eq!(scrubbed("as it is", &Secret::new("")), "as it is");
    }
}
