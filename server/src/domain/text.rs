//! Characters of somebody's words that act on the words around them.

/// Whether a character turns the direction of the text around it, or ends the isolation it is put in.
#[must_use]
pub const fn turns(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Whether a character is no letter of a text, but ends its line, or turns or hides what is around it.
#[must_use]
pub fn acts(c: char) -> bool {
    turns(c) || c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}')
}

/// Somebody's words without what acts on the words around them, to be shown among others.
#[must_use]
pub fn inert(text: &str) -> String {
    text.replace(|c: char| acts(c) || matches!(c, '\u{200e}' | '\u{200f}'), " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_acts_on_the_words_around_it_is_no_part_of_a_text() {
        assert_eq!(inert("a\nb\u{202e}c\u{2069}d\u{200f}e\u{2028}f\u{feff}g"), "a b c d e f g");
        assert_eq!(inert("שלום, Zoë\u{301}"), "שלום, Zoë\u{301}");
    }
}
