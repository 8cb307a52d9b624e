// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! An operator's own views, over a plugin's tables and over other views: made, renewed, dropped,
//! left alone, and told when they are wrong.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "the helpers of tests stop at what they do not expect"
)]

mod support;

use std::path::PathBuf;
use std::sync::Arc;

use support::{At, Database, column, owner, table};
use test_dashboard_model::ColumnType::{Date, Int64, Text};
use test_dashboard_model::{Table, TableMode};
use test_dashboard_store::bigquery::{Connection, SourceEngine, statements};
use test_dashboard_store::{Drift, Engine, Owner, Store, ViewChanges, Views};

on_every_database![
    own_views_are_made_in_order_renewed_and_dropped,
    views_above_are_renewed_with_the_one_below,
    a_view_reads_what_shipped_views_and_tables_of_others_tell,
    a_wrong_select_is_told_with_its_file_and_line,
    a_name_that_is_no_column_is_wrong_in_every_database,
    what_has_the_name_of_an_own_view_is_left_alone,
    a_view_that_could_never_be_made_owns_nothing,
    who_does_not_know_an_operators_views_drops_none,
    what_is_not_there_yet_is_waited_for,
];

/// An operator's folder of views.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Folder(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("views")
    }

    /// A view of one SELECT; `needs` is a list in TOML.
    fn put(&self, name: &str, needs: &str, sql: &str) {
        let folder = self.path().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        let text =
            format!("description = \"\"\n[[select]]\nneeds = [{needs}]\nsql = \"{name}.sql\"\n");
        std::fs::write(folder.join("view.toml"), text).unwrap();
        std::fs::write(folder.join(format!("{name}.sql")), sql).unwrap();
    }

    fn remove(&self, name: &str) {
        std::fs::remove_dir_all(self.path().join(name)).unwrap();
    }

    fn views(&self) -> Views {
        Views::shipped().unwrap().with_own(&self.path()).unwrap()
    }

    async fn refresh(&self, store: &Store) -> ViewChanges {
        store.refresh_views(&self.views()).await.unwrap()
    }

    /// That making the views fails, and why.
    async fn refused(&self, store: &Store) -> String {
        store.refresh_views(&self.views()).await.unwrap_err().to_string()
    }

    async fn drift(&self, store: &Store) -> Vec<Drift> {
        store.drift(&self.views()).await.unwrap()
    }
}

fn made(names: &[&str]) -> ViewChanges {
    changes(names, &[])
}

fn changes(made: &[&str], dropped: &[&str]) -> ViewChanges {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    ViewChanges { made: names(made), dropped: names(dropped) }
}

/// A table with a row, and a store.
async fn scene(db: &Database) -> (Store, Folder) {
    let store = db.store().await;
    store.prepare_tables(&owner(), &[items()]).await.unwrap();
    let columns = "project, id, title, _partition, _run_id, _extracted_at";
    db.execute(&format!(
        "INSERT INTO probe_items ({columns}) VALUES ('p', 1, 'one', 'a', 1, '2026-01-01 00:00:00')"
    ))
    .await;
    (store, Folder::new())
}

fn items() -> Arc<Table> {
    let columns = vec![column("id", Int64), column("title", Text)];
    let mut table = Arc::unwrap_or_clone(table("probe_items", TableMode::Merge, columns, &["id"]));
    table.columns[0].nullable = false;
    Arc::new(table)
}

async fn shown(db: &Database, sql: &str) -> Vec<String> {
    db.rows(sql).await.iter().map(|row| row.join(" ")).collect()
}

/// How many views there are with this name.
async fn views_called(db: &Database, name: &str) -> usize {
    let sql = match db.engine {
        Engine::Sqlite => format!("SELECT name FROM sqlite_schema WHERE name = '{name}'"),
        _ => format!("SELECT table_name FROM information_schema.views WHERE table_name = '{name}'"),
    };
    let here = if db.engine == Engine::Mysql { " AND table_schema = DATABASE()" } else { "" };
    db.rows(&(sql + here)).await.len()
}

const ITEMS: &str = "\"probe_items\"";

async fn own_views_are_made_in_order_renewed_and_dropped(db: Arc<Database>) {
    let (store, folder) = scene(&db).await;
    assert_eq!(folder.refresh(&store).await, made(&[]));
    folder.put(
        "a_above",
        "\"b_below\"",
        "SELECT \"what\" || '?' AS \"what\" FROM \"b_below\" -- ?",
    );
    folder.put("b_below", ITEMS, "-- Why; not?\nSELECT \"title\" AS \"what\" FROM \"{table}\"\n");
    assert_eq!(folder.refresh(&store).await, made(&["b_below", "a_above"]));
    assert_eq!(shown(&db, "SELECT what FROM a_above").await, ["one?"]);
    assert_eq!(folder.refresh(&store).await, made(&[]));
    assert_eq!(folder.drift(&store).await, []);

    let text = "SELECT 'new ' || \"title\" AS \"what\" FROM \"probe_items\"";
    folder.put("b_below", ITEMS, text);
    assert_eq!(folder.refresh(&store).await, made(&["b_below", "a_above"]));
    assert_eq!(shown(&db, "SELECT what FROM a_above").await, ["new one?"]);

    folder.remove("a_above");
    assert_eq!(folder.refresh(&store).await, changes(&[], &["a_above"]));
    assert_eq!(views_called(&db, "a_above").await, 0);
    assert_eq!(views_called(&db, "b_below").await, 1);
    // The folder of all of them.
    std::fs::remove_dir_all(folder.path()).unwrap();
    assert_eq!(folder.refresh(&store).await, changes(&[], &["b_below"]));
    assert_eq!(views_called(&db, "b_below").await, 0);
    assert_eq!(folder.refresh(&store).await, made(&[]));
    let on_record = "SELECT view_name FROM catalogue_views WHERE view_name LIKE '%e%' UNION ALL \
                     SELECT view_name FROM catalogue_view_states WHERE view_name LIKE '%e%'";
    assert_eq!(shown(&db, on_record).await, Vec::<String>::new());
}

async fn views_above_are_renewed_with_the_one_below(db: Arc<Database>) {
    let (store, folder) = scene(&db).await;
    folder.put("a_top", "\"b_middle\"", "SELECT * FROM \"b_middle\"");
    folder.put("b_middle", "\"c_below\"", "SELECT * FROM \"c_below\"");
    folder.put("c_below", ITEMS, "SELECT \"id\", \"title\" FROM \"probe_items\"");
    folder.refresh(&store).await;
    // Columns change, which PostgreSQL does not do in place.
    folder.put("c_below", ITEMS, "SELECT 'x' AS \"id\", 'y' AS \"other\" FROM \"probe_items\"");
    assert_eq!(folder.refresh(&store).await, made(&["c_below", "b_middle", "a_top"]));
    assert_eq!(shown(&db, "SELECT id, other FROM a_top").await, ["x y"]);
    assert_eq!(folder.drift(&store).await, []);
    // One that is wrong keeps all as they were, and can be read.
    folder.put("c_below", ITEMS, "SELECT 'z' AS \"only\" FROM \"probe_items\"");
    folder.put("b_middle", "\"c_below\"", "SELECT \"id\" FROM \"c_below\"");
    let error = folder.refused(&store).await;
    assert!(error.contains("b_middle/b_middle.sql: "), "{error}");
    if db.engine == Engine::Postgres {
        assert_eq!(shown(&db, "SELECT id, other FROM a_top").await, ["x y"]);
    }
    folder.put("b_middle", "\"c_below\"", "SELECT \"only\" FROM \"c_below\"");
    folder.refresh(&store).await;
    assert_eq!(shown(&db, "SELECT * FROM a_top").await, ["z"]);
    assert_eq!(folder.drift(&store).await, []);
    // A folder goes, and the view that read it is told otherwise in the same run.
    folder.remove("c_below");
    folder.put("b_middle", ITEMS, "SELECT \"title\" FROM \"probe_items\"");
    assert_eq!(folder.refresh(&store).await, changes(&["b_middle", "a_top"], &["c_below"]));
    assert_eq!(shown(&db, "SELECT * FROM a_top").await, ["one"]);
}

async fn a_view_reads_what_shipped_views_and_tables_of_others_tell(db: Arc<Database>) {
    let (store, folder) = scene(&db).await;
    db.execute("CREATE TABLE team (title varchar(9), who varchar(9))").await;
    db.execute("INSERT INTO team VALUES ('one', 'Ada')").await;
    let sql = "SELECT t.\"who\" FROM \"probe_items\" AS i \
               JOIN \"team\" AS t ON t.\"title\" = i.\"title\"";
    let coverage = [
        column("day", Date),
        column("suite_id", Int64),
        column("suite_name", Text),
        column("automation_status", Text),
        column("automation_coverage", Text),
        column("case_count", Int64),
    ];
    let mut coverage = Table { columns: coverage.into(), ..Arc::unwrap_or_clone(items()) };
    coverage.name = "testrail_test_case_coverage".into();
    let testrail = Owner { datasource: "testrail".into(), ..owner() };
    coverage.key = vec!["day".into()];
    coverage.columns[0].nullable = false;
    store.prepare_tables(&testrail, &[Arc::new(coverage)]).await.unwrap();
    folder.put("who", "\"probe_items\", \"team\"", sql);
    folder.put("a_day", "\"coverage_trend\"", "SELECT \"day\" FROM \"coverage_trend\"");
    let error = store.refresh_views(&folder.views()).await;
    // Other views over this table have columns that it lacks.
    let told = error.unwrap_err().to_string();
    assert!(!told.contains("/who/") && !told.contains("/a_day/"), "{told}");
    assert_eq!(shown(&db, "SELECT who FROM who").await, ["Ada"]);
    assert_eq!(shown(&db, "SELECT * FROM a_day").await, Vec::<String>::new());
}

async fn a_wrong_select_is_told_with_its_file_and_line(db: Arc<Database>) {
    let (store, folder) = scene(&db).await;
    let path = |file: &str| folder.path().join(file).display().to_string();
    folder.put("good", ITEMS, "SELECT \"id\" FROM \"probe_items\"");
    folder.put("late", ITEMS, "-- One.\nSELECT \"id\"\nFORM \"probe_items\"");
    let error = folder.refused(&store).await;
    assert!(error.contains(&format!("late: {}", path("late/late.sql"))), "{error}");
    match db.engine {
        Engine::Postgres => assert!(error.contains("late.sql:3: syntax error"), "{error}"),
        Engine::Mysql => assert!(error.contains("at line 3"), "{error}"),
        Engine::Sqlite => assert!(error.contains("near"), "{error}"),
    }
    assert_eq!(shown(&db, "SELECT CONCAT(id, '') FROM good").await, ["1"], "the others are made");
    let drift = folder.drift(&store).await;
    let [Drift::OldView { view, reason }] = &drift[..] else { panic!("{drift:?}") };
    assert!(view == "late" && reason.contains("late/late.sql"), "{reason}");

    // Of several, the one that is wrong.
    let two = "description = \"\"\n[[select]]\nneeds = []\nsql = \"late.sql\"\n\
               [[select]]\nneeds = []\nsql = \"two.sql\"\n";
    std::fs::write(folder.path().join("late/view.toml"), two).unwrap();
    std::fs::write(folder.path().join("late/late.sql"), "SELECT 1 AS \"one\" -- x").unwrap();
    std::fs::write(folder.path().join("late/two.sql"), "SELECT none FROM nowhere").unwrap();
    let error = folder.refused(&store).await;
    assert!(error.contains(&path("late/two.sql")) && error.contains("nowhere"), "{error}");
    // Each right by itself, and wrong together.
    std::fs::write(folder.path().join("late/two.sql"), "SELECT 2, 3").unwrap();
    let error = folder.refused(&store).await;
    assert!(error.contains(&path("late/view.toml")), "{error}");
    std::fs::write(folder.path().join("late/two.sql"), "SELECT 2").unwrap();
    assert_eq!(folder.refresh(&store).await, made(&["late"]));
    assert_eq!(folder.drift(&store).await, []);
}

/// SQLite takes a name in double quotes that it does not find for a text.
async fn a_name_that_is_no_column_is_wrong_in_every_database(db: Arc<Database>) {
    let (store, folder) = scene(&db).await;
    folder.put("late", ITEMS, "SELECT \"titel\" AS \"what\" FROM \"probe_items\"");
    let error = folder.refused(&store).await;
    assert!(error.contains("late/late.sql") && error.contains("titel"), "{error}");
    assert_eq!(views_called(&db, "late").await, 0);
}

async fn what_has_the_name_of_an_own_view_is_left_alone(db: Arc<Database>) {
    let (store, folder) = scene(&db).await;
    db.execute("CREATE TABLE late (whose varchar(9))").await;
    db.execute("INSERT INTO late VALUES ('theirs')").await;
    folder.put("late", ITEMS, "SELECT \"id\" FROM \"probe_items\"");
    folder.put("later", ITEMS, "SELECT \"id\" FROM \"probe_items\"");
    assert_eq!(folder.refresh(&store).await, made(&["later"]));
    assert_eq!(folder.drift(&store).await, [Drift::OtherView { view: "late".into() }]);
    // In the place of one of ours, which is dropped from then on without it.
    db.execute("DROP VIEW later; CREATE TABLE later (whose varchar(9))").await;
    for view in ["late", "later"] {
        folder.remove(view);
    }
    assert_eq!(folder.refresh(&store).await, made(&[]));
    assert_eq!(shown(&db, "SELECT whose FROM late").await, ["theirs"]);
    assert_eq!(shown(&db, "SELECT whose FROM later").await, Vec::<String>::new());
    assert_eq!(folder.drift(&store).await, []);
}

async fn a_view_that_could_never_be_made_owns_nothing(db: Arc<Database>) {
    let (store, folder) = scene(&db).await;
    folder.put("late", ITEMS, "SELECT none FROM \"probe_items\"");
    folder.refused(&store).await;
    db.execute("CREATE VIEW late AS SELECT 'theirs' AS whose").await;
    folder.put("late", ITEMS, "SELECT \"id\" FROM \"probe_items\"");
    assert_eq!(folder.refresh(&store).await, made(&[]));
    folder.remove("late");
    assert_eq!(folder.refresh(&store).await, made(&[]));
    assert_eq!(shown(&db, "SELECT whose FROM late").await, ["theirs"]);
}

async fn who_does_not_know_an_operators_views_drops_none(db: Arc<Database>) {
    let (store, folder) = scene(&db).await;
    folder.put("late", ITEMS, "SELECT \"id\" FROM \"probe_items\"");
    folder.refresh(&store).await;
    // Without a configuration, and with that of another operator.
    let shipped = Views::shipped().unwrap();
    assert_eq!(store.refresh_views(&shipped).await.unwrap(), made(&[]));
    let other = Folder::new();
    assert_eq!(other.refresh(&store).await, made(&[]));
    assert_eq!(views_called(&db, "late").await, 1);
    // Who made it last is who drops it, also when everything is read again.
    other.put("late", ITEMS, "SELECT \"id\" FROM \"probe_items\"");
    assert_eq!(other.refresh(&store).await, made(&["late"]));
    db.execute("UPDATE catalogue_views SET digest = ''").await;
    folder.remove("late");
    assert_eq!(folder.refresh(&store).await, made(&[]));
    assert_eq!(views_called(&db, "late").await, 1);
    other.remove("late");
    assert_eq!(other.refresh(&store).await, changes(&[], &["late"]));
}

async fn what_is_not_there_yet_is_waited_for(db: Arc<Database>) {
    let (store, folder) = scene(&db).await;
    folder.put("a_above", "\"late\"", "SELECT * FROM \"late\"");
    folder.put("late", "\"probe_others\"", "SELECT * FROM \"probe_others\"");
    assert_eq!(folder.refresh(&store).await, made(&[]));
    let drift = folder.drift(&store).await;
    let [Drift::IncompleteView { missing: above, .. }, late] = &drift[..] else { panic!() };
    assert_eq!(above, "late");
    let Drift::IncompleteView { view, file, missing } = late else { panic!("{late:?}") };
    assert_eq!((view.as_str(), missing.as_str()), ("late", "probe_others"));
    assert!(file.ends_with("late/view.toml") && !late.is_failure(), "{late}");
    db.execute("CREATE TABLE probe_others (id integer)").await;
    assert_eq!(folder.refresh(&store).await, made(&["late", "a_above"]));
    assert_eq!(folder.drift(&store).await, []);
}

/// Where a view may be in the way of another one.
#[test]
fn a_view_of_postgresql_that_others_built_on_is_not_dropped_and_told() {
    support::run(At::Postgres, async |db| {
        let (store, folder) = scene(&db).await;
        folder.put("late", ITEMS, "SELECT \"id\" FROM \"probe_items\"");
        folder.put("above", "\"late\"", "SELECT \"id\" FROM \"late\"");
        folder.refresh(&store).await;
        let reader = format!("{}_reader", db.name());
        db.on_server(&format!("CREATE ROLE {reader}")).await;
        db.execute(&format!("GRANT SELECT ON late, above TO {reader}")).await;
        // Made anew, both of them keep who may read them, and are still known for ours.
        folder.put("late", ITEMS, "SELECT \"title\" AS \"name\", \"id\" FROM \"probe_items\"");
        assert_eq!(folder.refresh(&store).await, made(&["late", "above"]));
        let readers = "SELECT relname FROM pg_class WHERE relname IN ('late', 'above') \
                       AND CAST(relacl AS text) LIKE '%_reader=r/%' ORDER BY 1";
        assert_eq!(shown(&db, readers).await, ["above", "late"]);
        // As a version would leave one below whose columns were others: that above has not changed.
        db.execute(
            "DROP VIEW late CASCADE; CREATE VIEW late AS SELECT 1 AS gone; \
             CREATE VIEW above AS SELECT gone FROM late; \
             COMMENT ON VIEW late IS 'Made by test-dashboard'; \
             COMMENT ON VIEW above IS 'Made by test-dashboard'; \
             UPDATE catalogue_views SET digest = '' WHERE view_name = 'late'",
        )
        .await;
        assert_eq!(folder.refresh(&store).await, made(&["late"]));
        assert_eq!(shown(&db, "SELECT CONCAT(id, '') FROM above").await, ["1"]);
        assert_eq!(folder.drift(&store).await, []);
        db.as_owner(&format!("DROP OWNED BY {reader}")).await;
        db.on_server(&format!("DROP ROLE {reader}")).await;

        db.execute("CREATE VIEW team AS SELECT name FROM late").await;
        folder.remove("above");
        folder.remove("late");
        let error = folder.refused(&store).await;
        for part in
            ["late: its folder is gone", "public.team depends on it", "DROP VIEW public.team;"]
        {
            assert!(error.contains(part), "{part}: {error}");
        }
        assert_eq!(views_called(&db, "above").await, 0);
        let drift = folder.drift(&store).await;
        assert!(matches!(&drift[..], [Drift::OldView { view, .. }] if view == "late"), "{drift:?}");
        db.execute("DROP VIEW team").await;
        assert_eq!(folder.refresh(&store).await, changes(&[], &["late"]));
        assert_eq!(folder.drift(&store).await, []);
    });
}

#[test]
fn bigquery_reads_an_own_view_whose_columns_are_said() {
    let folder = Folder::new();
    folder.put("late", ITEMS, "SELECT \"id\" FROM \"probe_items\"");
    folder.put("silent", ITEMS, "SELECT \"id\" FROM \"probe_items\"");
    folder.put("above", "\"silent\"", "SELECT \"id\" FROM \"silent\"");
    for name in ["late", "above"] {
        let file = folder.path().join(name).join("view.toml");
        let text = std::fs::read_to_string(&file).unwrap()
            + "[[columns]]\nname = \"id\"\ntype = \"int64\"\ndescription = \"Which\"\n";
        std::fs::write(file, text).unwrap();
    }
    let connection = Connection::parse("pump.eu.dashboard").unwrap();
    let made = |tables: &[&Table]| -> Vec<String> {
        let made = statements(SourceEngine::Postgres, &connection, None, tables, &folder.views());
        made.into_iter().map(|statement| statement.view).collect()
    };
    assert_eq!(made(&[&items()]), ["probe_items", "above", "late", "freshness"]);
    assert_eq!(made(&[]), ["freshness"]);
}
