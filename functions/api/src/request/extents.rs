//! Finds where the items of a list end, although one of them is no JSON, such as `NaN`, `undefined` or a text with an
//! unknown escape. The error is then that item's, and spoils no other.
//!
//! What is between brackets, commas and colons may be wrong, or missing. The brackets, the quotes and the colons of
//! objects must be right: otherwise nobody can say which item a text belongs to, and nothing is found.

use std::ops::Range;

/// Where the items of a list are. Of more items than `items_max`, the first `items_max + 1`.
///
/// `None`: the text is no list, or it isn't certain where an item ends.
pub fn items(json: &[u8], items_max: usize) -> Option<Vec<Range<usize>>> {
    let mut cursor = Cursor { json, at: 0 };
    cursor.expect(b'[')?;
    let mut items = Vec::new();
    while items.len() <= items_max {
        items.push(cursor.value()?);
        match cursor.take()? {
            b',' => {}
            b']' => return cursor.is_done().then_some(items),
            _ => return None,
        }
    }
    Some(items)
}

/// Where the value of the field is, if the text is an object that has the field once.
pub fn field(json: &[u8], name: &str) -> Option<Range<usize>> {
    let mut cursor = Cursor { json, at: 0 };
    cursor.expect(b'{')?;
    let mut found = None;
    loop {
        let key = cursor.value()?;
        cursor.expect(b':')?;
        let value = cursor.value()?;
        if serde_json::from_slice::<String>(&json[key]).ok()? == name && found.replace(value).is_some() {
            return None;
        }
        match cursor.take()? {
            b',' => {}
            b'}' => return found.filter(|_| cursor.is_done()),
            _ => return None,
        }
    }
}

/// What may come next within the brackets.
#[derive(Clone, Copy)]
enum Next {
    Key,
    Colon,
    Value,
    End,
}

struct Cursor<'a> {
    json: &'a [u8],
    at: usize,
}

impl Cursor<'_> {
    /// The byte behind blanks.
    fn peek(&mut self) -> Option<u8> {
        while matches!(self.json.get(self.at)?, b' ' | b'\t' | b'\n' | b'\r') {
            self.at += 1;
        }
        self.json.get(self.at).copied()
    }

    fn take(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        (self.take()? == byte).then_some(())
    }

    fn is_done(&mut self) -> bool {
        self.peek().is_none()
    }

    /// Where the next value is: a text, an object, a list, or a word.
    fn value(&mut self) -> Option<Range<usize>> {
        self.peek()?;
        let start = self.at;
        // Of each open bracket, whether it is an object's.
        let (mut open, mut next): (Vec<bool>, Next) = (Vec::new(), Next::Value);
        loop {
            let byte = self.peek()?;
            let is_object = open.last().copied();
            next = match (byte, next) {
                (b'{' | b'[', Next::Value) => {
                    open.push(byte == b'{');
                    self.at += 1;
                    if byte == b'{' { Next::Key } else { Next::Value }
                }
                (b'}', Next::Key | Next::Value | Next::End) if is_object == Some(true) => self.closed(&mut open),
                (b']', Next::Value | Next::End) if is_object == Some(false) => self.closed(&mut open),
                (b',', Next::Key | Next::Value | Next::End) if is_object.is_some() => {
                    self.at += 1;
                    if is_object == Some(true) { Next::Key } else { Next::Value }
                }
                (b':', Next::Colon) => {
                    self.at += 1;
                    Next::Value
                }
                (_, Next::Key) => {
                    self.scalar()?;
                    Next::Colon
                }
                (_, Next::Value) => {
                    self.scalar()?;
                    Next::End
                }
                _ => return None,
            };
            if open.is_empty() {
                return Some(start..self.at);
            }
        }
    }

    fn closed(&mut self, open: &mut Vec<bool>) -> Next {
        self.at += 1;
        open.pop();
        Next::End
    }

    /// Passes a text, whatever it holds, or a word such as `NaN`, `-Infinity` or `0x1F`.
    fn scalar(&mut self) -> Option<()> {
        if self.json.get(self.at) != Some(&b'"') {
            let is_of_word = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.' | b'_');
            let length = self.json[self.at..].iter().take_while(is_of_word).count();
            self.at += length;
            return (length > 0).then_some(());
        }
        self.at += 1;
        loop {
            match self.json.get(self.at)? {
                b'"' => break,
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
        self.at += 1;
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(json: &str) -> Option<Vec<&str>> {
        Some(items(json.as_bytes(), 9)?.into_iter().map(|item| &json[item]).collect())
    }

    #[test]
    fn an_item_ends_where_its_brackets_do_whatever_is_between_them() {
        for (json, wanted) in [
            (r#"[{"a": NaN}, {"a": 1}]"#, &[r#"{"a": NaN}"#, r#"{"a": 1}"#][..]),
            ("[undefined, -Infinity,+1 , .5,0x1F]", &["undefined", "-Infinity", "+1", ".5", "0x1F"]),
            (r#"[{"a": "\x \u12"},2]"#, &[r#"{"a": "\x \u12"}"#, "2"]),
            ("[{\"a\": \"b\u{1}\nc\"}, 2]", &["{\"a\": \"b\u{1}\nc\"}", "2"]),
            (r#"[{"a":1,}, {"b": }, {c: 1}, [1,,]]"#, &[r#"{"a":1,}"#, r#"{"b": }"#, "{c: 1}", "[1,,]"]),
            (r#"[{"a": [{"b": "]}\"", "c": {}}]},"}]"]"#, &[r#"{"a": [{"b": "]}\"", "c": {}}]}"#, r#""}]""#]),
            ("[ 1 ]\n", &["1"]),
        ] {
            assert_eq!(texts(json).as_deref(), Some(wanted), "{json}");
        }
        assert_eq!(items(b"[1,2,3,4", 2).map(|items| items.len()), Some(3), "one more than the most");
    }

    #[test]
    fn nothing_is_found_where_it_is_not_certain() {
        for json in [
            "",
            "1",
            "{}",
            "[]",
            "[1",
            "[1,",
            "[1,]",
            "[,1]",
            "[1 2]",
            "[1]]",
            "[1] x",
            r#"[{"a": "x}, {"a": "y"}]"#,
            r#"[{"a": "x"y"}, {"a": "z"w"}]"#,
            r#"[{"a": "x" "y"}]"#,
            r#"[{"a": "b": 1}]"#,
            r#"[{"a"}, 1]"#,
            r#"[{"a", "b": 1}]"#,
            r#"[{"a": [1}, 2]"#,
            r#"[{"a": 1]]"#,
            "[{{title}}, 1]",
            "['a', 1]",
            "[1 /* , */]",
            r#"["\"#,
            r#"["a\"]"#,
        ] {
            assert_eq!(texts(json), None, "{json}");
        }
    }

    #[test]
    fn the_value_of_a_field_is_found_if_there_is_one() {
        let found = |json: &str| field(json.as_bytes(), "pins").map(|value| json[value].to_owned());
        assert_eq!(found(r#"{"a": [1], "pins": [NaN, {}] , "b": 2} "#).as_deref(), Some("[NaN, {}]"));
        assert_eq!(found(r#"{"\u0070ins": [undefined]}"#).as_deref(), Some("[undefined]"));
        for none in
            [r#"{"pins": [NaN], "pins": []}"#, r#"{"a": 1}"#, r#"{"pins": [NaN]"#, r#"{"pins": [NaN]} x"#, "[]", "{}"]
        {
            assert_eq!(found(none), None, "{none}");
        }
    }
}
