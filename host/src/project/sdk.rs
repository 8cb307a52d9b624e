// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The SDK as a folder of an author's project.
//!
//! The SDK is not published, and a project must not point into this repository: so the
//! sources go with it, under `vendor/test-dashboard-sdk/`, with manifests that inherit from no
//! workspace, and without the SDK's own tests.

use std::collections::HashMap;

use anyhow::Context as _;

use super::embedded;
use super::template::Files;

/// Where the SDK is in a project.
const FOLDER: &str = "vendor/test-dashboard-sdk";
/// Where the contract's files are, for the SDK's bindings: here and in a project.
const CONTRACT: [&str; 2] = ["../../wit/0.1.0", "../../wit/deps/testops-datasource"];

/// The SDK's files.
///
/// # Errors
///
/// When a manifest inherits what the workspace does not have.
pub fn files() -> anyhow::Result<Files> {
    let sources = |folder: &str, files: &[(&str, &str)]| -> Vec<(String, String)> {
        let of_project = |(path, text): &(&str, &str)| {
            (format!("{folder}/src/{path}"), without_tests(text).replace(CONTRACT[0], CONTRACT[1]))
        };
        files.iter().map(of_project).collect()
    };
    let derive = format!("{FOLDER}/derive");
    let mut files = Files::from([
        (format!("{FOLDER}/Cargo.toml"), standalone(embedded::SDK_MANIFEST)?),
        (format!("{derive}/Cargo.toml"), standalone(embedded::SDK_DERIVE_MANIFEST)?),
        (format!("{FOLDER}/LICENSE"), embedded::LICENCE.to_owned()),
    ]);
    files.extend(sources(FOLDER, embedded::SDK));
    files.extend(sources(&derive, embedded::SDK_DERIVE));
    Ok(files)
}

/// A source without its tests, which stand at its end.
fn without_tests(source: &str) -> &str {
    source.split_once("\n#[cfg(test)]\nmod tests {\n").map_or(source, |(code, _)| code)
}

/// A manifest in which every `KEY.workspace = true` is the workspace's own line, and without
/// the lints, which are this repository's.
fn standalone(manifest: &str) -> anyhow::Result<String> {
    let inherited = workspace_lines();
    let mut lines = Vec::new();
    let mut section = "";
    for line in manifest.lines() {
        if line.starts_with('[') {
            section = if line == "[package]" {
                "[workspace.package]"
            } else {
                "[workspace.dependencies]"
            };
        }
        match line.strip_suffix(".workspace = true") {
            Some(key) => {
                lines.push(*inherited.get(&(section, key)).with_context(|| {
                    format!("the workspace's manifest has no {key} in {section}")
                })?)
            }
            None => lines.push(line),
        }
    }
    let text = lines.join("\n");
    let text = text.strip_suffix("\n\n[lints]\nworkspace = true").unwrap_or(&text);
    Ok(format!("{text}\n"))
}

/// The workspace's lines of the form `KEY = …`, by section and key.
fn workspace_lines() -> HashMap<(&'static str, &'static str), &'static str> {
    let mut section = "";
    let mut lines = HashMap::new();
    for line in embedded::WORKSPACE_MANIFEST.lines() {
        if line.starts_with('[') {
            section = line;
        } else if let Some((key, _)) = line.split_once(" = ") {
            lines.insert((section, key), line);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn manifests_stand_alone() {
        let files = files().unwrap();
        for path in ["Cargo.toml", "derive/Cargo.toml"] {
            let text = &files[&format!("{FOLDER}/{path}")];
            assert!(!text.contains("workspace"), "{text}");
            let manifest: toml::Table = text.parse().unwrap();
            assert_eq!(manifest["package"]["edition"].as_str(), Some("2024"));
            assert_eq!(manifest["package"]["license"].as_str(), Some("MPL-2.0"));
        }
        let manifest: toml::Table = files[&format!("{FOLDER}/Cargo.toml")].parse().unwrap();
        let derive = &manifest["dependencies"]["test-dashboard-sdk-derive"];
        assert_eq!(derive["path"].as_str(), Some("derive"));
        assert!(manifest["dependencies"]["serde"]["version"].is_str());
    }

    #[test]
    fn an_unknown_inheritance_is_told() {
        let error = standalone("[package]\nnonsense.workspace = true\n").unwrap_err();
        assert!(error.to_string().contains("no nonsense in [workspace.package]"), "{error}");
    }

    #[test]
    fn sources_go_without_their_tests_and_lose_nothing_else() {
        for (path, text) in embedded::SDK.iter().chain(embedded::SDK_DERIVE) {
            let code = without_tests(text);
            assert!(!code.contains("#[cfg(test)]"), "{path}");
            let tests = &text[code.len()..];
            // The module of tests ends where the file does: nothing stands after it.
            assert!(tests.is_empty() || tests.find("\n}\n") == Some(tests.len() - 3), "{path}");
        }
        let files = files().unwrap();
        let guest = &files[&format!("{FOLDER}/src/guest/mod.rs")];
        assert!(guest.contains(CONTRACT[1]) && !guest.contains(CONTRACT[0]));
    }
}
