// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Rows that broke their declaration: kept for a person to look at.

use std::collections::HashMap;

use jiff::Timestamp;
use test_dashboard_model::shortened::Shortened;
use test_dashboard_model::validate::RejectedRow;

use crate::connect::connection::Arg;
use crate::digest;
use crate::error::StoreError;
use crate::keys::{PartitionKey, RunId};
use crate::session::DatabaseSession;
use crate::sql::fields::Fields;

/// What is kept in memory between two commits at most; what is past it is counted only.
const MAX_ROWS: usize = 10_000;
const MAX_BYTES: usize = 8 << 20;
/// Rows in one statement.
const CHUNK: usize = 200;

/// The rejected rows since the last commit.
#[derive(Debug, Default)]
pub(crate) struct Rejected {
    rows: Vec<RejectedRow>,
    bytes: usize,
    count: u64,
}

impl Rejected {
    pub(crate) fn push(&mut self, mut row: RejectedRow) {
        self.count += 1;
        shorten(&mut row.row);
        shorten(&mut row.reason);
        let bytes = row.row.len() + row.reason.len();
        if self.rows.len() < MAX_ROWS && self.bytes + bytes <= MAX_BYTES {
            self.bytes += bytes;
            self.rows.push(row);
        } else if self.count == self.rows.len() as u64 + 1 {
            tracing::warn!(
                "more rows are rejected than are kept between two commits ({} now): the others are counted only",
                self.rows.len()
            );
        }
    }

    /// How many there were, those among them that were not kept as well.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// Whether all of them were kept.
    pub(crate) fn is_whole(&self) -> bool {
        self.count == self.rows.len() as u64
    }

    /// Writes them, within a transaction, and forgets the `outdated`. A reject that is there
    /// already is replaced, so that it tells the run that saw it last.
    pub(crate) async fn write(
        &self,
        session: &mut DatabaseSession,
        run: RunId,
        key: &PartitionKey,
        now: Timestamp,
        mut outdated: Vec<String>,
    ) -> Result<(), StoreError> {
        let doing = format!("writing the rejected rows of {key}");
        let by_digest: HashMap<String, &RejectedRow> =
            self.rows.iter().map(|row| (digest(key, row), row)).collect();
        let mut rows: Vec<_> = by_digest.into_iter().collect();
        // One order for all hosts, so that two of them wait for each other rather than lock up.
        rows.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        outdated.extend(rows.iter().map(|(digest, _)| digest.clone()));
        outdated.sort_unstable();
        outdated.dedup();
        delete(session, &doing, &outdated).await?;
        for chunk in rows.chunks(CHUNK) {
            let place =
                format!("(?, ?, ?, ?, ?, ?, ?, ?, ?, {})", session.dialect.time_parameter());
            let insert = format!(
                "INSERT INTO rejected_rows (digest, run_id, project, datasource, report, partition_id, \
                 table_name, reason, row_json, rejected_at) VALUES {}",
                vec![place; chunk.len()].join(", ")
            );
            let args = chunk.iter().flat_map(|(digest, row)| args(digest, row, run, key, now));
            session.execute(&doing, &insert, args.collect()).await?;
        }
        Ok(())
    }
}

/// The digests of what waits of a partition and `is_outdated` by its table.
pub(crate) async fn outdated(
    session: &mut DatabaseSession,
    key: &PartitionKey,
    is_outdated: impl Fn(&str) -> bool,
) -> Result<Vec<String>, StoreError> {
    let doing = format!("looking for the older rejected rows of {key}");
    let sql = "SELECT digest, table_name FROM rejected_rows \
               WHERE project = ? AND datasource = ? AND report = ? AND partition_id = ?";
    let args = [&key.project, &key.datasource, &key.report, &key.partition];
    let args = args.map(|text| text.as_str().into()).into();
    let read = |row: &Fields| Ok((row.text("digest")?, row.text("table_name")?));
    let waiting = session.read(&doing, sql, args, read).await?;
    let outdated = waiting.into_iter().filter(|(_, table)| is_outdated(table));
    Ok(outdated.map(|(digest, _)| digest).collect())
}

/// Forgets the rejects with these digests, which are in one order for all hosts; how many
/// there were.
pub(crate) async fn delete(
    session: &mut DatabaseSession,
    doing: &str,
    digests: &[String],
) -> Result<u64, StoreError> {
    let mut deleted = 0;
    for chunk in digests.chunks(CHUNK) {
        let places = vec!["?"; chunk.len()].join(", ");
        let sql = format!("DELETE FROM rejected_rows WHERE digest IN ({places})");
        let args = chunk.iter().map(|digest| digest.as_str().into()).collect();
        deleted += session.execute(doing, &sql, args).await?;
    }
    Ok(deleted)
}

fn args(
    digest: &str,
    row: &RejectedRow,
    run: RunId,
    key: &PartitionKey,
    now: Timestamp,
) -> [Arg; 10] {
    [
        digest.into(),
        run.0.into(),
        key.project.as_str().into(),
        key.datasource.as_str().into(),
        key.report.as_str().into(),
        key.partition.as_str().into(),
        row.table.as_str().into(),
        row.reason.as_str().into(),
        row.row.as_str().into(),
        Arg::Time(now),
    ]
}

/// Tells a reject from every other.
fn digest(key: &PartitionKey, row: &RejectedRow) -> String {
    digest::hex(&[
        &key.project,
        &key.datasource,
        &key.report,
        &key.partition,
        &row.table,
        &row.reason,
        &row.row,
    ])
}

/// Cuts a text that is too long. U+0000, which a plugin may have put into a name or a value,
/// becomes U+FFFD: PostgreSQL cannot hold it.
fn shorten(text: &mut String) {
    if text.contains('\0') {
        *text = text.replace('\0', "\u{FFFD}");
    }
    if text.len() > Shortened::MOST {
        *text = Shortened::of(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reject(row: String) -> RejectedRow {
        RejectedRow { table: "github_issues".into(), reason: "bad".into(), row }
    }

    #[test]
    fn memory_is_bounded_and_the_count_is_not() {
        let mut rejected = Rejected::default();
        for _ in 0..200 {
            rejected.push(reject("🐞".repeat(Shortened::MOST)));
        }
        assert_eq!((rejected.count(), rejected.is_whole()), (200, false));
        let bytes: usize = rejected.rows.iter().map(|row| row.row.capacity()).sum();
        assert!(bytes <= MAX_BYTES, "{bytes}");
        assert!(rejected.rows[0].row.ends_with("more bytes)"));
        let mut many = Rejected::default();
        for number in 0..MAX_ROWS + 5 {
            many.push(reject(number.to_string()));
        }
        assert_eq!((many.rows.len(), many.count()), (MAX_ROWS, MAX_ROWS as u64 + 5));
    }

    #[test]
    fn two_partitions_rejects_are_told_apart() {
        let key = |report: &str, partition: &str| PartitionKey {
            project: "fenix".into(),
            datasource: "github".into(),
            report: report.into(),
            partition: partition.into(),
        };
        let row = reject("{}".into());
        assert_eq!(digest(&key("a", "bc"), &row), digest(&key("a", "bc"), &row));
        assert_ne!(digest(&key("a", "bc"), &row), digest(&key("ab", "c"), &row));
    }
}
