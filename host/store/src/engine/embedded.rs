// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The migrations that are embedded for an engine.

use std::collections::HashSet;

use include_dir::{Dir, File};
use sqlx::SqlStr;
use sqlx::migrate::{Migrate, MigrateError, Migration, MigrationType, Migrator};

/// Where the migrator keeps which migrations were applied.
pub(crate) const HISTORY: &str = "_sqlx_migrations";

/// The migrations of a folder, in files `VERSION_DESCRIPTION.sql`. `sqlx::migrate!` would make the
/// same of them, and has all three databases compiled a second time for that, as a macro of sqlx.
///
/// It takes no lock of its own, for which MySQL waits without end and MariaDB not at all: the host
/// has one.
pub(crate) fn of(folder: &'static Dir<'static>) -> Migrator {
    let mut migrator = Migrator::with_migrations(folder.files().filter_map(migration).collect());
    migrator.set_locking(false);
    migrator
}

fn migration(file: &'static File<'static>) -> Option<Migration> {
    let (version, description) = file.path().file_stem()?.to_str()?.split_once('_')?;
    Some(Migration::new(
        version.parse().ok()?,
        description.replace('_', " ").into(),
        MigrationType::Simple,
        SqlStr::from_static(file.contents_utf8()?),
        false,
    ))
}

/// Applies what is missing; the names of what was applied. The host's lock is held.
pub(crate) async fn run<C: Migrate>(
    migrator: &Migrator,
    connection: &mut C,
) -> Result<Vec<String>, MigrateError> {
    connection.ensure_migrations_table(HISTORY).await?;
    let before = connection.list_applied_migrations(HISTORY).await?;
    let before: HashSet<i64> = before.iter().map(|migration| migration.version).collect();
    migrator.run_direct(None, connection, false).await?;
    Ok(migrator
        .iter()
        .filter(|migration| !before.contains(&migration.version))
        .map(|migration| migration.description.to_string())
        .collect())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use include_dir::include_dir;

    use super::*;
    use crate::engine::Engine;

    /// A database that an earlier version has migrated holds sqlx's own checksums.
    #[tokio::test]
    async fn the_embedded_migrations_are_what_sqlx_reads_of_their_folders() {
        static FILES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../migrations");
        for engine in Engine::ALL {
            // The folder of its migrations is called like its addresses.
            let engine = engine.names()[0];
            let folder =
                Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations").join(engine);
            let files = std::fs::read_dir(&folder).unwrap().count();
            let read = Migrator::new(folder).await.unwrap();
            let embedded = of(FILES.get_dir(engine).unwrap());
            let told = |migrator: &Migrator| -> Vec<_> {
                let of = |migration: &Migration| {
                    let Migration { version, description, checksum, no_tx, .. } = migration.clone();
                    (version, description, checksum, no_tx)
                };
                migrator.iter().map(of).collect()
            };
            assert_eq!(told(&embedded), told(&read));
            assert_eq!(embedded.iter().count(), files, "{engine}");
        }
    }
}
