// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Comparison of paths.

use std::path::{Component, Path, PathBuf};

/// The path without `.` and `..` and from the root on, whether or not anything is there.
pub fn lexical(path: &Path) -> PathBuf {
    let mut plain = std::env::current_dir().unwrap_or_default();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                plain.pop();
            }
            component => plain.push(component),
        }
    }
    plain
}

/// The path as the system knows it, links followed as far as there are files.
fn real(path: &Path) -> PathBuf {
    if let Ok(real) = path.canonicalize() {
        return real;
    }
    match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) if !parent.as_os_str().is_empty() => {
            parent.canonicalize().map_or_else(|_| lexical(path), |parent| parent.join(name))
        }
        _ => lexical(path),
    }
}

/// Whether both mean the same file, however they are written.
pub fn same(one: &Path, other: &Path) -> bool {
    lexical(one) == lexical(other) || real(one) == real(other)
}

/// Whether the file is in the folder or below it, as it is written or where its links lead.
pub fn is_inside(file: &Path, folder: &Path) -> bool {
    lexical(file).starts_with(lexical(folder)) || real(file).starts_with(real(folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_compared_however_they_are_written() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir(at("plugins")).unwrap();
        std::fs::write(at("plugins/a.wasm"), "a").unwrap();
        std::os::unix::fs::symlink(at("plugins"), at("linked")).unwrap();
        assert!(same(&at("plugins/a.wasm"), &at("./other/../plugins/a.wasm")));
        assert!(same(&at("plugins/a.wasm"), &at("linked/a.wasm")));
        assert!(same(&at("plugins/missing.wasm"), &at("linked/missing.wasm")));
        assert!(!same(&at("plugins/a.wasm"), &at("plugins/b.wasm")));
        assert!(is_inside(&at("linked/a.wasm"), &at("plugins")));
        assert!(is_inside(&at("plugins/below/missing.wasm"), &at("plugins")));
        assert!(!is_inside(&at("plugins-2/a.wasm"), &at("plugins")));
    }
}
