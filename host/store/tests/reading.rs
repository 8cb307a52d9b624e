// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! A database that is opened for reading only: by a user who may do no more.

#![allow(clippy::unwrap_used, reason = "the helpers of tests stop at what they do not expect")]

mod support;

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use support::{Database, item, key, nothing, owner, plain, start, write};
use test_dashboard_model::TableMode;
use test_dashboard_store::{
    Engine, Outcome, RejectFilter, ReportEnd, ReportKey, RunId, RunWindow, Store, StoreError,
    Target, Views, grants_to_read,
};

on_every_database![
    whoever_may_only_read_finds_all_that_is_told,
    what_is_not_shown_is_not_taken_for_missing,
];

/// A user who may do this, and nothing else; of SQLite, everybody.
async fn reader(db: &Database, grants: &[String]) -> (String, Store) {
    let user = format!("reader_{}", db.name());
    if db.engine == Engine::Sqlite {
        return (user, Store::connect_to_read(&Target::parse(&db.url).unwrap()).await.unwrap());
    }
    let identified = if db.engine == Engine::Postgres { "PASSWORD" } else { "IDENTIFIED BY" };
    db.on_server(&format!("CREATE USER {user} {identified} 'p'")).await;
    for grant in grants {
        db.as_owner(grant).await;
    }
    let target = Target::parse(&db.url_as(&user, "p")).unwrap();
    (user, Store::connect_to_read(&target).await.unwrap())
}

async fn leave(db: &Database, user: &str, store: &Store) {
    store.close().await;
    if db.engine != Engine::Sqlite {
        db.drop_user(user).await;
    }
}

/// All that the commands that only tell ask for.
async fn told(store: &Store) -> Result<String, StoreError> {
    let long_ago = Timestamp::now() - SignedDuration::from_hours(24);
    let all = RejectFilter::default();
    let tables = [plain(TableMode::Merge)];
    let history = (store.runs(10).await?, store.run(RunId(1)).await?);
    let reports = (store.statuses().await?, store.replays().await?, store.backfills().await?);
    let others = (store.offered().await?, store.open_runs(long_ago).await?);
    let rejects = (store.rejects(&all, None).await?, store.reject_counts(&all).await?);
    let rejects = (rejects, store.rejects_that_begin("0123", 4).await?);
    let database = (store.tables().await?, store.drift(&Views::shipped().unwrap()).await?);
    let refused = store.refused_tables(&owner(), &tables).await?;
    let migrations = (store.check_migrations().await?, store.migration_status().await?);
    let history = (history, reports, others, rejects);
    Ok(format!("{history:#?} {database:#?} {refused:?} {migrations:#?}"))
}

async fn whoever_may_only_read_finds_all_that_is_told(db: Arc<Database>) {
    let store = db.store().await;
    let table = plain(TableMode::Merge);
    write(&store, &table, "a", vec![item(&table, 1, "x")]).await.unwrap();
    let run = start(&store).await;
    store.record_partition(run, &key("a"), &nothing()).await.unwrap();
    let window = RunWindow { since: Some(jiff::civil::date(2026, 3, 1)), until: None };
    store.record_window(run, window).await.unwrap();
    let report =
        ReportKey { project: "fenix".into(), datasource: "probe".into(), report: "items".into() };
    let (started, outcome) = (Timestamp::UNIX_EPOCH, Outcome::Succeeded);
    let end = ReportEnd { started, outcome, error: None, rows_read: 1 };
    store.record_report(run, &report, &end).await.unwrap();
    let expected = told(&store).await.unwrap();

    let grants = grants_to_read(db.engine, &format!("reader_{}", db.name()), db.name());
    let (user, reading) = reader(&db, &grants).await;
    // While a run has the database open, and when nobody does.
    assert_eq!(told(&reading).await.unwrap(), expected);
    store.close().await;
    assert_eq!(told(&reading).await.unwrap(), expected);
    assert!(reading.migrate().await.is_err(), "it writes");
    leave(&db, &user, &reading).await;
}

/// MySQL shows no table that its user has no privilege on, PostgreSQL no schema.
async fn what_is_not_shown_is_not_taken_for_missing(db: Arc<Database>) {
    let store = db.store().await;
    let table = plain(TableMode::Merge);
    write(&store, &table, "a", vec![item(&table, 1, "x")]).await.unwrap();
    store.close().await;
    let user = format!("reader_{}", db.name());
    let grant = |what: &str| format!("GRANT {what} TO {user}");
    let too_little = match db.engine {
        Engine::Sqlite => vec![],
        Engine::Postgres => vec![grant(&format!("CONNECT ON DATABASE {}", db.name()))],
        Engine::Mysql => vec![grant(&format!("SELECT ON {}.probe_items", db.name()))],
    };
    let (user, reading) = reader(&db, &too_little).await;
    let answers =
        [reading.check_migrations().await.map(drop), reading.migration_status().await.map(drop)];
    leave(&db, &user, &reading).await;
    for answer in answers {
        if db.engine == Engine::Sqlite {
            answer.unwrap();
            continue;
        }
        let error = answer.unwrap_err();
        assert!(matches!(error, StoreError::MissingPrivilege { .. }), "{error}");
        let helps = grants_to_read(db.engine, &user, db.name()).join("; ");
        assert!(error.to_string().contains(&format!("what helps: {helps}")), "{error}");
    }
}
