// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! A text that is shortened to what a person reads.

use std::io::{self, Write};

/// Takes any amount of text and keeps its begin. What is beyond that is counted, and takes no
/// memory.
#[derive(Debug, Default)]
pub struct Shortened {
    kept: Vec<u8>,
    left_out: usize,
}

impl Shortened {
    /// The most that is kept, in bytes.
    pub const MOST: usize = 64 << 10;
    /// Room for the words that tell how much is left out.
    const WORDS: usize = 64;

    /// A text that is there already.
    pub fn of(text: &str) -> String {
        let (kept, left_out) = text.as_bytes().split_at(Self::MOST.min(text.len()));
        Shortened { kept: kept.into(), left_out: left_out.len() }.finish()
    }

    /// The text, at most [`Shortened::MOST`] bytes of it, cut between two characters. A text that is
    /// cut says how many bytes are left out.
    pub fn finish(mut self) -> String {
        if self.left_out > 0 {
            self.cut(Self::MOST - Self::WORDS);
            let whole = std::str::from_utf8(&self.kept).map_or_else(|e| e.valid_up_to(), str::len);
            self.cut(whole);
            // Writing into memory does not fail.
            let _ = write!(self.kept, "… ({} more bytes)", self.left_out);
        }
        self.kept.shrink_to_fit();
        // Only texts are written.
        String::from_utf8(self.kept).unwrap_or_default()
    }

    fn cut(&mut self, most: usize) {
        self.left_out += self.kept.len().saturating_sub(most);
        self.kept.truncate(most);
    }
}

impl Write for Shortened {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = Self::MOST - self.kept.len();
        let (kept, left_out) = bytes.split_at(room.min(bytes.len()));
        self.kept.extend_from_slice(kept);
        self.left_out += left_out.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_is_whole() {
        let text = "🐞".repeat(Shortened::MOST / 4);
        assert_eq!(Shortened::of(&text), text);
    }

    #[test]
    fn what_does_not_fit_is_cut_between_two_characters_and_says_so() {
        for before in ["", "a", "ab", "abc"] {
            let text = format!("{before}{}", "🐞".repeat(Shortened::MOST / 2));
            let mut written = Shortened::default();
            for bytes in text.as_bytes().chunks(1_001) {
                written.write_all(bytes).unwrap();
            }
            assert!(written.kept.capacity() <= 2 * Shortened::MOST);
            let shortened = written.finish();
            assert_eq!(shortened, Shortened::of(&text));
            assert!(shortened.len() <= Shortened::MOST);
            let (begin, words) = shortened.split_once('…').unwrap();
            assert!(text.starts_with(begin));
            assert_eq!(words, format!(" ({} more bytes)", text.len() - begin.len()));
        }
    }
}
