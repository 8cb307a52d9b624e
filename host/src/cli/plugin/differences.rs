// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Prints the differences between golden rows and new ones.

use serde_json::Value as Json;

use crate::cli::output::say;
use crate::golden::{self, Change, Difference, GoldenRow, TableResult};
use crate::plugin::printable;

/// How many differences of a table a person is shown.
const SHOWN: usize = 20;
/// Where a value is cut, in characters.
const LONGEST: usize = 60;
/// How much of what two long values have in common is shown before they part.
const LEAD: usize = 15;

/// Shows what is different in one table, row by row; nothing when there is nothing.
///
/// # Errors
///
/// When standard output cannot be written to.
pub fn show(table: &TableResult) -> std::io::Result<()> {
    let differences = &table.differences;
    if differences.is_empty() {
        return Ok(());
    }
    say!("{}, rows that differ: {}", table.file.display(), differences.len())?;
    for difference in differences.iter().take(SHOWN) {
        match difference {
            Difference::Missing(row) => say!("  - {}", line(row.columns().iter()))?,
            Difference::New(row) => say!("  + {}", line(row.columns().iter()))?,
            Difference::Changed { row, columns } => {
                say!("  ~ {}", line(key(row, &table.key)))?;
                for change in columns {
                    say!("      {}", changed(change))?;
                }
            }
        }
    }
    if differences.len() > SHOWN {
        say!("  … and {} more (--format json gives all)", differences.len() - SHOWN)?;
    }
    Ok(())
}

fn key<'a>(row: &'a GoldenRow, names: &'a [String]) -> impl Iterator<Item = &'a (String, Json)> {
    row.columns().iter().filter(|(name, _)| names.contains(name))
}

fn line<'a>(columns: impl Iterator<Item = &'a (String, Json)>) -> String {
    let told =
        columns.map(|(name, value)| format!("{}: {}", printable(name), cut(&text(value), 0)));
    told.collect::<Vec<_>>().join(", ")
}

/// `title: "old" → "new"`.
fn changed(change: &Change) -> String {
    let (old, new) = (change.old.as_ref().map(text), change.new.as_ref().map(text));
    let from = match (&old, &new) {
        (Some(old), Some(new)) => parting(old, new),
        _ => 0,
    };
    let shown = |value: &Option<String>| {
        value.as_deref().map_or_else(|| "(no such column)".to_string(), |value| cut(value, from))
    };
    format!("{}: {} → {}", printable(&change.column), shown(&old), shown(&new))
}

/// The character from which on two values are shown, so that where they part is among them.
fn parting(old: &str, new: &str) -> usize {
    let common = old.chars().zip(new.chars()).take_while(|(a, b)| a == b).count();
    if common + LEAD < LONGEST { 0 } else { common - LEAD }
}

/// A value in one line; what is not printable is escaped in it.
fn text(value: &Json) -> String {
    golden::text(value).unwrap_or_else(|error| format!("({error})"))
}

fn cut(text: &str, from: usize) -> String {
    let mut shown: String = text.chars().skip(from).take(LONGEST).collect();
    if from > 0 {
        shown.insert(0, '…');
    }
    if text.chars().nth(from + LONGEST).is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(old: Option<Json>, new: Option<Json>) -> String {
        changed(&Change { column: "title".into(), old, new })
    }

    #[test]
    fn short_values_are_shown_whole_and_nothing_steers_the_terminal() {
        assert_eq!(told(Some(json!("a")), Some(Json::Null)), "title: \"a\" → null");
        assert_eq!(told(None, Some(json!(1))), "title: (no such column) → 1");
        let steering = told(Some(json!("\u{1b}[2J\u{202e}")), Some(json!("a\nb")));
        assert_eq!(steering, r#"title: "\u001b[2J\u202e" → "a\nb""#);
    }

    #[test]
    fn of_long_values_the_place_is_shown_where_they_part() {
        let common = "x".repeat(500);
        let old = format!("{common}old{}", "y".repeat(500));
        let new = format!("{common}new");
        let told = told(Some(json!(old)), Some(json!(new)));
        let lead = "x".repeat(LEAD);
        let rest = "y".repeat(LONGEST - LEAD - 3);
        assert_eq!(told, format!("title: …{lead}old{rest}… → …{lead}new\""));
    }
}
