// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Which views there are, and what each is made of: folders with a `view.toml` and SQL, those of
//! `views/`, which are embedded, and an operator's own. `docs/views.md` says what is in them.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Error, ErrorKind};
use std::path::Path;

use include_dir::{Dir, include_dir};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use test_dashboard_files::{WRITTEN_BY_HAND, read_text};
use test_dashboard_model::ColumnType;

use super::sql;
use crate::digest;

/// A folder for each set, and in it one for each view.
static SHIPPED: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../views");

const VIEW: &str = "view.toml";
const WORDS: &str = "words.toml";

/// The longest name that PostgreSQL has.
const LONGEST_NAME: usize = 63;

/// A view that cannot be one, and in which file.
#[derive(Debug, thiserror::Error)]
#[error("{file}: {reason}")]
pub struct WrongView {
    file: String,
    reason: String,
}

impl WrongView {
    fn new(file: impl Into<String>, reason: impl ToString) -> Self {
        WrongView { file: file.into(), reason: reason.to_string() }
    }
}

/// The views that there should be.
#[derive(Debug, Clone)]
pub struct Views {
    /// Each after those that it reads.
    views: Vec<View>,
    /// Whose own views these are; none: it is not known which there are.
    origin: Option<String>,
}

/// One view.
#[derive(Debug, Clone)]
pub(super) struct View {
    pub(super) name: String,
    pub(super) description: String,
    /// The view is the union of those whose needs are there.
    pub(super) parts: Vec<Part>,
    /// A SELECT in which `{parts}` stands for the union.
    pub(super) around: Option<String>,
    pub(super) columns: Vec<ViewColumn>,
    /// Its `view.toml`.
    pub(super) file: String,
    /// Whether it is an operator's own.
    pub(super) is_own: bool,
}

/// One SELECT of a view.
#[derive(Debug, Clone)]
pub(super) struct Part {
    /// The tables and views that it reads.
    pub(super) needs: Vec<String>,
    pub(super) select: String,
    pub(super) file: String,
}

/// A column of a view, as it is described to a person and to BigQuery.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ViewColumn {
    pub(super) name: String,
    #[serde(rename = "type")]
    pub(super) kind: ColumnType,
    pub(super) description: String,
}

/// A `view.toml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Described {
    description: String,
    around: Option<String>,
    select: Vec<Select>,
    #[serde(default)]
    columns: Vec<ViewColumn>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Select {
    needs: Vec<String>,
    sql: String,
}

/// The files of a folder by name.
type Files = BTreeMap<String, String>;
/// SQL by the word that stands for it.
type Words = BTreeMap<String, String>;

impl Part {
    /// What `{table}` stands for.
    pub(super) fn table(&self) -> &str {
        self.needs.first().map_or("", String::as_str)
    }
}

impl View {
    /// The file of its SQL, where that is one.
    pub(super) fn file(&self) -> &str {
        match &self.parts[..] {
            [part] if self.around.is_none() => &part.file,
            _ => &self.file,
        }
    }

    pub(super) fn needs(&self) -> impl Iterator<Item = &String> {
        self.parts.iter().flat_map(|part| &part.needs)
    }
}

impl Views {
    /// Those that come with the program.
    ///
    /// # Errors
    ///
    /// When one of them is wrong, which the tests exclude.
    pub fn shipped() -> Result<Views, WrongView> {
        let mut views = BTreeMap::new();
        for set in SHIPPED.dirs() {
            let words = match embedded(set)?.get(WORDS) {
                Some(text) => parse(&format!("views/{}/{WORDS}", set.path().display()), text)?,
                None => Words::new(),
            };
            for folder in set.dirs() {
                let at = format!("views/{}", folder.path().display());
                add(&mut views, View::new(&at, &embedded(folder)?, &words, false)?)?;
            }
        }
        Ok(Views { views: ordered(views)?, origin: None })
    }

    /// With those of an operator, each a folder in this one, which need not be there. A view that
    /// was made from it, and is not in it any more, is dropped; a folder with another path is
    /// another operator's.
    ///
    /// # Errors
    ///
    /// With the file, when one cannot be a view or a file cannot be read.
    pub fn with_own(self, folder: &Path) -> Result<Views, WrongView> {
        let whole = std::path::absolute(folder).map_err(|error| wrong(folder, &error))?;
        let mut views: BTreeMap<String, View> =
            self.views.into_iter().map(|view| (view.name.clone(), view)).collect();
        for (at, files) in folders(folder)? {
            add(&mut views, View::new(&at, &files, &Words::new(), true)?)?;
        }
        let mut origin = digest::hex(&[&whole.to_string_lossy()]);
        origin.truncate(16);
        Ok(Views { views: ordered(views)?, origin: Some(origin) })
    }

    /// The names of all of them, each after those that it reads.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.views.iter().map(|view| view.name.as_str())
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &View> {
        self.views.iter()
    }

    pub(super) fn origin(&self) -> Option<&str> {
        self.origin.as_deref()
    }
}

impl View {
    /// The view of a folder.
    fn new(at: &str, files: &Files, words: &Words, is_own: bool) -> Result<View, WrongView> {
        let file = format!("{at}/{VIEW}");
        let name = at.rsplit('/').next().unwrap_or(at).to_owned();
        if !is_name(&name) {
            let reason = format!(
                "a view has its folder's name, which must be lower-case letters, digits and '_', begin with a letter, and have {LONGEST_NAME} characters at the most"
            );
            return Err(WrongView::new(at, reason));
        }
        let text = files.get(VIEW).ok_or_else(|| {
            WrongView::new(at, format!("there is SQL, and no {VIEW} that says what it is"))
        })?;
        let Described { description, around, select, columns } = parse(&file, text)?;
        let refuse = |reason: String| Err(WrongView::new(&file, reason));
        if select.is_empty() {
            return refuse("there is no [[select]]".into());
        }
        if let Some(column) = columns.iter().find(|column| !is_name(&column.name)) {
            return refuse(format!("{:?} can name no column in BigQuery", column.name));
        }
        let mut unread: BTreeSet<&String> = files.keys().filter(|name| is_sql(name)).collect();
        let mut sql = |name: &String| {
            unread.remove(name);
            let text = files.get(name).filter(|_| is_sql(name)).ok_or_else(|| {
                WrongView::new(&file, format!("{name:?} is no .sql file in this folder"))
            })?;
            if let Some((line, reason)) = sql::wrong(text) {
                return Err(WrongView::new(format!("{at}/{name}:{line}"), reason));
            }
            let say = |text: String, (word, sql): (&String, &String)| {
                text.replace(&format!("{{{word}}}"), &sql.trim().replace('\n', " "))
            };
            Ok(words.iter().fold(text.clone(), say))
        };
        let around = around
            .map(|name| match sql(&name)? {
                text if text.contains("{parts}") => Ok(text),
                _ => Err(WrongView::new(format!("{at}/{name}"), "it has no {parts}")),
            })
            .transpose()?;
        let part = |Select { needs, sql: name }: Select| {
            Ok(Part { needs, select: sql(&name)?, file: format!("{at}/{name}") })
        };
        let parts = select.into_iter().map(part).collect::<Result<_, WrongView>>()?;
        if let Some(name) = unread.first() {
            return refuse(format!("{name} is in the folder, and in no [[select]]"));
        }
        Ok(View { name, description, parts, around, columns, file, is_own })
    }
}

fn is_name(text: &str) -> bool {
    let is_allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.len() <= LONGEST_NAME
        && text.chars().all(is_allowed)
}

fn is_sql(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension == "sql")
}

fn parse<T: DeserializeOwned>(file: &str, text: &str) -> Result<T, WrongView> {
    toml::from_str(text).map_err(|error: toml::de::Error| {
        let before = text.get(..error.span().map_or(0, |span| span.start)).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        WrongView::new(format!("{file}:{line}"), error.message())
    })
}

/// Adds a view to those of other folders.
fn add(views: &mut BTreeMap<String, View>, view: View) -> Result<(), WrongView> {
    if views.contains_key(&view.name) {
        let reason =
            format!("test-dashboard has a view {} of its own: choose another name", view.name);
        return Err(WrongView::new(view.file, reason));
    }
    views.insert(view.name.clone(), view);
    Ok(())
}

/// Each after those that it reads, and else by name.
fn ordered(mut views: BTreeMap<String, View>) -> Result<Vec<View>, WrongView> {
    let mut ordered = Vec::with_capacity(views.len());
    while !views.is_empty() {
        let is_ready = |view: &View| !view.needs().any(|need| views.contains_key(need));
        let is_ready: BTreeSet<String> =
            views.values().filter(|view| is_ready(view)).map(|view| view.name.clone()).collect();
        if is_ready.is_empty() {
            return Err(circle(&views));
        }
        let (ready, waiting) =
            views.into_iter().partition::<BTreeMap<_, _>, _>(|(name, _)| is_ready.contains(name));
        ordered.extend(ready.into_values());
        views = waiting;
    }
    Ok(ordered)
}

/// That these, each of which needs another one of them, read each other.
fn circle(views: &BTreeMap<String, View>) -> WrongView {
    let mut path: Vec<&View> = Vec::new();
    let mut next = views.values().next();
    while let Some(view) = next {
        if let Some(begin) = path.iter().position(|before| before.name == view.name) {
            let names: Vec<&str> = path[begin..].iter().map(|view| view.name.as_str()).collect();
            let reason = format!("it needs itself: {} → {}", names.join(" → "), view.name);
            return WrongView::new(view.file.clone(), reason);
        }
        path.push(view);
        next = view.needs().find_map(|need| views.get(need));
    }
    WrongView::new("views", "views that need each other")
}

/// The files of an embedded folder.
fn embedded(folder: &Dir<'_>) -> Result<Files, WrongView> {
    let file = |file: &include_dir::File<'_>| {
        let at = format!("views/{}", file.path().display());
        let name = file.path().file_name().unwrap_or_default().to_string_lossy().into_owned();
        let text = file.contents_utf8().ok_or_else(|| WrongView::new(at, "it is not UTF-8"))?;
        Ok((name, text.to_owned()))
    };
    folder.files().map(file).collect()
}

/// The folders of views in this one, each with its files. What is in deeper folders, and has no
/// SQL, is something else.
fn folders(folder: &Path) -> Result<Vec<(String, Files)>, WrongView> {
    let mut folders = Vec::new();
    for (name, is_folder) in entries(folder)? {
        let at = folder.join(&name);
        if !is_folder {
            if is_sql(&name) {
                return Err(wrong(&at, "SQL lies in a folder with the name of its view"));
            }
            continue;
        }
        let names: Vec<String> = entries(&at)?
            .into_iter()
            .filter(|(_, is_folder)| !is_folder)
            .map(|(name, _)| name)
            .collect();
        if !names.iter().any(|name| name == VIEW || is_sql(name)) {
            continue;
        }
        let read = |name: String| match read_text(&at.join(&name), WRITTEN_BY_HAND) {
            Ok(text) => Ok((name, text)),
            Err(error) => Err(wrong(&at.join(&name), error)),
        };
        let files = names.into_iter().filter(|name| name == VIEW || is_sql(name)).map(read);
        folders.push((at.display().to_string(), files.collect::<Result<Files, WrongView>>()?));
    }
    Ok(folders)
}

/// What is in a folder, by name, and whether it is a folder; nothing, where there is no such folder.
fn entries(folder: &Path) -> Result<BTreeMap<String, bool>, WrongView> {
    let listed = match folder.read_dir() {
        // A link that leads nowhere is there.
        Err(error) if error.kind() == ErrorKind::NotFound && folder.symlink_metadata().is_err() => {
            return Ok(BTreeMap::new());
        }
        listed => listed.map_err(|error| wrong(folder, error))?,
    };
    let entry = |entry: Result<std::fs::DirEntry, Error>| {
        let path = entry.map_err(|error| wrong(folder, error))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with('.') {
            return Ok(None);
        }
        let about = path.metadata().map_err(|error| wrong(&path, error))?;
        Ok(Some((name, about.is_dir())))
    };
    listed.map(entry).filter_map(Result::transpose).collect()
}

fn wrong(path: &Path, reason: impl ToString) -> WrongView {
    WrongView::new(path.display().to_string(), reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = include_str!("../../../../docs/views.md");

    #[test]
    fn the_page_about_views_has_each_of_them_with_every_column() {
        let views = Views::shipped().unwrap();
        for view in views.all() {
            assert!(!view.columns.is_empty(), "{} is not in BigQuery", view.name);
            let heading = format!("### `{}`\n", view.name);
            let (_, section) = PAGE.split_once(&heading).unwrap();
            let section = section.split("\n#").next().unwrap();
            assert!(section.contains(&view.description), "{}", view.name);
            let rows: Vec<&str> = section.lines().filter(|line| line.starts_with("| `")).collect();
            assert_eq!(rows.len(), view.columns.len(), "{}", view.name);
            for (row, ViewColumn { name, kind, description }) in rows.iter().zip(&view.columns) {
                let expected = format!("| `{name}` | {kind} | {description} |");
                assert!(row.starts_with(&expected), "{}: {row}\nexpected: {expected}", view.name);
            }
        }
    }

    /// A folder of views with these files.
    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        folder
    }

    fn own(files: &[(&str, &str)]) -> Result<Vec<String>, String> {
        let folder = folder(files);
        let views = Views::shipped().unwrap().with_own(folder.path());
        let views = views.map_err(|error| {
            let at = format!("{}/", folder.path().display());
            error.to_string().replace(&at, "")
        })?;
        Ok(views.all().filter(|view| view.is_own).map(|view| view.name.clone()).collect())
    }

    /// A `view.toml` of one SELECT, in `q.sql`.
    fn needing(needs: &str) -> String {
        format!("description = \"d\"\n[[select]]\nneeds = [{needs}]\nsql = \"q.sql\"\n")
    }

    const SELECT: (&str, &str) = ("a/q.sql", "SELECT 1 AS \"one\"");

    #[test]
    fn views_come_after_those_that_they_read() {
        let [a, b, c] = ["\"c\", \"projects\"", "", "\"b\", \"github_issues\""].map(needing);
        let sql = SELECT.1;
        let files = [
            ("a/view.toml", a.as_str()),
            ("a/q.sql", sql),
            ("b/view.toml", &b),
            ("b/q.sql", sql),
            ("c/view.toml", &c),
            ("c/q.sql", sql),
        ];
        assert_eq!(own(&files).unwrap(), ["b", "c", "a"]);
    }

    #[test]
    fn what_is_no_view_of_an_operators_is_left_alone() {
        let files = [
            ("README.md", ";"),
            ("pump/ci_builds/view.toml", "not read"),
            ("pump/ci_builds/q.sql", ";"),
            ("words/words.toml", "not read"),
            (".git/q.sql", ";"),
        ];
        assert_eq!(own(&files).unwrap(), Vec::<String>::new());
        let nowhere = folder(&[]).path().join("gone");
        let views = Views::shipped().unwrap().with_own(&nowhere).unwrap();
        assert!(views.origin().is_some() && views.all().all(|view| !view.is_own));
    }

    #[test]
    fn what_cannot_be_a_view_is_told_with_its_file() {
        let good = needing("\"github_issues\"");
        let with = |more: &str| format!("{more}\n{good}");
        let (around, unknown) = (with("around = \"q.sql\""), with("colour = \"red\""));
        let column =
            good.clone() + "[[columns]]\nname = \"a`\"\ntype = \"text\"\ndescription = \"\"";
        let kind = good.clone() + "[[columns]]\nname = \"a\"\ntype = \"txt\"\ndescription = \"\"";
        let (itself, others) = (needing("\"a\""), needing("\"b\""));
        let escape = good.replace("q.sql", "../q.sql");
        let two = "SELECT 1\n; DROP TABLE runs";
        let cases: [(&[(&str, &str)], &str); 15] = [
            (&[SELECT], "a: there is SQL, and no view.toml"),
            (&[("q.sql", "")], "q.sql: SQL lies in a folder"),
            (&[("a/view.toml", &good)], "a/view.toml: \"q.sql\" is no .sql file in this folder"),
            (&[("q/x", ""), ("a/view.toml", &escape)], "a/view.toml: \"../q.sql\" is no .sql"),
            (&[("a/view.toml", "description = 1")], "a/view.toml:1: invalid type"),
            (&[("a/view.toml", "description = \"\"")], "missing field `select`"),
            (&[SELECT, ("a/view.toml", &unknown)], "a/view.toml:1: unknown field `colour`"),
            (&[SELECT, ("a/view.toml", &around)], "a/q.sql: it has no {parts}"),
            (&[SELECT, ("a/view.toml", &column)], "a/view.toml: \"a`\" can name no column"),
            (&[SELECT, ("a/view.toml", &kind)], "a/view.toml:7: unknown variant `txt`"),
            (&[SELECT, ("a/r.sql", ""), ("a/view.toml", &good)], "a/view.toml: r.sql is in the"),
            (&[("a/q.sql", two), ("a/view.toml", &good)], "a/q.sql:2: there is a semicolon"),
            (&[SELECT, ("a/view.toml", &itself)], "a/view.toml: it needs itself: a → a"),
            (
                &[SELECT, ("a/view.toml", &others), ("b/q.sql", ""), ("b/view.toml", &itself)],
                "a/view.toml: it needs itself: a → b → a",
            ),
            (
                &[("projects/q.sql", ""), ("projects/view.toml", &good)],
                "projects/view.toml: test-dashboard has a view projects",
            ),
        ];
        for (files, expected) in cases {
            let error = own(files).unwrap_err();
            assert!(error.contains(expected), "{error}\nexpected: {expected}");
        }
        for name in ["A", "1a", "a-b", "a b", &"a".repeat(64)] {
            let error = own(&[(&format!("{name}/q.sql"), "")]).unwrap_err();
            assert!(error.contains("a view has its folder's name"), "{name}: {error}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_told_and_is_not_taken_for_gone() {
        for name in ["a", "a/view.toml", "a/q.sql"] {
            let folder = folder(&[("a/x", "")]);
            let path = folder.path().join(name);
            if name == "a" {
                std::fs::remove_dir_all(&path).unwrap();
            }
            std::os::unix::fs::symlink("nowhere", &path).unwrap();
            let error = Views::shipped().unwrap().with_own(folder.path()).unwrap_err().to_string();
            assert!(error.starts_with(&path.display().to_string()), "{error}");
        }
        let folder = folder(&[("file", "")]);
        let link = folder.path().join("link");
        std::os::unix::fs::symlink("nowhere", &link).unwrap();
        for path in [folder.path().join("file"), link] {
            assert!(Views::shipped().unwrap().with_own(&path).is_err(), "{}", path.display());
        }
    }
}
