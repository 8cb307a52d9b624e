// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The definitions of custom case fields, and what the choices made in a case are called.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use serde::Deserialize;
use serde_json::Value as JsonValue;
use test_dashboard_sdk::{Answer, Failure, Lenient};

use crate::api::{About, Api};
use crate::lenient::{self, Custom};
use crate::pages::Listed;

const DROPDOWN: i64 = 6;
const MULTI_SELECT: i64 = 12;

/// What TestRail calls the type of a field.
pub fn type_name(id: i64) -> Option<&'static str> {
    Some(match id {
        1 => "String",
        2 => "Integer",
        3 => "Text",
        4 => "URL",
        5 => "Checkbox",
        DROPDOWN => "Dropdown",
        7 => "User",
        8 => "Date",
        9 => "Milestone",
        10 => "Steps",
        11 => "Step Results",
        MULTI_SELECT => "Multi-select",
        _ => return None,
    })
}

/// A field as `get_case_fields` has it.
#[derive(Debug, Deserialize)]
pub struct FieldAnswer {
    pub id: i64,
    pub system_name: Option<String>,
    pub name: Option<String>,
    pub label: Option<String>,
    pub description: Option<String>,
    pub type_id: Option<i64>,
    #[serde(default, deserialize_with = "lenient::flag")]
    pub is_active: bool,
    pub display_order: Option<i64>,
    /// One for the whole instance, or several for some projects each.
    #[serde(default)]
    pub configs: JsonValue,
}

impl Answer for FieldAnswer {}

impl Listed for FieldAnswer {
    const KEY: &'static str = "case_fields";

    fn id(&self) -> i64 {
        self.id
    }
}

impl FieldAnswer {
    /// What can be chosen in a project, by id. None for a field without choices, or one that
    /// the project does not have.
    pub fn options(&self, project_id: i64) -> Option<BTreeMap<i64, String>> {
        if !matches!(self.type_id, Some(DROPDOWN | MULTI_SELECT)) {
            return None;
        }
        let config = self.config(project_id)?;
        Some(items(config["options"]["items"].as_str().unwrap_or_default()))
    }

    /// Whether it is in use in a project.
    pub fn is_in(&self, project_id: i64) -> bool {
        self.is_active && self.config(project_id).is_some()
    }

    /// Its settings for a project.
    fn config(&self, project_id: i64) -> Option<&JsonValue> {
        let configs = self.configs.as_array()?;
        let names_the_project = |config: &&JsonValue| {
            let ids = config["context"]["project_ids"].as_array();
            ids.is_some_and(|ids| ids.iter().any(|id| id.as_i64() == Some(project_id)))
        };
        let is_global = |config: &&JsonValue| config["context"]["is_global"] == true;
        let config = configs.iter().find(names_the_project);
        config.or_else(|| configs.iter().find(is_global))
    }
}

/// Reads lines such as `4, Completed`. A label may have commas of its own.
fn items(lines: &str) -> BTreeMap<i64, String> {
    let item = |line: &str| {
        let (id, label) = line.split_once(',')?;
        Some((id.trim().parse().ok()?, label.trim().to_owned()))
    };
    lines.lines().filter_map(item).collect()
}

/// A choice made in a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// The chosen item's id; none for something that is no id.
    pub id: Option<i64>,
    /// What the item is called; none when the definition does not name it.
    pub label: Option<String>,
}

/// The fields of a project in which something is chosen, by their system names.
#[derive(Debug)]
pub struct Choices(BTreeMap<String, ChoiceField>);

#[derive(Debug, Hash)]
struct ChoiceField {
    is_multiple: bool,
    options: BTreeMap<i64, String>,
}

/// Asks TestRail for the fields of cases: one request.
///
/// # Errors
///
/// When no good answer comes, or what a field is cannot be understood.
pub fn fetch(api: &Api) -> Result<Vec<FieldAnswer>, Failure> {
    let request = api.instance("get_case_fields");
    let fields = api.list::<Lenient<FieldAnswer>>(About::Instance, request).all()?;
    // What is chosen in cases, and counted, follows from all of them.
    let sound = |field: Lenient<FieldAnswer>| {
        let name = format!("the case field {}", field.id);
        field.sound_in(&["system_name", "type_id", "is_active"], name)
    };
    fields.into_iter().map(sound).collect()
}

/// What is chosen in one field of a case.
#[derive(Debug, PartialEq, Eq)]
pub struct Chosen<'a> {
    /// The field's system name.
    pub field: &'a str,
    /// How many items can be chosen at once.
    pub most: usize,
    /// The choices, in TestRail's order.
    pub choices: Vec<Choice>,
}

impl Choices {
    /// Asks TestRail for them: one request.
    ///
    /// # Errors
    ///
    /// When no good answer comes.
    pub fn fetch(api: &Api, project_id: i64) -> Result<Self, Failure> {
        let active = fetch(api)?.into_iter().filter(|field| field.is_active);
        Ok(Choices(
            active
                .filter_map(|mut field| {
                    let options = field.options(project_id)?;
                    let is_multiple = field.type_id == Some(MULTI_SELECT);
                    Some((field.system_name.take()?, ChoiceField { is_multiple, options }))
                })
                .collect(),
        ))
    }

    /// Differs when the definitions do. To be compared only: another build of the plugin may
    /// compute another one, and the cases are read once more than was needed.
    pub fn fingerprint(&self) -> String {
        let mut hasher = DefaultHasher::new();
        self.0.hash(&mut hasher);
        format!("{:016x}", hasher.finish())
    }

    /// Each field, with what is chosen in it; nothing where the field is absent, null or
    /// empty.
    pub fn of<'a>(&'a self, custom: &'a Custom) -> impl Iterator<Item = Chosen<'a>> {
        self.0.iter().map(|(field, ChoiceField { is_multiple, options })| {
            let values = match custom.get(field) {
                None => &[],
                Some(JsonValue::Array(values)) => values.as_slice(),
                Some(single) => std::slice::from_ref(single),
            };
            let choices = values.iter().filter_map(|value| choice(value, options)).collect();
            Chosen { field, most: if *is_multiple { options.len() } else { 1 }, choices }
        })
    }
}

/// Numbers may come as text. What is no number is kept as it is, as the label.
fn choice(value: &JsonValue, options: &BTreeMap<i64, String>) -> Option<Choice> {
    let id = match value {
        JsonValue::Null => return None,
        JsonValue::String(text) if text.trim().is_empty() => return None,
        JsonValue::String(text) => text.trim().parse().ok(),
        other => other.as_i64(),
    };
    let label = match (id, value) {
        (Some(id), _) => options.get(&id).cloned(),
        (None, JsonValue::String(text)) => Some(text.clone()),
        (None, other) => Some(other.to_string()),
    };
    Some(Choice { id, label })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn field(type_id: i64, configs: JsonValue) -> FieldAnswer {
        let field = json!({"id": 1, "type_id": type_id, "is_active": true, "configs": configs});
        serde_json::from_value(field).unwrap()
    }

    fn config(is_global: bool, project_ids: JsonValue, items: &str) -> JsonValue {
        json!({
            "context": {"is_global": is_global, "project_ids": project_ids},
            "options": {"is_required": false, "items": items},
        })
    }

    fn labels(field: &FieldAnswer, project_id: i64) -> Option<Vec<String>> {
        let options = field.options(project_id)?;
        Some(options.iter().map(|(id, label)| format!("{id}={label}")).collect())
    }

    #[test]
    fn a_projects_own_choices_go_before_the_instances() {
        let field = field(
            6,
            json!([
                config(true, JsonValue::Null, "1, All"),
                config(false, json!([58, 59]), "1, Ours\n2, A, B & 🦊\r\n\n x, y\n3,"),
            ]),
        );
        assert_eq!(labels(&field, 59).unwrap(), ["1=Ours", "2=A, B & 🦊", "3="]);
        assert_eq!(labels(&field, 1).unwrap(), ["1=All"]);
    }

    #[test]
    fn a_field_without_choices_or_of_other_projects_has_none() {
        let other = field(6, json!([config(false, json!([4]), "1, A")]));
        assert_eq!(labels(&other, 59), None);
        assert_eq!(labels(&field(5, json!([config(true, json!([]), "1, A")])), 59), None);
        assert_eq!(labels(&field(12, JsonValue::Null), 59), None);
        assert_eq!(labels(&field(12, json!([{"context": {"is_global": true}}])), 59), Some(vec![]));
    }

    /// A multi-select field with one item.
    fn choices(label: &str) -> Choices {
        let options = BTreeMap::from([(1, label.to_owned())]);
        let field = ChoiceField { is_multiple: true, options };
        Choices(BTreeMap::from([("custom_a".into(), field)]))
    }

    #[test]
    fn choices_are_named_and_what_is_unknown_is_kept() {
        let fields = choices("One");
        let chosen = |value: JsonValue| {
            let custom: Custom = serde_json::from_value(json!({"custom_a": value})).unwrap();
            let Chosen { choices, .. } = fields.of(&custom).next().unwrap();
            choices.into_iter().map(|Choice { id, label }| (id, label)).collect::<Vec<_>>()
        };
        let one = || (Some(1), Some("One".to_owned()));
        assert_eq!(chosen(json!(1)), [one()]);
        assert_eq!(chosen(json!("1")), [one()]);
        assert_eq!(chosen(json!([1, 9, null])), [one(), (Some(9), None)]);
        assert_eq!(chosen(json!("Later")), [(None, Some("Later".into()))]);
        assert_eq!(chosen(json!(true)), [(None, Some("true".into()))]);
        assert_eq!(chosen(json!([])), []);
        assert_eq!(chosen(json!(null)), []);
        let nothing = Chosen { field: "custom_a", most: 1, choices: vec![] };
        assert_eq!(fields.of(&Custom::default()).next().unwrap(), nothing);
    }

    #[test]
    fn the_fingerprint_follows_the_labels() {
        let of = |label| choices(label).fingerprint();
        assert_eq!(of("One"), of("One"));
        assert_ne!(of("One"), of("Two"));
    }

    /// Definitions that TestRail Cloud sent.
    #[test]
    fn recorded_definitions_are_read() {
        let Some(body) = crate::shared::body("case-fields.json") else { return };
        let fields: Vec<FieldAnswer> = serde_json::from_str(&body).unwrap();
        assert_eq!(fields.len(), 4);
        assert!(fields.iter().all(|field| field.is_active && field.type_id == Some(MULTI_SELECT)));
        let ours = fields.iter().filter(|field| field.options(9).is_some()).count();
        assert_eq!(ours, 2);
    }
}
