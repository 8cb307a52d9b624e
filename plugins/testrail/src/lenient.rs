// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! For serde: parts of an answer whose form differs between servers, or that no
//! documentation pins down.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, de::Error};
use serde_json::Value as JsonValue;
use test_dashboard_sdk::{ColumnType, Json, Scalar, Value};

/// Text; a number or anything else as its JSON. Null is none.
///
/// # Errors
///
/// When it is no JSON.
pub fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(match JsonValue::deserialize(deserializer)? {
        JsonValue::Null => None,
        JsonValue::String(text) => Some(text),
        other => Some(other.to_string()),
    })
}

/// A flag: true, or any number but 0. Null is false.
///
/// # Errors
///
/// When it is something else.
pub fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Ok(match JsonValue::deserialize(deserializer)? {
        JsonValue::Bool(flag) => flag,
        JsonValue::Number(number) => number.as_i64() != Some(0),
        JsonValue::Null => false,
        other => return Err(D::Error::custom(format!("{other} where a flag was expected"))),
    })
}

/// The custom fields of a case or a result: every key that begins with `custom_`, for a field
/// that is `#[serde(flatten)]`. A column of JSON.
#[derive(Debug, Default)]
pub struct Custom(BTreeMap<String, JsonValue>);

impl Custom {
    /// What a field holds; none when it is absent.
    pub fn get(&self, name: &str) -> Option<&JsonValue> {
        self.0.get(name)
    }
}

impl<'de> Deserialize<'de> for Custom {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut fields = BTreeMap::<String, JsonValue>::deserialize(deserializer)?;
        fields.retain(|name, _| name.starts_with("custom_"));
        Ok(Custom(fields))
    }
}

impl Scalar for Custom {
    const KIND: ColumnType = ColumnType::Json;

    fn into_value(self) -> Value {
        Scalar::into_value(Json::from(JsonValue::from_iter(self.0)))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[derive(Deserialize)]
    struct Thing {
        id: i64,
        #[serde(default, deserialize_with = "text")]
        elapsed: Option<String>,
        #[serde(default, deserialize_with = "flag")]
        is_deleted: bool,
        #[serde(flatten)]
        custom: Custom,
    }

    fn thing(json: JsonValue) -> Thing {
        serde_json::from_str(&json.to_string()).unwrap()
    }

    #[test]
    fn text_is_kept_whatever_it_is() {
        let elapsed = |value: JsonValue| thing(json!({"id": 1, "elapsed": value})).elapsed;
        assert_eq!(elapsed(json!("5m")).as_deref(), Some("5m"));
        assert_eq!(elapsed(json!("")).as_deref(), Some(""));
        assert_eq!(elapsed(json!(90)).as_deref(), Some("90"));
        assert_eq!(elapsed(json!({"m": 5})).as_deref(), Some(r#"{"m":5}"#));
        assert_eq!(elapsed(JsonValue::Null), None);
        assert_eq!(thing(json!({"id": 1})).elapsed, None);
    }

    #[test]
    fn a_flag_is_a_number_or_true() {
        let flag = |value: JsonValue| thing(json!({"id": 1, "is_deleted": value})).is_deleted;
        assert!(flag(json!(1)) && flag(json!(true)));
        assert!(!flag(json!(0)) && !flag(json!(false)) && !flag(JsonValue::Null));
        assert!(!thing(json!({"id": 1})).is_deleted);
    }

    #[test]
    fn custom_fields_are_those_with_the_prefix_and_numbers_stay_numbers() {
        let thing = thing(json!({
            "custom_b": [1, 2], "id": 7, "labels": [], "custom_a": 1.50, "custom_c": null,
        }));
        assert_eq!(thing.id, 7);
        assert_eq!(thing.custom.get("custom_b"), Some(&json!([1, 2])));
        assert_eq!(thing.custom.get("labels"), None);
        assert_eq!(
            Scalar::into_value(thing.custom),
            Value::Json(r#"{"custom_a":1.5,"custom_b":[1,2],"custom_c":null}"#.into())
        );
    }
}
