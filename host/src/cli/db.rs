// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! `db`: migrates the host's own tables, and shows drift.

use serde_json::json;
use test_dashboard_store::{ReportKey, Target, ViewChanges, Views};

use super::args::{Common, ForgetArgs, Format};
use super::exit::Exit;
use super::health::{self, Trouble};
use super::output::say;
use super::{context, output};
use crate::config::{Config, Environment};
use crate::plugin::Runtime;
use crate::source::Installed;
use crate::usage_error::UsageError;

/// Brings the host's own tables and the views up to date.
///
/// # Errors
///
/// When the database cannot be reached or does not let us.
pub async fn migrate(common: &Common) -> anyhow::Result<Exit> {
    let config = context::config_for_database(common)?;
    // Which views an operator has, only the configuration knows: without it none is dropped.
    let views = config.as_ref().map_or_else(Views::shipped, Config::views);
    let views = views.map_err(|error| UsageError::new(error.to_string()))?;
    let target = context::database(common, config.as_ref(), &Environment::of_process())?;
    let store = context::connect(&target, 2).await?;
    let applied = store.migrate().await?;
    let ViewChanges { made, dropped } = store.refresh_views(&views).await?;
    if common.output.format == Format::Json {
        output::json(&json!({
            "database": store.name(),
            "applied": applied,
            "views": made,
            "dropped_views": dropped,
        }))?;
    } else if applied.is_empty() && made.is_empty() && dropped.is_empty() {
        say!("{}: up to date", store.name())?;
    } else {
        let done = [("applied", applied), ("made the views", made), ("dropped the views", dropped)];
        for (done, what) in done {
            if !what.is_empty() {
                say!("{}: {done} {}", store.name(), what.join(", "))?;
            }
        }
    }
    store.close().await;
    Ok(Exit::Done)
}

/// Shows the database, which migrations it has, the plugins' tables with their rows, and what a
/// run would refuse or has to mend.
///
/// # Errors
///
/// When the database cannot be reached.
pub async fn status(common: &Common) -> anyhow::Result<Exit> {
    let config = context::config_for_database(common)?;
    let target = context::database(common, config.as_ref(), &Environment::of_process())?;
    let store = context::connect_to_read(&target).await?;
    let migrations = store.migration_status().await?;
    // Before the first migration there is no catalogue to read.
    let tables = match migrations.iter().any(|migration| migration.applied) {
        true => store.tables().await,
        false => Ok(Vec::new()),
    };
    let installed = match &config {
        Some(config) => Some(Installed::load(config, &Runtime::new()?).await),
        None => None,
    };
    let loaded = installed.as_ref().and_then(|installed| installed.as_ref().ok());
    let mut troubles = health::troubles(&store, config.as_ref(), loaded).await;
    if let Some(Err(error)) = &installed {
        let message = format!("cannot determine which tables they create: {error:#}");
        troubles.push(Trouble { what: "plugins".into(), is_failure: true, message });
    }
    let is_well = !troubles.iter().any(|trouble| trouble.is_failure);
    // What fails them is among the troubles, and said there.
    let tables = if is_well { tables? } else { tables.unwrap_or_default() };
    let exit = if is_well { Exit::Done } else { Exit::Failed };
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
        let troubles: Vec<_> = troubles.iter().map(Trouble::json).collect();
        output::json(&json!({
            "database": name,
            "migrations": migrations,
            "tables": tables,
            "findings": troubles,
        }))?;
        return Ok(exit);
    }
    say!("{name}")?;
    for migration in migrations.iter().filter(|migration| !migration.applied) {
        say!("pending: {} (test-dashboard db migrate)", migration.name)?;
    }
    let mut shown = output::table(["table", "rows", "one row is"]);
    for table in &tables {
        let sentence = table.description.split(". ").next().unwrap_or_default();
        let rows = table.rows.map_or_else(|| "missing".into(), |rows| rows.to_string());
        shown.add_row([&table.name, &rows, sentence.trim_end_matches('.')]);
    }
    output::right(&mut shown, 1..2);
    say!("{shown}")?;
    for trouble in &troubles {
        say!("{trouble}")?;
    }
    Ok(exit)
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
        say!("forgot {project} {report}; its rows stay")?;
    }
    Ok(Exit::Done)
}

fn target(common: &Common) -> Result<Target, UsageError> {
    let config = context::config_for_database(common)?;
    context::database(common, config.as_ref(), &Environment::of_process())
}
