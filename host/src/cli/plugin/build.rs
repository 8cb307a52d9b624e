//! `plugin build`: a component from a plugin's source, with the toolchain that is there.
//!
//! Compiling is the script's work (`scripts/build-wasm`, the same that `make` uses); turning
//! the core module into a component happens here, so there is no further tool to install.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use wit_component::ComponentEncoder;

use crate::cli::args::BuildArgs;
use crate::cli::exit::Exit;
use crate::cli::output::say;
use crate::misuse::Misuse;

/// The script that finds a usable target and compiles to it.
const SCRIPT: &str = include_str!("../../../../scripts/build-wasm");

/// Builds the plugin in a folder, and prints where the component is.
///
/// # Errors
///
/// [`Misuse`] when there is no plugin in the folder; else what the compiler or the encoder
/// says.
pub async fn build(args: &BuildArgs) -> anyhow::Result<Exit> {
    let manifest = args.dir.join("Cargo.toml");
    if !manifest.is_file() {
        return Err(Misuse::new(format!(
            "{} is missing: name the folder of a plugin written in Rust",
            manifest.display()
        ))
        .into());
    }
    let modules = compile(args, &manifest)?;
    if modules.is_empty() {
        bail!(
            "{} builds no WebAssembly module: its [lib] needs crate-type = [\"cdylib\"]",
            manifest.display()
        );
    }
    if args.output.is_some() && modules.len() > 1 {
        bail!("{} modules were built, and --output names one file", modules.len());
    }
    for module in modules {
        let component = component_path(args, &module);
        write_component(&module, &component)?;
        say!("{}", component.display())?;
    }
    Ok(Exit::Done)
}

fn compile(args: &BuildArgs, manifest: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut script = tempfile::NamedTempFile::new().context("cannot write the build script")?;
    script.write_all(SCRIPT.as_bytes()).context("cannot write the build script")?;
    let mut command = std::process::Command::new("bash");
    command.arg(script.path()).arg("--manifest-path").arg(manifest);
    if let Some(folder) = &args.target_dir {
        command.arg("--target-dir").arg(folder);
    }
    if args.examples.is_some() {
        command.arg("--examples");
    }
    let output = command
        .stderr(std::process::Stdio::inherit())
        .output()
        .context("cannot start bash, which runs the build script")?;
    if !output.status.success() {
        bail!("building {} failed, as told above", manifest.display());
    }
    Ok(String::from_utf8_lossy(&output.stdout).lines().map(PathBuf::from).collect())
}

/// `test_dashboard_github.wasm` becomes `github.wasm`: a component beside the module it is
/// made from, unless another place was asked for.
fn component_path(args: &BuildArgs, module: &Path) -> PathBuf {
    let name = module.file_name().unwrap_or_default().to_string_lossy();
    let name = name.strip_prefix("test_dashboard_").unwrap_or(&name);
    match (&args.output, &args.examples) {
        (Some(output), _) => output.clone(),
        (None, Some(folder)) => folder.join(name),
        (None, None) => module.with_file_name(format!("component-{name}")),
    }
}

fn write_component(module: &Path, component: &Path) -> anyhow::Result<()> {
    let bytes =
        std::fs::read(module).with_context(|| format!("cannot read {}", module.display()))?;
    let encoded = ComponentEncoder::default()
        .validate(true)
        .module(&bytes)
        .and_then(|encoder| encoder.encode())
        .with_context(|| format!("{} cannot be made a component", module.display()))?;
    let folder = component.parent().filter(|parent| !parent.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)
        .with_context(|| format!("cannot create {}", folder.display()))?;
    // Whole or not at all: a run may be loading the file this very moment.
    let mut file = tempfile::NamedTempFile::new_in(folder)
        .with_context(|| format!("cannot write to {}", folder.display()))?;
    file.write_all(&encoded)
        .and_then(|()| file.as_file().sync_all())
        .with_context(|| format!("cannot write {}", component.display()))?;
    file.persist(component).with_context(|| format!("cannot write {}", component.display()))?;
    Ok(())
}
