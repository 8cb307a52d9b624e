// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The recorded fixtures of a plugin: `PROJECT/REPORT.har` in a folder, and beside each the
//! rows that come of it.
//!
//! ```text
//! fixtures/
//!   fenix/
//!     issues.har                        what a run asked, and what was answered
//!     issues.resumed.har                further exchanges, for `plugin check` alone
//!     issues.github_issues.jsonl        the golden rows of one table
//!     issues.github_issue_labels.jsonl
//! ```

use std::path::{Path, PathBuf};

use anyhow::Context as _;

/// One recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fixture {
    /// The project.
    pub project: String,
    /// The report.
    pub report: String,
    /// The recording of a run.
    pub recording: PathBuf,
    /// Recordings of what the same world answers besides, sorted by name.
    pub further: Vec<PathBuf>,
}

impl Fixture {
    /// Where the golden rows of a table are.
    pub fn golden(&self, table: &str) -> PathBuf {
        self.recording.with_file_name(format!("{}.{table}.jsonl", self.report))
    }
}

/// Where recordings are, beside the configuration, when no other place is named.
pub const FOLDER: &str = "fixtures";

/// The recordings that belong to `recording`, such as `issues.resumed.har` to `issues.har`.
///
/// # Errors
///
/// When its folder is there and cannot be read.
pub fn further_of(recording: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let Some(folder) = recording.parent().filter(|folder| folder.is_dir()) else {
        return Ok(Vec::new());
    };
    let report = name(recording);
    let report = report.strip_suffix(".har").unwrap_or(&report);
    let belongs = |path: &PathBuf| {
        let file = name(path);
        file.strip_suffix(".har")
            .and_then(|stem| stem.split_once('.'))
            .is_some_and(|(owner, _)| owner == report)
    };
    Ok(entries(folder)?.into_iter().filter(belongs).collect())
}

/// All fixtures of a folder, by project and report.
///
/// # Errors
///
/// When the folder cannot be read, or holds further recordings of a run that is not there.
pub fn find(folder: &Path) -> anyhow::Result<Vec<Fixture>> {
    let mut fixtures = Vec::new();
    for project in entries(folder)?.into_iter().filter(|path| path.is_dir()) {
        fixtures.extend(of_project(&project)?);
    }
    Ok(fixtures)
}

fn of_project(folder: &Path) -> anyhow::Result<Vec<Fixture>> {
    let project = name(folder);
    let mut fixtures: Vec<Fixture> = Vec::new();
    let mut further = Vec::new();
    for path in entries(folder)? {
        let file = name(&path);
        let Some(stem) = file.strip_suffix(".har") else { continue };
        match stem.split_once('.') {
            None => fixtures.push(Fixture {
                project: project.clone(),
                report: stem.to_string(),
                recording: path,
                further: Vec::new(),
            }),
            Some((report, _)) => further.push((report.to_string(), path)),
        }
    }
    for (report, path) in further {
        let fixture = fixtures.iter_mut().find(|fixture| fixture.report == report);
        fixture
            .with_context(|| {
                format!("{} belongs to {report}.har, which is missing", path.display())
            })?
            .further
            .push(path);
    }
    Ok(fixtures)
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// What is in a folder, sorted.
///
/// # Errors
///
/// When it cannot be read.
pub(crate) fn entries(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let cannot = || format!("cannot read the folder {}", folder.display());
    let mut paths = std::fs::read_dir(folder)
        .with_context(cannot)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()
        .with_context(cannot)?;
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let path = folder.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        folder
    }

    #[test]
    fn recordings_are_found_with_what_belongs_to_them() {
        let folder = folder(&[
            "fenix/issues.har",
            "fenix/issues.full.har",
            "fenix/issues.resumed.har",
            "fenix/issues.github_issues.jsonl",
            "fenix/README.md",
            "generate.py",
            "focus/releases.har",
        ]);
        let found = find(folder.path()).unwrap();
        let told: Vec<_> = found
            .iter()
            .map(|f| (f.project.as_str(), f.report.as_str(), f.further.len()))
            .collect();
        assert_eq!(told, [("fenix", "issues", 2), ("focus", "releases", 0)]);
        let recording = &found[0].recording;
        assert_eq!(further_of(recording).unwrap(), found[0].further);
        assert_eq!(further_of(&found[1].recording).unwrap(), Vec::<PathBuf>::new());
        let nowhere = folder.path().join("nowhere/issues.har");
        assert_eq!(further_of(&nowhere).unwrap(), Vec::<PathBuf>::new());
        let golden = found[0].golden("github_issues");
        assert_eq!(golden, folder.path().join("fenix/issues.github_issues.jsonl"));
    }

    #[test]
    fn what_belongs_to_nothing_is_told() {
        let error = find(folder(&["fenix/issues.resumed.har"]).path()).unwrap_err().to_string();
        assert!(error.contains("issues.har, which is missing"), "{error}");
        let error = find(Path::new("no/such/folder")).unwrap_err().to_string();
        assert!(error.contains("no/such/folder"), "{error}");
    }
}
