// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The views for people and dashboards, in `views/`: made when the tables that they read are
//! there, and made anew when their text changes or a person has dropped them.
//!
//! What a view is made of is in [`list`], what its columns are in [`shapes`], and the words that
//! its text has for what differs between the databases in [`words`]. `docs/views.md` describes
//! them to a person.
//!
//! A view is replaced where the database can do so: whoever may read it still may, and what
//! others have built on it stays. PostgreSQL cannot when columns go or change; then the view is
//! dropped, made and granted again in one transaction, and where something depends on it, it
//! stays as it was, which is on record until it is mended. What others have made under the
//! name of a view is left alone: each view is marked, and its mark is on record.

pub mod bigquery;
mod list;
mod shapes;
mod words;

use std::collections::HashMap;

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::connect::connection::Arg;
use crate::connect::trouble::Trouble;
use crate::error::StoreError;
use crate::session::patience::Retries;
use crate::session::schema::{Relation, Schema};
use crate::session::{Session, schema};
use crate::sql::dialect::Dialect;
use crate::sql::fields::Fields;
use crate::sql::{list as joined, quote};
use crate::store::Store;
use crate::write::catalogue::{lock, unlock};
use crate::write::drift::Drift;
use list::{Part, VIEWS, View};
use shapes::SHAPES;

impl Store {
    /// Makes the views whose tables are there. Returns the names of those that were made now.
    ///
    /// # Errors
    ///
    /// [`StoreError::Views`] when some cannot be made, such as without the right to: the others
    /// are made, the tables are not touched, and [`Store::drift`] tells until it is mended.
    pub async fn refresh_views(&self) -> Result<Vec<String>, StoreError> {
        Retries::with_locks(self.waits).over(|| self.refresh_views_once()).await
    }

    async fn refresh_views_once(&self) -> Result<Vec<String>, StoreError> {
        let mut session = self.session().await?;
        let stands = stands(&mut session).await?;
        for stand in stands.iter().filter(|stand| stand.is_other) {
            tracing::warn!("{}", Drift::OtherView { view: stand.name.into() });
        }
        if !stands.iter().any(Stand::is_to_be_made) {
            return Ok(Vec::new());
        }
        lock(&mut session).await?;
        // Looked at again, now that no other host makes views.
        let made = make_all(&mut session).await;
        let unlocked = unlock(&mut session, made.is_ok()).await;
        let (made, failed) = made?;
        unlocked?;
        if failed.is_empty() {
            return Ok(made);
        }
        let failed = joined(failed, "\n", |(view, reason)| format!("{view}: {reason}"));
        Err(StoreError::Views { database: self.name(), failed })
    }
}

/// How it stands with a view that there should be.
struct Stand {
    name: &'static str,
    query: String,
    digest: String,
    /// Somebody else has made what has its name.
    is_other: bool,
    /// It is there, and as it should be.
    is_made: bool,
    /// What is on record of it.
    record: Record,
}

impl Stand {
    fn is_to_be_made(&self) -> bool {
        !self.is_other && !self.is_made
    }
}

/// What is on record of a view.
#[derive(Default)]
struct Record {
    /// Of the text that it was made from; none: the host never made it.
    digest: Option<String>,
    /// Of what the database had to tell it by, when it was made.
    mark: Option<String>,
    error: Option<String>,
}

/// What a person should know of the views, by name.
pub(crate) async fn problems(session: &mut Session) -> Result<Vec<Drift>, StoreError> {
    let problem = |stand: Stand| {
        let view = stand.name.to_string();
        match stand.record.error {
            _ if stand.is_other => Some(Drift::OtherView { view }),
            Some(reason) if !stand.is_made => Some(Drift::OldView { view, reason }),
            _ => None,
        }
    };
    let mut problems: Vec<Drift> = stands(session).await?.into_iter().filter_map(problem).collect();
    problems.sort_by_key(Drift::what);
    Ok(problems)
}

async fn stands(session: &mut Session) -> Result<Vec<Stand>, StoreError> {
    let doing = "looking which views there are";
    // Of the plugins' tables, what is there.
    let mut tables = schema::catalogued(session, doing).await?;
    let there = schema::columns(session, doing).await?;
    tables.retain(|table, columns| match there.get(table) {
        Some(present) => {
            columns.retain(|column| present.contains(column));
            true
        }
        None => false,
    });
    let relations = schema::relations(session, doing).await?;
    let mut records = records(session, doing).await?;
    let dialect = session.dialect.clone();
    let stand = |view: &'static View| {
        let query = query(view, &tables, dialect.as_ref())?;
        let digest = digest(view.name, &query);
        let record = records.remove(view.name).unwrap_or_default();
        let found = relations.get(view.name);
        let is_other = found.is_some_and(|found| !is_ours(found, &record));
        let is_made = !is_other
            && found.is_some()
            && (record.mark.is_some() || found.is_some_and(is_hidden))
            && record.digest.as_ref() == Some(&digest);
        Some(Stand { name: view.name, query, digest, is_other, is_made, record })
    };
    Ok(VIEWS.iter().filter_map(stand).collect())
}

fn is_ours(found: &Relation, record: &Record) -> bool {
    // Without a mark on record it was made before there were marks, or its making was broken off.
    let is_as_made = |mark: &String| is_hidden(found) || *mark == mark_of(found);
    found.is_view && record.digest.is_some() && record.mark.as_ref().is_none_or(is_as_made)
}

/// MySQL shows an empty text to whoever lacks the privilege to see it.
fn is_hidden(found: &Relation) -> bool {
    found.mark.as_deref() == Some("")
}

fn mark_of(found: &Relation) -> String {
    digest("", found.mark.as_deref().unwrap_or_default())
}

async fn records(
    session: &mut Session,
    doing: &str,
) -> Result<HashMap<String, Record>, StoreError> {
    let mut records: HashMap<String, Record> = HashMap::new();
    let failed = |session: &Session, error| session.failed(doing, error);
    let sql = "SELECT view_name, digest FROM catalogue_views";
    for row in session.fetch(doing, sql, vec![]).await? {
        let read = |row: &Fields| Ok((row.text("view_name")?, row.text("digest")?));
        let (name, digest) = read(&row).map_err(|error| failed(session, error))?;
        records.entry(name).or_default().digest = Some(digest);
    }
    let sql = "SELECT view_name, mark, error FROM catalogue_view_states";
    for row in session.fetch(doing, sql, vec![]).await? {
        let read = |row: &Fields| {
            Ok((row.text("view_name")?, row.optional_text("mark")?, row.optional_text("error")?))
        };
        let (name, mark, error) = read(&row).map_err(|error| failed(session, error))?;
        let record = records.entry(name).or_default();
        (record.mark, record.error) = (mark, error);
    }
    Ok(records)
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

type Failed = Vec<(&'static str, String)>;

/// Makes what is to be made: the names of what was made, and why the rest was not.
async fn make_all(session: &mut Session) -> Result<(Vec<String>, Failed), StoreError> {
    let (mut made, mut failed) = (Vec::new(), Failed::new());
    for stand in stands(session).await? {
        if !stand.is_to_be_made() {
            continue;
        }
        match make(session, &stand).await {
            Ok(()) => made.push(stand.name.to_string()),
            Err(error) if error.is_transient() => return Err(error),
            Err(error) => {
                let reason = match error.is(Trouble::DependedOn) {
                    true => dependants(session, stand.name).await?,
                    false => error.in_short(),
                };
                keep(session, stand.name, stand.record.mark, Some(&reason)).await?;
                failed.push((stand.name, reason));
            }
        }
    }
    Ok((made, failed))
}

/// Makes one view, or leaves everything as it was.
async fn make(session: &mut Session, stand: &Stand) -> Result<(), StoreError> {
    let Stand { name, query, digest, .. } = stand;
    let doing = format!("making the view {name}");
    let create = session.dialect.create_view(name, query);
    // SQLite makes a view of what is not there, too.
    let look = format!("SELECT * FROM {} WHERE 1 = 0", quote(name));
    if !session.dialect.has_transactional_ddl() {
        // On record first: a host killed in between leaves a view that the next one makes again.
        own(session, &doing, name, "").await?;
        keep(session, name, None, None).await?;
        session.execute(&doing, &create, vec![]).await?;
    } else if let Err(error) = tried(session, &doing, &[create.clone(), look.clone()]).await {
        if !error.is(Trouble::NoReplacement) {
            return Err(error);
        }
        let mut anew = vec![format!("DROP VIEW {}", quote(name)), create, look];
        anew.extend(grants(session, &doing, name).await?);
        tried(session, &doing, &anew).await?;
    }
    if let Some(mark) = session.dialect.mark_view(name) {
        session.execute(&doing, &mark, vec![]).await?;
    }
    let relations = schema::relations(session, &doing).await?;
    let made = relations.get(*name).filter(|made| !is_hidden(made));
    keep(session, name, made.map(mark_of), None).await?;
    own(session, &doing, name, digest).await
}

/// Runs statements within a transaction, all or none.
async fn tried(
    session: &mut Session,
    doing: &str,
    statements: &[String],
) -> Result<(), StoreError> {
    session.execute(doing, "SAVEPOINT view", vec![]).await?;
    for sql in statements {
        if let Err(error) = session.execute(doing, sql, vec![]).await {
            session.execute(doing, "ROLLBACK TO SAVEPOINT view", vec![]).await?;
            return Err(error);
        }
    }
    session.execute(doing, "RELEASE SAVEPOINT view", vec![]).await.map(drop)
}

/// The statements that give everybody the privileges on a view that they have now, but for those
/// on columns that it does not have any more.
async fn grants(session: &mut Session, doing: &str, name: &str) -> Result<Vec<String>, StoreError> {
    let shape = SHAPES.iter().find(|shape| shape.name == name);
    let has = |column: &str| {
        shape.is_some_and(|shape| shape.columns.iter().any(|(name, ..)| *name == column))
    };
    let Some(sql) = session.dialect.view_grants_query() else { return Ok(Vec::new()) };
    let rows = session.fetch(doing, sql, vec![name.into()]).await?;
    let grant = |row: &Fields| -> Result<Option<String>, sqlx::Error> {
        let (privilege, to, may_grant) =
            (row.text("privilege")?, row.text("grantee")?, row.int("may_grant")? == 1);
        let column = match row.optional_text("column_name")? {
            Some(column) if !has(&column) => return Ok(None),
            Some(column) => format!(" ({})", quote(&column)),
            None => String::new(),
        };
        let option = if may_grant { " WITH GRANT OPTION" } else { "" };
        Ok(Some(format!("GRANT {privilege}{column} ON {} TO {to}{option}", quote(name))))
    };
    let grants = rows.iter().map(grant).collect::<Result<Vec<_>, _>>();
    let grants = grants.map_err(|error| session.failed(doing, error))?;
    Ok(grants.into_iter().flatten().collect())
}

/// What to do about views of others that keep one from being dropped.
async fn dependants(session: &mut Session, name: &str) -> Result<String, StoreError> {
    let doing = format!("looking what depends on the view {name}");
    let Some(sql) = session.dialect.view_dependants_query() else { return Ok(String::new()) };
    let rows = session.fetch(&doing, sql, vec![name.into()]).await?;
    let read = |row: &Fields| {
        let query = row.optional_text("query")?.unwrap_or_default();
        Ok((row.text("name")?, row.text("kind")?, query))
    };
    let found = rows.iter().map(read).collect::<Result<Vec<_>, sqlx::Error>>();
    let found = found.map_err(|error| session.failed(&doing, error))?;
    let names = joined(&found, ", ", |(view, ..)| view.clone());
    let drops = joined(&found, "\n", |(view, kind, _)| format!("DROP {kind} {view};"));
    let creates = joined(&found, "\n", |(view, kind, query)| {
        format!("CREATE {kind} {view} AS\n{}", query.trim_end())
    });
    Ok(format!(
        "its columns change, which PostgreSQL does not do while {names} depends on it. To renew it, run:\n{drops}\nthen `test-dashboard db migrate`, and then, as far as it still fits:\n{creates}"
    ))
}

/// Puts on record that a view is the host's, made from the text with this digest.
async fn own(
    session: &mut Session,
    doing: &str,
    name: &str,
    digest: &str,
) -> Result<(), StoreError> {
    let delete = "DELETE FROM catalogue_views WHERE view_name = ?";
    session.execute(doing, delete, vec![name.into()]).await?;
    let insert = format!(
        "INSERT INTO catalogue_views (view_name, digest, updated_at) VALUES (?, ?, {})",
        session.dialect.time_parameter()
    );
    let args = vec![name.into(), digest.into(), Arg::Time(Timestamp::now())];
    session.execute(doing, &insert, args).await.map(drop)
}

/// Puts on record how the making of a view ended.
async fn keep(
    session: &mut Session,
    name: &str,
    mark: Option<String>,
    error: Option<&str>,
) -> Result<(), StoreError> {
    let doing = format!("recording how the making of the view {name} ended");
    let delete = "DELETE FROM catalogue_view_states WHERE view_name = ?";
    session.execute(&doing, delete, vec![name.into()]).await?;
    let insert = "INSERT INTO catalogue_view_states (view_name, mark, error) VALUES (?, ?, ?)";
    let error = Arg::OptionalText(error.map(String::from));
    let args = vec![name.into(), Arg::OptionalText(mark), error];
    session.execute(&doing, insert, args).await.map(drop)
}
