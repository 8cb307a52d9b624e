// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! What a person has changed under the host: tables and columns that the catalogue knows and
//! the database lacks, and views that are not as they should be.
//!
//! A column that is added again is null in all rows, and a merge writes only what is delivered.
//! So the reports that fill it forget their checkpoints, in all projects, and are not fresh
//! until a run has read everything again. What others have added is theirs, and no drift.

use std::fmt;

use crate::error::StoreError;
use crate::session::DatabaseSession;
use crate::session::schema;
use crate::sql::fields::Fields;
use crate::sql::merge::{EXTRACTED_AT, PARTITION, RUN_ID};

/// The columns that the host itself adds to every table of a plugin.
pub(crate) const HOSTS: [&str; 4] = ["project", PARTITION, RUN_ID, EXTRACTED_AT];

/// One thing that is not as the host has made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Drift {
    /// A plugin's table is missing.
    Table {
        /// The datasource that it belongs to.
        datasource: String,
        /// The table.
        table: String,
    },
    /// A column is missing.
    Column {
        /// The datasource that its table belongs to.
        datasource: String,
        /// The table.
        table: String,
        /// The column.
        column: String,
    },
    /// A view is missing, or as it was before its text or its tables changed, or is still there
    /// without its folder: making or dropping it failed.
    OldView {
        /// The view.
        view: String,
        /// Why, and what to do.
        reason: String,
    },
    /// A view of an operator's needs what is not there, or is left out without it.
    IncompleteView {
        /// The view.
        view: String,
        /// The file that says so.
        file: String,
        /// What it needs.
        missing: String,
    },
    /// Something that somebody else has made has the name of a view, and is left alone.
    OtherView {
        /// The view.
        view: String,
    },
}

impl Drift {
    /// Whether it has to be mended. What is left alone on purpose, or waits for a report, has not.
    pub fn is_failure(&self) -> bool {
        !matches!(self, Drift::OtherView { .. } | Drift::IncompleteView { .. })
    }

    /// The table, column or view.
    pub fn what(&self) -> String {
        match self {
            Drift::Table { table, .. } => table.clone(),
            Drift::Column { table, column, .. } => format!("{table}.{column}"),
            Drift::OldView { view, .. }
            | Drift::OtherView { view }
            | Drift::IncompleteView { view, .. } => view.clone(),
        }
    }

    /// Whose it is; none for a view.
    pub fn datasource(&self) -> Option<&str> {
        match self {
            Drift::Table { datasource, .. } | Drift::Column { datasource, .. } => Some(datasource),
            Drift::OldView { .. } | Drift::OtherView { .. } | Drift::IncompleteView { .. } => None,
        }
    }
}

impl fmt::Display for Drift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = self.what();
        match self {
            Drift::Table { .. } => write!(
                f,
                "the table {what} is missing: somebody has dropped or renamed it. Give it its name back, or run a report that fills it: that makes it again, and all reports that fill it read everything again"
            ),
            Drift::Column { .. } => write!(
                f,
                "the column {what} is missing: somebody has dropped or renamed it. Give it its name back, or run a report that fills its table: that adds it again, and all reports that fill the table read everything again"
            ),
            Drift::OldView { reason, .. } => {
                write!(f, "the view {what} could not be made, renewed or dropped: {reason}")
            }
            Drift::IncompleteView { file, missing, .. } => write!(
                f,
                "the view {what} needs {missing} ({file}), which is neither a table nor a view here; what reads it is left out until a run finds it"
            ),
            Drift::OtherView { .. } => write!(
                f,
                "{what} is a table or view that test-dashboard did not make, so it is left alone and there is no view of that name; when it is dropped or renamed, the next run makes the view"
            ),
        }
    }
}

/// Which tables and columns are missing, by name.
pub(crate) async fn missing(
    session: &mut DatabaseSession,
    doing: &str,
) -> Result<Vec<Drift>, StoreError> {
    let there = schema::columns(session, doing).await?;
    let known = schema::catalogued(session, doing).await?;
    let sql = "SELECT table_name, datasource FROM catalogue_tables ORDER BY table_name";
    let owner = |row: &Fields| Ok((row.text("table_name")?, row.text("datasource")?));
    let mut drift = Vec::new();
    for (table, datasource) in session.read(doing, sql, vec![], owner).await? {
        let Some(columns) = there.get(&table) else {
            schema::refuse_hidden(session, doing, &table).await?;
            drift.push(Drift::Table { datasource, table });
            continue;
        };
        let expected = known.get(&table).into_iter().flatten().map(String::as_str);
        let mut missing: Vec<&str> =
            expected.chain(HOSTS).filter(|column| !columns.contains(*column)).collect();
        missing.sort_unstable();
        drift.extend(missing.into_iter().map(|column| Drift::Column {
            datasource: datasource.clone(),
            table: table.clone(),
            column: column.to_owned(),
        }));
    }
    Ok(drift)
}

/// Makes the next run of these reports, in every project, read from the start, and tells until
/// then that they are not fresh. The views are made again as well: one may have followed a table
/// or column to its new name.
pub(crate) async fn read_again(
    session: &mut DatabaseSession,
    datasource: &str,
    reports: &[&str],
    what: &str,
) -> Result<(), StoreError> {
    let doing = format!("forgetting the checkpoints of what fills {what}");
    let why = format!(
        "{what} was missing in the database and was put back empty; the next run reads everything again, and until then it is incomplete"
    );
    for report in reports {
        let which = "datasource = ? AND report = ?";
        let status = format!(
            "UPDATE report_status SET outcome = 'failed', error = ?, good_run_id = NULL, \
             good_started_at = NULL, good_rows_read = NULL WHERE {which}"
        );
        let args = vec![why.as_str().into(), datasource.into(), (*report).into()];
        session.execute(&doing, &status, args).await?;
        let checkpoints = format!("DELETE FROM checkpoints WHERE {which}");
        let args = vec![datasource.into(), (*report).into()];
        session.execute(&doing, &checkpoints, args).await?;
    }
    session.execute(&doing, "UPDATE catalogue_views SET digest = ''", vec![]).await?;
    Ok(())
}
