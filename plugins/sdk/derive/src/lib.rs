// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Derives a table's declaration from a Rust struct; see `Row` in `test-dashboard-sdk`.

mod attributes;
mod expand;

use proc_macro::TokenStream;

/// Makes a struct one row of a table.
///
/// ```text
/// /// One issue of a repository, as it was when it was last read.
/// #[derive(Row)]
/// #[row(table = "github_issues", mode = "merge", key("repository_id", "id"))]
/// struct Issue {
///     /// The repository's number, which a rename does not change.
///     repository_id: i64,
///     /// The issue's number across all of GitHub.
///     id: i64,
///     /// Its title.
///     title: String,
///     /// The login of its author; null when the account was deleted.
///     #[row(max_length = 200)]
///     user_login: Option<String>,
/// }
/// ```
///
/// The name of a field is its column's, its doc comment the column's description, and
/// `Option` makes it nullable. `mode` is `merge` or `snapshot`. Refused while compiling: a
/// table or a field without a doc comment, a key that is no field or may be null, text in a
/// key without `max_length`, and bytes, JSON or floating point numbers in a key.
#[proc_macro_derive(Row, attributes(row))]
pub fn derive_row(input: TokenStream) -> TokenStream {
    let input = syn::parse_macro_input!(input as syn::DeriveInput);
    expand::row(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}
