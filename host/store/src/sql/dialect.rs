// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! What differs between the databases in the text of SQL.
//!
//! Every session takes `"name"` for an identifier (MySQL through `ANSI_QUOTES`) and every
//! statement is written with `?` for its parameters, so most statements are the same text
//! everywhere. What is here is the rest.

use std::time::Duration;

use test_dashboard_model::{Column, Table};

use super::merge::Merge;
use super::quote;

/// How a view is marked that the host has made.
pub(crate) const MADE_BY: &str = "Made by test-dashboard";

/// What differs in the text of SQL.
pub(crate) trait Dialect: Send + Sync {
    /// The type of a plugin's column in its table.
    fn column_type(&self, column: &Column, is_key: bool) -> String;

    /// The same in the staging table.
    fn stage_type(&self, column: &Column, is_key: bool) -> String {
        self.column_type(column, is_key)
    }

    /// The type of a text column of the host, part of a key or an index.
    fn name_type(&self, characters: u32) -> String;

    /// The type of `_run_id`.
    fn integer_type(&self) -> &'static str;

    /// The type of `_extracted_at`.
    fn time_type(&self) -> &'static str;

    /// What stands after the closing bracket of CREATE TABLE.
    fn table_options(&self) -> String;

    /// Begins a transaction that writes.
    fn begin(&self) -> &'static str;

    /// Whether CREATE and ALTER take part in transactions.
    fn has_transactional_ddl(&self) -> bool;

    /// A query that waits for this database's advisory lock and answers 1; none where a
    /// transaction that writes is such a lock.
    fn schema_lock(&self) -> Option<&'static str>;

    /// Gives that lock back, where the end of the transaction does not.
    fn schema_unlock(&self) -> Option<&'static str>;

    /// That lock for migrations, each of which is a transaction of its own; and what gives it back.
    /// None where all of them are one transaction.
    fn migration_lock(&self) -> Option<(&'static str, &'static str)> {
        self.schema_lock().zip(self.schema_unlock())
    }

    /// Bounds how long a statement of the session waits for a lock on a table; none where only
    /// the connection's options can.
    fn lock_wait(&self, _wait: Duration) -> Option<String> {
        None
    }

    /// A query of which of the server's processes answers, and of the database's encoding; none
    /// where every session has its own, and every table its encoding.
    fn process_query(&self) -> Option<&'static str> {
        None
    }

    /// Queries of who keeps a session waiting: the first that works and finds somebody counts.
    /// Takes how the server calls the session that waits. The session, 1 when it is sure, user,
    /// program, state, seconds, the beginning of its statement.
    fn holders_queries(&self) -> &'static [&'static str] {
        &[]
    }

    /// How a person finds out who holds a lock.
    fn how_to_find_holders(&self) -> &'static str;

    /// The statement that ends a session.
    fn end_session(&self, _session: i64) -> String {
        String::from("end its program")
    }

    /// The names of a table's or view's columns; takes the table's name. No rows: there is no
    /// such table.
    fn columns_query(&self) -> &'static str;

    /// What there is under which name: each table and view, 1 for a view, and for a view what
    /// tells one that the host has made from another: a mark or its text.
    fn relations_query(&self) -> &'static str;

    /// Each table with each of its columns.
    fn all_columns_query(&self) -> &'static str;

    /// The name of the schema that tables are made in; none where that is the database.
    fn schema_query(&self) -> Option<&'static str> {
        None
    }

    /// Makes a view; where the database can, in the place of the one that is there.
    fn create_view(&self, name: &str, query: &str) -> String;

    /// Marks a view as the host's, where its text does not.
    fn mark_view(&self, _name: &str) -> Option<String> {
        None
    }

    /// The privileges on a view, where they go with it: takes its name; the privilege, to whom,
    /// 1 when they may pass it on, and the column where it is a column's.
    fn view_grants_query(&self) -> Option<&'static str> {
        None
    }

    /// What keeps a view from being dropped: takes its name; the name, the kind and the query of
    /// each. None where nothing does.
    fn view_dependants_query(&self) -> Option<&'static str> {
        None
    }

    /// A parameter that holds a moment.
    fn time_parameter(&self) -> &'static str;

    /// A moment as `2026-01-31T12:00:00.000000Z`.
    fn time_as_text(&self, expression: &str) -> String;

    /// The day, in UTC, of a moment, as a column of type date is held.
    fn day_of(&self, moment: &str) -> String;

    /// The moment, in UTC, at which a day begins, as a column of type timestamp is held.
    fn start_of(&self, day: &str) -> String;

    /// The type to CAST to for a 64-bit whole number.
    fn integer_cast(&self) -> &'static str;

    /// The type to CAST to for text.
    fn text_cast(&self) -> &'static str;

    /// Whether a name in double quotes that is not found is taken for a text. One in backticks is
    /// not.
    fn takes_names_for_texts(&self) -> bool {
        false
    }

    /// A text of any characters, as views can hold it.
    fn literal(&self, text: &str) -> String {
        format!("'{}'", text.replace('\'', "''"))
    }

    /// The staging table's name as statements refer to it.
    fn stage_name(&self, table: &str) -> String;

    /// Creates the staging table. It may be there from before; that one is in the way.
    fn create_stage(&self, table: &Table) -> Vec<String>;

    /// Run before the merge, outside of its transaction: leaves one row per key, the last.
    fn settle_stage(&self, table: &Table) -> Vec<String>;

    /// Empties the staging table, outside of a transaction.
    fn empty_stage(&self, table: &Table) -> Vec<String>;

    /// Drops the staging table.
    fn drop_stage(&self, table: &str) -> String;

    /// Updates the rows that differ. Parameters: `_partition`, `_run_id`, `_extracted_at`,
    /// project.
    fn update(&self, merge: &Merge<'_>) -> String;

    /// Gives this partition the rows that it delivered and another one owns. Parameters:
    /// `_partition`, project, `_partition`.
    fn own(&self, merge: &Merge<'_>) -> String;

    /// Removes this partition's rows; with `keep_staged` those that were not delivered.
    /// Parameters: project, `_partition`.
    fn remove(&self, merge: &Merge<'_>, keep_staged: bool) -> String;

    /// A stored column as it is compared with a staged one.
    fn comparable(&self, _column: &Column, stored: &str) -> String {
        stored.to_owned()
    }

    /// A staged column's value as its table takes it.
    fn staged_value(&self, column: &Column) -> String {
        format!("s.{}", quote(&column.name))
    }

    /// The statement that makes a key's text column hold more characters; none where every
    /// length fits.
    fn widen_key(&self, table: &str, column: &Column) -> Option<String>;

    /// A statement as a person's own session takes it.
    fn for_a_person(&self, sql: &str) -> String {
        sql.to_owned()
    }
}
