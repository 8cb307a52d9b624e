// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! What staged rows become, on every database.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "the helpers of tests stop at what they do not expect"
)]

mod support;

use std::sync::Arc;

use support::{
    Database, checkpoint, column, counts, item, key, key_text, owner, plain, reject, row, start,
    table, text, write,
};
use test_dashboard_model::{Column, ColumnType, TableMode, Value};
use test_dashboard_store::{CommitPoint, PartitionKey, ReadMode};

on_every_database![
    a_run_done_twice_gives_the_same_tables,
    only_rows_that_differ_are_written,
    the_last_row_of_a_key_wins,
    a_snapshot_replaces_what_its_partition_held,
    a_row_that_moves_to_another_partition_stays,
    an_empty_snapshot_removes_everything_of_its_partition,
    two_reports_with_partitions_of_one_name_keep_their_rows,
    a_merge_partition_is_visible_at_every_commit_point,
    a_snapshot_is_visible_at_its_end_only,
    the_checkpoint_comes_with_its_rows,
    two_writers_of_one_partition_cannot_both_commit,
    two_partitions_that_write_one_row_both_succeed,
    a_writer_that_is_dropped_leaves_nothing,
    rejected_rows_are_kept_once,
    names_that_are_words_of_sql_are_names,
    a_table_of_a_key_alone_is_written,
    many_rows_pass_in_one_commit,
];

async fn a_run_done_twice_gives_the_same_tables(db: Arc<Database>) {
    for mode in [TableMode::Merge, TableMode::Snapshot] {
        let columns = plain(mode).columns.clone();
        let table = table(&format!("probe_{mode}"), mode, columns, &["id"]);
        let store = db.store().await;
        let rows = || (1..=20).map(|id| item(&table, id, &format!("t{id}"))).collect::<Vec<_>>();
        assert_eq!(write(&store, &table, "p", rows()).await.unwrap(), counts(20, 0, 0, 0, 0));
        let (before, runs) = (db.table(&table).await, db.last_runs(&table).await);
        assert_eq!(write(&store, &table, "p", rows()).await.unwrap(), counts(0, 0, 20, 0, 0));
        assert_eq!(db.table(&table).await, before);
        assert_eq!(db.last_runs(&table).await, runs, "an unchanged row was written");
    }
}

async fn only_rows_that_differ_are_written(db: Arc<Database>) {
    let table = plain(TableMode::Merge);
    let store = db.store().await;
    let first = vec![item(&table, 1, "a"), item(&table, 2, "b"), item(&table, 3, "c")];
    write(&store, &table, "p", first).await.unwrap();
    let runs = db.last_runs(&table).await;
    let null = row(&table, vec![Value::Int64(2), Value::Null]);
    let second = vec![item(&table, 1, "a"), null, item(&table, 3, "C"), item(&table, 4, "d")];
    assert_eq!(write(&store, &table, "p", second).await.unwrap(), counts(1, 2, 1, 0, 0));
    let titles: Vec<_> = db.table(&table).await.into_iter().map(|row| row[2].clone()).collect();
    assert_eq!(titles, ["a", "NULL", "C", "d"]);
    let now = db.last_runs(&table).await;
    assert_eq!(now[0], runs[0]);
    assert!(now[1] != runs[1] && now[2] != runs[2] && now[3] == now[1]);
    // From null to a value is a change as well.
    let third = vec![item(&table, 2, "b")];
    assert_eq!(write(&store, &table, "p", third).await.unwrap(), counts(0, 1, 0, 0, 0));
}

async fn the_last_row_of_a_key_wins(db: Arc<Database>) {
    let table = plain(TableMode::Merge);
    let store = db.store().await;
    let tables = [table.clone()];
    store.prepare_tables(&owner(), &tables).await.unwrap();
    let run = start(&store).await;
    let mut writer = store.open_partition(run, key("p"), &tables, ReadMode::Onwards).await.unwrap();
    let batch = vec![item(&table, 1, "first"), item(&table, 2, "x"), item(&table, 1, "second")];
    writer.stage("probe_items", batch).await.unwrap();
    writer.stage("probe_items", vec![item(&table, 1, "third")]).await.unwrap();
    let done = writer.commit(None, CommitPoint::End).await.unwrap();
    assert_eq!(done, counts(2, 0, 0, 0, 0));
    assert_eq!(db.table(&table).await[0][2], "third");
}

async fn a_snapshot_replaces_what_its_partition_held(db: Arc<Database>) {
    let table = plain(TableMode::Snapshot);
    let store = db.store().await;
    let rows = vec![item(&table, 1, "a"), item(&table, 2, "b"), item(&table, 3, "c")];
    write(&store, &table, "one", rows).await.unwrap();
    write(&store, &table, "two", vec![item(&table, 10, "z")]).await.unwrap();
    let rows = vec![item(&table, 2, "b"), item(&table, 3, "C"), item(&table, 4, "d")];
    assert_eq!(write(&store, &table, "one", rows).await.unwrap(), counts(1, 1, 1, 1, 0));
    let ids: Vec<_> = db.table(&table).await.into_iter().map(|row| row[1].clone()).collect();
    assert_eq!(ids, ["2", "3", "4", "10"]);
}

async fn a_row_that_moves_to_another_partition_stays(db: Arc<Database>) {
    let table = plain(TableMode::Snapshot);
    let store = db.store().await;
    let rows = vec![item(&table, 1, "a"), item(&table, 2, "b")];
    write(&store, &table, "one", rows).await.unwrap();
    let runs = db.last_runs(&table).await;
    // Row 2 moves and is otherwise the same: owned anew, but not changed.
    let moved = write(&store, &table, "two", vec![item(&table, 2, "b")]).await.unwrap();
    assert_eq!(moved, counts(0, 0, 1, 0, 0));
    assert_eq!(db.last_runs(&table).await, runs);
    assert_eq!(db.table(&table).await[1][3], "items/two");
    let left = write(&store, &table, "one", vec![item(&table, 1, "a")]).await.unwrap();
    assert_eq!(left, counts(0, 0, 1, 0, 0), "the moved row was removed");
    assert_eq!(db.table(&table).await.len(), 2);
}

async fn an_empty_snapshot_removes_everything_of_its_partition(db: Arc<Database>) {
    let table = plain(TableMode::Snapshot);
    let store = db.store().await;
    write(&store, &table, "one", vec![item(&table, 1, "a")]).await.unwrap();
    write(&store, &table, "two", vec![item(&table, 2, "b")]).await.unwrap();
    assert_eq!(write(&store, &table, "one", vec![]).await.unwrap(), counts(0, 0, 0, 1, 0));
    assert_eq!(db.table(&table).await.len(), 1);
}

async fn two_reports_with_partitions_of_one_name_keep_their_rows(db: Arc<Database>) {
    let table = plain(TableMode::Snapshot);
    let store = db.store().await;
    write(&store, &table, "p", vec![item(&table, 1, "a")]).await.unwrap();
    let other = PartitionKey { report: "other".into(), ..key("p") };
    let run = start(&store).await;
    let mut writer = store
        .open_partition(run, other, std::slice::from_ref(&table), ReadMode::Onwards)
        .await
        .unwrap();
    writer.stage("probe_items", vec![item(&table, 2, "b")]).await.unwrap();
    let done = writer.commit(None, CommitPoint::End).await.unwrap();
    assert_eq!(done, counts(1, 0, 0, 0, 0));
    assert_eq!(db.table(&table).await.len(), 2);
}

async fn a_merge_partition_is_visible_at_every_commit_point(db: Arc<Database>) {
    let table = plain(TableMode::Merge);
    let store = db.store().await;
    let tables = [table.clone()];
    store.prepare_tables(&owner(), &tables).await.unwrap();
    let run = start(&store).await;
    let mut writer = store.open_partition(run, key("p"), &tables, ReadMode::Onwards).await.unwrap();
    writer.stage("probe_items", vec![item(&table, 1, "a")]).await.unwrap();
    assert_eq!(db.table(&table).await.len(), 0, "visible before its commit point");
    let first = writer.commit(checkpoint("1"), CommitPoint::Intermediate).await.unwrap();
    assert_eq!(first, counts(1, 0, 0, 0, 0));
    assert_eq!(db.table(&table).await.len(), 1);
    let rows = vec![item(&table, 1, "a"), item(&table, 2, "b")];
    writer.stage("probe_items", rows).await.unwrap();
    let second = writer.commit(checkpoint("2"), CommitPoint::Intermediate).await.unwrap();
    assert_eq!(second, counts(1, 0, 1, 0, 0));
    let end = writer.commit(None, CommitPoint::End).await.unwrap();
    assert_eq!(end, counts(0, 0, 0, 0, 0));
    drop(writer);
    let writer = store.open_partition(run, key("p"), &tables, ReadMode::Onwards).await.unwrap();
    assert_eq!(writer.checkpoint().cloned(), checkpoint("2"));
}

async fn a_snapshot_is_visible_at_its_end_only(db: Arc<Database>) {
    let table = plain(TableMode::Snapshot);
    let store = db.store().await;
    write(&store, &table, "p", vec![item(&table, 9, "old")]).await.unwrap();
    let tables = [table.clone()];
    let run = start(&store).await;
    let mut writer = store.open_partition(run, key("p"), &tables, ReadMode::Onwards).await.unwrap();
    writer.stage("probe_items", vec![item(&table, 1, "a")]).await.unwrap();
    writer.reject(reject("{}"));
    let first = writer.commit(checkpoint("half"), CommitPoint::Intermediate).await.unwrap();
    assert_eq!(first, counts(0, 0, 0, 0, 0));
    assert_eq!(db.table(&table).await[0][1], "9");
    let other = store.open_partition(run, key("p"), &tables, ReadMode::Onwards).await.unwrap();
    assert_eq!(other.checkpoint(), None, "stored before the rows that it covers");
    writer.stage("probe_items", vec![item(&table, 2, "b")]).await.unwrap();
    let end = writer.commit(None, CommitPoint::End).await.unwrap();
    assert_eq!(end, counts(2, 0, 0, 1, 1));
    let writer = store.open_partition(run, key("p"), &tables, ReadMode::Onwards).await.unwrap();
    assert_eq!(writer.checkpoint().cloned(), checkpoint("half"));
}

async fn the_checkpoint_comes_with_its_rows(db: Arc<Database>) {
    let table = plain(TableMode::Merge);
    let store = db.store().await;
    let tables = [table.clone()];
    store.prepare_tables(&owner(), &tables).await.unwrap();
    let run = start(&store).await;
    let mut writer = store.open_partition(run, key("p"), &tables, ReadMode::Onwards).await.unwrap();
    assert_eq!(writer.checkpoint(), None);
    let long = "🐞".repeat(50_000);
    // A batch without rows may carry one, and it may be long.
    writer.commit(checkpoint(&long), CommitPoint::Intermediate).await.unwrap();
    assert_eq!(writer.checkpoint().cloned(), checkpoint(&long));
    writer.commit(None, CommitPoint::End).await.unwrap();
    // Of another project, report and partition it is another.
    for other in [
        PartitionKey { project: "focus".into(), ..key("p") },
        PartitionKey { report: "other".into(), ..key("p") },
        key("P"),
    ] {
        let writer = store.open_partition(run, other, &tables, ReadMode::Onwards).await.unwrap();
        assert_eq!(writer.checkpoint(), None);
    }
    let writer = store.open_partition(run, key("p"), &tables, ReadMode::Onwards).await.unwrap();
    assert_eq!(writer.checkpoint().cloned(), checkpoint(&long));
}

async fn two_writers_of_one_partition_cannot_both_commit(db: Arc<Database>) {
    let table = plain(TableMode::Merge);
    let store = db.store().await;
    let tables = [table.clone()];
    store.prepare_tables(&owner(), &tables).await.unwrap();
    let run = start(&store).await;
    // Once for a partition that has no checkpoint yet, and once for one that has.
    for round in ["first", "second"] {
        let mut winner =
            store.open_partition(run, key("p"), &tables, ReadMode::Onwards).await.unwrap();
        let mut loser =
            store.open_partition(run, key("p"), &tables, ReadMode::Onwards).await.unwrap();
        winner.stage("probe_items", vec![item(&table, 1, round)]).await.unwrap();
        loser.stage("probe_items", vec![item(&table, 2, "lost")]).await.unwrap();
        winner.commit(checkpoint(round), CommitPoint::Intermediate).await.unwrap();
        let error = loser.commit(checkpoint("lost"), CommitPoint::End).await.unwrap_err();
        assert!(error.is_conflict() && !error.is_transient(), "{error}");
        assert!(error.to_string().contains("fenix items p"), "{error}");
        assert!(loser.stage("probe_items", vec![]).await.is_err(), "a writer after its error");
        let rows = db.table(&table).await;
        assert_eq!((rows.len(), rows[0][2].as_str()), (1, round));
        // The winner goes on.
        winner.commit(None, CommitPoint::End).await.unwrap();
    }
}

async fn two_partitions_that_write_one_row_both_succeed(db: Arc<Database>) {
    let table = plain(TableMode::Merge);
    let store = db.store().await;
    let tables = [table.clone()];
    store.prepare_tables(&owner(), &tables).await.unwrap();
    let run = start(&store).await;
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..4 {
        let (store, table) = (store.clone(), table.clone());
        tasks.spawn(async move {
            let key = key(&format!("p{number}"));
            let mut writer = store
                .open_partition(run, key, std::slice::from_ref(&table), ReadMode::Onwards)
                .await
                .unwrap();
            for _ in 0..5 {
                let ids: Box<dyn Iterator<Item = i64> + Send> =
                    if number % 2 == 0 { Box::new(1..=50) } else { Box::new((1..=50).rev()) };
                let rows = ids.map(|id| item(&table, id, &format!("by {number}"))).collect();
                writer.stage("probe_items", rows).await.unwrap();
                writer.commit(None, CommitPoint::Intermediate).await.unwrap();
            }
        });
    }
    while let Some(task) = tasks.join_next().await {
        task.unwrap();
    }
    assert_eq!(db.table(&table).await.len(), 50);
}

async fn a_writer_that_is_dropped_leaves_nothing(db: Arc<Database>) {
    let table = plain(TableMode::Merge);
    let store = db.store().await;
    let tables = [table.clone()];
    store.prepare_tables(&owner(), &tables).await.unwrap();
    let run = start(&store).await;
    // More often than there are connections: what is dropped gives its connection back.
    for round in 0..20 {
        let mut writer =
            store.open_partition(run, key("p"), &tables, ReadMode::Onwards).await.unwrap();
        writer.stage("probe_items", vec![item(&table, round, "lost")]).await.unwrap();
    }
    let mut writer = store.open_partition(run, key("p"), &tables, ReadMode::Onwards).await.unwrap();
    writer.stage("probe_items", vec![item(&table, 100, "kept")]).await.unwrap();
    let done = writer.commit(None, CommitPoint::End).await.unwrap();
    assert_eq!(done, counts(1, 0, 0, 0, 0));
    assert_eq!(db.table(&table).await.len(), 1);
    // After its end a writer's connection is used again, with nothing left in it.
    for round in 0..10 {
        let mut writer =
            store.open_partition(run, key("p"), &tables, ReadMode::Onwards).await.unwrap();
        writer.stage("probe_items", vec![item(&table, 200 + round, "more")]).await.unwrap();
        let done = writer.commit(None, CommitPoint::End).await.unwrap();
        assert_eq!(done, counts(1, 0, 0, 0, 0));
    }
}

async fn rejected_rows_are_kept_once(db: Arc<Database>) {
    let table = plain(TableMode::Merge);
    let store = db.store().await;
    let tables = [table.clone()];
    store.prepare_tables(&owner(), &tables).await.unwrap();
    let mut runs = vec![];
    for _ in 0..2 {
        let run = start(&store).await;
        let mut writer =
            store.open_partition(run, key("p"), &tables, ReadMode::Onwards).await.unwrap();
        for _ in 0..2 {
            for number in 0..300 {
                writer.reject(reject(&format!(
                    "{{\"id\":null,\"title\":\"🐞 {number} \\u0000 \0\"}}"
                )));
            }
        }
        let done = writer.commit(None, CommitPoint::End).await.unwrap();
        assert_eq!(done, counts(0, 0, 0, 0, 600));
        runs.push(run.to_string());
    }
    assert_eq!(store.table_counts(&["rejected_rows"]).await.unwrap()[0].1, 300);
    let rows = db
        .rows(
            "SELECT project, datasource, report, partition_id, table_name, reason, row_json \
               FROM rejected_rows WHERE row_json LIKE '% 7 %'",
        )
        .await;
    let row = "{\"id\":null,\"title\":\"🐞 7 \\u0000 \u{FFFD}\"}";
    let expected = ["fenix", "probe", "items", "p", "probe_items", "column id: is null", row];
    assert_eq!(rows, [expected.map(String::from)]);
    let seen = db.rows(&format!("SELECT 'x' FROM rejected_rows WHERE run_id = {}", runs[1])).await;
    assert_eq!(seen.len(), 300, "it tells the run that saw it last");
}

async fn names_that_are_words_of_sql_are_names(db: Arc<Database>) {
    let names = [
        "select", "order", "group", "table", "rowid", "oid", "row", "rank", "desc", "s", "t", "x",
        "user",
    ];
    let columns: Vec<Column> = names.iter().map(|name| column(name, ColumnType::Int64)).collect();
    let table = table("probe_words", TableMode::Snapshot, columns, &["select", "rowid"]);
    let store = db.store().await;
    let values = |n: i64| {
        (0..names.len() as i64).map(|i| Value::Int64(if i == 3 { n } else { i })).collect()
    };
    for (n, expected) in [(1, counts(1, 0, 0, 0, 0)), (2, counts(0, 1, 0, 0, 0))] {
        let done = write(&store, &table, "p", vec![row(&table, values(n))]).await.unwrap();
        assert_eq!(done, expected);
    }
    assert_eq!(write(&store, &table, "p", vec![]).await.unwrap(), counts(0, 0, 0, 1, 0));
}

async fn a_table_of_a_key_alone_is_written(db: Arc<Database>) {
    let columns = vec![column("issue", ColumnType::Int64), key_text("label", 50)];
    let table = table("probe_tags", TableMode::Merge, columns, &["issue", "label"]);
    let store = db.store().await;
    let tag = |issue, label: &str| row(&table, vec![Value::Int64(issue), text(label)]);
    let rows = vec![tag(1, "a"), tag(1, "b"), tag(2, "a"), tag(1, "a")];
    assert_eq!(write(&store, &table, "p", rows).await.unwrap(), counts(3, 0, 0, 0, 0));
    let rows = vec![tag(1, "a"), tag(3, "a")];
    assert_eq!(write(&store, &table, "p", rows).await.unwrap(), counts(1, 0, 1, 0, 0));
}

async fn many_rows_pass_in_one_commit(db: Arc<Database>) {
    let table = plain(TableMode::Snapshot);
    let store = db.store().await;
    let rows = |ids: std::ops::Range<i64>| {
        ids.map(|id| item(&table, id, &format!("t{}", id / 10))).collect::<Vec<_>>()
    };
    let done = write(&store, &table, "p", rows(0..9_001)).await.unwrap();
    assert_eq!(done, counts(9_001, 0, 0, 0, 0));
    let done = write(&store, &table, "p", rows(1..9_002)).await.unwrap();
    assert_eq!(done, counts(1, 0, 9_000, 1, 0));
}
