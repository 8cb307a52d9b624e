// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! From what a compiler made to a component.
//!
//! Turning a core module into a component happens in this program, so that there is no further
//! tool to install.

use anyhow::Context as _;
use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
};
use wit_component::ComponentEncoder;

/// How a component begins: the magic number, a version, and the layer of components.
const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

/// The component that a compiler's output is, or can be made to be: a component stays as it
/// is, a core module becomes one. A module that imports WASI's first preview (wasm32-wasip1)
/// gets the adapter to the second, and without use for it is the same as without.
///
/// # Errors
///
/// What the module imports or exports that has no place in a component.
pub fn of(bytes: Vec<u8>) -> anyhow::Result<Vec<u8>> {
    if bytes.starts_with(COMPONENT) {
        return Ok(bytes);
    }
    ComponentEncoder::default()
        .validate(true)
        .module(&bytes)
        .and_then(|encoder| {
            encoder.adapter(
                WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME,
                WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
            )
        })
        .and_then(|encoder| encoder.encode())
        .context("it cannot be made a component")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_component_stays_as_it_is() {
        assert_eq!(of(COMPONENT.to_vec()).unwrap(), COMPONENT);
    }

    #[test]
    fn what_is_no_module_is_refused() {
        let error = format!("{:#}", of(b"nonsense".to_vec()).unwrap_err());
        assert!(error.starts_with("it cannot be made a component: "), "{error}");
    }

    /// The smallest module: no sections.
    #[test]
    fn a_module_without_use_for_the_adapter_does_not_get_it() {
        let component = of(b"\0asm\x01\0\0\0".to_vec()).unwrap();
        assert!(component.starts_with(COMPONENT));
        assert!(component.len() < 1024, "{} bytes", component.len());
    }
}
