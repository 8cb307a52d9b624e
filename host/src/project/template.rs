// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Which files a new project has.
//!
//! Templates are ordinary files under `templates/`: those in `common/` are the same for all
//! languages, those in the language's folder come to them. Wherever a path or a text says
//! `templateplugin`, the project has its own name; and where a text of `common/` has the line
//! `<!-- templatelanguage -->`, it has the language's `LANGUAGE.md`.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use anyhow::Context as _;
use test_dashboard_model::declaration;

use super::{Language, embedded, lock, sdk};
use crate::usage_error::UsageError;

/// Stands for the datasource's name, in contents and paths. Short enough that a formatted
/// line stays one with another name, and no word that anybody means.
const NAME: &str = "templateplugin";
/// Stands for what is peculiar to a language.
const LANGUAGE: &str = "<!-- templatelanguage -->\n";
/// What stands there. Not written itself.
const ABOUT_LANGUAGE: &str = "LANGUAGE.md";
/// Where the contract is in a project.
const CONTRACT: &str = "wit/deps/testops-datasource";

/// The files of a new project: paths, and what is in them.
pub type Files = BTreeMap<String, String>;

/// The files of a new project of this name.
///
/// # Errors
///
/// [`UsageError`] when a datasource cannot be named so, with the rule.
pub fn files(name: &str, language: Language) -> anyhow::Result<Files> {
    check_name(name)?;
    let own = match language {
        Language::Rust => embedded::RUST,
        Language::Python => embedded::PYTHON,
        Language::JavaScript => embedded::JAVASCRIPT,
    };
    let about = own.iter().find(|(path, _)| *path == ABOUT_LANGUAGE);
    let (_, about) = about.with_context(|| format!("there is no template for {language} yet"))?;
    let mut files: Files = embedded::COMMON
        .iter()
        .chain(own.iter().filter(|(path, _)| *path != ABOUT_LANGUAGE))
        .map(|(path, text)| {
            let text = text.replace(LANGUAGE, about);
            (path.replace(NAME, name), text.replace(NAME, name))
        })
        .collect();
    files.extend(interfaces());
    if language == Language::Rust {
        files.extend(sdk::files()?);
        files.insert("rustfmt.toml".into(), embedded::RUSTFMT.into());
        files.insert("Cargo.lock".into(), lock::file(&files["Cargo.toml"])?);
    }
    Ok(files)
}

/// Writes into a folder the `wit` folder of a new project.
///
/// # Errors
///
/// What the file system says.
pub fn write_wit(folder: &Path) -> anyhow::Result<()> {
    let world = embedded::COMMON
        .iter()
        .filter(|(path, _)| path.starts_with("wit/"))
        .map(|(path, text)| ((*path).to_owned(), (*text).to_owned()));
    write_files(&interfaces().chain(world).collect(), folder)
        .with_context(|| format!("cannot write the interfaces to {}", folder.display()))
}

/// The contract and WASI's interfaces, where every toolchain looks for what `wit/` depends on.
fn interfaces() -> impl Iterator<Item = (String, String)> {
    let contract =
        embedded::CONTRACT.iter().map(|(path, text)| (format!("{CONTRACT}/{path}"), *text));
    let wasi = embedded::WASI.iter().map(|(path, text)| (format!("wit/deps/{path}"), *text));
    contract.chain(wasi).map(|(path, text)| (path, text.to_owned()))
}

/// A datasource's name becomes tables' names, so the host's rules hold from the start.
fn check_name(name: &str) -> Result<(), UsageError> {
    declaration::check_datasource_name(name).map_err(|error| {
        let near: String =
            name.to_lowercase().chars().filter(char::is_ascii_alphanumeric).take(20).collect();
        let hint = match declaration::check_datasource_name(&near) {
            Ok(()) => format!("; {near} would do"),
            Err(_) => String::new(),
        };
        UsageError::new(format!("{error}{hint}"))
    })
}

/// Writes files into a new folder: all of them, or nothing at all.
///
/// # Errors
///
/// [`UsageError`] when there is something of that name already; else what the file system says.
pub fn write(files: &Files, folder: &Path) -> anyhow::Result<()> {
    if folder.symlink_metadata().is_ok() {
        return Err(UsageError::new(format!(
            "{} already exists: choose another name, or remove it first",
            folder.display()
        ))
        .into());
    }
    let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty());
    let cannot = || format!("cannot write the folder {}", folder.display());
    // Beside its place, so that a rename brings it there whole.
    let beside = tempfile::tempdir_in(parent.unwrap_or(Path::new("."))).with_context(cannot)?;
    let whole = beside.path().join("whole");
    write_files(files, &whole).with_context(cannot)?;
    std::fs::rename(&whole, folder).with_context(cannot)
}

fn write_files(files: &Files, folder: &Path) -> io::Result<()> {
    for (path, text) in files {
        let path = folder.join(path);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(path, text)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_names_itself_and_nothing_of_the_template() {
        let all = Language::ALL.map(|language| files("acme", language).unwrap());
        for (path, text) in all.into_iter().flatten() {
            assert!(!path.contains("template"), "{path}");
            assert!(
                !text.contains("templateplugin") && !text.contains("templatelanguage"),
                "{path}"
            );
        }
    }

    #[test]
    fn names_are_those_of_datasources() {
        let refused = |name| files(name, Language::Rust).unwrap_err().to_string();
        let error = refused("My-Shop");
        assert!(error.contains("lower-case letters and digits"), "{error}");
        assert!(error.ends_with("; myshop would do"), "{error}");
        assert!(refused("../escape").ends_with("; escape would do"));
        assert!(refused("7").ends_with("begin with a letter"));
        assert!(refused("").ends_with("begin with a letter"));
        assert!(refused("ci").ends_with("tables are the host's own"));
        assert!(refused("a".repeat(21).as_str()).contains("has 21 characters, and may have 20"));
    }

    #[test]
    fn the_interfaces_resolve_as_toolchains_read_them() {
        let folder = tempfile::tempdir().unwrap();
        let project = folder.path().join("acme");
        write(&files("acme", Language::Rust).unwrap(), &project).unwrap();
        let mut resolve = wit_parser::Resolve::default();
        let (package, _) = resolve.push_dir(project.join("wit")).unwrap();
        assert_eq!(resolve.packages[package].name.to_string(), "acme:plugin");
        let world = resolve.select_world(&[package], Some("plugin")).unwrap();
        let world = &resolve.worlds[world];
        let names = |items: &wit_parser::IndexMap<wit_parser::WorldKey, wit_parser::WorldItem>| {
            items.keys().map(|key| resolve.name_world_key(key)).collect::<Vec<_>>()
        };
        assert_eq!(names(&world.exports), ["testops:datasource/datasource@0.1.0"]);
        let imports = names(&world.imports);
        for import in ["testops:datasource/log@0.1.0", "wasi:http/outgoing-handler@0.2.12"] {
            assert!(imports.iter().any(|name| name == import), "{import}: {imports:?}");
        }
    }

    #[test]
    fn a_folder_is_written_whole_or_not_at_all() {
        let place = tempfile::tempdir().unwrap();
        let whole = Files::from([("a/b".into(), "1".into()), ("c".into(), "2".into())]);
        write(&whole, &place.path().join("good")).unwrap();
        assert_eq!(std::fs::read_to_string(place.path().join("good/a/b")).unwrap(), "1");
        let error = write(&whole, &place.path().join("good")).unwrap_err();
        assert!(
            error.is::<UsageError>() && error.to_string().contains("already exists"),
            "{error}"
        );
        // `c` is a file, and cannot be a folder too.
        let broken = Files::from([("c".into(), "2".into()), ("c/d".into(), "3".into())]);
        write(&broken, &place.path().join("bad")).unwrap_err();
        let left: Vec<_> = std::fs::read_dir(place.path()).unwrap().collect();
        assert_eq!(left.len(), 1, "{left:?}");
    }
}
