// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! What is not fit for a run is refused before one, and by `check` as by a run.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "the helpers of tests stop at what they do not expect"
)]

mod support;

use std::sync::Arc;

use support::Database;
use test_dashboard_store::{Engine, Store, StoreError, Target};

on_every_database![what_is_tried_leaves_nothing];

async fn what_is_tried_leaves_nothing(db: Arc<Database>) {
    let store = db.connect().await;
    if db.engine == Engine::Mysql {
        // Left by one that was killed; elsewhere it is one transaction.
        db.execute("CREATE TABLE test_dashboard_probe (id integer PRIMARY KEY)").await;
    }
    store.check_privileges().await.unwrap();
    let left = match db.engine {
        Engine::Sqlite => String::from("SELECT name FROM sqlite_schema"),
        Engine::Postgres => {
            String::from("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        }
        Engine::Mysql => format!("SHOW TABLES FROM {}", db.name()),
    };
    assert_eq!(db.rows(&left).await, Vec::<Vec<String>>::new());
}

/// Both refuse it, and say this.
async fn is_refused(url: &str, reason: &str) {
    let store = match Store::connect(&Target::parse(url).unwrap(), 1).await {
        Ok(store) => store,
        Err(error) => return says(&error, reason),
    };
    says(&store.check_privileges().await.unwrap_err(), reason);
    says(&store.migrate().await.unwrap_err(), reason);
    store.close().await;
}

fn says(error: &StoreError, reason: &str) {
    assert!(matches!(error, StoreError::Unfit { .. }), "{error}");
    assert!(error.to_string().contains(reason), "{error}");
}

#[test]
fn a_database_that_does_not_hold_every_text_is_refused() {
    support::run(support::At::Postgres, async |db| {
        for encoding in ["LATIN1", "SQL_ASCII"] {
            let name = format!("{}_{encoding}", db.name()).to_lowercase();
            let options = format!("ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0");
            db.on_server(&format!("CREATE DATABASE {name} {options}")).await;
            let mut url = url::Url::parse(&db.url).unwrap();
            url.set_path(&name);
            is_refused(url.as_str(), "ENCODING 'UTF8'").await;
            db.on_server(&format!("DROP DATABASE {name} WITH (FORCE)")).await;
        }
    });
}

#[test]
fn a_pooler_in_transaction_mode_is_refused() {
    support::run(support::At::Postgres, async |db| {
        let Some(url) = db.pooler() else { return };
        is_refused(&url, "pool_mode = session").await;
    });
}
