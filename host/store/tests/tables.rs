// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The tables themselves: migrated, created, extended, and refused, on every database.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "the helpers of tests stop at what they do not expect"
)]

mod support;

use std::sync::Arc;

use support::{
    At, Database, checkpoint, column, counts, item, key, key_text, owner, plain, row, start, table,
    write,
};
use test_dashboard_model::{ColumnType, Table, TableMode, Value};
use test_dashboard_store::{
    CommitPoint, Drift, Engine, Outcome, Owner, PartitionKey, ReadMode, ReportEnd, ReportKey,
    Store, StoreError, TableChange, Target, Views,
};

on_every_database![
    migrations_are_applied_once,
    hosts_that_start_at_once_all_succeed,
    tables_are_created_once,
    a_new_column_is_added_and_filled,
    a_column_that_is_not_declared_any_more_stays,
    a_changed_type_is_refused_with_the_statements_that_help,
    a_changed_key_or_mode_is_refused,
    the_statements_of_a_refusal_start_the_table_anew,
    a_longer_key_is_made_room_for,
    a_foreign_table_is_refused_and_left_alone,
    a_table_of_another_datasource_is_refused,
    a_refusal_changes_no_other_table,
    a_table_that_a_person_dropped_is_made_anew,
    a_column_that_a_person_took_away_is_put_back_and_read_again,
    a_part_of_the_key_that_a_person_took_away_is_refused,
    what_nothing_fills_any_more_may_be_dropped,
    what_a_person_added_is_theirs,
    the_refusals_are_known_before_a_run,
    a_table_with_the_name_of_the_hosts_own_is_refused,
    the_hosts_own_tables_are_missed,
    a_newer_version_is_known_before_a_run,
];

fn with_columns(base: &Arc<Table>, more: &[(&str, ColumnType)]) -> Arc<Table> {
    let mut table = Table::clone(base);
    table.columns.extend(more.iter().map(|(name, kind)| column(name, *kind)));
    Arc::new(table)
}

async fn prepare(store: &Store, table: &Arc<Table>) -> Result<Vec<TableChange>, StoreError> {
    store.prepare_tables(&owner(), std::slice::from_ref(table)).await
}

/// What is told of something that was missing in `probe_items`.
fn put_back(what: &str) -> Vec<TableChange> {
    vec![TableChange::PutBack { what: what.into(), reports: vec!["items".into()] }]
}

fn created(name: &str) -> Vec<TableChange> {
    vec![TableChange::Created { table: name.into() }]
}

/// Where CREATE commits by itself, a host that is killed, or loses its server, may have made what
/// it did not record, or recorded what it did not finish.
#[test]
fn migrations_of_mysql_can_run_again() {
    for at in [At::Mysql, At::OracleMysql] {
        support::run(at, async |db| {
            let store = db.store().await;
            for broken_off in [
                "DELETE FROM _sqlx_migrations",
                "UPDATE _sqlx_migrations SET success = false",
                "DROP TABLE run_shards; UPDATE _sqlx_migrations SET success = false WHERE version >= 3",
            ] {
                db.execute(broken_off).await;
                let left = store.migration_status().await.unwrap();
                let left = left.iter().filter(|migration| !migration.applied).count();
                assert!(left > 0, "{broken_off}");
                assert_eq!(store.migrate().await.unwrap().len(), left, "{broken_off}");
            }
            assert_eq!(db.rows("SELECT COUNT(*) FROM run_shards").await, [["0"]]);
        });
    }
}

/// There the catalogue is written and committed apart from the table.
#[test]
fn a_column_that_mysql_refused_to_add_is_not_taken_for_dropped() {
    support::run(support::At::OracleMysql, async |db| {
        let first = plain(TableMode::Merge);
        prepare(&db.store().await, &first).await.unwrap();
        let user = format!("writer_{}", db.name());
        db.on_server(&format!("CREATE USER {user} IDENTIFIED BY 'p'")).await;
        let rights = format!("SELECT, INSERT, UPDATE, DELETE ON {}.* TO {user}", db.name());
        db.on_server(&format!("GRANT {rights}")).await;
        let target = Target::parse(&db.url_as(&user, "p")).unwrap();
        let store = Store::connect(&target, 1).await.unwrap();
        let longer = with_columns(&first, &[("label", ColumnType::Text)]);
        let error = prepare(&store, &longer).await.unwrap_err();
        assert!(matches!(error, StoreError::MissingPrivilege { .. }), "{error}");
        store.close().await;
        let added = TableChange::ColumnAdded { table: first.name.clone(), column: "label".into() };
        assert_eq!(prepare(&db.store().await, &longer).await.unwrap(), [added]);
        db.on_server(&format!("DROP USER {user}")).await;
    });
}

async fn migrations_are_applied_once(db: Arc<Database>) {
    let store = db.connect().await;
    let before = store.migration_status().await.unwrap();
    assert!(!before.is_empty() && before.iter().all(|migration| !migration.applied));
    let applied = store.migrate().await.unwrap();
    assert_eq!(applied, before.iter().map(|m| m.name.clone()).collect::<Vec<_>>());
    assert!(store.migration_status().await.unwrap().iter().all(|migration| migration.applied));
    assert_eq!(store.migrate().await.unwrap(), Vec::<String>::new());
    // A newer host was here.
    let last = before.iter().map(|migration| migration.version).max().unwrap();
    db.execute(&format!("UPDATE _sqlx_migrations SET version = 9999 WHERE version = {last}")).await;
    let error = store.migrate().await.unwrap_err().to_string();
    assert!(error.contains("9999") && error.contains("newer version"), "{error}");
}

async fn hosts_that_start_at_once_all_succeed(db: Arc<Database>) {
    let tables = [
        plain(TableMode::Snapshot),
        table("probe_more", TableMode::Merge, vec![column("id", ColumnType::Int64)], &["id"]),
    ];
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let (db, tables) = (db.clone(), tables.clone());
        tasks.spawn(async move {
            // Each with connections of its own, as separate processes have.
            let store = db.connect().await;
            let migrations = store.migrate().await.unwrap();
            (migrations, store.prepare_tables(&owner(), &tables).await.unwrap())
        });
    }
    let done = tasks.join_all().await;
    let all = db.connect().await.migration_status().await.unwrap().len();
    assert_eq!(done.iter().map(|(migrations, _)| migrations.len()).sum::<usize>(), all);
    assert_eq!(done.iter().map(|(_, changes)| changes.len()).sum::<usize>(), 2);
}

async fn tables_are_created_once(db: Arc<Database>) {
    let store = db.store().await;
    let table = plain(TableMode::Merge);
    assert_eq!(prepare(&store, &table).await.unwrap(), created("probe_items"));
    assert_eq!(prepare(&store, &table).await.unwrap(), vec![]);
    let newer = Owner { plugin_version: "0.2.0".into(), ..owner() };
    assert_eq!(store.prepare_tables(&newer, &[table]).await.unwrap(), vec![]);
    let version = db.rows("SELECT plugin_version FROM catalogue_tables").await;
    assert_eq!(version, [["0.2.0"]]);
}

async fn a_new_column_is_added_and_filled(db: Arc<Database>) {
    let store = db.store().await;
    let table = plain(TableMode::Merge);
    write(&store, &table, "p", vec![item(&table, 1, "a"), item(&table, 2, "b")]).await.unwrap();
    let mut wider = Table::clone(&with_columns(
        &table,
        &[("price", ColumnType::Decimal { precision: 5, scale: 2 })],
    ));
    // Declared as never null, and null all the same in the rows that are there.
    wider.columns[2].nullable = false;
    // In the middle of the row: the order of values is the declaration's, not the table's.
    wider.columns.swap(1, 2);
    let wider = Arc::new(wider);
    let added = TableChange::ColumnAdded { table: "probe_items".into(), column: "price".into() };
    assert_eq!(prepare(&store, &wider).await.unwrap(), vec![added]);
    assert_eq!(prepare(&store, &wider).await.unwrap(), vec![]);
    let values = vec![Value::Int64(1), Value::Decimal("1.5".into()), Value::Text("a".into())];
    let done = write(&store, &wider, "p", vec![row(&wider, values)]).await.unwrap();
    assert_eq!(done, counts(0, 1, 0, 0, 0));
    let rows = db.table(&wider).await;
    assert_eq!(rows[0][1..4], ["1", "1.50", "a"]);
    assert_eq!(rows[1][1..4], ["2", "NULL", "b"]);
}

async fn a_column_that_is_not_declared_any_more_stays(db: Arc<Database>) {
    let store = db.store().await;
    let mut before =
        Table::clone(&with_columns(&plain(TableMode::Merge), &[("score", ColumnType::Float64)]));
    before.columns[2].nullable = false;
    let before = Arc::new(before);
    let values = vec![Value::Int64(1), Value::Text("a".into()), Value::Float64(0.5)];
    write(&store, &before, "p", vec![row(&before, values)]).await.unwrap();
    let after = plain(TableMode::Merge);
    assert_eq!(prepare(&store, &after).await.unwrap(), vec![]);
    let rows = vec![item(&after, 1, "b"), item(&after, 2, "c")];
    assert_eq!(write(&store, &after, "p", rows).await.unwrap(), counts(1, 1, 0, 0, 0));
    let rows = db.table(&before).await;
    assert_eq!((rows[0][3].as_str(), rows[1][3].as_str()), ("5e-1", "NULL"));
    // Its type is remembered.
    let other = with_columns(&after, &[("score", ColumnType::Text)]);
    assert!(matches!(prepare(&store, &other).await, Err(StoreError::Changed { .. })));
    assert_eq!(prepare(&store, &before).await.unwrap(), vec![]);
}

async fn a_changed_type_is_refused_with_the_statements_that_help(db: Arc<Database>) {
    let store = db.store().await;
    let price = |scale| ColumnType::Decimal { precision: 9, scale };
    let before = with_columns(&plain(TableMode::Merge), &[("price", price(2))]);
    prepare(&store, &before).await.unwrap();
    let after =
        with_columns(&plain(TableMode::Merge), &[("price", price(3)), ("more", ColumnType::Int64)]);
    let error = prepare(&store, &after).await.unwrap_err();
    assert!(!error.is_transient() && !error.is_conflict());
    let error = error.to_string();
    for part in [
        "probe_items",
        "price was decimal(9,2), and is declared decimal(9,3)",
        "ALTER TABLE",
        "DELETE FROM checkpoints",
    ] {
        assert!(error.contains(part), "{part} is missing in: {error}");
    }
    assert_eq!(prepare(&store, &before).await.unwrap(), vec![], "the refusal changed something");
}

async fn a_changed_key_or_mode_is_refused(db: Arc<Database>) {
    let store = db.store().await;
    let before = with_columns(&plain(TableMode::Merge), &[("part", ColumnType::Int64)]);
    prepare(&store, &before).await.unwrap();
    let mut key = Table::clone(&before);
    key.key.push("part".into());
    key.columns[2].nullable = false;
    let error = prepare(&store, &Arc::new(key)).await.unwrap_err().to_string();
    assert!(error.contains("its key was (id), and is declared (id, part) now"), "{error}");
    let mode = Table { mode: TableMode::Snapshot, ..Table::clone(&before) };
    let error = prepare(&store, &Arc::new(mode)).await.unwrap_err().to_string();
    assert!(error.contains("was a merge table, and is declared snapshot now"), "{error}");
}

async fn the_statements_of_a_refusal_start_the_table_anew(db: Arc<Database>) {
    let store = db.store().await;
    let before = plain(TableMode::Snapshot);
    write(&store, &before, "p", vec![item(&before, 1, "a")]).await.unwrap();
    let mut after = Table::clone(&before);
    after.columns[1].kind = ColumnType::Int64;
    let after = Arc::new(after);
    let Err(StoreError::Changed { statements, .. }) = prepare(&store, &after).await else {
        panic!("accepted");
    };
    db.execute(&statements).await;
    assert_eq!(prepare(&store, &after).await.unwrap(), put_back("probe_items"));
    let values = vec![Value::Int64(1), Value::Int64(2)];
    let done = write(&store, &after, "p", vec![row(&after, values)]).await.unwrap();
    assert_eq!(done, counts(1, 0, 0, 0, 0));
    assert_eq!(store.table_counts(&["probe_items_old"]).await.unwrap()[0].1, 1, "rows were lost");
}

async fn a_longer_key_is_made_room_for(db: Arc<Database>) {
    let store = db.store().await;
    let labels = |length| {
        let columns = vec![key_text("label", length), column("n", ColumnType::Int64)];
        table("probe_labels", TableMode::Merge, columns, &["label"])
    };
    for length in [3, 300, 10] {
        let table = labels(length);
        let longest = "🐞".repeat(length as usize);
        let values = vec![Value::Text(longest), Value::Int64(1)];
        let done = write(&store, &table, "p", vec![row(&table, values)]).await.unwrap();
        assert_eq!(done, counts(1, 0, 0, 0, 0), "{length}");
    }
    assert_eq!(db.table(&labels(300)).await.len(), 3);
}

async fn a_foreign_table_is_refused_and_left_alone(db: Arc<Database>) {
    let store = db.store().await;
    db.execute("CREATE TABLE probe_items (id integer); CREATE VIEW probe_view AS SELECT id FROM probe_items").await;
    db.execute("INSERT INTO probe_items VALUES (42)").await;
    for name in ["probe_items", "probe_view"] {
        let table = table(name, TableMode::Merge, plain(TableMode::Merge).columns.clone(), &["id"]);
        let error = prepare(&store, &table).await.unwrap_err();
        assert!(matches!(error, StoreError::ForeignTable { .. }), "{error}");
        assert!(
            error.to_string().contains(name) && error.to_string().contains("RENAME TO"),
            "{error}"
        );
    }
    assert_eq!(store.table_counts(&["probe_items"]).await.unwrap()[0].1, 1);
}

async fn a_table_of_another_datasource_is_refused(db: Arc<Database>) {
    let store = db.store().await;
    let table = plain(TableMode::Merge);
    prepare(&store, &table).await.unwrap();
    let thief =
        Owner { datasource: "thief".into(), plugin_version: "6.6.6".into(), reports: vec![] };
    let error = store.prepare_tables(&thief, &[table]).await.unwrap_err();
    assert!(matches!(error, StoreError::OwnedByAnother { .. }), "{error}");
    let error = error.to_string();
    assert!(
        error.contains("probe_items") && error.contains("thief") && error.contains("probe;"),
        "{error}"
    );
}

async fn a_refusal_changes_no_other_table(db: Arc<Database>) {
    let store = db.store().await;
    db.execute("CREATE TABLE probe_foreign (id integer)").await;
    let columns = plain(TableMode::Merge).columns.clone();
    let foreign = table("probe_foreign", TableMode::Merge, columns, &["id"]);
    let tables = [plain(TableMode::Merge), foreign];
    assert!(store.prepare_tables(&owner(), &tables).await.is_err());
    assert!(store.table_counts(&["probe_items"]).await.is_err(), "it was created");
}

async fn a_table_that_a_person_dropped_is_made_anew(db: Arc<Database>) {
    let store = db.store().await;
    let table = with_columns(&plain(TableMode::Merge), &[("old", ColumnType::Int64)]);
    prepare(&store, &table).await.unwrap();
    db.execute("DROP TABLE probe_items").await;
    let other = with_columns(&plain(TableMode::Merge), &[("old", ColumnType::Text)]);
    let missing = Drift::Table { datasource: "probe".into(), table: "probe_items".into() };
    assert_eq!(store.drift(&Views::shipped().unwrap()).await.unwrap(), [missing]);
    assert_eq!(prepare(&store, &other).await.unwrap(), put_back("probe_items"));
    assert_eq!(prepare(&store, &other).await.unwrap(), vec![]);
    assert_eq!(store.drift(&Views::shipped().unwrap()).await.unwrap(), []);
}

/// Writes a row and a checkpoint of this report and project, and records a good run of it.
async fn read_well(store: &Store, project: &str, report: &str, table: &Arc<Table>) {
    let tables = [table.clone()];
    store.prepare_tables(&owner(), &tables).await.unwrap();
    let run = start(store).await;
    let key = PartitionKey { project: project.into(), report: report.into(), ..key("p") };
    let mut writer = store.open_partition(run, key, &tables, ReadMode::Onwards).await.unwrap();
    writer.stage(&table.name, vec![item(table, 1, "a")]).await.unwrap();
    writer.commit(checkpoint("1"), CommitPoint::End).await.unwrap();
    let end = ReportEnd {
        started: jiff::Timestamp::now(),
        outcome: Outcome::Succeeded,
        error: None,
        rows_read: 1,
    };
    let key =
        ReportKey { project: project.into(), datasource: "probe".into(), report: report.into() };
    store.record_report(run, &key, &end).await.unwrap();
}

async fn has_checkpoint(store: &Store, project: &str, report: &str) -> bool {
    let key = PartitionKey { project: project.into(), report: report.into(), ..key("p") };
    let run = start(store).await;
    let writer = store.open_partition(run, key, &[], ReadMode::Onwards).await.unwrap();
    writer.checkpoint().is_some()
}

async fn a_column_that_a_person_took_away_is_put_back_and_read_again(db: Arc<Database>) {
    let store = db.store().await;
    let items = plain(TableMode::Merge);
    let others = table("probe_others", TableMode::Merge, items.columns.clone(), &["id"]);
    for take_away in ["DROP COLUMN title", "RENAME COLUMN title TO title_old"] {
        for project in ["fenix", "focus"] {
            read_well(&store, project, "items", &items).await;
        }
        read_well(&store, "fenix", "others", &others).await;
        db.execute(&format!("ALTER TABLE probe_items {take_away}")).await;
        let missing = Drift::Column {
            datasource: "probe".into(),
            table: "probe_items".into(),
            column: "title".into(),
        };
        assert_eq!(
            store.drift(&Views::shipped().unwrap()).await.unwrap(),
            [missing],
            "{take_away}"
        );

        let changes = prepare(&store, &items).await.unwrap();
        assert_eq!(changes, put_back("probe_items.title"), "{take_away}");
        assert_eq!(store.drift(&Views::shipped().unwrap()).await.unwrap(), [], "{take_away}");
        for status in store.statuses().await.unwrap() {
            let (project, report) = (&status.key.project, &status.key.report);
            let is_its = report == "items";
            assert_eq!(status.good.is_none(), is_its, "{take_away}: {status:?}");
            assert_eq!(status.outcome == Outcome::Failed, is_its, "{take_away}: {status:?}");
            assert_eq!(has_checkpoint(&store, project, report).await, !is_its, "{take_away}");
            let error = status.error.unwrap_or_default();
            assert_eq!(error.contains("probe_items.title was missing"), is_its, "{error}");
        }
        // What is delivered again is written, although nothing else of it changed.
        let rows = vec![item(&items, 1, "a")];
        let done = write(&store, &items, "p", rows).await.unwrap();
        assert_eq!(done, counts(0, 1, 0, 0, 0), "{take_away}");
    }
}

async fn a_part_of_the_key_that_a_person_took_away_is_refused(db: Arc<Database>) {
    let store = db.store().await;
    let table = plain(TableMode::Merge);
    prepare(&store, &table).await.unwrap();
    for column in ["id", "_partition"] {
        db.execute(&format!("ALTER TABLE probe_items RENAME COLUMN {column} TO mine")).await;
        let error = prepare(&store, &table).await.unwrap_err();
        assert!(matches!(error, StoreError::Changed { .. }), "{error}");
        assert!(error.to_string().contains(&format!("its column {column}, by which")), "{error}");
        assert_eq!(
            store.drift(&Views::shipped().unwrap()).await.unwrap()[0].what(),
            format!("probe_items.{column}")
        );
        db.execute(&format!("ALTER TABLE probe_items RENAME COLUMN mine TO {column}")).await;
    }
    assert_eq!(prepare(&store, &table).await.unwrap(), vec![]);
}

async fn what_nothing_fills_any_more_may_be_dropped(db: Arc<Database>) {
    let store = db.store().await;
    let items = plain(TableMode::Merge);
    let before = with_columns(&items, &[("old", ColumnType::Int64)]);
    let gone = table("probe_gone", TableMode::Merge, items.columns.clone(), &["id"]);
    store.prepare_tables(&owner(), &[before, gone]).await.unwrap();
    read_well(&store, "fenix", "items", &items).await;
    db.execute("ALTER TABLE probe_items DROP COLUMN old; DROP TABLE probe_gone").await;
    assert_eq!(store.drift(&Views::shipped().unwrap()).await.unwrap().len(), 2);
    assert_eq!(prepare(&store, &items).await.unwrap(), vec![]);
    assert_eq!(store.drift(&Views::shipped().unwrap()).await.unwrap(), []);
    assert!(has_checkpoint(&store, "fenix", "items").await, "nothing was lost of what it fills");
}

async fn what_a_person_added_is_theirs(db: Arc<Database>) {
    let store = db.store().await;
    let items = plain(TableMode::Merge);
    read_well(&store, "fenix", "items", &items).await;
    db.execute("ALTER TABLE probe_items ADD COLUMN \"Note\" integer").await;
    db.execute("CREATE TABLE mine (id integer)").await;
    assert_eq!(store.drift(&Views::shipped().unwrap()).await.unwrap(), []);
    assert_eq!(prepare(&store, &items).await.unwrap(), vec![]);
    assert!(has_checkpoint(&store, "fenix", "items").await);
}

async fn the_refusals_are_known_before_a_run(db: Arc<Database>) {
    let store = db.connect().await;
    db.execute("CREATE TABLE probe_items (id integer)").await;
    let items = plain(TableMode::Merge);
    let others = table("probe_others", TableMode::Merge, items.columns.clone(), &["id"]);
    let tables = [items, others];
    for is_migrated in [false, true] {
        if is_migrated {
            store.migrate().await.unwrap();
        }
        let refused = store.refused_tables(&owner(), &tables).await.unwrap();
        assert!(matches!(&refused[..], [StoreError::ForeignTable { .. }]), "{refused:?}");
    }
    assert!(store.table_counts(&["probe_others"]).await.is_err(), "it was created");
}

async fn a_table_with_the_name_of_the_hosts_own_is_refused(db: Arc<Database>) {
    let store = db.connect().await;
    db.execute("CREATE TABLE runs (id integer, pace integer)").await;
    for error in [store.check_migrations().await.unwrap_err(), store.migrate().await.unwrap_err()] {
        assert!(matches!(error, StoreError::OwnTableTaken { .. }), "{error}");
        for part in [db.name(), "runs", "it has no project, report", "RENAME TO"] {
            let is_file = db.engine == Engine::Sqlite && part == db.name();
            assert!(is_file || error.to_string().contains(part), "{part}: {error}");
        }
    }
    assert_eq!(store.table_counts(&["runs"]).await.unwrap()[0].1, 0);
    assert!(store.table_counts(&["checkpoints"]).await.is_err(), "something was made");
    db.execute("ALTER TABLE runs RENAME TO runs_old").await;
    store.check_migrations().await.unwrap();
    store.migrate().await.unwrap();
    store.check_migrations().await.unwrap();
}

/// Where a migration is made as a whole, what is there without it on record is somebody else's.
#[test]
fn a_table_just_like_the_hosts_own_is_refused_where_migrations_are_whole() {
    for at in [At::Sqlite, At::Postgres] {
        support::run(at, async |db| {
            let store = db.connect().await;
            let same = "CREATE TABLE full_runs (project text, datasource text, report text, \
                        run_id integer, finished_at text)";
            db.execute(same).await;
            for error in
                [store.check_migrations().await.unwrap_err(), store.migrate().await.unwrap_err()]
            {
                assert!(matches!(error, StoreError::OwnTableTaken { .. }), "{error}");
                assert!(error.to_string().contains("full_runs"), "{error}");
            }
        });
    }
}

async fn the_hosts_own_tables_are_missed(db: Arc<Database>) {
    let store = db.store().await;
    let all = match db.engine {
        Engine::Sqlite => "SELECT name FROM sqlite_schema WHERE type = 'table'",
        Engine::Postgres => {
            "SELECT relname::text FROM pg_class WHERE relkind = 'r' \
                             AND relnamespace = 'public'::regnamespace"
        }
        Engine::Mysql => {
            "SELECT table_name FROM information_schema.tables \
                          WHERE table_schema = DATABASE()"
        }
    };
    let names = db.rows(all).await.into_iter().map(|mut row| row.remove(0));
    let mut own = 0;
    for name in names.filter(|name| name != "_sqlx_migrations" && !name.starts_with("sqlite_")) {
        db.execute(&format!("ALTER TABLE {name} RENAME TO elsewhere")).await;
        let missed = format!("its table {name} is missing");
        for error in [store.check_migrations().await.map(drop), store.migrate().await.map(drop)] {
            let error = error.unwrap_err().to_string();
            assert!(error.contains(&missed), "{missed}: {error}");
        }
        db.execute(&format!("ALTER TABLE elsewhere RENAME TO {name}")).await;
        own += 1;
    }
    assert!(own >= 12, "{own}");
    store.migrate().await.unwrap();
}

async fn a_newer_version_is_known_before_a_run(db: Arc<Database>) {
    let store = db.store().await;
    store.check_migrations().await.unwrap();
    db.execute("UPDATE _sqlx_migrations SET version = 9999 WHERE version = 5").await;
    let error = store.check_migrations().await.unwrap_err().to_string();
    assert!(error.contains("9999") && error.contains("newer version"), "{error}");
}
