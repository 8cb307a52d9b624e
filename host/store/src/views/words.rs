// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The words in the text of views for what differs between databases, or is said too often to
//! be written out. Everything else in `views/` is the same SQL everywhere.
//!
//! | Word | Stands for |
//! |---|---|
//! | `{integer}`, `{text}` | the type to cast whole numbers, or text, to |
//! | `{day:…}` | the day, in UTC, of a moment |
//! | `{start_of:…}` | the moment, in UTC, at which a day begins |
//! | `{literal:…}` | this text, of whatever characters; without quotes |
//! | `{table}` | the name of the part's first table |
//! | `{rows}` | that table as `t`, joined with what `{projects_id}` needs |
//! | `{projects_id}` | TestRail's number of the project of a row of `{rows}` |
//!
//! # TestRail's number of a project
//!
//! The column `project_id` came later than the tables that have it, so a database may lack it
//! until the report that fills the table runs, and rows that are final never get it. Such a row
//! has the number that any other row of its project tells, and 0 where none does: a row that
//! had none would vanish as soon as a dashboard joins it with `projects`.

use super::Schema;
use super::list::{NUMBERED, Part};
use crate::sql::dialect::Dialect;

const NUMBER: &str = "project_id";

/// The part in the database's words.
pub(super) fn spell(part: &Part, schema: &Schema, dialect: &dyn Dialect) -> String {
    let table = part.tables.first().copied().unwrap_or_default();
    let has_number = |table: &str| schema.get(table).is_some_and(|has| has.contains(NUMBER));
    let projects_id = match has_number(table) {
        true => "COALESCE(t.\"project_id\", n.\"project_id\", 0)",
        false => "COALESCE(n.\"project_id\", 0)",
    };
    let numbered: Vec<&str> = NUMBERED.iter().copied().filter(|name| has_number(name)).collect();
    let select = part
        .select
        .trim_end()
        .replace("{rows}", &rows(&numbered))
        .replace("{projects_id}", projects_id)
        .replace("{table}", table)
        .replace("{integer}", dialect.integer_cast())
        .replace("{text}", dialect.text_cast());
    let select = with_argument(&select, "day", |moment| dialect.day_of(moment));
    let select = with_argument(&select, "start_of", |day| dialect.start_of(day));
    with_argument(&select, "literal", |text| dialect.literal(text))
}

/// The first table, with the number that the tables of `numbered` tell of its project.
fn rows(numbered: &[&str]) -> String {
    let each = |table: &&str| format!("SELECT \"project\", \"{NUMBER}\" FROM \"{table}\"");
    let union = numbered.iter().map(each).collect::<Vec<_>>().join(" UNION ");
    let numbers = match numbered {
        [] => {
            "SELECT \"project\", CAST(NULL AS {integer}) AS \"project_id\" FROM \"{table}\" WHERE 1 = 0"
                .to_owned()
        }
        _ => format!(
            "SELECT \"project\", MAX(\"{NUMBER}\") AS \"{NUMBER}\" FROM ({union}) AS u GROUP BY \"project\""
        ),
    };
    format!("\"{{table}}\" AS t LEFT JOIN ({numbers}) AS n ON n.\"project\" = t.\"project\"")
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

    use super::super::list::VIEWS;
    use super::*;
    use crate::engine::sqlite::dialect::SqliteDialect;

    /// What SQLite has had since 3.8. A view is read by whatever SQLite its reader has: that of
    /// Debian 12, 3.40, does not know `CONCAT`.
    const FUNCTIONS: [&str; 7] = ["CAST", "COALESCE", "COUNT", "MAX", "MIN", "SUM", "substr"];

    #[test]
    fn a_view_in_sqlite_can_be_read_by_an_old_one() {
        let mut schema = Schema::new();
        for table in VIEWS.iter().flat_map(|view| view.parts).flat_map(|part| part.tables) {
            schema.insert((*table).to_owned(), HashSet::from([NUMBER.to_owned()]));
        }
        for view in VIEWS {
            for part in view.parts {
                let sql = spell(part, &schema, &SqliteDialect);
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
