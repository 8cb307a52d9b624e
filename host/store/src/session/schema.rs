// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! What is in the database, whoever has made it.

use std::collections::{HashMap, HashSet};

use crate::error::StoreError;
use crate::session::DatabaseSession;
use crate::sql::fields::Fields;
use crate::sql::quote;

/// Tables and the names of their columns.
pub(crate) type Schema = HashMap<String, HashSet<String>>;

/// A table or a view.
pub(crate) struct Relation {
    pub(crate) is_view: bool,
    /// What tells a view that the host has made from another.
    pub(crate) mark: Option<String>,
}

/// Every table with its columns.
pub(crate) async fn columns(
    session: &mut DatabaseSession,
    doing: &str,
) -> Result<Schema, StoreError> {
    let query = session.dialect.all_columns_query();
    tables_of(session, doing, query).await
}

/// The plugins' tables with their columns, as the catalogue knows them.
pub(crate) async fn catalogued(
    session: &mut DatabaseSession,
    doing: &str,
) -> Result<Schema, StoreError> {
    tables_of(session, doing, "SELECT table_name, column_name FROM catalogue_columns").await
}

async fn tables_of(
    session: &mut DatabaseSession,
    doing: &str,
    query: &str,
) -> Result<Schema, StoreError> {
    let read = |row: &Fields| Ok((row.text("table_name")?, row.text("column_name")?));
    let mut schema = Schema::new();
    for (table, column) in session.read(doing, query, vec![], read).await? {
        schema.entry(table).or_default().insert(column);
    }
    Ok(schema)
}

/// Refuses a table that is not missing: MySQL shows nobody a table that he has no privilege on.
pub(crate) async fn refuse_hidden(
    session: &mut DatabaseSession,
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
    session: &mut DatabaseSession,
    doing: &str,
) -> Result<HashMap<String, Relation>, StoreError> {
    let read = |row: &Fields| {
        let is_view = row.int("is_view")? == 1;
        Ok((row.text("name")?, Relation { is_view, mark: row.optional_text("mark")? }))
    };
    let query = session.dialect.relations_query();
    Ok(session.read(doing, query, vec![], read).await?.into_iter().collect())
}
