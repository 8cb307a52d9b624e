// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! What PostgreSQL takes by itself: how fast anyone who stages rows and merges them can be
//! on this machine, however quickly the rows come.

use std::time::{Duration, Instant};

use anyhow::ensure;
use futures::TryStreamExt as _;
use sqlx::postgres::PgPoolCopyExt as _;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use crate::database::Database;

const TIMES: usize = 3;

/// Takes the pump's table out of the database, and times how long it takes to COPY that into
/// a staging table and to insert it from there: the quickest of three times.
///
/// # Errors
///
/// When the table is not there, or other rows come back than went in.
pub async fn copy_and_insert(database: &Database, rows: u64) -> anyhow::Result<Duration> {
    let pool = sqlx::PgPool::connect(&database.url).await?;
    let text: Vec<bytes::Bytes> =
        pool.copy_out_raw("COPY mock_rows TO STDOUT").await?.try_collect().await?;
    pool.close().await;
    let mut connection = PgConnection::connect(&database.url).await?;
    let mut best = Duration::MAX;
    for _ in 0..TIMES {
        sqlx::raw_sql(
            "CREATE TABLE alone (LIKE mock_rows INCLUDING ALL); \
             CREATE TEMPORARY TABLE stage (LIKE mock_rows)",
        )
        .execute(&mut connection)
        .await?;
        let started = Instant::now();
        let mut copy = connection.copy_in_raw("COPY stage FROM STDIN").await?;
        for piece in &text {
            copy.send(piece.as_ref()).await?;
        }
        copy.finish().await?;
        let insert = AssertSqlSafe("INSERT INTO alone SELECT * FROM stage ON CONFLICT DO NOTHING");
        let inserted = sqlx::raw_sql(insert).execute(&mut connection).await?.rows_affected();
        best = best.min(started.elapsed());
        ensure!(inserted == rows, "{inserted} rows came back from PostgreSQL, {rows} went in");
        sqlx::raw_sql("DROP TABLE alone; DROP TABLE stage").execute(&mut connection).await?;
    }
    connection.close().await?;
    Ok(best)
}
