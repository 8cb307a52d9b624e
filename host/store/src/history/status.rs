// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! How fresh each report is: its last run, and the last one that succeeded as a whole.

use jiff::Timestamp;

use crate::connect::connection::Arg;
use crate::error::StoreError;
use crate::history::runs::Outcome;
use crate::history::shared::missing;
use crate::keys::{ReportKey, RunId};
use crate::session::DatabaseSession;
use crate::session::patience::{Retries, again};
use crate::sql::fields::Fields;
use crate::store::Store;

/// Which row is a report's.
const WHICH: &str = "project = ? AND datasource = ? AND report = ?";

/// How a report's part of a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportEnd {
    /// When the run began to read it.
    pub started: Timestamp,
    /// How it ended. Only what succeeded as a whole makes the report fresh.
    pub outcome: Outcome,
    /// The first thing that went wrong.
    pub error: Option<String>,
    /// Rows that the plugin delivered.
    pub rows_read: u64,
}

/// The last run of a report of which every partition succeeded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GoodRun {
    /// Its number.
    pub run: RunId,
    /// When it began: the tables hold what the service held then.
    pub started: Timestamp,
    /// Rows that the plugin delivered.
    pub rows_read: u64,
}

/// What is known of one report of one project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportStatus {
    /// Which report of which project.
    pub key: ReportKey,
    /// The last run that ended.
    pub run: RunId,
    /// When that began.
    pub started: Timestamp,
    /// How it ended.
    pub outcome: Outcome,
    /// The first thing that went wrong in it.
    pub error: Option<String>,
    /// The last run that succeeded as a whole; none when none ever did.
    pub good: Option<GoodRun>,
    /// Rejected rows that wait for a person.
    pub rejected: u64,
}

/// A run that has no end on record: it is running now, or was killed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenRun {
    /// Its number.
    pub run: RunId,
    /// The project asked for, as the person wrote it.
    pub project: String,
    /// The report asked for.
    pub report: String,
    /// When it began.
    pub started: Timestamp,
    /// Of how many shards it is; none for one that no shards share.
    pub shards: Option<u16>,
    /// Those among them that have no end, by number.
    pub shards_missing: Vec<u16>,
}

impl Store {
    /// Records how a report's part of a run ended. Runs are in the order of their numbers: one
    /// that began earlier and ends later hides nothing of what is known of the later one.
    ///
    /// # Errors
    ///
    /// When the database cannot be written; then nothing of it is.
    pub async fn record_report(
        &self,
        run: RunId,
        key: &ReportKey,
        end: &ReportEnd,
    ) -> Result<(), StoreError> {
        // The first two of a report that end at once both find nothing to change.
        Retries::with_races(1).over(|| self.record_report_once(run, key, end)).await
    }

    async fn record_report_once(
        &self,
        run: RunId,
        key: &ReportKey,
        end: &ReportEnd,
    ) -> Result<(), StoreError> {
        let doing = format!("recording how {} {} ended in run {run}", key.project, key.report);
        let mut session = self.session().await?;
        session.begin(&doing).await?;
        let known = format!("SELECT run_id FROM report_status WHERE {WHICH}");
        if session.fetch(&doing, &known, key.args()).await?.is_empty() {
            first_end(&mut session, &doing, run, key, end).await?;
        } else {
            later_end(&mut session, &doing, run, key, end).await?;
        }
        session.commit(&doing).await
    }

    /// The last run of a report of which every partition succeeded; none when none ever did.
    ///
    /// # Errors
    ///
    /// When the database cannot be read.
    pub async fn last_good(&self, key: &ReportKey) -> Result<Option<GoodRun>, StoreError> {
        again(|| self.last_good_once(key)).await
    }

    async fn last_good_once(&self, key: &ReportKey) -> Result<Option<GoodRun>, StoreError> {
        let mut session = self.session().await?;
        last_good(&mut session, "reading when the last good run was", key).await
    }

    /// Every report that was ever run, by project, datasource and report.
    ///
    /// # Errors
    ///
    /// When the database cannot be read.
    pub async fn statuses(&self) -> Result<Vec<ReportStatus>, StoreError> {
        let doing = "reading how fresh the reports are";
        let mut session = self.session().await?;
        let sql = format!(
            "SELECT s.project, s.datasource, s.report, s.run_id, {} AS started, s.outcome, s.error, \
             s.good_run_id, {} AS good_started, s.good_rows_read, \
             COALESCE(r.waiting, 0) AS waiting \
             FROM report_status AS s LEFT JOIN (SELECT project, datasource, report, \
             COUNT(*) AS waiting FROM rejected_rows GROUP BY project, datasource, report) AS r \
             ON r.project = s.project AND r.datasource = s.datasource AND r.report = s.report \
             ORDER BY s.project, s.datasource, s.report",
            self.dialect.time_as_text("s.started_at"),
            self.dialect.time_as_text("s.good_started_at"),
        );
        session.read(doing, &sql, vec![], status).await
    }

    /// The runs without an end, the newest first, that began after `since`.
    ///
    /// # Errors
    ///
    /// When the database cannot be read.
    pub async fn open_runs(&self, since: Timestamp) -> Result<Vec<OpenRun>, StoreError> {
        let doing = "reading which runs have no end";
        let mut session = self.session().await?;
        let sql = format!(
            "SELECT r.id, r.project, r.report, {} AS started, s.shards FROM runs AS r \
             LEFT JOIN shared_runs AS s ON s.run_id = r.id \
             WHERE r.outcome IS NULL AND r.started_at >= {} ORDER BY r.id DESC",
            self.dialect.time_as_text("r.started_at"),
            self.dialect.time_parameter()
        );
        let open = |row: &Fields| {
            let shards = row.optional_int("shards")?;
            Ok(OpenRun {
                run: RunId(row.int("id")?),
                project: row.text("project")?,
                report: row.text("report")?,
                started: row.time("started")?,
                shards: shards.and_then(|shards| u16::try_from(shards).ok()),
                shards_missing: Vec::new(),
            })
        };
        let mut runs = session.read(doing, &sql, vec![Arg::Time(since)], open).await?;
        for run in &mut runs {
            if let Some(count) = run.shards {
                run.shards_missing =
                    missing(&self.shards(&mut session, doing, run.run).await?, count);
            }
        }
        Ok(runs)
    }

    /// Forgets the runs that began before `before`, with their partitions: how many. What is
    /// known of how fresh a report is stays, and so do rejected rows.
    ///
    /// # Errors
    ///
    /// When the database cannot be written; then nothing is forgotten.
    pub async fn prune_history(&self, before: Timestamp) -> Result<u64, StoreError> {
        let doing = "forgetting old runs";
        let mut session = self.session().await?;
        let old =
            format!("SELECT id FROM runs WHERE started_at < {}", self.dialect.time_parameter());
        if session
            .fetch(doing, &format!("{old} LIMIT 1"), vec![Arg::Time(before)])
            .await?
            .is_empty()
        {
            return Ok(0);
        }
        session.begin(doing).await?;
        let partitions = format!("DELETE FROM run_partitions WHERE run_id IN ({old})");
        session.execute(doing, &partitions, vec![Arg::Time(before)]).await?;
        for table in ["run_shards", "shared_runs", "run_windows"] {
            let delete = format!("DELETE FROM {table} WHERE run_id IN ({old})");
            session.execute(doing, &delete, vec![Arg::Time(before)]).await?;
        }
        let runs = format!("DELETE FROM runs WHERE started_at < {}", self.dialect.time_parameter());
        let forgotten = session.execute(doing, &runs, vec![Arg::Time(before)]).await?;
        session.commit(doing).await?;
        Ok(forgotten)
    }
}

/// The first that is known of a report.
async fn first_end(
    session: &mut DatabaseSession,
    doing: &str,
    run: RunId,
    key: &ReportKey,
    end: &ReportEnd,
) -> Result<(), StoreError> {
    let is_good = end.outcome == Outcome::Succeeded;
    let time = session.dialect.time_parameter();
    let good_time = if is_good { time } else { "NULL" };
    let insert = format!(
        "INSERT INTO report_status (project, datasource, report, run_id, outcome, error, \
         good_run_id, good_rows_read, started_at, good_started_at) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, {time}, {good_time})"
    );
    let mut args = key.args();
    args.extend([run.0.into(), end.outcome.as_str().into()]);
    args.push(Arg::OptionalText(end.error.clone()));
    args.push(Arg::OptionalInt(is_good.then_some(run.0)));
    args.push(Arg::OptionalInt(is_good.then_some(end.rows_read.cast_signed())));
    args.push(Arg::Time(end.started));
    args.extend(is_good.then_some(Arg::Time(end.started)));
    session.execute(doing, &insert, args).await.map(drop)
}

/// What was known stays where it is of a later run. Each is one statement that looks and
/// writes, so that two runs that end at once leave the later one's, whichever is faster.
async fn later_end(
    session: &mut DatabaseSession,
    doing: &str,
    run: RunId,
    key: &ReportKey,
    end: &ReportEnd,
) -> Result<(), StoreError> {
    let time = session.dialect.time_parameter();
    let last = format!(
        "UPDATE report_status SET run_id = ?, outcome = ?, error = ?, started_at = {time} \
         WHERE {WHICH} AND run_id <= ?"
    );
    let mut args = vec![run.0.into(), end.outcome.as_str().into()];
    args.extend([Arg::OptionalText(end.error.clone()), Arg::Time(end.started)]);
    args.extend(key.args());
    args.push(run.0.into());
    session.execute(doing, &last, args).await?;
    if end.outcome != Outcome::Succeeded {
        return Ok(());
    }
    let good = format!(
        "UPDATE report_status SET good_run_id = ?, good_rows_read = ?, good_started_at = {time} \
         WHERE {WHICH} AND (good_run_id IS NULL OR good_run_id <= ?)"
    );
    let mut args = vec![run.0.into(), end.rows_read.cast_signed().into(), Arg::Time(end.started)];
    args.extend(key.args());
    args.push(run.0.into());
    session.execute(doing, &good, args).await.map(drop)
}

async fn last_good(
    session: &mut DatabaseSession,
    doing: &str,
    key: &ReportKey,
) -> Result<Option<GoodRun>, StoreError> {
    let sql = format!(
        "SELECT good_run_id, {} AS good_started, good_rows_read FROM report_status WHERE {WHICH}",
        session.dialect.time_as_text("good_started_at")
    );
    Ok(session.read_first(doing, &sql, key.args(), good).await?.flatten())
}

fn status(row: &Fields) -> Result<ReportStatus, sqlx::Error> {
    Ok(ReportStatus {
        key: ReportKey::read(row)?,
        run: RunId(row.int("run_id")?),
        started: row.time("started")?,
        outcome: Outcome::parse(&row.text("outcome")?)?,
        error: row.optional_text("error")?,
        good: good(row)?,
        rejected: row.number("waiting")?,
    })
}

fn good(row: &Fields) -> Result<Option<GoodRun>, sqlx::Error> {
    let good = row.optional_int("good_run_id")?.zip(row.optional_time("good_started")?);
    let Some((run, started)) = good else { return Ok(None) };
    let rows_read = row.optional_int("good_rows_read")?.unwrap_or_default().cast_unsigned();
    Ok(Some(GoodRun { run: RunId(run), started, rows_read }))
}
