// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! A plugin of a contract that no host knows yet (`wit-9/`).

#![allow(missing_docs, unsafe_code, reason = "generated")]

wit_bindgen::generate!({ path: "wit-9", world: "plugin" });

struct WrongVersion;

impl exports::testops::datasource::datasource::Guest for WrongVersion {
    fn describe() -> String {
        "from the future".into()
    }
}

export!(WrongVersion);
