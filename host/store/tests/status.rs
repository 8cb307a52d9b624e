// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! How fresh reports are, and a history that does not grow for ever.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "the helpers of tests stop at what they do not expect"
)]

mod support;

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use support::{Database, key, nothing, owner, start};
use test_dashboard_store::{
    Backfill, GoodRun, Outcome, Owner, ReportEnd, ReportKey, RunEnd, RunId, RunWindow, Store,
};

on_every_database![
    the_last_good_run_outlives_those_that_failed,
    a_slow_run_hides_nothing_of_one_that_began_after_it,
    reports_that_end_at_once_are_all_recorded,
    reports_are_kept_apart,
    rejected_rows_wait_with_their_report,
    a_run_without_an_end_is_told,
    old_runs_are_forgotten_and_freshness_stays,
    the_last_run_over_a_window_is_told_and_goes_with_its_run,
    a_plugins_reports_are_those_that_it_had_last,
    a_forgotten_report_leaves_no_trace_but_its_rows,
];

fn report(name: &str) -> ReportKey {
    ReportKey { project: "fenix".into(), datasource: "probe".into(), report: name.into() }
}

fn end(minute: i8, outcome: Outcome) -> ReportEnd {
    let started = jiff::civil::date(2026, 3, 1).at(3, minute, 0, 0);
    let started = started.to_zoned(jiff::tz::TimeZone::UTC).unwrap().timestamp();
    let error = (outcome != Outcome::Succeeded).then(|| format!("minute {minute}: 🐞"));
    ReportEnd { started, outcome, error, rows_read: 100 + u64::from(minute.unsigned_abs()) }
}

async fn read(store: &Store, name: &str, end: &ReportEnd) -> RunId {
    let run = start(store).await;
    store.record_report(run, &report(name), end).await.unwrap();
    run
}

async fn the_last_good_run_outlives_those_that_failed(db: Arc<Database>) {
    let store = db.store().await;
    assert_eq!(store.last_good(&report("issues")).await.unwrap(), None);
    read(&store, "issues", &end(1, Outcome::Failed)).await;
    assert_eq!(store.last_good(&report("issues")).await.unwrap(), None);
    let good = read(&store, "issues", &end(2, Outcome::Succeeded)).await;
    for (minute, outcome) in
        [(3, Outcome::PartlyFailed), (4, Outcome::Interrupted), (5, Outcome::Failed)]
    {
        let last = end(minute, outcome);
        let run = read(&store, "issues", &last).await;
        let [status] = &store.statuses().await.unwrap()[..] else { panic!("one report") };
        assert_eq!((status.run, status.started, status.outcome), (run, last.started, outcome));
        assert_eq!(status.error, last.error);
        let expected = GoodRun { run: good, started: end(2, outcome).started, rows_read: 102 };
        assert_eq!(status.good, Some(expected));
    }
    let better = read(&store, "issues", &end(6, Outcome::Succeeded)).await;
    let found = store.last_good(&report("issues")).await.unwrap().unwrap();
    assert_eq!((found.run, found.rows_read), (better, 106));
}

async fn a_slow_run_hides_nothing_of_one_that_began_after_it(db: Arc<Database>) {
    let store = db.store().await;
    let [slow, fast] = [start(&store).await, start(&store).await];
    let issues = report("issues");
    store.record_report(fast, &issues, &end(5, Outcome::Failed)).await.unwrap();
    store.record_report(slow, &issues, &end(1, Outcome::Succeeded)).await.unwrap();
    let [status] = &store.statuses().await.unwrap()[..] else { panic!("one report") };
    assert_eq!((status.run, status.outcome), (fast, Outcome::Failed));
    assert_eq!(status.started, end(5, Outcome::Failed).started);
    assert_eq!(status.error.as_deref(), Some("minute 5: 🐞"));
    let good = status.good.as_ref().map(|good| (good.run, good.rows_read));
    assert_eq!(good, Some((slow, 101)), "it did read everything");

    let [slow, fast] = [start(&store).await, start(&store).await];
    store.record_report(fast, &issues, &end(8, Outcome::Succeeded)).await.unwrap();
    for outcome in [Outcome::Succeeded, Outcome::Failed] {
        store.record_report(slow, &issues, &end(7, outcome)).await.unwrap();
        let [status] = &store.statuses().await.unwrap()[..] else { panic!("one report") };
        assert_eq!((status.run, status.outcome), (fast, Outcome::Succeeded));
        assert_eq!(status.good.as_ref().map(|good| good.run), Some(fast));
        assert_eq!(status.error, None);
    }
}

async fn reports_that_end_at_once_are_all_recorded(db: Arc<Database>) {
    let store = db.store().await;
    let mut runs = Vec::new();
    for _ in 0..4 {
        runs.push(start(&store).await);
    }
    let (good, last) = (end(1, Outcome::Succeeded), report("issues"));
    let ends = runs.iter().map(|run| store.record_report(*run, &last, &good));
    for recorded in futures::future::join_all(ends).await {
        recorded.unwrap();
    }
    let [status] = &store.statuses().await.unwrap()[..] else { panic!("one report") };
    let newest = *runs.last().unwrap();
    assert_eq!((status.run, status.good.as_ref().unwrap().run), (newest, newest));
}

async fn reports_are_kept_apart(db: Arc<Database>) {
    let store = db.store().await;
    read(&store, "releases", &end(1, Outcome::Succeeded)).await;
    read(&store, "issues", &end(2, Outcome::Failed)).await;
    let statuses = store.statuses().await.unwrap();
    let told: Vec<_> =
        statuses.iter().map(|s| (s.key.report.as_str(), s.outcome, s.rejected)).collect();
    assert_eq!(told, [("issues", Outcome::Failed, 0), ("releases", Outcome::Succeeded, 0)]);
}

async fn rejected_rows_wait_with_their_report(db: Arc<Database>) {
    let store = db.store().await;
    read(&store, "issues", &end(1, Outcome::Succeeded)).await;
    read(&store, "releases", &end(2, Outcome::Succeeded)).await;
    for number in 0..3 {
        db.execute(&format!(
            "INSERT INTO rejected_rows (digest, run_id, project, datasource, report, partition_id, \
             table_name, reason, row_json, rejected_at) VALUES ('{number}', 1, 'fenix', 'probe', \
             'issues', 'p', 'probe_items', 'bad', '{{}}', '2026-03-01 00:00:00')"
        ))
        .await;
    }
    let waiting: Vec<u64> =
        store.statuses().await.unwrap().iter().map(|status| status.rejected).collect();
    assert_eq!(waiting, [3, 0]);
}

async fn a_run_without_an_end_is_told(db: Arc<Database>) {
    let store = db.store().await;
    let killed = start(&store).await;
    let ended = start(&store).await;
    store.finish_run(ended, &RunEnd { outcome: Outcome::Succeeded, error: None }).await.unwrap();
    let hour = SignedDuration::from_hours(1);
    let open = store.open_runs(Timestamp::now() - hour).await.unwrap();
    assert_eq!(open.iter().map(|run| run.run).collect::<Vec<_>>(), [killed]);
    assert!(store.open_runs(Timestamp::now() + hour).await.unwrap().is_empty());
}

async fn old_runs_are_forgotten_and_freshness_stays(db: Arc<Database>) {
    let store = db.store().await;
    let old = read(&store, "issues", &end(1, Outcome::Succeeded)).await;
    let result = nothing();
    store.record_partition(old, &key("p"), &result).await.unwrap();
    // The database's times have microseconds; the next run has to begin in a later one.
    tokio::time::sleep(Duration::from_millis(2)).await;
    let cut = Timestamp::now();
    tokio::time::sleep(Duration::from_millis(2)).await;
    let new = start(&store).await;
    store.record_partition(new, &key("p"), &result).await.unwrap();
    assert_eq!(store.prune_history(cut - SignedDuration::from_hours(1)).await.unwrap(), 0);
    assert_eq!(store.prune_history(cut).await.unwrap(), 1);
    assert_eq!(store.prune_history(cut).await.unwrap(), 0);
    assert_eq!(store.run(old).await.unwrap(), None);
    assert_eq!(store.run(new).await.unwrap().unwrap().partitions.len(), 1);
    assert_eq!(store.last_good(&report("issues")).await.unwrap().unwrap().run, old);
}

async fn the_last_run_over_a_window_is_told_and_goes_with_its_run(db: Arc<Database>) {
    let store = db.store().await;
    let day = |day| Some(jiff::civil::date(2026, 1, day));
    let mut last = None;
    for window in [
        RunWindow { since: day(1), until: None },
        RunWindow { since: None, until: day(2) },
        RunWindow { since: day(3), until: day(4) },
    ] {
        let run = start(&store).await;
        for _ in 0..2 {
            store.record_window(run, window).await.unwrap();
        }
        for partition in ["p", "q"] {
            store.record_partition(run, &key(partition), &nothing()).await.unwrap();
        }
        let told = store.run(run).await.unwrap().unwrap().summary;
        assert_eq!((told.window, told.partitions), (Some(window), 2));
        last = Some((run, window));
    }
    let (run, window) = last.unwrap();
    let [Backfill { key, run: found, window: days, outcome: None, .. }] =
        &store.backfills().await.unwrap()[..]
    else {
        panic!("{:?}", store.backfills().await)
    };
    assert_eq!((found, days), (&run, &window));
    assert_eq!((key.project.as_str(), key.report.as_str()), ("fenix", "items"));
    store.finish_run(run, &RunEnd { outcome: Outcome::Failed, error: None }).await.unwrap();
    assert_eq!(store.backfills().await.unwrap()[0].outcome, Some(Outcome::Failed));
    start(&store).await;
    assert_eq!(store.runs(1).await.unwrap()[0].window, None);

    let later = Timestamp::now() + SignedDuration::from_hours(1);
    assert_eq!(store.prune_history(later).await.unwrap(), 4);
    assert!(store.backfills().await.unwrap().is_empty());
    assert!(db.rows("SELECT 'x' FROM run_windows").await.is_empty());
}

async fn a_plugins_reports_are_those_that_it_had_last(db: Arc<Database>) {
    let store = db.store().await;
    let names = |names: &[&str]| names.iter().map(|&name| name.to_string()).collect();
    for (datasource, reports) in [
        ("probe", &["issues", "runs"] as &[&str]),
        ("other", &["builds"]),
        ("probe", &["issues", "releases"]),
        ("probe", &["issues", "releases"]),
    ] {
        let reports = reports.iter().map(|&report| (report.to_owned(), Vec::new())).collect();
        let owner = Owner { datasource: datasource.into(), reports, ..owner() };
        store.prepare_tables(&owner, &[]).await.unwrap();
    }
    let expected = [("other", names(&["builds"])), ("probe", names(&["issues", "releases"]))];
    let expected = expected.map(|(datasource, reports)| (datasource.to_string(), reports));
    assert_eq!(store.offered().await.unwrap(), expected.into());
}

async fn a_forgotten_report_leaves_no_trace_but_its_rows(db: Arc<Database>) {
    let store = db.store().await;
    for name in ["items", "releases"] {
        read(&store, name, &end(1, Outcome::Failed)).await;
    }
    let run = start(&store).await;
    store.record_partition(run, &key("p"), &nothing()).await.unwrap();
    assert!(store.forget_reports("focus", None).await.unwrap().is_empty());
    assert!(store.forget_reports("fenix", Some("issues")).await.unwrap().is_empty());
    assert_eq!(store.forget_reports("fenix", Some("items")).await.unwrap(), [report("items")]);
    assert!(store.run(run).await.unwrap().unwrap().partitions.is_empty());
    let left: Vec<ReportKey> = store.statuses().await.unwrap().into_iter().map(|s| s.key).collect();
    assert_eq!(left, [report("releases")]);
    assert_eq!(store.forget_reports("fenix", None).await.unwrap(), [report("releases")]);
    assert!(store.statuses().await.unwrap().is_empty());
}
