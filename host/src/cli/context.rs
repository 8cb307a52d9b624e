// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! What several commands set up alike.

use std::path::Path;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use test_dashboard_store::{Store, Target};

use super::args::Common;
use crate::config::{Config, Environment};
use crate::misuse::Misuse;
use crate::run::until;

/// The file that rows go to when no database is configured.
const DEFAULT_SQLITE: &str = "test-dashboard.sqlite";

/// The database that is meant: `--database`, else the configured one, else a SQLite file
/// beside the configuration.
///
/// # Errors
///
/// [`Misuse`] names what is missing.
pub fn database(
    common: &Common,
    config: Option<&Config>,
    environment: &Environment,
) -> Result<Target, Misuse> {
    if let Some(url) = common.database.url() {
        return Target::parse(url).map_err(|error| Misuse::new(format!("--database: {error}")));
    }
    match config.map(|config| (config, &config.database)) {
        Some((config, Some(database))) => database.target(&config.folder, environment),
        Some((config, None)) => sqlite_at(&config.resolve_path(Path::new(DEFAULT_SQLITE))),
        None => sqlite_at(Path::new(DEFAULT_SQLITE)),
    }
}

fn sqlite_at(path: &Path) -> Result<Target, Misuse> {
    Target::parse(&format!("sqlite:{}", path.display()))
        .map_err(|error| Misuse::new(error.to_string()))
}

/// Reads the configuration for a command that only needs the database: with `--database` it
/// can do without a file.
///
/// # Errors
///
/// As [`Config::load`].
pub fn config_for_database(common: &Common) -> Result<Option<Config>, Misuse> {
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

/// Connects to a database that is there: what only reads makes no empty SQLite file of a
/// mistyped path.
///
/// # Errors
///
/// As [`connect`], and when there is no such file.
pub async fn connect_existing(target: &Target, connections: u32) -> anyhow::Result<Store> {
    if let Some(path) = target.path()
        && !path.exists()
    {
        anyhow::bail!(
            "there is no database {}: the first run makes it. Is this the right configuration?",
            path.display()
        );
    }
    connect(target, connections).await
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
