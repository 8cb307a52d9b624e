// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! One value of a row, and the Rust types that a column may have.

use serde::{Deserialize, Deserializer, Serialize};

use crate::{ColumnType, Date, Timestamp, time};

/// One value of a row, as the contract has it.
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

/// A type that a column can have, without the possibility of null.
///
/// Implement it for a type of your own, such as an enum that is stored as text.
pub trait Scalar {
    /// What the column holds.
    const KIND: ColumnType;

    /// The value as the contract has it.
    fn into_value(self) -> Value;
}

/// A type that a field of a [`Row`](crate::Row) can have: a [`Scalar`], or an `Option` of one.
pub trait ColumnValue {
    /// What the column holds.
    const KIND: ColumnType;
    /// Whether it may be null.
    const NULLABLE: bool;

    /// The value as the contract has it.
    fn into_value(self) -> Value;
}

impl<T: Scalar> ColumnValue for T {
    const KIND: ColumnType = T::KIND;
    const NULLABLE: bool = false;

    fn into_value(self) -> Value {
        Scalar::into_value(self)
    }
}

impl<T: Scalar> ColumnValue for Option<T> {
    const KIND: ColumnType = T::KIND;
    const NULLABLE: bool = true;

    fn into_value(self) -> Value {
        self.map_or(Value::Null, Scalar::into_value)
    }
}

macro_rules! scalar {
    ($($rust:ty, $kind:ident, $value:ident => $into:expr;)*) => {$(
        impl Scalar for $rust {
            const KIND: ColumnType = ColumnType::$kind;

            fn into_value(self) -> Value {
                let $value = self;
                $into
            }
        }
    )*};
}

scalar! {
    bool, Boolean, value => Value::Boolean(value);
    i64, Int64, value => Value::Int64(value);
    i32, Int64, value => Value::Int64(i64::from(value));
    u32, Int64, value => Value::Int64(i64::from(value));
    f64, Float64, value => Value::Float64(value);
    String, Text, value => Value::Text(value);
    Vec<u8>, Bytes, value => Value::Bytes(value);
    Date, Date, value => Value::Date(time::days_since_epoch(value));
    Timestamp, Timestamp, value => Value::Timestamp(value.as_microsecond());
    Json, Json, value => Value::Json(value.0);
}

/// A JSON document. Deserialises from any JSON value, so it can stand in the struct of an
/// answer for a part whose shape does not matter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Json(String);

impl Json {
    /// The document of a value.
    ///
    /// # Errors
    ///
    /// When the value has no JSON form, such as a map whose keys are not text.
    pub fn of(value: &impl Serialize) -> Result<Self, serde_json::Error> {
        serde_json::to_string(value).map(Json)
    }

    /// The document's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<serde_json::Value> for Json {
    fn from(value: serde_json::Value) -> Self {
        Json(value.to_string())
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        serde_json::Value::deserialize(deserializer).map(Json::from)
    }
}

/// An exact decimal number of `PRECISION` digits, `SCALE` of them after the point, as SQL's
/// `NUMERIC(PRECISION, SCALE)`. Holds the text as it came; the host checks that it fits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decimal<const PRECISION: u8, const SCALE: u8>(String);

impl<const PRECISION: u8, const SCALE: u8> Decimal<PRECISION, SCALE> {
    /// From text such as `-12.50`, without an exponent.
    pub fn new(text: impl Into<String>) -> Self {
        Decimal(text.into())
    }
}

impl<const PRECISION: u8, const SCALE: u8> From<i64> for Decimal<PRECISION, SCALE> {
    fn from(number: i64) -> Self {
        Decimal(number.to_string())
    }
}

impl<const PRECISION: u8, const SCALE: u8> Scalar for Decimal<PRECISION, SCALE> {
    const KIND: ColumnType = {
        assert!(
            1 <= PRECISION && PRECISION <= 38 && SCALE <= PRECISION && SCALE <= 30,
            "precision goes from 1 to 38, scale from 0 to the precision and at most 30"
        );
        ColumnType::Decimal { precision: PRECISION, scale: SCALE }
    };

    fn into_value(self) -> Value {
        Value::Decimal(self.0)
    }
}
