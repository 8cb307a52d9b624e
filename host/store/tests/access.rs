// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! What a person is told when the database cannot be used, and the history of runs, on every
//! database.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "the helpers of tests stop at what they do not expect"
)]

mod support;

use std::sync::Arc;
use std::time::Duration;

use support::{Database, item, key, owner, plain, start, write};
use test_dashboard_model::{Counts, TableMode};
use test_dashboard_store::{
    CommitPoint, Engine, Outcome, PartitionResult, ReadMode, RunEnd, RunId, Store, StoreError,
    Target, grants,
};

on_every_database![
    the_name_tells_product_version_and_place,
    rights_that_suffice_pass,
    a_user_who_may_not_create_tables_is_told_what_to_grant,
    each_privilege_that_is_missing_is_asked_for_and_no_other,
    a_wrong_password_is_told_from_a_missing_database,
    a_server_that_does_not_answer_is_unreachable,
    the_history_tells_what_runs_did,
    a_database_without_the_hosts_tables_is_an_error,
    a_commit_that_is_given_up_leaves_nothing,
];

async fn the_name_tells_product_version_and_place(db: Arc<Database>) {
    let name = db.connect().await.name();
    let (product, place) = name.split_once(", ").unwrap();
    let (product, version) = product.split_once(' ').unwrap();
    let products: &[&str] = match db.engine {
        Engine::Sqlite => &["SQLite"],
        Engine::Postgres => &["PostgreSQL"],
        Engine::Mysql => &["MySQL", "MariaDB"],
    };
    assert!(products.contains(&product), "{name}");
    assert!(version.starts_with(|c: char| c.is_ascii_digit()), "{name}");
    assert!(
        place.contains(if db.engine == Engine::Sqlite { "dashboard.sqlite" } else { db.name() }),
        "{name}"
    );
    assert!(!name.contains("test:test") && !name.contains('@'), "{name}");
}

async fn rights_that_suffice_pass(db: Arc<Database>) {
    let store = db.store().await;
    store.check_privileges().await.unwrap();
    store.check_privileges().await.unwrap();
}

async fn a_user_who_may_not_create_tables_is_told_what_to_grant(db: Arc<Database>) {
    let user = format!("reader_{}", db.name());
    match db.engine {
        Engine::Sqlite => return, // It has no users; a file that cannot be written is below.
        Engine::Postgres => {
            db.on_server(&format!("CREATE USER {user} PASSWORD 'p'")).await;
            db.on_server(&format!("GRANT CONNECT ON DATABASE {} TO {user}", db.name())).await;
        }
        Engine::Mysql => {
            db.on_server(&format!("CREATE USER {user} IDENTIFIED BY 'p'")).await;
            db.on_server(&format!("GRANT SELECT ON {}.* TO {user}", db.name())).await;
        }
    }
    let target = Target::parse(&db.url_as(&user, "p")).unwrap();
    let store = Store::connect(&target, 1).await.unwrap();
    let refusals =
        [store.check_privileges().await.unwrap_err(), store.migrate().await.unwrap_err()];
    let explained: Vec<_> = refusals.iter().map(StoreError::to_string).collect();
    store.close().await;
    db.drop_user(&user).await;
    for (refusal, explained) in refusals.iter().zip(&explained) {
        assert!(matches!(refusal, StoreError::MissingPrivilege { .. }), "{explained}");
        assert!(explained.contains("GRANT") && explained.contains(&user), "{explained}");
        assert!(explained.contains("CREATE"), "{explained}");
    }
    assert!(explained[0].contains("TEMPORARY"), "{}", explained[0]);
}

/// What a server refuses where one privilege of the list is taken away; none where it does not
/// mind.
async fn refusal_without(db: &Database, privilege: &str, on: &str) -> Option<String> {
    let user = db.name();
    db.as_owner(&format!("REVOKE {privilege} ON {on} FROM {user}")).await;
    let refusal = match Store::connect(&Target::parse(&db.url).unwrap(), 1).await {
        Ok(store) => {
            let checked = store.check_privileges().await;
            store.close().await;
            checked.err()
        }
        Err(error) => Some(error),
    };
    db.as_owner(&format!("GRANT {privilege} ON {on} TO {user}")).await;
    refusal.map(|error| {
        assert!(matches!(error, StoreError::MissingPrivilege { .. }), "{privilege}: {error}");
        error.to_string()
    })
}

async fn each_privilege_that_is_missing_is_asked_for_and_no_other(db: Arc<Database>) {
    let [user, name] = [db.name(); 2];
    if db.engine == Engine::Sqlite {
        return;
    }
    let is_mariadb = db.connect().await.name().starts_with("MariaDB");
    let mut tried = 0;
    for grant in grants(db.engine, user, name) {
        let (privileges, rest) = grant["GRANT ".len()..].split_once(" ON ").unwrap();
        let (on, to) = rest.split_once(" TO ").unwrap();
        // What a schema is for is one privilege here.
        let each: Vec<&str> = match on.starts_with("SCHEMA") {
            true => vec![privileges],
            false => privileges.split(", ").collect(),
        };
        for privilege in each {
            tried += 1;
            let refusal = refusal_without(&db, privilege, &on.replace('`', "")).await;
            if is_mariadb && privilege == "REFERENCES" {
                assert_eq!(refusal, None);
                continue;
            }
            let refusal = refusal.unwrap_or_else(|| panic!("nobody misses {privilege}"));
            let remedy = format!("\nwhat helps: GRANT {privilege} ON {on} TO {to}");
            assert!(refusal.ends_with(&remedy), "{privilege}: {refusal}");
        }
    }
    assert_eq!(tried, if db.engine == Engine::Mysql { 12 } else { 3 });
    // Also after a check that could not drop what it had made.
    let store = db.connect().await;
    store.check_privileges().await.unwrap();
    let left = "SELECT 'x' FROM information_schema.tables WHERE table_name LIKE 'test_dashboard_probe%' \
                AND '{}' IN (table_catalog, table_schema)";
    assert!(db.rows(&left.replace("{}", name)).await.is_empty(), "something of the check is left");
}

async fn a_wrong_password_is_told_from_a_missing_database(db: Arc<Database>) {
    if db.engine == Engine::Sqlite {
        let error = connect("sqlite:/no/such/folder/dashboard.sqlite").await;
        assert!(error.to_string().contains("/no/such/folder"), "{error}");
        return;
    }
    let error = connect(&db.url_as("test", "wr0ng")).await;
    assert!(matches!(error, StoreError::WrongLogin { .. }), "{error}");
    let explained = format!("{error} {error:?}");
    assert!(explained.contains("check user and password") && !explained.contains("wr0ng"));
    let nowhere = |url: &str| {
        let mut url = url::Url::parse(url).unwrap();
        url.set_path("no_such_database");
        String::from(url)
    };
    let error = connect(&nowhere(&db.owner)).await;
    assert!(matches!(error, StoreError::NoSuchDatabase { .. }), "{error}");
    assert!(error.to_string().contains("no_such_database"), "{error}");
    if db.engine == Engine::Mysql {
        // Who may do nothing there is not told whether it is there.
        let error = connect(&nowhere(&db.url)).await.to_string();
        assert!(error.contains("what helps: the right name of the database, or"), "{error}");
    }
}

async fn connect(url: &str) -> StoreError {
    Store::connect(&Target::parse(url).unwrap(), 1).await.unwrap_err()
}

async fn a_server_that_does_not_answer_is_unreachable(db: Arc<Database>) {
    let url = match db.engine {
        Engine::Sqlite => return,
        // Port 1 of this machine: nothing listens there.
        Engine::Postgres => "postgres://u:s3cret@127.0.0.1:1/dash",
        Engine::Mysql => "mysql://u:s3cret@127.0.0.1:1/dash",
    };
    let error = connect(url).await;
    assert!(matches!(error, StoreError::Unreachable { .. }) && error.is_transient(), "{error}");
    let explained = format!("{error} {error:?}");
    assert!(explained.contains("127.0.0.1:1") && !explained.contains("s3cret"), "{explained}");
    assert!(explained.contains("as u") && explained.contains("auth proxy"), "{explained}");
}

fn result(outcome: Outcome, number: u64) -> PartitionResult {
    let failed = outcome != Outcome::Succeeded;
    PartitionResult {
        outcome,
        error: failed.then(|| "401 🐞".to_owned()),
        failure_kind: failed.then(|| "auth".to_owned()),
        counts: Counts {
            rows_read: number,
            rows_new: number + 1,
            rows_changed: number + 2,
            rows_unchanged: number + 3,
            rows_removed: number + 4,
            rows_rejected: number + 5,
            requests: number + 6,
            response_bytes: number << 33,
        },
        started: "2026-01-31T12:34:56.789012Z".parse().unwrap(),
        elapsed: Duration::from_millis(number),
    }
}

async fn the_history_tells_what_runs_did(db: Arc<Database>) {
    let store = db.store().await;
    assert_eq!(store.runs(10).await.unwrap(), vec![]);
    let first = start(&store).await;
    let second = start(&store).await;
    assert!(second > first);
    // Recorded twice, as after a second try: the last counts.
    store.record_partition(first, &key("a"), &result(Outcome::Failed, 7)).await.unwrap();
    store.record_partition(first, &key("a"), &result(Outcome::Succeeded, 10)).await.unwrap();
    store.record_partition(first, &key("b"), &result(Outcome::Failed, 100)).await.unwrap();
    let end = RunEnd { outcome: Outcome::PartlyFailed, error: Some("1 of 2 failed".into()) };
    store.finish_run(first, &end).await.unwrap();

    let runs = store.runs(10).await.unwrap();
    assert_eq!(runs.iter().map(|run| run.id).collect::<Vec<_>>(), [second, first]);
    assert_eq!(store.runs(1).await.unwrap().len(), 1);
    assert_eq!(
        (runs[0].outcome, runs[0].finished, runs[0].counts),
        (None, None, Counts::default())
    );
    let run = &runs[1];
    assert_eq!((run.project.as_str(), run.report.as_str()), ("fenix", "items"));
    assert_eq!(
        (run.outcome, run.error.as_deref()),
        (Some(Outcome::PartlyFailed), Some("1 of 2 failed"))
    );
    assert!(run.finished.unwrap() >= run.started);
    assert_eq!((run.partitions, run.partitions_failed), (2, 1));
    let expected = Counts {
        rows_read: 110,
        rows_new: 112,
        rows_changed: 114,
        rows_unchanged: 116,
        rows_removed: 118,
        rows_rejected: 120,
        requests: 122,
        response_bytes: 110 << 33,
    };
    assert_eq!(run.counts, expected);

    let detail = store.run(first).await.unwrap().unwrap();
    assert_eq!(detail.summary, *run);
    let partitions: Vec<_> =
        detail.partitions.iter().map(|p| (p.key.clone(), p.result.clone())).collect();
    let expected =
        [(key("a"), result(Outcome::Succeeded, 10)), (key("b"), result(Outcome::Failed, 100))];
    assert_eq!(partitions, expected);
    assert_eq!(store.run(RunId(987_654)).await.unwrap(), None);
}

async fn a_database_without_the_hosts_tables_is_an_error(db: Arc<Database>) {
    let store = db.connect().await;
    let error = store.prepare_tables(&owner(), &[plain(TableMode::Merge)]).await.unwrap_err();
    assert!(error.to_string().contains("db migrate"), "{error}");
}

async fn a_commit_that_is_given_up_leaves_nothing(db: Arc<Database>) {
    let store = db.store().await;
    let table = plain(TableMode::Merge);
    let tables = [table.clone()];
    store.prepare_tables(&owner(), &tables).await.unwrap();
    let run = start(&store).await;
    let rows = || (0..2_000).map(|id| item(&table, id, "x")).collect::<Vec<_>>();
    // A future that is dropped after its first steps, at a different one each time.
    for polls in 1..12 {
        let mut writer =
            store.open_partition(run, key("p"), &tables, ReadMode::Onwards).await.unwrap();
        writer.stage("probe_items", rows()).await.unwrap();
        let mut commit = Box::pin(writer.commit(None, CommitPoint::End));
        let mut done = false;
        for _ in 0..polls {
            if futures::poll!(&mut commit).is_ready() {
                done = true;
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(commit);
        drop(writer);
        let stored = store.table_counts(&["probe_items"]).await.unwrap()[0].1;
        assert!(stored == 0 && !done || stored == 2_000, "{stored} rows of 2000");
    }
    write(&store, &table, "q", rows()).await.unwrap();
    assert_eq!(store.table_counts(&["probe_items"]).await.unwrap()[0].1, 2_000);
}
