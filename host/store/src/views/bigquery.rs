// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The statements that make BigQuery read a database: a view for each table and view, through a
//! federated query, and one that tells how fresh they are.
//!
//! A view selects from `EXTERNAL_QUERY`, which sends its *inner query* to PostgreSQL or MySQL
//! as it is, and types what comes back by the rules below. So a statement is in two dialects:
//! the inner query casts what these rules have no place for, the outer one to the type that the
//! column is declared as.
//!
//! | Declared | PostgreSQL sends | MySQL sends | BigQuery has |
//! |---|---|---|---|
//! | boolean | boolean | bigint: the rules name no boolean | BOOL |
//! | int64 | bigint | bigint: signed, because unsigned would arrive as NUMERIC | INT64 |
//! | float64 | double precision | double | FLOAT64 |
//! | decimal | text | text | NUMERIC up to 29 digits before and 9 after the point, else BIGNUMERIC |
//! | text | text | text, converted | STRING |
//! | bytes | bytea | blob | BYTES |
//! | date | date | date | DATE |
//! | timestamp | timestamp with time zone | datetime, which arrives as DATETIME | TIMESTAMP |
//! | json | text | text (it is stored as that), converted | JSON |
//!
//! MySQL marks text that is compared byte by byte as binary, so a reader may take it for bytes:
//! it is converted to text of the ordinary sort.
//!
//! Decimals are sent as text, because all decimals of a query arrive as one type, NUMERIC unless
//! an option names another, and what does not fit fails the query. PostgreSQL's json would
//! arrive as STRING by itself; jsonb, and types that the rules do not name, fail the query
//! before it runs, and no cast on the outside helps.
//!
//! Sources: the data type mappings at
//! <https://cloud.google.com/bigquery/docs/reference/standard-sql/federated_query_functions>,
//! limits of the queries at <https://cloud.google.com/bigquery/docs/postgresql-federated-queries>
//! and <https://cloud.google.com/bigquery/docs/mysql-federated-queries> (every expression needs
//! an alias), and that MySQL's JSON arrives as STRING from
//! <https://github.com/mozilla/bigquery-etl/pull/7104>.

mod freshness;
mod names;

use test_dashboard_model::text::is_visible;
use test_dashboard_model::{Column, ColumnType, Table};

pub use names::{Connection, Dataset};

use super::Views;
use super::data::View;
use crate::engine::Engine;
use crate::sql::merge::{EXTRACTED_AT, PARTITION, RUN_ID};

/// The greatest number of characters of a column's description.
/// <https://cloud.google.com/bigquery/quotas#table_limits>
const COLUMN_DESCRIPTION: usize = 1_024;
/// The same of a view.
const VIEW_DESCRIPTION: usize = 16_384;

/// `_partition` in BigQuery, where no column may begin with `_PARTITION`.
/// <https://cloud.google.com/bigquery/docs/schemas#column_names>
const PARTITION_THERE: &str = "_in_partition";

/// One statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// The view that it makes.
    pub view: String,
    /// The statement, with a semicolon.
    pub sql: String,
}

/// The statements that make BigQuery's views over these tables and over the views of which all
/// tables are among them, in the order of their names, and `freshness` at the end.
pub fn statements(
    source: SourceEngine,
    connection: &Connection,
    dataset: Option<&Dataset>,
    tables: &[&Table],
    views: &Views,
) -> Vec<Statement> {
    let mut relations: Vec<Relation> =
        tables.iter().map(|table| Relation::of_table(table)).collect();
    relations.sort_by(|a, b| a.name.cmp(&b.name));
    relations.extend(views_over(tables, views));
    let create = |relation: Relation| {
        let sql = relation.create(source, connection, dataset, &relation.query(source));
        Statement { view: relation.name, sql }
    };
    let mut statements: Vec<Statement> = relations.into_iter().map(create).collect();
    statements.push(freshness::statement(source, connection, dataset));
    statements
}

/// The views that the host makes over these tables, as far as their columns are known.
fn views_over(tables: &[&Table], views: &Views) -> Vec<Relation> {
    let mut made: Vec<&View> = Vec::new();
    for view in views.all() {
        let is_there = |name: &String| {
            tables.iter().any(|table| table.name == *name)
                || made.iter().any(|below| below.name == *name)
        };
        if view.parts.iter().any(|part| part.needs.iter().all(is_there)) {
            made.push(view);
        }
    }
    made.sort_by(|a, b| a.name.cmp(&b.name));
    let known = made.into_iter().filter(|view| !view.columns.is_empty());
    let relation = |view: &View| Relation {
        name: view.name.clone(),
        description: view.description.clone(),
        columns: view
            .columns
            .iter()
            .map(|column| Field::new(&column.name, column.kind, &column.description))
            .collect(),
    };
    known.map(relation).collect()
}

/// A table or view that is read.
struct Relation {
    name: String,
    description: String,
    columns: Vec<Field>,
}

/// One of its columns.
struct Field {
    name: String,
    /// Its name in BigQuery.
    there: String,
    kind: ColumnType,
    description: String,
}

impl Field {
    fn new(name: &str, kind: ColumnType, description: &str) -> Self {
        Field { name: name.into(), there: name.into(), kind, description: description.into() }
    }
}

impl Relation {
    fn of_table(table: &Table) -> Self {
        let declared = |column: &Column| Field::new(&column.name, column.kind, &column.description);
        let project = "The project's name in the pump's configuration.";
        let partition = Field {
            there: PARTITION_THERE.into(),
            ..Field::new(PARTITION, ColumnType::Text, "The part of the report that has the row.")
        };
        let mut columns = vec![Field::new("project", ColumnType::Text, project)];
        columns.extend(table.columns.iter().map(declared));
        columns.extend([
            partition,
            Field::new(RUN_ID, ColumnType::Int64, "The run that last changed the row."),
            Field::new(EXTRACTED_AT, ColumnType::Timestamp, "When the row last changed."),
        ]);
        let (name, description) = (table.name.clone(), table.description.clone());
        Relation { name, description, columns }
    }

    /// The inner query that reads all of it.
    fn query(&self, source: SourceEngine) -> String {
        let columns: Vec<String> = self
            .columns
            .iter()
            .map(|field| {
                let sent = source.sent(&source.quote(&field.name), field.kind);
                format!("  {sent} AS {}", source.quote(&field.there))
            })
            .collect();
        format!("SELECT\n{}\nFROM {}", columns.join(",\n"), source.quote(&self.name))
    }

    /// The statement that makes the view, whose columns are those of the inner query.
    fn create(
        &self,
        source: SourceEngine,
        connection: &Connection,
        dataset: Option<&Dataset>,
        query: &str,
    ) -> String {
        let received = |field: &Field| source.received(&format!("`{}`", field.there), field.kind);
        let columns: Vec<(&Field, String)> =
            self.columns.iter().map(|field| (field, received(field))).collect();
        create(&self.name, &self.description, &columns, connection, dataset, query)
    }
}

/// `CREATE OR REPLACE VIEW`, with each column's expression over what the inner query gives.
fn create(
    name: &str,
    description: &str,
    columns: &[(&Field, String)],
    connection: &Connection,
    dataset: Option<&Dataset>,
    query: &str,
) -> String {
    let options = |text: &str, most| format!("OPTIONS (description = {})", literal(text, most));
    let listed: Vec<String> = columns
        .iter()
        .map(|(field, _)| {
            format!("  `{}` {}", field.there, options(&field.description, COLUMN_DESCRIPTION))
        })
        .collect();
    let selected: Vec<String> =
        columns.iter().map(|(field, value)| format!("  {value} AS `{}`", field.there)).collect();
    let path = dataset.map(|dataset| format!("{dataset}.")).unwrap_or_default();
    // The inner query has no backslash, and every double quote in it stands beside a name.
    format!(
        "CREATE OR REPLACE VIEW {path}`{name}` (\n{listed}\n)\n{options}\nAS SELECT\n{selected}\nFROM EXTERNAL_QUERY(\"{connection}\", \"\"\"\n{query}\n\"\"\");",
        listed = listed.join(",\n"),
        options = options(description, VIEW_DESCRIPTION),
        selected = selected.join(",\n"),
    )
}

/// What is asked: the dialect of the inner query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceEngine {
    /// PostgreSQL.
    Postgres,
    /// MySQL.
    Mysql,
}

impl SourceEngine {
    /// The engine, if it is one that BigQuery can ask: SQLite is a file.
    pub fn of(engine: Engine) -> Option<SourceEngine> {
        match engine {
            Engine::Sqlite => None,
            Engine::Postgres => Some(SourceEngine::Postgres),
            Engine::Mysql => Some(SourceEngine::Mysql),
        }
    }

    /// A name as a session has it that nobody has set up.
    fn quote(self, name: &str) -> String {
        match self {
            SourceEngine::Postgres => format!("\"{name}\""),
            SourceEngine::Mysql => format!("`{name}`"),
        }
    }

    /// A column as the inner query sends it.
    fn sent(self, column: &str, kind: ColumnType) -> String {
        match (self, kind) {
            (SourceEngine::Postgres, ColumnType::Decimal { .. } | ColumnType::Json) => {
                format!("CAST({column} AS text)")
            }
            (SourceEngine::Mysql, ColumnType::Boolean) => format!("CAST({column} AS SIGNED)"),
            (SourceEngine::Mysql, ColumnType::Decimal { .. }) => format!("CAST({column} AS CHAR)"),
            (SourceEngine::Mysql, ColumnType::Text | ColumnType::Json) => {
                format!("CONVERT({column} USING utf8mb4)")
            }
            _ => column.to_owned(),
        }
    }

    /// What the outer query makes of it.
    fn received(self, column: &str, kind: ColumnType) -> String {
        let cast = |to: &str| format!("CAST({column} AS {to})");
        match kind {
            ColumnType::Boolean => cast("BOOL"),
            ColumnType::Int64 => cast("INT64"),
            ColumnType::Float64 => cast("FLOAT64"),
            ColumnType::Decimal { precision, scale } => cast(decimal(precision, scale)),
            ColumnType::Text => cast("STRING"),
            ColumnType::Bytes => cast("BYTES"),
            ColumnType::Date => cast("DATE"),
            ColumnType::Timestamp if self == SourceEngine::Mysql => {
                format!("TIMESTAMP({column}, 'UTC')")
            }
            ColumnType::Timestamp => cast("TIMESTAMP"),
            // One document that BigQuery cannot hold, such as one nested too deeply, is null
            // instead of a failure of every query; of a number too long for it the last digits
            // are lost.
            ColumnType::Json => format!("SAFE.PARSE_JSON({column}, wide_number_mode => 'round')"),
        }
    }
}

/// The type that holds it exactly.
/// <https://cloud.google.com/bigquery/docs/reference/standard-sql/data-types#decimal_types>
fn decimal(precision: u8, scale: u8) -> &'static str {
    let fits_numeric = scale <= 9 && precision.saturating_sub(scale) <= 29;
    if fits_numeric { "NUMERIC" } else { "BIGNUMERIC" }
}

/// A string of at most `most` characters. What a plugin says of its columns is its own text: it
/// ends no string, breaks no line, and does not steer the terminal that shows the statement.
fn literal(text: &str, most: usize) -> String {
    let cut = text.chars().nth(most).is_some();
    let kept = text.chars().take(if cut { most - 1 } else { most });
    let mut literal = String::from("\"");
    for c in kept.chain(cut.then_some('…')) {
        match c {
            '\\' | '"' => literal.extend(['\\', c]),
            '\n' => literal.push_str("\\n"),
            c if !is_visible(c) => {
                literal.push_str(&format!("\\U{:08X}", u32::from(c)));
            }
            c => literal.push(c),
        }
    }
    literal.push('"');
    literal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_of_the_smallest_type_that_holds_them() {
        for (precision, scale, expected) in [
            (38, 9, "NUMERIC"),
            (29, 0, "NUMERIC"),
            (30, 0, "BIGNUMERIC"),
            (10, 10, "BIGNUMERIC"),
            (38, 30, "BIGNUMERIC"),
            (38, 0, "BIGNUMERIC"),
        ] {
            assert_eq!(decimal(precision, scale), expected, "decimal({precision},{scale})");
        }
    }

    #[test]
    fn a_description_stays_within_its_string() {
        assert_eq!(literal("a \"b\" \\ `c` 'd'", 99), r#""a \"b\" \\ `c` 'd'""#);
        assert_eq!(literal("\"\"\"); DROP VIEW x; --\n", 99), r#""\"\"\"); DROP VIEW x; --\n""#);
        assert_eq!(
            literal("a\u{1b}[2J\u{202e}\r🐞", 99),
            r#""a\U0000001B[2J\U0000202E\U0000000D🐞""#
        );
    }

    #[test]
    fn a_long_description_is_cut_by_characters() {
        assert_eq!(literal("🐞🐞🐞", 3), "\"🐞🐞🐞\"");
        assert_eq!(literal("🐞🐞🐞🐞", 3), "\"🐞🐞…\"");
    }
}
