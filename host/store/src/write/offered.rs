// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Which reports each datasource's plugin had when it was run last, and forgetting a report.

use std::collections::{BTreeMap, BTreeSet};

use crate::error::StoreError;
use crate::keys::ReportKey;
use crate::session::DatabaseSession;
use crate::session::patience::again;
use crate::sql::fields::Fields;
use crate::store::Store;
use crate::write::catalogue::Owner;

impl Store {
    /// The reports of every datasource that was ever run.
    ///
    /// # Errors
    ///
    /// When the database cannot be read.
    pub async fn offered(&self) -> Result<BTreeMap<String, BTreeSet<String>>, StoreError> {
        let doing = "reading which reports the plugins have";
        let mut session = self.session().await?;
        let sql = "SELECT datasource, report FROM offered_reports";
        let mut offered: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let read = |row: &Fields| Ok((row.text("datasource")?, row.text("report")?));
        for (datasource, report) in session.read(doing, sql, vec![], read).await? {
            offered.entry(datasource).or_default().insert(report);
        }
        Ok(offered)
    }

    /// Forgets how a project's reports were read, or one of them: how fresh they are, and what
    /// became of their partitions in each run. Returns which there were. Rows, rejected rows
    /// and checkpoints stay: a report that comes back goes on where it was.
    ///
    /// # Errors
    ///
    /// When the database cannot be written; then nothing is forgotten.
    pub async fn forget_reports(
        &self,
        project: &str,
        report: Option<&str>,
    ) -> Result<Vec<ReportKey>, StoreError> {
        again(|| self.forget_reports_once(project, report)).await
    }

    async fn forget_reports_once(
        &self,
        project: &str,
        report: Option<&str>,
    ) -> Result<Vec<ReportKey>, StoreError> {
        let doing = format!("forgetting how {project} was read");
        let mut session = self.session().await?;
        session.begin(&doing).await?;
        let forgotten = forget(&mut session, &doing, project, report).await;
        session.end(&doing, forgotten).await
    }
}

/// Records the reports of a datasource's plugin.
pub(crate) async fn offer(session: &mut DatabaseSession, owner: &Owner) -> Result<(), StoreError> {
    let datasource = owner.datasource.as_str();
    let doing = format!("recording which reports {datasource} has");
    let sql = "SELECT report FROM offered_reports WHERE datasource = ?";
    let read = |row: &Fields| row.text("report");
    let known = session.read(&doing, sql, vec![datasource.into()], read).await?;
    let known: BTreeSet<String> = known.into_iter().collect();
    let reports: BTreeSet<String> = owner.reports.iter().map(|(name, _)| name.clone()).collect();
    let args = |report: &String| vec![datasource.into(), report.as_str().into()];
    for report in reports.difference(&known) {
        let sql = "INSERT INTO offered_reports (datasource, report) VALUES (?, ?)";
        match session.execute(&doing, sql, args(report)).await {
            // Another host was faster.
            Err(error) if error.is_duplicate() => {}
            done => drop(done?),
        }
    }
    for report in known.difference(&reports) {
        let sql = "DELETE FROM offered_reports WHERE datasource = ? AND report = ?";
        session.execute(&doing, sql, args(report)).await?;
    }
    Ok(())
}

async fn forget(
    session: &mut DatabaseSession,
    doing: &str,
    project: &str,
    report: Option<&str>,
) -> Result<Vec<ReportKey>, StoreError> {
    let sql = "SELECT project, datasource, report FROM report_status WHERE project = ? \
               UNION SELECT project, datasource, report FROM run_partitions WHERE project = ? \
               ORDER BY 1, 2, 3";
    let args = vec![project.into(), project.into()];
    let mut keys = session.read(doing, sql, args, ReportKey::read).await?;
    keys.retain(|key| report.is_none_or(|report| key.report == report));
    for key in &keys {
        for table in ["report_status", "run_partitions"] {
            let sql =
                format!("DELETE FROM {table} WHERE project = ? AND datasource = ? AND report = ?");
            session.execute(doing, &sql, key.args()).await?;
        }
    }
    Ok(keys)
}
