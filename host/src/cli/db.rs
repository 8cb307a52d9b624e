// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! `db`: looks after the host's own tables.

use serde_json::json;
use test_dashboard_store::{ReportKey, Target};

use super::args::{Common, ForgetArgs, Format};
use super::exit::Exit;
use super::output::say;
use super::{context, output};
use crate::config::Environment;
use crate::misuse::Misuse;

/// Brings the host's own tables up to date.
///
/// # Errors
///
/// When the database cannot be reached or does not let us.
pub async fn migrate(common: &Common) -> anyhow::Result<Exit> {
    let store = context::connect(&target(common)?, 2).await?;
    let applied = store.migrate().await?;
    if common.output.format == Format::Json {
        output::json(&json!({ "database": store.name(), "applied": applied }))?;
    } else if applied.is_empty() {
        say!("{}: up to date", store.name())?;
    } else {
        say!("{}: applied {}", store.name(), applied.join(", "))?;
    }
    store.close().await;
    Ok(Exit::Done)
}

/// Shows the database, which migrations it has, and the plugins' tables with their rows.
///
/// # Errors
///
/// When the database cannot be reached.
pub async fn status(common: &Common) -> anyhow::Result<Exit> {
    let store = context::connect_existing(&target(common)?, 2).await?;
    let migrations = store.migration_status().await?;
    // Before the first migration there is no catalogue to read.
    let tables = match migrations.iter().all(|migration| migration.applied) {
        true => store.tables().await?,
        false => Vec::new(),
    };
    let name = store.name();
    store.close().await;
    if common.output.format == Format::Json {
        let migrations: Vec<_> = migrations
            .iter()
            .map(|m| json!({ "version": m.version, "name": m.name, "applied": m.applied }))
            .collect();
        let tables: Vec<_> = tables
            .iter()
            .map(|t| json!({ "table": t.name, "datasource": t.datasource, "rows": t.rows }))
            .collect();
        output::json(&json!({ "database": name, "migrations": migrations, "tables": tables }))?;
        return Ok(Exit::Done);
    }
    say!("{name}")?;
    for migration in migrations.iter().filter(|migration| !migration.applied) {
        say!("pending: {} (test-dashboard db migrate)", migration.name)?;
    }
    let mut shown = output::table(["table", "rows", "one row is"]);
    for table in &tables {
        let sentence = table.description.split(". ").next().unwrap_or_default();
        shown.add_row([&table.name, &table.rows.to_string(), sentence.trim_end_matches('.')]);
    }
    output::right(&mut shown, 1..2);
    say!("{shown}")?;
    Ok(Exit::Done)
}

/// Forgets how reports were read, which takes them off `status`.
///
/// # Errors
///
/// When nothing is known of them; when the database cannot be written.
pub async fn forget(args: &ForgetArgs) -> anyhow::Result<Exit> {
    let ForgetArgs { project, report, common } = args;
    let store = context::connect_existing(&target(common)?, 2).await?;
    store.migrate().await?;
    let forgotten = store.forget_reports(project, report.as_deref()).await?;
    let name = store.name();
    store.close().await;
    if forgotten.is_empty() {
        anyhow::bail!(
            "no run of {project}{} is in {name}: `test-dashboard status` shows what is",
            report.as_ref().map_or_else(String::new, |report| format!(" {report}"))
        );
    }
    if common.output.format == Format::Json {
        let forgotten: Vec<_> = forgotten
            .iter()
            .map(|key| json!({ "project": key.project, "datasource": key.datasource, "report": key.report }))
            .collect();
        output::json(&json!({ "database": name, "forgotten": forgotten }))?;
        return Ok(Exit::Done);
    }
    for ReportKey { project, report, .. } in &forgotten {
        say!("forgot how {project} {report} was read; its rows stay")?;
    }
    Ok(Exit::Done)
}

fn target(common: &Common) -> Result<Target, Misuse> {
    let config = context::config_for_database(common)?;
    context::database(common, config.as_ref(), &Environment::of_process())
}
