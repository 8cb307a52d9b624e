// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! A component, but no plugin: it exports nothing of the contract.

#![allow(missing_docs, unsafe_code, reason = "generated")]

wit_bindgen::generate!({
    inline: "package guests:other; world other { export greet: func() -> string; }",
});

struct NoExports;

impl Guest for NoExports {
    fn greet() -> String {
        "hello".into()
    }
}

export!(NoExports);
