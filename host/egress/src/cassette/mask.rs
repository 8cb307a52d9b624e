// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Takes personal values out of a recording.
//!
//! A mask is a JSON path (RFC 9535). Whatever it finds in a recorded answer is replaced in
//! the file, while the plugin sees the true value: strings by `masked-1`, `masked-2` and so
//! on, numbers by 1, 2 and so on, both counted by first occurrence within one recording. So
//! equal values stay equal, and nothing can be computed back. True, false, null and empty
//! strings stay, for they say as little; of an object or array every leaf is masked, and the
//! names of an object's members stay.

use std::collections::{HashMap, HashSet};
use std::fmt;

use aho_corasick::AhoCorasick;
use serde::de::{Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json_path::JsonPath;

use crate::redact::{REDACTED, automaton, common_spellings};
use crate::without_byte_order_mark;

/// Shorter strings are not looked for outside of where masks look: `no` or `main` is
/// everywhere, and tells nobody anything.
const SHORTEST: usize = 6;

/// The most brackets of a mask: its parser calls itself for each, and a thousand overflow the
/// stack.
const MOST_BRACKETS: usize = 64;

/// The most values of a body that masks look into, as many as its commas and brackets can part: the
/// tree of a body of `[[],[],…` takes a hundred times its size, and it comes from a stranger.
const MOST_VALUES: usize = 1_000_000;

/// The most bytes of masked strings, as JSON and URLs spell them, that are looked for elsewhere:
/// what finds them takes some fifteen times as much.
const MOST_ORIGINALS: usize = 4 << 20;

/// What is masked in a recording.
#[derive(Debug, Clone, Default)]
pub struct Masks(Vec<Mask>);

#[derive(Debug, Clone)]
struct Mask {
    text: String,
    path: JsonPath,
}

/// A text that was to be a mask is no JSON path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path:?} is not a JSON path such as $..email (RFC 9535): {reason}")]
pub struct MaskError {
    path: String,
    reason: String,
}

impl Masks {
    /// These JSON paths, each once.
    ///
    /// # Errors
    ///
    /// The first that is none.
    pub fn new<S: AsRef<str>>(paths: impl IntoIterator<Item = S>) -> Result<Masks, MaskError> {
        let mut masks: Vec<Mask> = Vec::new();
        for text in paths {
            let text = text.as_ref();
            if masks.iter().any(|mask| mask.text == text) {
                continue;
            }
            let no_mask = |reason| MaskError { path: text.to_owned(), reason };
            if text.matches(['(', '[']).count() > MOST_BRACKETS {
                return Err(no_mask(format!("it has more than {MOST_BRACKETS} brackets")));
            }
            let path = JsonPath::parse(text).map_err(|error| no_mask(error.to_string()))?;
            masks.push(Mask { text: text.to_owned(), path });
        }
        Ok(Masks(masks))
    }

    /// Whether nothing is masked.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Whether a body is JSON, also of a kind that has no tree: nested too deeply, or with a name that
/// serde_json keeps for itself.
pub(super) fn is_json(text: &str) -> bool {
    serde_json::from_slice::<IgnoredAny>(without_byte_order_mark(text.as_bytes())).is_ok()
}

/// A mask, and how many values it found in a recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MaskUse {
    /// The JSON path.
    pub path: String,
    /// How often it matched.
    pub found: usize,
}

/// What masking a recording has come to know. Shared by the recordings of one world, so that
/// what is equal in two of them stays equal.
#[derive(Default)]
pub(super) struct Masking {
    masks: Masks,
    found: Vec<usize>,
    strings: HashMap<String, usize>,
    numbers: HashMap<String, usize>,
}

impl Masking {
    pub(super) fn new(masks: Masks) -> Self {
        let found = vec![0; masks.0.len()];
        Masking { masks, found, ..Masking::default() }
    }

    /// Whether there is anything to look for.
    pub(super) fn is_idle(&self) -> bool {
        self.masks.is_empty()
    }

    /// Begins to count anew what is found.
    pub(super) fn count_anew(&mut self) {
        self.found.fill(0);
    }

    /// The body of an answer, masked; `None` when no mask finds anything, so that it stays as
    /// it came.
    ///
    /// # Errors
    ///
    /// It is not JSON, has more values than masks look into, or an object with two members of one
    /// name.
    pub(super) fn body(&mut self, text: &str) -> Result<Option<String>, serde_json::Error> {
        let text = without_byte_order_mark(text.as_bytes());
        let parted = text.iter().filter(|byte| matches!(byte, b',' | b'[' | b'{')).count();
        if parted > MOST_VALUES {
            return Err(serde_json::Error::custom("too many values to look into"));
        }
        // A tree has the last of two members of one name, and a mask would not see the first.
        serde_json::from_slice::<Distinct>(text)?;
        let document: Value = serde_json::from_slice(text)?;
        let mut hits: HashSet<*const Value> = HashSet::new();
        for (mask, found) in self.masks.0.iter().zip(&mut self.found) {
            let nodes = mask.path.query(&document);
            *found += nodes.len();
            hits.extend(nodes.iter().map(|node| std::ptr::from_ref::<Value>(node)));
        }
        if hits.is_empty() {
            return Ok(None);
        }
        Ok(Some(self.rebuild(&document, &hits, false).to_string()))
    }

    /// A copy of `value` in which every leaf of the hits is masked. `is_hit` says that what
    /// it is part of is one.
    fn rebuild(&mut self, value: &Value, hits: &HashSet<*const Value>, is_hit: bool) -> Value {
        let is_hit = is_hit || hits.contains(&std::ptr::from_ref(value));
        match value {
            Value::Array(items) => {
                items.iter().map(|item| self.rebuild(item, hits, is_hit)).collect()
            }
            Value::Object(members) => members
                .iter()
                .map(|(name, member)| (name.clone(), self.rebuild(member, hits, is_hit)))
                .collect(),
            Value::String(text) if is_hit && !text.is_empty() => {
                masked(number_of(&mut self.strings, text)).into()
            }
            Value::Number(number) if is_hit => {
                number_of(&mut self.numbers, &number.to_string()).into()
            }
            other => other.clone(),
        }
    }

    pub(super) fn uses(&self) -> Vec<MaskUse> {
        let uses = self.masks.0.iter().zip(&self.found);
        uses.map(|(mask, found)| MaskUse { path: mask.text.clone(), found: *found }).collect()
    }

    /// The strings that were masked, to be looked for elsewhere.
    pub(super) fn originals(&self) -> Originals {
        let (mut patterns, mut replacements) = (Vec::new(), Vec::new());
        let mut bytes = 0;
        for (text, number) in self.strings.iter().filter(|(text, _)| text.len() >= SHORTEST) {
            for spelling in common_spellings(text) {
                bytes += spelling.len();
                patterns.push(spelling);
                replacements.push(masked(*number));
            }
            if bytes > MOST_ORIGINALS {
                return Originals { automaton: None, replacements };
            }
        }
        Originals { automaton: automaton(&patterns), replacements }
    }
}

/// JSON in which no object has two members of one name.
struct Distinct;

impl<'de> Deserialize<'de> for Distinct {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Walk;

        impl<'de> Visitor<'de> for Walk {
            type Value = Distinct;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("JSON")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Distinct, A::Error> {
                let mut names = HashSet::new();
                while let Some(name) = members.next_key::<String>()? {
                    members.next_value::<Distinct>()?;
                    if !names.insert(name) {
                        return Err(A::Error::custom("two members have the same name"));
                    }
                }
                Ok(Distinct)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Distinct, A::Error> {
                while items.next_element::<Distinct>()?.is_some() {}
                Ok(Distinct)
            }

            fn visit_unit<E>(self) -> Result<Distinct, E> {
                Ok(Distinct)
            }

            fn visit_bool<E>(self, _: bool) -> Result<Distinct, E> {
                Ok(Distinct)
            }

            fn visit_i64<E>(self, _: i64) -> Result<Distinct, E> {
                Ok(Distinct)
            }

            fn visit_u64<E>(self, _: u64) -> Result<Distinct, E> {
                Ok(Distinct)
            }

            fn visit_f64<E>(self, _: f64) -> Result<Distinct, E> {
                Ok(Distinct)
            }

            fn visit_str<E>(self, _: &str) -> Result<Distinct, E> {
                Ok(Distinct)
            }
        }

        from.deserialize_any(Walk)
    }
}

fn masked(number: usize) -> String {
    format!("masked-{number}")
}

fn number_of(known: &mut HashMap<String, usize>, original: &str) -> usize {
    let next = known.len() + 1;
    *known.entry(original.to_owned()).or_insert(next)
}

/// The strings that were masked in a recording, as they stand in JSON and in URLs.
#[derive(Clone, Default)]
pub(super) struct Originals {
    automaton: Option<AhoCorasick>,
    /// By pattern.
    replacements: Vec<String>,
}

impl Originals {
    /// Whether they are more than can be looked for. Then they are taken to be everywhere.
    pub(super) fn are_too_many(&self) -> bool {
        self.automaton.is_none() && !self.replacements.is_empty()
    }

    pub(super) fn is_in(&self, text: &str) -> bool {
        match &self.automaton {
            Some(automaton) => automaton.is_match(text),
            None => self.are_too_many(),
        }
    }

    /// `text` with all of them masked.
    pub(super) fn masked(&self, text: &str) -> String {
        match &self.automaton {
            Some(automaton) => automaton.replace_all(text, &self.replacements),
            None if self.are_too_many() => REDACTED.to_owned(),
            None => text.to_owned(),
        }
    }
}

// What was masked is in no debug output.
impl fmt::Debug for Originals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Originals")
    }
}

impl fmt::Debug for Masking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Masking").field("masks", &self.masks).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn masking(paths: &[&str]) -> Masking {
        Masking::new(Masks::new(paths).unwrap())
    }

    fn body(masking: &mut Masking, document: &Value) -> Value {
        serde_json::from_str(&masking.body(&document.to_string()).unwrap().unwrap()).unwrap()
    }

    #[test]
    fn equal_values_stay_equal_whichever_mask_and_answer_they_are_in() {
        let mut masking = masking(&["$..email", "$..owner.name"]);
        let first = json!([{"email": "a@example.org"}, {"email": "b@example.org"}]);
        assert_eq!(
            body(&mut masking, &first),
            json!([{"email": "masked-1"}, {"email": "masked-2"}])
        );
        let second = json!({"owner": {"name": "b@example.org", "id": 7}, "email": "c@example.org"});
        assert_eq!(
            body(&mut masking, &second),
            json!({"owner": {"name": "masked-2", "id": 7}, "email": "masked-3"})
        );
        let found: Vec<usize> = masking.uses().iter().map(|mask| mask.found).collect();
        assert_eq!(found, [3, 1]);
    }

    #[test]
    fn what_is_found_keeps_its_shape_and_is_masked_leaf_by_leaf() {
        let mut masking = masking(&["$.user", "$.user.name"]);
        let document = json!({
            "user": {"age": 36, "gone": null, "is_bot": false, "mail": ["ada@example.org", ["Ada"]],
                "name": "Ada", "nick": "", "same": 36, "size": 1.75},
            "age": 36
        });
        assert_eq!(
            body(&mut masking, &document),
            json!({
                "user": {"age": 1, "gone": null, "is_bot": false, "mail": ["masked-1", ["masked-2"]],
                    "name": "masked-2", "nick": "", "same": 1, "size": 2},
                "age": 36
            })
        );
    }

    #[test]
    fn numbers_are_kept_to_the_last_digit_where_no_mask_looks() {
        let mut masking = masking(&["$.secret"]);
        let text =
            r#"{"secret":12345678901234567890123,"exact":0.10000000000000000000001,"far":1e+400}"#;
        let masked = masking.body(text).unwrap().unwrap();
        assert_eq!(masked, r#"{"exact":0.10000000000000000000001,"far":1e+400,"secret":1}"#);
    }

    #[test]
    fn filters_compare_numbers() {
        let mut masking =
            masking(&["$[?@.id > 1 && @.size == 2.5].name", "$[?search(@.name, '^b')].id"]);
        let document =
            json!([{"id": 1, "size": 2.5, "name": "one"}, {"id": 2, "size": 2.50, "name": "bee"}]);
        assert_eq!(
            body(&mut masking, &document),
            json!([{"id": 1, "size": 2.5, "name": "one"}, {"id": 1, "size": 2.5, "name": "masked-1"}])
        );
    }

    #[test]
    fn what_no_mask_finds_stays_as_it_came() {
        let mut masking = masking(&["$..email"]);
        assert_eq!(masking.body(r#"{ "b": 1, "a": 2 }"#).unwrap(), None);
        assert!(masking.body("<p>email</p>").is_err());
        assert_eq!(masking.uses(), [MaskUse { path: "$..email".into(), found: 0 }]);
    }

    #[test]
    fn a_body_whose_tree_would_take_gigabytes_is_not_looked_into() {
        let mut masking = masking(&["$..email"]);
        let many = format!("[{}{{\"email\":\"a\"}}]", "[],".repeat(MOST_VALUES));
        assert!(is_json(&many));
        assert!(masking.body(&many).is_err());
        let few = format!("[{}{{\"email\":\"a\"}}]", "[],".repeat(1_000));
        assert!(masking.body(&few).unwrap().unwrap().ends_with("{\"email\":\"masked-1\"}]"));
    }

    #[test]
    fn a_body_with_two_members_of_one_name_is_not_looked_into() {
        let mut masking = masking(&["$..email"]);
        let text = r#"[1.5,true,null,{"user":{"email":"a@example.org"},"user":{"id":1}}]"#;
        assert!(is_json(text) && masking.body(text).is_err());
        let distinct = text.replacen("user", "other", 1);
        assert!(masking.body(&distinct).unwrap().unwrap().contains("masked-1"));
    }

    #[test]
    fn more_masked_strings_than_can_be_looked_for_are_taken_to_be_everywhere() {
        let mut masking = masking(&["$[*]"]);
        let many: Vec<String> = (0..200_000).map(|n| format!("person {n:020}")).collect();
        body(&mut masking, &json!(many));
        assert!(masking.originals().are_too_many());
    }

    #[test]
    fn what_was_masked_is_shown_nowhere_when_it_cannot_be_looked_for() {
        let originals = Originals { automaton: None, replacements: vec!["masked-1".into()] };
        assert!(originals.is_in("anything"));
        assert_eq!(originals.masked("ada@example.org"), "[redacted]");
        assert_eq!(Originals::default().masked("ada@example.org"), "ada@example.org");
        assert!(!Originals::default().is_in("anything"));
    }

    #[test]
    fn a_masked_string_is_known_wherever_it_stands() {
        let mut masking = masking(&["$..email"]);
        body(&mut masking, &json!({"email": "a+b@example.org", "x": {"email": "short"}}));
        let originals = masking.originals();
        assert!(originals.is_in("https://api.example.org/users?mail=a%2Bb%40example.org"));
        assert!(originals.is_in("written by a+b@example.org"));
        assert!(!originals.is_in("cut it short"));
        assert_eq!(originals.masked("GET /?q=a%2Bb%40example.org"), "GET /?q=masked-1");
        assert!(!format!("{originals:?}").contains("example"));
    }

    #[test]
    fn what_is_no_json_path_is_shown_with_the_reason() {
        let error = Masks::new(["$.a", "..email"]).unwrap_err().to_string();
        assert!(error.starts_with("\"..email\" is not a JSON path such as $..email"), "{error}");
        assert_eq!(Masks::new(["$.a", "$.a"]).unwrap().0.len(), 1);
        for open in ["(", "[?(", "!("] {
            let nested = format!("$[?{}", open.repeat(2_000));
            let error = Masks::new([nested]).unwrap_err().to_string();
            assert!(error.ends_with("it has more than 64 brackets"), "{error}");
        }
    }
}
