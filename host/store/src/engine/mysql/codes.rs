// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! MySQL's and MariaDB's error codes, with the names that its documentation gives them. A code that is not here is an
//! error that nothing is done about.

use crate::connect::trouble::Trouble::{
    self, AtLimit, Busy, Cancelled, DiskFull, Duplicate, Login, Lost, NoDatabase, NoTable,
    Privilege, ReadOnly,
};

/// <https://dev.mysql.com/doc/mysql-errors/9.4/en/server-error-reference.html>
pub(crate) const CODES: &[(u16, &str, Trouble)] = &[
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
    (1044, "ER_DBACCESS_DENIED_ERROR", Privilege),
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
    (1142, "ER_TABLEACCESS_DENIED_ERROR", Privilege),
    (1143, "ER_COLUMNACCESS_DENIED_ERROR", Privilege),
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
    (1227, "ER_SPECIFIC_ACCESS_DENIED_ERROR", Privilege),
    // --read-only and --super-read-only; no other option refuses what the host does.
    (1290, "ER_OPTION_PREVENTS_STATEMENT", ReadOnly),
    // A statement, or with KILL the whole connection.
    (1317, "ER_QUERY_INTERRUPTED", Cancelled),
    (1370, "ER_PROCACCESS_DENIED_ERROR", Privilege),
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
pub(crate) const MARIADB: &[(u16, &str, Trouble)] = &[
    // Of older versions of MySQL, too.
    (1021, "ER_DISK_FULL", DiskFull),
    (1927, "ER_CONNECTION_KILLED", Lost),
    (1969, "ER_STATEMENT_TIMEOUT", Cancelled),
];

pub(crate) fn meaning(number: u16) -> Trouble {
    let known = CODES.iter().chain(MARIADB).find(|(known, ..)| *known == number);
    known.map_or(Trouble::Other, |(.., trouble)| *trouble)
}
