// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Where compiled plugins are kept between runs.
//!
//! A compiled plugin is machine code: whoever can write it can run anything. So the folder is
//! the user's own and nobody else can write to it, or it is not used; nothing else is ever
//! loaded in compiled form, and a plugin's own file never is.
//!
//! The folder is that of wasmtime's cache, which names what it keeps after the bytes and the
//! engine. The engine that compiles is another one than that which runs (`engine.rs`), so each
//! compilation has an empty cache of its own, and what it leaves there is moved into the folder
//! under the name by which the other engine looks for it.

use std::ffi::OsStr;
use std::fs;
use std::hash::{Hash, Hasher};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::Context;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use etcetera::BaseStrategy;
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use wasmtime::{Cache, CacheConfig, Engine};

/// What nobody has loaded for so long is compiled again when it is wanted.
const UNUSED: Duration = Duration::from_hours(30 * 24);
/// What a compiler leaves behind that was killed together with the program.
const WORK: &str = "compiling-";
/// No compiler works for so long.
const ABANDONED: Duration = Duration::from_hours(32 * 24);
/// Where wasmtime's cache has its entries, in one folder for each of its versions.
const ENTRIES: &str = "modules";

/// The folder of compiled plugins.
pub struct Compiled {
    folder: PathBuf,
    _temporary: Option<TempDir>,
}

impl Compiled {
    /// The folder, by default the user's cache folder. One that is gone with this value, after a
    /// warning, when that cannot be trusted or not be written to.
    ///
    /// # Errors
    ///
    /// When there is no temporary folder either.
    pub fn open(folder: Option<&Path>) -> anyhow::Result<Self> {
        if let Some(folder) = folder.map(Path::to_path_buf).or_else(default_folder) {
            match prepare(&folder) {
                Ok(folder) => return Ok(Compiled { folder, _temporary: None }),
                Err(reason) => tracing::warn!(
                    "compiled plugins are not cached, every run compiles them again: {}: {reason}",
                    folder.display()
                ),
            }
        }
        let temporary = tempfile::Builder::new()
            .prefix("test-dashboard-plugins-")
            .tempdir()
            .context("cannot create a temporary folder for compiled plugins")?;
        Ok(Compiled { folder: temporary.path().canonicalize()?, _temporary: Some(temporary) })
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The folder as wasmtime's cache.
    ///
    /// # Errors
    ///
    /// Wasmtime's.
    pub fn cache(&self) -> wasmtime::Result<Cache> {
        at(&self.folder)
    }

    /// An empty folder for one compilation.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn work(&self) -> io::Result<TempDir> {
        tempfile::Builder::new().prefix(WORK).tempdir_in(&self.folder)
    }

    /// Takes over what compiling these bytes has left in the folder `work`, for `engine`.
    ///
    /// # Errors
    ///
    /// The system's; also when nothing is there.
    pub fn take_over(&self, work: &Path, engine: &Engine, bytes: &[u8]) -> io::Result<()> {
        let made = entries(work)?.into_iter().find(|path| path.extension().is_none());
        // Wasmtime's cache does not say why it kept nothing.
        let made = made.ok_or_else(|| {
            io::Error::other("nothing was written; make sure that its disk is not full")
        })?;
        let version = made.parent().and_then(Path::file_name).unwrap_or_default();
        let entries = self.folder.join(ENTRIES).join(version);
        fs::create_dir_all(&entries)?;
        fs::rename(&made, entries.join(name(engine, bytes)))?;
        // It is kept already; what could not be cleaned up is for the next time.
        let _ = self.clear_out(SystemTime::now());
        Ok(())
    }

    /// Removes what has not been used for long. Wasmtime's cache does so only where it compiles.
    fn clear_out(&self, now: SystemTime) -> io::Result<()> {
        let is_fresh = |path: &Path, age: Duration| {
            let changed = path.metadata().and_then(|metadata| metadata.modified());
            changed.is_ok_and(|time| now.duration_since(time).map_or(true, |since| since < age))
        };
        // Whatever another process removes at the same time is gone as well.
        for path in entries(&self.folder)? {
            // An entry's statistics are written each time that it is loaded.
            if !is_fresh(&path, UNUSED) && !is_fresh(&path.with_extension("stats"), UNUSED) {
                let _ = fs::remove_file(&path);
            }
        }
        for path in within(&self.folder)? {
            let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
            if name.starts_with(WORK) && !is_fresh(&path, ABANDONED) {
                let _ = fs::remove_dir_all(&path);
            }
        }
        Ok(())
    }
}

/// Wasmtime's cache in this folder.
///
/// # Errors
///
/// Wasmtime's.
pub fn at(folder: &Path) -> wasmtime::Result<Cache> {
    let mut config = CacheConfig::new();
    config.with_directory(folder);
    Cache::new(config)
}

/// The files of all entries of a cache, their statistics and what is half written included.
fn entries(cache: &Path) -> io::Result<Vec<PathBuf>> {
    let versions = match within(&cache.join(ENTRIES)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        versions => versions?,
    };
    let mut all = Vec::new();
    for version in versions {
        all.extend(within(&version)?);
    }
    Ok(all)
}

fn within(folder: &Path) -> io::Result<Vec<PathBuf>> {
    fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect()
}

/// The name that wasmtime's cache gives to what this engine makes of these bytes: a hash of
/// both, and of two options that are not used here. Were it another, nothing would be found
/// under it, and the plugin not be loaded.
fn name(engine: &Engine, bytes: &[u8]) -> String {
    struct Sha(Sha256);

    impl Hasher for Sha {
        fn write(&mut self, bytes: &[u8]) {
            self.0.update(bytes);
        }

        fn finish(&self) -> u64 {
            0
        }
    }

    let (dwarf, intrinsics): (Option<&[u8]>, Option<&str>) = (None, None);
    let mut sha = Sha(Sha256::new());
    (engine.precompile_compatibility_hash(), bytes, dwarf, intrinsics).hash(&mut sha);
    URL_SAFE_NO_PAD.encode(sha.0.finalize())
}

fn default_folder() -> Option<PathBuf> {
    let base = etcetera::choose_base_strategy().ok()?;
    Some(base.cache_dir().join("test-dashboard").join("plugins"))
}

/// Creates the folder where it is missing, and makes sure that it is ours alone and can be
/// written to.
fn prepare(folder: &Path) -> Result<PathBuf, String> {
    let told = |error: io::Error| error.to_string();
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(told)?;
    let folder = folder.canonicalize().map_err(told)?;
    let metadata = folder.metadata().map_err(told)?;
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        return Err("it belongs to another user".into());
    }
    if metadata.mode() & 0o022 != 0 {
        return Err("others may write to it; chmod go-w it".into());
    }
    tempfile::tempfile_in(&folder).map_err(told)?;
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use wasmtime::component::Component;

    use super::super::engine::{self, Task};
    use super::*;

    #[test]
    fn a_folder_that_others_may_write_to_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let cache = folder.path().canonicalize().unwrap().join("plugins");
        assert_eq!(Compiled::open(Some(&cache)).unwrap().folder, cache);
        assert_eq!(cache.metadata().unwrap().mode() & 0o777, 0o700);
        fs::set_permissions(&cache, fs::Permissions::from_mode(0o777)).unwrap();
        let instead = Compiled::open(Some(&cache)).unwrap();
        assert_ne!(instead.folder, cache);
        let folder = instead.folder.clone();
        assert!(folder.is_dir());
        drop(instead);
        assert!(!folder.exists());
    }

    /// An empty component, a folder for what is compiled, and the engine that runs it.
    fn prepared() -> (Vec<u8>, TempDir, Compiled, Engine) {
        let folder = tempfile::tempdir().unwrap();
        let compiled = Compiled::open(Some(&folder.path().join("plugins"))).unwrap();
        let runner = engine::new(Task::Run, compiled.cache().unwrap()).unwrap();
        (wasm_encoder::Component::new().finish(), folder, compiled, runner)
    }

    fn compile(compiled: &Compiled, runner: &Engine, bytes: &[u8]) {
        let work = compiled.work().unwrap();
        let compiler = engine::new(Task::Compile, at(work.path()).unwrap()).unwrap();
        Component::from_binary(&compiler, bytes).unwrap();
        compiled.take_over(work.path(), runner, bytes).unwrap();
    }

    #[test]
    fn what_one_engine_compiled_the_other_loads_and_never_compiles() {
        let (bytes, _folder, compiled, runner) = prepared();
        assert!(Component::from_binary(&runner, &bytes).is_err(), "it was compiled here");
        compile(&compiled, &runner, &bytes);
        assert!(Component::from_binary(&runner, &bytes).is_ok());
        let another = engine::new(Task::Run, compiled.cache().unwrap()).unwrap();
        assert!(Component::from_binary(&another, &bytes).is_ok());
    }

    #[test]
    fn what_is_broken_is_not_loaded_and_is_replaced() {
        let (bytes, _folder, compiled, runner) = prepared();
        compile(&compiled, &runner, &bytes);
        let entry = entries(&compiled.folder).unwrap().remove(0);
        fs::write(&entry, "no machine code").unwrap();
        assert!(Component::from_binary(&runner, &bytes).is_err());
        compile(&compiled, &runner, &bytes);
        assert!(Component::from_binary(&runner, &bytes).is_ok());
    }

    #[test]
    fn a_compiler_that_left_nothing_is_told() {
        let (bytes, _folder, compiled, runner) = prepared();
        let work = compiled.work().unwrap();
        let error = compiled.take_over(work.path(), &runner, &bytes).unwrap_err().to_string();
        assert!(error.contains("disk is not full"), "{error}");
    }

    #[test]
    fn what_nobody_loads_is_removed() {
        let (bytes, _folder, compiled, runner) = prepared();
        compile(&compiled, &runner, &bytes);
        let killed = compiled.work().unwrap().keep();
        let now = SystemTime::now();
        compiled.clear_out(now + UNUSED / 2).unwrap();
        assert!(killed.exists());
        assert_eq!(entries(&compiled.folder).unwrap().len(), 1);
        compiled.clear_out(now + UNUSED * 2).unwrap();
        assert!(!killed.exists());
        assert_eq!(entries(&compiled.folder).unwrap().len(), 0);
    }
}
