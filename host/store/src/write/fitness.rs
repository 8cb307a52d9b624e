// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Whether a server is fit for a run, which no privilege tells: what a run does is done with the
//! statements of a run, on a table that is gone afterwards.

use std::sync::Arc;

use jiff::Timestamp;
use test_dashboard_model::validate::Validator;
use test_dashboard_model::{Column, ColumnType, Table, TableMode, Value};

use crate::connect::connection::Arg;
use crate::error::{POOLER, StoreError};
use crate::session::DatabaseSession;
use crate::session::patience::Retries;
use crate::sql::fields::Fields;
use crate::sql::merge::{Merge, create_table};
use crate::sql::quote;
use crate::store::Store;
use crate::write::catalogue::{lock, unlock};

const LOOKING: &str = "looking whether the server is fit for a run";
const TRYING: &str = "trying what a run does";

impl Store {
    /// Refuses a server that a run would fail on, or lose something on, whatever the user may do.
    pub(crate) async fn refuse_unfit(&self) -> Result<(), StoreError> {
        let Some(query) = self.dialect.process_query() else { return Ok(()) };
        let unfit = |reason: String| StoreError::Unfit { database: self.name(), reason };
        let first = self.session().await?;
        // Together they need two processes, which a pool that has only one waits for. A user who may
        // have only one connection is looked at through that.
        let second = self.second_session().await;
        let mut is_shared = second.as_ref().is_some_and(|second| second.id() == first.id());
        let mut sessions: Vec<DatabaseSession> = std::iter::once(first).chain(second).collect();
        for within_transaction in [true, false] {
            if is_shared {
                return Err(unfit(POOLER.into()));
            }
            if within_transaction {
                for session in &mut sessions {
                    session.begin(LOOKING).await?;
                }
            }
            for session in &mut sessions {
                let read = |row: &Fields| Ok((row.int("process")?, row.text("encoding")?));
                let read = session.read_first(LOOKING, query, vec![], read).await?;
                let Some((process, encoding)) = read else { continue };
                if encoding != "UTF8" {
                    return Err(unfit(format!(
                        "its encoding is {encoding}, which does not hold every text; make one with CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0"
                    )));
                }
                is_shared |= session.id() != Some(process);
            }
            if within_transaction {
                for session in &mut sessions {
                    session.commit(LOOKING).await?;
                }
            }
        }
        if is_shared { Err(unfit(POOLER.into())) } else { Ok(()) }
    }

    /// Does what a run does: makes a table, stages rows, merges them twice, and reads what came
    /// of them.
    pub(crate) async fn rehearse(&self) -> Result<(), StoreError> {
        Retries::with_locks(self.waits).over(|| self.rehearse_once()).await
    }

    async fn rehearse_once(&self) -> Result<(), StoreError> {
        let table = probe();
        let mut session = self.session().await?;
        lock(&mut session).await?;
        let written = make_and_write(&mut session, &table).await;
        // Where it is all one transaction, that leaves nothing.
        let unlocked = unlock(&mut session, false).await;
        written.map_err(|error| self.with_grant(error))?;
        unlocked
    }
}

/// A column of each type that a database may not take as it is.
fn probe() -> Arc<Table> {
    let column = |name: &str, kind, max_length: Option<u32>| Column {
        name: name.into(),
        kind,
        nullable: max_length.is_none(),
        max_length,
        description: String::new(),
    };
    Arc::new(Table {
        name: "test_dashboard_probe".into(),
        description: String::new(),
        mode: TableMode::Snapshot,
        columns: vec![
            column("name", ColumnType::Text, Some(50)),
            column("label", ColumnType::Text, None),
            column("moment", ColumnType::Timestamp, None),
            column("document", ColumnType::Json, None),
        ],
        key: vec!["name".into()],
    })
}

/// What is written at first, and over it.
const LABELS: [&str; 2] = ["🦊 'é' \"\\", "🐞"];

async fn make_and_write(
    session: &mut DatabaseSession,
    table: &Arc<Table>,
) -> Result<(), StoreError> {
    let dialect = session.dialect.clone();
    let drop = format!("DROP TABLE IF EXISTS {}", quote(&table.name));
    // One that was killed may have left it.
    session.execute(TRYING, &drop, vec![]).await?;
    let written = async {
        for sql in create_table(dialect.as_ref(), table) {
            session.execute(TRYING, &sql, vec![]).await?;
        }
        for label in LABELS {
            write(session, table, label).await?;
        }
        Ok(())
    };
    let written = written.await;
    if dialect.has_transactional_ddl() {
        return written;
    }
    let mut dropped = Ok(());
    for sql in [dialect.drop_stage(&table.name), drop] {
        dropped = dropped.and(session.execute(TRYING, &sql, vec![]).await.map(|_| ()));
    }
    written.and(dropped)
}

/// Stages a row and merges it, as [`PartitionWriter`](crate::PartitionWriter) does, and reads it.
async fn write(
    session: &mut DatabaseSession,
    table: &Arc<Table>,
    label: &str,
) -> Result<(), StoreError> {
    let dialect = session.dialect.clone();
    let merge = Merge { table, dialect: dialect.as_ref() };
    let document = format!("{{\"{}\":1.50}}", LABELS[1]);
    let moment = "2026-01-31T12:34:56.789012Z";
    let row = vec![
        Value::Text(LABELS[1].into()),
        Value::Text(label.into()),
        Value::Timestamp(moment.parse::<Timestamp>().map_or(0, Timestamp::as_microsecond)),
        Value::Json(document.clone()),
    ];
    let row = Validator::new(table.clone()).check(row);
    let row = row.map_err(|rejected| StoreError::Caller(rejected.reason))?;
    for sql in dialect.create_stage(table) {
        session.execute(TRYING, &sql, vec![]).await?;
    }
    session.stage(table, vec![row], 0).await?;
    for sql in dialect.settle_stage(table) {
        session.execute(TRYING, &sql, vec![]).await?;
    }
    let (project, owner): (Arg, Arg) = (LABELS[0].into(), LABELS[1].into());
    let (run, now): (Arg, Arg) = (0.into(), Arg::Time(Timestamp::now()));
    let args = vec![owner.clone(), run.clone(), now.clone(), project.clone()];
    session.execute(TRYING, &dialect.update(&merge), args).await?;
    let args = vec![owner.clone(), project.clone(), owner.clone()];
    session.execute(TRYING, &dialect.own(&merge), args).await?;
    let args = vec![project.clone(), owner.clone(), run, now, project.clone()];
    session.execute(TRYING, &merge.insert(), args).await?;
    session.execute(TRYING, &dialect.remove(&merge, true), vec![project, owner]).await?;
    let look = format!(
        "SELECT \"label\", {} AS \"moment\", CAST(\"document\" AS {}) AS \"document\" FROM {}",
        dialect.time_as_text("\"moment\""),
        dialect.text_cast(),
        merge.target()
    );
    let read = |row: &Fields| Ok([row.text("label")?, row.text("moment")?, row.text("document")?]);
    let read = session.read(TRYING, &look, vec![], read).await?;
    let written = [label, moment, &document].map(String::from);
    match read == [written.clone()] {
        true => Ok(()),
        false => Err(StoreError::Unfit {
            database: session.database.to_string(),
            reason: format!("what is written is not what is read: {written:?} became {read:?}"),
        }),
    }
}
