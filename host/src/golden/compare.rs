// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Compares golden rows with new ones, row by row.

use std::cmp::Ordering;

use serde::Serialize;
use serde_json::Value as Json;

use super::GoldenRow;

/// One row that is not as it was.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Difference {
    /// The golden file has it, and the plugin did not deliver it.
    Missing(GoldenRow),
    /// The plugin delivered it, and the golden file does not have it.
    New(GoldenRow),
    /// Both have it, with other values.
    Changed {
        /// The row as it was.
        row: GoldenRow,
        /// The columns that differ, the table's first.
        columns: Vec<Change>,
    },
}

/// One column that is not as it was.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    /// The column.
    pub column: String,
    /// What the golden file has; none when it does not have the column.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old: Option<Json>,
    /// What the plugin delivered; none when the table does not have the column any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new: Option<Json>,
}

/// Compares golden rows with new ones. Both are sorted by key, each key once.
pub fn compare(golden: &[GoldenRow], new: &[GoldenRow]) -> Vec<Difference> {
    let (mut golden, mut new) = (golden.iter().peekable(), new.iter().peekable());
    let mut differences = Vec::new();
    loop {
        let order = match (golden.peek(), new.peek()) {
            (Some(old), Some(row)) => old.by_key(row),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => return differences,
        };
        let old = if order.is_le() { golden.next() } else { None };
        let row = if order.is_ge() { new.next() } else { None };
        differences.extend(match (old, row) {
            (Some(old), Some(row)) => changed(old, row),
            (Some(old), None) => Some(Difference::Missing(old.clone())),
            (None, Some(row)) => Some(Difference::New(row.clone())),
            (None, None) => None,
        });
    }
}

fn changed(old: &GoldenRow, new: &GoldenRow) -> Option<Difference> {
    let gone = old.columns().iter().filter(|(name, _)| new.value(name).is_none());
    let columns: Vec<Change> = new
        .columns()
        .iter()
        .chain(gone)
        .filter(|(name, _)| old.value(name) != new.value(name))
        .map(|(name, _)| Change {
            column: name.clone(),
            old: old.value(name).cloned(),
            new: new.value(name).cloned(),
        })
        .collect();
    (!columns.is_empty()).then(|| Difference::Changed { row: old.clone(), columns })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::row::tests::{delivered, table};
    use super::*;

    #[test]
    fn missing_new_and_changed_rows_are_told_apart() {
        let golden = delivered(&[(1, "a", None), (2, "a", Some("x")), (3, "a", Some("y"))]);
        let new = delivered(&[(2, "a", None), (3, "a", Some("y")), (1, "b", None)]);
        let change = Change { column: "note".into(), old: Some(json!("x")), new: Some(Json::Null) };
        assert_eq!(
            compare(&golden, &new),
            [
                Difference::Missing(golden[0].clone()),
                Difference::Changed { row: golden[1].clone(), columns: vec![change] },
                Difference::New(new[2].clone()),
            ]
        );
        assert_eq!(compare(&golden, &golden), []);
    }

    #[test]
    fn a_column_that_came_or_went_is_a_change_even_of_nothing() {
        let new = delivered(&[(1, "a", None)]);
        let object = json!({"id": 1, "name": "a", "data": "AP8=", "old": null});
        let serde_json::Value::Object(object) = object else { panic!("no object") };
        let golden = GoldenRow::of_object(&table(), object).unwrap();
        let differences = compare(&[golden], &new);
        let [Difference::Changed { columns, .. }] = differences.as_slice() else {
            panic!("{differences:?}")
        };
        let came = Change { column: "note".into(), old: None, new: Some(Json::Null) };
        let went = Change { column: "old".into(), old: Some(Json::Null), new: None };
        assert_eq!(columns, &[came, went]);
    }
}
