// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The view `freshness`: per project and report the last success, its age, and the rows that
//! were rejected.

use test_dashboard_model::ColumnType::{Float64, Int64, Text, Timestamp};

use super::{Connection, Dataset, Field, SourceEngine, Statement, create};

/// What is asked for: what `test-dashboard status` tells.
fn query(source: SourceEngine) -> String {
    let [project, datasource, report, outcome] =
        ["s.project", "s.datasource", "s.report", "s.outcome"]
            .map(|column| source.sent(column, Text));
    format!(
        "\
SELECT {project} AS project, {datasource} AS datasource, {report} AS report,
  s.good_started_at AS last_success, {outcome} AS last_outcome,
  (SELECT COUNT(*) FROM rejected_rows AS r
   WHERE r.project = s.project AND r.datasource = s.datasource AND r.report = s.report)
    AS rejected_rows
FROM report_status AS s"
    )
}

pub(super) fn statement(
    source: SourceEngine,
    connection: &Connection,
    dataset: Option<&Dataset>,
) -> Statement {
    let name = "freshness";
    let success = Field::new(
        "last_success",
        Timestamp,
        "When the last run began of which everything succeeded, so that the tables hold what the service held then; null when there was none.",
    );
    let received = |field: &Field| source.received(&format!("`{}`", field.there), field.kind);
    let age = format!(
        "ROUND(TIMESTAMP_DIFF(CURRENT_TIMESTAMP(), {}, SECOND) / 3600, 2)",
        received(&success)
    );
    let project = Field::new("project", Text, "The project's name in the pump's configuration.");
    let datasource = Field::new("datasource", Text, "The datasource that the report is read from.");
    let report = Field::new("report", Text, "The report.");
    let hours = Field::new("age_hours", Float64, "Hours since last_success, now.");
    let outcome = Field::new(
        "last_outcome",
        Text,
        "How the last run that ended did: succeeded, partly-failed, failed or interrupted.",
    );
    let rejected = Field::new(
        "rejected_rows",
        Int64,
        "Rows that broke their declaration, and wait for a person.",
    );
    let columns: Vec<(&Field, String)> = vec![
        (&project, received(&project)),
        (&datasource, received(&datasource)),
        (&report, received(&report)),
        (&success, received(&success)),
        (&hours, age),
        (&outcome, received(&outcome)),
        (&rejected, received(&rejected)),
    ];
    let description =
        "How fresh each project's reports are: when one last succeeded, and what was rejected.";
    let sql = create(name, description, &columns, connection, dataset, &query(source));
    Statement { view: name.to_owned(), sql }
}
