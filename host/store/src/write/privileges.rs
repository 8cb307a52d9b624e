// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Whether the host's database user may do what a run will do.

use crate::engine::privileges;
use crate::engine::privileges::Privilege;
use crate::error::StoreError;
use crate::session::DatabaseSession;
use crate::store::Store;
use crate::write::migrations::{lock, unlock};

/// What the names of all begin with that is made and removed.
const PROBE: &str = "test_dashboard_probe_rights";

impl Store {
    /// Tries each privilege that a run needs, on tables and a view that are gone afterwards; then
    /// whether what a run writes is what is read.
    ///
    /// # Errors
    ///
    /// [`StoreError::MissingPrivilege`] that names everything that was refused, and the GRANT that
    /// helps; [`StoreError::Unfit`] for a server, or a pooler before it, on which a run would fail
    /// whatever the user may do.
    pub async fn check_privileges(&self) -> Result<(), StoreError> {
        self.refuse_unfit().await?;
        let mut session = self.session().await?;
        // The temporary table goes with the connection.
        session.hold();
        // One check at a time, so that what an earlier one was not allowed to remove has a name that
        // is known.
        lock(&mut session).await?;
        let all: Vec<_> = privileges::of(self.driver()).collect();
        if let Some(removing) = all.last() {
            let _ = try_privilege(&mut session, removing).await;
        }
        let (mut refused, mut missing) = (Vec::new(), Vec::new());
        let mut failed = None;
        // To the end whatever happens: the last one removes what the others have made.
        for privilege in all {
            match try_privilege(&mut session, privilege).await {
                Ok(()) => {}
                Err(StoreError::MissingPrivilege { reason, .. }) => {
                    refused.push(format!("{} ({reason})", privilege.to));
                    let named = privileges::named(self.driver(), &reason);
                    missing.extend(if named.is_empty() { vec![privilege.need] } else { named });
                }
                // Where something is refused, others fail for want of what it would have made.
                Err(other) => failed = failed.or(Some(other)),
            }
        }
        unlock(&mut session).await?;
        if refused.is_empty() {
            drop(session);
            return match failed {
                Some(error) => Err(error),
                None => self.rehearse().await,
            };
        }
        Err(StoreError::MissingPrivilege {
            database: self.name(),
            doing: String::from("trying what a run needs"),
            reason: format!("it is refused to {}", refused.join("; to ")),
            remedy: self.remedy(&missing),
        })
    }
}

async fn try_privilege(
    session: &mut DatabaseSession,
    privilege: &Privilege,
) -> Result<(), StoreError> {
    let doing = format!("trying to {}", privilege.to);
    for sql in privilege.statements(PROBE) {
        session.execute(&doing, &sql, vec![]).await?;
    }
    Ok(())
}
