// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! What people do to the database, and what keeps a run from beginning: told by `check`, `status`
//! and `db status`, on record as a failed run, and mended without losing a row.

use serde_json::Value;

use crate::support::github::{self, GitHub};
use crate::support::{Database, Ended, Kind, Workplace};

const ISSUES: [&str; 4] = ["--project", "fenix", "--report-type", "issues"];
const CONFIG: [&str; 2] = ["--config", "test-dashboard.toml"];

struct Scene {
    database: Database,
    github: GitHub,
    place: Workplace,
}

impl Scene {
    /// A repository with issues, and an empty database.
    fn new(kind: Kind) -> Self {
        let github = GitHub::start(github::issues(12));
        let place = Workplace::new(&github.section());
        let database = Database::new(kind);
        if let Some(file) = database.url.strip_prefix("sqlite:") {
            std::fs::write(file, "").unwrap();
        }
        Scene { database, github, place }
    }

    /// The same, and all issues have been read.
    fn read(kind: Kind) -> Self {
        let scene = Self::new(kind);
        scene.run().expect_code(0);
        scene.told("status").expect_code(0);
        scene
    }

    fn run(&self) -> Ended {
        self.place.run(&[&ISSUES[..], &["--database", &self.database.url]].concat())
    }

    fn ask(&self, command: &[&str]) -> Ended {
        self.place.run(&[command, &CONFIG, &["--database", &self.database.url]].concat())
    }

    fn told(&self, command: &str) -> Ended {
        self.ask(&command.split(' ').collect::<Vec<_>>())
    }

    fn runs(&self) -> Vec<Value> {
        self.ask(&["runs", "--format", "json"]).json().as_array().unwrap().clone()
    }

    fn number(&self, what: &str) -> i64 {
        self.database.number(&format!("SELECT COUNT(*) FROM {what}"))
    }

    /// That everything that looks at the database fails, and says this.
    #[track_caller]
    fn expect_told(&self, text: &str) {
        for command in ["status", "check", "db status"] {
            self.told(command).expect_code(1).expect_said(text);
        }
    }

    /// That nothing is wrong any more.
    #[track_caller]
    fn expect_well(&self) {
        self.told("status").expect_code(0);
        self.told("db status").expect_code(0);
        let found = self.ask(&["check", "--format", "json"]).json();
        let about = |finding: &&Value| !finding["what"].as_str().unwrap().contains("github for");
        let bad = found.as_array().unwrap().iter().filter(about).find(|one| one["ok"] == false);
        assert!(bad.is_none(), "{bad:?}");
    }
}

#[test]
fn a_column_that_somebody_renamed_is_told_and_filled_again() {
    for kind in Kind::all() {
        let scene = Scene::read(kind);
        let rows = scene.number("github_issues");
        scene.database.execute("ALTER TABLE github_issues RENAME COLUMN title TO mine");
        scene.database.execute("ALTER TABLE github_issue_labels ADD COLUMN note integer");
        scene.expect_told("github_issues.title is missing");
        let json = scene.ask(&["status", "--format", "json"]).json();
        let finding = &json["findings"][0];
        assert_eq!(
            (&finding["what"], &finding["ok"]),
            (&"github_issues.title".into(), &false.into())
        );

        let run = scene.run().expect_code(0).expect_said("github_issues.title was missing");
        run.expect_said("read everything again");
        assert_eq!(scene.number("github_issues"), rows, "{kind:?}");
        assert_eq!(scene.number("github_issues WHERE title IS NULL"), 0, "{kind:?}");
        let shown = "report_github_bugs WHERE issue_title LIKE 'Issue %'";
        assert_eq!(scene.number(shown), scene.number("report_github_bugs"), "{kind:?}");
        scene.expect_well();
    }
}

#[test]
fn a_table_that_somebody_dropped_is_told_and_filled_again() {
    for kind in Kind::all() {
        let scene = Scene::read(kind);
        let rows = scene.number("github_issue_labels");
        let cascade = if kind == Kind::Postgres { " CASCADE" } else { "" };
        scene.database.execute(&format!("DROP TABLE github_issue_labels{cascade}"));
        scene.expect_told("the table github_issue_labels is missing");
        scene.run().expect_code(0).expect_said("github_issue_labels was missing");
        assert_eq!(scene.number("github_issue_labels"), rows, "{kind:?}");
        assert!(scene.number("report_github_bugs") > 0, "{kind:?}");
        scene.expect_well();
    }
}

#[test]
fn a_project_that_was_not_read_since_a_column_was_put_back_is_not_fresh() {
    let scene = Scene::read(Kind::Sqlite);
    let both =
        scene.github.section() + "[projects.focus.github]\nrepository = \"mozilla-mobile/fenix\"\n";
    scene.place.configure(&both);
    let url = &scene.database.url;
    let focus = ["--project", "focus", "--report-type", "issues", "--database", url];
    scene.place.run(&focus).expect_code(0);
    scene.database.execute("ALTER TABLE github_issues RENAME COLUMN title TO mine");
    scene.run().expect_code(0);
    let status = scene.told("status").expect_code(1);
    status.expect_said("failed focus issues").expect_said("github_issues.title was missing");
    let asked = scene.github.server.count();
    scene.place.run(&[&focus[..], &["--every", "7d"]].concat()).expect_code(0);
    assert!(scene.github.server.count() > asked, "it was taken for fresh");
    assert_eq!(scene.number("github_issues WHERE title IS NULL"), 0);
    scene.expect_well();
}

#[test]
fn a_foreign_table_in_the_way_is_told_before_and_is_a_failed_run() {
    for kind in Kind::all() {
        let scene = Scene::new(kind);
        scene.database.execute("CREATE TABLE github_issue_labels (id integer)");
        for command in ["check", "db status"] {
            let told = scene.told(command).expect_code(1).expect_said("github_issue_labels");
            told.expect_said("did not create");
        }
        scene.run().expect_code(1).expect_said("github_issue_labels");
        let runs = scene.runs();
        assert_eq!(runs.len(), 1, "{runs:?}");
        assert_eq!(runs[0]["outcome"], "failed", "{runs:?}");
        assert!(runs[0]["error"].as_str().unwrap().contains("did not create"), "{runs:?}");
        let status =
            scene.told("status").expect_code(1).expect_said("failed fenix issues in run 1");
        status.expect_said("did not create");
        scene.database.execute("ALTER TABLE github_issue_labels RENAME TO mine");
        scene.run().expect_code(0);
        scene.expect_well();
    }
}

#[test]
fn what_keeps_a_known_report_from_being_read_is_a_failed_run_of_it() {
    let scene = Scene::read(Kind::Sqlite);
    let good = scene.github.section();
    let without_plugin = good.replace("github.wasm", "gone.wasm");
    let without_variable = good.replace("base-url = \"", "base-url = \"${NOT_SET_ANYWHERE}");
    for (number, (broken, says)) in
        [(without_plugin, "could not be loaded"), (without_variable, "NOT_SET_ANYWHERE")]
            .into_iter()
            .enumerate()
    {
        assert_ne!(broken, good);
        scene.place.configure(&broken);
        scene.run().expect_code(2).expect_said(says);
        let runs = scene.runs();
        assert_eq!((runs.len(), &runs[0]["outcome"]), (number + 2, &"failed".into()), "{runs:?}");
        let status = scene.told("status").expect_code(1);
        status.expect_said(&format!("failed fenix issues in run {}", number + 2)).expect_said(says);
    }
    // A window that was not read says nothing of the report as a whole.
    let url = ["--database", &scene.database.url];
    scene.place.run(&[&ISSUES[..], &url, &["--num-days", "3"]].concat()).expect_code(2);
    scene.told("status").expect_code(1).expect_said("failed fenix issues in run 3");
    scene.place.configure(&good);
    // What a person mistyped is no run of a report.
    let window = ["--since", "2026-02-02", "--until", "2026-01-01"];
    scene.place.run(&[&ISSUES[..], &url, &window].concat()).expect_code(2);
    let mistyped = ["--project", "fenix", "--report-type", "isues"];
    scene.place.run(&[&mistyped[..], &url].concat()).expect_code(2);
    assert_eq!(scene.runs().len(), 4);
    scene.run().expect_code(0);
    scene.expect_well();
}

#[test]
fn a_table_with_the_name_of_the_hosts_own_is_told_once() {
    for kind in Kind::all() {
        let scene = Scene::new(kind);
        scene.database.execute("CREATE TABLE runs (id integer, pace integer)");
        let told = "has a table or view runs";
        for ended in
            [scene.run(), scene.told("check"), scene.told("db status"), scene.told("status")]
        {
            let ended = ended.expect_code(1).expect_said(told).expect_said("did not create");
            assert_eq!(ended.said().matches("did not create").count(), 1, "{}", ended.said());
        }
        scene.database.execute("ALTER TABLE runs RENAME TO my_runs");
        scene.run().expect_code(0);
        scene.expect_well();
    }
}

#[test]
fn a_database_of_a_newer_version_is_told_before_a_run() {
    for kind in Kind::all() {
        let scene = Scene::read(kind);
        scene.database.execute("UPDATE _sqlx_migrations SET version = 9999 WHERE version = 5");
        scene.expect_told("migration 9999");
        scene.run().expect_code(1).expect_said("migration 9999");
        // What a newer version makes of its history is not known: it is left alone.
        assert_eq!(scene.number("runs WHERE outcome = 'failed'"), 0, "{kind:?}");
    }
}

#[test]
fn a_view_that_cannot_be_renewed_is_no_success() {
    for kind in Kind::all().into_iter().filter(|kind| *kind == Kind::Postgres) {
        let scene = Scene::read(kind);
        // As a version would leave it whose view had another column.
        scene.database.execute(
            "DROP VIEW report_github_bugs; CREATE VIEW report_github_bugs AS SELECT 1 AS gone; \
             COMMENT ON VIEW report_github_bugs IS 'Made by test-dashboard'; \
             CREATE VIEW team AS SELECT gone FROM report_github_bugs; \
             UPDATE catalogue_views SET digest = ''",
        );
        let run = scene.run().expect_code(3).expect_said("(views)");
        run.expect_said("DROP VIEW public.team;");
        scene.expect_told("the view report_github_bugs could not be made, renewed or dropped");
        let json = scene.ask(&["status", "--format", "json"]).json();
        assert_eq!(json["reports"][0]["state"], "fresh", "the rows are: {json}");
        scene.database.execute("DROP VIEW team");
        scene.told("db migrate").expect_code(0).expect_said("made the views report_github_bugs");
        scene.expect_well();
    }
}
