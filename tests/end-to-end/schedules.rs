// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The schedules of .github/workflows: what each asks for, and which secrets it hands over.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use toml_edit::DocumentMut;

use crate::support::actions::{Context, any, members, workflow};
use crate::support::{Demo, repository};

/// What the schedules' workflows ask for: of each job the workflow, its inputs and its secrets.
fn callers() -> Vec<(&'static str, Value)> {
    let mut jobs = Vec::new();
    for name in ["daily", "weekly", "fortnightly", "monthly", "manual"] {
        let workflow = workflow(&format!("{name}.yml"));
        for (_, job) in members(&workflow["jobs"]) {
            if job["uses"] == "./.github/workflows/pump.yml" {
                jobs.push((name, job.clone()));
            }
        }
    }
    jobs
}

fn deployed() -> DocumentMut {
    let text = std::fs::read_to_string(repository().join("deploy/test-dashboard.toml")).unwrap();
    text.parse().unwrap()
}

fn reports(job: &Value) -> Vec<String> {
    serde_json::from_str(job["with"]["reports"].as_str().unwrap()).unwrap()
}

#[test]
fn every_report_has_a_schedule_and_status_knows_it() {
    let config = deployed();
    let mut scheduled: Vec<(String, &str)> = Vec::new();
    for (name, job) in callers().into_iter().filter(|(name, _)| *name != "manual") {
        let interval = match name {
            "daily" => "1d",
            "weekly" => "7d",
            "fortnightly" => "14d",
            _ => "31d",
        };
        let every = job["with"]["every"].as_str();
        assert_eq!(every, (name == "fortnightly").then_some("14d"), "{name}");
        scheduled.extend(reports(&job).into_iter().map(|report| (report, interval)));
    }
    let schedule = config["schedule"].as_table().unwrap();
    let mut told: Vec<(String, &str)> =
        schedule.iter().map(|(report, every)| (report.into(), every.as_str().unwrap())).collect();
    scheduled.sort();
    told.sort();
    assert_eq!(scheduled, told);

    let shipped: BTreeSet<String> = Demo::new().reports().into_iter().map(|(_, r)| r).collect();
    let scheduled: BTreeSet<String> = scheduled.into_iter().map(|(report, _)| report).collect();
    assert_eq!(scheduled, shipped);
}

/// The variables that a datasource of deploy/test-dashboard.toml wants, as secrets are called.
fn secrets_of(datasource: &str) -> BTreeSet<String> {
    let section = deployed()["datasources"][datasource].to_string();
    let names = section.split("${").skip(1).map(|rest| rest.split(['}', ':']).next().unwrap());
    // A secret's name cannot begin with GITHUB_.
    names.map(|name| name.replace("GITHUB_", "DASHBOARD_GITHUB_")).collect()
}

#[test]
fn a_job_is_given_the_secrets_of_its_own_service_only() {
    let owner: BTreeMap<String, String> =
        Demo::new().reports().into_iter().map(|(plugin, report)| (report, plugin)).collect();
    for (name, job) in callers() {
        let expected: BTreeSet<String> = if name == "manual" {
            owner.values().flat_map(|plugin| secrets_of(plugin)).collect()
        } else {
            reports(&job).iter().flat_map(|report| secrets_of(&owner[report])).collect()
        };
        let is_common =
            |secret: &str| secret.starts_with("CLOUD_SQL_") || secret.starts_with("SLACK_");
        let given = members(&job["secrets"]).map(|(secret, _)| secret.clone());
        let given: BTreeSet<String> = given.filter(|secret| !is_common(secret)).collect();
        assert_eq!(given, expected, "{name}: {}", job["with"]["reports"]);
    }
}

#[test]
fn nothing_is_built_where_a_release_is_named() {
    let is_built = |name: &str, vars: Value| {
        let values = [("vars".to_string(), vars)].into_iter().collect();
        let condition = workflow(name)["jobs"]["build"]["if"].as_str().unwrap().to_string();
        any(&condition, &Context { values, has_failed: false })
    };
    for (name, job) in callers() {
        let name = format!("{name}.yml");
        assert_eq!(is_built(&name, json!({})), true, "{name}");
        assert_eq!(is_built(&name, json!({"TEST_DASHBOARD_RELEASE": "v0.2.0"})), false, "{name}");
        // A job whose `needs` was skipped is skipped, too, unless its `if` asks how they went.
        assert_eq!(job["needs"], "build", "{name}");
        assert_eq!(job["if"], "${{ !failure() && !cancelled() }}", "{name}");
        assert_eq!(job["with"]["binary"], "${{ needs.build.outputs.binary }}", "{name}");
        assert_eq!(job["with"]["config"], "deploy/test-dashboard.toml", "{name}");
    }
}

#[test]
fn secrets_are_in_the_environment_of_the_steps_that_need_them_only() {
    let workflow = workflow("pump.yml");
    let (_, job) = members(&workflow["jobs"]).next().unwrap();
    assert!(!job["env"].to_string().contains("secrets."), "{}", job["env"]);
    let with_secrets: Vec<&str> = job["steps"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|step| step.to_string().contains("secrets."))
        .map(|step| step["name"].as_str().unwrap())
        .collect();
    let expected =
        ["Write the certificates", "Read the report", "Say how fresh it is", "Tell Slack"];
    assert_eq!(with_secrets, expected);
    assert!(!workflow_text("build.yml").contains("secrets."));
}

fn workflow_text(name: &str) -> String {
    std::fs::read_to_string(repository().join(".github/workflows").join(name)).unwrap()
}
