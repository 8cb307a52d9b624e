// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! `docs/plugins.md`, followed to the letter: the commands of the page, as they stand there, in
//! an empty folder outside of the checkout, for each language.
//!
//! A block's second word says who runs it: `all`, one language, or `live`, which needs a
//! service that answers.

use std::path::{Path, PathBuf};
use std::process::Command;

use sqlx::{ConnectOptions as _, Row as _};

use crate::support::{Answer, Asked, Ended, Server, repository};

/// The commands of the page that are for one of `readers`, in order.
fn commands(readers: &[&str]) -> Vec<String> {
    let page = std::fs::read_to_string(repository().join("docs/plugins.md")).unwrap();
    let mut commands = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let Some(reader) = line.strip_prefix("```sh ") else { continue };
        let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        if readers.contains(&reader) {
            commands.push(block.join("\n"));
        }
    }
    commands
}

/// A reader of the page: an empty folder, and the program on the `PATH`.
struct Reader {
    folder: tempfile::TempDir,
}

impl Reader {
    fn new() -> Self {
        Reader { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Types the commands into a shell in a folder of his, one after the other; stops at the
    /// first that fails.
    fn types(&self, commands: &[String], at: &str) -> Ended {
        let program = Path::new(env!("CARGO_BIN_EXE_test-dashboard")).parent().unwrap();
        let path = std::env::var("PATH").unwrap();
        let mut shell = Command::new("bash");
        shell
            .args(["-euo", "pipefail", "-c", &commands.join("\n")])
            .current_dir(self.path(at))
            .env_clear()
            .env("PATH", format!("{}:{path}", program.display()));
        for kept in ["HOME", "CARGO_HOME", "RUSTUP_HOME", "XDG_CACHE_HOME", "TMPDIR"] {
            if let Some(value) = std::env::var_os(kept) {
                shell.env(kept, value);
            }
        }
        Ended::new(shell.output().unwrap())
    }

    /// The ids of the things that are in the operator's database.
    fn things(&self) -> Vec<i64> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let file = self.path("pump/test-dashboard.sqlite");
            let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file);
            let mut database = options.connect().await.unwrap();
            let rows = sqlx::query("SELECT id FROM acme_things ORDER BY id");
            let rows = rows.fetch_all(&mut database).await.unwrap();
            rows.iter().map(|row| row.get(0)).collect()
        })
    }
}

/// Follows the page from its beginning to its end.
#[track_caller]
fn follow(language: &str) {
    let reader = Reader::new();
    let all = commands(&["all", language]);
    assert!(all.len() >= 6, "the page has lost its commands: {all:#?}");
    let ended = reader.types(&all, ".").expect_code(0);
    for said in ["acme 0.1.0", "rules hold", "run 1: succeeded, 7 rows read"] {
        assert!(ended.said().contains(said), "{said:?} was not said:\n{}", ended.said());
    }
    assert_eq!(reader.things().len(), 7);

    let again = reader.types(&[all.last().unwrap().lines().last().unwrap().to_string()], "pump");
    again.expect_code(0).expect_said("7 rows read");
    assert_eq!(reader.things().len(), 7);
    live(&reader);
}

/// Follows the step that makes the plugin one's own, against a service on loopback.
#[track_caller]
fn live(reader: &Reader) {
    let service = Server::start(service);
    let configuration = reader.path("acme/test-dashboard.toml");
    let text = std::fs::read_to_string(&configuration).unwrap();
    let mine = text.replace(
        "base-url = \"https://api.example.com\"",
        &format!("base-url = \"{}\"\nallow-addresses = [\"127.0.0.1\"]", service.url),
    );
    assert_ne!(text, mine, "the template's base URL is another now:\n{text}");
    std::fs::write(&configuration, mine).unwrap();
    std::fs::remove_dir_all(reader.path("acme/fixtures")).unwrap();

    let live = commands(&["live"]);
    assert_eq!(live.len(), 2, "{live:#?}");
    let ended = reader.types(&live, "acme").expect_code(0);
    assert!(service.count() > 0);
    let recorded = std::fs::read_to_string(reader.path("acme/fixtures/demo/things.har")).unwrap();
    assert!(recorded.contains("masked-1") && !recorded.contains("nora@example.org"), "{recorded}");
    ended.expect_said("4 rows").expect_said("rules hold");
}

/// Two pages of things, made by people whose addresses are nobody's business.
fn service(asked: &Asked) -> Answer {
    let thing = |id: i64, author: &str| {
        serde_json::json!({
            "id": id, "title": format!("Thing {id}"), "state": "open", "score": null,
            "author": { "email": author },
            "created_at": "2026-01-01T08:00:00Z", "changed_at": "2026-01-02T08:00:00Z",
        })
    };
    let (page, things) = match asked.query("page") {
        None => (1, [thing(1, "nora@example.org"), thing(2, "odd@example.org")]),
        Some(_) => (2, [thing(3, "nora@example.org"), thing(4, "nora@example.org")]),
    };
    let body = serde_json::to_string(&things).unwrap();
    let json = ("content-type", "application/json");
    if page == 2 {
        return Server::answer(200, &[json], body);
    }
    let host = asked.header("host").unwrap();
    let next = format!("<http://{host}{}&page=2>; rel=\"next\"", asked.target);
    Server::answer(200, &[json, ("link", &next)], body)
}

#[test]
fn in_rust() {
    follow("rust");
}

#[test]
fn in_python() {
    follow("python");
}

#[test]
fn in_javascript() {
    follow("javascript");
}
