// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Text of SQL: what is the same in every database, and what each says in its own way.

pub(crate) mod dialect;
pub(crate) mod fields;
pub(crate) mod merge;
pub(crate) mod values;

use test_dashboard_model::Table;

use dialect::Dialect;

/// An identifier in quotes.
pub(crate) fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// `a, b, c` of something said about each item.
pub(crate) fn list<T>(
    items: impl IntoIterator<Item = T>,
    separator: &str,
    say: impl Fn(T) -> String,
) -> String {
    items.into_iter().map(say).collect::<Vec<_>>().join(separator)
}

/// The columns of a staging table, in the order of a row's values.
pub(crate) fn stage_columns(dialect: &dyn Dialect, table: &Table) -> String {
    list(&table.columns, ", ", |column| {
        let is_key = table.is_key(&column.name);
        let not_null = if is_key { " NOT NULL" } else { "" };
        format!("{} {}{not_null}", quote(&column.name), dialect.stage_type(column, is_key))
    })
}

/// The key columns' names, quoted, without the project.
pub(crate) fn key_columns(table: &Table) -> String {
    list(&table.key, ", ", |name| quote(name))
}

/// A multi-row INSERT (or REPLACE) into the staging table.
pub(crate) fn insert_rows(verb: &str, stage: &str, table: &Table, rows: usize) -> String {
    let columns = list(&table.columns, ", ", |column| quote(&column.name));
    let row = format!("({})", vec!["?"; table.columns.len()].join(","));
    format!("{verb} INTO {stage} ({columns}) VALUES {}", vec![row; rows].join(","))
}
