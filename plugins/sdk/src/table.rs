// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! What a plugin declares about its tables. Mostly written by `#[derive(Row)]`.

use serde::Serialize;

use crate::Value;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ColumnType {
    /// True or false.
    Boolean,
    /// A 64-bit whole number with a sign.
    Int64,
    /// A finite binary floating point number.
    Float64,
    /// An exact decimal number.
    Decimal {
        /// Digits in all, from 1 to 38.
        precision: u8,
        /// Digits after the point, at most 30.
        scale: u8,
    },
    /// Unicode text.
    Text,
    /// Bytes.
    Bytes,
    /// A calendar day.
    Date,
    /// A moment in UTC, to the microsecond.
    Timestamp,
    /// A JSON document.
    Json,
}

impl ColumnType {
    /// Whether it is text, which alone may have a maximum length.
    pub const fn is_text(&self) -> bool {
        matches!(self, ColumnType::Text)
    }

    /// Whether it can be part of a key in every database.
    pub const fn fits_key(&self) -> bool {
        !matches!(self, ColumnType::Bytes | ColumnType::Json | ColumnType::Float64)
    }
}

/// One column of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub kind: ColumnType,
    /// Whether a row may leave it null.
    pub nullable: bool,
    /// For text: the greatest number of characters (Unicode scalar values).
    pub max_length: Option<u32>,
    /// What a person who reads the table should know.
    pub description: String,
}

/// How the rows of a partition become the rows of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TableMode {
    /// Insert or update by key. Rows that stop appearing stay.
    Merge,
    /// What a partition delivers replaces what it held before.
    Snapshot,
}

/// One table, without the columns that the host adds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Table {
    /// Its name: the datasource's, `_`, and what it holds.
    pub name: String,
    /// What one row is.
    pub description: String,
    /// Merge or snapshot.
    pub mode: TableMode,
    /// The columns, in the order of a row's values.
    pub columns: Vec<Column>,
    /// The names of the key columns, after the host's `project`.
    pub key: Vec<String>,
}

/// One row of a table. Derive it: `#[derive(Row)]`.
pub trait Row: Sized {
    /// The table's name.
    const TABLE: &'static str;

    /// The table's declaration.
    fn table() -> Table;

    /// The values, in the order of the table's columns.
    fn into_values(self) -> Vec<Value>;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Date, Decimal, Json, Timestamp};

    /// One of everything,
    /// in two lines.
    #[derive(crate::Row)]
    #[row(table = "things_all", mode = "snapshot", key("name", "day"))]
    struct Everything {
        /// Its name.
        #[row(max_length = 40)]
        name: String,
        /// The day.
        day: Date,
        /// A keyword as a name.
        r#type: Option<bool>,
        /// A small number.
        small: i32,
        /// A count.
        count: Option<u32>,
        /// A large number.
        large: i64,
        /// A share.
        share: Option<f64>,
        /// Money.
        cost: Decimal<10, 2>,
        /// Bytes.
        digest: Option<Vec<u8>>,
        /// When.
        at: Timestamp,
        /// The rest.
        rest: Option<Json>,
    }

    fn column(name: &str) -> Column {
        let found = Everything::table().columns.into_iter().find(|column| column.name == name);
        found.unwrap_or_else(|| panic!("no column {name}"))
    }

    #[test]
    fn the_struct_declares_its_table() {
        let table = Everything::table();
        assert_eq!(table.name, "things_all");
        assert_eq!(Everything::TABLE, "things_all");
        assert_eq!(table.description, "One of everything, in two lines.");
        assert_eq!(table.mode, TableMode::Snapshot);
        assert_eq!(table.key, ["name", "day"]);
        let names: Vec<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
        assert_eq!(
            names,
            [
                "name", "day", "type", "small", "count", "large", "share", "cost", "digest", "at",
                "rest"
            ]
        );
    }

    #[test]
    fn a_field_declares_its_column() {
        assert_eq!(
            column("name"),
            Column {
                name: "name".into(),
                kind: ColumnType::Text,
                nullable: false,
                max_length: Some(40),
                description: "Its name.".into(),
            }
        );
        assert!(column("type").nullable);
        assert_eq!(column("type").kind, ColumnType::Boolean);
        for name in ["small", "count", "large"] {
            assert_eq!(column(name).kind, ColumnType::Int64, "{name}");
        }
        assert_eq!(column("cost").kind, ColumnType::Decimal { precision: 10, scale: 2 });
        assert_eq!(column("digest").kind, ColumnType::Bytes);
        assert_eq!(column("at").kind, ColumnType::Timestamp);
        assert_eq!(column("rest").kind, ColumnType::Json);
    }

    #[test]
    fn values_stand_in_the_order_of_the_columns() {
        let row = Everything {
            name: "🐞".into(),
            day: crate::jiff::civil::date(1969, 12, 31),
            r#type: None,
            small: -1,
            count: Some(u32::MAX),
            large: i64::MIN,
            share: Some(0.5),
            cost: Decimal::new("1.5"),
            digest: Some(vec![1, 2]),
            at: Timestamp::from_microsecond(7).unwrap(),
            rest: Some(Json::from(serde_json::json!({"a": 1}))),
        };
        assert_eq!(
            row.into_values(),
            [
                Value::Text("🐞".into()),
                Value::Date(-1),
                Value::Null,
                Value::Int64(-1),
                Value::Int64(4_294_967_295),
                Value::Int64(i64::MIN),
                Value::Float64(0.5),
                Value::Decimal("1.5".into()),
                Value::Bytes(vec![1, 2]),
                Value::Timestamp(7),
                Value::Json("{\"a\":1}".into()),
            ]
        );
    }
}
