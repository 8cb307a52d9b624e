//! `plugin inspect`: what a file is and asks for, before it is trusted with anything.

use std::sync::Arc;

use serde_json::json;
use test_dashboard_model::Table;

use super::args::{Common, Format, InspectArgs};
use super::exit::Exit;
use super::output;
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
        show(&plugin);
    }
    Ok(Exit::Done)
}

fn show(plugin: &Plugin) {
    let description = &plugin.description;
    let none = |list: Vec<String>| match list.is_empty() {
        true => "none".to_string(),
        false => list.join(", "),
    };
    println!("{} {}: {}", description.name, description.version, description.summary);
    println!("file         {}", plugin.path.display());
    println!("size         {} bytes", plugin.size);
    println!("sha-256      {}", plugin.digest);
    println!("contract     testops:datasource@{}", plugin.version);
    println!(
        "base URL     {}",
        description.default_base_url.as_deref().unwrap_or("to be configured")
    );
    println!("other hosts  {}", none(description.hosts.clone()));
    let credentials = description.credentials.iter().map(ToString::to_string).collect();
    println!("credentials  {}", none(credentials));
    let rate = description.requests_per_minute;
    println!(
        "rate         {}",
        rate.map_or("none of its own".into(), |n| format!("{n} requests a minute"))
    );
    println!("imports      {}", none(plugin.imports.clone()).replace(", ", "\n             "));
    println!("\nSettings");
    for setting in &description.settings {
        let needed = if setting.required { " (needed)" } else { "" };
        println!("  {}{needed}: {}", setting.name, setting.description);
    }
    println!("\nReports");
    for report in &description.reports {
        println!(
            "  {}: {}\n    fills {}",
            report.name,
            report.description,
            report.tables.join(", ")
        );
    }
    for table in &description.tables {
        show_table(table);
    }
}

fn show_table(table: &Table) {
    println!("\n{} ({}, key: project, {})", table.name, table.mode, table.key.join(", "));
    println!("  {}", table.description);
    let mut columns = output::table(["column", "type", "null", "what it is"]);
    for column in &table.columns {
        let kind = match column.max_length {
            Some(length) => format!("{} up to {length}", column.kind),
            None => column.kind.to_string(),
        };
        let null = if column.nullable { "yes" } else { "" };
        columns.add_row([&column.name, &kind, null, &column.description]);
    }
    println!("{columns}");
}
