// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The workflows' own commands, as they stand in .github/workflows: run in their order, on real
//! servers that are reached as Cloud SQL is, with the services on loopback.
//!
//! The program comes as it does there: a release's archive, which scripts/package makes of the
//! program and the plugins that were built for the tests, is downloaded from a server on loopback
//! and has to have the digest that it is known by.
//!
//! Left out are the steps that use an action: the checkout (the workspace is made here, with the
//! configuration of deploy/ whose services are others), the cache, and the login at Google. What
//! compiles, signs or publishes is a script that writes down what it was asked for.

mod building;
mod ci;
mod elsewhere;
mod every_step;
mod program;
mod proxy;
mod publishing;
mod reading;
mod suite;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use axum::body::Bytes;
use serde_json::Value;
use sha2::Digest as _;
use toml_edit::DocumentMut;

use crate::support::actions::{Given, Job, Runner, workflow};
use crate::support::archive::{self, TARGET, VERSION};
use crate::support::user::{User, database_name};
use crate::support::{Database, Ended, Kind, Server, repository};

const PASSWORD: &str = "a password that nobody may see";
const TOKEN: &str = "ghp_a-token-that-nobody-may-see";
const ISSUES: i64 = 150;
/// The configuration that this repository's own workflows name.
const CONFIG: &str = "deploy/test-dashboard.toml";
const READ: &str = "Read the report";
const VERIFY: &str = "Verify the plugins";

fn servers() -> impl Iterator<Item = Database> {
    Kind::all().into_iter().filter(|kind| *kind != Kind::Sqlite).map(Database::new)
}

fn sha256(bytes: &[u8]) -> String {
    sha2::Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The archive of a release.
fn archive() -> &'static Bytes {
    static ARCHIVE: OnceLock<Bytes> = OnceLock::new();
    ARCHIVE.get_or_init(|| std::fs::read(archive::archive()).unwrap().into())
}

fn archive_name(target: &str) -> String {
    format!("test-dashboard-{VERSION}-{target}.tar.gz")
}

/// A file of the checkout.
fn read(runner: &Runner, file: &str) -> String {
    std::fs::read_to_string(runner.workspace().join(file)).unwrap()
}

/// Puts a file into the checkout.
fn write(runner: &Runner, file: &str, text: impl AsRef<[u8]>) {
    let file = runner.workspace().join(file);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(file, text).unwrap();
}

/// What a release's archive has at this path.
fn packed(path: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("archive.tar.gz");
    std::fs::write(&file, archive()).unwrap();
    let name = archive_name(TARGET);
    let member = format!("{}/{path}", name.strip_suffix(".tar.gz").unwrap());
    let mut tar = Command::new("tar");
    tar.args(["--extract", "--gzip", "--to-stdout", "--file"]).arg(file).arg(member);
    Ended::new(tar.output().unwrap()).expect_code(0).out
}

/// Where the releases lie.
struct Release {
    server: Server,
}

fn release() -> Release {
    let answer = |asked: &crate::support::Asked| match asked.target.ends_with(".tar.gz") {
        true => Server::answer(200, &[], archive().clone()),
        false => Server::answer(404, &[], "there is no such file"),
    };
    Release { server: Server::start(answer) }
}

impl Release {
    /// The variables of a repository that uses it.
    fn given(&self, given: Given) -> Given {
        given
            .var("TEST_DASHBOARD_RELEASE", &format!("v{VERSION}"))
            .var("TEST_DASHBOARD_SHA256", &sha256(archive()))
            .var("TEST_DASHBOARD_URL", &self.server.url)
    }
}

/// A checkout of this repository on a runner, whose configuration asks GitHub on loopback.
fn checkout(github: &Server) -> Runner {
    let runner = Runner::new();
    configure(&runner.workspace().join(CONFIG), &repository().join(CONFIG), github);
    runner
}

/// Writes a configuration as it is shipped, but with services on loopback.
fn configure(file: &Path, shipped: &Path, github: &Server) {
    let mut config: DocumentMut = std::fs::read_to_string(shipped).unwrap().parse().unwrap();
    config["datasources"]["github"]["base-url"] = github.url.as_str().into();
    for name in ["github", "testrail"] {
        let datasource = &mut config["datasources"][name];
        let loopback = ["127.0.0.1"].into_iter().collect::<toml_edit::Array>();
        datasource["allow-addresses"] = loopback.into();
        datasource["requests-per-minute"] = 1_000_000.into();
    }
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(file, config.to_string()).unwrap();
}

/// What a caller of this repository passes on, and the repository's variables for this database.
fn variables(database: &Database, user: &User<'_>) -> Given {
    let inputs = [("config", CONFIG), ("reports", "[\"issues\"]"), ("project", "fenix")];
    let secrets = [("CLOUD_SQL_DATABASE_PASSWORD", PASSWORD), ("DASHBOARD_GITHUB_TOKEN", TOKEN)];
    reaching(Given::new(&inputs, &[], &secrets), database, user)
}

/// The variables of a repository for this database.
fn reaching(given: Given, database: &Database, user: &User<'_>) -> Given {
    let engine = if database.kind() == Kind::Postgres { "postgres" } else { "mysql" };
    given
        .var("CLOUD_SQL_DATABASE_ENGINE", engine)
        .var("CLOUD_SQL_DATABASE_NAME", &database_name(database))
        .var("CLOUD_SQL_DATABASE_USERNAME", &user.name)
}

fn matrix<'a>(report: &'a str, shard: &'a str) -> [(&'static str, &'a str); 2] {
    [("report", report), ("shard", shard)]
}

/// Runs the job with a release; whatever happened, no secret is in what anybody can read.
fn pump(runner: &Runner, given: &Given) -> Job {
    pump_part(runner, given, "issues", "1/1")
}

fn pump_part(runner: &Runner, given: &Given, report: &str, shard: &str) -> Job {
    let release = release();
    let given = release.given(given.clone());
    pump_as_given(runner, &given, report, shard)
}

/// Runs the job with nothing but what is given.
fn pump_as_given(runner: &Runner, given: &Given, report: &str, shard: &str) -> Job {
    let job = runner.run(&workflow("pump.yml"), given, &matrix(report, shard));
    let summary = std::fs::read_to_string(summary(runner)).unwrap_or_default();
    let told = format!("{}{}{summary}", job.said(), job.summary);
    for (name, secret) in &given.secrets {
        let secret = secret.as_str().unwrap();
        assert!(!told.contains(secret), "{name} was told:\n{told}");
    }
    job
}

fn summary(runner: &Runner) -> PathBuf {
    runner.temporary().join("summary.json")
}

fn summary_of(runner: &Runner) -> Value {
    serde_json::from_slice(&std::fs::read(summary(runner)).unwrap()).unwrap()
}

fn rows_in(database: &Database, table: &str) -> i64 {
    // What counts is called otherwise in each.
    let number = if database.kind() == Kind::Postgres { "bigint" } else { "SIGNED" };
    database.number(&format!("SELECT CAST(COUNT(*) AS {number}) FROM {table}"))
}
