//! The workflows' own commands, as they stand in .github/workflows: run in their order, on real
//! servers that are reached as Cloud SQL is, with the services on loopback.
//!
//! Left out are the steps that use an action: the checkout (the workspace is made here, with the
//! configuration of deploy/ whose services are others), the cache (the program and the plugins are
//! those that were built for the tests), and the login at Google. The auth proxy is downloaded as
//! the workflow does it, from a server on loopback, and is a script that makes sockets appear where
//! the real one does. In build.yml `make` is a script that has the program ready.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::body::Body;
use futures::stream;
use serde_json::{Value, json};
use toml_edit::DocumentMut;

use crate::support::actions::{Cancel, Given, Job, Runner, workflow};
use crate::support::github::{self, GitHub, Issue, Paging};
use crate::support::testrail::{self, TestRail};
use crate::support::user::{User, Way, database_name};
use crate::support::{Asked, Database, Kind, Server, built, repository};

const INSTANCE: &str = "my-project:europe-west1:dash";
const PASSWORD: &str = "a password that nobody may see";
const TOKEN: &str = "ghp_a-token-that-nobody-may-see";
const ISSUES: i64 = 150;
const READ: &str = "Read the report";

fn servers() -> impl Iterator<Item = Database> {
    Kind::all().into_iter().filter(|kind| *kind != Kind::Sqlite).map(Database::new)
}

/// A checkout on a runner, whose configuration asks GitHub on loopback.
fn checkout(github: &Server) -> Runner {
    let runner = Runner::new();
    let place = runner.workspace();
    for folder in ["deploy", "target/release"] {
        std::fs::create_dir_all(place.join(folder)).unwrap();
    }
    let program = place.join("target/release/test-dashboard");
    symlink(env!("CARGO_BIN_EXE_test-dashboard"), program).unwrap();
    let plugins = built("plugins/github.wasm");
    symlink(plugins.parent().unwrap(), place.join("target/plugins")).unwrap();
    symlink(repository().join("examples"), place.join("examples")).unwrap();
    symlink(compiled_plugins(), place.join("target/cache")).unwrap();
    let shipped = std::fs::read_to_string(repository().join("deploy/test-dashboard.toml")).unwrap();
    let mut config: DocumentMut = shipped.parse().unwrap();
    config["datasources"]["github"]["base-url"] = github.url.as_str().into();
    for name in ["github", "testrail"] {
        let datasource = &mut config["datasources"][name];
        let loopback = ["127.0.0.1"].into_iter().collect::<toml_edit::Array>();
        datasource["allow-addresses"] = loopback.into();
        datasource["requests-per-minute"] = 1_000_000.into();
    }
    std::fs::write(place.join("deploy/test-dashboard.toml"), config.to_string()).unwrap();
    runner
}

/// Where the other tests keep theirs, too.
fn compiled_plugins() -> std::path::PathBuf {
    let folder = std::env::var_os("XDG_CACHE_HOME").map(Into::into);
    folder
        .unwrap_or_else(|| std::path::PathBuf::from(std::env::var("HOME").unwrap()).join(".cache"))
}

/// The repository's variables for this database.
fn variables(database: &Database, user: &User<'_>) -> Given {
    let engine = if database.kind() == Kind::Postgres { "postgres" } else { "mysql" };
    let inputs = [("binary", "the-key"), ("reports", "[\"issues\"]"), ("project", "fenix")];
    let base = database_name(database);
    let vars = [
        ("CLOUD_SQL_DATABASE_ENGINE", engine),
        ("CLOUD_SQL_DATABASE_NAME", &base),
        ("CLOUD_SQL_DATABASE_USERNAME", &user.name),
    ];
    let secrets = [("CLOUD_SQL_DATABASE_PASSWORD", PASSWORD), ("DASHBOARD_GITHUB_TOKEN", TOKEN)];
    Given::new(&inputs, &vars, &secrets)
}

/// Runs the job; whatever happened, no secret is in what anybody can read.
fn pump(runner: &Runner, given: &Given) -> Job {
    pump_part(runner, given, "issues", "1/1")
}

fn pump_part(runner: &Runner, given: &Given, report: &str, shard: &str) -> Job {
    let workflow = workflow("pump.yml");
    let job = runner.run(&workflow, given, &[("report", report), ("shard", shard)]);
    let summary = std::fs::read_to_string(summary(runner)).unwrap_or_default();
    let told = format!("{}{}{summary}", job.said(), job.summary);
    for (name, secret) in &given.secrets {
        let secret = secret.as_str().unwrap();
        assert!(!told.contains(secret), "{name} was told:\n{told}");
    }
    job
}

fn summary(runner: &Runner) -> std::path::PathBuf {
    runner.temporary().join("summary.json")
}

fn summary_of(runner: &Runner) -> Value {
    serde_json::from_slice(&std::fs::read(summary(runner)).unwrap()).unwrap()
}

/// The auth proxy's place: what it is asked for, and the digest of what is delivered.
struct Proxy {
    server: Server,
    digest: String,
}

impl Proxy {
    /// One that leads to the socket of this server.
    fn of(database: &Database, socket: &str) -> Self {
        let port = url::Url::parse(&database.url).unwrap().port().unwrap();
        let make = match database.kind() {
            Kind::Postgres => {
                format!(
                    "mkdir \"$place\" && ln -s '{socket}/.s.PGSQL.{port}' \"$place/.s.PGSQL.5432\""
                )
            }
            _ => format!("ln -s '{socket}/mysqld.sock' \"$place\""),
        };
        Self::doing(&make)
    }

    /// One that does this with the place of the socket, and then waits for its end.
    fn doing(make: &str) -> Self {
        use sha2::Digest as _;
        let script = format!(
            "#!/bin/sh\n[ \"$1\" = --unix-socket ] || exit 2\nfolder=$2\n\
             shift 2\necho \"the proxy: $*\"\nfor instance; do :; done\nplace=$folder/$instance\n\
             sleep 0.3\n{make}\nexec sleep 600\n"
        );
        let digest = sha2::Sha256::digest(&script);
        let digest = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        let server = Server::start(move |_| Server::answer(200, &[], script.clone()));
        Proxy { server, digest }
    }

    fn given(&self, given: Given) -> Given {
        given
            .var("CLOUD_SQL_INSTANCE", INSTANCE)
            .var("CLOUD_SQL_PROXY_URL", &format!("{}/cloud-sql-proxy", self.server.url))
            .var("CLOUD_SQL_PROXY_SHA256", &self.digest)
    }
}

/// That the auth proxy ends, which was told to. One that has ended and that nobody has waited for
/// yet does not run either.
#[track_caller]
fn expect_proxy_ended(job: &Job) {
    let file = format!("/proc/{}/stat", job.environment["CLOUD_SQL_PROXY_PID"]);
    let is_running = || {
        let status = std::fs::read_to_string(&file).unwrap_or_default();
        status.rsplit_once(") ").is_some_and(|(_, state)| !state.starts_with('Z'))
    };
    for _ in 0..600 {
        if !is_running() {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("the proxy still runs");
}

#[test]
fn through_the_proxy_rows_arrive_and_a_fortnightly_run_waits_for_its_time() {
    for database in servers() {
        let Some(socket) = database.socket() else { continue };
        let user = User::new(&database, PASSWORD, Way::Socket);
        let github = GitHub::start(github::issues(ISSUES));
        let runner = checkout(&github.server);
        let proxy = Proxy::of(&database, &socket);
        let given = proxy.given(variables(&database, &user)).input("every", "14d");

        let job = pump(&runner, &given).expect_green();
        assert_eq!(rows_in(&database, "github_issues"), ISSUES);
        assert!(
            github
                .server
                .asked()
                .iter()
                .all(|asked| { asked.header("authorization") == Some(&format!("Bearer {TOKEN}")) })
        );
        assert_eq!(summary_of(&runner)["outcome"], "succeeded");
        assert!(job.summary.contains("| fenix | "), "{}", job.summary);
        assert!(job.step("Say how fresh it is").out.contains("fresh"), "{}", job.said());
        expect_proxy_ended(&job);
        let actions: Vec<&String> = job.actions.keys().collect();
        assert_eq!(
            actions,
            ["actions/cache/restore", "actions/checkout", "google-github-actions/auth"]
        );
        assert_eq!(job.actions["actions/cache/restore"]["key"], "the-key");

        let asked = github.server.count();
        let job = pump(&runner, &given).expect_green();
        assert!(job.step(READ).out.contains("::notice title=Not due::"), "{}", job.said());
        assert_eq!(summary_of(&runner)["outcome"], "not-due");
        assert_eq!(github.server.count(), asked);
    }
}

#[test]
fn over_tls_a_failing_project_makes_the_job_red_and_leaves_the_others_rows() {
    for database in servers() {
        let Some(certificates) = database.tls() else { continue };
        let user = User::new(&database, PASSWORD, Way::Certificate);
        let github = GitHub::start(github::issues(ISSUES));
        let slack = Server::start(|_| Server::answer(200, &[], "ok"));
        let runner = checkout(&github.server);
        let mut given = variables(&database, &user)
            .input("project", "ALL")
            .input("connection", "direct")
            .var("CLOUD_SQL_DATABASE_HOST", "127.0.0.1");
        let port = url::Url::parse(&database.url).unwrap().port().unwrap();
        given = given.var("CLOUD_SQL_DATABASE_PORT", &port.to_string());
        for (name, file) in [
            ("CLOUD_SQL_SERVER_CA", "ca.pem"),
            ("CLOUD_SQL_CLIENT_CERT", "client.pem"),
            ("CLOUD_SQL_CLIENT_KEY", "client-key.pem"),
        ] {
            let text = std::fs::read_to_string(format!("{certificates}/{file}")).unwrap();
            given.secrets.insert(name.into(), json!(text.trim_end()));
        }
        given.secrets.insert("SLACK_WEBHOOK_URL".into(), json!(format!("{}/hook", slack.url)));

        // Of the five projects the service knows only the first.
        let job = pump(&runner, &given);
        assert_eq!(job.step(READ).code, Some(3), "{}", job.said());
        assert_eq!(job.step("Say how fresh it is").code, Some(1), "{}", job.said());
        assert_eq!(job.step("Tell Slack").code, Some(0), "{}", job.said());
        assert_eq!(slack.asked()[0].target, "/hook");
        assert_eq!(summary_of(&runner)["outcome"], "partly-failed");
        assert!(job.step(READ).said().contains("::error "), "{}", job.said());
        assert_eq!(rows_in(&database, "github_issues"), ISSUES);
        assert!(!job.actions.contains_key("google-github-actions/auth"));
        let key = &job.environment["CLOUD_SQL_DATABASE_TLS_KEY"];
        assert_eq!(std::fs::metadata(key).unwrap().permissions().mode() & 0o777, 0o600);

        // Without the certificate the server lets nobody in.
        given.secrets.remove("CLOUD_SQL_CLIENT_CERT");
        given.secrets.remove("CLOUD_SQL_CLIENT_KEY");
        let job = pump(&runner, &given);
        assert_eq!(job.step(READ).code, Some(1), "{}", job.said());
        assert_eq!(summary_of(&runner)["outcome"], "failed");

        // And nobody asks a server that need not prove who it is.
        given.secrets.remove("CLOUD_SQL_SERVER_CA");
        let job = pump(&runner, &given);
        assert_eq!(job.step("Write the certificates").code, Some(1), "{}", job.said());
        assert!(!job.has(READ) && !job.has("Say how fresh it is"));
    }
}

#[test]
fn the_parts_of_a_report_are_one_run() {
    const SUITES: [i64; 6] = [3, 1, 4, 1, 5, 9];
    for database in servers() {
        let Some(socket) = database.socket() else { continue };
        let user = User::new(&database, PASSWORD, Way::Socket);
        let github = GitHub::start(Vec::new());
        let testrail = TestRail::start(testrail::Project::of(&SUITES, 0, 0));
        let proxy = Proxy::of(&database, &socket);
        let mut given = proxy.given(variables(&database, &user));
        for (name, value) in [
            ("TESTRAIL_HOST", testrail.server.url.as_str()),
            ("TESTRAIL_USERNAME", testrail::USER),
            ("TESTRAIL_PASSWORD", testrail::PASSWORD),
        ] {
            given.secrets.insert(name.into(), json!(value));
        }
        std::thread::scope(|scope| {
            for part in ["1/2", "2/2"] {
                let runner = checkout(&github.server);
                let given = &given;
                scope.spawn(move || {
                    let job = pump_part(&runner, given, "test-case-coverage", part).expect_green();
                    assert!(!job.has("Say how fresh it is"), "{}", job.said());
                });
            }
        });
        let read = rows_in(&database, "testrail_test_suites");
        assert_eq!(read, i64::try_from(SUITES.len()).unwrap());
        assert_eq!(rows_in(&database, "runs"), 1);
    }
}

/// What a run does not wait for that is told to end.
async fn late() -> std::io::Result<&'static str> {
    tokio::time::sleep(Duration::from_secs(60)).await;
    Err(std::io::Error::other("nobody waited"))
}

#[test]
fn a_job_that_is_cancelled_ends_its_run_in_order() {
    for database in servers() {
        let Some(socket) = database.socket() else { continue };
        let user = User::new(&database, PASSWORD, Way::Socket);
        let cancel: Arc<OnceLock<Cancel>> = Arc::default();
        let github = GitHub::behind(github::issues(ISSUES), Paging::Cursor, {
            let (cancel, is_cancelled) = (Arc::clone(&cancel), AtomicBool::new(false));
            move |asked: &Asked, _: usize, _: &mut Vec<Issue>| {
                if asked.query("after").is_none() || is_cancelled.swap(true, Ordering::SeqCst) {
                    return None;
                }
                cancel.get().unwrap().now();
                Some(Server::answer(200, &[], Body::from_stream(stream::once(late()))))
            }
        });
        let runner = checkout(&github.server);
        cancel.set(runner.cancel()).ok().unwrap();
        let proxy = Proxy::of(&database, &socket);
        let given = proxy.given(variables(&database, &user));
        let job = pump(&runner, &given);
        assert_eq!(job.step(READ).code, Some(130), "{}", job.said());
        assert_eq!(summary_of(&runner)["outcome"], "interrupted");
        expect_proxy_ended(&job);
    }
}

#[test]
fn what_is_built_is_kept_once_and_with_the_plugins_compiled() {
    let github = GitHub::start(Vec::new());
    let runner = checkout(&github.server);
    let place = runner.workspace();
    let shipped = repository().join("deploy/test-dashboard.toml");
    std::fs::copy(shipped, place.join("deploy/test-dashboard.toml")).unwrap();
    std::fs::remove_file(place.join("target/cache")).unwrap();
    let tools = place.join("tools");
    std::fs::create_dir(&tools).unwrap();
    std::fs::write(tools.join("make"), "#!/bin/sh\n[ \"$*\" = release ]\n").unwrap();
    std::fs::set_permissions(tools.join("make"), PermissionsExt::from_mode(0o755)).unwrap();
    let workflow = workflow("build.yml");
    let runner = runner.with_tools(&tools);

    let job = runner.run(&workflow, &Given::default(), &[]).expect_green();
    assert!(job.step("Compile the plugins for this machine").out.contains("workflow-runs"));
    assert!(place.join("target/cache/test-dashboard/plugins").read_dir().unwrap().count() > 0);
    let key = "test-dashboard-Linux-X64-the-digest";
    assert_eq!(job.outputs["binary"], key);
    assert_eq!(job.actions["actions/cache/save"]["key"], key);
    let paths = |action: &str| job.actions[action]["path"].clone();
    assert_eq!(paths("actions/cache/save"), paths("actions/cache/restore"));

    let given = Given::default().answer("cache", "cache-hit", "true");
    let job = runner.run(&workflow, &given, &[]).expect_green();
    assert!(!job.has("Build") && !job.actions.contains_key("actions/cache/save"));
    assert_eq!(job.outputs["binary"], key);
}

#[test]
fn a_plugin_that_was_not_added_ends_the_job_before_the_first_secret() {
    let github = GitHub::start(Vec::new());
    let runner = checkout(&github.server);
    let place = runner.workspace().join("deploy");
    std::fs::create_dir(place.join("plugins")).unwrap();
    std::fs::copy(built("plugins/github.wasm"), place.join("plugins/github.wasm")).unwrap();
    let config = std::fs::read_to_string(place.join("test-dashboard.toml")).unwrap();
    let config = config.replace("../target/plugins/github.wasm", "plugins/github.wasm");
    std::fs::write(place.join("test-dashboard.toml"), config).unwrap();
    let workflow = workflow("pump.yml");
    let job = runner.run(&workflow, &Given::default(), &[("report", "issues"), ("shard", "1/1")]);
    assert_eq!(job.step("Verify the plugins").code, Some(1), "{}", job.said());
    let done: Vec<&str> = job.steps.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(done, ["Verify the plugins", "Tell Slack"]);
    assert_eq!(github.server.count(), 0);
}

#[test]
fn a_proxy_that_is_another_file_or_makes_no_socket_ends_the_job() {
    let github = GitHub::start(Vec::new());
    let workflow = workflow("pump.yml");
    let matrix = [("report", "issues"), ("shard", "1/1")];
    let runner = checkout(&github.server);

    let proxy = Proxy::doing("touch \"$HOME/ran\"");
    let zeros = "0".repeat(64);
    let given = proxy.given(Given::default()).var("CLOUD_SQL_PROXY_SHA256", &zeros);
    let job = runner.run(&workflow, &given, &matrix);
    assert_eq!(job.step("Fetch the auth proxy").code, Some(1), "{}", job.said());
    assert!(!job.has("Start the auth proxy") && !job.has(READ));

    let proxy = Proxy::doing("echo 'no permission: cloudsql.instances.get'; exit 1");
    let given = proxy.given(Given::default()).var("CLOUD_SQL_LOGIN", "iam");
    let given = given.var("CLOUD_SQL_ADDRESS", "private");
    let job = runner.run(&workflow, &given, &matrix);
    let start = job.step("Start the auth proxy");
    assert_eq!(start.code, Some(1), "{}", job.said());
    assert!(start.out.contains("no permission: cloudsql.instances.get"), "{}", start.said());
    let asked = format!("the proxy: --auto-iam-authn --private-ip {INSTANCE}");
    assert!(start.out.contains(&asked), "{}", start.said());
    assert!(!job.has(READ));
}

fn rows_in(database: &Database, table: &str) -> i64 {
    // What counts is called otherwise in each.
    let number = if database.kind() == Kind::Postgres { "bigint" } else { "SIGNED" };
    database.number(&format!("SELECT CAST(COUNT(*) AS {number}) FROM {table}"))
}
