// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The host's own tables: runs, partitions, checkpoints, rejected rows, the catalogue.
//!
//! The files are in `migrations/`, a folder per database, and are embedded in the binary.

use std::collections::HashSet;

use sqlx::migrate::{Migrate, MigrateError, Migrator};

use crate::connection::Session;
use crate::patience::again;
use crate::{Store, StoreError};

/// One migration that this version of the host knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrationStatus {
    /// Its number, the order in which they are applied.
    pub version: i64,
    /// What it makes.
    pub name: String,
    /// Whether the database has it.
    pub applied: bool,
}

const HISTORY: &str = "_sqlx_migrations";

/// Applies what is missing, holding the migrator's lock from before looking to after the last
/// change; the names of what was applied.
pub(crate) async fn run<C: Migrate>(
    migrator: &Migrator,
    connection: &mut C,
) -> Result<Vec<String>, MigrateError> {
    connection.lock().await?;
    connection.ensure_migrations_table(HISTORY).await?;
    let before = connection.list_applied_migrations(HISTORY).await?;
    let before: HashSet<i64> = before.iter().map(|migration| migration.version).collect();
    // Takes the same lock once more, and gives it back as often.
    migrator.run_direct(None, connection, false).await?;
    connection.unlock().await?;
    Ok(migrator
        .iter()
        .filter(|migration| !before.contains(&migration.version))
        .map(|migration| migration.description.to_string())
        .collect())
}

impl Store {
    /// Brings the host's own tables up to date. Two hosts may do so at once: one waits for the
    /// other. Returns the names of the migrations applied now.
    ///
    /// # Errors
    ///
    /// A missing right to create tables; [`StoreError::Migration`] when the database was
    /// migrated by a newer version of the host.
    pub async fn migrate(&self) -> Result<Vec<String>, StoreError> {
        again(|| self.migrate_once()).await
    }

    async fn migrate_once(&self) -> Result<Vec<String>, StoreError> {
        let mut session = self.session().await?;
        let migrated = session.migrate().await;
        migrated.map_err(|error| self.explain(&session, error))
    }

    fn explain(&self, session: &Session, error: MigrateError) -> StoreError {
        let doing = "migrating the host's own tables";
        let reason = match error {
            MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => {
                return self.with_grant(session.failed(doing, error));
            }
            MigrateError::VersionMissing(version) => format!(
                "it has migration {version}, which this version of test-dashboard does not know; use a newer version"
            ),
            MigrateError::VersionMismatch(version) => format!(
                "its migration {version} is not the one that this version of test-dashboard has; use the version that migrated it, or a new database"
            ),
            other => format!("{doing}: {other}"),
        };
        StoreError::Migration { database: self.name(), reason }
    }

    /// The migrations that this version knows, and which of them the database has. Changes
    /// nothing.
    ///
    /// # Errors
    ///
    /// When the database cannot be read.
    pub async fn migration_status(&self) -> Result<Vec<MigrationStatus>, StoreError> {
        let doing = "reading which migrations were applied";
        let mut session = self.session().await?;
        let columns = session.dialect.columns_query();
        let has_history = !session.fetch(doing, columns, vec![HISTORY.into()]).await?.is_empty();
        let mut applied = HashSet::new();
        if has_history {
            let sql = "SELECT version FROM _sqlx_migrations WHERE success";
            for row in session.fetch(doing, sql, vec![]).await? {
                applied.insert(row.int(0).map_err(|error| session.failed(doing, error))?);
            }
        }
        let status = session.migrations().iter().map(|migration| MigrationStatus {
            version: migration.version,
            name: migration.description.to_string(),
            applied: applied.contains(&migration.version),
        });
        Ok(status.collect())
    }
}
