// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The text of the statements by which staged rows become rows of their table.

use test_dashboard_model::{Column, Table, TableMode, declaration};

use crate::sql::dialect::Dialect;
use crate::sql::{list, quote};

/// The columns that the host adds after a plugin's own: the partition that owns the row, and
/// the run and the time that last changed it.
pub(crate) const PARTITION: &str = "_partition";
pub(crate) const RUN_ID: &str = "_run_id";
pub(crate) const EXTRACTED_AT: &str = "_extracted_at";

/// The greatest number of characters of `_partition`: a report's name, `/`, a partition's id.
pub(crate) const PARTITION_CHARACTERS: u32 = 60 + 1 + 200;

/// The staged rows of one table, about to be merged.
pub(crate) struct Merge<'a> {
    pub(crate) table: &'a Table,
    pub(crate) dialect: &'a dyn Dialect,
}

impl Merge<'_> {
    /// The table, quoted.
    pub(crate) fn target(&self) -> String {
        quote(&self.table.name)
    }

    /// The staging table.
    pub(crate) fn stage(&self) -> String {
        self.dialect.stage_name(&self.table.name)
    }

    /// The columns that are not part of the key.
    fn payload(&self) -> impl Iterator<Item = &Column> {
        self.table.columns.iter().filter(|column| !self.table.is_key(&column.name))
    }

    /// Whether there is anything beside the key that could differ.
    pub(crate) fn has_payload(&self) -> bool {
        self.payload().next().is_some()
    }

    /// `t."k" = s."k" AND …`: the row of the table `t` that a staged row `s` is about, given
    /// the project.
    pub(crate) fn same_key(&self, t: &str, s: &str) -> String {
        list(&self.table.key, " AND ", |name| {
            let name = quote(name);
            format!("{t}.{name} = {s}.{name}")
        })
    }

    /// `a OR b …` over the columns beside the key, of the table `t` and the staged row `s`.
    pub(crate) fn any_differs(&self, t: &str, differs: impl Fn(&str, &str) -> String) -> String {
        list(self.payload(), " OR ", |column| {
            let name = quote(&column.name);
            let stored = self.dialect.comparable(column, &format!("{t}.{name}"));
            differs(&stored, &format!("s.{name}"))
        })
    }

    /// `"a" = s."a", …` over the columns beside the key, then the host's three. `prefix` goes
    /// before the columns on the left.
    pub(crate) fn assignments(&self, prefix: &str) -> String {
        let payload = list(self.payload(), "", |column| {
            format!("{prefix}{} = {}, ", quote(&column.name), self.dialect.staged_value(column))
        });
        format!(
            "{payload}{prefix}\"{PARTITION}\" = ?, {prefix}\"{RUN_ID}\" = ?, {prefix}\"{EXTRACTED_AT}\" = {}",
            self.dialect.time_parameter()
        )
    }

    /// Inserts the staged rows whose key the table does not have. Parameters: project,
    /// `_partition`, `_run_id`, `_extracted_at`, project.
    pub(crate) fn insert(&self) -> String {
        let columns = list(&self.table.columns, ", ", |column| quote(&column.name));
        let values = list(&self.table.columns, ", ", |column| self.dialect.staged_value(column));
        format!(
            "INSERT INTO {target} (\"project\", {columns}, \"{PARTITION}\", \"{RUN_ID}\", \"{EXTRACTED_AT}\") \
             SELECT ?, {values}, ?, ?, {time} FROM {stage} AS s \
             WHERE NOT EXISTS (SELECT 1 FROM {target} AS t WHERE t.\"project\" = ? AND {key})",
            target = self.target(),
            stage = self.stage(),
            time = self.dialect.time_parameter(),
            key = self.same_key("t", "s"),
        )
    }

    /// How many rows are staged.
    pub(crate) fn count(&self) -> String {
        format!("SELECT COUNT(*) AS staged FROM {}", self.stage())
    }
}

/// The statements that create a plugin's table.
///
/// Only the key is NOT NULL: the host has checked every row against its declaration, and a
/// column that a later version of the plugin may leave out has to take null.
pub(crate) fn create_table(dialect: &dyn Dialect, table: &Table) -> Vec<String> {
    let columns = list(&table.columns, "", |column| {
        let is_key = table.is_key(&column.name);
        let not_null = if is_key { " NOT NULL" } else { "" };
        format!("  {} {}{not_null},\n", quote(&column.name), dialect.column_type(column, is_key))
    });
    let index = create_index(table);
    // Where every statement commits by itself, table and index are made by one.
    let inline = match &index {
        Some(_) if !dialect.has_transactional_ddl() => {
            format!(",\n  INDEX {} (\"project\", \"{PARTITION}\")", quote(&index_name(&table.name)))
        }
        _ => String::new(),
    };
    let create = format!(
        "CREATE TABLE {name} (\n  \"project\" {project} NOT NULL,\n{columns}  \"{PARTITION}\" {partition} NOT NULL,\n  \
         \"{RUN_ID}\" {integer} NOT NULL,\n  \"{EXTRACTED_AT}\" {time} NOT NULL,\n  \
         PRIMARY KEY (\"project\", {key}){inline}\n){options}",
        name = quote(&table.name),
        project = dialect.name_type(declaration::MAX_PROJECT_NAME),
        partition = dialect.name_type(PARTITION_CHARACTERS),
        integer = dialect.integer_type(),
        time = dialect.time_type(),
        key = list(&table.key, ", ", |name| quote(name)),
        options = dialect.table_options(),
    );
    let separate = index.filter(|_| dialect.has_transactional_ddl());
    std::iter::once(create).chain(separate).collect()
}

/// The index by which a snapshot finds the rows of its partition; merge tables need none.
pub(crate) fn create_index(table: &Table) -> Option<String> {
    (table.mode == TableMode::Snapshot).then(|| {
        format!(
            "CREATE INDEX {} ON {} (\"project\", \"{PARTITION}\")",
            quote(&index_name(&table.name)),
            quote(&table.name)
        )
    })
}

/// At most 48 + 10 characters, which every database takes.
pub(crate) fn index_name(table: &str) -> String {
    format!("{table}_partition")
}
