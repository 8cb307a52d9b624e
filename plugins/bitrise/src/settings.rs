// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! What a project's settings say.

use serde::Deserialize;
use test_dashboard_sdk::{Context, Failure};

/// A project's settings, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The slugs of the apps: at least one, each once, in the order of the settings.
    pub app_slugs: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Given {
    app_slugs: Option<Vec<String>>,
    app_slug: Option<String>,
}

impl Settings {
    /// # Errors
    ///
    /// A setting that is missing or makes no sense.
    pub fn of(context: &Context) -> Result<Self, Failure> {
        let project = &context.project;
        let (name, given) = match context.settings()? {
            Given { app_slugs: Some(slugs), app_slug: None } => ("app-slugs", slugs),
            Given { app_slugs: None, app_slug: Some(slug) } => ("app-slug", vec![slug]),
            Given { app_slugs: None, app_slug: None } => {
                return Err(Failure::config(format!(
                    "project {project}: name its Bitrise apps with app-slugs, such as [\"a2b473cfa869c525\"]"
                )));
            }
            Given { app_slugs: Some(_), app_slug: Some(_) } => {
                return Err(Failure::config(format!(
                    "project {project}: it has app-slugs and app-slug: name all apps with app-slugs"
                )));
            }
        };
        if given.is_empty() {
            return Err(Failure::config(format!(
                "project {project}: its setting app-slugs is an empty list: name an app"
            )));
        }
        let mut app_slugs: Vec<String> = Vec::new();
        for slug in given {
            if !is_slug(&slug) {
                return Err(Failure::config(format!(
                    "project {project}: its setting {name} has {slug:?}: expected the last part of an app's address, such as a2b473cfa869c525"
                )));
            }
            if !app_slugs.contains(&slug) {
                app_slugs.push(slug);
            }
        }
        Ok(Settings { app_slugs })
    }
}

/// Slugs are hexadecimal, or UUIDs in newer workspaces; they become a part of a path and of a
/// partition's name.
fn is_slug(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    (1..=100).contains(&text.len()) && text.chars().all(fits)
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use test_dashboard_sdk::FailureKind;
    use test_dashboard_sdk::testing::{self, FakeHttp, Reply};

    use super::*;

    fn slugs(json: serde_json::Value) -> Result<Vec<String>, Failure> {
        let context = testing::context(&FakeHttp::serve(|_| Reply::empty(500)), json);
        Settings::of(&context).map(|settings| settings.app_slugs)
    }

    #[test]
    fn one_app_or_a_list_of_them() {
        assert_eq!(slugs(json!({"app-slug": "a2b4"})).unwrap(), ["a2b4"]);
        let list = json!({"app-slugs": ["b", "8d9fa5f8-06d6-4a02-b0a4-8d1c6a3a5f9d", "b"]});
        assert_eq!(slugs(list).unwrap(), ["b", "8d9fa5f8-06d6-4a02-b0a4-8d1c6a3a5f9d"]);
    }

    #[test]
    fn what_names_no_app_is_refused_before_any_request() {
        for (bad, says) in [
            (json!({}), "name its Bitrise apps"),
            (json!({"app-slugs": []}), "empty list"),
            (json!({"app-slugs": ["a"], "app-slug": "b"}), "name all apps with app-slugs"),
            (json!({"app-slugs": ["a", "../b"]}), "app-slugs has \"../b\""),
            (json!({"app-slug": ""}), "app-slug has \"\""),
            (json!({"app-slug": "https://app.bitrise.io/app/a"}), "expected the last part"),
            (json!({"app-slugs": [7]}), "app-slugs[0]"),
        ] {
            let failure = slugs(bad).unwrap_err();
            assert_eq!(failure.kind, FailureKind::Config);
            assert!(failure.message.contains(says), "{failure}");
        }
    }
}
