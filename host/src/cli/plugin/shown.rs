// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! What a plugin is and asks for, as a person and as a program is told it.
//!
//! Every text here may be hostile. A person sees it through [`printable`], cut, and no list is
//! without an end; a program sees all of it, escaped.

use serde_json::json;
use test_dashboard_model::{Column, Table};

use crate::cli::output::{self, say};
use crate::plugin::{Plugin, address, printable};

/// How much of each list a person is shown; what our own plugins have is below all of them.
const MOST_IMPORTS: usize = 40;
const MOST_HOSTS: usize = 40;
const MOST_SETTINGS: usize = 40;
const MOST_REPORTS: usize = 40;
const MOST_TABLES: usize = 40;
const MOST_COLUMNS: usize = 100;
/// Where a sentence of the plugin's is cut, in characters.
const LONGEST_SENTENCE: usize = 500;

/// A text of a plugin's, on one line, of bounded length.
pub fn sentence(text: &str) -> String {
    let line = printable(text);
    match line.char_indices().nth(LONGEST_SENTENCE) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

/// The first of a list, and how many more there are.
pub fn some<T>(items: &[T], most: usize, text: impl Fn(&T) -> String) -> Vec<String> {
    let mut shown: Vec<String> = items.iter().take(most).map(text).collect();
    if items.len() > most {
        shown.push(more(items.len() - most));
    }
    shown
}

fn more(left: usize) -> String {
    format!("… and {left} more (--format json shows all)")
}

/// All of it, for a program.
pub fn json(plugin: &Plugin) -> serde_json::Value {
    json!({
        "file": plugin.path,
        "size": plugin.size,
        "sha256": plugin.digest,
        "contract": plugin.version.to_string(),
        "imports": plugin.imports,
        "description": plugin.description,
    })
}

/// Shows it to a person; `pinned` says what the lock file knows of it.
pub fn show(plugin: &Plugin, pinned: &str) -> std::io::Result<()> {
    let description = &plugin.description;
    let lines = |list: Vec<String>| match list.is_empty() {
        true => "none".to_string(),
        false => list.join("\n             "),
    };
    let summary = sentence(&description.summary);
    say!("{} {}: {summary}", description.name, sentence(&description.version))?;
    say!("file         {}", printable(&plugin.path.display().to_string()))?;
    say!("size         {} bytes", plugin.size)?;
    say!("sha-256      {}", plugin.digest)?;
    say!("lock file    {pinned}")?;
    say!("contract     testops:datasource@{}", plugin.version)?;
    let base_url = description.default_base_url.as_deref().map(|url| sentence(&address(url)));
    say!("base URL     {}", base_url.as_deref().unwrap_or("to be configured"))?;
    let hosts = some(&description.hosts, MOST_HOSTS, |host| sentence(&address(host)));
    say!("other hosts  {}", lines(hosts))?;
    say!("methods      GET and HEAD, nothing that changes anything there")?;
    let credentials = some(&description.credentials, 4, ToString::to_string);
    say!("credentials  {}", lines(credentials))?;
    let rate = description.requests_per_minute;
    say!(
        "rate         {}",
        rate.map_or("none of its own".into(), |n| format!("{n} requests a minute"))
    )?;
    say!("imports      {}", lines(some(&plugin.imports, MOST_IMPORTS, |name| import(name))))?;
    say!("\nSettings")?;
    for line in some(&description.settings, MOST_SETTINGS, |setting| {
        let needed = if setting.required { " (needed)" } else { "" };
        format!("{}{needed}: {}", setting.name, sentence(&setting.description))
    }) {
        say!("  {line}")?;
    }
    say!("\nReports")?;
    for line in some(&description.reports, MOST_REPORTS, |report| {
        let fills = some(&report.tables, MOST_TABLES, Clone::clone).join(", ");
        format!("{}: {}\n    fills {fills}", report.name, sentence(&report.description))
    }) {
        say!("  {line}")?;
    }
    for table in description.tables.iter().take(MOST_TABLES) {
        show_table(table)?;
    }
    if description.tables.len() > MOST_TABLES {
        say!("\n{}", more(description.tables.len() - MOST_TABLES))?;
    }
    Ok(())
}

/// An import, and what an import that is not the contract's gets it.
fn import(name: &str) -> String {
    let gets = match name.split_once('/').map(|(package, _)| package) {
        Some("testops:datasource") => "",
        Some("wasi:http") => "  (requests, through the gate)",
        Some(package) if package.starts_with("wasi:") => "  (leads nowhere)",
        _ => "  (nothing that this host has)",
    };
    format!("{}{gets}", sentence(name))
}

fn show_table(table: &Table) -> std::io::Result<()> {
    say!("\n{} ({}, key: project, {})", table.name, table.mode, table.key.join(", "))?;
    say!("  {}", sentence(&table.description))?;
    let mut columns = output::table(["column", "type", "null", "what it is"]);
    for column in table.columns.iter().take(MOST_COLUMNS) {
        let null = if column.nullable { "yes" } else { "" };
        let about = sentence(&column.description);
        columns.add_row([column.name.as_str(), &kind(column), null, &about]);
    }
    say!("{columns}")?;
    if table.columns.len() > MOST_COLUMNS {
        say!("  {}", more(table.columns.len() - MOST_COLUMNS))?;
    }
    Ok(())
}

fn kind(column: &Column) -> String {
    match column.max_length {
        Some(length) => format!("{} up to {length}", column.kind),
        None => column.kind.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_and_long_lists_have_an_end() {
        let long = sentence(&"é".repeat(10_000));
        assert_eq!(long.chars().count(), LONGEST_SENTENCE + 1);
        assert_eq!(sentence("a\u{1b}[2Jb\nc"), "a\\u{1b}[2Jb⏎c");
        let items: Vec<u32> = (0..5).collect();
        let shown = some(&items, 3, ToString::to_string);
        assert_eq!(shown, ["0", "1", "2", "… and 2 more (--format json shows all)"]);
        assert_eq!(some(&items, 5, ToString::to_string).len(), 5);
    }
}
