// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! What the databases' error codes mean here: one table for each engine, with the names that its
//! documentation gives them. A code that is in none is an error that nothing is done about.

use Trouble::{
    AtLimit, Busy, Cancelled, DiskFull, Duplicate, Login, Lost, NoDatabase, NoTable, Pooler,
    ReadOnly, Right,
};

/// Errors by what is done about them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// The connection, or the server, is gone for now. A new one waits for it.
    Lost,
    /// The server takes no more of us for now: connections, memory, locks. A new connection waits.
    AtLimit,
    /// The server does not let us in, and will not by itself.
    Login,
    NoDatabase,
    Right,
    /// The server takes no writes: a replica, perhaps since a failover. The connection is given up.
    ReadOnly,
    DiskFull,
    /// Locks and what else another transaction was in the way of. Nothing of ours was kept.
    Busy,
    /// A time limit of the server's, or a person, has ended the statement.
    Cancelled,
    Duplicate,
    NoTable,
    /// A pooler has lost what a session has prepared.
    Pooler,
    /// A pooler does not take what a session is begun with.
    PoolerStartup,
    Other,
}

/// <https://www.postgresql.org/docs/current/errcodes-appendix.html>; two characters are a class.
const POSTGRES: &[(&str, &str, Trouble)] = &[
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
    ("3D000", "invalid_catalog_name", NoDatabase),
    // There is no schema to create in, or none that the user may see.
    ("3F000", "invalid_schema_name", Right),
    ("40001", "serialization_failure", Busy),
    ("40003", "statement_completion_unknown", Lost),
    ("40P01", "deadlock_detected", Busy),
    ("42501", "insufficient_privilege", Right),
    ("42P01", "undefined_table", NoTable),
    ("42P05", "duplicate_prepared_statement", Pooler),
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

/// <https://dev.mysql.com/doc/mysql-errors/9.4/en/server-error-reference.html>
const MYSQL: &[(u16, &str, Trouble)] = &[
    (3, "EE_WRITE", DiskFull),
    (20, "EE_DISK_FULL", DiskFull),
    // MariaDB's: another transaction has changed the row since this one has read it.
    (1020, "ER_CHECKREAD", Busy),
    (1026, "ER_ERROR_ON_WRITE", DiskFull),
    (1036, "ER_OPEN_AS_READONLY", ReadOnly),
    (1037, "ER_OUTOFMEMORY", AtLimit),
    (1038, "ER_OUT_OF_SORTMEMORY", AtLimit),
    (1040, "ER_CON_COUNT_ERROR", AtLimit),
    (1041, "ER_OUT_OF_RESOURCES", AtLimit),
    (1044, "ER_DBACCESS_DENIED_ERROR", Right),
    (1045, "ER_ACCESS_DENIED_ERROR", Login),
    // A node of Galera that has not joined its cluster yet takes no statements.
    (1047, "ER_UNKNOWN_COM_ERROR", Lost),
    (1049, "ER_BAD_DB_ERROR", NoDatabase),
    (1053, "ER_SERVER_SHUTDOWN", Lost),
    (1062, "ER_DUP_ENTRY", Duplicate),
    (1079, "ER_SHUTDOWN_COMPLETE", Lost),
    (1080, "ER_FORCING_CLOSE", Lost),
    // Also a temporary table that is as large as it may be.
    (1114, "ER_RECORD_FILE_FULL", DiskFull),
    // Too many connections were broken off: a person has to unblock the host.
    (1129, "ER_HOST_IS_BLOCKED", Login),
    (1130, "ER_HOST_NOT_PRIVILEGED", Login),
    (1135, "ER_CANT_CREATE_THREAD", AtLimit),
    (1142, "ER_TABLEACCESS_DENIED_ERROR", Right),
    (1143, "ER_COLUMNACCESS_DENIED_ERROR", Right),
    (1146, "ER_NO_SUCH_TABLE", NoTable),
    (1152, "ER_ABORTING_CONNECTION", Lost),
    (1158, "ER_NET_READ_ERROR", Lost),
    (1159, "ER_NET_READ_INTERRUPTED", Lost),
    (1160, "ER_NET_ERROR_ON_WRITE", Lost),
    (1161, "ER_NET_WRITE_INTERRUPTED", Lost),
    (1184, "ER_NEW_ABORTING_CONNECTION", Lost),
    (1203, "ER_TOO_MANY_USER_CONNECTIONS", AtLimit),
    (1205, "ER_LOCK_WAIT_TIMEOUT", Busy),
    (1206, "ER_LOCK_TABLE_FULL", AtLimit),
    (1213, "ER_LOCK_DEADLOCK", Busy),
    // max_user_connections of the user, or one of his limits per hour.
    (1226, "ER_USER_LIMIT_REACHED", AtLimit),
    (1227, "ER_SPECIFIC_ACCESS_DENIED_ERROR", Right),
    // --read-only and --super-read-only; no other option refuses what the host does.
    (1290, "ER_OPTION_PREVENTS_STATEMENT", ReadOnly),
    // A statement, or with KILL the whole connection.
    (1317, "ER_QUERY_INTERRUPTED", Cancelled),
    (1370, "ER_PROCACCESS_DENIED_ERROR", Right),
    (1412, "ER_TABLE_DEF_CHANGED", Busy),
    (1586, "ER_DUP_ENTRY_WITH_KEY_NAME", Duplicate),
    (1615, "ER_NEED_REPREPARE", Busy),
    (1698, "ER_ACCESS_DENIED_NO_PASSWORD_ERROR", Login),
    (1792, "ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION", ReadOnly),
    (1820, "ER_MUST_CHANGE_PASSWORD", Login),
    (1836, "ER_READ_ONLY_MODE", ReadOnly),
    (1862, "ER_MUST_CHANGE_PASSWORD_LOGIN", Login),
    (1874, "ER_INNODB_READ_ONLY", ReadOnly),
    (1878, "ER_TEMP_FILE_WRITE_FAILURE", DiskFull),
    (2006, "CR_SERVER_GONE_ERROR", Lost),
    (2013, "CR_SERVER_LOST", Lost),
    (3024, "ER_QUERY_TIMEOUT", Cancelled),
    (3032, "ER_SERVER_OFFLINE_MODE", Lost),
    (3058, "ER_USER_LOCK_DEADLOCK", Busy),
    // Group replication: another member has changed the same rows.
    (3101, "ER_TRANSACTION_ROLLBACK_DURING_COMMIT", Busy),
    (3118, "ER_ACCOUNT_HAS_BEEN_LOCKED", Login),
    (3168, "ER_SERVER_ISNT_AVAILABLE", Lost),
    (3169, "ER_SESSION_WAS_KILLED", Lost),
    (3572, "ER_LOCK_NOWAIT", Busy),
    (3955, "ER_USER_ACCESS_DENIED_FOR_USER_ACCOUNT_BLOCKED_BY_PASSWORD_LOCK", Login),
    (4031, "ER_CLIENT_INTERACTION_TIMEOUT", Lost),
];

/// What MariaDB has of its own, or calls by numbers that MySQL does not use:
/// <https://mariadb.com/docs/server/reference/error-codes/mariadb-error-code-reference>
const MARIADB: &[(u16, &str, Trouble)] = &[
    // Of older versions of MySQL, too.
    (1021, "ER_DISK_FULL", DiskFull),
    (1927, "ER_CONNECTION_KILLED", Lost),
    (1969, "ER_STATEMENT_TIMEOUT", Cancelled),
];

/// <https://www.sqlite.org/rescode.html>. An extended code has its primary one in its low eight
/// bits, and that one's meaning unless it stands here itself.
const SQLITE: &[(u32, &str, Trouble)] = &[
    (3, "SQLITE_PERM", Right),
    (5, "SQLITE_BUSY", Busy),
    (6, "SQLITE_LOCKED", Busy),
    (7, "SQLITE_NOMEM", AtLimit),
    (8, "SQLITE_READONLY", Right),
    (9, "SQLITE_INTERRUPT", Cancelled),
    (13, "SQLITE_FULL", DiskFull),
    (14, "SQLITE_CANTOPEN", Lost),
    (15, "SQLITE_PROTOCOL", Busy),
    (23, "SQLITE_AUTH", Right),
    // A write that failed, as past a quota or a limit on the size of files.
    (778, "SQLITE_IOERR_WRITE", DiskFull),
    (1555, "SQLITE_CONSTRAINT_PRIMARYKEY", Duplicate),
    (2067, "SQLITE_CONSTRAINT_UNIQUE", Duplicate),
    (2579, "SQLITE_CONSTRAINT_ROWID", Duplicate),
];

pub(crate) fn postgres(state: &str) -> Trouble {
    let meaning = |code: &str| POSTGRES.iter().find(|(known, ..)| *known == code);
    let class = state.get(..2).unwrap_or_default();
    meaning(state).or_else(|| meaning(class)).map_or(Trouble::Other, |(.., trouble)| *trouble)
}

pub(crate) fn mysql(number: u16) -> Trouble {
    let known = MYSQL.iter().chain(MARIADB).find(|(known, ..)| *known == number);
    known.map_or(Trouble::Other, |(.., trouble)| *trouble)
}

pub(crate) fn sqlite(code: u32) -> Trouble {
    let meaning = |code: u32| SQLITE.iter().find(|(known, ..)| *known == code);
    let known = meaning(code).or_else(|| meaning(code & 0xff));
    known.map_or(Trouble::Other, |(.., trouble)| *trouble)
}

#[cfg(test)]
mod tests;
