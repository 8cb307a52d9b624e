// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Generates the code of `#[derive(Row)]`.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, Error, Field, Fields, Ident, LitStr, Result};

use crate::attributes::{TableAttributes, documentation, max_length};

/// One field, read.
struct ColumnField<'a> {
    field: &'a Field,
    ident: &'a Ident,
    column: String,
    description: String,
    max_length: Option<u32>,
}

/// # Errors
///
/// What a compiler should say about the struct.
pub fn row(input: &DeriveInput) -> Result<TokenStream> {
    let attributes = TableAttributes::parse(&input.ident, &input.attrs)?;
    let description = documentation(&input.ident, &input.attrs)?;
    let columns = columns(input)?;
    let key_checks = key_checks(&attributes.key, &columns)?;

    let name = &input.ident;
    let (generics, type_generics, bounds) = input.generics.split_for_impl();
    let TableAttributes { table, snapshot, key } = &attributes;
    let mode = if *snapshot { quote!(Snapshot) } else { quote!(Merge) };
    let declarations = columns.iter().map(declaration);
    let idents: Vec<&Ident> = columns.iter().map(|column| column.ident).collect();

    Ok(quote! {
        #(#key_checks)*

        #[automatically_derived]
        impl #generics ::test_dashboard_sdk::Row for #name #type_generics #bounds {
            const TABLE: &'static str = #table;

            fn table() -> ::test_dashboard_sdk::Table {
                ::test_dashboard_sdk::Table {
                    name: ::std::string::String::from(#table),
                    description: ::std::string::String::from(#description),
                    mode: ::test_dashboard_sdk::TableMode::#mode,
                    columns: ::std::vec![#(#declarations),*],
                    key: ::std::vec![#(::std::string::String::from(#key)),*],
                }
            }

            fn into_values(self) -> ::std::vec::Vec<::test_dashboard_sdk::Value> {
                ::std::vec![#(::test_dashboard_sdk::ColumnValue::into_value(self.#idents)),*]
            }
        }
    })
}

fn columns(input: &DeriveInput) -> Result<Vec<ColumnField<'_>>> {
    let Data::Struct(data) = &input.data else {
        return Err(Error::new(
            input.ident.span(),
            "a row is a struct: its fields are the columns",
        ));
    };
    let Fields::Named(fields) = &data.fields else {
        return Err(Error::new(
            input.ident.span(),
            "a row needs named fields: they name the columns",
        ));
    };
    fields.named.iter().map(column).collect()
}

fn column(field: &Field) -> Result<ColumnField<'_>> {
    let Some(ident) = &field.ident else {
        return Err(Error::new(field.span(), "a column needs a name"));
    };
    let column = ident.unraw().to_string();
    let is_snake = column.starts_with(|c: char| c.is_ascii_lowercase())
        && column.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if !is_snake || column.len() > 60 || column == "project" {
        return Err(Error::new(
            ident.span(),
            "a column's name is 1 to 60 lower-case letters, digits and '_', begins with a letter, and is not `project`, which the host adds",
        ));
    }
    let description = documentation(ident, &field.attrs)?;
    let max_length = max_length(&field.attrs)?;
    Ok(ColumnField { field, ident, column, description, max_length })
}

fn declaration(column: &ColumnField) -> TokenStream {
    let ColumnField { field, column, description, max_length, .. } = column;
    let kind = &field.ty;
    let (max_length, check) = match max_length {
        None => (quote!(::std::option::Option::None), quote!()),
        Some(length) => (
            quote!(::std::option::Option::Some(#length)),
            quote_spanned! { kind.span() =>
                const {
                    assert!(
                        <#kind as ::test_dashboard_sdk::ColumnValue>::KIND.is_text(),
                        "`max_length` is for text"
                    );
                }
            },
        ),
    };
    quote! {
        {
            #check
            ::test_dashboard_sdk::Column {
                name: ::std::string::String::from(#column),
                kind: <#kind as ::test_dashboard_sdk::ColumnValue>::KIND,
                nullable: <#kind as ::test_dashboard_sdk::ColumnValue>::NULLABLE,
                max_length: #max_length,
                description: ::std::string::String::from(#description),
            }
        }
    }
}

/// Assertions that the compiler evaluates: only it knows what a field's type is.
fn key_checks(key: &[LitStr], columns: &[ColumnField]) -> Result<Vec<TokenStream>> {
    let mut checks = Vec::new();
    let mut seen = Vec::new();
    for name in key {
        let text = name.value();
        let Some(column) = columns.iter().find(|column| column.column == text) else {
            return Err(Error::new(
                name.span(),
                format!("the key names `{text}`, which is no field"),
            ));
        };
        if seen.contains(&text) {
            return Err(Error::new(name.span(), format!("the key names `{text}` twice")));
        }
        seen.push(text);
        checks.push(key_check(column));
    }
    Ok(checks)
}

fn key_check(column: &ColumnField) -> TokenStream {
    let kind = &column.field.ty;
    let name = &column.column;
    let has_length = column.max_length.is_some();
    let nullable = format!("`{name}` is part of the key and cannot be an `Option`");
    let unfit = format!(
        "`{name}` is part of the key, and bytes, JSON and floating point numbers cannot be"
    );
    let length = format!("`{name}` is text in the key and needs #[row(max_length = ...)]");
    quote_spanned! { kind.span() =>
        const _: () = {
            use ::test_dashboard_sdk::ColumnValue;
            assert!(!<#kind as ColumnValue>::NULLABLE, #nullable);
            assert!(<#kind as ColumnValue>::KIND.fits_key(), #unfit);
            assert!(!<#kind as ColumnValue>::KIND.is_text() || #has_length, #length);
        };
    }
}
