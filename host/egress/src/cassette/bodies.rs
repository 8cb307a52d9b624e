// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Bodies in files of their own, beside the recording that names them.
//!
//! A review of a recording is about what was asked and what came, not about megabytes of it,
//! and a version control that compares such bodies line by line helps nobody. So a large body
//! goes to `bodies/DIGEST.body`, and the recording's `content` names it in `_file`, as other
//! writers of HAR files do. The name is made of the contents, so equal bodies are one file,
//! and recordings in one folder share them.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use bytes::Bytes;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use test_dashboard_files::folder_of;

use super::file::write_whole;
use crate::without_byte_order_mark;

/// How many digits of its SHA-256 a body's file is named after: enough to tell the bodies of
/// one folder apart.
const DIGITS: usize = 16;
const FOLDER: &str = "bodies";
const SUFFIX: &str = ".body";
/// Keeps git from comparing the bodies, and from changing their line ends.
const ATTRIBUTES: &str = "*.body -diff -text\n";

/// A body that goes to a file of its own.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Attached {
    /// Its path, below the recording's folder.
    pub name: String,
    pub body: Bytes,
}

impl Attached {
    pub(super) fn new(body: Bytes) -> Self {
        let digest = format!("{:x}", Sha256::digest(&body));
        Attached { name: format!("{FOLDER}/{}{SUFFIX}", &digest[..DIGITS]), body }
    }
}

/// Writes bodies below `folder`, and gives the files that were not there before.
///
/// # Errors
///
/// The system's; then none of them is left.
pub(super) fn write(folder: &Path, bodies: &[Attached]) -> std::io::Result<Vec<PathBuf>> {
    let mut new = Vec::new();
    if bodies.is_empty() {
        return Ok(new);
    }
    let attributes = Attached {
        name: format!("{FOLDER}/.gitattributes"),
        body: Bytes::from_static(ATTRIBUTES.as_bytes()),
    };
    for Attached { name, body } in std::iter::once(&attributes).chain(bodies) {
        let path = folder.join(name);
        if test_dashboard_files::read(&path, test_dashboard_files::RECORDED)
            .is_ok_and(|present| present == *body)
        {
            continue;
        }
        let is_new = !path.exists();
        if let Err(error) = write_whole(&path, body) {
            remove(&new);
            return Err(error);
        }
        if is_new {
            new.push(path);
        }
    }
    Ok(new)
}

/// Removes files; one that stays is no harm.
pub(super) fn remove(files: &[PathBuf]) {
    for file in files {
        if let Err(error) = std::fs::remove_file(file) {
            tracing::debug!("{} stays: {error}", file.display());
        }
    }
}

/// Reads the body that a recording in `folder` names.
///
/// # Errors
///
/// The name leads out of the folder, or the file is missing, too large or cannot be read.
pub(super) fn read(folder: &Path, name: &str) -> Result<Bytes, String> {
    let relative = Path::new(name);
    let is_plain = relative.components().all(|part| matches!(part, Component::Normal(_)));
    if !is_plain || name.is_empty() || name.contains('\\') {
        return Err(format!(
            "its body is in {name:?}, which is not a path below the recording's folder"
        ));
    }
    let cannot = |error: std::io::Error| {
        let advice = match error.kind() {
            std::io::ErrorKind::NotFound => ": it belongs to the recording, commit both",
            _ => "",
        };
        format!("its body is in {name}, which cannot be read: {error}{advice}")
    };
    let path = folder.join(relative).canonicalize().map_err(cannot)?;
    if !path.starts_with(folder.canonicalize().map_err(cannot)?) {
        return Err(format!("its body is in {name}, which is outside the recording's folder"));
    }
    test_dashboard_files::read(&path, test_dashboard_files::RECORDED)
        .map(Bytes::from)
        .map_err(cannot)
}

/// A recording, as far as it is about files of bodies: HAR's own structures do not know them.
#[derive(Deserialize)]
struct Naming {
    log: NamingLog,
}

#[derive(Deserialize)]
struct NamingLog {
    entries: Vec<NamingEntry>,
}

#[derive(Deserialize)]
struct NamingEntry {
    response: Option<NamingResponse>,
}

#[derive(Deserialize)]
struct NamingResponse {
    content: Option<NamingContent>,
}

#[derive(Deserialize)]
struct NamingContent {
    _file: Option<String>,
}

/// The names of bodies that a recording has, entry by entry.
///
/// # Errors
///
/// It is no recording.
pub(super) fn names(recording: &[u8]) -> Result<Vec<Option<String>>, serde_json::Error> {
    let recording: Naming = serde_json::from_slice(recording)?;
    let name = |entry: NamingEntry| entry.response?.content?._file;
    Ok(recording.log.entries.into_iter().map(name).collect())
}

/// The names of bodies that the file of a recording has; none when it is no recording.
pub(super) fn names_of(path: &Path) -> Option<BTreeSet<String>> {
    let bytes = test_dashboard_files::read(path, test_dashboard_files::RECORDED).ok()?;
    Some(names(without_byte_order_mark(&bytes)).ok()?.into_iter().flatten().collect())
}

/// Removes those of the `former` bodies of a recording that no recording in its folder names
/// any more. While one of these cannot be read nothing is removed, for it may name them all.
pub(super) fn tidy(recording: &Path, former: &BTreeSet<String>) {
    if former.is_empty() {
        return;
    }
    let folder = folder_of(recording);
    let Some(named) = named_in(folder) else {
        tracing::warn!(
            "cannot clean up the bodies of the previous {}: a recording beside it cannot be read",
            recording.display()
        );
        return;
    };
    let gone = former.difference(&named).filter(|name| is_own(name));
    remove(&gone.map(|name| folder.join(name)).collect::<Vec<_>>());
    if named.is_empty() {
        remove(&[folder.join(FOLDER).join(".gitattributes")]);
        // Fails where something else is in it, which then stays.
        let _ = std::fs::remove_dir(folder.join(FOLDER));
    }
}

/// What all recordings in a folder name; none when one of them cannot be read.
fn named_in(folder: &Path) -> Option<BTreeSet<String>> {
    let mut named = BTreeSet::new();
    for entry in std::fs::read_dir(folder).ok()? {
        let path = entry.ok()?.path();
        if path.extension().is_some_and(|extension| extension == "har") {
            named.extend(names_of(&path)?);
        }
    }
    Some(named)
}

/// Whether a file has a name that only this module gives: another may be a person's own.
fn is_own(name: &str) -> bool {
    let digest = name
        .strip_prefix(FOLDER)
        .and_then(|name| name.strip_prefix('/'))
        .and_then(|name| name.strip_suffix(SUFFIX));
    digest.is_some_and(|digest| {
        digest.len() == DIGITS && digest.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn recording(path: &Path, bodies: &[&Attached]) {
        let entries: Vec<Value> = bodies
            .iter()
            .map(|body| json!({"response": {"content": {"_file": body.name}}}))
            .collect();
        std::fs::write(path, json!({"log": {"entries": entries}}).to_string()).unwrap();
    }

    #[test]
    fn a_body_is_read_from_below_the_folder_and_from_nowhere_else() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("fenix");
        std::fs::create_dir_all(inner.join("bodies")).unwrap();
        std::fs::write(inner.join("bodies/a.body"), "inside").unwrap();
        std::fs::write(folder.path().join("secret"), "outside").unwrap();
        std::os::unix::fs::symlink("../../secret", inner.join("bodies/link.body")).unwrap();
        assert_eq!(read(&inner, "bodies/a.body").unwrap(), "inside");
        let absolute = folder.path().join("secret").display().to_string();
        for (name, reason) in [
            ("../secret", "not a path below"),
            ("bodies/../../secret", "not a path below"),
            ("./bodies/a.body", "not a path below"),
            ("..\\secret", "not a path below"),
            ("", "not a path below"),
            (absolute.as_str(), "not a path below"),
            ("bodies/link.body", "outside the recording"),
            ("bodies", "not a regular file"),
            ("bodies/b.body", "commit both"),
        ] {
            let error = read(&inner, name).unwrap_err();
            assert!(
                error.starts_with("its body is in ") && error.contains(reason),
                "{name}: {error}"
            );
        }
    }

    #[test]
    fn a_file_that_is_larger_than_any_body_is_not_read_into_memory() {
        let folder = tempfile::tempdir().unwrap();
        let file = std::fs::File::create(folder.path().join("large")).unwrap();
        file.set_len(test_dashboard_files::RECORDED + 1).unwrap();
        assert!(read(folder.path(), "large").unwrap_err().contains("more than 256 MiB"));
    }

    #[test]
    fn bodies_that_another_recording_names_stay() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let [shared, gone] =
            ["shared", "gone"].map(|text| Attached::new(Bytes::from_static(text.as_bytes())));
        let own = Attached { name: "bodies/my-own.body".into(), body: Bytes::new() };
        write(folder.path(), &[Attached::new(gone.body.clone())]).unwrap();
        let former = [&shared, &gone, &own].map(|body| body.name.clone()).into();
        for body in [&shared, &own] {
            write(folder.path(), std::slice::from_ref(body)).unwrap();
        }
        recording(&path("issues.har"), &[]);
        recording(&path("releases.har"), &[&shared]);

        std::fs::write(path("broken.har"), "half of").unwrap();
        tidy(&path("issues.har"), &former);
        assert!(path(&gone.name).exists(), "the broken recording may name it");

        std::fs::remove_file(path("broken.har")).unwrap();
        tidy(&path("issues.har"), &former);
        assert!(!path(&gone.name).exists());
        assert!(path(&shared.name).exists() && path(&own.name).exists());

        std::fs::remove_file(path(&own.name)).unwrap();
        recording(&path("releases.har"), &[]);
        tidy(&path("releases.har"), &former);
        assert!(!path("bodies").exists(), "an empty folder goes, too");
    }
}
