// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The setup that several commands share.

use std::path::Path;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use test_dashboard_store::{MigrationStatus, Store, StoreError, Target};

use super::args::Common;
use crate::config::{Config, Environment};
use crate::run::until;
use crate::usage_error::UsageError;

/// The file that rows go to when no database is configured.
const DEFAULT_SQLITE: &str = "test-dashboard.sqlite";

/// The database that is meant: `--database`, else the configured one, else a SQLite file
/// beside the configuration.
///
/// # Errors
///
/// [`UsageError`] names what is missing.
pub fn database(
    common: &Common,
    config: Option<&Config>,
    environment: &Environment,
) -> Result<Target, UsageError> {
    if let Some(url) = common.database.url() {
        return Target::parse(url).map_err(|error| UsageError::new(format!("--database: {error}")));
    }
    match config.map(|config| (config, &config.database)) {
        Some((config, Some(database))) => database.target(&config.folder, environment),
        Some((config, None)) => sqlite_at(&config.resolve_path(Path::new(DEFAULT_SQLITE))),
        None => sqlite_at(Path::new(DEFAULT_SQLITE)),
    }
}

fn sqlite_at(path: &Path) -> Result<Target, UsageError> {
    Target::parse(&format!("sqlite:{}", path.display()))
        .map_err(|error| UsageError::new(error.to_string()))
}

/// Reads the configuration for a command that only needs the database: with `--database` it
/// can do without a file.
///
/// # Errors
///
/// As [`Config::load`].
pub fn config_for_database(common: &Common) -> Result<Option<Config>, UsageError> {
    match (common.config.file(), common.database.url()) {
        (None, Some(_)) => Ok(None),
        (named, _) => Config::load(named).map(Some),
    }
}

/// Connects to the database.
///
/// # Errors
///
/// The database's, with what was tried.
pub async fn connect(target: &Target, connections: u32) -> anyhow::Result<Store> {
    Ok(Store::connect(target, connections).await?)
}

/// Connects to a database that is there: no empty SQLite file is made of a mistyped path.
///
/// # Errors
///
/// As [`connect`], and when there is no such file.
pub async fn connect_existing(target: &Target, connections: u32) -> anyhow::Result<Store> {
    refuse_missing(target)?;
    connect(target, connections).await
}

/// The same for a command that only tells: see [`read`].
///
/// # Errors
///
/// As [`connect_existing`].
pub async fn connect_to_read(target: &Target) -> anyhow::Result<Store> {
    refuse_missing(target)?;
    Ok(Store::connect_to_read(target).await?)
}

fn refuse_missing(target: &Target) -> anyhow::Result<()> {
    match target.path() {
        Some(path) if !path.exists() => anyhow::bail!(
            "there is no database {}: the first run makes it. Is this the right configuration?",
            path.display()
        ),
        _ => Ok(()),
    }
}

/// What `look` finds in the database, and the database's name. A command that only tells looks in
/// this way: its user needs no privilege but to read, and nothing is changed. Where nothing has run
/// yet, it finds nothing. A migration that is pending stays so, and is told; where `look` cannot do
/// without, it is the error.
///
/// # Errors
///
/// When the database cannot be read, and when a run would refuse it.
pub async fn read<T: Default>(
    common: &Common,
    config: Option<&Config>,
    look: impl AsyncFnOnce(&Store) -> Result<T, StoreError>,
) -> anyhow::Result<(T, String)> {
    let target = database(common, config, &Environment::of_process())?;
    let store = connect_to_read(&target).await?;
    let found = found(&store, look).await;
    let name = store.name();
    store.close().await;
    Ok((found?, name))
}

async fn found<T: Default>(
    store: &Store,
    look: impl AsyncFnOnce(&Store) -> Result<T, StoreError>,
) -> anyhow::Result<T> {
    let migrations = store.check_migrations().await?;
    if !migrations.iter().any(|migration| migration.applied) {
        return Ok(T::default());
    }
    let found = look(store).await;
    let Some(pending) = pending(&migrations) else { return Ok(found?) };
    match found {
        Err(StoreError::NoTable { database, doing, reason }) => {
            anyhow::bail!("{database}: {doing}: {reason}; {pending}")
        }
        found => {
            tracing::warn!("{}: {pending}", store.name());
            Ok(found?)
        }
    }
}

/// Which migrations are pending, and what applies them.
fn pending(migrations: &[MigrationStatus]) -> Option<String> {
    let pending = migrations.iter().filter(|migration| !migration.applied);
    let names: Vec<&str> = pending.map(|migration| migration.name.as_str()).collect();
    let (are, them) = match names.len() {
        0 => return None,
        1 => ("a migration is", "it"),
        _ => ("migrations are", "them"),
    };
    Some(format!(
        "{are} pending ({}): the next run applies {them}, and so does `test-dashboard db migrate`",
        names.join(", ")
    ))
}

/// What comes of `work`, or none when a person or the system asks the program to stop.
///
/// # Errors
///
/// When the program cannot be told of signals.
pub async fn until_interrupted<T>(work: impl Future<Output = T>) -> anyhow::Result<Option<T>> {
    until(work, &interruption).await
}

/// Comes to its end when a person or the system asks the program to stop.
pub fn interruption() -> BoxFuture<'static, anyhow::Result<()>> {
    use tokio::signal::unix::{SignalKind, signal};
    async {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        Ok(())
    }
    .boxed()
}
