// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The auth proxy, downloaded as the workflow does it from a server on loopback: a script that
//! makes sockets appear where the real one does.

use std::time::Duration;

use super::{CONFIG, READ, checkout, pump, sha256};
use crate::support::actions::{Given, Job};
use crate::support::github::GitHub;
use crate::support::{Database, Kind, Server};

const INSTANCE: &str = "my-project:europe-west1:dash";

/// The auth proxy's place: what it is asked for, and the digest of what is delivered.
pub struct Proxy {
    server: Server,
    digest: String,
}

impl Proxy {
    /// One that leads to the socket of this server.
    pub fn of(database: &Database, socket: &str) -> Self {
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
    pub fn doing(make: &str) -> Self {
        let script = format!(
            "#!/bin/sh\n[ \"$1\" = --unix-socket ] || exit 2\nfolder=$2\n\
             shift 2\necho \"the proxy: $*\"\nfor instance; do :; done\nplace=$folder/$instance\n\
             sleep 0.3\n{make}\nexec sleep 600\n"
        );
        let digest = sha256(script.as_bytes());
        let server = Server::start(move |_| Server::answer(200, &[], script.clone()));
        Proxy { server, digest }
    }

    pub fn given(&self, given: Given) -> Given {
        given
            .var("CLOUD_SQL_INSTANCE", INSTANCE)
            .var("CLOUD_SQL_PROXY_URL", &format!("{}/cloud-sql-proxy", self.server.url))
            .var("CLOUD_SQL_PROXY_SHA256", &self.digest)
    }
}

/// That the auth proxy ends, which was told to. One that has ended and that nobody has waited for
/// yet does not run either.
#[track_caller]
pub fn expect_proxy_ended(job: &Job) {
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
fn a_proxy_that_is_another_file_or_makes_no_socket_ends_the_job() {
    let github = GitHub::start(Vec::new());
    let runner = checkout(&github.server);
    let given = || Given::default().input("config", CONFIG);

    let proxy = Proxy::doing("touch \"$HOME/ran\"");
    let zeros = "0".repeat(64);
    let job = pump(&runner, &proxy.given(given()).var("CLOUD_SQL_PROXY_SHA256", &zeros));
    assert_eq!(job.step("Fetch the auth proxy").code, Some(1), "{}", job.said());
    assert!(!job.has("Start the auth proxy") && !job.has(READ));

    let proxy = Proxy::doing("echo 'no permission: cloudsql.instances.get'; exit 1");
    let given = proxy.given(given()).var("CLOUD_SQL_LOGIN", "iam");
    let job = pump(&runner, &given.var("CLOUD_SQL_ADDRESS", "private"));
    let start = job.step("Start the auth proxy");
    assert_eq!(start.code, Some(1), "{}", job.said());
    assert!(start.out.contains("no permission: cloudsql.instances.get"), "{}", start.said());
    let asked = format!("the proxy: --auto-iam-authn --private-ip {INSTANCE}");
    assert!(start.out.contains(&asked), "{}", start.said());
    assert!(!job.has(READ));
}
