// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Checks what a plugin's `describe` claims, before anything is created or run from it.
//!
//! The names become SQL identifiers and the keys become indexes, so the rules are those that
//! all three databases share; the contract (`wit/`) states them to plugin authors.

use std::collections::HashSet;

use crate::{Column, ColumnType, Description, Table};

/// The greatest number of characters of a datasource's name.
pub const MAX_DATASOURCE_NAME: usize = 20;
/// The greatest number of characters of the name of a report, a setting or a project.
pub const MAX_NAME: usize = 60;
/// The greatest number of characters of a table's name.
pub const MAX_TABLE_NAME: usize = 48;
/// The greatest number of characters of a column's name.
pub const MAX_COLUMN_NAME: usize = 60;
/// The greatest number of characters of a project's name, which is part of every key.
pub const MAX_PROJECT_NAME: u32 = 64;
/// What the text columns of a key may have together, `project` among them: InnoDB indexes
/// 3,072 bytes, and a character of utf8mb4 takes up to four.
pub const MAX_KEY_CHARACTERS: u32 = 768;
/// The most columns of a table.
pub const MAX_COLUMNS: usize = 250;
/// The most tables of a plugin.
pub const MAX_TABLES: usize = 100;
/// The most reports of a plugin.
pub const MAX_REPORTS: usize = 100;

/// Names that a datasource cannot have, because tables and views that begin with them are
/// the host's own.
const RESERVED_DATASOURCES: &[&str] = &[
    "catalogue",
    "checkpoints",
    "ci",
    "coverage",
    "flaky",
    "full",
    "projects",
    "rejected",
    "report",
    "run",
    "runs",
    "test",
];

/// Why a declaration was refused. Says which table or column, and what the rule is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct DeclarationError(String);

fn refuse<T>(message: impl Into<String>) -> Result<T, DeclarationError> {
    Err(DeclarationError(message.into()))
}

/// Checks everything that `describe` returned.
///
/// # Errors
///
/// The first rule that is broken, with the name of what breaks it.
pub fn check(description: &Description) -> Result<(), DeclarationError> {
    let name = &description.name;
    check_datasource_name(name)?;
    if description.tables.len() > MAX_TABLES || description.reports.len() > MAX_REPORTS {
        return refuse(format!(
            "it declares {} tables and {} reports; at most {MAX_TABLES} and {MAX_REPORTS} are allowed",
            description.tables.len(),
            description.reports.len()
        ));
    }
    check_tables(name, &description.tables)?;
    check_reports(description)?;
    for setting in &description.settings {
        check_name("setting", &setting.name, MAX_NAME, "-")?;
    }
    Ok(())
}

/// Checks what a datasource is to be named.
///
/// # Errors
///
/// The rule that the name breaks.
pub fn check_datasource_name(name: &str) -> Result<(), DeclarationError> {
    check_name("datasource", name, MAX_DATASOURCE_NAME, "")?;
    if RESERVED_DATASOURCES.contains(&name) {
        return refuse(format!(
            "a datasource cannot be named {name:?}: such tables are the host's own"
        ));
    }
    Ok(())
}

fn check_tables(datasource: &str, tables: &[Table]) -> Result<(), DeclarationError> {
    let mut seen = HashSet::new();
    for table in tables {
        if !seen.insert(&table.name) {
            return refuse(format!("the table {} is declared twice", table.name));
        }
        check_table(datasource, table)?;
    }
    Ok(())
}

fn check_reports(description: &Description) -> Result<(), DeclarationError> {
    let mut seen = HashSet::new();
    for report in &description.reports {
        check_name("report", &report.name, MAX_NAME, "-")?;
        if !seen.insert(&report.name) {
            return refuse(format!("the report {} is declared twice", report.name));
        }
        if report.tables.is_empty() {
            return refuse(format!("the report {} fills no table", report.name));
        }
        for table in &report.tables {
            if !description.tables.iter().any(|declared| declared.name == *table) {
                return refuse(format!(
                    "the report {} fills a table {table:?} that is not declared",
                    report.name
                ));
            }
        }
    }
    Ok(())
}

/// Checks one table of the datasource.
///
/// # Errors
///
/// The first rule that is broken.
pub fn check_table(datasource: &str, table: &Table) -> Result<(), DeclarationError> {
    let name = &table.name;
    check_name("table", name, MAX_TABLE_NAME, "_")?;
    if !name.strip_prefix(datasource).is_some_and(|rest| rest.len() > 1 && rest.starts_with('_')) {
        return refuse(format!(
            "the table {name} is not the datasource's own: a plugin named {datasource} writes to tables named {datasource}_…"
        ));
    }
    if table.columns.is_empty() || table.columns.len() > MAX_COLUMNS {
        return refuse(format!(
            "the table {name} has {} columns; 1 to {MAX_COLUMNS} are allowed",
            table.columns.len()
        ));
    }
    let mut seen = HashSet::new();
    for column in &table.columns {
        check_column(table, column)?;
        if !seen.insert(&column.name) {
            return refuse(format!("the column {name}.{} is declared twice", column.name));
        }
    }
    check_key(table)
}

fn check_column(table: &Table, column: &Column) -> Result<(), DeclarationError> {
    let at = format!("{}.{}", table.name, column.name);
    if let Some(reason) = wrong(&column.name, MAX_COLUMN_NAME, "_") {
        return refuse(format!("the column's name {at:?} {reason}"));
    }
    if column.name == "project" {
        return refuse(format!("the column {at} is the host's: it adds the project itself"));
    }
    if let ColumnType::Decimal { precision, scale } = column.kind
        && (!(1..=38).contains(&precision) || scale > precision || scale > 30)
    {
        return refuse(format!(
            "the column {at} is a {}: precision goes from 1 to 38, scale from 0 to the precision and at most 30",
            column.kind
        ));
    }
    if column.max_length.is_some() && column.kind != ColumnType::Text {
        return refuse(format!("the column {at} has a maximum length but is not text"));
    }
    if column.max_length == Some(0) {
        return refuse(format!("the column {at} has a maximum length of 0"));
    }
    Ok(())
}

fn check_key(table: &Table) -> Result<(), DeclarationError> {
    let name = &table.name;
    if table.key.is_empty() {
        return refuse(format!(
            "the table {name} has no key: without one a second run would duplicate its rows"
        ));
    }
    let mut characters = MAX_PROJECT_NAME;
    let mut seen = HashSet::new();
    for key in &table.key {
        let Some(column) = table.columns.iter().find(|column| column.name == *key) else {
            return refuse(format!(
                "the key of {name} names {key:?}, which is not one of its columns"
            ));
        };
        if !seen.insert(key) {
            return refuse(format!("the key of {name} names {key} twice"));
        }
        if column.nullable {
            return refuse(format!(
                "the column {name}.{key} is part of the key and cannot be nullable"
            ));
        }
        characters = characters.saturating_add(match column.kind {
            ColumnType::Bytes | ColumnType::Json | ColumnType::Float64 => {
                return refuse(format!(
                    "the column {name}.{key} is a {} and cannot be part of a key",
                    column.kind
                ));
            }
            ColumnType::Text => match column.max_length {
                Some(length) => length,
                None => {
                    return refuse(format!(
                        "the column {name}.{key} is text in a key and needs a maximum length (max-length)"
                    ));
                }
            },
            ColumnType::Decimal { .. } => 8,
            ColumnType::Boolean | ColumnType::Int64 | ColumnType::Date | ColumnType::Timestamp => 2,
        });
    }
    if characters > MAX_KEY_CHARACTERS {
        return refuse(format!(
            "the key of {name} is too long: project ({MAX_PROJECT_NAME}) and its columns have {characters} characters, and MySQL can index {MAX_KEY_CHARACTERS}; lower the max-length of its text columns"
        ));
    }
    Ok(())
}

/// Why a text cannot name a report, a setting or a project, said of it: `is too long: …`.
pub fn wrong_name(text: &str) -> Option<String> {
    wrong(text, MAX_NAME, "-")
}

fn check_name(what: &str, name: &str, longest: usize, marks: &str) -> Result<(), DeclarationError> {
    match wrong(name, longest, marks) {
        Some(reason) => refuse(format!("the {what}'s name {name:?} {reason}")),
        None => Ok(()),
    }
}

/// Why a text is no name of lower-case letters, digits and these marks.
fn wrong(text: &str, longest: usize, marks: &str) -> Option<String> {
    let length = text.chars().count();
    if length > longest {
        return Some(format!("is too long: it has {length} characters, and may have {longest}"));
    }
    let is_allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || marks.contains(c);
    if text.starts_with(|c: char| c.is_ascii_lowercase()) && text.chars().all(is_allowed) {
        return None;
    }
    let of = match marks {
        "" => "lower-case letters and digits".to_string(),
        mark => format!("lower-case letters, digits and '{mark}'"),
    };
    Some(format!("must be {of}, and begin with a letter"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Report, TableMode};

    #[test]
    fn a_name_that_is_too_long_is_not_called_wrongly_written() {
        let is = |length: usize| wrong_name(&"a".repeat(length)).unwrap_or_default();
        assert_eq!(is(60), "");
        assert_eq!(is(61), "is too long: it has 61 characters, and may have 60");
        for name in ["", "Fenix", "a_b", "4a", "é"] {
            assert!(wrong_name(name).unwrap().starts_with("must be lower-case"), "{name}");
        }
        let long = check_datasource_name("abcdefghijklmnopqrstu").unwrap_err().to_string();
        assert!(long.ends_with("it has 21 characters, and may have 20"), "{long}");
    }

    fn column(name: &str, kind: ColumnType) -> Column {
        Column {
            name: name.into(),
            kind,
            nullable: false,
            max_length: None,
            description: String::new(),
        }
    }

    fn table() -> Table {
        Table {
            name: "github_issues".into(),
            description: String::new(),
            mode: TableMode::Merge,
            columns: vec![column("id", ColumnType::Int64), column("title", ColumnType::Text)],
            key: vec!["id".into()],
        }
    }

    fn refusal(change: impl FnOnce(&mut Table)) -> String {
        let mut changed = table();
        change(&mut changed);
        match check_table("github", &changed) {
            Ok(()) => String::from("accepted"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn a_plain_table_is_accepted() {
        assert_eq!(check_table("github", &table()), Ok(()));
    }

    #[test]
    fn a_table_of_another_datasource_is_refused() {
        for name in ["testrail_test_runs", "githubissues", "github_", "runs", "github"] {
            assert!(
                refusal(|t| t.name = name.into()).contains("not the datasource's own"),
                "{name}"
            );
        }
    }

    #[test]
    fn names_that_would_need_quoting_are_refused() {
        for name in ["github_Issues", "github_is sues", "github_\"x\"", "github_é", ""] {
            assert!(refusal(|t| t.name = name.into()).contains("table's name"), "{name}");
            assert!(
                refusal(|t| t.columns[1].name = name.into()).contains("column's name"),
                "{name}"
            );
        }
        assert!(refusal(|t| t.columns[1].name = "_partition".into()).contains("column's name"));
        assert!(refusal(|t| t.columns[1].name = "project".into()).contains("the host's"));
    }

    #[test]
    fn a_key_has_to_be_indexable_everywhere() {
        assert!(refusal(|t| t.key.clear()).contains("no key"));
        assert!(refusal(|t| t.key = vec!["number".into()]).contains("not one of its columns"));
        assert!(refusal(|t| t.key = vec!["id".into(), "id".into()]).contains("twice"));
        assert!(refusal(|t| t.columns[0].nullable = true).contains("cannot be nullable"));
        assert!(refusal(|t| t.columns[0].kind = ColumnType::Json).contains("cannot be part"));
        assert!(refusal(|t| t.key = vec!["title".into()]).contains("max-length"));
        let long = |length| {
            refusal(move |t| {
                t.columns[1].max_length = Some(length);
                t.key = vec!["title".into()];
            })
        };
        assert_eq!(long(768 - 64), "accepted");
        assert!(long(768 - 63).contains("too long"));
        assert!(long(u32::MAX).contains("too long"));
    }

    #[test]
    fn decimals_have_a_size_that_every_database_holds() {
        for (precision, scale) in [(0, 0), (39, 0), (5, 6), (38, 31)] {
            let kind = ColumnType::Decimal { precision, scale };
            assert!(refusal(|t| t.columns[1].kind = kind).contains("precision"), "{kind}");
        }
        let kind = ColumnType::Decimal { precision: 38, scale: 30 };
        assert_eq!(refusal(|t| t.columns[1].kind = kind), "accepted");
    }

    #[test]
    fn reports_fill_declared_tables() {
        let mut description = Description {
            name: "github".into(),
            version: "0.1.0".into(),
            summary: String::new(),
            default_base_url: None,
            hosts: vec![],
            credentials: vec![],
            requests_per_minute: None,
            settings: vec![],
            tables: vec![table()],
            reports: vec![Report {
                name: "issues".into(),
                description: String::new(),
                tables: vec!["github_issues".into()],
                exhaustive: false,
            }],
        };
        assert_eq!(check(&description), Ok(()));
        description.reports[0].tables = vec!["github_labels".into()];
        assert!(check(&description).is_err_and(|e| e.to_string().contains("not declared")));
        description.reports.clear();
        description.name = "run".into();
        assert!(check(&description).is_err_and(|e| e.to_string().contains("host's own")));
    }
}
