// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The host's own tables: runs, partitions, checkpoints, rejected rows, the catalogue.
//!
//! The files are in `migrations/`, a folder per database, and are embedded in the binary.

use std::collections::HashSet;

use sqlx::migrate::{AppliedMigration, MigrateError, Migration};

use crate::engine::embedded::HISTORY;
use crate::error::StoreError;
use crate::session::patience::Retries;
use crate::session::schema::Schema;
use crate::session::{DatabaseSession, schema};
use crate::sql::fields::Fields;
use crate::sql::quote;
use crate::store::Store;
use crate::write::catalogue::take;

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

impl Store {
    /// Brings the host's own tables up to date. Two hosts may do so at once: one waits for the
    /// other. Returns the names of the migrations applied now.
    ///
    /// # Errors
    ///
    /// A missing right to create tables; [`StoreError::Migration`] when the database was
    /// migrated by a newer version of the host.
    pub async fn migrate(&self) -> Result<Vec<String>, StoreError> {
        Retries::with_locks(self.waits).over(|| self.migrate_once()).await
    }

    async fn migrate_once(&self) -> Result<Vec<String>, StoreError> {
        self.refuse_unfit().await?;
        let mut session = self.session().await?;
        let schema = schema::columns(&mut session, LOOKING).await?;
        // First: where tables are only made if they are missing, the migrator would take
        // somebody else's for one of its own.
        refuse_others(&mut session, &schema).await?;
        lock(&mut session).await?;
        match session.migrate().await {
            Ok(applied) => {
                unlock(&mut session).await?;
                let all = session.migrations().iter().map(|migration| migration.version).collect();
                refuse_missing(&mut session, &schema, &all).await?;
                Ok(applied)
            }
            Err(error) => {
                let is_about_tables = matches!(error, MigrateError::ExecuteMigration(..));
                let error = self.explain(&session, error);
                // The connection may be within what failed.
                drop(session);
                if is_about_tables {
                    let mut session = self.session().await?;
                    let schema = schema::columns(&mut session, LOOKING).await?;
                    let applied = versions(&applied(&mut session, &schema).await?);
                    refuse_taken(&mut session, &schema, &applied).await?;
                }
                Err(error)
            }
        }
    }

    /// As [`Store::migration_status`], of a database on which [`Store::migrate`] would succeed.
    /// Changes nothing; rights that are missing for it show only there.
    ///
    /// # Errors
    ///
    /// As [`Store::migrate`].
    pub async fn check_migrations(&self) -> Result<Vec<MigrationStatus>, StoreError> {
        let mut session = self.session().await?;
        let schema = schema::columns(&mut session, LOOKING).await?;
        refuse_others(&mut session, &schema).await?;
        let known = session.migrations();
        let applied = applied(&mut session, &schema).await?;
        for one in &applied {
            match known.iter().find(|known| known.version == one.version) {
                None => {
                    return Err(self.explain(&session, MigrateError::VersionMissing(one.version)));
                }
                Some(known) if known.checksum != one.checksum => {
                    return Err(self.explain(&session, MigrateError::VersionMismatch(one.version)));
                }
                Some(_) => {}
            }
        }
        let applied = versions(&applied);
        refuse_missing(&mut session, &schema, &applied).await?;
        refuse_taken(&mut session, &schema, &applied).await?;
        Ok(status(&session, &applied))
    }

    fn explain(&self, session: &DatabaseSession, error: MigrateError) -> StoreError {
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
        let schema = schema::columns(&mut session, doing).await?;
        let applied = versions(&applied(&mut session, &schema).await?);
        Ok(status(&session, &applied))
    }
}

fn status(session: &DatabaseSession, applied: &HashSet<i64>) -> Vec<MigrationStatus> {
    let status = session.migrations().iter().map(|migration| MigrationStatus {
        version: migration.version,
        name: migration.description.to_string(),
        applied: applied.contains(&migration.version),
    });
    status.collect()
}

const LOOKING: &str = "looking for the host's own tables";
const LOCKING: &str = "taking the lock for migrating the host's own tables";

/// Waits until no other host migrates or checks. From then on other locks are waited for briefly.
pub(crate) async fn lock(session: &mut DatabaseSession) -> Result<(), StoreError> {
    session.hold();
    if let Some((lock, _)) = session.dialect.migration_lock() {
        take(session, LOCKING, lock).await?;
    }
    session.wait_briefly(LOCKING).await
}

pub(crate) async fn unlock(session: &mut DatabaseSession) -> Result<(), StoreError> {
    if let Some((_, unlock)) = session.dialect.migration_lock() {
        session.fetch("ending the migrations", unlock, vec![]).await?;
    }
    session.wait_as_usual("ending the migrations").await?;
    session.release();
    Ok(())
}

/// One of the host's own tables.
struct OwnTable {
    name: String,
    columns: Vec<String>,
    /// The migration that makes it.
    version: i64,
}

fn own_tables(session: &DatabaseSession) -> Vec<OwnTable> {
    let of = |migration: &Migration| {
        let version = migration.version;
        let table = move |(name, columns)| OwnTable { name, columns, version };
        made_by(migration.sql.as_str()).into_iter().map(table)
    };
    session.migrations().iter().flat_map(of).collect()
}

/// The tables that a migration makes, each with its columns: as the files in `migrations/` are
/// written, a column to a line.
fn made_by(sql: &str) -> Vec<(String, Vec<String>)> {
    let mut tables = Vec::new();
    let mut lines = sql.lines().map(str::trim);
    while let Some(line) = lines.next() {
        let Some(rest) = line.strip_prefix("CREATE TABLE ") else { continue };
        let rest = rest.strip_prefix("IF NOT EXISTS ").unwrap_or(rest);
        let columns = lines
            .by_ref()
            .take_while(|line| !line.starts_with(')'))
            .filter_map(|line| line.split_whitespace().next())
            // Comments and constraints.
            .filter(|word| word.starts_with(|first: char| first.is_ascii_lowercase()));
        let columns = columns.map(String::from).collect();
        tables.push((rest.trim_end_matches('(').trim().to_owned(), columns));
    }
    tables
}

/// The migrations that were applied; an empty database has no record of any.
async fn applied(
    session: &mut DatabaseSession,
    schema: &Schema,
) -> Result<Vec<AppliedMigration>, StoreError> {
    if !schema.contains_key(HISTORY) {
        refuse_invisible(session).await?;
        return Ok(Vec::new());
    }
    // Where one can be broken off half-way, it is on record and not applied.
    let sql = "SELECT version FROM _sqlx_migrations WHERE success";
    let whole = session.read(LOOKING, sql, vec![], |row| row.int("version")).await?;
    match session.applied().await {
        Ok(mut applied) => {
            applied.retain(|one| whole.contains(&one.version));
            Ok(applied)
        }
        Err(MigrateError::Execute(error)) => Err(session.failed(LOOKING, error)),
        Err(other) => Err(StoreError::Migration {
            database: session.database.to_string(),
            reason: format!("{LOOKING}: {other}"),
        }),
    }
}

/// Refuses a user who is not shown what there is: the database would pass for one in which nothing
/// has run. Only for what reads: whoever writes is refused when he does.
async fn refuse_invisible(session: &mut DatabaseSession) -> Result<(), StoreError> {
    if !session.reads() {
        return Ok(());
    }
    if let Some(query) = session.dialect.schema_query() {
        let schema = session.read_first(LOOKING, query, vec![], schema_name).await?;
        if schema.flatten().is_none() {
            let reason = "there is no schema in its search_path that this user may use";
            return Err(session.may_not_read(LOOKING, reason));
        }
    }
    schema::refuse_hidden(session, LOOKING, HISTORY).await
}

fn schema_name(row: &Fields) -> Result<Option<String>, sqlx::Error> {
    row.optional_text("schema_name")
}

fn versions(applied: &[AppliedMigration]) -> HashSet<i64> {
    applied.iter().map(|one| one.version).collect()
}

/// Refuses a table that has the name of one of the host's own, and not its columns.
async fn refuse_others(session: &mut DatabaseSession, schema: &Schema) -> Result<(), StoreError> {
    for OwnTable { name, columns, .. } in own_tables(session) {
        let Some(there) = schema.get(&name) else { continue };
        let lacks: Vec<&str> =
            columns.iter().filter(|column| !there.contains(*column)).map(String::as_str).collect();
        if !lacks.is_empty() {
            let reason = format!("it has no {}", lacks.join(", "));
            return Err(other_table(session, name, &reason).await?);
        }
    }
    Ok(())
}

async fn other_table(
    session: &mut DatabaseSession,
    table: String,
    reason: &str,
) -> Result<StoreError, StoreError> {
    let schema = match session.dialect.schema_query() {
        Some(query) => {
            let name = session.read_first(LOOKING, query, vec![], schema_name).await?;
            format!(" in its schema {}", name.flatten().unwrap_or_default())
        }
        None => String::new(),
    };
    let rename =
        format!("ALTER TABLE {} RENAME TO {};", quote(&table), quote(&format!("{table}_old")));
    Ok(StoreError::OwnTableTaken {
        database: session.database.to_string(),
        schema,
        reason: reason.to_owned(),
        remedy: session.dialect.for_a_person(&rename),
        table,
    })
}

/// Refuses a table that stands where a migration that is not applied would make one.
async fn refuse_taken(
    session: &mut DatabaseSession,
    schema: &Schema,
    applied: &HashSet<i64>,
) -> Result<(), StoreError> {
    if !session.dialect.has_transactional_ddl() {
        // What is there may be left of a migration that was broken off.
        return Ok(());
    }
    let taken = own_tables(session)
        .into_iter()
        .find(|own| !applied.contains(&own.version) && schema.contains_key(&own.name));
    let Some(own) = taken else { return Ok(()) };
    Err(other_table(session, own.name, "no migration is on record that made it").await?)
}

/// Refuses a database from which one of the host's own tables was dropped. What was in it (where
/// to go on from, the history) cannot be made up.
async fn refuse_missing(
    session: &mut DatabaseSession,
    schema: &Schema,
    applied: &HashSet<i64>,
) -> Result<(), StoreError> {
    let mut own = own_tables(session);
    own.retain(|own| applied.contains(&own.version));
    if own.iter().all(|own| schema.contains_key(&own.name)) {
        return Ok(());
    }
    // They may have been made since the schema was read, by this process or another.
    let schema = schema::columns(session, LOOKING).await?;
    let missing = own.into_iter().find(|own| !schema.contains_key(&own.name));
    let Some(own) = missing else { return Ok(()) };
    schema::refuse_hidden(session, LOOKING, &own.name).await?;
    Err(StoreError::Migration {
        database: session.database.to_string(),
        reason: format!(
            "its table {} is missing, which test-dashboard made and cannot do without: somebody has dropped or renamed it. Give it its name back, restore it from a backup, or start in a new database",
            own.name
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_of_a_migration_are_those_that_it_makes() {
        let sql = "-- Words.\nCREATE TABLE IF NOT EXISTS runs (\n    id bigint,\n    -- Of what.\n    project text NOT NULL,\n    PRIMARY KEY (id)\n) STRICT;\n\nCREATE INDEX runs_id ON runs (id);";
        let columns = ["id", "project"].map(String::from).to_vec();
        assert_eq!(made_by(sql), [("runs".to_owned(), columns)]);
    }
}
