// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Which reports were filled from recordings. Such a run is in the history like any other, and
//! says nothing of how fresh a report is: its rows are as old as the recordings.

use jiff::Timestamp;

use crate::error::StoreError;
use crate::keys::{ReportKey, RunId};
use crate::sql::fields::Fields;
use crate::store::Store;

/// What stands in a run's command line before the folder of the recordings, behind all else.
pub const REPLAY: &str = " --replay ";

/// The last run that filled a report from recordings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replay {
    /// Which report of which project.
    pub key: ReportKey,
    /// The run's number.
    pub run: RunId,
    /// When it began.
    pub started: Timestamp,
    /// The folder of the recordings, as the person wrote it.
    pub recordings: String,
    /// Rows that the plugin delivered.
    pub rows_read: u64,
    /// Rejected rows of this report that wait for a person, whichever run rejected them.
    pub rejected: u64,
}

impl Store {
    /// The last replay of every report of which at least a partition was replayed well, by
    /// project, datasource and report.
    ///
    /// # Errors
    ///
    /// When the database cannot be read.
    pub async fn replays(&self) -> Result<Vec<Replay>, StoreError> {
        let doing = "reading what was replayed";
        let mut session = self.session().await?;
        let sql = format!(
            "SELECT p.project, p.datasource, p.report, r.id, {} AS started, r.command, \
             CAST(SUM(p.rows_read) AS {}) AS rows_read, \
             (SELECT COUNT(*) FROM rejected_rows AS w WHERE w.project = p.project \
             AND w.datasource = p.datasource AND w.report = p.report) AS rejected \
             FROM runs AS r JOIN run_partitions AS p ON p.run_id = r.id \
             WHERE r.command LIKE ? AND p.outcome = 'succeeded' \
             GROUP BY p.project, p.datasource, p.report, r.id, r.started_at, r.command \
             ORDER BY p.project, p.datasource, p.report, r.id DESC",
            self.dialect.time_as_text("r.started_at"),
            self.dialect.integer_cast(),
        );
        let args = vec![format!("%{REPLAY}%").into()];
        let mut replays = session.read(doing, &sql, args, replay).await?;
        // The newest of each comes first.
        replays.dedup_by(|later, first| later.key == first.key);
        Ok(replays)
    }
}

fn replay(row: &Fields) -> Result<Replay, sqlx::Error> {
    let command = row.text("command")?;
    let recordings = command.split_once(REPLAY).map_or("", |(_, folder)| folder);
    Ok(Replay {
        key: ReportKey::read(row)?,
        run: RunId(row.int("id")?),
        started: row.time("started")?,
        recordings: recordings.to_string(),
        rows_read: row.number("rows_read")?,
        rejected: row.number("rejected")?,
    })
}
