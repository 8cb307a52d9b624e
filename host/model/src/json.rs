// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! JSON of a plugin's, checked and brought into one form without a tree of it: sixty megabytes of
//! `[[],[],…` are six gigabytes as one.

use std::cmp::Ordering;

use serde::de::IgnoredAny;
use serde_json::Number;

/// The most arrays and objects within each other: what serde_json reads into a tree.
const MOST_NESTED: u32 = 127;

/// How many times the size of a document it takes to sort its keys, beside the document and its
/// form: where each member is (eight bytes, of a member that has five at least), and the members in
/// their order.
pub const SORTING: u64 = 3;

/// The document without insignificant white space and with its keys sorted, so that the same
/// document is the same text whatever order a server prints it in; and the number of characters
/// U+0000 that were replaced by U+FFFD. Of a key that comes twice the last one counts.
///
/// # Errors
///
/// What is wrong with it.
pub(crate) fn canonical(text: &str) -> Result<(String, u64), serde_json::Error> {
    // From here on it is known to be JSON, but for escapes that are no characters.
    serde_json::from_str::<IgnoredAny>(text)?;
    let mut document = Document { rest: text, nested: 0, nuls: 0 };
    let mut canonical = String::with_capacity(text.len());
    document.value(&mut canonical)?;
    Ok((canonical, document.nuls))
}

/// What is left of a document that is JSON.
struct Document<'a> {
    rest: &'a str,
    nested: u32,
    nuls: u64,
}

impl<'a> Document<'a> {
    fn value(&mut self, out: &mut String) -> Result<(), serde_json::Error> {
        match self.next() {
            '"' => out.push_str(&self.string()?),
            '[' | '{' if self.nested == MOST_NESTED => {
                let reason =
                    format!("more than {MOST_NESTED} arrays and objects within each other");
                return Err(serde::de::Error::custom(reason));
            }
            '[' => {
                self.nested += 1;
                self.array(out)?;
                self.nested -= 1;
            }
            '{' => {
                self.nested += 1;
                self.object(out)?;
                self.nested -= 1;
            }
            _ => {
                let is_over = |c: char| matches!(c, ',' | ']' | '}') || c.is_ascii_whitespace();
                let end = self.rest.find(is_over).unwrap_or(self.rest.len());
                match self.take(end) {
                    word @ ("null" | "true" | "false") => out.push_str(word),
                    number => out.push_str(&serde_json::from_str::<Number>(number)?.to_string()),
                }
            }
        }
        Ok(())
    }

    fn array(&mut self, out: &mut String) -> Result<(), serde_json::Error> {
        self.take(1);
        out.push('[');
        while self.next() != ']' {
            if self.next() == ',' {
                out.push_str(self.take(1));
            }
            self.value(out)?;
        }
        out.push_str(self.take(1));
        Ok(())
    }

    /// The members are written in the order in which they come, and put in order where they are: a
    /// map of them would take many times what a document of small members has.
    fn object(&mut self, out: &mut String) -> Result<(), serde_json::Error> {
        self.take(1);
        let begin = out.len();
        let mut members = Vec::new();
        while self.next() != '}' {
            if self.next() == ',' {
                self.take(1);
                self.next();
            }
            let start = out.len() - begin;
            out.push(',');
            out.push_str(&self.string()?);
            if self.next() == ':' {
                self.take(1);
            }
            out.push(':');
            self.value(out)?;
            members.push(Member::new(start, out.len() - begin)?);
        }
        self.take(1);
        if members.is_empty() {
            out.push('{');
        } else {
            put_in_order(out, begin, members);
            // The comma before the first member.
            out.replace_range(begin..=begin, "{");
        }
        out.push('}');
        Ok(())
    }

    fn string(&mut self) -> Result<String, serde_json::Error> {
        serde_json::to_string(&self.text()?)
    }

    /// The text of the string that begins here.
    fn text(&mut self) -> Result<String, serde_json::Error> {
        let literal = self.take(end_of_string(self.rest));
        let mut text: String = serde_json::from_str(literal)?;
        let nuls = text.matches('\0').count();
        if nuls > 0 {
            text = text.replace('\0', "\u{FFFD}");
            self.nuls += nuls as u64;
        }
        Ok(text)
    }

    /// The first character that is no white space, and begins something. There always is one.
    fn next(&mut self) -> char {
        self.rest = self.rest.trim_ascii_start();
        self.rest.chars().next().unwrap_or(']')
    }

    fn take(&mut self, bytes: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(bytes.min(self.rest.len()));
        self.rest = rest;
        taken
    }
}

/// Where a member of an object is, with the comma before it, in bytes from the object's begin.
#[derive(Clone, Copy)]
struct Member {
    start: u32,
    end: u32,
}

impl Member {
    fn new(start: usize, end: usize) -> Result<Self, serde_json::Error> {
        let place = |at: usize| u32::try_from(at).map_err(serde::de::Error::custom);
        Ok(Member { start: place(start)?, end: place(end)? })
    }

    fn text(self, object: &str) -> &str {
        object.get(self.start as usize..self.end as usize).unwrap_or_default()
    }

    /// The key as it is written, without its quotes.
    fn key(self, object: &str) -> &str {
        let member = self.text(object).get(1..).unwrap_or_default();
        member.get(1..end_of_string(member).saturating_sub(1)).unwrap_or_default()
    }

    /// By what the keys are, and not by how they are written.
    fn by_key(self, other: Member, object: &str) -> Ordering {
        let (a, b) = (self.key(object), other.key(object));
        match a.contains('\\') || b.contains('\\') {
            true => unescaped(a).cmp(unescaped(b)),
            false => a.cmp(b),
        }
    }
}

/// The bytes of a string that serde_json has written: of its escapes each is one byte.
fn unescaped(written: &str) -> impl Iterator<Item = u8> {
    let mut rest = written.bytes();
    std::iter::from_fn(move || match rest.next()? {
        b'\\' => Some(match rest.next()? {
            b'b' => 8,
            b't' => b'\t',
            b'n' => b'\n',
            b'f' => 12,
            b'r' => b'\r',
            b'u' => {
                let digits = rest.by_ref().take(4).map(char::from);
                digits.fold(0, |code, digit| code << 4 | digit.to_digit(16).unwrap_or(0)) as u8
            }
            itself => itself,
        }),
        byte => Some(byte),
    })
}

/// Sorts the members of the object that begins there by their keys, of equal ones the last.
fn put_in_order(out: &mut String, begin: usize, mut members: Vec<Member>) {
    let object = out.get(begin..).unwrap_or_default();
    if members.is_sorted_by(|a, b| a.by_key(*b, object).is_lt()) {
        return;
    }
    // In place, since a stable sort takes half as much again: of equal keys the later one is later.
    members.sort_unstable_by(|a, b| a.by_key(*b, object).then(a.start.cmp(&b.start)));
    let mut ordered = String::with_capacity(object.len());
    for (index, member) in members.iter().enumerate() {
        let next = members.get(index + 1);
        if next.is_none_or(|next| next.by_key(*member, object).is_ne()) {
            ordered.push_str(member.text(object));
        }
    }
    out.truncate(begin);
    out.push_str(&ordered);
}

/// The bytes of the string with which a text begins, its quotes included.
fn end_of_string(text: &str) -> usize {
    let mut is_escaped = false;
    let end = text.bytes().skip(1).position(|byte| {
        let is_end = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        is_end
    });
    end.map_or(text.len(), |end| end + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a tree of it gives, which is what is stored in the tables that are there.
    fn by_tree(text: &str) -> String {
        serde_json::from_str::<serde_json::Value>(text).unwrap().to_string()
    }

    #[test]
    fn it_is_what_a_tree_of_it_gives() {
        for text in [
            "null",
            " true ",
            "-0",
            "1E5",
            "1e+5",
            "1.50",
            "123456789012345678901234567890",
            "\"\"",
            r#""a\"b\\""#,
            r#""\u00e9\ud83d\udc1e\/\n\u001f é🐞""#,
            "[]",
            " [ ] ",
            "[1 , 2,[ 3,{}]]",
            "{}",
            "{ }",
            r#"{"b": 1, "a": [ {"d": null, "c": "x , ] }"} ]}"#,
            r#"{"a": 1, "\u0061": 2, "Z": 3, "é": 4, "z": {"a": {}, "a": []}}"#,
            r#"{"b":1,"a":2,"b":3,"":4,"a":[{"b":1,"a":2}],"\"":5,"\\":6,"\n":7,"!":8," ":9}"#,
            r#"{"a":1,"a":2}"#,
            r#"{"b\u0001":1,"b\n":2,"b\"":3,"b\\":4,"b\u001f":5,"b\f":6,"b\t":7,"b\b":8,"b\r":9,"b":10,"b\u007f":11,"b\/":12,"b0":13}"#,
            r#"{"ab":1,"a":2,"a\u0022":3,"aé":4,"a🐞":5,"a\ud83d\udc1e":6}"#,
            "\t[\r\n\"\\\\\" , \"\\\\\\\"\" ]\n",
        ] {
            assert_eq!(canonical(text).unwrap(), (by_tree(text), 0), "{text}");
        }
        let deep = "[".repeat(127) + &"]".repeat(127);
        assert_eq!(canonical(&deep).unwrap(), (by_tree(&deep), 0));
    }

    #[test]
    fn what_is_no_json_is_refused_as_a_tree_refuses_it() {
        let nested = |levels| "[".repeat(levels) + &"]".repeat(levels);
        let (too_deep, abyss) = (nested(128), nested(1_000_000));
        for text in [
            "",
            " ",
            "{",
            "[1,]",
            "[1 2]",
            "{\"a\"}",
            "{1: 2}",
            "nul",
            "01",
            "+1",
            "1.",
            "\"",
            "\"\t\"",
            r#""\ud83d""#,
            r#""\x""#,
            "[] []",
            "[1]x",
            &too_deep,
            &abyss,
        ] {
            assert!(canonical(text).is_err(), "{text:.20}");
            assert!(serde_json::from_str::<serde_json::Value>(text).is_err(), "{text:.20}");
        }
    }

    #[test]
    fn characters_that_postgres_cannot_hold_are_replaced_and_counted() {
        let (text, nuls) = canonical(r#"{"\u0000": ["\u0000x", "\\u0000"]}"#).unwrap();
        assert_eq!((text.as_str(), nuls), ("{\"\u{FFFD}\":[\"\u{FFFD}x\",\"\\\\u0000\"]}", 2));
    }
}
