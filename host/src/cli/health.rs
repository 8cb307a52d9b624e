// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! What a run would refuse or fix in the database, so that `check`, `status` and `db status` can
//! report it beforehand.

use std::fmt;
use std::sync::Arc;

use serde_json::{Value, json};
use test_dashboard_store::{Drift, Store, StoreError, Views};

use crate::config::Config;
use crate::source::{Installed, owner};

/// Something about the database that a person should know.
pub struct Trouble {
    /// What it is about: the host's own tables, a datasource's, a table, a column or a view.
    pub what: String,
    /// Whether a run fails of it, or rows or views are not what they should be. Else it is only
    /// told.
    pub is_failure: bool,
    /// What is wrong, and what to do.
    pub message: String,
}

impl Trouble {
    fn of(what: impl Into<String>, error: &StoreError) -> Self {
        Trouble { what: what.into(), is_failure: true, message: error.to_string() }
    }

    /// As an object.
    pub fn json(&self) -> Value {
        json!({ "what": self.what, "ok": !self.is_failure, "answer": self.message })
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.is_failure { "FAILED" } else { "ok    " };
        write!(f, "{verdict}  {}: {}", self.what, self.message)
    }
}

/// All of it, changing nothing. Without plugins it is not known which tables they would make.
pub async fn troubles(
    store: &Store,
    config: Option<&Config>,
    installed: Option<&Installed>,
) -> Vec<Trouble> {
    let mut troubles = Vec::new();
    match store.check_migrations().await {
        // Before the first run there is nothing that could have changed.
        Ok(migrations) if !migrations.iter().any(|migration| migration.applied) => {}
        Ok(_) => troubles.extend(drifted(store, config).await),
        Err(error) => troubles.push(Trouble::of("the host's own tables", &error)),
    }
    for (name, plugin) in installed.into_iter().flat_map(Installed::all) {
        let Ok(plugin) = plugin else { continue };
        let tables: Vec<_> = plugin.description.tables.iter().cloned().map(Arc::new).collect();
        let what = format!("tables of {name}");
        match store.refused_tables(&owner(plugin), &tables).await {
            Ok(refused) => troubles.extend(refused.iter().map(|error| Trouble::of(&what, error))),
            // What may not be read is the same for all of them, and told once.
            Err(StoreError::MissingPrivilege { .. }) if !troubles.is_empty() => {}
            Err(error) => troubles.push(Trouble::of(&what, &error)),
        }
    }
    troubles
}

/// What has changed under the host.
pub async fn drifted(store: &Store, config: Option<&Config>) -> Vec<Trouble> {
    let mut troubles = Vec::new();
    let views = config.map_or_else(Views::shipped, Config::views).or_else(|error| {
        let message = error.to_string();
        troubles.push(Trouble { what: "views".into(), is_failure: true, message });
        Views::shipped()
    });
    // Those that come with the program are right.
    let Ok(views) = views else { return troubles };
    match store.drift(&views).await {
        Ok(drift) => troubles.extend(drift.iter().map(|drift| trouble(drift, config))),
        // A migration that is pending makes what it is compared with.
        Err(StoreError::NoTable { .. }) => {}
        Err(error) => troubles.push(Trouble::of("the catalogue", &error)),
    }
    troubles
}

/// Whoever drops the tables of a datasource that is not configured any more has tidied up.
fn trouble(drift: &Drift, config: Option<&Config>) -> Trouble {
    let is_known = |name: &str| config.is_none_or(|config| config.datasources.contains_key(name));
    Trouble {
        what: drift.what(),
        is_failure: drift.is_failure() && drift.datasource().is_none_or(is_known),
        message: drift.to_string(),
    }
}
