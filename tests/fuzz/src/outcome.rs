// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! What came of an input.

use std::fmt;
use std::time::Duration;

/// What came of an input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It was taken or refused as it should be; how, without names and numbers.
    Fine(String),
    /// It is a find, and why.
    Find(String),
    /// There was none in time, which is a find, too.
    Late(Duration),
}

impl Outcome {
    /// Whether it is a find.
    pub fn is_find(&self) -> bool {
        !matches!(self, Outcome::Fine(_))
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Fine(how) => write!(f, "fine: {how}"),
            Outcome::Find(why) => write!(f, "FOUND: {why}"),
            Outcome::Late(allowed) => write!(f, "FOUND: it hangs: no answer within {allowed:?}"),
        }
    }
}

/// A message without what differs between two inputs that fail alike: what is quoted, numbers, and
/// all but the beginning.
pub fn shape_of(message: &str) -> String {
    const MOST: usize = 160;
    let mut shape = String::new();
    let mut quote = None;
    for c in message.chars() {
        match (quote, c) {
            (Some(open), _) if c == open => quote = None,
            (Some(_), _) => continue,
            (None, '"' | '`') => quote = Some(c),
            (None, _) => {}
        }
        let c = if c.is_ascii_digit() { '0' } else { c };
        let again = c == '0' && shape.ends_with('0');
        if !again && !c.is_control() {
            shape.push(c);
        }
        if shape.len() >= MOST {
            break;
        }
    }
    shape
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_that_differ_in_names_and_numbers_alone_are_one_shape() {
        let shape = shape_of("entry 17 (\"a \n b\"): 999 is not a status");
        assert_eq!(shape, shape_of("entry 3 (\"https://x\"): 1 is not a status"));
        assert_ne!(shape, shape_of("entry 17 (\"a\"): 999 is not a method"));
        assert!(shape_of(&"é".repeat(10_000)).len() < 200);
    }
}
