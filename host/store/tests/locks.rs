// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Locks that others hold: they are waited for briefly and several times, and their holder is
//! named.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "the helpers of tests stop at what they do not expect"
)]

mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::Row as _;
use support::{Database, column, item, key, owner, plain, reject, start, write};
use test_dashboard_model::{ColumnType, Table, TableMode};
use test_dashboard_store::{
    CommitPoint, Engine, ReadMode, RejectFilter, Store, StoreError, TableChange, Target, grants,
    grants_to_see_locks,
};

on_every_server![
    a_table_that_is_read_is_altered_in_a_pause_and_readers_go_on,
    whoever_reads_a_table_that_cannot_be_altered_is_named,
    whoever_holds_a_row_is_named,
    where_the_holder_is_not_shown_the_way_to_find_it_is,
];

/// A session of somebody else's, with a transaction open.
struct Other {
    connection: Box<dyn Statements>,
    session: i64,
}

/// What both drivers can do.
#[async_trait::async_trait]
trait Statements: Send {
    async fn execute(&mut self, sql: &'static str);
    async fn number(&mut self, sql: &'static str) -> i64;
}

macro_rules! statements {
    ($connection:ty) => {
        #[async_trait::async_trait]
        impl Statements for $connection {
            async fn execute(&mut self, sql: &'static str) {
                sqlx::raw_sql(sql).execute(self).await.unwrap();
            }

            async fn number(&mut self, sql: &'static str) -> i64 {
                sqlx::raw_sql(sql).fetch_one(self).await.unwrap().try_get_unchecked(0).unwrap()
            }
        }
    };
}

statements!(sqlx::PgConnection);
statements!(sqlx::MySqlConnection);

impl Other {
    async fn open(db: &Database) -> Other {
        use sqlx::Connection as _;
        let (mut connection, id): (Box<dyn Statements>, _) = match db.engine {
            Engine::Postgres => (
                Box::new(sqlx::PgConnection::connect(&db.url).await.unwrap()),
                "SELECT CAST(pg_backend_pid() AS bigint)",
            ),
            _ => (
                Box::new(sqlx::MySqlConnection::connect(&db.url).await.unwrap()),
                "SELECT CAST(CONNECTION_ID() AS SIGNED)",
            ),
        };
        let session = connection.number(id).await;
        Other { connection, session }
    }

    /// Begins a transaction with this statement in it.
    async fn begins(db: &Database, sql: &'static str) -> Other {
        let mut other = Other::open(db).await;
        other.connection.execute("BEGIN").await;
        other.connection.execute(sql).await;
        other
    }

    async fn ends(mut self) {
        self.connection.execute("ROLLBACK").await;
    }
}

const READ: &str = "SELECT * FROM probe_items";

fn longer(table: &Arc<Table>) -> Arc<Table> {
    let mut table = Table::clone(table);
    table.columns.push(column("label", ColumnType::Text));
    Arc::new(table)
}

fn brief(store: &Store) -> Store {
    store.clone().with_lock_waits(Duration::from_secs(1), Duration::from_millis(300))
}

async fn prepare(store: &Store, table: &Arc<Table>) -> Result<Vec<TableChange>, StoreError> {
    store.prepare_tables(&owner(), std::slice::from_ref(table)).await
}

async fn let_it_see_locks(db: &Database) {
    for grant in grants_to_see_locks(db.engine, db.name()) {
        db.on_server(&grant).await;
    }
}

/// A store with one row in one table.
async fn filled(store: &Store) -> Arc<Table> {
    let table = plain(TableMode::Merge);
    write(store, &table, "p", vec![item(&table, 1, "one")]).await.unwrap();
    table
}

async fn a_table_that_is_read_is_altered_in_a_pause_and_readers_go_on(db: Arc<Database>) {
    let store = db.store().await;
    let table = longer(&filled(&store).await);
    let reader = Other::begins(&db, READ).await;
    let run = tokio::spawn({
        let (store, table) = (brief(&store), table.clone());
        async move { prepare(&store, &table).await }
    });
    let mut another = Other::open(&db).await;
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(3) {
        let reading = another.connection.execute(READ);
        // While a run waits it keeps others out, which is why it does so for less than the ten
        // seconds of other locks.
        tokio::time::timeout(Duration::from_secs(8), reading).await.unwrap();
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(!run.is_finished(), "it did not wait for the reader");
    reader.ends().await;
    let added = TableChange::ColumnAdded { table: table.name.clone(), column: "label".into() };
    assert_eq!(run.await.unwrap().unwrap(), [added]);
}

async fn whoever_reads_a_table_that_cannot_be_altered_is_named(db: Arc<Database>) {
    let_it_see_locks(&db).await;
    let store = db.store().await;
    let table = longer(&filled(&store).await);
    let reader = Other::begins(&db, READ).await;
    let error = prepare(&brief(&store), &table).await.unwrap_err();
    assert!(matches!(error, StoreError::Busy { .. }), "{error}");
    let told = error.to_string();
    assert!(told.contains("adding the column label to probe_items"), "{told}");
    assert!(told.contains(&format!("held by session {}", reader.session)), "{told}");
    assert!(told.contains("user test"), "{told}");
    let end = match db.engine {
        Engine::Postgres => format!("SELECT pg_terminate_backend({})", reader.session),
        _ => format!("KILL {}", reader.session),
    };
    assert!(told.contains(&end), "{told}");
    reader.ends().await;
    assert_eq!(prepare(&store, &table).await.unwrap().len(), 1);
}

async fn whoever_holds_a_row_is_named(db: Arc<Database>) {
    let_it_see_locks(&db).await;
    let store = db.store().await;
    let table = filled(&store).await;
    let run = start(&store).await;
    let tables = [table];
    let mut writer = store.open_partition(run, key("p"), &tables, ReadMode::Onwards).await.unwrap();
    writer.reject(reject("{}"));
    writer.commit(None, CommitPoint::End).await.unwrap();
    let digest = store.rejects(&RejectFilter::default(), None).await.unwrap().remove(0).digest;
    let other = Other::begins(&db, "UPDATE rejected_rows SET reason = 'mine'").await;
    let error = store.discard_rejects(vec![digest.clone()]).await.unwrap_err();
    assert!(matches!(error, StoreError::Busy { .. }), "{error}");
    let told = error.to_string();
    assert!(told.contains(&format!("the lock is held by session {} ", other.session)), "{told}");
    other.ends().await;
    assert_eq!(store.discard_rejects(vec![digest]).await.unwrap(), 1);
}

async fn where_the_holder_is_not_shown_the_way_to_find_it_is(db: Arc<Database>) {
    let user = format!("pump_{}", db.name());
    if db.engine == Engine::Postgres {
        db.on_server(&format!("CREATE USER {user} PASSWORD 'p'")).await;
    } else {
        db.on_server(&format!("CREATE USER {user} IDENTIFIED BY 'p'")).await;
    }
    for grant in grants(db.engine, &user, db.name()) {
        db.as_owner(&grant).await;
    }
    let target = Target::parse(&db.url_as(&user, "p")).unwrap();
    let store = Store::connect(&target, 1).await.unwrap();
    store.migrate().await.unwrap();
    let table = longer(&filled(&store).await);
    if db.engine == Engine::Postgres {
        db.as_owner(&format!("GRANT SELECT ON probe_items TO {}", db.name())).await;
    }
    let reader = Other::begins(&db, READ).await;
    let session = reader.session;
    let error = prepare(&brief(&store), &table).await.unwrap_err();
    store.close().await;
    reader.ends().await;
    let told = error.to_string();
    match db.engine {
        // It shows the session and its user to everybody.
        Engine::Postgres => {
            assert!(told.contains(&format!("session {} (user test", session)), "{told}");
            db.as_owner(&format!("DROP OWNED BY {user} CASCADE")).await;
        }
        _ => assert!(told.contains("PROCESS") && told.contains("innodb_trx"), "{told}"),
    }
    db.on_server(&format!("DROP USER {user}")).await;
}
