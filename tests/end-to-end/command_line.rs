//! The command line as a person meets it: what stands in the wrong place does nothing.

use crate::support::Workplace;
use crate::support::github::{self, GitHub};

const ISSUES: [&str; 4] = ["--project", "fenix", "--report-type", "issues"];

#[test]
fn an_option_of_a_run_before_a_command_is_a_usage_error_and_nothing_is_done() {
    let github = GitHub::start(github::issues(3));
    let place = Workplace::new(&github.section());
    for (early, line) in [
        ("--dry-run", [&["run"], &ISSUES[..]].concat()),
        ("--full", [&["run"], &ISSUES[..]].concat()),
        ("--dry-run", vec!["db", "migrate"]),
        ("--full", vec!["status"]),
    ] {
        place
            .run(&[&[early], &line[..]].concat())
            .expect_code(2)
            .expect_said(early)
            .expect_said("test-dashboard run");
        assert_eq!(github.server.count(), 0, "{early} {line:?}");
        assert!(!place.path("test-dashboard.sqlite").exists(), "{early} {line:?}");
    }
    place.run(&[&ISSUES[..], &["--dry-run"]].concat()).expect_code(0).expect_said("nothing was");
    assert!(!place.path("test-dashboard.sqlite").exists());
}

#[test]
fn what_a_command_has_no_use_for_is_not_offered_and_not_taken() {
    let place = Workplace::new("");
    for (command, useless) in [
        (&["plugin", "new", "x"][..], &["--config", "--database", "--format"][..]),
        (&["plugin", "build", "x"], &["--config", "--database", "--format"]),
        (&["plugin", "verify"], &["--database"]),
        (&["reports"], &["--database"]),
    ] {
        let help = place.run(&[command, &["--help"]].concat()).expect_code(0);
        for option in useless {
            let offered = help.out.split_whitespace().any(|word| word == *option);
            assert!(!offered, "{command:?}: {}", help.out);
            let value = if *option == "--format" { "json" } else { "x" };
            for line in [[command, &[option, value]].concat(), [&[option, value], command].concat()]
            {
                place.run(&line).expect_code(2).expect_said("unexpected argument");
            }
        }
        assert!(!place.path("x").exists(), "{command:?}");
    }
}
