//! The files that the binary carries: each list is of paths and contents (see `build.rs`).

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
