// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! What runs, reports and partitions are known by.

use std::fmt;

use crate::connect::connection::Arg;
use crate::sql::fields::Fields;

/// Names one partition: its checkpoint is kept under this, and its rows carry it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PartitionKey {
    /// The project's name in the operator's configuration, at most 64 characters.
    pub project: String,
    /// The datasource's name, at most 20 characters.
    pub datasource: String,
    /// The report's name, at most 60 characters.
    pub report: String,
    /// The partition's id within report and project, at most 200 characters.
    pub partition: String,
}

impl PartitionKey {
    pub(crate) fn read(row: &Fields) -> Result<PartitionKey, sqlx::Error> {
        Ok(PartitionKey {
            project: row.text("project")?,
            datasource: row.text("datasource")?,
            report: row.text("report")?,
            partition: row.text("partition_id")?,
        })
    }

    /// What stands in the column `_partition`: `report/partition`.
    ///
    /// With the report, because two reports may fill one table and name their partitions
    /// alike; a snapshot of one of them must not remove the other's rows. A report's name has
    /// no `/`, so this is unambiguous.
    pub(crate) fn row_owner(&self) -> String {
        format!("{}/{}", self.report, self.partition)
    }
}

impl fmt::Display for PartitionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.project, self.report, self.partition)
    }
}

/// A report of a project, across its partitions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportKey {
    /// The project's name.
    pub project: String,
    /// The datasource's name.
    pub datasource: String,
    /// The report's name.
    pub report: String,
}

impl ReportKey {
    pub(crate) fn read(row: &Fields) -> Result<ReportKey, sqlx::Error> {
        Ok(ReportKey {
            project: row.text("project")?,
            datasource: row.text("datasource")?,
            report: row.text("report")?,
        })
    }

    pub(crate) fn args(&self) -> Vec<Arg> {
        [&self.project, &self.datasource, &self.report].map(|text| text.as_str().into()).into()
    }
}

/// Names a run; given out by the database, rising.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(pub i64);

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
