// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The plugins' tables: created, extended, and refused where a change could lose rows.
//!
//! This is a step of its own before any row is staged, because MySQL commits at every DDL
//! statement. What a table was declared as is kept in the catalogue; what is there is read
//! from the database. Where both say so, nothing is changed and nothing is locked.
//!
//! What the catalogue knows and the database lacks, a person has dropped or renamed. It is put
//! back, empty, and the reports that fill it read everything again (see `drift.rs`).

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;
use test_dashboard_model::{Column, Table};

use crate::connect::connection::Arg;
use crate::error::StoreError;
use crate::session::patience::Retries;
use crate::session::{DatabaseSession, schema};
use crate::sql::dialect::Dialect;
use crate::sql::fields::Fields;
use crate::sql::merge::{create_index, create_table, index_name};
use crate::sql::{list, quote};
use crate::store::Store;
use crate::write::drift::{HOSTS, read_again};
use crate::write::offered::offer;

/// Who prepares tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// The datasource's name, whose tables they are.
    pub datasource: String,
    /// The plugin's version, for the catalogue.
    pub plugin_version: String,
    /// Its reports, each with the names of the tables that it fills.
    pub reports: Vec<(String, Vec<String>)>,
}

impl Owner {
    /// The reports that fill one of these tables.
    fn filling(&self, tables: &BTreeSet<&str>) -> Vec<&str> {
        let fills = |filled: &[String]| filled.iter().any(|table| tables.contains(table.as_str()));
        let filling = self.reports.iter().filter(|(_, filled)| fills(filled));
        filling.map(|(report, _)| report.as_str()).collect()
    }
}

/// What was done to a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TableChange {
    /// It was created.
    Created {
        /// Its name.
        table: String,
    },
    /// It got a column, null in every row that is there.
    ColumnAdded {
        /// The table's name.
        table: String,
        /// The column's name.
        column: String,
    },
    /// A person had dropped or renamed it, or one of its columns: it was put back, empty, and
    /// the checkpoints of the reports that fill it were forgotten.
    PutBack {
        /// What was put back, `github_issues` or `github_issues.title`.
        what: String,
        /// The reports that read everything again.
        reports: Vec<String>,
    },
}

/// One table of the catalogue, for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableStatus {
    /// Its name.
    pub name: String,
    /// The datasource that it belongs to.
    pub datasource: String,
    /// What one row is.
    pub description: String,
    /// How many rows it has; none when it is missing.
    pub rows: Option<i64>,
}

/// What the catalogue knows of a table.
#[derive(Debug)]
struct Known {
    datasource: String,
    mode: String,
    key: String,
    description: String,
    plugin_version: String,
    columns: HashMap<String, KnownColumn>,
}

#[derive(Debug)]
struct KnownColumn {
    kind: String,
    max_length: Option<u32>,
    description: String,
}

/// What is to be done about a table.
#[derive(Debug, Default, PartialEq)]
struct Plan<'a> {
    create: bool,
    add: Vec<&'a Column>,
    widen: Vec<&'a Column>,
    /// What of it a person has taken away: the table's name, or `table.column`.
    missing: Vec<String>,
    /// Columns that neither a declaration nor the database has any more.
    forget: Vec<String>,
    /// Whether the catalogue has to be written.
    record: bool,
}

impl Plan<'_> {
    fn is_empty(&self) -> bool {
        *self == Plan::default()
    }
}

impl Store {
    /// Makes the datasource's tables what they are declared to be: creates those that are
    /// missing, adds columns that are new. A column that is not declared any more stays. Records
    /// which reports the plugin has, for [`Store::offered`]. Two hosts may do so at once.
    ///
    /// # Errors
    ///
    /// Before anything is changed: [`StoreError::Changed`] for a changed type, key or mode, or a
    /// part of the key that is missing, with the statements that a person would run;
    /// [`StoreError::ForeignTable`] for a table that is there and not in the catalogue;
    /// [`StoreError::OwnedByAnother`]. A missing right with the GRANT that gives it.
    pub async fn prepare_tables(
        &self,
        owner: &Owner,
        tables: &[Arc<Table>],
    ) -> Result<Vec<TableChange>, StoreError> {
        Retries::with_locks(self.waits).over(|| self.prepare_tables_once(owner, tables)).await
    }

    async fn prepare_tables_once(
        &self,
        owner: &Owner,
        tables: &[Arc<Table>],
    ) -> Result<Vec<TableChange>, StoreError> {
        let mut session = self.session().await?;
        let plans = plan_all(&mut session, owner, tables).await?;
        forget_dropped(&mut session, owner, tables).await?;
        offer(&mut session, owner).await?;
        if plans.iter().all(Plan::is_empty) {
            return Ok(Vec::new());
        }
        lock(&mut session).await?;
        let prepared = prepare_locked(&mut session, owner, tables).await;
        let unlocked = unlock(&mut session, prepared.is_ok()).await;
        let changes = prepared.map_err(|error| self.with_grant(error))?;
        unlocked?;
        Ok(changes)
    }
}

impl Store {
    /// Why [`Store::prepare_tables`] would refuse these tables, one error for each. Changes
    /// nothing.
    ///
    /// # Errors
    ///
    /// When the database cannot be read.
    pub async fn refused_tables(
        &self,
        owner: &Owner,
        tables: &[Arc<Table>],
    ) -> Result<Vec<StoreError>, StoreError> {
        let mut session = self.session().await?;
        let doing = "looking for the catalogue";
        let query = session.dialect.columns_query();
        // Before the first migration there is none.
        let has_catalogue =
            !session.fetch(doing, query, vec!["catalogue_columns".into()]).await?.is_empty();
        let mut refused = Vec::new();
        for table in tables {
            let (present, known) = look(&mut session, &table.name, has_catalogue).await?;
            refused.extend(plan(&session, owner, table, &present, known.as_ref()).err());
        }
        Ok(refused)
    }

    /// The plugins' tables, by name, each with its number of rows.
    ///
    /// # Errors
    ///
    /// When the catalogue or one of the tables cannot be read.
    pub async fn tables(&self) -> Result<Vec<TableStatus>, StoreError> {
        let doing = "reading the catalogue";
        let sql =
            "SELECT table_name, datasource, description FROM catalogue_tables ORDER BY table_name";
        let mut session = self.session().await?;
        let read = |row: &Fields| {
            Ok(TableStatus {
                name: row.text("table_name")?,
                datasource: row.text("datasource")?,
                description: row.text("description")?,
                rows: None,
            })
        };
        let mut tables = session.read(doing, sql, vec![], read).await?;
        let there = schema::columns(&mut session, doing).await?;
        drop(session);
        let is_there = |table: &&mut TableStatus| there.contains_key(&table.name);
        for table in tables.iter_mut().filter(is_there) {
            let counts = self.table_counts(&[&table.name]).await?;
            table.rows = counts.first().map(|(_, rows)| *rows);
        }
        Ok(tables)
    }
}

const LOCKING: &str = "taking the lock for changing tables";

/// Waits until no other host changes tables. From then on other locks are waited for briefly.
pub(crate) async fn lock(session: &mut DatabaseSession) -> Result<(), StoreError> {
    let dialect = session.dialect.clone();
    session.hold();
    if dialect.has_transactional_ddl() {
        session.begin(LOCKING).await?;
    }
    if let Some(sql) = dialect.schema_lock() {
        take(session, LOCKING, sql).await?;
    }
    session.wait_briefly(LOCKING).await
}

/// Takes a named lock with a query of whether it is `taken`: 1 when it is.
pub(crate) async fn take(
    session: &mut DatabaseSession,
    doing: &str,
    sql: &str,
) -> Result<(), StoreError> {
    // MySQL answers null where something went wrong.
    match session.read_first(doing, sql, vec![], |row| row.optional_int("taken")).await? {
        Some(Some(1)) => Ok(()),
        _ => Err(session.busy(doing, "another host has it")),
    }
}

pub(crate) async fn unlock(session: &mut DatabaseSession, keep: bool) -> Result<(), StoreError> {
    let doing = "ending the change of tables";
    let dialect = session.dialect.clone();
    if dialect.has_transactional_ddl() {
        if keep {
            session.commit(doing).await?;
        } else {
            session.roll_back(doing).await?;
        }
    }
    if let Some(sql) = dialect.schema_unlock() {
        session.fetch(doing, sql, vec![]).await?;
    }
    session.wait_as_usual(doing).await?;
    session.release();
    Ok(())
}

/// Looks again, now that no other host changes anything, and does what is to be done.
async fn prepare_locked(
    session: &mut DatabaseSession,
    owner: &Owner,
    tables: &[Arc<Table>],
) -> Result<Vec<TableChange>, StoreError> {
    let plans = plan_all(session, owner, tables).await?;
    let mut changes = put_back(session, owner, tables, &plans).await?;
    for (table, plan) in tables.iter().zip(plans) {
        if plan.record && plan.create {
            // Before the table: a host killed in between leaves a table that the next one
            // knows to be missing, and not one that it takes for somebody else's.
            record(session, owner, table, &plan).await?;
        }
        let applied = apply(session, table, &plan).await?;
        if plan.record && !plan.create {
            // After a change, which may fail: else the next host would take a column that was not
            // added for one that a person has dropped, and a key for as long as is declared.
            record(session, owner, table, &plan).await?;
        }
        if plan.missing.is_empty() {
            changes.extend(applied);
        }
    }
    Ok(changes)
}

/// Makes the reports that fill what is missing read everything again. Before it is put back: a
/// host killed in between leaves something that the next one finds missing still.
async fn put_back(
    session: &mut DatabaseSession,
    owner: &Owner,
    tables: &[Arc<Table>],
    plans: &[Plan<'_>],
) -> Result<Vec<TableChange>, StoreError> {
    let missing: Vec<&String> = plans.iter().flat_map(|plan| &plan.missing).collect();
    if missing.is_empty() {
        return Ok(Vec::new());
    }
    let with_missing = tables.iter().zip(plans).filter(|(_, plan)| !plan.missing.is_empty());
    let names = with_missing.map(|(table, _)| table.name.as_str()).collect();
    let reports = owner.filling(&names);
    let what = list(&missing, ", ", |what| (*what).clone());
    read_again(session, &owner.datasource, &reports, &what).await?;
    let reports: Vec<String> = reports.into_iter().map(String::from).collect();
    let change =
        |what: &String| TableChange::PutBack { what: what.clone(), reports: reports.clone() };
    Ok(missing.into_iter().map(change).collect())
}

/// Forgets tables that the plugin does not declare any more and that a person has dropped since:
/// nothing is missing.
async fn forget_dropped(
    session: &mut DatabaseSession,
    owner: &Owner,
    tables: &[Arc<Table>],
) -> Result<(), StoreError> {
    let doing = "looking for tables that nothing fills any more";
    let filled = owner.reports.iter().flat_map(|(_, filled)| filled).map(String::as_str);
    let declared: HashSet<&str> =
        tables.iter().map(|table| table.name.as_str()).chain(filled).collect();
    let sql = "SELECT table_name FROM catalogue_tables WHERE datasource = ?";
    let args = vec![owner.datasource.as_str().into()];
    for name in session.read(doing, sql, args, |row| row.text("table_name")).await? {
        let is_dropped =
            !declared.contains(name.as_str()) && look(session, &name, false).await?.0.is_empty();
        for from in ["catalogue_columns", "catalogue_tables"].into_iter().filter(|_| is_dropped) {
            let delete = format!("DELETE FROM {from} WHERE table_name = ?");
            session.execute(doing, &delete, vec![name.as_str().into()]).await?;
        }
    }
    Ok(())
}

async fn plan_all<'a>(
    session: &mut DatabaseSession,
    owner: &Owner,
    tables: &'a [Arc<Table>],
) -> Result<Vec<Plan<'a>>, StoreError> {
    let mut plans = Vec::with_capacity(tables.len());
    for table in tables {
        let (present, known) = look(session, &table.name, true).await?;
        plans.push(plan(session, owner, table, &present, known.as_ref())?);
    }
    Ok(plans)
}

/// The columns that a table has, and what the catalogue knows of it.
async fn look(
    session: &mut DatabaseSession,
    table: &str,
    has_catalogue: bool,
) -> Result<(HashSet<String>, Option<Known>), StoreError> {
    let doing = format!("looking at the table {table}");
    let query = session.dialect.columns_query();
    let name = |row: &Fields| row.text("column_name");
    let present = session.read(&doing, query, vec![table.into()], name).await?;
    let known = if has_catalogue { read(session, &doing, table).await? } else { None };
    Ok((present.into_iter().collect(), known))
}

fn plan<'a>(
    session: &DatabaseSession,
    owner: &Owner,
    table: &'a Table,
    present: &HashSet<String>,
    known: Option<&Known>,
) -> Result<Plan<'a>, StoreError> {
    let dialect = session.dialect.as_ref();
    if let Some(known) = known
        && known.datasource != owner.datasource
    {
        return Err(StoreError::OwnedByAnother {
            database: session.database.to_string(),
            table: table.name.clone(),
            owner: known.datasource.clone(),
            datasource: owner.datasource.clone(),
        });
    }
    if present.is_empty() {
        let missing = known.map(|_| table.name.clone()).into_iter().collect();
        return Ok(Plan { create: true, record: true, missing, ..Plan::default() });
    }
    let Some(known) = known else {
        return Err(StoreError::ForeignTable {
            database: session.database.to_string(),
            table: table.name.clone(),
            remedy: dialect.for_a_person(&rename(&table.name)),
        });
    };
    let changes = refused_changes(table, present, known);
    if !changes.is_empty() {
        return Err(StoreError::Changed {
            table: table.name.clone(),
            change: changes.join("; "),
            statements: dialect.for_a_person(&start_anew(dialect, owner, table)),
        });
    }
    let mut plan = Plan {
        record: known.plugin_version != owner.plugin_version
            || known.description != table.description,
        ..Plan::default()
    };
    for column in &table.columns {
        let before = known.columns.get(&column.name);
        if !present.contains(&column.name) {
            plan.add.push(column);
            plan.missing.extend(before.map(|_| format!("{}.{}", table.name, column.name)));
        }
        plan.record |= before.is_none_or(|before| {
            before.description != column.description || before.max_length != column.max_length
        });
        let grows = before.is_some_and(|before| before.max_length < column.max_length);
        if grows && table.is_key(&column.name) {
            plan.widen.push(column);
        }
    }
    let is_declared = |name: &str| table.columns.iter().any(|column| column.name == name);
    let gone = known.columns.keys().filter(|name| !present.contains(*name) && !is_declared(name));
    plan.forget = gone.cloned().collect();
    plan.record |= !plan.forget.is_empty();
    Ok(plan)
}

/// What the table was and what is declared now, or what a person has taken from it that cannot
/// be put back, where rows could be lost.
fn refused_changes(table: &Table, present: &HashSet<String>, known: &Known) -> Vec<String> {
    let mut changes = Vec::new();
    let key = table.key.join(", ");
    if known.key != key {
        changes.push(format!("its key was ({}), and is declared ({key}) now", known.key));
    }
    let mode = table.mode.to_string();
    if known.mode != mode {
        changes.push(format!("it was a {} table, and is declared {mode} now", known.mode));
    }
    let by_key = table.key.iter().map(String::as_str).chain(HOSTS);
    for name in by_key.filter(|name| !present.contains(*name)) {
        changes.push(format!(
            "its column {name}, by which rows are found, is missing: somebody has dropped or renamed it. If it can be had back, give it its name back"
        ));
    }
    for column in &table.columns {
        let kind = column.kind.to_string();
        if let Some(before) = known.columns.get(&column.name)
            && present.contains(&column.name)
            && before.kind != kind
        {
            let name = &column.name;
            changes
                .push(format!("its column {name} was {}, and is declared {kind} now", before.kind));
        }
    }
    changes
}

fn rename(table: &str) -> String {
    format!("ALTER TABLE {} RENAME TO {};", quote(table), quote(&format!("{table}_old")))
}

/// The statements after which the table is made anew and filled from the start.
fn start_anew(dialect: &dyn Dialect, owner: &Owner, table: &Table) -> String {
    let mut statements = vec![rename(&table.name)];
    if dialect.has_transactional_ddl() && create_index(table).is_some() {
        // There an index has a name of its own beside the table's.
        statements.push(format!("DROP INDEX IF EXISTS {};", quote(&index_name(&table.name))));
    }
    statements.push(format!("DELETE FROM checkpoints WHERE datasource = '{}';", owner.datasource));
    statements.join("\n")
}

async fn apply(
    session: &mut DatabaseSession,
    table: &Table,
    plan: &Plan<'_>,
) -> Result<Vec<TableChange>, StoreError> {
    let dialect = session.dialect.clone();
    let name = &table.name;
    let mut changes = Vec::new();
    if plan.create {
        let doing = format!("creating the table {name}");
        for sql in create_table(dialect.as_ref(), table) {
            session.execute(&doing, &sql, vec![]).await?;
        }
        changes.push(TableChange::Created { table: name.clone() });
    }
    for column in &plan.add {
        let doing = format!("adding the column {} to {name}", column.name);
        let kind = dialect.column_type(column, false);
        let sql = format!("ALTER TABLE {} ADD COLUMN {} {kind}", quote(name), quote(&column.name));
        session.execute(&doing, &sql, vec![]).await?;
        changes.push(TableChange::ColumnAdded { table: name.clone(), column: column.name.clone() });
    }
    for column in &plan.widen {
        let doing = format!("making the column {} of {name} longer", column.name);
        if let Some(sql) = dialect.widen_key(name, column) {
            session.execute(&doing, &sql, vec![]).await?;
        }
    }
    Ok(changes)
}

async fn read(
    session: &mut DatabaseSession,
    doing: &str,
    table: &str,
) -> Result<Option<Known>, StoreError> {
    let sql = "SELECT datasource, mode, key_columns, description, plugin_version \
               FROM catalogue_tables WHERE table_name = ?";
    let known = |row: &Fields| {
        Ok(Known {
            datasource: row.text("datasource")?,
            mode: row.text("mode")?,
            key: row.text("key_columns")?,
            description: row.text("description")?,
            plugin_version: row.text("plugin_version")?,
            columns: HashMap::new(),
        })
    };
    let known = session.read_first(doing, sql, vec![table.into()], known).await?;
    let Some(known) = known else { return Ok(None) };
    let sql = "SELECT column_name, kind, max_length, description FROM catalogue_columns \
               WHERE table_name = ?";
    let column = |row: &Fields| {
        let max_length = row.optional_int("max_length")?;
        let column = KnownColumn {
            kind: row.text("kind")?,
            max_length: max_length.and_then(|length| u32::try_from(length).ok()),
            description: row.text("description")?,
        };
        Ok((row.text("column_name")?, column))
    };
    let columns = session.read(doing, sql, vec![table.into()], column).await?;
    Ok(Some(Known { columns: columns.into_iter().collect(), ..known }))
}

/// Writes what is declared into the catalogue. Columns that are not declared any more stay in
/// it, unless the table is made anew or lacks them.
async fn record(
    session: &mut DatabaseSession,
    owner: &Owner,
    table: &Table,
    plan: &Plan<'_>,
) -> Result<(), StoreError> {
    let doing = format!("writing {} into the catalogue", table.name);
    let time = session.dialect.time_parameter();
    let now = Arg::Time(Timestamp::now());
    let declared: [Arg; 6] = [
        owner.datasource.as_str().into(),
        table.mode.to_string().into(),
        table.key.join(", ").into(),
        table.description.as_str().into(),
        owner.plugin_version.as_str().into(),
        now.clone(),
    ];
    let name: Arg = table.name.as_str().into();
    let update = format!(
        "UPDATE catalogue_tables SET datasource = ?, mode = ?, key_columns = ?, description = ?, \
         plugin_version = ?, updated_at = {time} WHERE table_name = ?"
    );
    let args = declared.iter().cloned().chain([name.clone()]).collect();
    if session.execute(&doing, &update, args).await? == 0 {
        let insert = format!(
            "INSERT INTO catalogue_tables (datasource, mode, key_columns, description, \
             plugin_version, updated_at, table_name, created_at) \
             VALUES (?, ?, ?, ?, ?, {time}, ?, {time})"
        );
        let args = declared.into_iter().chain([name.clone(), now]).collect();
        session.execute(&doing, &insert, args).await?;
    }
    let mut delete = String::from("DELETE FROM catalogue_columns WHERE table_name = ?");
    let mut args = vec![name];
    if !plan.create {
        let declared = table.columns.iter().map(|column| &column.name);
        let names: Vec<&String> = declared.chain(&plan.forget).collect();
        delete.push_str(&format!(" AND column_name IN ({})", list(&names, ", ", |_| "?".into())));
        args.extend(names.into_iter().map(|name| name.as_str().into()));
    }
    session.execute(&doing, &delete, args).await?;
    let row = vec!["(?, ?, ?, ?, ?)"; table.columns.len()].join(", ");
    let insert = format!(
        "INSERT INTO catalogue_columns (table_name, column_name, kind, max_length, description) VALUES {row}"
    );
    let args = table.columns.iter().flat_map(|column| {
        [
            table.name.as_str().into(),
            column.name.as_str().into(),
            column.kind.to_string().into(),
            Arg::OptionalInt(column.max_length.map(i64::from)),
            column.description.as_str().into(),
        ]
    });
    session.execute(&doing, &insert, args.collect()).await?;
    Ok(())
}
