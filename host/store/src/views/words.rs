// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The words in the text of views for what differs between databases. Everything else in `views/`
//! is the same SQL everywhere.
//!
//! | Word | Stands for |
//! |---|---|
//! | `{integer}`, `{text}` | the type to cast whole numbers, or text, to |
//! | `{day:…}` | the day, in UTC, of a moment |
//! | `{start_of:…}` | the moment, in UTC, at which a day begins |
//! | `{literal:…}` | this text, of whatever characters; without quotes |
//! | `{table}` | the first of what the SELECT needs |
//! | `{if:TABLE.COLUMN:…}` | this SQL where the table has the column, else nothing |
//!
//! A set has words of its own in its `words.toml`, which stand for SQL with these words.

use super::Schema;
use super::sql::with_backticks;
use crate::sql::dialect::Dialect;

/// A text in the database's words.
pub(super) fn spell(text: &str, table: &str, schema: &Schema, dialect: &dyn Dialect) -> String {
    let has = |table: &str, column: &str| schema.get(table).is_some_and(|all| all.contains(column));
    let text = text
        .trim_end()
        .replace("{table}", table)
        .replace("{integer}", dialect.integer_cast())
        .replace("{text}", dialect.text_cast());
    let text = with_argument(&text, "if", |argument| {
        let (column, sql) = argument.split_once(':').unwrap_or((argument, ""));
        let is_there = column.split_once('.').is_some_and(|(table, column)| has(table, column));
        if is_there { sql.to_owned() } else { String::new() }
    });
    let text = with_argument(&text, "day", |moment| dialect.day_of(moment));
    let text = with_argument(&text, "start_of", |day| dialect.start_of(day));
    let text = with_argument(&text, "literal", |text| dialect.literal(text));
    if dialect.takes_names_for_texts() { with_backticks(&text) } else { text }
}

/// Replaces `{word:argument}`.
fn with_argument(select: &str, word: &str, say: impl Fn(&str) -> String) -> String {
    let begin = format!("{{{word}:");
    let mut parts = select.split(&begin);
    let mut sql = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (argument, rest) = part.split_once('}').unwrap_or((part, ""));
        sql.push_str(&say(argument));
        sql.push_str(rest);
    }
    sql
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::super::Views;
    use super::*;
    use crate::engine::sqlite::dialect::SqliteDialect;

    /// What SQLite has had since 3.8. A view is read by whatever SQLite its reader has: that of
    /// Debian 12, 3.40, does not know `CONCAT`.
    const FUNCTIONS: [&str; 7] = ["CAST", "COALESCE", "COUNT", "MAX", "MIN", "SUM", "substr"];

    #[test]
    fn a_view_in_sqlite_can_be_read_by_an_old_one() {
        let views = Views::shipped().unwrap();
        let mut schema = Schema::new();
        for need in views.all().flat_map(|view| &view.parts).flat_map(|part| &part.needs) {
            schema.insert(need.clone(), HashSet::from(["project_id".to_owned()]));
        }
        for view in views.all() {
            for part in &view.parts {
                let sql = spell(&part.select, part.table(), &schema, &SqliteDialect);
                let called = sql.match_indices('(').map(|(at, _)| {
                    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
                    let start = sql[..at].rfind(|c| !is_name(c)).map_or(0, |before| before + 1);
                    &sql[start..at]
                });
                for name in called.filter(|name| !name.is_empty()) {
                    assert!(FUNCTIONS.contains(&name), "{} calls {name}: {sql}", view.name);
                }
            }
        }
    }
}
