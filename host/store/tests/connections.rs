// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! How a server is reached: address, socket, protection and password; and what a connection
//! that breaks leaves behind.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "the helpers of tests stop at what they do not expect"
)]

mod support;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use support::proxy::{Moment, Proxy};
use support::{At, Database, checkpoint, item, key, nothing, owner, plain, start};
use test_dashboard_model::TableMode;
use test_dashboard_store::{
    CommitPoint, Engine, Outcome, Password, ReadMode, ReportEnd, ReportKey, RunEnd, Server, Store,
    StoreError, Target, Tls, TlsMode, Views,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

on_every_server![
    a_unix_socket_is_found,
    a_socket_that_is_not_there_names_the_paths_that_were_tried,
    a_user_who_has_to_be_encrypted_logs_in_with_tls_only,
    a_server_has_to_prove_itself_by_its_own_authority,
    a_client_presents_its_certificate,
    a_server_without_tls_is_told_from_one_that_is_away,
    a_password_is_read_from_a_file,
    a_program_makes_a_password_for_every_connection,
    a_program_that_makes_none_is_told,
    what_a_connection_breaks_off_is_neither_lost_nor_doubled,
    what_is_done_around_the_partitions_is_tried_again,
    a_run_whose_beginning_was_not_answered_begins_once,
    a_token_that_has_expired_is_replaced_when_a_connection_breaks,
    a_user_who_may_have_a_single_connection_can_run,
    a_user_with_no_connection_free_is_waited_for,
];

async fn connect(server: Server) -> Result<Store, StoreError> {
    Store::connect(&Target::server(server).unwrap(), 1).await
}

async fn refusal(server: Server) -> StoreError {
    connect(server).await.err().unwrap()
}

/// That the connection works, by using it.
async fn works(server: Server) {
    let store = connect(server).await.unwrap_or_else(|error| panic!("{error}"));
    store.table_counts(&[]).await.unwrap();
    store.close().await;
}

fn tls(mode: TlsMode) -> Tls {
    Tls { mode: Some(mode), ..Tls::default() }
}

fn verified(mode: TlsMode, ca: PathBuf) -> Tls {
    Tls { ca: Some(ca), ..tls(mode) }
}

fn with_client(tls: Tls, folder: &Path) -> Tls {
    let (certificate, key) = (folder.join("client.pem"), folder.join("client-key.pem"));
    Tls { certificate: Some(certificate), key: Some(key), ..tls }
}

/// A user of this test's own with the password `p`; `role` is what scripts/test-databases
/// gives its meaning in PostgreSQL, `requires` the same for MySQL.
async fn user(db: &Database, role: &str, requires: &str) -> String {
    let user = format!("u_{}", db.name());
    match db.engine {
        Engine::Postgres => {
            db.on_server(&format!("CREATE USER {user} PASSWORD 'p' IN ROLE {role}")).await;
            db.on_server(&format!("GRANT CONNECT ON DATABASE {} TO {user}", db.name())).await;
        }
        _ => {
            db.on_server(&format!("CREATE USER {user} IDENTIFIED BY 'p' REQUIRE {requires}")).await;
            db.on_server(&format!("GRANT SELECT ON {}.* TO {user}", db.name())).await;
        }
    }
    user
}

fn as_user(db: &Database, user: &str, tls: Tls) -> Server {
    Server { user: user.into(), password: Password::Text("p".into()), tls, ..db.parts() }
}

async fn a_unix_socket_is_found(db: Arc<Database>) {
    let Some(folder) = db.socket() else { return };
    let mut places = vec![folder.clone()];
    if db.engine == Engine::Mysql {
        // As Cloud SQL names it: the socket itself.
        places.push(folder.join("mysqld.sock"));
    }
    for place in places {
        let host = place.to_str().unwrap().to_owned();
        let store = connect(Server { host: host.clone(), ..db.parts() }).await.unwrap();
        assert!(store.name().ends_with(&format!("at {host}")), "{}", store.name());
        store.migrate().await.unwrap();
        store.close().await;
    }
}

async fn a_socket_that_is_not_there_names_the_paths_that_were_tried(db: Arc<Database>) {
    let host = String::from("/no/such/project:region:name");
    let parts = Server { host, password: Password::Text("s3cret".into()), ..db.parts() };
    let error = refusal(parts).await;
    assert!(matches!(error, StoreError::Unreachable { .. }), "{error}");
    let explained = format!("{error} {error:?}");
    let expected = match db.engine {
        Engine::Postgres => "/no/such/project:region:name/.s.PGSQL.",
        _ => "/no/such/project:region:name/mysql.sock (is not there)",
    };
    assert!(
        explained.contains(expected) && explained.contains(&format!("as {}", db.name())),
        "{explained}"
    );
    assert!(!explained.contains("s3cret"), "{explained}");
}

async fn a_user_who_has_to_be_encrypted_logs_in_with_tls_only(db: Arc<Database>) {
    if db.certificates().is_none() {
        return;
    }
    let user = user(&db, "needs_tls", "SSL").await;
    let error = refusal(as_user(&db, &user, tls(TlsMode::Off))).await;
    works(as_user(&db, &user, tls(TlsMode::Prefer))).await;
    works(as_user(&db, &user, tls(TlsMode::Require))).await;
    // What is said in an address goes on working.
    let (asks, mode) = match db.engine {
        Engine::Postgres => ("sslmode=disable", "sslmode=require"),
        _ => ("ssl-mode=disabled", "ssl-mode=REQUIRED"),
    };
    let url = db.url_as(&user, "p").replace(asks, mode);
    Store::connect(&Target::parse(&url).unwrap(), 1).await.unwrap().close().await;
    db.drop_user(&user).await;
    let explained = error.to_string();
    assert!(matches!(error, StoreError::WrongLogin { .. }), "{explained}");
    assert!(explained.contains(&format!("as {user}")), "{explained}");
    if db.engine == Engine::Postgres {
        assert!(explained.contains("set tls = \"require\""), "{explained}");
    }
}

async fn a_server_has_to_prove_itself_by_its_own_authority(db: Arc<Database>) {
    let Some(folder) = db.certificates() else { return };
    let user = user(&db, "needs_tls", "SSL").await;
    let right = || folder.join("ca.pem");
    works(as_user(&db, &user, verified(TlsMode::VerifyCa, right()))).await;
    let at = |host: &str, tls| Server { host: host.into(), ..as_user(&db, &user, tls) };
    works(at("localhost", verified(TlsMode::VerifyFull, right()))).await;

    let own = tempfile::tempdir().unwrap();
    let other = own.path().join("other.pem");
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(&other, made.cert.pem()).unwrap();
    let wrong_ca = refusal(as_user(&db, &user, verified(TlsMode::VerifyCa, other))).await;
    let wrong_name = refusal(as_user(&db, &user, verified(TlsMode::VerifyFull, right()))).await;
    // Without a CA of its own the machine's authorities count, and none of them issued this.
    let nobodys = refusal(at("localhost", tls(TlsMode::VerifyFull))).await;
    let no_file = own.path().join("missing.pem");
    let no_file = refusal(as_user(&db, &user, verified(TlsMode::VerifyCa, no_file))).await;
    db.drop_user(&user).await;
    for (error, expected) in [
        (wrong_ca, "server-ca.pem"),
        (wrong_name, "tls = \"verify-ca\""),
        (nobodys, "UnknownIssuer"),
        (no_file, "missing.pem cannot be read"),
    ] {
        let explained = error.to_string();
        assert!(matches!(error, StoreError::Tls { .. }), "{explained}");
        assert!(explained.contains(expected) && explained.contains(&user), "{explained}");
        assert!(!error.is_transient(), "{explained}");
    }
}

async fn a_client_presents_its_certificate(db: Arc<Database>) {
    let Some(folder) = db.certificates() else { return };
    let user = user(&db, "needs_certificate", "X509").await;
    let ca = || verified(TlsMode::VerifyCa, folder.join("ca.pem"));
    // Presented by the driver, and where the server is verified as well.
    works(as_user(&db, &user, with_client(tls(TlsMode::Require), &folder))).await;
    works(as_user(&db, &user, with_client(ca(), &folder))).await;
    let missing = [
        refusal(as_user(&db, &user, tls(TlsMode::Require))).await,
        refusal(as_user(&db, &user, ca())).await,
    ];
    let own = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(["client".to_owned()]).unwrap();
    std::fs::write(own.path().join("client.pem"), made.cert.pem()).unwrap();
    std::fs::write(own.path().join("client-key.pem"), made.signing_key.serialize_pem()).unwrap();
    let of_another = refusal(as_user(&db, &user, with_client(ca(), own.path()))).await;
    db.drop_user(&user).await;
    for error in missing {
        assert!(matches!(error, StoreError::WrongLogin { .. }), "{error}");
        assert!(error.to_string().contains("set tls-cert and tls-key"), "{error}");
    }
    let explained = of_another.to_string();
    assert!(explained.contains("tls-cert"), "{explained}");
}

/// A server that answers nothing but how it would greet: without TLS.
async fn without_tls(engine: Engine) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            if engine == Engine::Postgres {
                let mut request = [0; 8];
                let _ = client.read_exact(&mut request).await;
                let _ = client.write_all(b"N").await;
            } else {
                // Version 10, its name, a number, a nonce, all flags of the lower half but
                // that of TLS, a character set, a state, the upper flags, the nonce's length.
                let mut greeting = b"\x0a8.0.40\0".to_vec();
                greeting.extend([1; 12]);
                greeting.extend([0, 0xff, 0xf7, 45, 2, 0, 0xff, 0xdf, 21]);
                greeting.extend([0; 10]);
                greeting.extend(b"abcdefghijkl\0mysql_native_password\0");
                let header = [greeting.len() as u8, 0, 0, 0];
                let _ = client.write_all(&[&header[..], &greeting].concat()).await;
            }
            // Until it has read that, and gone.
            let _ = client.read(&mut [0; 1]).await;
        }
    });
    port
}

async fn a_server_without_tls_is_told_from_one_that_is_away(db: Arc<Database>) {
    let port = Some(without_tls(db.engine).await);
    let own = tempfile::tempdir().unwrap();
    let ca = own.path().join("ca.pem");
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(&ca, made.cert.pem()).unwrap();
    for tls in [tls(TlsMode::Require), verified(TlsMode::VerifyCa, ca)] {
        let error = refusal(Server { port, tls, ..db.parts() }).await;
        assert!(matches!(error, StoreError::Tls { .. }), "{error}");
        let explained = error.to_string();
        assert!(explained.contains("offers no TLS"), "{explained}");
        assert!(explained.contains("set tls = \"off\""), "{explained}");
    }
}

/// The password of the server's owner.
fn password(db: &Database) -> String {
    match db.parts().password {
        Password::Text(text) => text,
        other => panic!("{other:?}"),
    }
}

async fn a_password_is_read_from_a_file(db: Arc<Database>) {
    let file = tempfile::NamedTempFile::new().unwrap();
    let parts = || Server { password: Password::File(file.path().into()), ..db.parts() };
    std::fs::write(file.path(), password(&db) + "\n").unwrap();
    works(parts()).await;
    std::fs::write(file.path(), "wr0ng\n").unwrap();
    let error = refusal(parts()).await;
    let explained = format!("{error} {error:?}");
    assert!(matches!(error, StoreError::WrongLogin { .. }), "{explained}");
    assert!(explained.contains(file.path().to_str().unwrap()), "{explained}");
    assert!(!explained.contains("wr0ng"), "{explained}");
}

/// A program that prints what is in a file, and counts how often it was asked.
struct Token {
    folder: tempfile::TempDir,
}

impl Token {
    fn new(token: &str) -> Token {
        let token_program = Token { folder: tempfile::tempdir().unwrap() };
        token_program.set(token);
        token_program
    }

    fn set(&self, token: &str) {
        std::fs::write(self.path("token"), token).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn password(&self) -> Password {
        // The folder is an argument: the script takes nothing else from its surroundings.
        let script = "echo asked >>\"$0/asked\"; cat \"$0/token\"; echo";
        let folder = self.folder.path().to_str().unwrap();
        Password::Command(["sh", "-c", script, folder].map(String::from).to_vec())
    }

    fn asked(&self) -> usize {
        std::fs::read_to_string(self.path("asked")).unwrap_or_default().lines().count()
    }
}

async fn a_program_makes_a_password_for_every_connection(db: Arc<Database>) {
    let token = Token::new(&password(&db));
    let server = Server { password: token.password(), ..db.parts() };
    let store = Store::connect(&Target::server(server).unwrap(), 4).await.unwrap();
    assert_eq!(token.asked(), 1);
    store.migrate().await.unwrap();
    store.migrate().await.unwrap();
    // Two of PostgreSQL's, to see whether a pooler mixes them up.
    let opened = if db.engine == Engine::Postgres { 2 } else { 1 };
    assert_eq!(token.asked(), 1 + opened, "the second time they were there");
    let run = start(&store).await;
    let mut writers = vec![];
    for partition in ["a", "b", "c"] {
        writers.push(store.open_partition(run, key(partition), &[], ReadMode::Onwards).await);
    }
    assert!(writers.iter().all(Result::is_ok));
    assert_eq!(token.asked(), 4, "as many more as were missing");
    drop(writers);
    store.close().await;
}

async fn a_program_that_makes_none_is_told(db: Arc<Database>) {
    for (script, expected) in [
        ("echo s3cret; echo 'you are not logged in' >&2; exit 1", "you are not logged in"),
        ("echo s3cret; echo s3cret", "gives 2 lines"),
        ("exit 0", "gives nothing"),
    ] {
        let words = ["sh", "-c", script].map(String::from).to_vec();
        let error = refusal(Server { password: Password::Command(words), ..db.parts() }).await;
        assert!(matches!(error, StoreError::Password { .. }), "{script}: {error}");
        let explained = format!("{error} {error:?}");
        assert!(explained.contains(expected) && !explained.contains("s3cret"), "{explained}");
        assert!(explained.contains(&db.parts().host), "{explained}");
    }
    let words = ["sh", "-c", "echo wr0ng"].map(String::from).to_vec();
    let error = refusal(Server { password: Password::Command(words), ..db.parts() }).await;
    assert!(matches!(error, StoreError::WrongLogin { .. }), "{error}");
    let explained = error.to_string();
    assert!(explained.contains("what sh printed") && !explained.contains("wr0ng"), "{explained}");
}

/// Rows of a commit point.
const ROWS: i64 = 300;
/// Commit points of a partition; the last is its end.
const POINTS: i64 = 4;

/// When the connection breaks.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    /// When the moment has come for the so-manieth time.
    At(Moment, usize),
    /// Between two commit points, after the one with this number.
    AfterPoint(i64),
}

/// Writes a partition as the pump does: from its checkpoint on, and again from there when the
/// connection breaks, which it does as `fault` says. How often it had to begin.
async fn pump(db: &Database, store: &Store, proxy: &Proxy, fault: Fault) -> usize {
    let table = plain(TableMode::Merge);
    let tables = [table.clone()];
    store.prepare_tables(&owner(), &tables).await.unwrap();
    let run = start(store).await;
    let broken = proxy.breaks() + 1;
    if let Fault::At(moment, count) = fault {
        proxy.break_at(moment, count);
    }
    for begun in 1..10 {
        let attempt = async {
            let opened = store.open_partition(run, key("p"), &tables, ReadMode::Onwards);
            let mut writer = opened.await?;
            let done = writer.checkpoint().map_or(0, |text| text.0.parse::<i64>().unwrap());
            for point in done..POINTS {
                let ids = point * ROWS..(point + 1) * ROWS;
                let rows = ids.map(|id| item(&table, id, &format!("row {id}"))).collect();
                writer.stage("probe_items", rows).await?;
                let kind =
                    if point + 1 == POINTS { CommitPoint::End } else { CommitPoint::Intermediate };
                writer.commit(checkpoint(&(point + 1).to_string()), kind).await?;
                if fault == Fault::AfterPoint(point) && proxy.breaks() < broken {
                    proxy.break_now();
                }
            }
            Ok::<(), StoreError>(())
        };
        match attempt.await {
            Ok(()) => {
                let rows = db.table(&table).await;
                assert_eq!(rows.len() as i64, POINTS * ROWS);
                assert_eq!(proxy.breaks(), broken);
                let sql = "SELECT checkpoint FROM checkpoints";
                assert_eq!(db.rows(sql).await, [[POINTS.to_string()]]);
                return begun;
            }
            Err(error) => assert!(error.is_transient(), "{error}"),
        }
    }
    panic!("it did not end");
}

async fn proxy(db: &Database) -> (Proxy, Server) {
    let parts = db.parts();
    let server = format!("{}:{}", parts.host, parts.port.unwrap());
    let proxy = Proxy::start(db.engine, server).await;
    // In clear text, so that the proxy sees what is said.
    let through = Server { host: "127.0.0.1".into(), port: Some(proxy.port), ..parts };
    (proxy, Server { tls: tls(TlsMode::Off), ..through })
}

async fn what_a_connection_breaks_off_is_neither_lost_nor_doubled(db: Arc<Database>) {
    let (proxy, server) = proxy(&db).await;
    let moments = [Moment::Staging, Moment::BeforeCommit, Moment::AfterCommit];
    let at = moments.iter().flat_map(|moment| [1, 2, 4].map(|count| Fault::At(*moment, count)));
    // After the first commit point, when the staging table is to be emptied.
    let emptying = match db.engine {
        Engine::Postgres => Fault::At(Moment::Saying("DROP INDEX pg_temp"), 1),
        _ => Fault::At(Moment::Saying("CREATE TEMPORARY TABLE"), 2),
    };
    for fault in at.chain([0, 2].map(Fault::AfterPoint)).chain([emptying]) {
        let store = connect(server.clone()).await.unwrap();
        store.migrate().await.unwrap();
        let begun = pump(&db, &store, &proxy, fault).await;
        assert_eq!(begun, 2, "{fault:?}");
        store.close().await;
        db.execute("DELETE FROM probe_items").await;
        db.execute("DELETE FROM checkpoints").await;
    }
}

/// All that a run does but for its partitions, from the beginning to the end.
async fn begin_and_end(store: &Store) {
    store.migrate().await.unwrap();
    store.prepare_tables(&owner(), &[plain(TableMode::Merge)]).await.unwrap();
    store.refresh_views(&Views::shipped().unwrap()).await.unwrap();
    let report =
        ReportKey { project: "fenix".into(), datasource: "probe".into(), report: "items".into() };
    store.last_good(&report).await.unwrap();
    store.last_full(&report).await.unwrap();
    let run = start(store).await;
    store.record_partition(run, &key("p"), &nothing()).await.unwrap();
    store.finish_full(run, &report, &[], None).await.unwrap();
    let started = Timestamp::now();
    let end = ReportEnd { started, outcome: Outcome::Succeeded, error: None, rows_read: 0 };
    store.record_report(run, &report, &end).await.unwrap();
    store.finish_run(run, &RunEnd { outcome: Outcome::Succeeded, error: None }).await.unwrap();
}

/// That so many runs are on record, each with its one partition and its end.
async fn are_whole(db: &Database, runs: usize) {
    let ended = "SELECT 'x' FROM runs AS r JOIN run_partitions AS p ON p.run_id = r.id \
                 WHERE r.outcome = 'succeeded'";
    assert_eq!(db.rows(ended).await.len(), runs);
    assert_eq!(db.rows("SELECT 'x' FROM runs").await.len(), runs);
    assert_eq!(db.rows("SELECT 'x' FROM report_status").await.len(), 1);
    assert_eq!(db.rows("SELECT 'x' FROM full_runs").await.len(), 1);
}

async fn what_is_done_around_the_partitions_is_tried_again(db: Arc<Database>) {
    let (proxy, server) = proxy(&db).await;
    let steps = [
        // Only said by the first run.
        "INTO catalogue_tables",
        "_sqlx_migrations",
        "FROM catalogue_views",
        "FROM report_status",
        "FROM full_runs",
        "INTO runs",
        "INTO run_partitions",
        "INTO full_runs",
        "report_status SET",
        "UPDATE runs",
    ];
    for (runs, said) in (1..).zip(steps) {
        let store = connect(server.clone()).await.unwrap();
        proxy.break_at(Moment::Saying(said), 1);
        begin_and_end(&store).await;
        assert_eq!(proxy.breaks(), runs, "nobody said {said}");
        are_whole(&db, runs).await;
        store.close().await;
    }
}

async fn a_run_whose_beginning_was_not_answered_begins_once(db: Arc<Database>) {
    let (proxy, server) = proxy(&db).await;
    let store = connect(server).await.unwrap();
    proxy.break_at(Moment::Inserted("INTO runs"), 1);
    begin_and_end(&store).await;
    assert_eq!(proxy.breaks(), 1);
    are_whole(&db, 1).await;
    begin_and_end(&store).await;
    are_whole(&db, 2).await;
    store.close().await;
}

async fn a_token_that_has_expired_is_replaced_when_a_connection_breaks(db: Arc<Database>) {
    let (proxy, server) = proxy(&db).await;
    let user = format!("u_{}", db.name());
    db.make_user(&user, "first").await;
    let token = Token::new("first");
    let server = Server { user: user.clone(), password: token.password(), ..server };
    let store = connect(server).await.unwrap();
    store.migrate().await.unwrap();
    // From now on only a new token lets anybody in; who is in stays.
    match db.engine {
        Engine::Postgres => db.on_server(&format!("ALTER USER {user} PASSWORD 'second'")).await,
        _ => db.on_server(&format!("ALTER USER {user} IDENTIFIED BY 'second'")).await,
    }
    token.set("second");
    let asked = token.asked();
    let begun = pump(&db, &store, &proxy, Fault::AfterPoint(1)).await;
    assert_eq!(begun, 2);
    assert!(token.asked() > asked, "it was not asked again");
    store.close().await;
    db.drop_user(&user).await;
}

/// From now on the database's user may have one connection.
async fn allow_one_connection(db: &Database) {
    let limit = match db.engine {
        Engine::Postgres => "CONNECTION LIMIT 1",
        _ => "WITH MAX_USER_CONNECTIONS 1",
    };
    db.on_server(&format!("ALTER USER {} {limit}", db.name())).await;
}

async fn a_user_with_no_connection_free_is_waited_for(db: Arc<Database>) {
    allow_one_connection(&db).await;
    let target = Target::parse(&db.url).unwrap();
    let first = db.connect().await;
    first.table_counts(&[]).await.unwrap();
    let error = Store::connect(&target, 1).await.unwrap_err();
    assert!(matches!(error, StoreError::AtLimit { .. }) && error.is_transient(), "{error}");
    assert!(error.to_string().contains("let fewer programs work on it"), "{error}");
    let run = Store::connect_for_run(&target, 1);
    let leaving = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        first.close().await;
    };
    let (run, ()) = tokio::join!(run, leaving);
    run.unwrap().close().await;
}

async fn a_user_who_may_have_a_single_connection_can_run(db: Arc<Database>) {
    allow_one_connection(&db).await;
    let target = Target::parse(&db.url).unwrap();
    let store = Store::connect_for_run(&target, 1).await.unwrap();
    store.check_privileges().await.unwrap();
    store.migrate().await.unwrap();
    store.close().await;
}

async fn a_session_that_was_idle_for_too_long_is_replaced(db: Arc<Database>) {
    let store = db.store().await;
    let table = plain(TableMode::Merge);
    store.prepare_tables(&owner(), std::slice::from_ref(&table)).await.unwrap();
    let run = start(&store).await;
    store.close().await;
    // MySQL has no such setting of a user, and tells of it by 4031, MariaDB by hanging up.
    let user = db.name();
    db.on_server(&format!("ALTER USER {user} SET idle_session_timeout = '300ms'")).await;
    let store = db.connect().await;
    let open =
        || store.open_partition(run, key("p"), std::slice::from_ref(&table), ReadMode::Onwards);
    let mut writer = open().await.unwrap();
    tokio::time::sleep(Duration::from_millis(900)).await;
    let error = writer.stage("probe_items", vec![item(&table, 1, "x")]).await.unwrap_err();
    assert!(matches!(error, StoreError::Unreachable { .. }) && error.is_transient(), "{error}");
    drop(writer);
    let mut writer = open().await.unwrap();
    writer.stage("probe_items", vec![item(&table, 1, "x")]).await.unwrap();
    writer.commit(None, CommitPoint::End).await.unwrap();
}

#[test]
fn a_session_of_postgres_that_was_idle_for_too_long_is_replaced() {
    support::run(At::Postgres, a_session_that_was_idle_for_too_long_is_replaced);
}
