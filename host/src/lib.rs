// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! `test-dashboard`: pumps what test systems know into the team's SQL database.
//!
//! Data moves left to right once:
//!
//! ```text
//! run → plan → partitions → reader → batches → validate → stage → commit (rows + checkpoint)
//!       └── plugin, one store each ──┘   └────────────── host ─────────────────┘
//! ```
//!
//! [`cli`] is what a person types, [`config`] what an operator wrote, [`plugin`] runs a
//! plugin without trusting it, [`source`] makes jobs of what is configured, [`pump`] is the path of
//! a row, and [`run`] a run's life: `examples/library.rs` does one without the command line. The
//! egress gate, the database and the words they all share are crates of their own beside this one.

pub mod cli;
pub mod config;
pub mod conformance;
pub mod fixtures;
pub mod golden;
pub mod lock;
pub mod plugin;
pub mod project;
pub mod pump;
pub mod record;
pub mod run;
pub mod source;
pub mod usage_error;

#[cfg(test)]
mod tests {
    use std::path::Path;

    /// What a folder may use of the others.
    const BELOW: [(&str, &[&str]); 3] = [
        ("source", &["config", "lock", "usage_error", "plugin"]),
        ("pump", &["config", "plugin", "source"]),
        ("run", &["config", "usage_error", "plugin", "pump", "source"]),
    ];

    #[test]
    fn nothing_points_back_up() {
        for (room, below) in BELOW {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(room);
            let files = crate::fixtures::entries(&folder).unwrap();
            assert!(!files.is_empty(), "{room} is empty");
            for file in files {
                let text = std::fs::read_to_string(&file).unwrap();
                for used in text.split("crate::").skip(1) {
                    let name: String =
                        used.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                    let is_below = name == room || below.contains(&name.as_str());
                    assert!(is_below, "{} uses crate::{name}", file.display());
                }
            }
        }
    }
}
