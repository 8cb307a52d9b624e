// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Items of a response in which a field is not as documented.

use std::fmt;
use std::ops::{Deref, DerefMut};

use serde::de::{DeserializeOwned, Deserializer, Error};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value as JsonValue, json};
use serde_path_to_error::Segment;

use crate::http::excerpt;
use crate::{Column, ColumnType, Failure, Row, Table, Value, time};

/// How much of what was found is shown in a failure.
const SHOWN: usize = 80;
/// How many fields of one item are put right before it counts as something else altogether.
const MAX_ODD: usize = 100;

/// An item of an answer, to be read as [`Lenient`].
pub trait Answer: DeserializeOwned {
    /// The fields without which nothing can be done with an item, such as its id, one of a part
    /// as `status.taskId`: where one of them cannot be understood, the answer as a whole cannot.
    const NEEDED: &'static [&'static str] = &["id"];
}

/// An item of an answer, of which one odd field costs one row and not the page.
///
/// A field of another type than documented is read where its meaning is clear: `1` for `true`,
/// `"12"` or `12.0` for `12`, `12` for `"12"`, `""` for null. Where it is not, the item is
/// *odd*: the field reads as null, or as nothing (`0`, `false`, `""`, `1970-01-01`), and every
/// row that is made of the item with [`map`](Self::map) is handed over with what was found in
/// that field's column, so that the host rejects the row and a person sees why.
///
/// What is decided by an item has to ask [`is_odd`](Self::is_odd) first: an odd one is not
/// final, and its times say nothing.
///
/// ```
/// use serde::Deserialize;
/// use test_dashboard_sdk::{Answer, Batches, Lenient, Row};
///
/// /// A build.
/// #[derive(Row)]
/// #[row(table = "ci_builds", mode = "merge", key("id"))]
/// struct BuildRow {
///     /// Its number.
///     id: i64,
///     /// Whether it passed; null while it runs.
///     passed: Option<bool>,
/// }
///
/// #[derive(Deserialize)]
/// struct Build {
///     id: i64,
///     passed: Option<bool>,
/// }
///
/// impl Answer for Build {}
///
/// let answer = r#"[{"id": "7", "passed": 1}, {"id": 8, "passed": "rather"}]"#;
/// let builds: Vec<Lenient<Build>> = serde_json::from_str(answer).unwrap();
/// assert_eq!((builds[0].id, builds[0].passed, builds[0].is_odd()), (7, Some(true), false));
/// assert!(builds[1].is_odd());
///
/// let mut batches = Batches::of::<BuildRow>();
/// for build in builds {
///     batches.push(build.map(|Build { id, passed }| BuildRow { id, passed }));
/// }
/// ```
#[derive(Debug, Clone)]
pub struct Lenient<T> {
    item: T,
    odd: Vec<Odd>,
}

/// A field of an item that could not be understood.
#[derive(Debug, Clone)]
struct Odd {
    /// Where it is.
    spot: Spot,
    /// What was found there.
    found: JsonValue,
}

impl<T> Lenient<T> {
    /// Whether a field of it could not be understood, so that its rows will be rejected.
    pub fn is_odd(&self) -> bool {
        !self.odd.is_empty()
    }

    /// Whether this field of it, or a part of that, could not be understood.
    pub fn is_odd_in(&self, field: &str) -> bool {
        self.odd.iter().any(|odd| odd.spot.names().next() == Some(field))
    }

    /// What is made of the item, such as a row; of an odd one it is odd, too.
    pub fn map<U>(self, make: impl FnOnce(T) -> U) -> Lenient<U> {
        Lenient { item: make(self.item), odd: self.odd }
    }

    /// The same for what may fail.
    ///
    /// # Errors
    ///
    /// Those of `make`.
    pub fn try_map<U, E>(self, make: impl FnOnce(T) -> Result<U, E>) -> Result<Lenient<U>, E> {
        Ok(Lenient { item: make(self.item)?, odd: self.odd })
    }

    /// Something else that is made of the item: odd if it is.
    pub fn with<U>(&self, other: U) -> Lenient<U> {
        Lenient { item: other, odd: self.odd.clone() }
    }

    /// An item of which nothing may be odd, because more than its own row follows from it.
    ///
    /// # Errors
    ///
    /// An `unexpected-response` failure that names what could not be understood; `what` says
    /// what the item is, such as `the issue 7`.
    pub fn sound(self, what: impl fmt::Display) -> Result<T, Failure> {
        self.sound_where(what, |_| true)
    }

    /// The same where only these fields may not be odd.
    ///
    /// # Errors
    ///
    /// As [`sound`](Self::sound).
    pub fn sound_in(self, fields: &[&str], what: impl fmt::Display) -> Result<T, Failure> {
        self.sound_where(what, |odd| odd.spot.names().next().is_some_and(|f| fields.contains(&f)))
    }

    fn sound_where(
        self,
        what: impl fmt::Display,
        matters: impl Fn(&&Odd) -> bool,
    ) -> Result<T, Failure> {
        match self.odd.iter().find(matters) {
            None => Ok(self.item),
            Some(Odd { spot, found }) => Err(Failure::unexpected_response(format!(
                "{what}: its {} cannot be understood: {}",
                spot.names().collect::<Vec<_>>().join("."),
                excerpt(found.to_string().as_bytes(), SHOWN)
            ))),
        }
    }

    /// The item, whether it is odd or not.
    pub fn into_inner(self) -> T {
        self.item
    }
}

/// An item that is as it should be.
impl<T> From<T> for Lenient<T> {
    fn from(item: T) -> Self {
        Lenient { item, odd: Vec::new() }
    }
}

impl<T> Deref for Lenient<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.item
    }
}

impl<T> DerefMut for Lenient<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.item
    }
}

impl<T: Serialize> Serialize for Lenient<T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.item.serialize(serializer)
    }
}

impl<'de, T: Answer> Deserialize<'de> for Lenient<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Box::<RawValue>::deserialize(deserializer)?;
        if let Ok(item) = serde_json::from_str(text.get()) {
            return Ok(Lenient { item, odd: Vec::new() });
        }
        let document = serde_json::from_str(text.get()).map_err(D::Error::custom)?;
        mend(document).map_err(|error| D::Error::custom(described(&error)))
    }
}

impl<R: Row> Row for Lenient<R> {
    const TABLE: &'static str = R::TABLE;

    fn table() -> Table {
        R::table()
    }

    fn into_values(self) -> Vec<Value> {
        let mut values = self.item.into_values();
        if !self.odd.is_empty() {
            let table = R::table();
            self.odd.into_iter().for_each(|odd| odd.put_into(&mut values, &table.columns));
        }
        values
    }
}

type ReadError = serde_path_to_error::Error<serde_json::Error>;

fn read<T: DeserializeOwned>(document: &JsonValue) -> Result<T, ReadError> {
    serde_path_to_error::deserialize(document)
}

fn described(error: &ReadError) -> String {
    match error.path().to_string().as_str() {
        "." => error.inner().to_string(),
        path => format!("{path}: {}", error.inner()),
    }
}

/// Reads an item by putting right, one after the other, the fields that keep it from being
/// read.
fn mend<T: Answer>(mut document: JsonValue) -> Result<Lenient<T>, ReadError> {
    let mut odd = Vec::new();
    let mut outcome = read(&document);
    for _ in 0..MAX_ODD {
        let error = match outcome {
            Ok(item) => return Ok(Lenient { item, odd }),
            Err(error) => error,
        };
        let Some(spot) = Spot::of(&error) else { return Err(error) };
        let Some(found) = spot.get(&document).cloned() else { return Err(error) };
        let meanings = meanings(&found).into_iter().map(|meaning| (meaning, true));
        let is_needed = T::NEEDED.iter().any(|needed| spot.touches(needed));
        let nothings = NOTHINGS.iter().filter(|_| !is_needed).map(|nothing| (nothing(), false));
        let mut attempts = meanings.chain(nothings).map(|(candidate, is_clear)| {
            spot.put(&mut document, candidate);
            (read(&document), is_clear)
        });
        // An error at another spot: this field can be read, and the next one cannot.
        let read = attempts.find(|(outcome, _)| match outcome {
            Ok(_) => true,
            Err(other) => Spot::of(other).as_ref() != Some(&spot),
        });
        let Some((next, is_clear)) = read else { return Err(error) };
        if !is_clear {
            odd.push(Odd { spot, found });
        }
        outcome = next;
    }
    outcome.map(|item| Lenient { item, odd })
}

/// Below, every whole number is a float of its own.
const MAX_EXACT: f64 = 9_007_199_254_740_992.0;

/// What a value may mean that is of another type than wanted, where that is beyond doubt.
fn meanings(found: &JsonValue) -> Vec<JsonValue> {
    match found {
        JsonValue::Bool(flag) => vec![json!(u8::from(*flag)), json!(flag.to_string())],
        JsonValue::Number(number) => {
            let float = number.as_f64();
            let is_exact = |float: &f64| float.fract() == 0.0 && float.abs() < MAX_EXACT;
            let integer = float.filter(is_exact).map(|float| json!(float as i64));
            let flag =
                float.filter(|float| [0.0, 1.0].contains(float)).map(|float| json!(float == 1.0));
            integer.into_iter().chain(flag).chain([json!(number.to_string())]).collect()
        }
        JsonValue::String(text) => match text.trim() {
            "" => vec![JsonValue::Null],
            "true" | "True" => vec![json!(true)],
            "false" | "False" => vec![json!(false)],
            text => {
                let number = serde_json::from_str(text).ok().map(JsonValue::Number);
                let moment = time::parse_rfc3339(text).ok().map(|moment| json!(moment.to_string()));
                let flags = number.iter().flat_map(meanings).collect::<Vec<_>>();
                number.clone().into_iter().chain(flags).chain(moment).collect()
            }
        },
        JsonValue::Null | JsonValue::Array(_) | JsonValue::Object(_) => Vec::new(),
    }
}

/// What a field reads as that cannot be understood: the first of these that its type takes.
const NOTHINGS: [fn() -> JsonValue; 7] = [
    || JsonValue::Null,
    || json!(""),
    || json!(0),
    || json!(false),
    || json!([]),
    || json!({}),
    || json!("1970-01-01T00:00:00Z"),
];

/// A place in an item.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Spot {
    /// The names and positions that lead there.
    steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Name(String),
    Position(usize),
}

impl Spot {
    /// What an error is about; none when it is the item as a whole.
    fn of(error: &ReadError) -> Option<Self> {
        let mut steps = Vec::new();
        for segment in error.path() {
            steps.push(match segment {
                Segment::Seq { index } => Step::Position(*index),
                Segment::Map { key } => Step::Name(key.clone()),
                Segment::Enum { .. } | Segment::Unknown => return None,
            });
        }
        // serde names a field that is not there only in the message, and what it is not in as
        // the place.
        let message = error.inner().to_string();
        let missing =
            message.strip_prefix("missing field `").and_then(|rest| rest.split('`').next());
        steps.extend(missing.map(|name| Step::Name(name.to_owned())));
        (!steps.is_empty()).then_some(Spot { steps })
    }

    /// Whether it is this field, holds it or is a part of it.
    fn touches(&self, field: &str) -> bool {
        self.names().zip(field.split('.')).all(|(name, wanted)| name == wanted)
    }

    fn names(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.steps.iter().filter_map(|step| match step {
            Step::Name(name) => Some(name.as_str()),
            Step::Position(_) => None,
        })
    }

    /// What is there: null for a field that is missing.
    fn get<'a>(&self, document: &'a JsonValue) -> Option<&'a JsonValue> {
        static MISSING: JsonValue = JsonValue::Null;
        self.steps.iter().try_fold(document, |at, step| match step {
            Step::Name(name) => Some(at.as_object()?.get(name).unwrap_or(&MISSING)),
            Step::Position(index) => at.get(index),
        })
    }

    fn put(&self, document: &mut JsonValue, value: JsonValue) {
        let place = self.steps.iter().try_fold(document, |at, step| match step {
            Step::Name(name) => {
                Some(at.as_object_mut()?.entry(name.as_str()).or_insert(JsonValue::Null))
            }
            Step::Position(index) => at.get_mut(index),
        });
        if let Some(place) = place {
            *place = value;
        }
    }
}

/// As columns are named: `task_id` for `taskId`.
fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
    }
    snake
}

impl Odd {
    /// Puts what was found into the column that it was for, as a value of another type than
    /// the column's.
    fn put_into(self, values: &mut [Value], columns: &[Column]) {
        let names: Vec<String> = self.spot.names().map(snake_case).collect();
        let is_called = |name: &str| columns.iter().position(|column| column.name == name);
        let exact = is_called(&names.join("_"))
            .or_else(|| names.first().and_then(|name| is_called(name)))
            .or_else(|| names.last().and_then(|name| is_called(name)));
        let found = match exact {
            Some(_) => self.found,
            None => json!({ names.join("."): self.found }),
        };
        let index = exact.unwrap_or(0);
        if let (Some(value), Some(column)) = (values.get_mut(index), columns.get(index)) {
            *value = match (&column.kind, found) {
                (_, JsonValue::Null) if !column.nullable => Value::Null,
                (ColumnType::Text, found) => Value::Json(found.to_string()),
                (_, JsonValue::String(text)) => Value::Text(text),
                (_, found) => Value::Text(found.to_string()),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Json, Timestamp};

    /// A thing.
    #[derive(Debug, PartialEq, crate::Row)]
    #[row(table = "t_things", mode = "merge", key("id"))]
    struct ThingRow {
        /// Its number.
        id: i64,
        /// Its name.
        name: String,
        /// Its size.
        size: Option<f64>,
        /// Whether it is done.
        is_done: bool,
        /// When it ended.
        ended_at: Option<Timestamp>,
        /// Who made it.
        user_login: Option<String>,
        /// Its parts.
        parts: Json,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Thing {
        id: i64,
        name: String,
        size: Option<f64>,
        #[serde(default)]
        is_done: bool,
        ended_at: Option<Timestamp>,
        user: Option<User>,
        #[serde(default)]
        parts: Vec<Lenient<Part>>,
    }

    #[derive(Debug, Deserialize)]
    struct User {
        login: String,
    }

    #[derive(Debug, Serialize, Deserialize)]
    struct Part {
        count: u32,
    }

    impl Answer for Thing {}

    impl Answer for Part {
        const NEEDED: &'static [&'static str] = &[];
    }

    fn thing(json: JsonValue) -> Lenient<Thing> {
        serde_json::from_str(&json.to_string()).unwrap()
    }

    fn row(thing: Lenient<Thing>) -> Lenient<ThingRow> {
        thing.map(|thing| ThingRow {
            id: thing.id,
            name: thing.name,
            size: thing.size,
            is_done: thing.is_done,
            ended_at: thing.ended_at,
            user_login: thing.user.map(|user| user.login),
            parts: Json::of(&thing.parts).unwrap(),
        })
    }

    #[test]
    fn a_clear_meaning_is_read() {
        let thing = thing(json!({
            "id": "7", "name": 12, "size": "1.5", "isDone": 1, "endedAt": "", "parts": [{"count": 3.0}],
        }));
        assert!(!thing.is_odd() && !thing.parts[0].is_odd());
        assert_eq!(thing.parts[0].count, 3);
        let row = row(thing).into_inner();
        assert_eq!((row.id, row.name.as_str(), row.size, row.is_done), (7, "12", Some(1.5), true));
        assert_eq!(row.ended_at, None);
    }

    #[test]
    fn every_form_of_a_flag_a_number_and_a_text_is_read() {
        #[derive(Debug, Deserialize)]
        struct One<T> {
            it: T,
        }
        impl<T: DeserializeOwned> Answer for One<T> {
            const NEEDED: &'static [&'static str] = &["it"];
        }
        fn read<T: DeserializeOwned>(it: &str) -> Option<T> {
            let one = serde_json::from_str::<Lenient<One<T>>>(&format!(r#"{{"it": {it}}}"#));
            one.ok().map(|one| one.into_inner().it)
        }
        for yes in ["1", "1.0", "true", r#""1""#, r#""true""#, r#""True""#] {
            assert_eq!(read(yes), Some(true), "{yes}");
        }
        for no in ["0", r#""0""#, r#""false""#] {
            assert_eq!(read(no), Some(false), "{no}");
        }
        for neither in ["2", "null", "[]", r#""yes?""#, "-1"] {
            assert_eq!(read::<bool>(neither), None, "{neither}");
        }
        for twelve in ["12", "12.0", "1.2e1", r#""12""#, r#"" 12.0 ""#] {
            assert_eq!(read::<i64>(twelve), Some(12), "{twelve}");
        }
        for none in ["12.5", r#""12 pieces""#, "{}", "1e300"] {
            assert_eq!(read::<i64>(none), None, "{none}");
        }
        assert_eq!(read::<String>("1.50").as_deref(), Some("1.50"));
        assert_eq!(read::<String>("true").as_deref(), Some("true"));
        let last = read::<Timestamp>(r#""9999-12-31T23:59:59Z""#).unwrap();
        assert_eq!(last, time::MAX);
    }

    #[test]
    fn what_cannot_be_understood_is_in_its_column_of_another_type() {
        let fine = json!({"id": 7, "name": "a", "user": {"login": "b"}});
        let value = |name: &str, found: JsonValue, column: usize| {
            let mut json = fine.clone();
            json[name] = found;
            let thing = thing(json);
            assert!(thing.is_odd(), "{name}");
            row(thing).into_values().swap_remove(column)
        };
        assert_eq!(value("size", json!("big"), 2), Value::Text("big".into()));
        assert_eq!(value("isDone", json!([1]), 3), Value::Text("[1]".into()));
        assert_eq!(value("endedAt", json!("soon"), 4), Value::Text("soon".into()));
        assert_eq!(value("name", json!(["a"]), 1), Value::Json("[\"a\"]".into()));
        assert_eq!(value("name", json!(null), 1), Value::Null);
        assert_eq!(value("user", json!({"login": {}}), 5), Value::Json("{}".into()));
        assert_eq!(value("user", json!({}), 5), Value::Json("null".into()));
    }

    #[test]
    fn what_no_column_is_named_after_is_named_in_the_first() {
        let odd = Odd {
            spot: Spot { steps: vec![Step::Name("head".into()), Step::Name("ref".into())] },
            found: json!(1),
        };
        let mut values = vec![Value::Int64(7); 7];
        odd.put_into(&mut values, &ThingRow::table().columns);
        assert_eq!(values[0], Value::Text(r#"{"head.ref":1}"#.into()));
    }

    #[test]
    fn an_odd_part_is_odd_alone() {
        let thing = thing(json!({"id": 7, "name": "a", "parts": [{"count": "?"}, {"count": 2}]}));
        let odd: Vec<bool> = thing.parts.iter().map(Lenient::is_odd).collect();
        assert_eq!((thing.is_odd(), odd), (false, vec![true, false]));
    }

    #[test]
    fn several_odd_fields_are_one_odd_item() {
        let odd = thing(
            json!({"id": "7", "name": [], "size": {}, "isDone": "x", "endedAt": 5, "user": 4}),
        );
        assert_eq!((odd.id, odd.name.as_str(), odd.size, odd.is_done), (7, "", None, false));
        assert!(odd.is_odd() && odd.user.is_none());
        assert!(odd.is_odd_in("user") && odd.is_odd_in("endedAt") && !odd.is_odd_in("id"));
        let failure = odd.sound("the thing 7").unwrap_err();
        assert_eq!(failure.message, "the thing 7: its endedAt cannot be understood: 5");
    }

    #[test]
    fn without_what_is_needed_there_is_no_item() {
        let error = |json: JsonValue| {
            serde_json::from_str::<Vec<Lenient<Thing>>>(&json.to_string()).unwrap_err().to_string()
        };
        let message = error(json!([{"id": {}, "name": "a"}]));
        assert!(message.starts_with("id: invalid type: map, expected i64"), "{message}");
        let message = error(json!([{"name": "a"}]));
        assert!(message.starts_with("missing field `id`"), "{message}");
        assert!(error(json!([7])).contains("invalid type"), "{}", error(json!([7])));
    }
}
