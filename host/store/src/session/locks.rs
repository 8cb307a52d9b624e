// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Locks that others hold: how long they are waited for, and who holds them.
//!
//! Whoever waits to alter a table keeps out all who come after it, readers too. So such a wait is
//! brief, and is tried again after a pause in which the readers get their turn. All other waits
//! delay nobody else, and are bounded as well. A database tells who holds a lock only while
//! somebody waits for it: a second connection asks.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use crate::connect::connection::{Connection, Connections};
use crate::sql::dialect::Dialect;
use crate::sql::fields::Fields;
use crate::sql::list;

/// How long to wait for locks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LockWaits {
    /// To alter, create or drop a table or a view.
    pub(crate) brief: Duration,
    /// The pause before the second try; before the third it is twice as long, and so on.
    pub(crate) pause: Duration,
}

impl Default for LockWaits {
    fn default() -> Self {
        LockWaits { brief: Duration::from_secs(3), pause: Duration::from_secs(3) }
    }
}

/// For rows, named locks, and a table that somebody else alters. Each new connection sets it.
pub(crate) const USUAL: Duration = Duration::from_secs(10);

/// How long to look for a holder: it is only for the message.
const LOOKING: Duration = Duration::from_secs(3);

/// Looks who keeps a session waiting.
pub(crate) struct Watch {
    pub(crate) connections: Arc<dyn Connections>,
    pub(crate) dialect: Arc<dyn Dialect>,
    /// How the server calls the session that may have to wait; none where nobody could tell.
    pub(crate) session: Option<i64>,
    /// After how long it is worth a look.
    pub(crate) every: Duration,
}

impl Watch {
    /// Does something that may have to wait for a lock; and what to say of its holder, if there
    /// was time to wait for one.
    pub(crate) async fn over<T>(&self, work: impl Future<Output = T>) -> (T, Option<String>) {
        let mut work = std::pin::pin!(work);
        let begun = Instant::now();
        let mut held = None;
        loop {
            let look = async {
                sleep(self.every).await;
                timeout(LOOKING, self.look()).await.ok().flatten()
            };
            tokio::select! {
                biased;
                done = &mut work => {
                    let has_waited = begun.elapsed() >= self.every;
                    let unseen = || self.dialect.how_to_find_holders().to_owned();
                    return (done, has_waited.then(|| held.unwrap_or_else(unseen)));
                }
                found = look => held = found.or(held),
            }
        }
    }

    async fn look(&self) -> Option<String> {
        let session = self.session?;
        let mut looking = Looking(self.connections.acquire_soon().await.ok()?, true);
        let mut found = None;
        for query in self.dialect.holders_queries() {
            // Some servers do not have what it asks for, and some do not let us.
            let Ok(rows) = looking.0.fetch(query, vec![session.into()]).await else { continue };
            let holders = rows.iter().filter_map(|row| Holder::read(row).ok()).collect::<Vec<_>>();
            if !holders.is_empty() {
                found = Some(holders);
                break;
            }
        }
        looking.1 = false;
        found.map(|holders| tell(&holders, self.dialect.as_ref()))
    }
}

/// A connection that is closed when a query on it is given up half-way.
struct Looking(Box<dyn Connection>, bool);

impl Drop for Looking {
    fn drop(&mut self) {
        if self.1 {
            self.0.discard();
        }
    }
}

/// A session that holds a lock, as [`Dialect::holders_queries`] reads it.
struct Holder {
    id: i64,
    /// Whether it holds the lock, or is only one of those that may.
    is_sure: bool,
    user: Option<String>,
    application: Option<String>,
    state: Option<String>,
    seconds: Option<i64>,
    statement: Option<String>,
}

impl Holder {
    fn read(row: &Fields) -> Result<Holder, sqlx::Error> {
        Ok(Holder {
            id: row.int("session")?,
            is_sure: row.int("is_sure")? == 1,
            user: row.optional_text("user_name")?,
            application: row.optional_text("application")?,
            state: row.optional_text("state")?,
            seconds: row.optional_int("seconds")?,
            statement: row.optional_text("statement")?,
        })
    }

    fn describe(&self) -> String {
        let given = |text: &Option<String>| text.clone().filter(|text| !text.trim().is_empty());
        let parts = [
            given(&self.user).map(|user| format!("user {user}")),
            given(&self.application),
            given(&self.state),
            self.seconds.map(|seconds| format!("for {seconds} s")),
            given(&self.statement).map(|statement| format!("`{}`", beginning(&statement))),
        ];
        format!("session {} ({})", self.id, list(parts.into_iter().flatten(), ", ", |part| part))
    }
}

/// Enough of a statement to know it by. What it compares with or writes is not for a log.
fn beginning(statement: &str) -> String {
    const MOST: usize = 80;
    let words = statement.split_whitespace().collect::<Vec<_>>().join(" ");
    let shown: String =
        words.chars().take_while(|c| !"'\"0123456789".contains(*c)).take(MOST).collect();
    if shown.len() < words.len() { shown + "…" } else { shown }
}

/// Who holds the lock, and what to do about it.
fn tell(holders: &[Holder], dialect: &dyn Dialect) -> String {
    let who = list(holders, " and ", Holder::describe);
    let end = list(holders, "; ", |holder| dialect.end_session(holder.id));
    let holds = match holders.iter().all(|holder| holder.is_sure) {
        true => "the lock is held by",
        false => "the lock may be held by",
    };
    format!("{holds} {who}. Wait until it has ended, or end it ({end}), and run again")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::sqlite::dialect::SqliteDialect;

    fn holder(id: i64, is_sure: bool) -> Holder {
        let (user, application) = (Some("bob".into()), Some(String::new()));
        let statement = Some("SELECT *\n  FROM items".into());
        Holder { id, is_sure, user, application, state: None, seconds: Some(240), statement }
    }

    #[test]
    fn a_holder_is_told_by_what_is_known_of_it() {
        assert_eq!(
            holder(7, true).describe(),
            "session 7 (user bob, for 240 s, `SELECT * FROM items`)"
        );
        let secret = "UPDATE users SET password =\n 'hush' WHERE id = 7";
        assert_eq!(beginning(secret), "UPDATE users SET password = …");
        assert!(tell(&[holder(7, true)], &SqliteDialect).starts_with("the lock is held by"));
        let guessed = tell(&[holder(7, true), holder(8, false)], &SqliteDialect);
        assert!(guessed.starts_with("the lock may be held by session 7"), "{guessed}");
    }
}
