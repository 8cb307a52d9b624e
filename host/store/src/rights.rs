// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Whether the host's database user may do what a run will do.

use crate::connection::Session;
use crate::dialect::{Right, quote};
use crate::{Store, StoreError};

/// Statements that need the right, on a table of their own.
fn probes(right: Right, probe: &str) -> Vec<String> {
    let (table, index) = (quote(probe), quote(&format!("{probe}_index")));
    let temporary = quote(&format!("{probe}_temporary"));
    match right {
        Right::Create => vec![
            format!("CREATE TABLE {table} (\"id\" integer PRIMARY KEY)"),
            format!("CREATE INDEX {index} ON {table} (\"id\")"),
        ],
        Right::Alter => vec![format!("ALTER TABLE {table} ADD COLUMN \"text\" integer")],
        Right::Write => vec![
            format!("INSERT INTO {table} (\"id\") VALUES (1)"),
            format!("UPDATE {table} SET \"id\" = 2"),
            format!("DELETE FROM {table}"),
        ],
        Right::Temporary => vec![format!("CREATE TEMPORARY TABLE {temporary} (\"id\" integer)")],
        Right::Drop => vec![format!("DROP TABLE {table}")],
    }
}

const ALL: [Right; 5] = [Right::Temporary, Right::Create, Right::Alter, Right::Write, Right::Drop];

impl Store {
    /// Tries whether the user may create, alter, fill and drop tables and make temporary ones,
    /// on a table that is gone afterwards.
    ///
    /// # Errors
    ///
    /// [`StoreError::MissingRight`] that names each right which was refused, and the GRANT that
    /// helps.
    pub async fn check_rights(&self) -> Result<(), StoreError> {
        let mut session = self.session().await?;
        // The temporary table goes with the connection.
        session.hold();
        let probe = format!("test_dashboard_probe_{}", std::process::id());
        let mut refused = Vec::new();
        let mut remedies = Vec::new();
        for right in ALL {
            match try_right(&mut session, right, &probe).await {
                Ok(()) => {}
                Err(StoreError::MissingRight { reason, .. }) => {
                    refused.push(format!("{} ({reason})", right.as_str()));
                    remedies.push(self.grant(right));
                    if right == Right::Create {
                        // Without a table the others cannot be tried: ask for all at once.
                        remedies.extend(
                            [Right::Alter, Right::Write, Right::Drop]
                                .map(|right| self.grant(right)),
                        );
                        break;
                    }
                }
                Err(other) => return Err(other),
            }
        }
        if refused.is_empty() {
            return Ok(());
        }
        remedies.dedup();
        Err(StoreError::MissingRight {
            database: self.name(),
            doing: String::from("trying what a run needs"),
            reason: format!("it is refused to {}", refused.join("; to ")),
            remedy: remedies.join("; "),
        })
    }
}

async fn try_right(session: &mut Session, right: Right, probe: &str) -> Result<(), StoreError> {
    for sql in probes(right, probe) {
        session.execute(&format!("trying to {}", right.as_str()), &sql, vec![]).await?;
    }
    Ok(())
}
