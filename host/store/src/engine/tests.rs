// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The tables, whole: each code with the name that a server gives it, and as what it comes back
//! through the driver.

use std::collections::HashSet;

use sqlx::{AssertSqlSafe, Connection as _, MySqlConnection, PgConnection};

use super::mysql::codes::{CODES as MYSQL, MARIADB, meaning as mysql};
use super::postgres::codes::{CODES as POSTGRES, meaning as postgres};
use super::sqlite::codes::{CODES as SQLITE, meaning as sqlite};
use super::trouble;
use crate::connect::trouble::Trouble;

/// The server of `scripts/test-databases`.
fn server(variable: &str) -> Option<String> {
    let server = std::env::var(variable).ok();
    if server.is_none() {
        eprintln!("not run: {variable} is not set; scripts/test-databases sets it");
        assert!(std::env::var_os("CI").is_none(), "{variable} has to be set where CI is");
    }
    server
}

#[test]
fn no_code_has_two_meanings() {
    let postgres: HashSet<_> = POSTGRES.iter().map(|(code, ..)| code).collect();
    assert_eq!(postgres.len(), POSTGRES.len());
    assert!(postgres.iter().all(|code| matches!(code.len(), 2 | 5)), "{postgres:?}");
    let mysql: HashSet<_> = MYSQL.iter().chain(MARIADB).map(|(code, ..)| code).collect();
    assert_eq!(mysql.len(), MYSQL.len() + MARIADB.len());
    let sqlite: HashSet<_> = SQLITE.iter().map(|(code, ..)| code).collect();
    assert_eq!(sqlite.len(), SQLITE.len());
}

#[test]
fn what_is_in_no_table_is_an_error_like_any_other() {
    // Syntax errors; and a code whose class has a meaning.
    assert_eq!(postgres("42601"), Trouble::Other);
    assert_eq!(postgres(""), Trouble::Other);
    assert_eq!(postgres("08006"), Trouble::Lost);
    assert_eq!(mysql(1064), Trouble::Other);
    assert_eq!(sqlite(1), Trouble::Other);
    // SQLITE_BUSY_SNAPSHOT has SQLITE_BUSY in its low bits, SQLITE_IOERR_READ nothing.
    assert_eq!(sqlite(517), Trouble::Busy);
    assert_eq!(sqlite(266), Trouble::Other);
}

#[test]
fn what_may_pass_by_itself_is_told_from_what_will_not() {
    // Sessions that were idle for too long, and servers that go.
    for state in ["57P05", "25P03", "25P04", "57P01", "57P03"] {
        assert_eq!(postgres(state), Trouble::Lost, "{state}");
    }
    for number in [4031, 1053, 1927, 2006] {
        assert_eq!(mysql(number), Trouble::Lost, "{number}");
    }
    assert_eq!(postgres("53300"), Trouble::AtLimit);
    for number in [1040, 1203, 1226] {
        assert_eq!(mysql(number), Trouble::AtLimit, "{number}");
    }
    for state in ["40001", "40P01", "55P03"] {
        assert_eq!(postgres(state), Trouble::Busy, "{state}");
    }
    for number in [1205, 1213, 3572] {
        assert_eq!(mysql(number), Trouble::Busy, "{number}");
    }
    assert_eq!([postgres("25006"), mysql(1290), mysql(1836)], [Trouble::ReadOnly; 3]);
    assert_eq!([postgres("57014"), mysql(1317), mysql(1969)], [Trouble::Cancelled; 3]);
    assert_eq!([sqlite(13), sqlite(778)], [Trouble::DiskFull; 2]);
    // A person has to do something about these.
    assert_eq!([mysql(1129), mysql(1045), postgres("28P01")], [Trouble::Login; 3]);
    assert_eq!([postgres("57P04"), mysql(1049)], [Trouble::NoDatabase; 2]);
}

#[tokio::test]
async fn postgres_calls_them_the_same() {
    let Some(url) = server("TEST_POSTGRES_URL") else { return };
    let mut connection = PgConnection::connect(&url).await.unwrap();
    for (code, name, expected) in POSTGRES {
        let raise = |what: &str| AssertSqlSafe(format!("DO $$ BEGIN RAISE {what}; END $$"));
        let mut error = sqlx::raw_sql(raise(name)).execute(&mut connection).await.unwrap_err();
        if error.to_string().contains("unrecognized exception condition") {
            assert!(["idle_session_timeout", "transaction_timeout"].contains(name), "{name}");
            let state = raise(&format!("SQLSTATE '{code}'"));
            error = sqlx::raw_sql(state).execute(&mut connection).await.unwrap_err();
        }
        let said = error.as_database_error().unwrap().code().unwrap();
        assert!(said.starts_with(code), "{name} is {said}");
        assert_eq!(trouble(&error), *expected, "{name}");
    }
}

#[tokio::test]
async fn mysql_calls_them_the_same() {
    for variable in ["TEST_MYSQL_URL", "TEST_ORACLE_MYSQL_URL"] {
        if let Some(url) = server(variable) {
            is_called_the_same(&url).await;
        }
    }
}

async fn is_called_the_same(url: &str) {
    let mut connection = MySqlConnection::connect(url).await.unwrap();
    for (number, name, expected) in MYSQL.iter().chain(MARIADB) {
        let signal = format!("SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = {number}");
        let signal = sqlx::raw_sql(AssertSqlSafe(signal));
        let error = signal.execute(&mut connection).await.unwrap_err();
        assert_eq!(trouble(&error), *expected, "{name}");
    }
    let version: String =
        sqlx::query_scalar("SELECT VERSION()").fetch_one(&mut connection).await.unwrap();
    if version.contains("MariaDB") {
        // It has no table of its errors.
        return;
    }
    let names = "SELECT CAST(error_number AS SIGNED), error_name \
                 FROM performance_schema.events_errors_summary_global_by_error \
                 WHERE error_number IS NOT NULL";
    let names: Vec<(i64, String)> = sqlx::query_as(names).fetch_all(&mut connection).await.unwrap();
    let called = |number: u16| names.iter().find(|(n, _)| *n == i64::from(number));
    // Those of clients and of the operating system are not the server's.
    let of_the_server =
        |(number, ..): &&(u16, &str, Trouble)| *number >= 1000 && !(2000..3000).contains(number);
    for (number, name, _) in MYSQL.iter().filter(of_the_server) {
        assert_eq!(called(*number).map(|(_, name)| name.as_str()), Some(*name), "{number}");
    }
    for (number, name, _) in MARIADB {
        assert_eq!(called(*number), None, "{name} means something else in MySQL");
    }
}
