// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Pumps a recording the way a run does, and keeps the rows.

use std::sync::Arc;

use test_dashboard_egress::Cassette;
use test_dashboard_model::Table;

use super::GoldenRow;
use super::row;
use crate::fixtures::Fixture;
use crate::plugin::printable;
use crate::pump::{DryRows, DryTable, Sink};
use crate::run::{self, Options, RunReport};
use crate::source::{Datasource, Job, ReadOptions};

/// What came of a recording.
#[derive(Debug)]
pub struct Replayed {
    /// The rows of every table that the report fills, as golden files have them.
    pub tables: Vec<(Arc<Table>, Vec<GoldenRow>)>,
    /// Why the rows are not to be trusted: what failed, recorded answers that were not asked
    /// for, rejected rows. Fit for a terminal.
    pub problems: Vec<String>,
    /// Whether everything was read to its end, so that a row that is not there is gone.
    pub complete: bool,
}

/// Replays a fixture: everything that holds for a run holds here too, but no credential is
/// looked up and nothing is written.
///
/// # Errors
///
/// When there is nothing to replay: the recording cannot be read, or the plugin or the
/// configuration does not know its report or project.
pub async fn replay(source: &Datasource<'_>, fixture: &Fixture) -> anyhow::Result<Replayed> {
    let job = Arc::new(job(source, fixture)?);
    let rows = DryRows::default();
    // One partition after the other: the rows of two that share a key, and the answers to two
    // that ask alike, then come in the same order every time.
    let options = Options { jobs: 1, ..Options::default() };
    let sink = Sink::Dry(rows.clone());
    let run = run::read(vec![Arc::clone(&job)], sink, &options, async |_| {}).await;
    let mut rows = rows.take();
    let mut problems = failures(&run);
    let complete = run.failures().all(|failure| failure.partition == run::RECORDING);
    let mut tables = Vec::new();
    for table in &job.tables {
        let delivered = rows.remove(&table.name);
        problems.extend(delivered.iter().flat_map(rejected));
        let delivered = delivered.as_ref().map(row::of_table).unwrap_or_default();
        tables.push((Arc::clone(table), delivered));
    }
    Ok(Replayed { tables, problems, complete })
}

fn job(source: &Datasource<'_>, fixture: &Fixture) -> anyhow::Result<Job> {
    let cassette = Cassette::load(&fixture.recording)?;
    let Some(now) = cassette.now() else {
        anyhow::bail!(
            "{} does not say when it was recorded (log.pages[0].startedDateTime), and a plugin may ask for another time's rows",
            fixture.recording.display()
        );
    };
    let window = cassette.window();
    let options = ReadOptions { now, window, full: false, tape: Some(Arc::new(cassette)) };
    Ok(source.job(&fixture.project, &fixture.report, options)?)
}

fn failures(run: &RunReport) -> Vec<String> {
    run.failures()
        .map(|failure| {
            let message = failure.error.as_ref().map_or("", |error| error.message.as_str());
            format!("{}: {}", failure.partition, printable(message))
        })
        .collect()
}

fn rejected(table: &DryTable) -> impl Iterator<Item = String> {
    table.rejected.iter().map(|row| {
        let (reason, row) = (printable(&row.reason), printable(&row.row));
        format!("{}: a row is rejected: {reason}: {row}", table.table.name)
    })
}
