// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Parses `#[row(...)]` and the doc comments.

use syn::meta::ParseNestedMeta;
use syn::{Attribute, Error, Expr, ExprLit, Ident, Lit, LitInt, LitStr, Meta, Result, Token};

/// Of the struct: `#[row(table = "...", mode = "...", key("...", "..."))]`.
pub struct TableAttributes {
    pub table: LitStr,
    pub snapshot: bool,
    pub key: Vec<LitStr>,
}

impl TableAttributes {
    /// # Errors
    ///
    /// The first thing that is missing, unknown or malformed.
    pub fn parse(struct_name: &Ident, attributes: &[Attribute]) -> Result<Self> {
        let (mut table, mut mode, mut key) = (None, None, Vec::new());
        for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("row")) {
            attribute.parse_nested_meta(|meta| {
                if meta.path.is_ident("table") {
                    table = Some(meta.value()?.parse::<LitStr>()?);
                } else if meta.path.is_ident("mode") {
                    mode = Some(meta.value()?.parse::<LitStr>()?);
                } else if meta.path.is_ident("key") {
                    key = names_in_parentheses(&meta)?;
                } else {
                    return Err(meta.error("expected `table`, `mode` or `key`"));
                }
                Ok(())
            })?;
        }
        let missing = |what: &str| Error::new(struct_name.span(), what);
        let table = table
            .ok_or_else(|| missing("say which table: #[row(table = \"github_issues\", ...)]"))?;
        check_table_name(&table)?;
        let mode =
            mode.ok_or_else(|| missing("say `mode = \"merge\"` or `mode = \"snapshot\"`"))?;
        let snapshot = match mode.value().as_str() {
            "merge" => false,
            "snapshot" => true,
            _ => return Err(Error::new(mode.span(), "expected \"merge\" or \"snapshot\"")),
        };
        if key.is_empty() {
            return Err(missing(
                "say which fields tell one row from every other: key(\"id\"); without a key a second run would duplicate the rows",
            ));
        }
        Ok(TableAttributes { table, snapshot, key })
    }
}

fn names_in_parentheses(meta: &ParseNestedMeta) -> Result<Vec<LitStr>> {
    let content;
    syn::parenthesized!(content in meta.input);
    let names = content.parse_terminated(|input| input.parse::<LitStr>(), Token![,])?;
    Ok(names.into_iter().collect())
}

fn check_table_name(name: &LitStr) -> Result<()> {
    let text = name.value();
    let is_snake = text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if is_snake && text.len() <= 48 {
        return Ok(());
    }
    Err(Error::new(
        name.span(),
        "a table's name is 1 to 48 lower-case letters, digits and '_', and begins with a letter",
    ))
}

/// Of a field: `#[row(max_length = 200)]`.
///
/// # Errors
///
/// An unknown or malformed attribute.
pub fn max_length(attributes: &[Attribute]) -> Result<Option<u32>> {
    let mut length = None;
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("row")) {
        attribute.parse_nested_meta(|meta| {
            if !meta.path.is_ident("max_length") {
                return Err(meta.error("expected `max_length`"));
            }
            let literal = meta.value()?.parse::<LitInt>()?;
            let characters = literal.base10_parse::<u32>()?;
            if characters == 0 {
                return Err(Error::new(literal.span(), "a maximum length is 1 or more"));
            }
            length = Some(characters);
            Ok(())
        })?;
    }
    Ok(length)
}

/// The doc comment as one line of text.
///
/// # Errors
///
/// When there is none: a reader of the table would know nothing of it.
pub fn documentation(of: &Ident, attributes: &[Attribute]) -> Result<String> {
    let lines: Vec<String> = attributes.iter().filter_map(doc_line).collect();
    let text = lines.iter().map(|line| line.trim()).filter(|line| !line.is_empty());
    let text = text.collect::<Vec<_>>().join(" ");
    if text.is_empty() {
        return Err(Error::new(
            of.span(),
            format!(
                "`{of}` needs a doc comment: it becomes the description that a reader of the table sees"
            ),
        ));
    }
    Ok(text)
}

fn doc_line(attribute: &Attribute) -> Option<String> {
    let Meta::NameValue(pair) = &attribute.meta else { return None };
    if !pair.path.is_ident("doc") {
        return None;
    }
    match &pair.value {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.value()),
        _ => None,
    }
}
