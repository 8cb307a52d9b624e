//! `plugin inspect`: what a file is and asks for, before it is trusted with anything.

use std::sync::Arc;

use serde_json::json;
use test_dashboard_model::Table;

use crate::cli::args::{Common, Format, InspectArgs};
use crate::cli::exit::Exit;
use crate::cli::output::{self, say};
use crate::config::Limits;
use crate::plugin::{Plugin, Runtime};

/// Shows a plugin's file. Only its `describe` runs, with the default budgets and no network.
///
/// # Errors
///
/// What the file is instead of a plugin.
pub async fn inspect(common: &Common, args: &InspectArgs) -> anyhow::Result<Exit> {
    let runtime = Runtime::new(None)?;
    let plugin = runtime.load(&args.file, Arc::new(Limits::default())).await?;
    if common.format == Format::Json {
        output::json(&json!({
            "file": plugin.path,
            "size": plugin.size,
            "sha256": plugin.digest,
            "contract": plugin.version.to_string(),
            "imports": plugin.imports,
            "description": plugin.description,
        }))?;
    } else {
        show(&plugin)?;
    }
    Ok(Exit::Done)
}

fn show(plugin: &Plugin) -> std::io::Result<()> {
    let description = &plugin.description;
    let none = |list: Vec<String>| match list.is_empty() {
        true => "none".to_string(),
        false => list.join(", "),
    };
    say!("{} {}: {}", description.name, description.version, description.summary)?;
    say!("file         {}", plugin.path.display())?;
    say!("size         {} bytes", plugin.size)?;
    say!("sha-256      {}", plugin.digest)?;
    say!("contract     testops:datasource@{}", plugin.version)?;
    say!("base URL     {}", description.default_base_url.as_deref().unwrap_or("to be configured"))?;
    say!("other hosts  {}", none(description.hosts.clone()))?;
    let credentials = description.credentials.iter().map(ToString::to_string).collect();
    say!("credentials  {}", none(credentials))?;
    let rate = description.requests_per_minute;
    say!(
        "rate         {}",
        rate.map_or("none of its own".into(), |n| format!("{n} requests a minute"))
    )?;
    say!("imports      {}", none(plugin.imports.clone()).replace(", ", "\n             "))?;
    say!("\nSettings")?;
    for setting in &description.settings {
        let needed = if setting.required { " (needed)" } else { "" };
        say!("  {}{needed}: {}", setting.name, setting.description)?;
    }
    say!("\nReports")?;
    for report in &description.reports {
        say!("  {}: {}\n    fills {}", report.name, report.description, report.tables.join(", "))?;
    }
    for table in &description.tables {
        show_table(table)?;
    }
    Ok(())
}

fn show_table(table: &Table) -> std::io::Result<()> {
    say!("\n{} ({}, key: project, {})", table.name, table.mode, table.key.join(", "))?;
    say!("  {}", table.description)?;
    let mut columns = output::table(["column", "type", "null", "what it is"]);
    for column in &table.columns {
        let kind = match column.max_length {
            Some(length) => format!("{} up to {length}", column.kind),
            None => column.kind.to_string(),
        };
        let null = if column.nullable { "yes" } else { "" };
        columns.add_row([&column.name, &kind, null, &column.description]);
    }
    say!("{columns}")
}
