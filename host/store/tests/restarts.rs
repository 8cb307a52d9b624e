// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! A server that is really restarted between what is staged and its commit.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "the helpers of tests stop at what they do not expect"
)]

mod support;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use support::own_server::OwnServer;
use support::{At, Database, checkpoint, item, key, nothing, owner, plain, start};
use test_dashboard_model::{Table, TableMode};
use test_dashboard_store::{
    CommitPoint, Outcome, PartitionWriter, ReadMode, RunEnd, RunId, Store, StoreError, Target,
};

const CHECKOUT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

#[tokio::test(flavor = "multi_thread")]
async fn postgres_restarts_between_staging_and_commit() {
    restarts_between_staging_and_commit(At::Postgres, "postgres").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mysql_restarts_between_staging_and_commit() {
    restarts_between_staging_and_commit(At::Mysql, "mysql").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn oracle_mysql_restarts_between_staging_and_commit() {
    restarts_between_staging_and_commit(At::OracleMysql, "oracle_mysql").await;
}

async fn restarts_between_staging_and_commit(at: At, name: &str) {
    let Some(server) = OwnServer::start(name, Path::new(CHECKOUT)) else { return };
    for end in [OwnServer::stop, OwnServer::crash] {
        let db = Database::fresh_on(at, server.url.clone()).await;
        let store = db.store().await;
        let table = plain(TableMode::Merge);
        store.prepare_tables(&owner(), std::slice::from_ref(&table)).await.unwrap();
        let run = start(&store).await;
        let mut writer = open(&store, run, &table).await.unwrap();
        stage(&mut writer, &table, 0..100).await.unwrap();
        writer.commit(checkpoint("1"), CommitPoint::Intermediate).await.unwrap();
        stage(&mut writer, &table, 100..200).await.unwrap();
        end(&server);
        server.start_again();
        let error = writer.commit(checkpoint("2"), CommitPoint::End).await.unwrap_err();
        assert!(error.is_transient(), "{error}");
        drop(writer);

        // The other connections of the pool broke, too.
        store.record_partition(run, &key("p"), &nothing()).await.unwrap();
        let mut writer = open(&store, run, &table).await.unwrap();
        assert_eq!(writer.checkpoint(), checkpoint("1").as_ref());
        assert_eq!(db.table(&table).await.len(), 100, "what was committed, and no more");
        stage(&mut writer, &table, 100..200).await.unwrap();
        let counts = writer.commit(checkpoint("2"), CommitPoint::End).await.unwrap();
        assert_eq!((counts.rows_new, counts.rows_changed, counts.rows_unchanged), (100, 0, 0));
        assert_eq!(db.table(&table).await.len(), 200);
        drop(writer);
        let end = RunEnd { outcome: Outcome::Succeeded, error: None };
        store.finish_run(run, &end).await.unwrap();
        store.close().await;
    }
    begins_while_nobody_listens(at, &server).await;
}

async fn begins_while_nobody_listens(at: At, server: &OwnServer) {
    let db = Database::fresh_on(at, server.url.clone()).await;
    let target = Target::parse(&db.url).unwrap();
    server.stop();
    let returns = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        tokio::task::block_in_place(|| server.start_again());
    };
    let (run, ()) = tokio::join!(Store::connect_for_run(&target, 1), returns);
    run.unwrap().migrate().await.unwrap();
}

async fn open(
    store: &Store,
    run: RunId,
    table: &Arc<Table>,
) -> Result<PartitionWriter, StoreError> {
    store.open_partition(run, key("p"), std::slice::from_ref(table), ReadMode::Onwards).await
}

async fn stage(
    writer: &mut PartitionWriter,
    table: &Arc<Table>,
    ids: std::ops::Range<i64>,
) -> Result<(), StoreError> {
    let rows = ids.map(|id| item(table, id, &format!("row {id}"))).collect();
    writer.stage("probe_items", rows).await
}
