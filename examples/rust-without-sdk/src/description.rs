//! What the plugin says of itself.

use crate::bindings::testops::datasource::types::{
    Column, ColumnType, CredentialKind, Description, Report, Setting, Table, TableMode,
};

/// The table, and its columns in the order of a row's values.
pub const TABLE: &str = "gitlab_pipelines";
/// The report.
pub const REPORT: &str = "pipelines";

/// The answer to `describe`.
pub fn description() -> Description {
    Description {
        name: "gitlab".into(),
        version: env!("CARGO_PKG_VERSION").into(),
        summary: "Pipelines of GitLab projects".into(),
        default_base_url: None,
        hosts: Vec::new(),
        credentials: vec![CredentialKind::Bearer],
        requests_per_minute: Some(300),
        settings: vec![Setting {
            name: "project-id".into(),
            description: "The project's number, such as 42: GitLab shows it on the project's page"
                .into(),
            required: true,
        }],
        tables: vec![Table {
            name: TABLE.into(),
            description: "A pipeline of the project, as it was when it was read last".into(),
            mode: TableMode::Merge,
            columns: columns(),
            key: vec!["id".into()],
        }],
        reports: vec![Report {
            name: REPORT.into(),
            description: "All pipelines of a project; reads what is new or was not finished".into(),
            tables: vec![TABLE.into()],
            exhaustive: true,
        }],
    }
}

fn columns() -> Vec<Column> {
    use ColumnType::{Int64, Text, Timestamp};
    vec![
        column("id", Int64, false, "The pipeline's number in the whole of GitLab"),
        column("iid", Int64, false, "Its number within the project"),
        column("status", Text, false, "success, failed, canceled, skipped, running, pending, …"),
        column("source", Text, true, "What started it: push, schedule, merge_request_event, …"),
        column("ref", Text, false, "The branch or tag"),
        column("sha", Text, false, "The commit"),
        column("created_at", Timestamp, false, "When it was made"),
        column("updated_at", Timestamp, true, "When its status changed last"),
        column("web_url", Text, false, "Where a person can look at it"),
    ]
}

fn column(name: &str, kind: ColumnType, nullable: bool, description: &str) -> Column {
    let description = description.into();
    Column { name: name.into(), kind, nullable, max_length: None, description }
}
