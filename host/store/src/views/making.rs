// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! How a view is made, renewed and dropped, and what is kept on record of it.

use jiff::Timestamp;

use super::data::Part;
use super::{Record, Stand, is_hidden, mark_of, recorded};
use crate::connect::connection::Arg;
use crate::connect::trouble::Trouble;
use crate::engine;
use crate::error::StoreError;
use crate::session::DatabaseSession;
use crate::session::schema;
use crate::sql::fields::Fields;
use crate::sql::{list as joined, quote};

/// Makes one view, or leaves everything as it was.
pub(super) async fn make(
    session: &mut DatabaseSession,
    stand: &Stand<'_>,
    above: &[&Stand<'_>],
) -> Result<(), StoreError> {
    let Stand { view, query, digest, origin, .. } = stand;
    let name = &view.name;
    let doing = format!("making the view {name}");
    let create = session.dialect.create_view(name, query);
    if !session.dialect.has_transactional_ddl() {
        // On record first: a host killed in between leaves a view that the next one makes again.
        own(session, &doing, name, "").await?;
        keep(session, name, recorded(*origin, None), None).await?;
        session.execute(&doing, &create, vec![]).await?;
    } else if let Err(error) = tried(session, &doing, &[create, probe(name)]).await {
        if !error.is(Trouble::NoReplacement) {
            return Err(error);
        }
        match anew(session, &[stand]).await {
            Err(error) if error.is(Trouble::DependedOn) && !above.is_empty() => {
                let with_above: Vec<&Stand<'_>> =
                    std::iter::once(stand).chain(above.iter().copied()).collect();
                anew(session, &with_above).await?;
            }
            made => made?,
        }
    }
    if let Some(mark) = session.dialect.mark_view(name) {
        session.execute(&doing, &mark, vec![]).await?;
    }
    let relations = schema::relations(session, &doing).await?;
    let made = relations.get(name).filter(|made| !is_hidden(made));
    keep(session, name, recorded(*origin, made.map(mark_of)), None).await?;
    own(session, &doing, name, digest).await
}

/// SQLite makes a view of what is not there, too.
fn probe(name: &str) -> String {
    format!("SELECT * FROM {} WHERE 1 = 0", quote(name))
}

/// Drops views, each of which may read those before it, and makes them and their privileges again;
/// or leaves all of them as they were.
async fn anew(session: &mut DatabaseSession, views: &[&Stand<'_>]) -> Result<(), StoreError> {
    let doing = "renewing views";
    session.execute(doing, "SAVEPOINT view", vec![]).await?;
    let renewed = renew(session, views).await;
    settled(session, doing, renewed).await
}

async fn renew(session: &mut DatabaseSession, views: &[&Stand<'_>]) -> Result<(), StoreError> {
    let [first, ..] = views else { return Ok(()) };
    let mut granted = Vec::new();
    for Stand { view, .. } in views.iter().rev() {
        let doing = format!("dropping the view {}", view.name);
        if let Some(sql) = session.dialect.view_grants_query() {
            let rows = session.fetch(&doing, sql, vec![view.name.as_str().into()]).await?;
            granted.push((&view.name, rows));
        }
        session.execute(&doing, &format!("DROP VIEW {}", quote(&view.name)), vec![]).await?;
    }
    for Stand { view, query, .. } in views {
        let doing = format!("making the view {}", view.name);
        let mut statements =
            vec![session.dialect.create_view(&view.name, query), probe(&view.name)];
        statements.extend(session.dialect.mark_view(&view.name));
        for sql in statements {
            if let Err(error) = session.execute(&doing, &sql, vec![]).await {
                if view.name == first.view.name || error.is_transient() {
                    return Err(error);
                }
                let failed = format!("{}: {}", view.file(), said(&error));
                return Err(StoreError::Views { database: session.database.to_string(), failed });
            }
        }
    }
    for (name, rows) in granted {
        for sql in grants(session, name, &rows).await? {
            session.execute("giving the privileges again", &sql, vec![]).await?;
        }
    }
    Ok(())
}

/// Runs statements within a transaction, all or none.
async fn tried(
    session: &mut DatabaseSession,
    doing: &str,
    statements: &[String],
) -> Result<(), StoreError> {
    session.execute(doing, "SAVEPOINT view", vec![]).await?;
    let mut done = Ok(());
    for sql in statements {
        done = session.execute(doing, sql, vec![]).await.map(drop);
        if done.is_err() {
            break;
        }
    }
    settled(session, doing, done).await
}

/// Ends what was tried: keeps it, or takes it back.
async fn settled(
    session: &mut DatabaseSession,
    doing: &str,
    done: Result<(), StoreError>,
) -> Result<(), StoreError> {
    let end = if done.is_ok() { "RELEASE SAVEPOINT view" } else { "ROLLBACK TO SAVEPOINT view" };
    // What broke the connection is what a person has to know.
    match session.execute(doing, end, vec![]).await {
        Err(error) if done.is_ok() => Err(error),
        _ => done,
    }
}

/// Drops a view whose folder is gone, if it is still the one that was made from it, and forgets it.
pub(super) async fn drop_view(
    session: &mut DatabaseSession,
    name: &str,
    record: &Record,
) -> Result<bool, StoreError> {
    let doing = format!("dropping the view {name}");
    let is_ours = record.digest.is_some();
    if is_ours {
        let sql = format!("DROP VIEW {}", quote(name));
        match session.dialect.has_transactional_ddl() {
            true => tried(session, &doing, &[sql]).await?,
            false => session.execute(&doing, &sql, vec![]).await.map(drop)?,
        }
    }
    disown(session, name).await?;
    let forget = "DELETE FROM catalogue_view_states WHERE view_name = ?";
    session.execute(&doing, forget, vec![name.into()]).await?;
    Ok(is_ours)
}

/// Why a view could not be made: with the file, and where PostgreSQL tells it the line.
pub(super) async fn why(
    session: &mut DatabaseSession,
    stand: &Stand<'_>,
    error: &StoreError,
) -> Result<String, StoreError> {
    let view = stand.view;
    match error {
        error if error.is(Trouble::DependedOn) => return dependants(session, &view.name).await,
        StoreError::Views { failed, .. } => {
            return Ok(format!(
                "it stays as it was for the sake of a view that reads it, {failed}"
            ));
        }
        _ => {}
    }
    let doing = format!("looking what is wrong with the view {}", view.name);
    for (part, sql) in &stand.parts {
        let probe = format!("SELECT * FROM ({sql}\n) AS q WHERE 1 = 0");
        let tried = match session.dialect.has_transactional_ddl() {
            true => tried(session, &doing, std::slice::from_ref(&probe)).await,
            false => session.execute(&doing, &probe, vec![]).await.map(drop),
        };
        match tried {
            Err(error) if error.is_transient() => return Err(error),
            Err(error) => return Ok(located(part, &probe, &error)),
            Ok(()) => {}
        }
    }
    Ok(format!("{}: {}", view.file(), said(error)))
}

fn located(part: &Part, sql: &str, error: &StoreError) -> String {
    let position = match error {
        StoreError::Other { error, .. } => engine::position(error),
        _ => None,
    };
    let line = position.map_or_else(String::new, |at| {
        let lines = sql.chars().take(at.saturating_sub(1)).filter(|c| *c == '\n').count();
        format!(":{}", lines + 1)
    });
    format!("{}{line}: {}", part.file, said(error))
}

fn said(error: &StoreError) -> String {
    match error {
        StoreError::NoTable { reason, .. } => reason.clone(),
        error => error.in_short(),
    }
}

/// The statements that give everybody the privileges on a view that they had before it was made
/// again, but for those on columns that it does not have any more.
async fn grants(
    session: &mut DatabaseSession,
    name: &str,
    rows: &[Fields],
) -> Result<Vec<String>, StoreError> {
    let doing = "looking which columns a view has";
    let sql = session.dialect.columns_query();
    let column = |row: &Fields| row.text("column_name");
    let columns = session.read(doing, sql, vec![name.into()], column).await?;
    let grant = |row: &Fields| -> Result<Option<String>, sqlx::Error> {
        let (privilege, to, may_grant) =
            (row.text("privilege")?, row.text("grantee")?, row.int("may_grant")? == 1);
        let column = match row.optional_text("column_name")? {
            Some(column) if !columns.contains(&column) => return Ok(None),
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
pub(super) async fn dependants(
    session: &mut DatabaseSession,
    name: &str,
) -> Result<String, StoreError> {
    let doing = format!("looking what depends on the view {name}");
    let Some(sql) = session.dialect.view_dependants_query() else { return Ok(String::new()) };
    let read = |row: &Fields| {
        let query = row.optional_text("query")?.unwrap_or_default();
        Ok((row.text("name")?, row.text("kind")?, query))
    };
    let found = session.read(&doing, sql, vec![name.into()], read).await?;
    let names = joined(&found, ", ", |(view, ..)| view.clone());
    let drops = joined(&found, "\n", |(view, kind, _)| format!("DROP {kind} {view};"));
    let creates = joined(&found, "\n", |(view, kind, query)| {
        format!("CREATE {kind} {view} AS\n{}", query.trim_end())
    });
    Ok(format!(
        "PostgreSQL neither changes its columns nor drops it while {names} depends on it. To do so, run:\n{drops}\nthen `test-dashboard db migrate`, and then, as far as it still fits:\n{creates}"
    ))
}

/// Puts on record that a view is the host's, made from the text with this digest.
async fn own(
    session: &mut DatabaseSession,
    doing: &str,
    name: &str,
    digest: &str,
) -> Result<(), StoreError> {
    disown(session, name).await?;
    let insert = format!(
        "INSERT INTO catalogue_views (view_name, digest, updated_at) VALUES (?, ?, {})",
        session.dialect.time_parameter()
    );
    let args = vec![name.into(), digest.into(), Arg::Time(Timestamp::now())];
    session.execute(doing, &insert, args).await.map(drop)
}

/// Takes off the record that a view is the host's.
pub(super) async fn disown(session: &mut DatabaseSession, name: &str) -> Result<(), StoreError> {
    let doing = format!("forgetting the view {name}");
    let delete = "DELETE FROM catalogue_views WHERE view_name = ?";
    session.execute(&doing, delete, vec![name.into()]).await.map(drop)
}

/// Puts on record how the making of a view ended.
pub(super) async fn keep(
    session: &mut DatabaseSession,
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
