//! The views for people and dashboards, in `views/`: made when the tables that they read are
//! there, and made anew when their text changes.
//!
//! A view may have several parts, each over the tables of one datasource; it is the union of
//! those whose tables exist. What fails here fails nothing else: rows come first.

use std::collections::HashSet;

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::catalogue::{lock, unlock};
use crate::connection::{Arg, Session};
use crate::dialect::{Dialect, quote};
use crate::{Store, StoreError};

/// One view.
struct View {
    name: &'static str,
    parts: &'static [Part],
}

/// One SELECT of a view, and the tables that it reads.
struct Part {
    tables: &'static [&'static str],
    select: &'static str,
}

macro_rules! part {
    ($file:literal, $($table:literal),+) => {
        Part { tables: &[$($table),+], select: include_str!(concat!("../../../views/", $file)) }
    };
}

const VIEWS: &[View] = &[
    View {
        name: "ci_builds",
        parts: &[
            part!("ci_builds/github.sql", "github_workflow_jobs"),
            part!("ci_builds/taskcluster.sql", "taskcluster_task_runs", "taskcluster_tasks"),
            part!("ci_builds/bitrise.sql", "bitrise_builds"),
        ],
    },
    View {
        name: "flaky_jobs",
        parts: &[
            part!("flaky_jobs/github.sql", "github_workflow_jobs"),
            part!("flaky_jobs/taskcluster.sql", "taskcluster_task_runs", "taskcluster_tasks"),
            part!("flaky_jobs/bitrise.sql", "bitrise_builds"),
        ],
    },
    View {
        name: "test_run_summary",
        parts: &[part!(
            "test_run_summary/testrail.sql",
            "testrail_test_results",
            "testrail_test_runs"
        )],
    },
    View {
        name: "coverage_trend",
        parts: &[part!("coverage_trend/testrail.sql", "testrail_test_case_coverage")],
    },
];

impl Store {
    /// Makes the views whose tables are there. Returns the names of those that were made now.
    ///
    /// # Errors
    ///
    /// When a view cannot be made, such as without the right to; the tables are not touched.
    pub async fn refresh_views(&self) -> Result<Vec<String>, StoreError> {
        let mut session = self.session().await?;
        if outdated(&mut session).await?.is_empty() {
            return Ok(Vec::new());
        }
        lock(&mut session).await?;
        // Looked at again, now that no other host makes views.
        let made = match outdated(&mut session).await {
            Ok(outdated) => make_all(&mut session, outdated).await,
            Err(error) => Err(error),
        };
        let unlocked = unlock(&mut session, made.is_ok()).await;
        let made = made?;
        unlocked?;
        Ok(made)
    }
}

/// A view that has to be made: its name, its query, and that query's digest.
struct Outdated {
    name: &'static str,
    query: String,
    digest: String,
}

async fn outdated(session: &mut Session) -> Result<Vec<Outdated>, StoreError> {
    let doing = "looking which views there are";
    let tables = names(session, doing, "SELECT table_name FROM catalogue_tables").await?;
    let made = names(session, doing, "SELECT digest FROM catalogue_views").await?;
    let dialect = session.dialect.clone();
    let outdated = VIEWS.iter().filter_map(|view| {
        let query = query(view, &tables, dialect.as_ref())?;
        let digest = digest(view.name, &query);
        (!made.contains(&digest)).then_some(Outdated { name: view.name, query, digest })
    });
    Ok(outdated.collect())
}

async fn names(
    session: &mut Session,
    doing: &str,
    sql: &str,
) -> Result<HashSet<String>, StoreError> {
    let rows = session.fetch(doing, sql, vec![]).await?;
    let names = rows.iter().map(|row| row.text(0)).collect::<Result<_, _>>();
    names.map_err(|error| session.failed(doing, error))
}

/// The union of the parts whose tables are there; none when there is no such part.
fn query(view: &View, tables: &HashSet<String>, dialect: &dyn Dialect) -> Option<String> {
    let there = |part: &&Part| part.tables.iter().all(|table| tables.contains(*table));
    let parts: Vec<String> =
        view.parts.iter().filter(there).map(|part| in_dialect(part.select, dialect)).collect();
    (!parts.is_empty()).then(|| parts.join("\nUNION ALL\n"))
}

/// Replaces `{integer}` by the type to cast whole numbers to, and `{day:…}` by the day, in
/// UTC, of a moment. Everything else in `views/` is the same SQL everywhere.
fn in_dialect(select: &str, dialect: &dyn Dialect) -> String {
    let select = select.trim_end().replace("{integer}", dialect.integer_cast());
    let mut parts = select.split("{day:");
    let mut sql = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (moment, rest) = part.split_once('}').unwrap_or((part, ""));
        sql.push_str(&dialect.day_of(moment));
        sql.push_str(rest);
    }
    sql
}

fn digest(name: &str, query: &str) -> String {
    let digest = Sha256::digest(format!("{name}\n{query}"));
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn make_all(
    session: &mut Session,
    outdated: Vec<Outdated>,
) -> Result<Vec<String>, StoreError> {
    let mut made = Vec::new();
    for Outdated { name, query, digest } in outdated {
        let doing = format!("making the view {name}");
        if is_foreign(session, &doing, name).await? {
            tracing::warn!(
                "there is something named {name} already that is not ours: no such view is made"
            );
            continue;
        }
        // On record first: a host killed in between leaves a view that the next one makes again.
        let delete = "DELETE FROM catalogue_views WHERE view_name = ?";
        session.execute(&doing, delete, vec![name.into()]).await?;
        let insert = format!(
            "INSERT INTO catalogue_views (view_name, digest, updated_at) VALUES (?, ?, {})",
            session.dialect.time_parameter()
        );
        let args = |digest: &str| vec![name.into(), digest.into(), Arg::Time(Timestamp::now())];
        session.execute(&doing, &insert, args("")).await?;
        let name_quoted = quote(name);
        session.execute(&doing, &format!("DROP VIEW IF EXISTS {name_quoted}"), vec![]).await?;
        session.execute(&doing, &format!("CREATE VIEW {name_quoted} AS\n{query}"), vec![]).await?;
        session.execute(&doing, delete, vec![name.into()]).await?;
        session.execute(&doing, &insert, args(&digest)).await?;
        made.push(name.to_string());
    }
    Ok(made)
}

/// Whether something of this name is there that no catalogue knows.
async fn is_foreign(session: &mut Session, doing: &str, name: &str) -> Result<bool, StoreError> {
    let known = "SELECT digest FROM catalogue_views WHERE view_name = ?";
    if !session.fetch(doing, known, vec![name.into()]).await?.is_empty() {
        return Ok(false);
    }
    let columns = session.dialect.columns_query();
    Ok(!session.fetch(doing, columns, vec![name.into()]).await?.is_empty())
}
