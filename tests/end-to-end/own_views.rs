// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! An operator's own views, in the folder `views` beside the configuration: made, renewed and
//! dropped by runs, and told when they are wrong.

use crate::support::github::{self, GitHub};
use crate::support::{Database, Ended, Kind, Workplace};

const ISSUES: [&str; 4] = ["--project", "fenix", "--report-type", "issues"];
const CONFIG: [&str; 2] = ["--config", "test-dashboard.toml"];

struct Scene {
    database: Database,
    place: Workplace,
    _github: GitHub,
}

impl Scene {
    fn new(kind: Kind) -> Self {
        let github = GitHub::start(github::issues(12));
        let place = Workplace::new(&github.section());
        let database = Database::new(kind);
        if let Some(file) = database.url.strip_prefix("sqlite:") {
            std::fs::write(file, "").unwrap();
        }
        Scene { database, place, _github: github }
    }

    /// A view of one SELECT, which reads these.
    fn put(&self, name: &str, needs: &[&str], sql: &str) {
        let needs = serde_json::to_string(needs).unwrap();
        let text = format!(
            "description = \"Of ours\"\n[[select]]\nneeds = {needs}\nsql = \"view.sql\"\n\
             [[columns]]\nname = \"id\"\ntype = \"int64\"\ndescription = \"Which\"\n"
        );
        std::fs::create_dir_all(self.place.path("views").join(name)).unwrap();
        self.write(&format!("{name}/view.toml"), &text);
        self.write(&format!("{name}/view.sql"), sql);
    }

    fn write(&self, file: &str, text: &str) {
        std::fs::write(self.place.path("views").join(file), text).unwrap();
    }

    fn remove(&self, name: &str) {
        std::fs::remove_dir_all(self.place.path("views").join(name)).unwrap();
    }

    fn run(&self) -> Ended {
        self.place.run(&[&ISSUES[..], &["--database", &self.database.url]].concat())
    }

    fn ask(&self, command: &str) -> Ended {
        let command: Vec<&str> = command.split(' ').collect();
        self.place.run(&[&command, &CONFIG[..], &["--database", &self.database.url]].concat())
    }

    fn number(&self, what: &str) -> i64 {
        self.database.number(&format!("SELECT COUNT(*) FROM {what}"))
    }

    fn is_view(&self, name: &str) -> bool {
        let views = match self.database.kind() {
            Kind::Sqlite => format!("sqlite_schema WHERE type = 'view' AND name = '{name}'"),
            Kind::Postgres => format!("pg_views WHERE viewname = '{name}'"),
            Kind::Mysql => format!(
                "information_schema.views WHERE table_schema = DATABASE() AND table_name = '{name}'"
            ),
        };
        self.number(&views) == 1
    }
}

/// The same as the shipped view, under another name.
const BUGS: &str = "SELECT \"id\", \"issue_title\" FROM \"report_github_bugs\"";

#[test]
fn own_views_are_made_by_the_next_run_renewed_and_dropped() {
    for kind in Kind::all() {
        let scene = Scene::new(kind);
        scene.put("all_bugs", &["own_bugs"], "SELECT \"id\" FROM \"own_bugs\"");
        scene.put("own_bugs", &["report_github_bugs", "github_issues"], BUGS);
        let said = scene.run().expect_code(0).said();
        let at = |view: &str| said.find(&format!("created the view {view}")).unwrap();
        let order = ["report_github_bugs", "own_bugs", "all_bugs"].map(at);
        assert!(order.is_sorted(), "{said}");
        assert!(scene.number("all_bugs") > 0, "{kind:?}");
        assert_eq!(scene.number("all_bugs"), scene.number("report_github_bugs"), "{kind:?}");
        assert!(!scene.run().expect_code(0).said().contains("created the view"), "{kind:?}");

        scene.put("own_bugs", &["report_github_bugs"], &format!("{BUGS}\nWHERE 1 = 0"));
        scene.run().expect_code(0).expect_said("created the view own_bugs");
        assert_eq!(scene.number("all_bugs"), 0, "{kind:?}");
        scene.ask("status").expect_code(0);

        // Who tells only, and who has no configuration, drops nothing.
        scene.remove("all_bugs");
        scene.ask("status").expect_code(0);
        scene.ask("db status").expect_code(0);
        scene
            .place
            .run(&["db", "migrate", "--database", &scene.database.url])
            .expect_code(0)
            .expect_said("up to date");
        let elsewhere = Workplace::new(
            &std::fs::read_to_string(scene.place.path("test-dashboard.toml")).unwrap(),
        );
        let url = &scene.database.url;
        elsewhere.run(&["db", "migrate", CONFIG[0], CONFIG[1], "--database", url]).expect_code(0);
        assert!(scene.is_view("all_bugs"), "{kind:?}");

        scene.run().expect_code(0).expect_said("dropped the view all_bugs: its folder is gone");
        assert!(!scene.is_view("all_bugs") && scene.is_view("own_bugs"), "{kind:?}");
        std::fs::remove_dir_all(scene.place.path("views")).unwrap();
        let json = scene.ask("db migrate --format json").expect_code(0).json();
        assert_eq!(json["dropped_views"], serde_json::json!(["own_bugs"]), "{json}");
        assert!(!scene.is_view("own_bugs") && scene.is_view("report_github_bugs"), "{kind:?}");
        scene.ask("status").expect_code(0);
    }
}

#[test]
fn an_own_view_that_is_wrong_is_told_with_its_file_and_the_rest_is_written() {
    for kind in Kind::all() {
        let scene = Scene::new(kind);
        let file = |name: &str| format!("views/wrong/{name}");
        scene.put("good", &["github_issues"], "SELECT \"id\" FROM \"github_issues\"");
        scene.put("wrong", &["github_issues"], "SELECT \"id\",\n\"titel\" FROM \"github_issues\"");
        let run = scene.run().expect_code(3).expect_said("(views)");
        let line = if kind == Kind::Postgres { ":2: " } else { ": " };
        run.expect_said(&(file("view.sql") + line)).expect_said("titel");
        assert_eq!(scene.number("good"), 12, "{kind:?}");
        assert!(!scene.is_view("wrong"), "{kind:?}");
        for command in ["status", "check", "db status"] {
            scene.ask(command).expect_code(1).expect_said(&file("view.sql"));
        }

        // Nothing is made of what cannot be read as a view, and nothing is dropped for it.
        scene.remove("good");
        scene.write("wrong/view.sql", "SELECT 1 AS \"id\"\n; DROP TABLE github_issues");
        let semicolon = file("view.sql:2: there is a semicolon");
        scene.run().expect_code(3).expect_said(&semicolon);
        assert_eq!(scene.number("good"), 12, "{kind:?}");
        for command in ["status", "check", "db status"] {
            scene.ask(command).expect_code(1).expect_said(&semicolon);
        }
        scene.ask("db migrate").expect_code(2).expect_said(&semicolon);

        scene.write("wrong/view.sql", "SELECT \"id\" FROM \"github_issues\"");
        scene.run().expect_code(0).expect_said("created the view wrong");
        assert!(scene.is_view("wrong") && !scene.is_view("good"), "{kind:?}");
        scene.ask("status").expect_code(0);
        scene.ask("db status").expect_code(0);
    }
}

#[test]
fn a_table_with_the_name_of_an_own_view_is_never_touched() {
    for kind in Kind::all() {
        let scene = Scene::new(kind);
        scene.database.execute("CREATE TABLE ours (id integer)");
        scene.database.execute("INSERT INTO ours VALUES (7)");
        scene.put("ours", &["github_issues"], "SELECT \"id\" FROM \"github_issues\"");
        scene
            .run()
            .expect_code(0)
            .expect_said("ours is a table or view that test-dashboard did not");
        scene.ask("status").expect_code(0).expect_said("did not make");
        scene.remove("ours");
        scene.run().expect_code(0);
        assert_eq!(scene.database.number("SELECT id FROM ours"), 7, "{kind:?}");
        assert!(!scene.is_view("ours"), "{kind:?}");
    }
}

#[test]
fn what_an_own_view_waits_for_is_told_and_fails_nothing() {
    let scene = Scene::new(Kind::Sqlite);
    scene.put("later", &["testrail_milestones"], "SELECT 1 AS \"id\"");
    scene.run().expect_code(0);
    let told = "the view later needs testrail_milestones (";
    scene.ask("status").expect_code(0).expect_said(told);
    scene.ask("db status").expect_code(0).expect_said(told);
}

#[test]
fn the_statements_for_bigquery_have_own_views() {
    let scene = Scene::new(Kind::Sqlite);
    scene.put("own_bugs", &["report_github_bugs"], BUGS);
    let connection = ["--connection", "pump.eu.dashboard", "--database-engine", "postgres"];
    let printed = scene.place.run(&[&["views", "bigquery"], &connection[..]].concat());
    printed.expect_code(0).expect_said("CREATE OR REPLACE VIEW `own_bugs`");
}
