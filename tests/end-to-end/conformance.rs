// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! `plugin check`: every fault that was planted is found, by the name of the rule it breaks,
//! and a plugin that does everything right is left alone.

use serde_json::{Value, json};

use crate::support::{Ended, Workplace, built, har};

const API: &str = "https://api.example.com";

/// A guest, and the recording of a service with eight items on three pages.
struct Checked {
    place: Workplace,
    guest: &'static str,
}

fn page(number: usize, ids: std::ops::Range<usize>, next: Option<usize>) -> Value {
    let items: Vec<Value> =
        ids.map(|id| json!({"id": id, "label": format!("item {id}")})).collect();
    let body = json!({"items": items, "next": next});
    har::got(&format!("{API}/items?page={number}"), 200, body)
}

fn pages() -> Vec<Value> {
    vec![page(1, 1..4, Some(2)), page(2, 4..7, Some(3)), page(3, 7..9, None)]
}

/// A folder in which a guest can be checked against these answers.
fn place_of(guest: &str, entries: &[Value]) -> Workplace {
    let place = Workplace::new(&format!(
        "[datasources.guest]\nplugin = {:?}\nbase-url = {API:?}\nallow = []\n[projects.fenix]\nguest = {{}}\n",
        built(&format!("guests/{guest}.wasm"))
    ));
    har::write(&place.path("fixtures/fenix/rows.har"), entries);
    place
}

/// A folder in which checking a guest finds a rule that is broken, and the guest's file.
pub fn place_of_a_fault() -> (Workplace, std::path::PathBuf) {
    let guest = "loses_a_row_on_retry";
    (place_of(guest, &pages()), built(&format!("guests/{guest}.wasm")))
}

impl Checked {
    fn new(guest: &'static str, entries: &[Value]) -> Checked {
        Checked { place: place_of(guest, entries), guest }
    }

    fn run(&self, more: &[&str]) -> Ended {
        let file = built(&format!("guests/{}.wasm", self.guest));
        let arguments = ["plugin", "check", file.to_str().unwrap()];
        self.place.run(&[&arguments, more].concat())
    }

    /// The rules of one outcome, by name.
    fn rules(&self, outcome: &str) -> Vec<Value> {
        let answer = self.run(&["--format", "json"]).json();
        let rules = answer["rules"].as_array().unwrap().iter();
        rules.filter(|rule| rule["outcome"] == outcome).cloned().collect()
    }
}

fn names(rules: &[Value]) -> Vec<&str> {
    rules.iter().map(|rule| rule["rule"].as_str().unwrap()).collect()
}

/// That a guest breaks these rules and no other. Gives the rules as they are told.
#[track_caller]
fn expect_broken(guest: &'static str, entries: &[Value], expected: &[&str]) -> Vec<Value> {
    let checked = Checked::new(guest, entries);
    let broken = checked.rules("broken");
    assert_eq!(names(&broken), expected, "{guest}: {broken:#?}");
    let ended = checked.run(&["--partial"]).expect_code(1);
    for rule in expected {
        assert!(ended.out.contains(&format!("BROKEN     {rule} ")), "{}", ended.said());
    }
    broken
}

/// All that the first piece of evidence says, in one text.
fn evidence(rule: &Value) -> String {
    rule["evidence"][0].to_string()
}

#[test]
fn a_plugin_that_does_everything_right_is_left_alone() {
    let checked = Checked::new("pages_well", &pages());
    let ended = checked.run(&[]).expect_code(0);
    ended.expect_said("all 23 rules hold");
    assert_eq!(names(&checked.rules("holds")).len(), 23);
    for rule in checked.rules("holds") {
        assert!(rule["tried"].as_u64().unwrap() > 0, "{rule} was never tried");
    }
}

#[test]
fn the_first_page_is_not_all_there_is() {
    let expected = ["asks-for-all-that-was-recorded", "follows-pages"];
    let broken = expect_broken("stops_at_first_page", &pages(), &expected);
    assert!(evidence(&broken[0]).contains("2 recorded answers were never requested"));
    let shown = evidence(&broken[1]);
    assert!(shown.contains("1. GET https://api.example.com/items?page=1: 200"), "{shown}");
}

#[test]
fn a_row_that_a_retry_loses_is_named() {
    let broken = expect_broken("loses_a_row_on_retry", &pages(), &["survives-server-error"]);
    let first = &broken[0]["evidence"][0];
    assert_eq!(first["scenario"], "500 at the 1st request, once");
    assert_eq!(first["partition"], "all");
    assert_eq!(first["rows"][0]["table"], "guest_rows");
    assert_eq!(first["rows"][0]["missing"], json!({"count": 1, "first": ["[1]"]}));
    let exchanges = first["exchanges"].to_string();
    assert!(
        exchanges.contains("1. GET https://api.example.com/items?page=1: 500, 35 bytes (put in)")
    );
    assert!(exchanges.contains("2. GET https://api.example.com/items?page=1: 200"), "{exchanges}");
}

#[test]
fn checkpoints_that_cover_rows_which_were_not_delivered_are_found() {
    const RULE: &[&str] = &["resumes-from-every-checkpoint"];
    let broken = expect_broken("checkpoint_skips", &pages(), RULE);
    let first = &broken[0]["evidence"][0];
    assert_eq!(first["rows"][0]["missing"], json!({"count": 3, "first": ["[4]", "[5]", "[6]"]}));
    assert!(
        first["scenario"]
            .as_str()
            .unwrap()
            .starts_with("resuming from checkpoint 1 of 3, with 3 rows")
    );
    assert!(first["exchanges"].to_string().contains("1. GET https://api.example.com/items?page=3"));
    let broken = expect_broken("checkpoint_before_its_rows", &pages(), RULE);
    let first = &broken[0]["evidence"][0];
    assert_eq!(first["rows"][0]["missing"], json!({"count": 3, "first": ["[1]", "[2]", "[3]"]}));
}

#[test]
fn what_differs_from_run_to_run_is_found_and_compared_with_nothing_else() {
    let broken = expect_broken("not_deterministic", &pages(), &["second-run-gives-the-same"]);
    assert_eq!(broken[0]["evidence"][0]["rows"][0]["different"]["count"], 8);
    let checked = Checked::new("not_deterministic", &pages());
    assert!(names(&checked.rules("not-tried")).contains(&"survives-401"));
    let broken = expect_broken("plans_at_random", &pages(), &["plans-the-same-partitions"]);
    assert!(evidence(&broken[0]).contains("split differently"));
}

#[test]
fn a_host_that_was_not_declared_is_named() {
    let entries = [pages(), vec![har::got("https://details.example.net/items?page=1", 200, "{}")]];
    let expected = ["asks-declared-hosts-only"];
    let broken = expect_broken("declares_fewer_hosts", &entries.concat(), &expected);
    assert!(evidence(&broken[0]).contains("https://details.example.net/items?page=1"));
}

#[test]
fn a_fault_that_passes_for_the_end_of_the_list_is_found() {
    for (guest, rule, scenario, status) in [
        ("holds_back_rows_on_429", "survives-rate-limit", "429", "429"),
        ("takes_html_for_an_empty_list", "survives-html", "an HTML page", "200"),
        ("takes_half_a_page", "survives-half-a-page", "half a page", "200"),
        ("swallows_a_401", "survives-401", "401", "401"),
    ] {
        let broken = expect_broken(guest, &pages(), &[rule]);
        let second = &broken[0]["evidence"][1];
        assert_eq!(second["scenario"], format!("{scenario} at the 2nd request, once"), "{guest}");
        let missing = json!({"count": 5, "first": ["[4]", "[5]", "[6]"]});
        assert_eq!(second["rows"][0]["missing"], missing, "{guest}");
        let exchanges = second["exchanges"].to_string();
        assert!(
            exchanges.contains(&format!("2. GET {API}/items?page=2: {status}, ")),
            "{exchanges}"
        );
        assert!(exchanges.contains("(put in)"), "{exchanges}");
    }
}

#[test]
fn a_failure_has_to_be_of_a_kind_that_fits() {
    let broken = expect_broken("blames_itself", &pages(), &["survives-server-error"]);
    let shown = evidence(&broken[0]);
    assert!(shown.contains("it failed as internal (that did not work)"), "{shown}");
    assert!(shown.contains("expected transient"), "{shown}");
}

#[test]
fn budgets_crashes_and_the_contract_are_rules_of_their_own() {
    let broken = expect_broken("retries_without_end", &pages(), &["stays-in-its-budgets"]);
    let shown = evidence(&broken[0]);
    assert!(shown.contains("500 at the 1st request, and from then on"), "{shown}");
    assert!(shown.contains("used up its budget of 130 requests"), "{shown}");
    let broken = expect_broken("panics_at_half_a_page", &pages(), &["does-not-crash"]);
    assert!(evidence(&broken[0]).contains("half a page at the 1st request"));
    for (guest, rule, says) in [
        ("traps", "does-not-crash", "crashed"),
        ("checkpoint_never_advances", "keeps-the-contract", "its checkpoint does not advance"),
        ("sets_authorization", "makes-permitted-requests", "set the header"),
        ("returns_undeclared_table", "delivers-declared-rows", "which the report does not fill"),
        ("wrong_type", "delivers-declared-rows", "rows were rejected"),
        ("floods_log", "stays-in-its-budgets", "it logged more than"),
    ] {
        let entries = [har::got(&format!("{API}/"), 200, "{}")];
        let entries = if guest == "sets_authorization" { &entries[..] } else { &[] };
        let broken = expect_broken(guest, entries, &[rule]);
        assert!(evidence(&broken[0]).contains(says), "{guest}: {broken:#?}");
    }
}

#[test]
fn batches_are_as_small_as_the_host_wants_them() {
    let broken = expect_broken("ignores_max_rows", &pages(), &["respects-max-rows"]);
    let shown = evidence(&broken[0]);
    assert!(shown.contains("batch of 3 rows; at most 1 are allowed"), "{shown}");
}

#[test]
fn what_a_full_run_leaves_out_is_named() {
    let broken = expect_broken("full_run_leaves_out", &pages(), &["full-run-delivers-all"]);
    let missing = &broken[0]["evidence"][0]["rows"][0]["missing"];
    assert_eq!(*missing, json!({"count": 3, "first": ["[1]", "[2]", "[3]"]}));
}

#[test]
fn what_is_declared_needs_no_fixtures() {
    for (guest, rule) in [
        ("asks_in_describe", "describes-itself-the-same"),
        ("writes_to_anothers_table", "declares-what-can-be"),
    ] {
        expect_broken(guest, &[], &[rule]);
    }
    let checked = Checked::new("pages_well", &[]);
    std::fs::remove_dir_all(checked.place.path("fixtures")).unwrap();
    let ended = checked.run(&[]).expect_code(1);
    ended.expect_said("rows, a run: there are no fixtures in ");
    checked.run(&["--partial"]).expect_code(0).expect_said("21 of 23 were not tried everywhere");
    assert_eq!(names(&checked.rules("broken")), [""; 0]);
}

#[test]
fn what_is_in_no_recording_is_not_tried_and_named() {
    let checked = Checked::new("pages_well", &pages()[..1]);
    let not_tried = checked.rules("not-tried");
    assert!(names(&not_tried).contains(&"replays-its-recordings"));
    let gap = not_tried[0]["gaps"][0]["reason"].as_str().unwrap();
    assert!(gap.contains("no recording has an answer to GET https://api.example.com/items?page=2"));
    assert_eq!(names(&checked.rules("broken")), [""; 0]);
    checked.run(&[]).expect_code(1).expect_said("--partial lets that pass");

    // What the world answers besides is in a further recording.
    har::write(&checked.place.path("fixtures/fenix/rows.more.har"), &pages()[1..]);
    checked.run(&[]).expect_code(0);
}

#[test]
fn one_project_or_report_is_checked_alone() {
    let checked = Checked::new("pages_well", &pages());
    checked.run(&["--project", "fenix", "--report", "rows"]).expect_code(0);
    let ended = checked.run(&["--project", "focus"]).expect_code(2);
    ended.expect_said("fixtures has no recording focus/*.har");
    har::write(&checked.place.path("fixtures/fenix/rowz.har"), &[]);
    checked.run(&[]).expect_code(2).expect_said("has no report \"rowz\": did you mean rows?");
}
