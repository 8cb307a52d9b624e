// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! examples/notify/slack: what it posts, and when; and that pump.yml does the same.

use std::process::Command;

use serde_json::{Value, json};

use crate::support::actions::workflow;
use crate::support::{Ended, Server, repository};

/// A Slack that keeps what it is told, and the script beside it.
struct Slack {
    server: Server,
    folder: tempfile::TempDir,
}

impl Slack {
    fn new() -> Self {
        let server = Server::start(|_| Server::answer(200, &[], "ok"));
        Slack { server, folder: tempfile::tempdir().unwrap() }
    }

    /// Runs the script over a summary; what was posted, if anything.
    fn tell(&self, summary: Option<&Value>, notify: &str) -> Option<String> {
        let file = self.folder.path().join("summary.json");
        let _ = std::fs::remove_file(&file);
        if let Some(summary) = summary {
            std::fs::write(&file, summary.to_string()).unwrap();
        }
        let before = self.server.count();
        let mut script = Command::new(repository().join("examples/notify/slack"));
        script.arg(&file).env("SLACK_WEBHOOK_URL", format!("{}/secret", self.server.url));
        script.env("NOTIFY", notify).env_remove("GITHUB_RUN_ID");
        Ended::new(script.output().unwrap()).expect_code(0);
        let asked = self.server.asked();
        asked.get(before).map(|asked| {
            let message: Value = serde_json::from_str(&asked.body).unwrap();
            message["text"].as_str().unwrap().to_string()
        })
    }
}

#[test]
fn slack_is_told_what_somebody_has_to_look_at() {
    let slack = Slack::new();
    let good = json!({
        "run": 17, "project": "ALL", "report": "issues", "outcome": "succeeded", "error": null,
        "reports": [{"project": "fenix", "failures": [], "rejected": []}],
    });
    assert_eq!(slack.tell(Some(&good), ""), None);
    assert_eq!(
        slack.tell(Some(&good), "always").as_deref(),
        Some("issues of ALL: succeeded (run 17)")
    );
    let failure = |number| json!({"partition": format!("p{number}"), "kind": "auth", "message": "<!channel> & \"x\""});
    let mut bad = good.clone();
    bad["outcome"] = json!("partly-failed");
    bad["reports"][0]["failures"] = (1..=11).map(failure).collect();
    bad["reports"][0]["rejected"] =
        json!([{"table": "github_issues", "reason": "too long", "count": 3}]);
    let text = slack.tell(Some(&bad), "").unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "issues of ALL: partly-failed (run 17)");
    assert_eq!(lines[1], "• fenix p1 (auth): &lt;!channel&gt; &amp; \"x\"");
    assert_eq!((lines.len(), *lines.last().unwrap()), (12, "… and 2 more"));
    let early = json!({"run": null, "project": "ALL", "report": "issues", "outcome": "misused",
        "error": "there is no project", "reports": []});
    let text = slack.tell(Some(&early), "").unwrap();
    assert_eq!(text, "issues of ALL: misused\nthere is no project");
    let text = slack.tell(None, "").unwrap();
    assert_eq!(text, "A run of test-dashboard ended before it could say how.");
}

#[test]
fn the_workflow_posts_what_the_script_posts() {
    let script = std::fs::read_to_string(repository().join("examples/notify/slack")).unwrap();
    let (_, script) = script.split_once("\nsummary=$1\n").unwrap();
    let pump = workflow("pump.yml");
    let steps = pump["jobs"]["pump"]["steps"].as_array().unwrap();
    let step = steps.iter().find(|step| step["name"] == "Tell Slack").unwrap();
    let (_, step) =
        step["run"].as_str().unwrap().split_once("\nsummary=$RUNNER_TEMP/summary.json\n").unwrap();
    assert_eq!(step, script);
}
