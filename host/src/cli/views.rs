// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! `views`: prints SQL that lets other databases read this one.

use serde_json::json;
use test_dashboard_model::Table;
use test_dashboard_store::bigquery::{self, Connection, Dataset, SourceEngine};

use super::args::{BigqueryArgs, CloudSqlEngine, Common, Format};
use super::context;
use super::exit::Exit;
use super::output::{self, say};
use crate::config::{Config, Environment};
use crate::plugin::Runtime;
use crate::source::Installed;
use crate::usage_error::UsageError;

/// Prints the statements that make BigQuery read the tables of all configured plugins, and the
/// views over them. Neither database is asked.
///
/// # Errors
///
/// [`UsageError`] for names that BigQuery does not have, and for SQLite. When a plugin cannot be
/// loaded: a list that lacks its tables would pass for all of them.
pub async fn bigquery(args: &BigqueryArgs) -> anyhow::Result<Exit> {
    let common = &args.common;
    let connection = Connection::parse(&args.connection)
        .map_err(|error| UsageError::new(format!("--connection: {error}")))?;
    let dataset = args.dataset.as_deref().map(Dataset::parse).transpose();
    let dataset = dataset.map_err(|error| UsageError::new(format!("--dataset: {error}")))?;
    let config = Config::load(common.config.file())?;
    let source = source(common, args, &config)?;

    let installed = Installed::load(&config, &Runtime::new()?).await?;
    let mut tables: Vec<&Table> = Vec::new();
    for (name, plugin) in installed.all() {
        let plugin = plugin.map_err(|error| anyhow::anyhow!("{name}: {error}"))?;
        tables.extend(&plugin.description.tables);
    }
    let views = config.views().map_err(|error| UsageError::new(error.to_string()))?;
    let statements = bigquery::statements(source, &connection, dataset.as_ref(), &tables, &views);
    if common.output.format == Format::Json {
        let statements: Vec<_> = statements
            .iter()
            .map(|statement| json!({ "view": statement.view, "statement": statement.sql }))
            .collect();
        output::json(&json!(statements))?;
        return Ok(Exit::Done);
    }
    say!("-- BigQuery views of the pump's database. First run every report once, so that their")?;
    say!("-- tables exist, then: bq query --use_legacy_sql=false < THIS_FILE")?;
    for statement in &statements {
        say!("\n{}", statement.sql)?;
    }
    Ok(Exit::Done)
}

/// The named engine, else the configured database's.
fn source(
    common: &Common,
    args: &BigqueryArgs,
    config: &Config,
) -> Result<SourceEngine, UsageError> {
    match args.database_engine {
        Some(CloudSqlEngine::Postgres) => return Ok(SourceEngine::Postgres),
        Some(CloudSqlEngine::Mysql) => return Ok(SourceEngine::Mysql),
        None => {}
    }
    let target = context::database(common, Some(config), &Environment::of_process())?;
    SourceEngine::of(target.engine()).ok_or_else(|| {
        UsageError::new(format!(
            "the database is {target}, a file that BigQuery cannot read: name PostgreSQL or MySQL in Cloud SQL as [database] or with --database, or only what it is with --database-engine"
        ))
    })
}
