// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! `test-plans-and-runs`: the plans and all runs, in plans and outside of them.
//!
//! Partitioned by the month of creation, see [`months`](crate::months), and read unit by unit,
//! see [`units`](crate::units). The runs are the same rows as those of `test-run-counts`,
//! whose two partitions go over all of time; use either, or both. With both, a row belongs to
//! the report that delivered it last, and only a full refresh of that one removes it.
//!
//! # What may differ from TestRail, until the next full refresh
//!
//! Plans, entries and runs that were deleted stay, as they were last seen. Everything else is
//! as it was in the last run, because what is completed does not change any more.
//!
//! # Requests
//!
//! With R runs outside of plans and P plans in M months, and [`pages`](crate::pages) as that
//! module counts them:
//!
//! - A first load makes pages(R) + pages(P) to plan, 2·M for the lists of each month, and P,
//!   because the runs of a plan are told only by the plan.
//! - A later run makes pages(R) + pages(P), 2 for what is new in the current month (until a
//!   day after its end), 1 for each month of which runs outside of plans were open, 1 for each
//!   of those runs that was completed or deleted since, and 1 for each plan that is new or was
//!   open.
//!
//! More than 250 in a month take more in both.

use std::mem;

use test_dashboard_sdk::{Batches, Buffered, Checkpoint, Failure, Partition, Reader, Request};

use crate::Settings;
use crate::absent::Absent;
use crate::runs::{self, TestRun};
use crate::units::{Content, Done, Marks, Unit, Units};

/// Begins to read a partition of [`months::plan`](crate::months::plan).
///
/// # Errors
///
/// When the settings make no sense, or the partition is no month.
pub fn open(
    request: &Request,
    partition: &Partition,
    checkpoint: Option<&Checkpoint>,
) -> Result<Box<dyn Reader>, Failure> {
    let Settings { project_id, .. } = request.context.settings()?;
    let rows = Rows { project_id, marks: Marks::default() };
    let units = Units::open(request, partition, checkpoint, rows)?;
    Ok(Box::new(Buffered::of::<TestRun>(units)))
}

/// The rows of a unit are in the unit.
struct Rows {
    project_id: i64,
    marks: Marks,
}

impl Content for Rows {
    fn begin(&mut self, unit: Unit, marks: Marks, batches: &mut Batches) -> Result<(), Failure> {
        self.marks = marks;
        match unit {
            Unit::Run(run) => batches.push(run.map(|run| run.into_row(self.project_id))),
            Unit::Plan(plan) => {
                batches.push(runs::plan_row(&plan, self.project_id));
                runs::rows_of_runs(plan, self.project_id).for_each(|row| batches.push(row));
            }
        }
        Ok(())
    }

    fn go_on(&mut self, _: &mut Absent, _: &mut Batches) -> Result<Option<Done>, Failure> {
        Ok(Some(Done { marks: mem::take(&mut self.marks), is_partial: false }))
    }
}
