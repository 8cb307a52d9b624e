// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Full readings: what is gone upstream goes here too.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "the helpers of tests stop at what they do not expect"
)]

mod support;

use std::sync::Arc;

use support::{Database, checkpoint, counts, item, key, owner, plain, start, write};
use test_dashboard_model::TableMode;
use test_dashboard_store::{CommitPoint, ReadMode, ReportKey};

on_every_database![
    a_full_reading_removes_what_was_not_delivered,
    a_full_reading_that_is_dropped_removes_nothing,
    what_no_plan_names_any_more_is_removed_from_merge_tables_only,
];

fn report() -> ReportKey {
    let key = key("");
    ReportKey { project: key.project, datasource: key.datasource, report: key.report }
}

async fn a_full_reading_removes_what_was_not_delivered(db: Arc<Database>) {
    let table = plain(TableMode::Merge);
    let tables = [table.clone()];
    let store = db.store().await;
    let rows = vec![item(&table, 1, "a"), item(&table, 2, "b"), item(&table, 3, "c")];
    write(&store, &table, "p", rows).await.unwrap();
    write(&store, &table, "q", vec![item(&table, 9, "z")]).await.unwrap();
    let run = start(&store).await;
    let mut writer = store.open_partition(run, key("p"), &tables, ReadMode::Full).await.unwrap();
    assert_eq!(writer.checkpoint(), None);
    writer.stage("probe_items", vec![item(&table, 1, "a")]).await.unwrap();
    let held = writer.commit(checkpoint("1"), CommitPoint::Intermediate).await.unwrap();
    assert_eq!(held, counts(0, 0, 0, 0, 0));
    writer.stage("probe_items", vec![item(&table, 3, "C"), item(&table, 4, "d")]).await.unwrap();
    let done = writer.commit(None, CommitPoint::End).await.unwrap();
    assert_eq!(done, counts(1, 1, 1, 1, 0));
    drop(writer);
    let ids: Vec<_> = db.table(&table).await.into_iter().map(|row| row[1].clone()).collect();
    assert_eq!(ids, ["1", "3", "4", "9"]);
    let onwards = store.open_partition(run, key("p"), &tables, ReadMode::Onwards).await.unwrap();
    assert_eq!(onwards.checkpoint().cloned(), checkpoint("1"));
    let full = store.open_partition(run, key("p"), &tables, ReadMode::Full).await.unwrap();
    assert_eq!(full.checkpoint(), None);
}

async fn a_full_reading_that_is_dropped_removes_nothing(db: Arc<Database>) {
    let table = plain(TableMode::Merge);
    let tables = [table.clone()];
    let store = db.store().await;
    write(&store, &table, "p", vec![item(&table, 1, "a"), item(&table, 2, "b")]).await.unwrap();
    let run = start(&store).await;
    let mut writer = store.open_partition(run, key("p"), &tables, ReadMode::Full).await.unwrap();
    writer.stage("probe_items", vec![item(&table, 1, "a")]).await.unwrap();
    writer.commit(checkpoint("1"), CommitPoint::Intermediate).await.unwrap();
    drop(writer);
    assert_eq!(db.table(&table).await.len(), 2);
}

async fn what_no_plan_names_any_more_is_removed_from_merge_tables_only(db: Arc<Database>) {
    for (mode, left) in [(TableMode::Merge, 1), (TableMode::Snapshot, 2)] {
        let mut table = (*plain(mode)).clone();
        table.name = format!("probe_{mode}");
        let table = Arc::new(table);
        let store = db.store().await;
        write(&store, &table, "kept", vec![item(&table, 1, "a")]).await.unwrap();
        write(&store, &table, "gone", vec![item(&table, 2, "b")]).await.unwrap();
        store.prepare_tables(&owner(), std::slice::from_ref(&table)).await.unwrap();
        let run = start(&store).await;
        let tables = [table.clone()];
        let planned = ["kept".to_string()];
        let removed = store.finish_full(run, &report(), &tables, Some(&planned)).await.unwrap();
        assert_eq!(removed, 2 - left);
        assert_eq!(db.table(&table).await.len() as u64, left, "{mode}");
        let last = store.last_full(&report()).await.unwrap().expect("it is on record");
        let again = store.finish_full(run, &report(), &tables, None).await.unwrap();
        assert_eq!(again, 0);
        assert!(store.last_full(&report()).await.unwrap().expect("still on record") >= last);
        let other = ReportKey { report: "other".into(), ..report() };
        assert_eq!(store.last_full(&other).await.unwrap(), None);
    }
}
