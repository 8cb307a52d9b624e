// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! One row of a golden file.

use std::cmp::Ordering;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Serialize, Serializer};
use serde_json::Value as Json;
use test_dashboard_model::{Table, Value};

use crate::pump::DryTable;

/// A row: its columns in the table's order, and its key.
#[derive(Debug, Clone, PartialEq)]
pub struct GoldenRow {
    /// The values of the key columns, in the key's order.
    key: Vec<Json>,
    /// Every column with its value.
    columns: Vec<(String, Json)>,
}

impl GoldenRow {
    /// A row that a plugin delivered.
    fn of_values(table: &Table, values: &[Value]) -> Self {
        let columns: Vec<(String, Json)> = table
            .columns
            .iter()
            .zip(values)
            .map(|(column, value)| (column.name.clone(), golden_value(value)))
            .collect();
        let key = table
            .key_positions()
            .into_iter()
            .filter_map(|position| columns.get(position))
            .map(|(_, value)| value.clone())
            .collect();
        GoldenRow { key, columns }
    }

    /// A row of a file: the table's columns in their order, then those that the table does
    /// not have.
    ///
    /// # Errors
    ///
    /// The key column that it lacks.
    pub(super) fn of_object(
        table: &Table,
        mut object: serde_json::Map<String, Json>,
    ) -> Result<Self, String> {
        let mut columns = Vec::with_capacity(object.len());
        for column in &table.columns {
            if let Some(value) = object.remove(&column.name) {
                columns.push((column.name.clone(), value));
            }
        }
        columns.extend(object);
        let value_of = |name: &String| {
            let found = columns.iter().find(|(column, _)| column == name);
            found.map(|(_, value)| value.clone()).ok_or_else(|| name.clone())
        };
        let key = table.key.iter().map(value_of).collect::<Result<_, _>>()?;
        Ok(GoldenRow { key, columns })
    }

    /// The columns with their values, in order.
    pub fn columns(&self) -> &[(String, Json)] {
        &self.columns
    }

    /// The value of a column, if the row has it.
    pub fn value(&self, column: &str) -> Option<&Json> {
        self.columns.iter().find(|(name, _)| name == column).map(|(_, value)| value)
    }

    /// Which of two rows comes first in a file; equal for two versions of the same row.
    pub(super) fn by_key(&self, other: &Self) -> Ordering {
        let parts = self.key.iter().zip(&other.key).map(|(a, b)| order(a, b));
        parts.fold(Ordering::Equal, Ordering::then)
    }
}

/// An object with the columns in their order; `serde_json`'s own map would sort them.
impl Serialize for GoldenRow {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.columns.iter().map(|(name, value)| (name, value)))
    }
}

/// What a run delivered of one table, as its golden file would have it: sorted by key, and of
/// the rows with the same key the last.
pub(super) fn of_table(dry: &DryTable) -> Vec<GoldenRow> {
    let rows = dry.rows.iter().rev();
    let mut rows: Vec<GoldenRow> =
        rows.map(|(_, row)| GoldenRow::of_values(&dry.table, row.values())).collect();
    // Stable: of the same key the last row is still in front, and stays.
    rows.sort_by(GoldenRow::by_key);
    rows.dedup_by(|later, first| later.by_key(first).is_eq());
    rows
}

/// [`Value::to_json`] is for a person and tells bytes by their number; here they are base64,
/// so that none of them can change unseen.
fn golden_value(value: &Value) -> Json {
    match value {
        Value::Bytes(bytes) => Json::from(BASE64.encode(bytes)),
        value => value.to_json(),
    }
}

/// Numbers by size, texts by their characters, different kinds apart. Equal only for what is
/// written the same.
fn order(a: &Json, b: &Json) -> Ordering {
    match (a, b) {
        (Json::Number(a), Json::Number(b)) => {
            let float = |number: &serde_json::Number| number.as_f64().unwrap_or(f64::MAX);
            float(a)
                .total_cmp(&float(b))
                .then_with(|| a.as_i64().cmp(&b.as_i64()))
                .then_with(|| a.to_string().cmp(&b.to_string()))
        }
        (Json::String(a), Json::String(b)) => a.cmp(b),
        (a, b) => rank(a).cmp(&rank(b)).then_with(|| a.to_string().cmp(&b.to_string())),
    }
}

fn rank(value: &Json) -> u8 {
    match value {
        Json::Null => 0,
        Json::Bool(_) => 1,
        Json::Number(_) => 2,
        Json::String(_) => 3,
        Json::Array(_) => 4,
        Json::Object(_) => 5,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::Arc;

    use serde_json::json;
    use test_dashboard_model::validate::Validator;
    use test_dashboard_model::{Column, ColumnType, TableMode};

    use super::*;

    fn column(name: &str, kind: ColumnType, nullable: bool) -> Column {
        let max_length = (kind == ColumnType::Text && !nullable).then_some(20);
        Column { name: name.into(), kind, nullable, max_length, description: String::new() }
    }

    /// `guest_rows`: the key is `name`, then `id`; the columns stand in another order.
    pub fn table() -> Table {
        Table {
            name: "guest_rows".into(),
            description: String::new(),
            mode: TableMode::Merge,
            columns: vec![
                column("id", ColumnType::Int64, false),
                column("name", ColumnType::Text, false),
                column("note", ColumnType::Text, true),
                column("data", ColumnType::Bytes, true),
            ],
            key: vec!["name".into(), "id".into()],
        }
    }

    /// Rows of `id`, `name` and `note` as a run delivers them.
    pub fn delivered(rows: &[(i64, &str, Option<&str>)]) -> Vec<GoldenRow> {
        let table = Arc::new(table());
        let mut validator = Validator::new(Arc::clone(&table));
        let mut row = |(id, name, note): &(i64, &str, Option<&str>)| {
            let note = note.map_or(Value::Null, |note| Value::Text(note.into()));
            let data = Value::Bytes(vec![0, 255]);
            let row = vec![Value::Int64(*id), Value::Text((*name).into()), note, data];
            ("fenix".to_string(), validator.check(row).unwrap())
        };
        let rows = rows.iter().map(&mut row).collect();
        of_table(&DryTable { table, rows, rejected: Vec::new() })
    }

    #[test]
    fn rows_are_sorted_by_key_and_the_last_of_a_key_wins() {
        let rows = delivered(&[
            (10, "b", Some("first")),
            (9, "b", None),
            (1, "c", None),
            (10, "b", Some("last")),
            (100, "a", None),
        ]);
        let told: Vec<_> = rows.iter().map(|row| (row.value("id"), row.value("note"))).collect();
        assert_eq!(
            told,
            [
                (Some(&json!(100)), Some(&Json::Null)),
                (Some(&json!(9)), Some(&Json::Null)),
                (Some(&json!(10)), Some(&json!("last"))),
                (Some(&json!(1)), Some(&Json::Null)),
            ]
        );
    }

    #[test]
    fn columns_stand_in_the_tables_order_and_bytes_are_all_there() {
        let rows = delivered(&[(1, "a", None)]);
        let names: Vec<_> = rows[0].columns().iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["id", "name", "note", "data"]);
        assert_eq!(rows[0].value("data"), Some(&json!("AP8=")));
    }
}
