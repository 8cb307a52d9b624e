// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The three fields by which `test-case-coverage` counts cases, and what their ids are called.
//!
//! Which fields they are is up to the instance's administrators, so the settings name them, and
//! `get_case_fields` says whether the project has them and what their items are called. One that
//! is not there is a failure: without its values every case would count as "Not set". Where an
//! instance has no such field, the setting says `none`.
//!
//! The dashboards have words of their own, such as `fxa`. They stand where the instance's label
//! begins with the same word, as "FxA & Sync" does: there the id means what it means to the
//! dashboards. Everywhere else the label is the instance's.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use test_dashboard_sdk::{Context, Failure};

use crate::Settings;
use crate::api::Api;
use crate::fields::{self, FieldAnswer};

/// What a setting says for a field that the instance does not have.
const NONE: &str = "none";

const NOT_SET: &str = "Not set";

/// The sub-suite of a case that names none, on the dashboards.
const OTHER: (i64, &str) = (7, "other");

/// A setting that names a field: its default, and the dashboards' words for the field's ids.
struct Setting {
    name: &'static str,
    default: &'static str,
    words: &'static [(i64, &'static str)],
}

const AUTOMATION_STATUS: Setting = Setting {
    name: "automation-status-field",
    default: "custom_automation_status",
    words: &[
        (1, "Untriaged"),
        (2, "Suitable"),
        (3, "Unsuitable"),
        (4, "Completed"),
        (5, "Disabled"),
    ],
};

const AUTOMATION_COVERAGE: Setting = Setting {
    name: "automation-coverage-field",
    default: "custom_automation_coverage",
    words: &[(1, "None"), (2, "Partial"), (3, "Full")],
};

const SUB_SUITES: Setting = Setting {
    name: "sub-suites-field",
    default: "custom_sub_test_suites",
    words: &[
        (1, "functional"),
        (2, "smoke"),
        (3, "accessibility"),
        (4, "l10n"),
        (5, "security"),
        (6, "fxa"),
        OTHER,
    ],
};

/// One of the fields, in one project.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// Its system name; none where the instance has no such field.
    pub name: Option<String>,
    /// What its items are called, by their ids.
    labels: BTreeMap<i64, String>,
}

impl Field {
    /// Stands for the choice of a case that has none, since parts of a key cannot be null. It
    /// is 0, because TestRail counts from 1; unless an administrator began with 0.
    pub fn not_set(&self) -> i64 {
        if self.labels.contains_key(&0) { -1 } else { 0 }
    }

    /// What an id is called; none when the instance does not say.
    pub fn label(&self, id: i64) -> Option<String> {
        if id == self.not_set() { Some(NOT_SET.into()) } else { self.labels.get(&id).cloned() }
    }
}

/// The three fields.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fields {
    /// How far a case is on its way to be automated.
    pub automation_status: Field,
    /// How much of a case is automated.
    pub automation_coverage: Field,
    /// The parts of its suite that a case is in.
    pub sub_suites: Field,
}

impl Fields {
    /// Asks TestRail for them: one request.
    ///
    /// # Errors
    ///
    /// When no good answer comes, and a `config` failure when the project does not have a
    /// field that the settings name, or name by default.
    pub fn fetch(context: &Context) -> Result<Self, Failure> {
        let settings: Settings = context.settings()?;
        let api = Api::new(context);
        let of_project: Vec<FieldAnswer> = fields::fetch(&api)?
            .into_iter()
            .filter(|field| field.is_in(settings.project_id))
            .collect();
        let mut absent = Vec::new();
        let mut find = |setting: &Setting, named: &Option<String>| {
            let name = named.as_deref().unwrap_or(setting.default);
            let found = find(setting, name, &of_project, settings.project_id);
            found.unwrap_or_else(|| {
                absent.push(format!("{name} ({})", setting.name));
                Field::default()
            })
        };
        let mut fields = Fields {
            automation_status: find(&AUTOMATION_STATUS, &settings.automation_status_field),
            automation_coverage: find(&AUTOMATION_COVERAGE, &settings.automation_coverage_field),
            sub_suites: find(&SUB_SUITES, &settings.sub_suites_field),
        };
        if !absent.is_empty() {
            return Err(not_there(context, settings.project_id, &absent, &of_project));
        }
        let (id, word) = OTHER;
        fields.sub_suites.labels.entry(id).or_insert_with(|| word.into());
        Ok(fields)
    }

    /// The sub-suite of a case that names none: the dashboards' "other", unless its id means
    /// something else here.
    pub fn no_sub_suite(&self) -> i64 {
        let (id, word) = OTHER;
        let is_other = self.sub_suites.labels.get(&id).is_none_or(|label| label == word);
        if is_other { id } else { self.sub_suites.not_set() }
    }
}

/// The field that a setting names; none when the project does not have it.
fn find(setting: &Setting, name: &str, fields: &[FieldAnswer], project_id: i64) -> Option<Field> {
    if name == NONE {
        return Some(Field::default());
    }
    let field = fields.iter().find(|field| field.system_name.as_deref() == Some(name))?;
    let mut labels = field.options(project_id).unwrap_or_default();
    for (id, word) in setting.words {
        if let Some(label) = labels.get_mut(id).filter(|label| begins_with(label, word)) {
            *label = (*word).into();
        }
    }
    Some(Field { name: Some(name.into()), labels })
}

/// Whether a label is a word, or begins with it: "FxA & Sync", but not "Fullscreen" for "Full".
fn begins_with(label: &str, word: &str) -> bool {
    label.split_at_checked(word.len()).is_some_and(|(head, rest)| {
        head.eq_ignore_ascii_case(word) && !rest.starts_with(char::is_alphanumeric)
    })
}

fn not_there(
    context: &Context,
    project_id: i64,
    absent: &[String],
    fields: &[FieldAnswer],
) -> Failure {
    let with_choices = fields.iter().filter(|field| field.options(project_id).is_some());
    let names: Vec<String> = with_choices
        .map(|field| {
            let name = field.system_name.as_deref().unwrap_or("?");
            format!("{name} ({})", field.label.as_deref().unwrap_or("without a label"))
        })
        .collect();
    let names = if names.is_empty() { "it has no others".into() } else { names.join(", ") };
    Failure::config(format!(
        "project {}: TestRail's project {project_id} has no active case field {}. Its dropdown and multi-select fields: {names}. Set what is in parentheses to the field that is meant; or to \"{NONE}\" if cases have no such field, and all of them count as {NOT_SET} there",
        context.project,
        absent.join(", "),
    ))
}
