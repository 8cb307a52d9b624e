// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! PostgreSQL's error codes, with the names that its documentation gives them. A code that is not here is an
//! error that nothing is done about.

use crate::connect::trouble::Trouble::{
    self, AtLimit, Busy, Cancelled, DependedOn, DiskFull, Duplicate, Login, Lost, NoDatabase,
    NoReplacement, NoTable, Pooler, Privilege, ReadOnly,
};

/// <https://www.postgresql.org/docs/current/errcodes-appendix.html>; two characters are a class.
pub(crate) const CODES: &[(&str, &str, Trouble)] = &[
    ("08", "connection_exception", Lost),
    ("23505", "unique_violation", Duplicate),
    ("25006", "read_only_sql_transaction", ReadOnly),
    ("25P03", "idle_in_transaction_session_timeout", Lost),
    ("25P04", "transaction_timeout", Lost),
    // There is no such prepared statement, or (42P05) there is one: the host gives them no names
    // that meet.
    ("26000", "invalid_sql_statement_name", Pooler),
    ("28000", "invalid_authorization_specification", Login),
    ("28P01", "invalid_password", Login),
    ("2BP01", "dependent_objects_still_exist", DependedOn),
    ("3D000", "invalid_catalog_name", NoDatabase),
    // There is no schema to create in, or none that the user may see.
    ("3F000", "invalid_schema_name", Privilege),
    ("40001", "serialization_failure", Busy),
    ("40003", "statement_completion_unknown", Lost),
    ("40P01", "deadlock_detected", Busy),
    ("42501", "insufficient_privilege", Privilege),
    ("42P01", "undefined_table", NoTable),
    ("42P05", "duplicate_prepared_statement", Pooler),
    ("42P16", "invalid_table_definition", NoReplacement),
    ("53100", "disk_full", DiskFull),
    ("53200", "out_of_memory", AtLimit),
    ("53300", "too_many_connections", AtLimit),
    ("53400", "configuration_limit_exceeded", AtLimit),
    ("55006", "object_in_use", Busy),
    ("55P03", "lock_not_available", Busy),
    ("57014", "query_canceled", Cancelled),
    ("57P01", "admin_shutdown", Lost),
    ("57P02", "crash_shutdown", Lost),
    // Starting, shutting down, or recovering.
    ("57P03", "cannot_connect_now", Lost),
    ("57P04", "database_dropped", NoDatabase),
    ("57P05", "idle_session_timeout", Lost),
];

pub(crate) fn meaning(state: &str) -> Trouble {
    let known = |code: &str| CODES.iter().find(|(known, ..)| *known == code);
    let class = state.get(..2).unwrap_or_default();
    known(state).or_else(|| known(class)).map_or(Trouble::Other, |(.., trouble)| *trouble)
}
