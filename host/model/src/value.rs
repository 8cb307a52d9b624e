// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! A value as a plugin delivers it, and a row of values.

use serde::de::IgnoredAny;

/// One value of a row. Which of these a column takes is its [`ColumnType`](crate::ColumnType).
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// No value.
    Null,
    /// True or false.
    Boolean(bool),
    /// A whole number.
    Int64(i64),
    /// A floating point number.
    Float64(f64),
    /// An exact decimal number as text, `-12.50`.
    Decimal(String),
    /// Unicode text.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// Days since 1970-01-01.
    Date(i32),
    /// Microseconds since 1970-01-01T00:00:00Z.
    Timestamp(i64),
    /// A JSON document as text.
    Json(String),
}

/// One row: a value per column, in the order in which the table declares its columns.
pub type Row = Vec<Value>;

impl Value {
    /// The name of this value's kind, as an error message says it.
    pub fn kind(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Boolean(_) => "boolean",
            Value::Int64(_) => "int64",
            Value::Float64(_) => "float64",
            Value::Decimal(_) => "decimal",
            Value::Text(_) => "text",
            Value::Bytes(_) => "bytes",
            Value::Date(_) => "date",
            Value::Timestamp(_) => "timestamp",
            Value::Json(_) => "json",
        }
    }

    /// The bytes that it takes in memory.
    pub fn size(&self) -> u64 {
        let apart = match self {
            Value::Decimal(text) | Value::Text(text) | Value::Json(text) => text.len(),
            Value::Bytes(bytes) => bytes.len(),
            Value::Null
            | Value::Boolean(_)
            | Value::Int64(_)
            | Value::Float64(_)
            | Value::Date(_)
            | Value::Timestamp(_) => 0,
        };
        (size_of::<Self>() + apart) as u64
    }

    /// This value as JSON, for a person: a rejected row, a dry run.
    ///
    /// Dates and times that no calendar holds, and numbers that JSON cannot hold, become the
    /// text of what the plugin gave.
    pub fn to_json(&self) -> serde_json::Value {
        use serde_json::Value as Json;
        match self {
            Value::Null => Json::Null,
            Value::Boolean(value) => Json::from(*value),
            Value::Int64(value) => Json::from(*value),
            Value::Float64(value) => serde_json::Number::from_f64(*value)
                .map_or_else(|| Json::from(value.to_string()), Json::Number),
            Value::Decimal(text) | Value::Text(text) => Json::from(text.as_str()),
            Value::Bytes(bytes) => Json::from(format!("{} bytes", bytes.len())),
            Value::Date(days) => Json::from(
                date_from_days(*days)
                    .map_or_else(|| format!("day {days}"), |date| date.to_string()),
            ),
            Value::Timestamp(micros) => Json::from(
                jiff::Timestamp::from_microsecond(*micros)
                    .map_or_else(|_| format!("microsecond {micros}"), |time| format!("{time:.6}")),
            ),
            Value::Json(text) => {
                serde_json::from_str(text).unwrap_or_else(|_| Json::from(text.as_str()))
            }
        }
    }

    /// The same as text. A JSON document is written as it came, without a tree of it; what is none
    /// is a string.
    ///
    /// # Errors
    ///
    /// What writing fails with.
    pub fn write_json(&self, out: &mut impl std::io::Write) -> std::io::Result<()> {
        match self {
            Value::Json(text) if serde_json::from_str::<IgnoredAny>(text).is_ok() => {
                out.write_all(text.trim_ascii().as_bytes())
            }
            Value::Json(text) | Value::Text(text) | Value::Decimal(text) => {
                Ok(serde_json::to_writer(out, text)?)
            }
            other => Ok(serde_json::to_writer(out, &other.to_json())?),
        }
    }
}

/// The calendar day that is `days` after 1970-01-01, if the calendar (years -9999 to 9999)
/// has it.
pub fn date_from_days(days: i32) -> Option<jiff::civil::Date> {
    let span = jiff::Span::new().try_days(days).ok()?;
    jiff::civil::date(1970, 1, 1).checked_add(span).ok()
}
