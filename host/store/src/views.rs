// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The views for people and dashboards, in `views/`: made when the tables that they read are
//! there, and made anew when their text changes.
//!
//! What a view is made of is in [`list`], what its columns are in [`shapes`], and the words that
//! its text has for what differs between the databases in [`words`]. `docs/views.md` describes
//! them to a person. What fails here fails nothing else: rows come first.

pub mod bigquery;
mod list;
mod shapes;
mod words;

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::catalogue::{lock, unlock};
use crate::connection::{Arg, Fields, Session};
use crate::dialect::{Dialect, quote};
use crate::patience::again;
use crate::{Store, StoreError};
use list::{Part, VIEWS, View};

/// The plugins' tables and the names of their columns, without the host's.
type Schema = HashMap<String, HashSet<String>>;

impl Store {
    /// Makes the views whose tables are there. Returns the names of those that were made now.
    ///
    /// # Errors
    ///
    /// When a view cannot be made, such as without the right to; the tables are not touched.
    pub async fn refresh_views(&self) -> Result<Vec<String>, StoreError> {
        again(|| self.refresh_views_once()).await
    }

    async fn refresh_views_once(&self) -> Result<Vec<String>, StoreError> {
        let mut session = self.session().await?;
        if outdated(&mut session).await?.is_empty() {
            return Ok(Vec::new());
        }
        lock(&mut session).await?;
        // Looked at again, now that no other host makes views.
        let made = match outdated(&mut session).await {
            Ok(outdated) => make_all(&mut session, outdated).await,
            Err(error) => Err(error),
        };
        let unlocked = unlock(&mut session, made.is_ok()).await;
        let made = made?;
        unlocked?;
        Ok(made)
    }
}

/// A view that has to be made: its name, its query, and that query's digest.
struct Outdated {
    name: &'static str,
    query: String,
    digest: String,
}

async fn outdated(session: &mut Session) -> Result<Vec<Outdated>, StoreError> {
    let doing = "looking which views there are";
    let schema = schema(session, doing).await?;
    let digests = session.fetch(doing, "SELECT digest FROM catalogue_views", vec![]).await?;
    let made = digests.iter().map(|row| row.text(0)).collect::<Result<HashSet<_>, _>>();
    let made = made.map_err(|error| session.failed(doing, error))?;
    let dialect = session.dialect.clone();
    let outdated = VIEWS.iter().filter_map(|view| {
        let query = query(view, &schema, dialect.as_ref())?;
        let digest = digest(view.name, &query);
        (!made.contains(&digest)).then_some(Outdated { name: view.name, query, digest })
    });
    Ok(outdated.collect())
}

async fn schema(session: &mut Session, doing: &str) -> Result<Schema, StoreError> {
    let sql = "SELECT table_name, column_name FROM catalogue_columns";
    let rows = session.fetch(doing, sql, vec![]).await?;
    let read = |row: &Fields| Ok((row.text(0)?, row.text(1)?));
    let columns = rows.iter().map(read).collect::<Result<Vec<_>, sqlx::Error>>();
    let mut schema = Schema::new();
    for (table, column) in columns.map_err(|error| session.failed(doing, error))? {
        schema.entry(table).or_default().insert(column);
    }
    Ok(schema)
}

/// The union of the parts whose tables are there; none when there is no such part.
fn query(view: &View, schema: &Schema, dialect: &dyn Dialect) -> Option<String> {
    let there = |part: &&Part| part.tables.iter().all(|table| schema.contains_key(*table));
    let spell = |part: &Part| words::spell(part, schema, dialect);
    let parts: Vec<String> = view.parts.iter().filter(there).map(spell).collect();
    if parts.is_empty() {
        return None;
    }
    let union = parts.join("\nUNION ALL\n");
    Some(match view.around {
        Some(around) => around.trim_end().replace("{parts}", &union),
        None => union,
    })
}

fn digest(name: &str, query: &str) -> String {
    let digest = Sha256::digest(format!("{name}\n{query}"));
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn make_all(
    session: &mut Session,
    outdated: Vec<Outdated>,
) -> Result<Vec<String>, StoreError> {
    let mut made = Vec::new();
    for Outdated { name, query, digest } in outdated {
        let doing = format!("making the view {name}");
        if is_foreign(session, &doing, name).await? {
            tracing::warn!(
                "there is something named {name} already that is not ours: no such view is made"
            );
            continue;
        }
        // On record first: a host killed in between leaves a view that the next one makes again.
        let delete = "DELETE FROM catalogue_views WHERE view_name = ?";
        session.execute(&doing, delete, vec![name.into()]).await?;
        let insert = format!(
            "INSERT INTO catalogue_views (view_name, digest, updated_at) VALUES (?, ?, {})",
            session.dialect.time_parameter()
        );
        let args = |digest: &str| vec![name.into(), digest.into(), Arg::Time(Timestamp::now())];
        session.execute(&doing, &insert, args("")).await?;
        let name_quoted = quote(name);
        session.execute(&doing, &format!("DROP VIEW IF EXISTS {name_quoted}"), vec![]).await?;
        session.execute(&doing, &format!("CREATE VIEW {name_quoted} AS\n{query}"), vec![]).await?;
        session.execute(&doing, delete, vec![name.into()]).await?;
        session.execute(&doing, &insert, args(&digest)).await?;
        made.push(name.to_string());
    }
    Ok(made)
}

/// Whether something of this name is there that no catalogue knows.
async fn is_foreign(session: &mut Session, doing: &str, name: &str) -> Result<bool, StoreError> {
    let known = "SELECT digest FROM catalogue_views WHERE view_name = ?";
    if !session.fetch(doing, known, vec![name.into()]).await?.is_empty() {
        return Ok(false);
    }
    let columns = session.dialect.columns_query();
    Ok(!session.fetch(doing, columns, vec![name.into()]).await?.is_empty())
}
