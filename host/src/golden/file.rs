// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Golden files: JSON lines, made to be read in a review.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use serde_json::ser::Formatter;
use test_dashboard_files::Prepared;
use test_dashboard_model::Table;
use test_dashboard_model::text::is_visible;

use super::GoldenRow;
use crate::fixtures::entries;

/// One line of JSON with room to breathe, in which every character shows: what steers a
/// terminal or turns the direction of text is written as an escape.
struct Readable;

impl Formatter for Readable {
    fn begin_array_value<W: ?Sized + io::Write>(
        &mut self,
        to: &mut W,
        first: bool,
    ) -> io::Result<()> {
        if first { Ok(()) } else { to.write_all(b", ") }
    }

    fn begin_object_key<W: ?Sized + io::Write>(
        &mut self,
        to: &mut W,
        first: bool,
    ) -> io::Result<()> {
        if first { Ok(()) } else { to.write_all(b", ") }
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, to: &mut W) -> io::Result<()> {
        to.write_all(b": ")
    }

    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        to: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        for character in fragment.chars() {
            if is_visible(character) {
                write!(to, "{character}")?;
            } else {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    write!(to, "\\u{unit:04x}")?;
                }
            }
        }
        Ok(())
    }
}

/// A value as golden files have it, in one line.
///
/// # Errors
///
/// When the value cannot be JSON, which no row's value is.
pub fn text(value: &impl serde::Serialize) -> anyhow::Result<String> {
    let mut bytes = Vec::new();
    value.serialize(&mut serde_json::Serializer::with_formatter(&mut bytes, Readable))?;
    Ok(String::from_utf8(bytes)?)
}

/// Reads a golden file; none when it is not there.
///
/// # Errors
///
/// When it cannot be read; or the line that is no row of the table, lacks a part of its key,
/// or repeats another line's.
pub fn read(path: &Path, table: &Table) -> anyhow::Result<Option<Vec<GoldenRow>>> {
    let text = match test_dashboard_files::read_text(path, test_dashboard_files::RECORDED) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).context(format!("cannot read {}", path.display())),
    };
    let mut rows: Vec<(usize, GoldenRow)> = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let object = serde_json::from_str(line)
            .with_context(|| format!("{}:{number} is no JSON object", path.display()))?;
        let row = GoldenRow::of_object(table, object).map_err(|column| {
            anyhow::anyhow!(
                "{}:{number} has no column {column}, which is part of the key",
                path.display()
            )
        })?;
        rows.push((number, row));
    }
    rows.sort_by(|(_, a), (_, b)| a.by_key(b));
    for pair in rows.windows(2) {
        if let [(first, a), (second, b)] = pair
            && a.by_key(b).is_eq()
        {
            bail!("{}:{second} has the same key as line {first}", path.display());
        }
    }
    Ok(Some(rows.into_iter().map(|(_, row)| row).collect()))
}

/// Writes a golden file, whole or not at all, unless it has this content already. Tells
/// whether it was written.
///
/// # Errors
///
/// When it cannot be written.
pub fn write(path: &Path, rows: &[GoldenRow]) -> anyhow::Result<bool> {
    let mut content = String::new();
    for row in rows {
        content.push_str(&text(row)?);
        content.push('\n');
    }
    if test_dashboard_files::read(path, test_dashboard_files::RECORDED)
        .is_ok_and(|present| present == content.as_bytes())
    {
        return Ok(false);
    }
    Prepared::new(path, content.as_bytes())?.commit()?;
    Ok(true)
}

/// The golden files of a fixtures' folder that none of `expected` is: of a fixture that is
/// gone, or of a table that its report does not fill any more. Sorted.
///
/// # Errors
///
/// When a folder cannot be read.
pub fn leftovers(folder: &Path, expected: &BTreeSet<PathBuf>) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for project in entries(folder)?.into_iter().filter(|path| path.is_dir()) {
        let golden = entries(&project)?.into_iter().filter(|path| is_golden(path));
        found.extend(golden.filter(|path| !expected.contains(path)));
    }
    found.sort();
    Ok(found)
}

/// `REPORT.TABLE.jsonl`.
fn is_golden(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.strip_suffix(".jsonl").is_some_and(|stem| stem.split('.').count() == 2)
}

#[cfg(test)]
mod tests {
    use super::super::row::tests::{delivered, table};
    use super::*;

    fn file() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.guest_rows.jsonl");
        (folder, path)
    }

    #[test]
    fn what_was_written_is_read_back_and_left_alone_when_it_is_the_same() {
        let (_folder, path) = file();
        assert_eq!(read(&path, &table()).unwrap(), None);
        let rows = delivered(&[(2, "b", Some("naïve 🐞")), (1, "a", None)]);
        assert!(write(&path, &rows).unwrap());
        assert_eq!(
            std::fs::read_to_string(&path).unwrap(),
            "{\"id\": 1, \"name\": \"a\", \"note\": null, \"data\": \"AP8=\"}\n\
             {\"id\": 2, \"name\": \"b\", \"note\": \"naïve 🐞\", \"data\": \"AP8=\"}\n"
        );
        assert_eq!(read(&path, &table()).unwrap(), Some(rows.clone()));
        assert!(!write(&path, &rows).unwrap());
        assert!(write(&path, &[]).unwrap());
        assert_eq!(read(&path, &table()).unwrap(), Some(Vec::new()));
    }

    #[test]
    fn no_character_hides_in_a_file() {
        let (_folder, path) = file();
        let note = "a\u{1b}[2J\n\u{7f}\u{9b}\u{202e}\u{2028}\"\\z";
        let rows = delivered(&[(1, "a", Some(note))]);
        write(&path, &rows).unwrap();
        let content = std::fs::read_to_string(&path).unwrap();
        assert!(content.contains(r#""a\u001b[2J\n\u007f\u009b\u202e\u2028\"\\z""#), "{content}");
        assert_eq!(read(&path, &table()).unwrap(), Some(rows));
    }

    #[test]
    fn lines_that_are_no_rows_are_told_with_their_number() {
        let (_folder, path) = file();
        let row = r#"{"id": 1, "name": "a"}"#;
        for (content, says) in [
            (format!("{row}\n[1]\n"), "guest_rows.jsonl:2 is no JSON object"),
            (format!("{row}\n\n"), "guest_rows.jsonl:2 is no JSON object"),
            (r#"{"name": "a"}"#.to_string(), ":1 has no column id, which is part of the key"),
            (format!("{row}\n{row}\n"), ":2 has the same key as line 1"),
        ] {
            std::fs::write(&path, content).unwrap();
            let error = read(&path, &table()).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
    }

    #[test]
    fn leftovers_are_golden_files_that_belong_to_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let project = folder.path().join("fenix");
        std::fs::create_dir(&project).unwrap();
        let [here, gone] = ["rows.guest_rows.jsonl", "rows.guest_gone.jsonl"].map(|name| {
            std::fs::write(project.join(name), "").unwrap();
            project.join(name)
        });
        std::fs::write(project.join("notes.jsonl"), "").unwrap();
        std::fs::write(project.join("rows.har"), "").unwrap();
        assert_eq!(leftovers(folder.path(), &BTreeSet::from([here])).unwrap(), [gone]);
    }
}
