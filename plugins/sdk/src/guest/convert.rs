// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Between the contract's generated types and those of plugin authors.

use super::bindings::testops::datasource::types;
use super::wit;
use crate::http::SharedTransport;
use crate::{
    Batch, Column, ColumnType, Context, CredentialKind, Description, Failure, FailureKind,
    Partition, Report, Request, Setting, Table, TableMode, Timestamp, Value,
};

pub(super) fn context(
    context: wit::ProjectContext,
    transport: SharedTransport,
) -> Result<Context, Failure> {
    let now = moment(context.now)?;
    Ok(Context::new(context.project, context.base_url, context.settings, now, transport))
}

pub(super) fn request(
    request: wit::Request,
    transport: SharedTransport,
) -> Result<Request, Failure> {
    Ok(Request {
        report: request.report,
        context: context(request.context, transport)?,
        since: request.since.map(moment).transpose()?,
        until: request.until.map(moment).transpose()?,
        full: request.full,
    })
}

fn moment(micros: i64) -> Result<Timestamp, Failure> {
    Timestamp::from_microsecond(micros).map_err(|error| {
        Failure::internal(format!("the host gave {micros} microseconds as a time: {error}"))
    })
}

impl From<wit::Partition> for Partition {
    fn from(partition: wit::Partition) -> Self {
        Partition { id: partition.id, data: partition.data }
    }
}

impl From<Partition> for wit::Partition {
    fn from(partition: Partition) -> Self {
        wit::Partition { id: partition.id, data: partition.data }
    }
}

impl From<Batch> for wit::Batch {
    fn from(batch: Batch) -> Self {
        let row = |row: Vec<Value>| row.into_iter().map(types::Value::from).collect();
        wit::Batch {
            table: batch.table,
            rows: batch.rows.into_iter().map(row).collect(),
            checkpoint: batch.checkpoint.map(|checkpoint| checkpoint.0),
        }
    }
}

impl From<Value> for types::Value {
    fn from(value: Value) -> Self {
        match value {
            Value::Null => types::Value::Null,
            Value::Boolean(value) => types::Value::Boolean(value),
            Value::Int64(value) => types::Value::Int64(value),
            Value::Float64(value) => types::Value::Float64(value),
            Value::Decimal(text) => types::Value::Decimal(text),
            Value::Text(text) => types::Value::Text(text),
            Value::Bytes(bytes) => types::Value::Bytes(bytes),
            Value::Date(days) => types::Value::Date(days),
            Value::Timestamp(micros) => types::Value::Timestamp(micros),
            Value::Json(text) => types::Value::Json(text),
        }
    }
}

impl From<Failure> for types::Failure {
    fn from(failure: Failure) -> Self {
        let kind = match failure.kind {
            FailureKind::Config => types::FailureKind::Config,
            FailureKind::Auth => types::FailureKind::Auth,
            FailureKind::NotFound => types::FailureKind::NotFound,
            FailureKind::RateLimited => types::FailureKind::RateLimited,
            FailureKind::Transient => types::FailureKind::Transient,
            FailureKind::UnexpectedResponse => types::FailureKind::UnexpectedResponse,
            FailureKind::Internal => types::FailureKind::Internal,
        };
        types::Failure { kind, message: failure.message, retry_after: failure.retry_after }
    }
}

impl From<Description> for types::Description {
    fn from(description: Description) -> Self {
        types::Description {
            name: description.name,
            version: description.version,
            summary: description.summary,
            default_base_url: description.default_base_url,
            hosts: description.hosts,
            credentials: description.credentials.into_iter().map(Into::into).collect(),
            requests_per_minute: description.requests_per_minute,
            settings: description.settings.into_iter().map(Into::into).collect(),
            tables: description.tables.into_iter().map(Into::into).collect(),
            reports: description.reports.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<CredentialKind> for types::CredentialKind {
    fn from(kind: CredentialKind) -> Self {
        match kind {
            CredentialKind::Bearer => types::CredentialKind::Bearer,
            CredentialKind::RawToken => types::CredentialKind::RawToken,
            CredentialKind::Basic => types::CredentialKind::Basic,
            CredentialKind::Header => types::CredentialKind::Header,
        }
    }
}

impl From<Setting> for types::Setting {
    fn from(setting: Setting) -> Self {
        let Setting { name, description, required } = setting;
        types::Setting { name, description, required }
    }
}

impl From<Report> for types::Report {
    fn from(report: Report) -> Self {
        let Report { name, description, tables, exhaustive } = report;
        types::Report { name, description, tables, exhaustive }
    }
}

impl From<Table> for types::Table {
    fn from(table: Table) -> Self {
        types::Table {
            name: table.name,
            description: table.description,
            mode: match table.mode {
                TableMode::Merge => types::TableMode::Merge,
                TableMode::Snapshot => types::TableMode::Snapshot,
            },
            columns: table.columns.into_iter().map(Into::into).collect(),
            key: table.key,
        }
    }
}

impl From<Column> for types::Column {
    fn from(column: Column) -> Self {
        let kind = match column.kind {
            ColumnType::Boolean => types::ColumnType::Boolean,
            ColumnType::Int64 => types::ColumnType::Int64,
            ColumnType::Float64 => types::ColumnType::Float64,
            ColumnType::Decimal { precision, scale } => {
                types::ColumnType::Decimal(types::DecimalSize { precision, scale })
            }
            ColumnType::Text => types::ColumnType::Text,
            ColumnType::Bytes => types::ColumnType::Bytes,
            ColumnType::Date => types::ColumnType::Date,
            ColumnType::Timestamp => types::ColumnType::Timestamp,
            ColumnType::Json => types::ColumnType::Json,
        };
        types::Column {
            name: column.name,
            kind,
            nullable: column.nullable,
            max_length: column.max_length,
            description: column.description,
        }
    }
}
