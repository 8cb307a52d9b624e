// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! `${NAME}` and `${NAME:-default}` in configuration values.

use std::collections::HashMap;

use serde::Deserialize;

/// The environment variables that values may refer to: the process's, or a test's.
#[derive(Debug, Clone, Default)]
pub struct Environment(HashMap<String, String>);

impl Environment {
    /// The variables of this process. One that is not Unicode counts as not set.
    pub fn of_process() -> Self {
        let unicode = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        Environment(std::env::vars_os().filter_map(unicode).collect())
    }

    /// A variable's value, unless it is empty: a workflow passes what it lacks as an empty one.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Exactly these variables.
    pub fn of<const N: usize>(variables: [(&str, &str); N]) -> Self {
        Environment(variables.map(|(name, value)| (name.to_string(), value.to_string())).into())
    }
}

/// Why a value could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VariableError {
    /// The variable is not set, or empty: a workflow passes a missing secret as an empty one.
    #[error("the environment variable {0} is not set (or empty)")]
    NotSet(String),
    /// `${` without its `}`, or a name that is none.
    #[error("{0:?} is not a variable: write ${{NAME}} or ${{NAME:-default}}")]
    Malformed(String),
}

/// A text that may refer to variables. Its `Debug` shows the text, never the values.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Template(pub String);

impl Template {
    /// The text with every variable replaced. `$$` stands for one dollar sign.
    ///
    /// # Errors
    ///
    /// [`VariableError`] names the first variable that is not set.
    pub fn resolve(&self, environment: &Environment) -> Result<String, VariableError> {
        replace(&self.0, environment)
    }

    /// The variables that the text needs and that are not set, in their order.
    pub fn wanted(&self, environment: &Environment) -> Vec<String> {
        let mut environment = environment.clone();
        let mut wanted = Vec::new();
        while let Err(VariableError::NotSet(name)) = self.resolve(&environment) {
            environment.0.insert(name.clone(), "set".into());
            wanted.push(name);
        }
        wanted
    }

    /// Whether the text refers to any variable.
    pub fn has_variable(&self) -> bool {
        self.0.replace("$$", "").contains("${")
    }
}

/// Replaces the variables in every string of a JSON value.
pub(super) fn replace_in(
    value: &mut serde_json::Value,
    environment: &Environment,
) -> Result<(), VariableError> {
    match value {
        serde_json::Value::String(text) => *text = replace(text, environment)?,
        serde_json::Value::Array(items) => {
            for item in items {
                replace_in(item, environment)?;
            }
        }
        serde_json::Value::Object(members) => {
            for member in members.values_mut() {
                replace_in(member, environment)?;
            }
        }
        _ => {}
    }
    Ok(())
}

/// Replaces the variables in a text; `$$` stands for one dollar sign.
pub(super) fn replace(text: &str, environment: &Environment) -> Result<String, VariableError> {
    replace_as(text, environment, false)
}

/// Replaces the variables in a JSON path: only `${` begins one, any other dollar sign is the path's.
pub(super) fn replace_in_path(
    text: &str,
    environment: &Environment,
) -> Result<String, VariableError> {
    replace_as(text, environment, true)
}

fn replace_as(
    text: &str,
    environment: &Environment,
    is_path: bool,
) -> Result<String, VariableError> {
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        result.push_str(before);
        if is_path && !after.starts_with('{') {
            result.push('$');
            rest = after;
            continue;
        }
        if let Some(after) = after.strip_prefix('$') {
            result.push('$');
            rest = after;
            continue;
        }
        let malformed = || VariableError::Malformed(format!("${}", first_word(after)));
        let inside = after.strip_prefix('{').ok_or_else(malformed)?;
        let (inside, after) = inside.split_once('}').ok_or_else(malformed)?;
        let (name, default) = match inside.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (inside, None),
        };
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            return Err(malformed());
        }
        let value = environment.get(name);
        result.push_str(value.or(default).ok_or_else(|| VariableError::NotSet(name.to_string()))?);
        rest = after;
    }
    result.push_str(rest);
    Ok(result)
}

fn first_word(text: &str) -> String {
    text.split_whitespace().next().unwrap_or_default().chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(text: &str) -> Result<String, VariableError> {
        let environment = Environment::of([("HOST", "db.example"), ("EMPTY", "")]);
        Template(text.into()).resolve(&environment)
    }

    #[test]
    fn variables_defaults_and_dollars() {
        assert_eq!(resolve("a ${HOST}:${PORT:-5432} b").unwrap(), "a db.example:5432 b");
        assert_eq!(resolve("${EMPTY:-x}").unwrap(), "x");
        assert_eq!(resolve("$$5 $${HOST}").unwrap(), "$5 ${HOST}");
        assert_eq!(resolve("").unwrap(), "");
    }

    #[test]
    fn an_unset_or_empty_variable_is_named() {
        for name in ["PORT", "EMPTY"] {
            let error = resolve(&format!("x${{{name}}}")).unwrap_err();
            assert_eq!(error, VariableError::NotSet(name.into()));
        }
    }

    #[test]
    fn what_is_wanted_is_every_variable_without_a_value_or_a_default() {
        let environment = Environment::of([("HOST", "db.example"), ("EMPTY", "")]);
        let wanted = |text: &str| Template(text.into()).wanted(&environment);
        assert_eq!(wanted("${A}@${HOST}:${PORT:-1}/${EMPTY}?${A}"), ["A", "EMPTY"]);
        assert_eq!(wanted("$${A}"), [""; 0]);
    }

    #[test]
    fn a_json_path_keeps_its_dollar_signs() {
        let environment = Environment::of([("FIELD", "email")]);
        let replaced = |text| replace_in_path(text, &environment).unwrap();
        assert_eq!(replaced("$..${FIELD}"), "$..email");
        assert_eq!(replaced("$.a[?@.b == '$']"), "$.a[?@.b == '$']");
    }

    #[test]
    fn what_looks_like_a_variable_and_is_none_is_refused() {
        for text in ["$HOST", "${HOST", "${}", "${a b}", "100$"] {
            assert!(matches!(resolve(text), Err(VariableError::Malformed(_))), "{text}");
        }
    }
}
