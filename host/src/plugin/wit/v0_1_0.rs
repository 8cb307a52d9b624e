// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The contract's version 0.1.0, as in `wit/0.1.0`.

use test_dashboard_model as model;
use wasmtime::component::{HasSelf, Linker};

use crate::plugin::instance;
use crate::plugin::state::{State, printable};

wasmtime::component::bindgen!({
    path: "../wit/0.1.0",
    world: "plugin",
    imports: { default: trappable },
    exports: { default: async },
});

pub use exports::testops::datasource::datasource as guest;
use testops::datasource::log;
use testops::datasource::types;

/// Links what the world imports.
pub fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    Plugin::add_to_linker::<_, HasSelf<_>>(linker, |state| state)
}

impl log::Host for State {
    fn write(&mut self, level: log::Level, message: String) -> wasmtime::Result<()> {
        let level = match level {
            log::Level::Debug => tracing::Level::DEBUG,
            log::Level::Info => tracing::Level::INFO,
            log::Level::Warn => tracing::Level::WARN,
        };
        self.log(level, &message)
    }
}

impl types::Host for State {}

/// What is said for a person is made printable here, at the border; names are checked later,
/// by `model::declaration`.
impl From<types::Description> for model::Description {
    fn from(from: types::Description) -> Self {
        model::Description {
            name: from.name,
            version: printable(&from.version),
            summary: printable(&from.summary),
            default_base_url: from.default_base_url.as_deref().map(printable),
            hosts: from.hosts.iter().map(|host| printable(host)).collect(),
            credentials: from.credentials.into_iter().map(Into::into).collect(),
            requests_per_minute: from.requests_per_minute,
            settings: from.settings.into_iter().map(Into::into).collect(),
            tables: from.tables.into_iter().map(Into::into).collect(),
            reports: from.reports.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<types::CredentialKind> for model::CredentialKind {
    fn from(from: types::CredentialKind) -> Self {
        match from {
            types::CredentialKind::Bearer => model::CredentialKind::Bearer,
            types::CredentialKind::RawToken => model::CredentialKind::RawToken,
            types::CredentialKind::Basic => model::CredentialKind::Basic,
            types::CredentialKind::Header => model::CredentialKind::Header,
        }
    }
}

impl From<types::Setting> for model::Setting {
    fn from(from: types::Setting) -> Self {
        model::Setting {
            name: from.name,
            description: printable(&from.description),
            required: from.required,
        }
    }
}

impl From<types::Report> for model::Report {
    fn from(from: types::Report) -> Self {
        model::Report {
            name: from.name,
            description: printable(&from.description),
            tables: from.tables,
            exhaustive: from.exhaustive,
        }
    }
}

impl From<types::Table> for model::Table {
    fn from(from: types::Table) -> Self {
        model::Table {
            name: from.name,
            description: printable(&from.description),
            mode: match from.mode {
                types::TableMode::Merge => model::TableMode::Merge,
                types::TableMode::Snapshot => model::TableMode::Snapshot,
            },
            columns: from.columns.into_iter().map(Into::into).collect(),
            key: from.key,
        }
    }
}

impl From<types::Column> for model::Column {
    fn from(from: types::Column) -> Self {
        model::Column {
            name: from.name,
            kind: from.kind.into(),
            nullable: from.nullable,
            max_length: from.max_length,
            description: printable(&from.description),
        }
    }
}

impl From<types::ColumnType> for model::ColumnType {
    fn from(from: types::ColumnType) -> Self {
        match from {
            types::ColumnType::Boolean => model::ColumnType::Boolean,
            types::ColumnType::Int64 => model::ColumnType::Int64,
            types::ColumnType::Float64 => model::ColumnType::Float64,
            types::ColumnType::Decimal(size) => {
                model::ColumnType::Decimal { precision: size.precision, scale: size.scale }
            }
            types::ColumnType::Text => model::ColumnType::Text,
            types::ColumnType::Bytes => model::ColumnType::Bytes,
            types::ColumnType::Date => model::ColumnType::Date,
            types::ColumnType::Timestamp => model::ColumnType::Timestamp,
            types::ColumnType::Json => model::ColumnType::Json,
        }
    }
}

impl From<types::Value> for model::Value {
    fn from(from: types::Value) -> Self {
        match from {
            types::Value::Null => model::Value::Null,
            types::Value::Boolean(value) => model::Value::Boolean(value),
            types::Value::Int64(value) => model::Value::Int64(value),
            types::Value::Float64(value) => model::Value::Float64(value),
            types::Value::Decimal(value) => model::Value::Decimal(value),
            types::Value::Text(value) => model::Value::Text(value),
            types::Value::Bytes(value) => model::Value::Bytes(value),
            types::Value::Date(value) => model::Value::Date(value),
            types::Value::Timestamp(value) => model::Value::Timestamp(value),
            types::Value::Json(value) => model::Value::Json(value),
        }
    }
}

impl From<types::Failure> for model::Failure {
    fn from(from: types::Failure) -> Self {
        model::Failure {
            kind: match from.kind {
                types::FailureKind::Config => model::FailureKind::Config,
                types::FailureKind::Auth => model::FailureKind::Auth,
                types::FailureKind::NotFound => model::FailureKind::NotFound,
                types::FailureKind::RateLimited => model::FailureKind::RateLimited,
                types::FailureKind::Transient => model::FailureKind::Transient,
                types::FailureKind::UnexpectedResponse => model::FailureKind::UnexpectedResponse,
                types::FailureKind::Internal => model::FailureKind::Internal,
            },
            message: printable(&from.message),
            retry_after: from.retry_after,
        }
    }
}

impl From<guest::Partition> for model::Partition {
    fn from(from: guest::Partition) -> Self {
        model::Partition { id: from.id, data: from.data }
    }
}

impl From<&model::Partition> for guest::Partition {
    fn from(from: &model::Partition) -> Self {
        guest::Partition { id: from.id.clone(), data: from.data.clone() }
    }
}

impl From<guest::Batch> for instance::Batch {
    fn from(from: guest::Batch) -> Self {
        let rows: Vec<model::Row> =
            from.rows.into_iter().map(|row| row.into_iter().map(Into::into).collect()).collect();
        let checkpoint = from.checkpoint.map(model::CheckpointText);
        let values: u64 = rows.iter().flatten().map(model::Value::size).sum();
        let documents =
            rows.iter().flatten().filter(|value| matches!(value, model::Value::Json(_)));
        let largest_document = documents.map(model::Value::size).max().unwrap_or(0);
        let around = size_of_val(rows.as_slice())
            + from.table.len()
            + checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.0.len());
        instance::Batch {
            table: from.table,
            bytes: values + around as u64,
            largest_document,
            rows,
            checkpoint,
            held: None,
        }
    }
}

impl From<&instance::ProjectContext> for guest::ProjectContext {
    fn from(from: &instance::ProjectContext) -> Self {
        guest::ProjectContext {
            project: from.project.clone(),
            base_url: from.base_url.clone(),
            settings: from.settings.clone(),
            now: from.now.as_microsecond(),
        }
    }
}

impl From<&instance::Request> for guest::Request {
    fn from(from: &instance::Request) -> Self {
        guest::Request {
            report: from.report.clone(),
            context: (&from.context).into(),
            since: from.since.map(jiff::Timestamp::as_microsecond),
            until: from.until.map(jiff::Timestamp::as_microsecond),
            full: from.full,
        }
    }
}
