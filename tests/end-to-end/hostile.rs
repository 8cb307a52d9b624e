// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Plugins that misbehave. Each is stopped with an error of its own, which names the rule or
//! the budget, its value and its setting, while the same plugin's other project is written.

mod budgets;

use serde_json::{Value, json};

use crate::support::{Database, Ended, Kind, Server, Workplace, built};

/// What a guest is given.
#[derive(Clone, Copy, Default)]
struct Given<'a> {
    /// Its file, without `.wasm`.
    guest: &'a str,
    /// The settings of the project that suffers.
    settings: &'a str,
    /// Lines of `[datasources.guest.limits]`.
    limits: &'a str,
    /// Further lines of `[datasources.guest]`; by default a base URL that nobody answers at.
    access: &'a str,
}

impl Given<'_> {
    fn workplace(&self) -> Workplace {
        let Given { guest, settings, limits, access } = self;
        let access =
            if access.is_empty() { "base-url = \"https://api.example.com\"" } else { access };
        Workplace::new(&format!(
            "[datasources.guest]\nplugin = {:?}\n{access}\n[datasources.guest.limits]\n{limits}\n\
             [projects.good]\nguest = {{ behave = true }}\n\
             [projects.hostile]\nguest = {{ {settings} }}\n",
            built(&format!("guests/{guest}.wasm"))
        ))
    }

    fn run(&self, kind: Kind) -> Ran {
        let place = self.workplace();
        let database = Database::new(kind);
        let ended = place.run(&[
            "--database",
            &database.url,
            "--project",
            "ALL",
            "--report-type",
            "rows",
            "--jobs",
            "2",
        ]);
        assert_printable(&ended);
        Ran { place, database, ended }
    }
}

/// A run of both projects, and where it wrote.
struct Ran {
    place: Workplace,
    database: Database,
    ended: Ended,
}

impl Ran {
    /// That only the hostile project failed: for this reason, which says all of this, and that
    /// the other one's rows are written.
    #[track_caller]
    fn expect_failure(self, kind: &str, says: &[&str]) -> Self {
        assert_eq!(self.ended.code, Some(3), "{}", self.ended.said());
        for text in says {
            assert!(self.ended.out.contains(text), "{text:?} is not in:\n{}", self.ended.out);
        }
        assert_eq!(self.failures(), [("hostile".to_string(), kind.to_string())]);
        assert_eq!(
            self.rows("good"),
            [json!([1, "row 1"]), json!([2, "row 2"]), json!([3, "row 3"])]
        );
        self
    }

    /// As [`Ran::expect_failure`], and that the hostile project wrote nothing.
    #[track_caller]
    fn expect_stopped(self, kind: &str, says: &[&str]) -> Self {
        let ran = self.expect_failure(kind, says);
        assert_eq!(ran.rows("hostile"), [] as [Value; 0]);
        ran
    }

    /// The projects that failed and why, from the history.
    fn failures(&self) -> Vec<(String, String)> {
        let run =
            self.place.run(&["--database", &self.database.url, "runs", "1", "--format", "json"]);
        let text = |value: &Value| value.as_str().unwrap().to_string();
        let partitions = run.expect_code(0).json()["partitions"].as_array().unwrap().clone();
        let failed = partitions.iter().filter(|partition| !partition["error"]["kind"].is_null());
        failed
            .map(|partition| (text(&partition["project"]), text(&partition["error"]["kind"])))
            .collect()
    }

    fn rows(&self, project: &str) -> Vec<Value> {
        self.database.rows(&format!(
            "SELECT id, label FROM guest_rows WHERE project = '{project}' ORDER BY id"
        ))
    }
}

/// What a person reads has no control characters but line breaks, and nothing that turns text
/// around.
#[track_caller]
fn assert_printable(ended: &Ended) {
    let steers = |c: char| (c.is_control() && c != '\n') || "\u{202e}\u{2028}\u{2029}".contains(c);
    let said = ended.said();
    assert!(!said.contains(steers), "{said:?}");
}

/// A server on loopback as the guest's base URL, granted by its address.
fn granted(server: &Server) -> String {
    format!("base-url = {:?}\nallow-addresses = [\"127.0.0.1\"]", server.url)
}

fn answers_nothing() -> Server {
    Server::start(|_| Server::json(200, json!({})))
}

#[test]
fn what_is_off_the_allowlist_is_not_asked_whatever_the_plugin_makes_of_it() {
    let metadata =
        "http://169.254.169.254/computeMetadata/v1/instance/service-accounts/default/token";
    for (guest, url) in [
        ("asks_off_the_list", "https://off-the-list.example.net/collect"),
        ("asks_loopback", "http://127.0.0.1:8080/"),
        ("asks_metadata", metadata),
        ("asks_name_that_resolves_to_loopback", "http://localhost:8080/"),
    ] {
        for settings in ["", "swallow = true"] {
            let asked = format!("asked for {url}, which is not allowed");
            let says = [&asked, "datasources.guest.allow", "allows https://api.example.com"];
            Given { guest, settings, ..Given::default() }
                .run(Kind::Sqlite)
                .expect_stopped("policy", &says);
        }
    }
}

#[test]
fn an_allowed_name_does_not_open_the_way_to_this_machine() {
    let server = answers_nothing();
    let port = url::Url::parse(&server.url).unwrap().port().unwrap();
    for (guest, host, is) in [
        ("asks_loopback", "127.0.0.1", "127.0.0.1 (loopback"),
        ("asks_name_that_resolves_to_loopback", "localhost", "127.0.0.1 (loopback"),
        ("asks_metadata", "169.254.169.254", "169.254.169.254 ("),
    ] {
        let origin = match host {
            "169.254.169.254" => format!("http://{host}"),
            _ => format!("http://{host}:{port}"),
        };
        let access = format!("base-url = \"https://api.example.com\"\nallow = [{origin:?}]");
        for swallow in [false, true] {
            let settings = format!("url = \"{origin}/secrets\", swallow = {swallow}");
            let given = Given { guest, settings: &settings, access: &access, ..Given::default() };
            let says = [is, "requests may not go", "datasources.guest.allow-addresses"];
            given.run(Kind::Sqlite).expect_stopped("policy", &says);
        }
    }
    assert!(server.asked().is_empty());
}

#[test]
fn a_redirect_off_the_list_is_not_followed() {
    let elsewhere = answers_nothing();
    let target = format!("{}/collect", elsewhere.url);
    let location = target.clone();
    let server = Server::start(move |_| Server::answer(302, &[("location", &location)], ""));
    for swallow in [false, true] {
        let settings = format!("url = {:?}, swallow = {swallow}", server.url);
        let access = granted(&server);
        let guest = "follows_redirect_off_the_list";
        let given = Given { guest, settings: &settings, access: &access, ..Given::default() };
        let asked = format!("asked for {target}, which is not allowed");
        given.run(Kind::Sqlite).expect_stopped("policy", &[&asked]);
    }
    assert_eq!(server.asked().len(), 2);
    assert!(elsewhere.asked().is_empty());
}

#[test]
fn a_credential_of_its_own_is_refused_and_the_configured_one_is_never_seen() {
    const SECRET: &str = "hush-4711-hush";
    let server = answers_nothing();
    let credential = "credential = { kind = \"bearer\", secret = \"${GUEST_TOKEN}\" }";
    let with = format!("{}\n{credential}", granted(&server));
    for access in [&granted(&server), &with] {
        for swallow in [false, true] {
            let settings = format!("url = {:?}, swallow = {swallow}", server.url);
            let given = Given {
                guest: "sets_authorization",
                settings: &settings,
                access,
                ..Given::default()
            };
            let place = given.workplace();
            let database = Database::new(Kind::Sqlite);
            let run = [
                "-vv",
                "--database",
                &database.url,
                "--project",
                "ALL",
                "--report-type",
                "rows",
                "--record",
                "tapes",
            ];
            let ended = place.run_with(&run, &[("GUEST_TOKEN", SECRET)]);
            let file = std::fs::read(database.url.trim_start_matches("sqlite:")).unwrap();
            let said = format!("{}{}", ended.said(), String::from_utf8_lossy(&file));
            assert!(!said.contains(SECRET) && !said.contains("of-its-own"));
            let ran = Ran { place, database, ended };
            ran.expect_stopped(
                "policy",
                &["set the header \"authorization\"", "the plugin has to leave it out"],
            );
        }
    }
    assert!(server.asked().is_empty());
}

#[test]
fn there_is_no_environment_no_file_and_no_socket() {
    for (guest, found) in [
        ("reads_environment", vec!["found 0 things"]),
        ("reads_files", vec!["found 0 folders"]),
        ("opens_sockets", vec!["permanent-resolver-failure", "access-denied"]),
    ] {
        let ran = Given { guest, ..Given::default() }.run(Kind::Sqlite);
        assert_eq!(ran.ended.code, Some(0), "{}", ran.ended.said());
        let rows = ran.rows("hostile");
        assert_eq!(rows.len(), found.len(), "{rows:?}");
        for (row, found) in rows.iter().zip(found) {
            let label = row[1].as_str().unwrap();
            assert!(label.contains(found) && !label.contains("Ok("), "{label}");
        }
    }
}

#[test]
fn a_crash_is_one_partitions() {
    for (guest, reason) in [
        ("traps", "crashed in next-batch: wasm trap: wasm `unreachable` instruction executed"),
        ("panics", "crashed in next-batch: wasm trap: wasm `unreachable` instruction executed"),
        ("recurses_without_end", "crashed in next-batch: wasm trap"),
    ] {
        Given { guest, ..Given::default() }.run(Kind::Sqlite).expect_stopped("trap", &[reason]);
    }
}

#[test]
fn what_breaks_the_contract_is_told_as_such() {
    for (guest, says) in [
        ("huge_checkpoint", "a checkpoint has 1048576 bytes, at most 262144 are allowed"),
        (
            "returns_undeclared_table",
            "its batch is for \"guest_afterthoughts\", which the report rows does not fill",
        ),
        ("invalid_utf8", "text that is not UTF-8"),
    ] {
        Given { guest, ..Given::default() }.run(Kind::Sqlite).expect_stopped("contract", &[says]);
    }
}

#[test]
fn rows_that_break_their_declaration_fail_the_partition_with_the_first_of_them() {
    for (guest, says) in [
        ("wrong_type", "guest_rows, column id: is declared int64, the row has text"),
        ("wrong_length", "guest_rows, the row has 1 values, guest_rows has 2 columns"),
        ("null_in_key", "guest_rows, column id: is null, but key columns cannot be"),
        ("long_key", "guest_names, column name: has 101 characters, at most 100 are declared"),
        ("wrong_values", "7 of 8 rows were rejected"),
    ] {
        let share = "limits.max-rejected-share = 0.01";
        Given { guest, limits: "max-rejected-rows = 0", ..Given::default() }
            .run(Kind::Sqlite)
            .expect_stopped("rejected", &[says, share]);
    }
}

#[test]
fn a_few_rejected_rows_are_borne_whatever_their_share() {
    let given = |limits| Given { guest: "wrong_values", limits, ..Given::default() };
    for limits in ["", "max-rejected-rows = 7"] {
        let ran = given(limits).run(Kind::Sqlite);
        assert_eq!(ran.ended.code, Some(0), "{limits}: {}", ran.ended.said());
        assert_eq!(ran.database.rows("SELECT id FROM guest_values"), [json!([0])]);
        assert_eq!(ran.database.number("SELECT COUNT(*) FROM rejected_rows"), 7);
    }
    let says = "7 of 8 rows were rejected, more than are tolerated (limits.max-rejected-rows = 6";
    given("max-rejected-rows = 6").run(Kind::Sqlite).expect_stopped("rejected", &[says]);
}

#[test]
fn rejected_rows_are_kept_with_their_reasons_where_they_are_borne() {
    for kind in Kind::all() {
        let given =
            Given { guest: "wrong_values", limits: "max-rejected-share = 1.0", ..Given::default() };
        let ran = given.run(kind);
        assert_eq!(ran.ended.code, Some(0), "{kind:?}: {}", ran.ended.said());
        assert_eq!(ran.database.rows("SELECT id FROM guest_values"), [json!([0])], "{kind:?}");
        let reasons =
            ran.database.rows("SELECT reason FROM rejected_rows WHERE project = 'hostile'");
        assert_eq!(reasons.len(), 7, "{kind:?}: {reasons:?}");
        for column in ["ratio", "amount", "day", "moment", "document"] {
            let named = format!("column {column}: ");
            assert!(
                reasons.iter().any(|row| row[0].as_str().unwrap().starts_with(&named)),
                "{kind:?}: {reasons:?}"
            );
        }
    }
}

#[test]
fn every_database_is_left_in_order() {
    for kind in Kind::all() {
        for (guest, limits, failure) in [
            ("loops_forever", "cpu-time = \"300ms\"", "budget"),
            ("asks_off_the_list", "", "policy"),
            ("traps", "", "trap"),
            ("invalid_utf8", "", "contract"),
            ("null_in_key", "max-rejected-rows = 0", "rejected"),
        ] {
            let ran =
                Given { guest, limits, ..Given::default() }.run(kind).expect_stopped(failure, &[]);
            // What the host keeps of a partition that was given up: nothing but its history.
            assert_eq!(
                ran.database.number("SELECT COUNT(*) FROM checkpoints WHERE project = 'hostile'"),
                0
            );
        }
    }
}

#[test]
fn what_was_committed_before_the_misbehaviour_stays() {
    for kind in Kind::all() {
        let ran = Given { guest: "checkpoint_never_advances", ..Given::default() }.run(kind);
        let ran = ran.expect_failure(
            "contract",
            &["its checkpoint does not advance: it gave the same one twice"],
        );
        assert_eq!(ran.rows("hostile"), [json!([0, "and on"])], "{kind:?}");
    }
}

#[test]
fn text_that_breaks_careless_layers_is_stored_whole() {
    for kind in Kind::all() {
        let given = Given { guest: "hostile_text", ..Given::default() };
        let ran = given.run(kind);
        assert_eq!(ran.ended.code, Some(0), "{kind:?}: {}", ran.ended.said());
        let rows = ran.database.rows("SELECT name, label FROM guest_texts");
        assert_eq!(rows.len(), 27, "{kind:?}: {rows:?}");
        for text in [
            "",
            " ",
            "P1",
            "p1",
            "P1 ",
            "a nul\u{fffd}inside",
            "🐞 bug",
            "🐛 bug",
            "é",
            "e\u{301}",
            "ß",
            "ss",
            "right \u{202e}to left",
            "\u{10ffff}",
            r"\N",
            "tab\tand\r\nlines",
            "NULL",
            "'; DROP TABLE guest_rows; --",
            "\"); DELETE FROM runs; /* `",
            "%s $1 ? :name {} \\' \\",
        ] {
            assert!(rows.contains(&json!([text, text])), "{kind:?}: {text:?} is not in {rows:?}");
        }
        assert_eq!(ran.rows("good").len(), 3, "{kind:?}");
        let run = [
            "--database",
            &ran.database.url,
            "--project",
            "hostile",
            "--report-type",
            "rows",
            "--format",
            "json",
        ];
        let again = ran.place.run(&run).expect_code(0).json();
        assert_eq!(again["total"]["rows_unchanged"], 27, "{kind:?}: {again}");
        assert_eq!(ran.database.number("SELECT COUNT(*) FROM runs"), 2, "{kind:?}");
    }
}

#[test]
fn every_kind_of_failure_is_told_apart_in_the_history() {
    const KINDS: [&str; 7] = [
        "auth",
        "config",
        "internal",
        "not-found",
        "rate-limited",
        "transient",
        "unexpected-response",
    ];
    let given = Given { guest: "fails_every_kind", settings: "behave = true", ..Given::default() };
    let place = given.workplace();
    let mut configuration = std::fs::read_to_string(place.path("test-dashboard.toml")).unwrap();
    for kind in KINDS {
        for at in ["plan", "open", "next-batch"] {
            configuration.push_str(&format!(
                "[projects.{kind}-{at}]\nguest = {{ kind = {kind:?}, at = {at:?} }}\n"
            ));
        }
    }
    place.configure(&configuration);
    let database = Database::new(Kind::Sqlite);
    let ended =
        place.run(&["--database", &database.url, "--project", "ALL", "--report-type", "rows"]);
    let ran = Ran { place, database, ended };
    assert_eq!(ran.ended.code, Some(3));
    let failures = ran.failures();
    assert_eq!(failures.len(), 21, "{failures:?}");
    for kind in KINDS {
        for at in ["plan", "open", "next-batch"] {
            let failure = (format!("{kind}-{at}"), kind.to_string());
            assert!(failures.contains(&failure), "{failure:?} is not in {failures:?}");
            let said = format!("failing on purpose in {at}: {kind}");
            assert!(ran.ended.out.contains(&said), "{said}: {}", ran.ended.out);
        }
    }
}

#[test]
fn a_failing_check_is_told_in_the_plugins_words() {
    let settings = "at = \"check\", kind = \"auth\"";
    let given = Given { guest: "fails_every_kind", settings, ..Given::default() };
    let ended = given.workplace().run(&["check", "--database", "sqlite:x.sqlite"]).expect_code(1);
    ended
        .expect_said("ok      guest for good: the guest is well")
        .expect_said("FAILED  guest for hostile: failing on purpose in check: auth");
}

#[test]
fn what_a_plugin_says_can_neither_forge_lines_nor_steer_the_terminal() {
    let guest = "forges_lines";
    for (settings, kind) in [
        ("", "internal"),
        ("at = \"row\"", "rejected"),
        ("at = \"table\"", "contract"),
        ("kind = \"partition\"", "contract"),
    ] {
        let limits = "max-rejected-rows = 0";
        let given = Given { guest, settings, limits, ..Given::default() };
        let ran = given.run(Kind::Sqlite).expect_stopped(kind, &["forged line"]);
        let forged = |line: &str| line.trim_start().starts_with("ERROR forged");
        assert!(!ran.ended.said().lines().any(forged), "{}", ran.ended.said());
        let history = ran.place.run(&["runs", "1", "--database", &ran.database.url]).expect_code(0);
        assert_printable(&history);
        assert!(!history.said().lines().any(forged), "{}", history.said());
        let run = ["--project", "hostile", "--report-type", "rows", "--dry-run"];
        assert_printable(&ran.place.run(&run).expect_code(1));
    }
    let place = Given { guest, ..Given::default() }.workplace();
    let file = built("guests/forges_lines.wasm");
    for arguments in [&["reports"] as &[&str], &["plugin", "inspect", file.to_str().unwrap()]] {
        let ended = place.run(arguments).expect_code(0).expect_said("forged line");
        assert_printable(&ended);
        assert!(!ended.out.lines().any(|line| line.starts_with("ERROR")), "{}", ended.out);
    }
}
