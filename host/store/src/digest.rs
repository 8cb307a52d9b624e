// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! One digest for several texts.

use sha2::{Digest, Sha256};

/// The SHA-256 of texts, each with its length, so that no two lists of them are alike.
pub(crate) fn of(parts: &[&str]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part.as_bytes());
    }
    hasher.finalize().into()
}

/// The same as 64 hexadecimal digits.
pub(crate) fn hex(parts: &[&str]) -> String {
    of(parts).iter().map(|byte| format!("{byte:02x}")).collect()
}
