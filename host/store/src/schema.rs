// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! What is in the database, whoever has made it.

use std::collections::{HashMap, HashSet};

use crate::StoreError;
use crate::connection::{Fields, Session};
use crate::dialect::quote;

/// Tables and the names of their columns.
pub(crate) type Schema = HashMap<String, HashSet<String>>;

/// A table or a view.
pub(crate) struct Relation {
    pub(crate) is_view: bool,
    /// What tells a view that the host has made from another.
    pub(crate) mark: Option<String>,
}

/// Every table with its columns.
pub(crate) async fn columns(session: &mut Session, doing: &str) -> Result<Schema, StoreError> {
    let query = session.dialect.all_columns_query();
    tables_of(session, doing, query).await
}

/// The plugins' tables with their columns, as the catalogue knows them.
pub(crate) async fn catalogued(session: &mut Session, doing: &str) -> Result<Schema, StoreError> {
    tables_of(session, doing, "SELECT table_name, column_name FROM catalogue_columns").await
}

async fn tables_of(session: &mut Session, doing: &str, query: &str) -> Result<Schema, StoreError> {
    let rows = session.fetch(doing, query, vec![]).await?;
    let read = |row: &Fields| Ok((row.text(0)?, row.text(1)?));
    let columns = rows.iter().map(read).collect::<Result<Vec<_>, sqlx::Error>>();
    let mut schema = Schema::new();
    for (table, column) in columns.map_err(|error| session.failed(doing, error))? {
        schema.entry(table).or_default().insert(column);
    }
    Ok(schema)
}

/// Refuses a table that is not missing: MySQL shows nobody a table that he has no privilege on.
pub(crate) async fn refuse_hidden(
    session: &mut Session,
    doing: &str,
    table: &str,
) -> Result<(), StoreError> {
    let look = format!("SELECT 1 FROM {} WHERE 1 = 0", quote(table));
    match session.fetch(doing, &look, vec![]).await {
        Ok(_) | Err(StoreError::NoTable { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Every table and view.
pub(crate) async fn relations(
    session: &mut Session,
    doing: &str,
) -> Result<HashMap<String, Relation>, StoreError> {
    let rows = session.fetch(doing, session.dialect.clone().relations_query(), vec![]).await?;
    let read = |row: &Fields| {
        let relation = Relation { is_view: row.int(1)? == 1, mark: row.optional_text(2)? };
        Ok((row.text(0)?, relation))
    };
    let relations = rows.iter().map(read).collect::<Result<_, sqlx::Error>>();
    relations.map_err(|error| session.failed(doing, error))
}
