// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Which slice of which report a writer works on.

use std::fmt;

use crate::fields::Fields;

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
