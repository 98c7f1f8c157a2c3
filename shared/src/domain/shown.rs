//! What strangers wrote, as a mail or a page shows it to somebody else: one line that can't pass for anything but a
//! name.

use super::characters::is_invisible;

/// The most characters that are shown.
const SHOWN_MAX: usize = 100;
/// Shown in place of a text of which nothing is left.
const NOTHING: &str = "?";

/// The text in one line, without characters that nobody sees or that turn the text around, and without double quotes,
/// so that it can stand between them. HTML is to be escaped where it is written.
pub fn line(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for (count, c) in words(text).join(" ").chars().enumerate() {
        if count == SHOWN_MAX {
            shown.push('…');
            break;
        }
        shown.push(c);
    }
    if shown.is_empty() { NOTHING.into() } else { shown }
}

/// The same for a mail in plain text. Programs that show mails make links of what looks like one: a blank breaks it.
pub fn line_without_links(text: &str) -> String {
    let line = line(text);
    let mut shown = String::with_capacity(line.len());
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        shown.push(c);
        let breaks = matches!(c, '.' | ':' | '@' | '\u{3002}' | '\u{ff0e}' | '\u{ff61}' | '\u{ff1a}' | '\u{ff20}');
        if breaks && chars.peek().is_some_and(|next| *next != ' ') {
            shown.push(' ');
        }
    }
    shown
}

fn words(text: &str) -> Vec<String> {
    let is_blank = |c: char| c.is_whitespace() || c.is_control();
    let word = |word: &str| word.chars().filter(|c| !is_left_out(*c)).map(quote).collect::<String>();
    text.split(is_blank).map(word).filter(|word| !word.is_empty()).collect()
}

/// Whether the character is no letter or sign that a reader could see: format characters, those for private use, and
/// those that will never be any.
fn is_left_out(c: char) -> bool {
    is_invisible(c)
        || matches!(c, '\u{e000}'..='\u{f8ff}' | '\u{fdd0}'..='\u{fdef}' | '\u{f0000}'..)
        || matches!(u32::from(c) & 0xffff, 0xfffe | 0xffff)
}

fn quote(c: char) -> char {
    match c {
        '"' | '\u{201c}'..='\u{201f}' | '«' | '»' | '\u{2033}' | '\u{2036}' | '\u{301d}'..='\u{301f}' | '\u{ff02}' => {
            '\''
        }
        c => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_shown_as_it_is() {
        for name in ["Ada Lovelace", "Paper & Co.", "O'Brien", "折り鶴", "מרים", "नमस्ते", "Cakes 🍰", "C++ #1 *"]
        {
            assert_eq!(line(name), name);
            assert_eq!(line_without_links(name), name);
        }
    }

    #[test]
    fn nothing_in_a_name_starts_a_line_turns_the_text_or_ends_a_quotation() {
        assert_eq!(line(" a\r\n\r\nBcc: b\u{85}c\u{2028}d\u{2029}e\tf\0g "), "a Bcc: b c d e f g");
        assert_eq!(line("\u{202e}a\u{2066}b\u{200f}c\u{61c}d\u{ad}e\u{e0041}f\u{ffff}"), "abcdef");
        assert_eq!(line("a\" \u{201c}b\u{201d} «c»"), "a' 'b' 'c'");
        for nothing in ["", " ", "\u{200b}", "\u{2800}\u{3164}", "\u{e000}\u{10ffff}"] {
            assert_eq!(line(nothing), NOTHING, "{nothing:?}");
        }
        assert_eq!(line(&"é".repeat(300)).chars().count(), SHOWN_MAX + 1);
    }

    #[test]
    fn nothing_in_a_name_becomes_a_link_in_a_mail() {
        for (name, shown) in [
            ("www.evil.example", "www. evil. example"),
            ("https://localhost/x", "https: //localhost/x"),
            ("eve@example.com", "eve@ example. com"),
            ("evil。example", "evil。 example"),
            ("J.R.R. Tolkien", "J. R. R. Tolkien"),
        ] {
            assert_eq!(line_without_links(name), shown);
        }
    }
}
