//! The escapes that programming languages write in a quoted text.

/// Without the escapes that JSON, Python and others write in a quoted text: `\u00e8`, `\xe8`, `\'`, `\n`.
pub fn without_escapes(text: &str) -> String {
    let mut units: Vec<u16> = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let (decoded, length) = if c == '\\' { escape(rest) } else { (None, c.len_utf8()) };
        match decoded {
            Some(code) => encode(code, &mut units),
            None => encode(u32::from(c), &mut units),
        }
        rest = &rest[length..];
    }
    // An escape may be one half of a character.
    char::decode_utf16(units).filter_map(Result::ok).collect()
}

/// What an escape at the beginning stands for, and its length.
fn escape(text: &str) -> (Option<u32>, usize) {
    let Some(kind) = text[1..].chars().next() else { return (None, 1) };
    let digits = match kind {
        'x' => 2,
        'u' => 4,
        'U' => 8,
        'n' | 'r' | 't' => return (Some(u32::from(' ')), 2),
        '\'' | '"' | '\\' | '/' => return (Some(u32::from(kind)), 2),
        _ => return (None, 1),
    };
    let code = text.get(2..2 + digits).filter(|hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit()));
    match code.and_then(|hex| u32::from_str_radix(hex, 16).ok()) {
        Some(code) => (Some(code), 2 + digits),
        None => (None, 1),
    }
}

fn encode(code: u32, units: &mut Vec<u16>) {
    match (char::from_u32(code), u16::try_from(code)) {
        (Some(c), _) => units.extend_from_slice(c.encode_utf16(&mut [0; 2])),
        (None, Ok(half)) => units.push(half),
        (None, Err(_)) => {}
    }
}

/// The text with escaped bytes (`\xc3\xa9`) and the escapes of old servers (`%u00E9`) in the form of the others.
pub fn in_one_form(text: &str) -> String {
    let mut written = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("\\x").into_iter().chain(rest.find("%u")).min() {
        let (digits, form) = if rest[at..].starts_with('%') { (4, "\\u") } else { (2, "%") };
        let hex = rest.get(at + 2..at + 2 + digits);
        let is_escape = hex.is_some_and(|hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit()));
        written.push_str(&rest[..at]);
        written.push_str(if is_escape { form } else { &rest[at..at + 2] });
        rest = &rest[at + 2..];
    }
    written + rest
}

/// A text that was cut within an escape, or between those of one character, without the character's beginning.
pub fn without_partial(text: &str) -> &str {
    let text = match text.rfind(['%', '\\']) {
        Some(at) if is_partial(&text[at..]) => &text[..at],
        _ => text,
    };
    // The bytes that the text ends with, backwards.
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((before, byte)) = last_byte(rest) {
        bytes.insert(0, byte);
        rest = before;
    }
    match std::str::from_utf8(&bytes) {
        // Incomplete, and not wrong.
        Err(error) if error.error_len().is_none() => {
            &text[..text.len() - (bytes.len() - error.valid_up_to()) * ESCAPED_BYTE]
        }
        _ => text,
    }
}

/// The length of `%C3`.
const ESCAPED_BYTE: usize = 3;

fn is_partial(escape: &str) -> bool {
    let (digits, wanted) = match escape.strip_prefix('%') {
        Some(rest) => rest.strip_prefix('u').map_or((rest, 2), |rest| (rest, 4)),
        None => match escape[1..].split_at_checked(1) {
            Some(("u", digits)) => (digits, 4),
            Some(("x", digits)) => (digits, 2),
            Some(_) => return false,
            None => return true,
        },
    };
    digits.len() < wanted && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The percent-encoded byte at the end of the text, and what stands before it.
fn last_byte(text: &str) -> Option<(&str, u8)> {
    let (before, escape) = text.split_at_checked(text.len().checked_sub(ESCAPED_BYTE)?)?;
    let byte = u8::from_str_radix(escape.strip_prefix('%')?, 16).ok()?;
    Some((before, byte))
}

#[cfg(test)]
mod tests {
    use super::super::{Keys, may_be_cut};

    #[test]
    fn texts_and_links_are_recognised_with_the_escapes_of_languages() {
        for (plain, escaped) in [
            ("Café", r"Caf\u00e9"),
            ("Café", "Caf%C3%A9"),
            ("Café", "Caf%e9"),
            ("Café", r"Caf\xc3\xa9"),
            ("Soup 🍲", r"Soup \ud83c\udf72"),
            ("Soup 🍲", "Soup%20%F0%9F%8D%B2"),
            ("a & b", r"a \u0026 b"),
            ("a & b", "a %26 b"),
            ("a & b", "a%20&amp;%20b"),
            ("50% off", "50%25 off"),
            ("50% off", "50%2525%20off"),
            ("say \"hi\"", r"say \u0022hi\u0022"),
            ("line\nbreak", r"line\nbreak"),
            ("折り鶴", r"\u6298\u308a\u9db4"),
        ] {
            assert!(Keys::of_text(plain).meets(&Keys::of_text(escaped)), "{plain} {escaped}");
        }
        for (plain, escaped) in [
            ("https://example.com/caf%C3%A9", r"https://example.com/caf\u00e9"),
            ("https://example.com/caf%C3%A9", r"https:\/\/example.com\/caf\u00e9"),
            ("https://example.com/caf%C3%A9", r"https://example.com/caf\xc3\xa9"),
            ("https://example.com/caf%C3%A9", "https://example.com/caf%u00E9"),
            ("https://example.com/%F0%9F%8D%B2", r"https://example.com/\ud83c\udf72"),
            ("https://xn--bcher-kva.example/a", r"https://b\u00fccher.example/a"),
        ] {
            assert!(Keys::of_link(plain).meets(&Keys::of_link(escaped)), "{plain} {escaped}");
        }
        let whole = "Crème brûlée for twelve and a steady hand 🍲 and more";
        for end in [1, 2, 3, 5, 7, 8, 12, 13, 14, 15, 16, 17] {
            let encoded = "Cr%C3%A8me%20br%C3%BBl%C3%A9e%20for%20twelve%20and%20a%20steady%20hand%20%F0%9F%8D%B2%20and";
            assert!(may_be_cut(whole, &encoded[..encoded.len() - end]), "{end}");
            let ascii = r"Cr\u00e8me br\u00fbl\u00e9e for twelve and a steady hand \ud83c\udf72";
            assert!(may_be_cut(whole, &ascii[..ascii.len() - end]), "{end}");
            assert!(may_be_cut(whole, &format!("{}…", &ascii[..ascii.len() - end])), "{end}");
        }
        assert!(!may_be_cut(whole, "Cr%C3%A8me%20br%C3%BBl%C3%A9e%20for%20eleven"));
        for (a, b) in [("Café", "Cafe"), ("50% off", "50 of"), (r"a\nb", "axb"), ("%", "25")] {
            assert!(!Keys::of_text(a).meets(&Keys::of_text(b)), "{a} {b}");
        }
        assert!(!Keys::of_link("https://example.com/caf%C3%A9").meets(&Keys::of_link("https://example.com/cafe")));
    }
}
