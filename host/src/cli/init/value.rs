// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Parses a setting's value as a person types it. A plugin's description of a setting has an
//! example after `such as`, which distinguishes numbers and lists from text.

use test_dashboard_model::Setting;
use toml_edit::{Array, Value};

/// What a setting takes, as far as its description tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Number,
    List,
    /// Without an example: as it is typed.
    Unknown,
}

impl Kind {
    fn of(description: &str) -> Kind {
        let Some((_, example)) = description.split_once("such as ") else { return Kind::Unknown };
        match example.chars().next() {
            Some('[') => Kind::List,
            Some(c) if c.is_ascii_digit() => {
                let word = example.split([' ', ',', ';']).next().unwrap_or_default();
                if word.bytes().all(|byte| byte.is_ascii_digit()) {
                    Kind::Number
                } else {
                    Kind::Text
                }
            }
            _ => Kind::Text,
        }
    }
}

/// What a person means by `typed`.
///
/// # Errors
///
/// What was expected instead.
pub fn value(setting: &Setting, typed: &str) -> Result<Value, String> {
    let typed = typed.trim();
    let toml = typed.parse::<Value>().ok().map(plain);
    match (Kind::of(&setting.description), toml) {
        (_, Some(value @ (Value::String(_) | Value::Array(_) | Value::InlineTable(_)))) => {
            Ok(value)
        }
        (Kind::Number | Kind::Unknown, Some(value @ (Value::Integer(_) | Value::Boolean(_)))) => {
            Ok(value)
        }
        (Kind::Number, _) => Err(format!("{} is a number: {}", setting.name, setting.description)),
        (Kind::List, _) => {
            let items = typed.split(',').map(str::trim).filter(|item| !item.is_empty());
            Ok(Value::Array(items.map(item).collect::<Array>()))
        }
        (Kind::Text | Kind::Unknown, _) => Ok(typed.into()),
    }
}

/// Of a list that is typed without brackets.
fn item(typed: &str) -> Value {
    match typed.parse::<Value>() {
        Ok(value @ (Value::Integer(_) | Value::String(_))) => plain(value),
        _ => typed.into(),
    }
}

/// A value without the blanks that stood around it.
fn plain(mut value: Value) -> Value {
    value.decor_mut().clear();
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(description: &str, typed: &str) -> Result<String, String> {
        let (name, description) = ("setting".to_string(), description.to_string());
        let setting = Setting { name, description, required: true };
        value(&setting, typed).map(|value| value.to_string())
    }

    #[test]
    fn the_example_tells_what_a_setting_takes() {
        const NUMBER: &str = "The project's number, such as 59";
        const DAYS: &str = "How many days, 70 to 365, such as 180; without it 90";
        const TEXT: &str = "Owner and name, such as mozilla-mobile/fenix";
        const SLUG: &str = "Its slug, such as 6c06d3a40422d10f";
        const LIST: &str = "The slugs, such as [\"a2b473cfa869c525\"]: the last part";
        const NUMBERS: &str = "Only these suites, such as [3192, 3307]";
        for (description, typed, value) in [
            (NUMBER, " 59 ", "59"),
            (DAYS, "120", "120"),
            (TEXT, "mozilla-mobile/fenix", "\"mozilla-mobile/fenix\""),
            (TEXT, "59", "\"59\""),
            (TEXT, "true", "\"true\""),
            (TEXT, "a \"b\"", "'a \"b\"'"),
            (SLUG, "12345678", "\"12345678\""),
            (LIST, "a, 9f87e6d5", "[\"a\", \"9f87e6d5\"]"),
            (LIST, "[\"a\", \"b\"]", "[\"a\", \"b\"]"),
            (NUMBERS, "3192,3307", "[3192, 3307]"),
            ("No example", "x", "\"x\""),
            ("No example", "true", "true"),
            ("No example", "\"7\"", "\"7\""),
            ("No example", "2026-01-01", "\"2026-01-01\""),
        ] {
            assert_eq!(of(description, typed).unwrap(), value, "{description} {typed}");
        }
        assert!(of(NUMBER, "fenix").unwrap_err().contains("such as 59"));
    }
}
