//! Shortens Pinterest's messages. The reason often stands last, behind the value that it is about.

/// Stands for what was left out.
pub const ELLIPSIS: &str = "…";
/// The quotation marks in which Pinterest repeats a value.
const QUOTES: [(char, char); 7] =
    [('\'', '\''), ('"', '"'), ('`', '`'), ('‘', '’'), ('“', '”'), ('„', '“'), ('«', '»')];
/// The part of a shortened text that is its beginning, in tenths; and at most, where a shortened value stands in it.
const HEAD_TENTHS: usize = 4;
const HEAD_TENTHS_MOST: usize = 8;
/// Bytes behind a shortened value that begin what is said of it: "is not allowed".
const VERDICT: usize = 24;

/// The text on one line, of at most `max` bytes. A longer one loses the ends of the values that it quotes; if that
/// isn't enough, its middle, between words.
pub fn shortened(text: &str, max: usize) -> String {
    let words: Vec<&str> =
        text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|w| !w.is_empty()).collect();
    let mut text = words.join(" ");
    while text.len() > max {
        let Some((from, to)) = longest_value(&text) else { return without_middle(&text, max) };
        let left = (to - from).saturating_sub(text.len() - max + ELLIPSIS.len());
        text.replace_range(from + floor(&text[from..to], left)..to, ELLIPSIS);
    }
    text
}

/// Where the longest quoted value stands, if leaving out some of it makes the text shorter.
fn longest_value(text: &str) -> Option<(usize, usize)> {
    let mut longest = None;
    let mut from = 0;
    while let Some((start, end)) = next_value(text, from) {
        let is_longer = longest.is_none_or(|(start_of, end_of)| end - start > end_of - start_of);
        if is_longer && end - start > ELLIPSIS.len() && !text[start..end].ends_with(ELLIPSIS) {
            longest = Some((start, end));
        }
        from = end + 1;
        while !text.is_char_boundary(from) {
            from += 1;
        }
    }
    longest
}

fn next_value(text: &str, from: usize) -> Option<(usize, usize)> {
    let is_letter = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    let mut before = text[..from].chars().next_back();
    for (at, c) in text[from..].char_indices().map(|(at, c)| (from + at, c)) {
        let start = at + c.len_utf8();
        if let Some((_, closing)) = QUOTES.into_iter().find(|(opening, _)| *opening == c && !is_letter(before)) {
            let ends = text[start..].match_indices(closing).map(|(at, _)| start + at);
            // Between letters it is an apostrophe.
            let end = ends.into_iter().find(|end| !is_letter(text[end + closing.len_utf8()..].chars().next()));
            if let Some(end) = end {
                return Some((start, end));
            }
        }
        before = Some(c);
    }
    None
}

fn without_middle(text: &str, max: usize) -> String {
    let room = max.saturating_sub(ELLIPSIS.len() + 2);
    // What is said of a value begins right behind it. Without its beginning, the rest may say the opposite.
    let verdict = text.rfind(ELLIPSIS).map_or(0, |at| at + ELLIPSIS.len() + VERDICT);
    let is_near = verdict <= room * HEAD_TENTHS_MOST / 10;
    let least = room * HEAD_TENTHS / 10;
    let head = words_within(text, if is_near { verdict.max(least) } else { least });
    let tail = tail(text, room - head.len());
    // "is not allowed" isn't cut between its words.
    let verb = text[..text.len() - tail.len()].trim_end().rsplit_once(' ').map_or("", |(_, verb)| verb);
    if verb.is_empty() || verb.len() > VERDICT || !tail.starts_with("not ") || tail.len() + verb.len() >= room {
        return format!("{head} {ELLIPSIS} {tail}");
    }
    let head = words_within(head, head.len().min(room - tail.len() - verb.len() - 1));
    format!("{head} {ELLIPSIS} {verb} {tail}")
}

/// The beginning of at most `max` bytes, up to a word's end if there is one.
fn words_within(text: &str, max: usize) -> &str {
    let end = floor(text, max);
    if text[end..].starts_with(' ') {
        return &text[..end];
    }
    let head = &text[..end];
    head.rsplit_once(' ').map_or(head, |(words, _)| words)
}

/// The end of at most `room` bytes, from a word's beginning on if there is one.
fn tail(text: &str, room: usize) -> &str {
    let mut from = text.len() - room.min(text.len());
    while !text.is_char_boundary(from) {
        from += 1;
    }
    let tail = &text[from..];
    let is_word = text[..from].ends_with(' ');
    if is_word { tail } else { tail.split_once(' ').map_or(tail, |(_, words)| words) }
}

/// The largest boundary of a character up to `at`.
fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_text_stays_as_it_is() {
        for text in ["", "No.", "Sorry! We blocked this link because it may lead to spam."] {
            assert_eq!(shortened(text, 88), text);
        }
        assert_eq!(shortened("on\n two\tlines", 88), "on two lines");
    }

    #[test]
    fn a_long_quoted_value_is_cut_and_the_reason_behind_it_stays() {
        let value = "https://shop.example.com/a/very/long/path/".repeat(4);
        for (open, close) in QUOTES {
            let text =
                format!("Parameter {open}link{close} with the value {open}{value}{close} is not a valid URL format.");
            let short = shortened(&text, 88);
            assert!(short.len() <= 88, "{short}");
            assert!(short.ends_with(&format!("…{close} is not a valid URL format.")), "{short}");
            assert!(short.starts_with(&format!("Parameter {open}link{close} with the value {open}http")), "{short}");
        }
        let two = format!("'{value}' is longer than '{value}' and that's too long");
        assert!(shortened(&two, 88).ends_with("and that's too long"));
    }

    #[test]
    fn what_is_said_of_a_long_value_keeps_its_verb() {
        let value = "Curly hair and much more of what is long ".repeat(6);
        let reasons = [
            "is not allowed.",
            "is not allowed for this field.",
            "is not allowed here, please choose another one and try.",
            "is not allowed for this field. Please choose another value and try it again, thank you very much.",
            "was not accepted because it has words that nobody wants to read on Pinterest or anywhere else.",
        ];
        for (open, close) in [("'", "'"), ("“", "”"), ("`", "`"), ("[", "]"), ("", "")] {
            for (reason, max) in reasons.iter().flat_map(|reason| (84..130).map(move |max| (reason, max))) {
                let text = format!("Parameter 'title' with the value {open}{}{close} {reason}", value.trim());
                let short = shortened(&text, max);
                assert!(short.len() <= max, "{max}: {short}");
                let verdict = reason.split_once(" not ").map_or("", |(verb, _)| verb);
                let said = short.find(" not ").map_or("", |at| &short[..at]);
                assert!(said.is_empty() || said.ends_with(verdict), "{max}: {short}");
                // Where it is known where the value ends, what is said of it is kept.
                assert!(!["'", "“", "`"].contains(&open) || !said.is_empty(), "{max}: {short}");
            }
        }
    }

    #[test]
    fn a_long_text_loses_its_middle_between_words() {
        let text = "Sorry, we've blocked this description because it has much to say about many things and it contains a link \
                    to somewhere else.";
        let short = shortened(text, 88);
        assert!(short.len() <= 88 && short.len() > 70, "{short}");
        assert!(short.starts_with("Sorry, we've blocked ") && short.ends_with(" a link to somewhere else."), "{short}");
        let (head, tail) = short.split_once(" … ").expect("marked");
        assert!(text.starts_with(head) && text.ends_with(tail));
    }

    #[test]
    fn no_text_is_longer_than_it_may_be_and_none_breaks_a_character() {
        let texts =
            ["é".repeat(300), "'é".repeat(300), format!("'{}'", "日本".repeat(99)), "a ".repeat(300), "x".repeat(300)];
        for text in &texts {
            for max in 10..100 {
                let short = shortened(text, max);
                assert!(short.len() <= max, "{max}: {short}");
                assert!(short.contains(ELLIPSIS), "{short}");
            }
        }
    }
}
