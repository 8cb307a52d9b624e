// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The files that are embedded in the binary: lists of paths and contents (see `build.rs`).

include!(concat!(env!("OUT_DIR"), "/embedded.rs"));

/// The SDK's manifest.
pub static SDK_MANIFEST: &str = include_str!("../../../plugins/sdk/Cargo.toml");
/// That of its derive macro.
pub static SDK_DERIVE_MANIFEST: &str = include_str!("../../../plugins/sdk/derive/Cargo.toml");
/// The workspace's, from which they inherit.
pub static WORKSPACE_MANIFEST: &str = include_str!("../../../Cargo.toml");
/// The versions that the SDK is tested with.
pub static LOCK_FILE: &str = include_str!("../../../Cargo.lock");
/// The licence under which the SDK is passed on.
pub static LICENCE: &str = include_str!("../../../LICENSE");
/// How the SDK's sources are formatted, and the template's.
pub static RUSTFMT: &str = include_str!("../../../rustfmt.toml");

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;
    use std::process::Command;

    use serde_json::Value;

    use super::*;

    /// The manifest of the crate that this program is linked with, as cargo tells it.
    fn locked_manifest(name: &str) -> String {
        let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        let told = Command::new(env!("CARGO"))
            .args(["metadata", "--format-version=1", "--locked", "--manifest-path", manifest])
            .args(["--filter-platform", env!("HOST_TARGET")])
            .output()
            .unwrap();
        assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
        let metadata: Value = serde_json::from_slice(&told.stdout).unwrap();
        let packages = metadata["packages"].as_array().unwrap();
        let package = packages.iter().find(|package| package["name"] == name).unwrap();
        package["manifest_path"].as_str().unwrap().to_owned()
    }

    /// A component that was made with other interfaces than those that the host implements is
    /// refused when it is loaded.
    #[test]
    fn wasi_is_what_the_locked_host_implements() {
        let manifest = locked_manifest("wasmtime-wasi-http");
        let folder = Path::new(&manifest).with_file_name("wit").join("deps");
        let shipped: BTreeMap<String, String> = std::fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap())
            .map(|entry| {
                let name = format!("wasi-{}", entry.file_name().to_str().unwrap());
                (name, std::fs::read_to_string(entry.path()).unwrap())
            })
            .collect();
        let embedded: BTreeMap<String, String> =
            WASI.iter().map(|(name, text)| ((*name).into(), (*text).into())).collect();
        assert!(!shipped.is_empty(), "{} has no files", folder.display());
        assert!(
            shipped == embedded,
            "examples/rust-without-sdk/wit/deps/wasi-*.wit are not the files of {}: copy them",
            folder.display()
        );
    }
}
