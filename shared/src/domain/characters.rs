//! Which characters a reader sees, and which change what is read.

/// Whether a person sees nothing of the character. A text of nothing else is blank.
pub fn is_unseen(c: char) -> bool {
    c.is_whitespace() || c.is_control() || is_invisible(c) || is_format(c)
}

/// Whether the character changes the direction of the text behind it, or ends its line: a name with it can show other
/// words than it has, or move those around it.
pub fn changes_direction(c: char) -> bool {
    matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Characters of Unicode that are shown as nothing: joiners, marks of direction, fillers, selectors, tags.
pub fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// Unicode's format characters (category Cf) and what it calls ignorable, besides the invisible ones: marks around
/// musical notes, hieroglyphs, shorthand and numbers. (A link may have them.)
fn is_format(c: char) -> bool {
    matches!(c,
        '\u{600}'..='\u{605}' | '\u{6dd}' | '\u{70f}' | '\u{890}'..='\u{891}' | '\u{8e2}' | '\u{110bd}'
        | '\u{110cd}' | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d159}' | '\u{1d173}'..='\u{1d17a}')
}
