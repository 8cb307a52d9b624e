// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! `plugin test`: recordings are replayed, and every row that is not as its golden file has it
//! is told, until somebody says that the new rows are right.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::{Ended, Workplace, built, repository};

/// What of TestRail's fixtures the tests look at.
const MILESTONES: &str = "fixtures/fenix/milestones.testrail_milestones.jsonl";
const RECORDING: &str = "fixtures/fenix/milestones.har";

/// A copy of the TestRail plugin's folder with its fixtures for one project, and a
/// configuration in it.
struct Folder {
    place: Workplace,
}

impl Folder {
    fn new() -> Self {
        let place = Workplace::new(&format!(
            "[datasources.testrail]\nplugin = {:?}\nbase-url = \"https://testrail.example.com\"\n\
             [projects.fenix]\ntestrail = {{ project-id = 59 }}\n",
            built("plugins/testrail.wasm")
        ));
        let fixtures = repository().join("plugins/testrail/fixtures/fenix");
        copy(&fixtures, &place.path("fixtures/fenix"));
        Folder { place }
    }

    fn test(&self, more: &[&str]) -> Ended {
        self.place.run(&[&["plugin", "test"], more].concat())
    }

    fn path(&self, file: &str) -> PathBuf {
        self.place.path(file)
    }

    fn read(&self, file: &str) -> String {
        std::fs::read_to_string(self.path(file)).unwrap()
    }

    fn write(&self, file: &str, content: &str) {
        std::fs::write(self.path(file), content).unwrap();
    }

    /// Changes the golden milestones, each an element.
    fn change_golden(&self, change: impl FnOnce(&mut Vec<String>)) {
        let mut lines = self.read(MILESTONES).lines().map(String::from).collect();
        change(&mut lines);
        self.write(MILESTONES, &lines.iter().map(|line| format!("{line}\n")).collect::<String>());
    }

    /// Changes the milestones that the recording answers.
    fn change_answer(&self, change: impl FnOnce(&mut Vec<Value>)) {
        let mut har: Value = serde_json::from_str(&self.read(RECORDING)).unwrap();
        let text = &mut har["log"]["entries"][0]["response"]["content"]["text"];
        let mut answer: Value = serde_json::from_str(text.as_str().unwrap()).unwrap();
        change(answer["milestones"].as_array_mut().unwrap());
        *text = json!(answer.to_string());
        self.write(RECORDING, &har.to_string());
    }

    /// That `--update` mends it, writing nothing but the milestones, and is not needed twice.
    #[track_caller]
    fn expect_mended(&self) {
        let update = self.test(&["--update"]).expect_code(0);
        update
            .expect_said(&format!("wrote ./{MILESTONES}"))
            .expect_said("7 fixtures, golden files: 1 written, 14 unchanged, 0 removed");
        self.test(&[]).expect_code(0).expect_said("7 fixtures: every row is as its golden file");
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
    }
}

/// The lines of the answer that tell differences.
fn differences(ended: &Ended) -> Vec<&str> {
    ended.out.lines().filter(|line| line.starts_with("  ")).collect()
}

#[test]
fn a_copy_of_a_plugins_folder_passes_and_an_update_finds_nothing_to_write() {
    let folder = Folder::new();
    let ended = folder.test(&[]).expect_code(0);
    let lines: Vec<&str> = ended.out.lines().collect();
    assert_eq!(lines[0], "ok     fenix milestones 4 rows");
    assert_eq!(lines[7..], ["7 fixtures: every row is as its golden file has it"]);
    let before = std::fs::metadata(folder.path(MILESTONES)).unwrap().modified().unwrap();
    folder
        .test(&["--update"])
        .expect_code(0)
        .expect_said("7 fixtures, golden files: 0 written, 15 unchanged, 0 removed");
    let after = std::fs::metadata(folder.path(MILESTONES)).unwrap().modified().unwrap();
    assert_eq!(before, after, "the file was written although it has the same content");
}

#[test]
fn a_changed_a_missing_and_a_new_row_are_told_apart_and_an_update_mends_them() {
    let folder = Folder::new();
    folder.change_golden(|lines| {
        assert_eq!(lines.len(), 4);
        lines[0] = lines[0].replace("Release 135", "Release 153").replace("true", "false");
        lines[1] = lines[1].replace("\"id\": 31", "\"id\": 29");
    });
    let ended = folder.test(&[]).expect_code(1);
    let told = differences(&ended);
    assert!(
        told[0].starts_with("  - id: 29, project_id: 59, name: \"Release 136 🚀\""),
        "{told:?}"
    );
    assert_eq!(
        told[1..5],
        [
            "  ~ id: 30",
            "      name: \"Release 153\" → \"Release 135\"",
            "      is_started: false → true",
            "      is_completed: false → true",
        ]
    );
    assert!(
        told[5].starts_with("  + id: 31, project_id: 59, name: \"Release 136 🚀\""),
        "{told:?}"
    );
    assert_eq!(told.len(), 6);
    let ended = ended
        .expect_said(&format!("{MILESTONES}, rows that differ: 3"))
        .expect_said("\nFAILED fenix milestones 4 rows\nok     fenix reference 16 rows\n")
        .expect_said("FAILED: 1 of 7 fixtures; where the new rows are right, `--update`");
    assert!(!ended.out.contains("no such column"));

    let json = folder.test(&["--format", "json"]).expect_code(1).json();
    assert_eq!(json["passed"], json!(false));
    let table = &json["fixtures"][0]["tables"][0];
    assert_eq!(table["table"], json!("testrail_milestones"));
    let differences = table["differences"].as_array().unwrap();
    assert_eq!(differences[0]["missing"]["id"], json!(29));
    let changed = json!({"column": "name", "old": "Release 153", "new": "Release 135"});
    assert_eq!(differences[1]["changed"]["columns"][0], changed);
    assert_eq!(differences[2]["new"]["id"], json!(31));
    folder.expect_mended();
}

#[test]
fn a_missing_file_and_one_that_is_no_golden_file_are_told_and_mended() {
    let folder = Folder::new();
    std::fs::remove_file(folder.path(MILESTONES)).unwrap();
    folder
        .test(&[])
        .expect_code(1)
        .expect_said(&format!("{MILESTONES} is missing: `--update` writes it"))
        .expect_said("FAILED fenix milestones 4 rows");
    folder.expect_mended();

    folder.change_golden(|lines| lines[2] = "<<<<<<< HEAD".into());
    folder
        .test(&[])
        .expect_code(1)
        .expect_said(&format!("{MILESTONES}:3 is no JSON object"))
        .expect_said("`--update` rewrites the file");
    folder.expect_mended();

    folder.change_golden(|lines| lines[2] = lines[1].clone());
    folder.test(&[]).expect_code(1).expect_said(":3 has the same key as line 2");
    folder.expect_mended();
}

#[test]
fn golden_files_that_belong_to_nothing_are_told_and_removed() {
    let folder = Folder::new();
    let leftovers = [
        "fixtures/fenix/milestones.testrail_gone.jsonl",
        "fixtures/fenix/gone.testrail_milestones.jsonl",
    ];
    for file in leftovers {
        folder.write(file, "");
    }
    let mut ended = folder.test(&[]).expect_code(1);
    for file in leftovers {
        ended = ended.expect_said(&format!("to be removed (`--update` does it): ./{file}"));
    }
    ended.expect_said("FAILED: golden files that belong to nothing: 2");
    folder.test(&["--update"]).expect_code(0).expect_said("15 unchanged, 2 removed");
    assert!(leftovers.iter().all(|file| !folder.path(file).exists()));
    folder.test(&[]).expect_code(0);
}

#[test]
fn another_answer_shows_in_the_rows_whatever_text_it_has() {
    let folder = Folder::new();
    folder.change_answer(|milestones| {
        milestones[0]["name"] = json!("Rel\u{1b}[2Jease\n135\u{202e}\0");
        milestones[0]["completed_on"] = Value::Null;
        milestones[0]["refs"] = json!("x".repeat(300) + "the end");
    });
    let ended = folder.test(&[]).expect_code(1);
    let told = differences(&ended);
    let long = format!("\"{}…", "x".repeat(59));
    assert_eq!(
        told,
        [
            "  ~ id: 30",
            r#"      name: "Release 135" → "Rel\u001b[2Jease\n135\u202e�""#,
            "      completed_on: \"2026-02-04T06:00:00.000000Z\" → null",
            &format!("      refs: null → {long}"),
        ]
    );
    folder.expect_mended();
    let golden = folder.read(MILESTONES);
    let first = golden.lines().next().unwrap();
    assert!(
        first.starts_with(
            r#"{"id": 30, "project_id": 59, "name": "Rel\u001b[2Jease\n135\u202e�", "#
        ),
        "{first}"
    );
    assert!(first.contains(&("x".repeat(300) + "the end\"")), "{first}");
    assert!(!golden.contains(|c: char| c.is_control() && c != '\n'));
}

#[test]
fn of_many_differences_a_person_is_shown_the_first_and_a_program_all() {
    let folder = Folder::new();
    folder.change_answer(|milestones| {
        let first = milestones[0].clone();
        for id in 1000..1030 {
            let mut more = first.clone();
            more["id"] = json!(id);
            milestones.push(more);
        }
    });
    let ended = folder.test(&[]).expect_code(1);
    let told = differences(&ended);
    assert_eq!(told.iter().filter(|line| line.starts_with("  + id: 10")).count(), 20);
    assert_eq!(told[20..], ["  … and 10 more (--format json gives all)"]);
    let json = folder.test(&["--format", "json"]).expect_code(1).json();
    let table = &json["fixtures"][0]["tables"][0];
    assert_eq!(table["differences"].as_array().unwrap().len(), 30);
}

#[test]
fn a_recording_that_does_not_fit_the_plugin_fails_and_is_not_written_over_good_rows() {
    let folder = Folder::new();
    let recording = folder.read(RECORDING);
    let golden = folder.read(MILESTONES);
    let mut har: Value = serde_json::from_str(&recording).unwrap();
    let entries = har["log"]["entries"].as_array_mut().unwrap();
    let mut never_asked = entries[0].clone();
    never_asked["request"]["url"] =
        json!("https://testrail.example.com/index.php?/api/v2/get_milestones/60");
    entries.push(never_asked);
    let more = har.to_string();
    let elsewhere =
        recording.replace("https://testrail.example.com/index", "https://other.example/index");
    let undated = recording.replace("\"pages\"", "\"_pages\"");
    for (recording, says) in [
        (more.as_str(), "1 recorded answers were never requested: "),
        (&elsewhere, "the recording holds no answer to GET"),
        (&undated, "does not say when it was recorded"),
        ("{", "milestones.har"),
    ] {
        folder.write(RECORDING, recording);
        for arguments in [&[] as &[&str], &["--update"]] {
            let ended = folder.test(arguments).expect_code(1).expect_said(says);
            assert_eq!(differences(&ended), [""; 0]);
            assert!(!ended.out.contains("where the new rows are right"), "{}", ended.out);
            ended.expect_said("FAILED fenix milestones").expect_said("FAILED: 1 of 7 fixtures");
            assert_eq!(folder.read(MILESTONES), golden);
        }
    }
}

#[test]
fn what_the_configuration_does_not_know_fails_by_name_and_the_others_are_tested() {
    let folder = Folder::new();
    copy(&folder.path("fixtures/fenix"), &folder.path("fixtures/another"));
    std::fs::copy(folder.path(RECORDING), folder.path("fixtures/fenix/milestone.har")).unwrap();
    folder
        .test(&[])
        .expect_code(1)
        .expect_said("another milestones: projects.another.testrail.project-id is missing")
        .expect_said(
            "fenix milestone: testrail has no report \"milestone\": did you mean milestones?",
        )
        .expect_said("ok     fenix milestones 4 rows")
        .expect_said("FAILED: 8 of 15 fixtures");
}

#[test]
fn a_folder_without_recordings_is_a_failure_and_one_without_a_plugin_a_mistake() {
    let folder = Folder::new();
    std::fs::create_dir(folder.path("empty")).unwrap();
    let configuration = folder.path("test-dashboard.toml");
    let configured = ["--config", configuration.to_str().unwrap(), "empty"];
    folder.test(&configured).expect_code(1).expect_said("there are no recordings empty/fixtures/");
    folder.test(&["empty"]).expect_code(2).expect_said("empty/test-dashboard.toml");

    let other = "\n[datasources.github]\nplugin = \"github.wasm\"\n";
    folder.place.configure(&(std::fs::read_to_string(&configuration).unwrap() + other));
    let says = "must have one datasource, or one named like the folder; it has github, testrail";
    folder.test(&[]).expect_code(2).expect_said(says);
    std::fs::create_dir(folder.path("testrail")).unwrap();
    std::fs::rename(folder.path("fixtures"), folder.path("testrail/fixtures")).unwrap();
    folder.test(&["testrail", "--config", configuration.to_str().unwrap()]).expect_code(0);
}

/// A folder of a guest with a recording in which nothing is asked.
fn guest(name: &str, limits: &str) -> Folder {
    let place = Workplace::new(&format!(
        "[datasources.guest]\nplugin = {:?}\nbase-url = \"https://api.example.com\"\n\
         [datasources.guest.limits]\n{limits}\n[projects.fenix]\nguest = {{}}\n",
        built(&format!("guests/{name}.wasm"))
    ));
    let page = json!({"id": "run", "title": "fenix rows", "startedDateTime": "2026-03-01T06:00:00Z", "pageTimings": {}});
    let creator = json!({"name": "golden", "version": "1"});
    let log = json!({"version": "1.2", "creator": creator, "pages": [page], "entries": []});
    std::fs::create_dir_all(place.path("fixtures/fenix")).unwrap();
    let folder = Folder { place };
    folder.write("fixtures/fenix/rows.har", &json!({ "log": log }).to_string());
    folder
}

#[test]
fn a_rejected_row_fails_with_its_reason_even_where_a_run_would_bear_it() {
    let folder = guest("wrong_values", "max-rejected-share = 1.0");
    for arguments in [&[] as &[&str], &["--update"]] {
        folder
            .test(arguments)
            .expect_code(1)
            .expect_said("guest_values: a row is rejected: column ratio: ")
            .expect_said("guest_values: a row is rejected: column document: ")
            .expect_said("FAILED fenix rows 1 row\n");
    }
    assert!(!folder.path("fixtures/fenix/rows.guest_values.jsonl").exists());
}

#[test]
fn a_table_without_rows_has_an_empty_file_and_hostile_text_is_read_back_as_it_was() {
    let folder = guest("hostile_text", "");
    folder.test(&["--update"]).expect_code(0).expect_said("golden files: 2 written, 0 unchanged");
    assert_eq!(folder.read("fixtures/fenix/rows.guest_rows.jsonl"), "");
    let golden = folder.read("fixtures/fenix/rows.guest_texts.jsonl");
    assert_eq!(golden.lines().count(), 27);
    assert!(!golden.contains(|c: char| c.is_control() && c != '\n' || c == '\u{202e}'));
    folder.test(&[]).expect_code(0).expect_said("ok     fenix rows 27 rows");
    std::fs::remove_file(folder.path("fixtures/fenix/rows.guest_rows.jsonl")).unwrap();
    folder.test(&[]).expect_code(1).expect_said("rows.guest_rows.jsonl is missing");
}
