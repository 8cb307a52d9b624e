//! `db`: looks after the host's own tables.

use serde_json::json;

use super::args::{Common, Format};
use super::exit::Exit;
use super::output::say;
use super::{context, output};
use crate::config::Environment;

/// Brings the host's own tables up to date.
///
/// # Errors
///
/// When the database cannot be reached or does not let us.
pub async fn migrate(common: &Common) -> anyhow::Result<Exit> {
    let store = open(common).await?;
    let applied = store.migrate().await?;
    if common.format == Format::Json {
        output::json(&json!({ "database": store.name(), "applied": applied }))?;
    } else if applied.is_empty() {
        say!("{}: up to date", store.name())?;
    } else {
        say!("{}: applied {}", store.name(), applied.join(", "))?;
    }
    store.close().await;
    Ok(Exit::Done)
}

/// Shows the database and which migrations it has.
///
/// # Errors
///
/// When the database cannot be reached.
pub async fn status(common: &Common) -> anyhow::Result<Exit> {
    let store = open(common).await?;
    let migrations = store.migration_status().await?;
    let name = store.name();
    store.close().await;
    if common.format == Format::Json {
        let list: Vec<_> = migrations
            .iter()
            .map(|m| json!({ "version": m.version, "name": m.name, "applied": m.applied }))
            .collect();
        output::json(&json!({ "database": name, "migrations": list }))?;
        return Ok(Exit::Done);
    }
    say!("{name}")?;
    let mut table = output::table(["version", "migration", "state"]);
    for migration in &migrations {
        let state =
            if migration.applied { "applied" } else { "pending: test-dashboard db migrate" };
        table.add_row([&migration.version.to_string(), &migration.name, state]);
    }
    say!("{table}")?;
    Ok(Exit::Done)
}

async fn open(common: &Common) -> anyhow::Result<test_dashboard_store::Store> {
    let config = context::config_for_database(common)?;
    let target = context::database(common, config.as_ref(), &Environment::of_process())?;
    context::connect(&target, 2).await
}
