// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Rejected rows that wait for a person: looked at, counted, discarded.

use jiff::Timestamp;

use crate::connect::connection::Arg;
use crate::error::StoreError;
use crate::keys::{PartitionKey, RunId};
use crate::sql::fields::Fields;
use crate::store::Store;
use crate::write::rejected::delete;

const READING: &str = "reading the rejected rows";

/// Which rejected rows are meant: those that are as all of this says, where it says something.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RejectFilter {
    /// The project.
    pub project: Option<String>,
    /// The report.
    pub report: Option<String>,
    /// The partition's id.
    pub partition: Option<String>,
    /// The table that they were meant for.
    pub table: Option<String>,
}

impl RejectFilter {
    /// The condition, and what it is about.
    fn condition(&self) -> (String, Vec<Arg>) {
        let given = [
            ("project", &self.project),
            ("report", &self.report),
            ("partition_id", &self.partition),
            ("table_name", &self.table),
        ];
        let given = given.iter().filter_map(|(column, text)| Some((column, text.as_deref()?)));
        let (parts, args): (Vec<String>, Vec<Arg>) =
            given.map(|(column, text)| (format!("{column} = ?"), text.into())).unzip();
        let condition = match parts.is_empty() {
            true => String::new(),
            false => format!("WHERE {}", parts.join(" AND ")),
        };
        (condition, args)
    }
}

/// A row that broke its declaration and was kept. Table, reason and row are a plugin's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reject {
    /// Names it: 64 hexadecimal digits, the same whenever the same row is rejected again.
    pub digest: String,
    /// The run that saw it last.
    pub run: RunId,
    /// Where it came from.
    pub key: PartitionKey,
    /// The table it was meant for.
    pub table: String,
    /// What is wrong with it.
    pub reason: String,
    /// The row as JSON; no JSON any more where it was too long to be kept whole.
    pub row: String,
    /// When it was seen last.
    pub rejected: Timestamp,
}

/// How many rejected rows of one kind there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectCount {
    /// The project.
    pub project: String,
    /// The report.
    pub report: String,
    /// The table that they were meant for.
    pub table: String,
    /// How many.
    pub count: u64,
}

impl Store {
    /// Rejected rows, the newest first, at most `limit` of them.
    ///
    /// # Errors
    ///
    /// When the database cannot be read.
    pub async fn rejects(
        &self,
        filter: &RejectFilter,
        limit: Option<u32>,
    ) -> Result<Vec<Reject>, StoreError> {
        let (condition, mut args) = filter.condition();
        let mut rest = format!("{condition} ORDER BY rejected_at DESC, digest");
        if let Some(limit) = limit {
            rest.push_str(" LIMIT ?");
            args.push(i64::from(limit).into());
        }
        self.read_rejects(&rest, args).await
    }

    /// The rejected rows whose digest begins like this, in the order of their digests, at most
    /// `limit` of them. What is no part of a digest begins none.
    ///
    /// # Errors
    ///
    /// When the database cannot be read.
    pub async fn rejects_that_begin(
        &self,
        digest: &str,
        limit: u32,
    ) -> Result<Vec<Reject>, StoreError> {
        // Nothing that LIKE takes for more than itself.
        if !digest.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Ok(Vec::new());
        }
        let begin = format!("{}%", digest.to_ascii_lowercase());
        let args = vec![begin.into(), i64::from(limit).into()];
        self.read_rejects("WHERE digest LIKE ? ORDER BY digest LIMIT ?", args).await
    }

    async fn read_rejects(&self, rest: &str, args: Vec<Arg>) -> Result<Vec<Reject>, StoreError> {
        let sql = format!(
            "SELECT digest, run_id, project, datasource, report, partition_id, table_name, reason, \
             row_json, {} AS rejected FROM rejected_rows {rest}",
            self.dialect.time_as_text("rejected_at")
        );
        let mut session = self.session().await?;
        session.read(READING, &sql, args, reject).await
    }

    /// How many rejected rows there are, by project, report and table.
    ///
    /// # Errors
    ///
    /// When the database cannot be read.
    pub async fn reject_counts(
        &self,
        filter: &RejectFilter,
    ) -> Result<Vec<RejectCount>, StoreError> {
        let (condition, args) = filter.condition();
        let sql = format!(
            "SELECT project, report, table_name, COUNT(*) AS waiting FROM rejected_rows {condition} \
             GROUP BY project, report, table_name ORDER BY project, report, table_name"
        );
        let mut session = self.session().await?;
        let count = |row: &Fields| {
            Ok(RejectCount {
                project: row.text("project")?,
                report: row.text("report")?,
                table: row.text("table_name")?,
                count: row.number("waiting")?,
            })
        };
        session.read(READING, &sql, args, count).await
    }

    /// The digest of each rejected row, and which partition it came from.
    ///
    /// # Errors
    ///
    /// When the database cannot be read.
    pub async fn reject_places(
        &self,
        filter: &RejectFilter,
    ) -> Result<Vec<(String, PartitionKey)>, StoreError> {
        let (condition, args) = filter.condition();
        let sql = format!(
            "SELECT digest, project, datasource, report, partition_id FROM rejected_rows {condition} \
             ORDER BY project, datasource, report, partition_id, digest"
        );
        let mut session = self.session().await?;
        let place = |row: &Fields| Ok((row.text("digest")?, PartitionKey::read(row)?));
        session.read(READING, &sql, args, place).await
    }

    /// Forgets the rejected rows with these digests; how many there were.
    ///
    /// # Errors
    ///
    /// When the database cannot be written; then none is forgotten.
    pub async fn discard_rejects(&self, mut digests: Vec<String>) -> Result<u64, StoreError> {
        let doing = "discarding rejected rows";
        digests.sort_unstable();
        let mut session = self.session().await?;
        session.begin(doing).await?;
        let discarded = delete(&mut session, doing, &digests).await?;
        session.commit(doing).await?;
        Ok(discarded)
    }
}

fn reject(row: &Fields) -> Result<Reject, sqlx::Error> {
    Ok(Reject {
        digest: row.text("digest")?,
        run: RunId(row.int("run_id")?),
        key: PartitionKey::read(row)?,
        table: row.text("table_name")?,
        reason: row.text("reason")?,
        row: row.text("row_json")?,
        rejected: row.time("rejected")?,
    })
}
