// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Which characters of an untrusted text are visible.

use icu_properties::CodePointSetData;
use icu_properties::props::DefaultIgnorableCodePoint;

/// Whether a character shows as itself, and steers neither a terminal nor the text around it.
///
/// Not shown as themselves are control characters, line and paragraph separators, what overrides
/// the direction of text, and what Unicode calls default ignorable: blanks without width,
/// joiners, tags. They hide what somebody else should see, or make two names look like one. The
/// two characters that say whether an emoji is in colour are let through.
pub fn is_visible(c: char) -> bool {
    match c {
        '\u{FE0E}' | '\u{FE0F}' => true,
        '\u{2028}' | '\u{2029}' | '\u{FFF9}'..='\u{FFFB}' => false,
        c if c.is_control() => false,
        c if c.is_ascii() => true,
        c => !CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_seen_is_told_from_what_is() {
        for c in "aÄ🐞 漢\u{301}⏎❤\u{fe0f}".chars() {
            assert!(is_visible(c), "{c:?}");
        }
        let unseen = "\0\n\x1b\x7f\u{9b}\u{ad}\u{61c}\u{200b}\u{200d}\u{200e}\u{2028}\u{202e}\u{2060}\u{2069}\u{3164}\u{feff}\u{fffb}\u{e0041}";
        for c in unseen.chars() {
            assert!(!is_visible(c), "{c:?}");
        }
    }
}
