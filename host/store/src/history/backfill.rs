// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Runs over a window of days. Such a run is in the history like any other, and says nothing of
//! how fresh a report is: it has not looked at the other days.

use std::fmt;

use jiff::Timestamp;
use jiff::civil::Date;

use crate::connect::connection::Arg;
use crate::error::StoreError;
use crate::history::replay::REPLAY;
use crate::history::runs::Outcome;
use crate::keys::{ReportKey, RunId};
use crate::session::patience::again;
use crate::sql::fields::Fields;
use crate::store::Store;

/// The days that a run was asked for, in UTC and both included; at least one of them is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunWindow {
    /// The first day; none without a begin.
    pub since: Option<Date>,
    /// The last day; none without an end.
    pub until: Option<Date>,
}

impl fmt::Display for RunWindow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.since, self.until) {
            (Some(since), Some(until)) => write!(f, "{since} to {until}"),
            (Some(since), None) => write!(f, "since {since}"),
            (None, Some(until)) => write!(f, "up to {until}"),
            (None, None) => f.write_str("all days"),
        }
    }
}

/// The last run over a window of a report of a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backfill {
    /// Which report of which project.
    pub key: ReportKey,
    /// The run's number.
    pub run: RunId,
    /// When it began.
    pub started: Timestamp,
    /// How the run ended; none while it runs, and when it was killed.
    pub outcome: Option<Outcome>,
    /// The days that it was asked for.
    pub window: RunWindow,
}

impl Store {
    /// Records that a run was asked for these days. Shards of a run may all do so.
    ///
    /// # Errors
    ///
    /// When the database cannot be written.
    pub async fn record_window(&self, run: RunId, window: RunWindow) -> Result<(), StoreError> {
        again(|| self.record_window_once(run, window)).await
    }

    async fn record_window_once(&self, run: RunId, window: RunWindow) -> Result<(), StoreError> {
        let mut session = self.session().await?;
        let sql = "INSERT INTO run_windows (run_id, first_day, last_day) VALUES (?, ?, ?)";
        let day = |day: Option<Date>| Arg::OptionalText(day.map(|day| day.to_string()));
        let args = vec![run.0.into(), day(window.since), day(window.until)];
        let doing = format!("recording which days run {run} is for");
        match session.execute(&doing, sql, args).await {
            Err(error) if error.is_duplicate() => Ok(()),
            done => done.map(drop),
        }
    }

    /// The last run over a window of every report, by project, datasource and report. Replays
    /// are none.
    ///
    /// # Errors
    ///
    /// When the database cannot be read.
    pub async fn backfills(&self) -> Result<Vec<Backfill>, StoreError> {
        let doing = "reading which runs were over a window";
        let mut session = self.session().await?;
        let sql = format!(
            "SELECT DISTINCT p.project, p.datasource, p.report, r.id, {} AS started, r.outcome, \
             w.first_day, w.last_day FROM run_windows AS w JOIN runs AS r ON r.id = w.run_id \
             JOIN run_partitions AS p ON p.run_id = r.id WHERE r.command NOT LIKE ? \
             ORDER BY p.project, p.datasource, p.report, r.id DESC",
            self.dialect.time_as_text("r.started_at"),
        );
        let args = vec![format!("%{REPLAY}%").into()];
        let mut backfills = session.read(doing, &sql, args, backfill).await?;
        // The newest of each comes first.
        backfills.dedup_by(|later, first| later.key == first.key);
        Ok(backfills)
    }
}

fn backfill(row: &Fields) -> Result<Backfill, sqlx::Error> {
    Ok(Backfill {
        key: ReportKey::read(row)?,
        run: RunId(row.int("id")?),
        started: row.time("started")?,
        outcome: Outcome::read(row)?,
        window: RunWindow {
            since: row.optional_day("first_day")?,
            until: row.optional_day("last_day")?,
        },
    })
}

/// The window of a run; none for a run without one.
pub(crate) fn window(row: &Fields) -> Result<Option<RunWindow>, sqlx::Error> {
    let (since, until) = (row.optional_day("first_day")?, row.optional_day("last_day")?);
    Ok((since.is_some() || until.is_some()).then_some(RunWindow { since, until }))
}
