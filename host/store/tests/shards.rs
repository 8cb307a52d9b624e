// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Runs that several shards share.

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
use support::{Database, key};
use test_dashboard_model::Counts;
use test_dashboard_store::{
    Joined, NewRun, Outcome, PartitionKey, PartitionResult, RunEnd, RunId, Shard, ShardsEnded,
    SharedKey, SharedRun, Store, Views,
};

on_every_database!(
    shards_that_come_at_once_share_one_run,
    one_of_the_shards_learns_that_all_have_ended,
    a_shard_that_is_started_again_does_what_it_has_not_done,
    a_run_whose_last_shard_was_killed_before_it_ended_the_run_is_ended_by_it_again,
    what_failed_is_done_again_by_a_shard_that_had_succeeded,
    what_is_not_the_same_run_is_not_joined,
    shards_are_shown_and_forgotten_with_their_run,
    partitions_of_several_shards_are_recorded_at_once,
    first_starts_at_once_make_one_set_of_tables,
);

const COUNT: u16 = 4;

fn shard(number: u16) -> Shard {
    Shard::new(number, COUNT).unwrap()
}

fn shared_key(name: &str) -> SharedKey {
    SharedKey { key: name.into(), project: "ALL".into(), report: "items".into() }
}

fn new_run() -> NewRun {
    NewRun {
        project: "ALL".into(),
        report: "items".into(),
        command: "run --project ALL --report-type items".into(),
        version: "0.1.0".into(),
    }
}

fn now() -> Timestamp {
    Timestamp::from_microsecond(Timestamp::now().as_microsecond()).unwrap()
}

async fn join(store: &Store, number: u16) -> Joined {
    store.join_run(&new_run(), &shared_key("night"), shard(number), now(), "{}").await.unwrap()
}

async fn started(store: &Store, number: u16) -> (SharedRun, Vec<PartitionKey>) {
    match join(store, number).await {
        Joined::Started { run, done } => (run, done),
        other => panic!("{other:?}"),
    }
}

async fn end(store: &Store, run: RunId, number: u16, outcome: Outcome) -> ShardsEnded {
    store.end_shard(run, shard(number), &RunEnd { outcome, error: None }).await.unwrap()
}

async fn record(store: &Store, run: RunId, key: &PartitionKey, outcome: Outcome) {
    let result = PartitionResult {
        outcome,
        error: (outcome != Outcome::Succeeded).then(|| "no answer".into()),
        failure_kind: None,
        counts: Counts {
            rows_read: 3,
            rows_new: 1,
            rows_changed: 1,
            rows_unchanged: 1,
            requests: 2,
            response_bytes: 100,
            ..Counts::default()
        },
        started: now(),
        elapsed: Duration::from_millis(5),
    };
    store.record_partition(run, key, &result).await.unwrap();
}

/// The first so many partitions of this shard.
fn partitions_of(number: u16, count: usize) -> Vec<PartitionKey> {
    let all = (0..).map(|id| key(&format!("suite/{id}")));
    all.filter(|key| shard(number).has(key)).take(count).collect()
}

async fn shards_that_come_at_once_share_one_run(db: Arc<Database>) {
    let store = db.store().await;
    let joining = (1..=COUNT).map(|number| {
        let store = store.clone();
        tokio::spawn(async move {
            let decided = format!("by {number}");
            let run = new_run();
            let key = shared_key("night");
            store.join_run(&run, &key, shard(number), now(), &decided).await.unwrap()
        })
    });
    let mut runs = Vec::new();
    for joined in joining.collect::<Vec<_>>() {
        match joined.await.unwrap() {
            Joined::Started { run, done } => {
                assert!(done.is_empty());
                runs.push(run);
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(runs.iter().all(|run| *run == runs[0]), "{runs:#?}");
    let history = store.runs(10).await.unwrap();
    assert_eq!(history.len(), 1, "{history:#?}");
    assert_eq!(history[0].shards, Some(COUNT));
    assert_eq!(history[0].started, runs[0].started);
    assert_eq!(store.shared_run(&shared_key("night")).await.unwrap().as_ref(), Some(&runs[0]));
}

async fn one_of_the_shards_learns_that_all_have_ended(db: Arc<Database>) {
    let store = db.store().await;
    for round in 0..5 {
        let key = shared_key(&format!("round {round}"));
        let mut ending = Vec::new();
        for number in 1..=COUNT {
            let joined = store.join_run(&new_run(), &key, shard(number), now(), "").await.unwrap();
            let Joined::Started { run, .. } = joined else { panic!("{joined:?}") };
            record(&store, run.run, &partitions_of(number, 1)[0], Outcome::Succeeded).await;
            ending.push((run.run, number));
        }
        let ending = ending.into_iter().map(|(run, number)| {
            let store = store.clone();
            tokio::spawn(async move { end(&store, run, number, Outcome::Succeeded).await })
        });
        let mut last = Vec::new();
        for ended in ending.collect::<Vec<_>>() {
            if let ShardsEnded::All(partitions) = ended.await.unwrap() {
                last.push(partitions.len());
            }
        }
        assert_eq!(last, [usize::from(COUNT)], "round {round}");
    }
}

async fn a_shard_that_is_started_again_does_what_it_has_not_done(db: Arc<Database>) {
    let store = db.store().await;
    let (run, _) = started(&store, 1).await;
    let mine = partitions_of(1, 3);
    let others = partitions_of(2, 1);
    record(&store, run.run, &mine[0], Outcome::Succeeded).await;
    record(&store, run.run, &mine[1], Outcome::Failed).await;
    record(&store, run.run, &key(&shard(1).step("plan")), Outcome::Succeeded).await;
    record(&store, run.run, &others[0], Outcome::Failed).await;
    // Killed here.
    let (again, done) = started(&store, 1).await;
    assert_eq!(again, run);
    assert_eq!(done, mine[..1]);
    let left = store.run(run.run).await.unwrap().unwrap().partitions;
    let left: Vec<&PartitionKey> = left.iter().map(|partition| &partition.key).collect();
    assert!(left.contains(&&others[0]) && !left.contains(&&mine[1]), "{left:?}");

    let ended = end(&store, run.run, 1, Outcome::Succeeded).await;
    assert_eq!(ended, ShardsEnded::Waiting(vec![2, 3, 4]));
    let joined = join(&store, 1).await;
    assert!(matches!(&joined, Joined::Done { run: done, .. } if *done == run), "{joined:?}");

    // A shard that failed opens the run again.
    for number in 2..=COUNT {
        started(&store, number).await;
        let outcome = if number == 2 { Outcome::Failed } else { Outcome::Succeeded };
        end(&store, run.run, number, outcome).await;
    }
    let failed = RunEnd { outcome: Outcome::PartlyFailed, error: None };
    assert!(store.finish_shared_run(run.run, COUNT, &failed).await.unwrap());
    assert!(matches!(join(&store, 4).await, Joined::Done { .. }));
    let (_, done) = started(&store, 2).await;
    assert!(done.is_empty(), "{done:?}");
    let summary = store.run(run.run).await.unwrap().unwrap().summary;
    assert_eq!((summary.outcome, summary.finished), (None, None));
    assert!(!store.finish_shared_run(run.run, COUNT, &failed).await.unwrap(), "shard 2 runs");
    let ended = end(&store, run.run, 2, Outcome::Succeeded).await;
    assert!(matches!(ended, ShardsEnded::All(_)), "{ended:?}");
}

async fn a_run_whose_last_shard_was_killed_before_it_ended_the_run_is_ended_by_it_again(
    db: Arc<Database>,
) {
    let store = db.store().await;
    for number in 1..=COUNT {
        let (run, _) = started(&store, number).await;
        end(&store, run.run, number, Outcome::Succeeded).await;
    }
    // Whichever it was: any of them can do it.
    let (run, _) = started(&store, 3).await;
    let ended = end(&store, run.run, 3, Outcome::Succeeded).await;
    assert!(matches!(ended, ShardsEnded::All(_)), "{ended:?}");
    let good = RunEnd { outcome: Outcome::Succeeded, error: None };
    assert!(store.finish_shared_run(run.run, COUNT, &good).await.unwrap());
    assert!(matches!(join(&store, 3).await, Joined::Done { .. }));
}

async fn what_failed_is_done_again_by_a_shard_that_had_succeeded(db: Arc<Database>) {
    let store = db.store().await;
    let mine = partitions_of(2, 2);
    for number in 1..=COUNT {
        let (run, _) = started(&store, number).await;
        end(&store, run.run, number, Outcome::Succeeded).await;
    }
    let run = store.shared_run(&shared_key("night")).await.unwrap().unwrap().run;
    let partly = RunEnd { outcome: Outcome::PartlyFailed, error: None };
    // Of two processes that were the same shard the slower one failed; so did the run's end.
    for failed in [&mine[1], &key("(full)")] {
        record(&store, run, &mine[0], Outcome::Succeeded).await;
        record(&store, run, failed, Outcome::Failed).await;
        assert!(store.finish_shared_run(run, COUNT, &partly).await.unwrap());
        let (_, done) = started(&store, 2).await;
        assert_eq!(done, mine[..1]);
        let ended = end(&store, run, 2, Outcome::Succeeded).await;
        let ShardsEnded::All(partitions) = ended else { panic!("{ended:?}") };
        assert_eq!(partitions.len(), 1, "{partitions:?}");
    }
}

async fn what_is_not_the_same_run_is_not_joined(db: Arc<Database>) {
    let store = db.store().await;
    let (run, _) = started(&store, 1).await;
    let of_two = Shard::new(1, 2).unwrap();
    let key = shared_key("night");
    let joined = store.join_run(&new_run(), &key, of_two, now(), "{}").await.unwrap();
    assert_eq!(joined, Joined::OtherCount { run: run.clone() });
    for key in [
        shared_key("another night"),
        SharedKey { project: "fenix".into(), ..shared_key("night") },
        SharedKey { report: "others".into(), ..shared_key("night") },
    ] {
        assert_eq!(store.shared_run(&key).await.unwrap(), None);
        let joined = store.join_run(&new_run(), &key, shard(1), now(), "{}").await.unwrap();
        assert!(matches!(&joined, Joined::Started { run: other, .. } if other.run != run.run));
    }
    // Longer than what MySQL can index.
    let long = shared_key(&"🐞".repeat(1_000));
    let joined = store.join_run(&new_run(), &long, shard(1), now(), "{}").await.unwrap();
    assert!(matches!(joined, Joined::Started { .. }), "{joined:?}");
}

async fn shards_are_shown_and_forgotten_with_their_run(db: Arc<Database>) {
    let store = db.store().await;
    let (run, _) = started(&store, 1).await;
    started(&store, 3).await;
    let failed = RunEnd { outcome: Outcome::Failed, error: Some("no answer".into()) };
    store.end_shard(run.run, shard(3), &failed).await.unwrap();
    let detail = store.run(run.run).await.unwrap().unwrap();
    assert_eq!(detail.summary.shards, Some(COUNT));
    let shown: Vec<_> = detail.shards.iter().map(|s| (s.number, s.outcome)).collect();
    assert_eq!(shown, [(1, None), (3, Some(Outcome::Failed))]);
    assert_eq!(detail.shards[1].error.as_deref(), Some("no answer"));
    let ordinary = support::start(&store).await;
    let open = store.open_runs(now() - SignedDuration::from_hours(1)).await.unwrap();
    let shown: Vec<_> = open.iter().map(|o| (o.run, o.shards, o.shards_missing.len())).collect();
    assert_eq!(shown, [(ordinary, None, 0), (run.run, Some(COUNT), 3)]);
    assert_eq!(open[1].shards_missing, [1, 2, 4]);

    let later = now() + SignedDuration::from_hours(1);
    assert_eq!(store.prune_history(later).await.unwrap(), 2);
    assert_eq!(store.run(run.run).await.unwrap(), None);
    assert_eq!(store.shared_run(&shared_key("night")).await.unwrap(), None);
}

async fn partitions_of_several_shards_are_recorded_at_once(db: Arc<Database>) {
    let store = db.store().await;
    let (run, _) = started(&store, 1).await;
    for _ in 0..2 {
        let recording = (1..=COUNT).map(|number| {
            let (store, run) = (store.clone(), run.run);
            tokio::spawn(async move {
                for key in partitions_of(number, 20) {
                    record(&store, run, &key, Outcome::Succeeded).await;
                }
            })
        });
        for recorded in recording.collect::<Vec<_>>() {
            recorded.await.unwrap();
        }
        let summary = store.run(run.run).await.unwrap().unwrap().summary;
        assert_eq!((summary.partitions, summary.counts.rows_read), (80, 240));
    }
}

async fn first_starts_at_once_make_one_set_of_tables(db: Arc<Database>) {
    let starting = (0..COUNT).map(|_| {
        let db = db.clone();
        tokio::spawn(async move {
            let store = db.connect().await;
            let applied = store.migrate().await.unwrap();
            let tables = [support::plain(test_dashboard_model::TableMode::Merge)];
            let changes = store.prepare_tables(&support::owner(), &tables).await.unwrap();
            store.refresh_views(&Views::shipped().unwrap()).await.unwrap();
            (!applied.is_empty(), changes.len())
        })
    });
    let mut did = Vec::new();
    for started in starting.collect::<Vec<_>>() {
        did.push(started.await.unwrap());
    }
    assert_eq!(did.iter().filter(|(migrated, _)| *migrated).count(), 1, "{did:?}");
    assert_eq!(did.iter().map(|(_, changes)| changes).sum::<usize>(), 1, "{did:?}");
}
