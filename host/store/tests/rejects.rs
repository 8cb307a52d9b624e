// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Rejected rows: how they are found, and when they wait no longer.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "the helpers of tests stop at what they do not expect"
)]

mod support;

use std::sync::Arc;

use support::{Database, checkpoint, item, key, key_text, owner, plain, reject, start, table};
use test_dashboard_model::validate::RejectedRow;
use test_dashboard_model::{Table, TableMode};
use test_dashboard_store::{
    CommitPoint, PartitionKey, ReadMode, RejectFilter, ReportKey, RunId, Store,
};

on_every_database![
    they_are_found_by_what_they_are,
    they_are_found_by_the_beginning_of_their_digest,
    those_that_are_discarded_are_gone_and_no_others,
    a_full_reading_leaves_what_still_breaks,
    an_incremental_reading_leaves_what_was_rejected_before,
    a_snapshot_replaces_its_own_table_s_rejects_only,
    a_reading_that_ends_without_a_commit_forgets_nothing,
    more_than_can_be_kept_forgets_nothing,
    what_no_plan_names_any_more_waits_no_longer,
];

const BOTH: [&str; 2] = ["probe_items", "probe_days"];

/// A merge table and a snapshot table, which one report fills.
fn both() -> [Arc<Table>; 2] {
    let days = table("probe_days", TableMode::Snapshot, vec![key_text("day", 10)], &["day"]);
    [plain(TableMode::Merge), days]
}

fn of(table: &str, row: &str) -> RejectedRow {
    RejectedRow { table: table.into(), ..reject(row) }
}

/// Reads a partition to its end, and rejects these rows.
async fn read(store: &Store, key: PartitionKey, reading: ReadMode, rows: &[(&str, &str)]) -> RunId {
    let tables = both();
    store.prepare_tables(&owner(), &tables).await.unwrap();
    let run = start(store).await;
    let mut writer = store.open_partition(run, key, &tables, reading).await.unwrap();
    for (table, row) in rows {
        writer.reject(of(table, row));
    }
    writer.commit(checkpoint("1"), CommitPoint::End).await.unwrap();
    run
}

/// What waits, as partition, table and row.
async fn waiting(store: &Store) -> Vec<[String; 3]> {
    let rejects = store.rejects(&RejectFilter::default(), None).await.unwrap();
    let mut found: Vec<_> =
        rejects.into_iter().map(|r| [r.key.partition, r.table, r.row]).collect();
    found.sort();
    found
}

fn lines(expected: &[[&str; 3]]) -> Vec<[String; 3]> {
    expected.iter().map(|line| line.map(String::from)).collect()
}

async fn they_are_found_by_what_they_are(db: Arc<Database>) {
    let store = db.store().await;
    assert_eq!(store.rejects(&RejectFilter::default(), Some(9)).await.unwrap(), []);
    let focus = PartitionKey { project: "focus".into(), report: "others".into(), ..key("p") };
    let old = read(&store, key("p"), ReadMode::Onwards, &[(BOTH[0], "a"), (BOTH[0], "b")]).await;
    let new =
        read(&store, focus.clone(), ReadMode::Onwards, &[(BOTH[1], "{\"day\":\"🐞\"}")]).await;

    let all = store.rejects(&RejectFilter::default(), None).await.unwrap();
    assert_eq!(all.iter().map(|r| r.run).collect::<Vec<_>>(), [new, old, old]);
    let newest = store.rejects(&RejectFilter::default(), Some(1)).await.unwrap();
    assert_eq!(newest, all[..1]);
    assert_eq!((&newest[0].key, newest[0].table.as_str()), (&focus, BOTH[1]));
    assert_eq!(newest[0].reason, "column id: is null");
    assert_eq!(newest[0].row, "{\"day\":\"🐞\"}");
    assert!(newest[0].rejected <= jiff::Timestamp::now());

    let text = |text: &str| Some(text.to_string());
    for (filter, found) in [
        (RejectFilter { project: text("fenix"), ..RejectFilter::default() }, 2),
        (RejectFilter { report: text("others"), ..RejectFilter::default() }, 1),
        (RejectFilter { table: text("probe_days"), ..RejectFilter::default() }, 1),
        (RejectFilter { partition: text("p"), ..RejectFilter::default() }, 3),
        (
            RejectFilter {
                project: text("fenix"),
                table: text("probe_days"),
                ..RejectFilter::default()
            },
            0,
        ),
        (RejectFilter { project: text("' OR '1' = '1"), ..RejectFilter::default() }, 0),
    ] {
        assert_eq!(store.rejects(&filter, None).await.unwrap().len(), found, "{filter:?}");
        let places = store.reject_places(&filter).await.unwrap();
        assert_eq!(places.len(), found, "{filter:?}");
        let counts = store.reject_counts(&filter).await.unwrap();
        assert_eq!(counts.iter().map(|c| c.count).sum::<u64>(), found as u64, "{filter:?}");
    }
    let counts = store.reject_counts(&RejectFilter::default()).await.unwrap();
    let counts: Vec<_> =
        counts.iter().map(|c| (&*c.project, &*c.report, &*c.table, c.count)).collect();
    assert_eq!(counts, [("fenix", "items", BOTH[0], 2), ("focus", "others", BOTH[1], 1)]);
}

async fn they_are_found_by_the_beginning_of_their_digest(db: Arc<Database>) {
    let store = db.store().await;
    let rows: Vec<String> = (0..40).map(|number| number.to_string()).collect();
    let rows: Vec<_> = rows.iter().map(|row| (BOTH[0], row.as_str())).collect();
    read(&store, key("p"), ReadMode::Onwards, &rows).await;
    let all = store.rejects(&RejectFilter::default(), None).await.unwrap();
    for wanted in &all {
        let found = store.rejects_that_begin(&wanted.digest, 2).await.unwrap();
        assert_eq!(found, std::slice::from_ref(wanted));
        let begin = wanted.digest[..16].to_ascii_uppercase();
        assert_eq!(store.rejects_that_begin(&begin, 2).await.unwrap(), found);
    }
    // Forty of them begin with sixteen digits.
    let mut digits: Vec<&str> = all.iter().map(|reject| &reject.digest[..1]).collect();
    digits.sort_unstable();
    let twice = digits.windows(2).find(|pair| pair[0] == pair[1]).unwrap()[0];
    assert_eq!(store.rejects_that_begin(twice, 2).await.unwrap().len(), 2);
    for none in ["%", "_", "a%", "' OR 1=1 --", "xyz"] {
        assert_eq!(store.rejects_that_begin(none, 9).await.unwrap(), [], "{none}");
    }
}

async fn those_that_are_discarded_are_gone_and_no_others(db: Arc<Database>) {
    let store = db.store().await;
    let rows: Vec<String> = (0..450).map(|number| number.to_string()).collect();
    let rows: Vec<_> = rows.iter().map(|row| (BOTH[0], row.as_str())).collect();
    read(&store, key("p"), ReadMode::Onwards, &rows).await;
    read(&store, key("q"), ReadMode::Onwards, &[(BOTH[0], "kept")]).await;
    let filter = RejectFilter { partition: Some("p".into()), ..RejectFilter::default() };
    let places = store.reject_places(&filter).await.unwrap();
    assert!(places.iter().all(|(_, found)| *found == key("p")));
    let digests: Vec<String> = places.into_iter().map(|(digest, _)| digest).collect();
    assert_eq!(store.discard_rejects(digests.clone()).await.unwrap(), 450);
    assert_eq!(store.discard_rejects(digests).await.unwrap(), 0);
    assert_eq!(store.discard_rejects(vec![]).await.unwrap(), 0);
    assert_eq!(waiting(&store).await, lines(&[["q", BOTH[0], "kept"]]));
}

async fn a_full_reading_leaves_what_still_breaks(db: Arc<Database>) {
    let store = db.store().await;
    let rejects = [(BOTH[0], "mended"), (BOTH[0], "broken"), (BOTH[1], "mended")];
    read(&store, key("p"), ReadMode::Onwards, &rejects).await;
    read(&store, key("q"), ReadMode::Onwards, &[(BOTH[0], "not read")]).await;
    let run = read(&store, key("p"), ReadMode::Full, &[(BOTH[0], "broken")]).await;
    let left = [["p", BOTH[0], "broken"], ["q", BOTH[0], "not read"]];
    assert_eq!(waiting(&store).await, lines(&left));
    let newest = store.rejects(&RejectFilter::default(), Some(1)).await.unwrap();
    assert_eq!(newest[0].run, run);
}

async fn an_incremental_reading_leaves_what_was_rejected_before(db: Arc<Database>) {
    let store = db.store().await;
    read(&store, key("p"), ReadMode::Onwards, &[(BOTH[0], "1")]).await;
    let tables = [both()[0].clone()];
    let run = start(&store).await;
    let mut writer = store.open_partition(run, key("p"), &tables, ReadMode::Onwards).await.unwrap();
    writer.reject(of(BOTH[0], "2"));
    writer.commit(checkpoint("2"), CommitPoint::Intermediate).await.unwrap();
    writer.reject(of(BOTH[0], "3"));
    writer.commit(checkpoint("3"), CommitPoint::End).await.unwrap();
    let left = [["p", BOTH[0], "1"], ["p", BOTH[0], "2"], ["p", BOTH[0], "3"]];
    assert_eq!(waiting(&store).await, lines(&left));
}

async fn a_snapshot_replaces_its_own_table_s_rejects_only(db: Arc<Database>) {
    let store = db.store().await;
    read(&store, key("p"), ReadMode::Onwards, &[(BOTH[0], "1"), (BOTH[1], "1"), (BOTH[1], "2")])
        .await;
    read(&store, key("p"), ReadMode::Onwards, &[(BOTH[1], "2")]).await;
    assert_eq!(waiting(&store).await, lines(&[["p", BOTH[1], "2"], ["p", BOTH[0], "1"]]));
}

async fn a_reading_that_ends_without_a_commit_forgets_nothing(db: Arc<Database>) {
    let store = db.store().await;
    read(&store, key("p"), ReadMode::Onwards, &[(BOTH[0], "1"), (BOTH[1], "1")]).await;
    let before = waiting(&store).await;
    let run = start(&store).await;
    let tables = both();
    let mut writer = store.open_partition(run, key("p"), &tables, ReadMode::Full).await.unwrap();
    writer.stage(BOTH[0], vec![item(&tables[0], 1, "a")]).await.unwrap();
    writer.reject(of(BOTH[0], "2"));
    writer.commit(checkpoint("2"), CommitPoint::Intermediate).await.unwrap();
    drop(writer);
    assert_eq!(waiting(&store).await, before);
}

async fn more_than_can_be_kept_forgets_nothing(db: Arc<Database>) {
    let store = db.store().await;
    read(&store, key("p"), ReadMode::Onwards, &[(BOTH[0], "perhaps still broken")]).await;
    let run = start(&store).await;
    let mut writer = store.open_partition(run, key("p"), &both(), ReadMode::Full).await.unwrap();
    let large = "x".repeat(1 << 16);
    for number in 0..200 {
        writer.reject(of(BOTH[0], &format!("{number} {large}")));
    }
    let done = writer.commit(None, CommitPoint::End).await.unwrap();
    assert_eq!(done.rows_rejected, 200);
    let left = waiting(&store).await;
    assert!(left.len() < 200, "the others are counted only");
    assert!(left.contains(&["p", BOTH[0], "perhaps still broken"].map(String::from)));
}

async fn what_no_plan_names_any_more_waits_no_longer(db: Arc<Database>) {
    let store = db.store().await;
    for partition in ["kept", "gone"] {
        read(&store, key(partition), ReadMode::Onwards, &[(BOTH[0], "1"), (BOTH[1], "1")]).await;
    }
    let elsewhere = PartitionKey { project: "focus".into(), ..key("gone") };
    read(&store, elsewhere, ReadMode::Onwards, &[(BOTH[0], "other project")]).await;
    let PartitionKey { project, datasource, report, .. } = key("");
    let report = ReportKey { project, datasource, report };
    let run = start(&store).await;
    store.finish_full(run, &report, &both(), None).await.unwrap();
    assert_eq!(waiting(&store).await.len(), 5, "it did not see all there is");
    store.finish_full(run, &report, &both(), Some(&["kept".into()])).await.unwrap();
    let left = [
        // Its table is a history that a full run does not shorten.
        ["gone", BOTH[1], "1"],
        ["gone", BOTH[0], "other project"],
        ["kept", BOTH[1], "1"],
        ["kept", BOTH[0], "1"],
    ];
    assert_eq!(waiting(&store).await, lines(&left));
}
