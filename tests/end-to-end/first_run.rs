//! The recordings of the shipped plugins, pumped as `make demo` does, into every database.

use crate::support::{Database, Kind, Workplace, built, repository};

const REPORTS: [(&str, &str); 4] = [
    ("testrail", "test-case-coverage"),
    ("testrail", "test-run-counts"),
    ("github", "issues"),
    ("github", "issue-regression"),
];

fn workplace() -> Workplace {
    let mut configuration = format!(
        "[datasources.testrail]\nplugin = {:?}\nbase-url = \"https://testrail.example.com\"\n\
         [datasources.github]\nplugin = {:?}\nbase-url = \"https://api.github.com\"\n",
        built("plugins/testrail.wasm"),
        built("plugins/github.wasm"),
    );
    for (project, id) in [
        ("fenix", 59),
        ("focus-android", 48),
        ("reference-browser", 58),
        ("firefox-ios", 14),
        ("focus-ios", 27),
    ] {
        configuration.push_str(&format!(
            "[projects.{project}]\ntestrail = {{ project-id = {id} }}\n\
             github = {{ repository = \"mozilla-mobile/{project}\" }}\n"
        ));
    }
    Workplace::new(&configuration)
}

#[test]
fn the_recordings_of_all_projects_are_pumped_and_a_second_run_changes_nothing() {
    let place = workplace();
    for kind in Kind::all() {
        let database = Database::new(kind);
        for (plugin, report) in REPORTS {
            let recordings = repository().join("plugins").join(plugin).join("fixtures");
            let arguments = [
                "--project",
                "ALL",
                "--report-type",
                report,
                "--database",
                &database.url,
                "--replay",
                recordings.to_str().unwrap(),
                "--format",
                "json",
            ];
            let first = place.run(&arguments).expect_code(0).json();
            let rows = first["total"]["rows_new"].as_u64().unwrap();
            assert!(rows > 0, "{kind:?} {report}: {first}");
            assert_eq!(first["total"]["rows_rejected"], 0, "{kind:?} {report}");

            let second = place.run(&arguments).expect_code(0).json();
            let total = &second["total"];
            for count in ["rows_new", "rows_changed", "rows_removed"] {
                assert_eq!(total[count], 0, "{kind:?} {report} {count}: {total}");
            }
            assert_eq!(total["rows_unchanged"], rows, "{kind:?} {report}");
        }
        let issues = database.number("SELECT COUNT(*) FROM github_issues");
        let status = ["db", "status", "--format", "json", "--database", &database.url];
        let status = place.run(&status).expect_code(0).json();
        let told = status["tables"].as_array().unwrap().iter();
        let told = told.filter(|table| table["table"] == "github_issues").collect::<Vec<_>>();
        assert_eq!(told[0]["rows"], issues, "{kind:?}: {status}");
        let keys = database.number(
            "SELECT COUNT(*) FROM (SELECT DISTINCT project, repository_id, id FROM github_issues) k",
        );
        assert_eq!(issues, keys, "{kind:?}");
        assert_eq!(database.number("SELECT COUNT(*) FROM runs WHERE outcome = 'succeeded'"), 8);
    }
}

#[test]
fn four_byte_labels_are_kept_whole_in_every_database() {
    let place = workplace();
    let recordings = repository().join("plugins/github/fixtures");
    for kind in Kind::all() {
        let database = Database::new(kind);
        place
            .run(&[
                "run",
                "--project",
                "fenix",
                "--report-type",
                "issue-regression",
                "--database",
                &database.url,
                "--replay",
                recordings.to_str().unwrap(),
            ])
            .expect_code(0);
        let labels = database.rows("SELECT DISTINCT label FROM github_issue_regression");
        for label in ["🐞 bug", "Bug 🐞", "P1"] {
            assert!(labels.iter().any(|row| row[0] == label), "{kind:?}: {labels:?}");
        }
    }
}
