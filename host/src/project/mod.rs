// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! A plugin's project: what `plugin new` writes and `plugin build` builds.
//!
//! | File | What it decides |
//! |---|---|
//! | [`template`] | which files a new project has, and how they are written: all or none |
//! | `sdk`, `lock` | how this repository's SDK and its versions become an author's |
//! | [`component`] | how what a compiler made becomes a component |
//! | [`rust`], [`python`], [`javascript`] | how each language is built, and what it takes |
//! | `toolchain`, `wit` | tools that may be missing or other than expected; a project's interfaces |
//!
//! The files themselves are in `templates/`, and embedded in the binary by `build.rs`.

pub mod component;
mod embedded;
pub mod javascript;
mod lock;
pub mod python;
pub mod rust;
mod sdk;
pub mod template;
mod toolchain;
mod wit;

use std::fmt;
use std::path::Path;

use crate::usage_error::UsageError;

/// What a plugin is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Language {
    /// Rust, with the SDK.
    Rust,
    /// Python, with componentize-py.
    Python,
    /// JavaScript, with componentize-js.
    #[value(name = "javascript")]
    JavaScript,
}

impl Language {
    const ALL: [Language; 3] = [Language::Rust, Language::Python, Language::JavaScript];

    /// The file by which a project of this language is known.
    pub fn manifest(self) -> &'static str {
        match self {
            Language::Rust => "Cargo.toml",
            Language::Python => "pyproject.toml",
            Language::JavaScript => "package.json",
        }
    }

    /// The language of the project in a folder.
    ///
    /// # Errors
    ///
    /// [`UsageError`] when there is no project, or more than one could be meant.
    pub fn of(folder: &Path) -> Result<Language, UsageError> {
        let there = |language: &Language| folder.join(language.manifest()).is_file();
        let found: Vec<Language> = Self::ALL.into_iter().filter(there).collect();
        match found.as_slice() {
            [language] => Ok(*language),
            [] => Err(UsageError::new(format!(
                "there is no plugin in {}: none of {} is there; name the folder of a plugin, or create one with `test-dashboard plugin new NAME`",
                folder.display(),
                Self::ALL.map(Language::manifest).join(", ")
            ))),
            several => Err(UsageError::new(format!(
                "{} could be a plugin in several languages: it has {}; keep one of them",
                folder.display(),
                several.iter().map(|l| l.manifest()).collect::<Vec<_>>().join(" and ")
            ))),
        }
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Language::Rust => "Rust",
            Language::Python => "Python",
            Language::JavaScript => "JavaScript",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_is_that_of_the_one_manifest() {
        let folder = tempfile::tempdir().unwrap();
        let error = Language::of(folder.path()).unwrap_err().to_string();
        assert!(error.contains("none of Cargo.toml, pyproject.toml, package.json"), "{error}");
        std::fs::write(folder.path().join("package.json"), "{}").unwrap();
        assert_eq!(Language::of(folder.path()), Ok(Language::JavaScript));
        std::fs::write(folder.path().join("Cargo.toml"), "").unwrap();
        let error = Language::of(folder.path()).unwrap_err().to_string();
        assert!(error.contains("it has Cargo.toml and package.json"), "{error}");
    }
}
