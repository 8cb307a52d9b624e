// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Encoding, resolving and showing URLs.

use fluent_uri::{Uri, UriRef};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, utf8_percent_encode};

use crate::Failure;

/// Everything but RFC 3986's unreserved characters.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The longest value of a query parameter that is shown: longer ones are cursors or tokens,
/// which say nothing to a person or are none of theirs.
const LONGEST_SHOWN_VALUE: usize = 40;

pub(super) fn encode(text: &str) -> PercentEncode<'_> {
    utf8_percent_encode(text, RESERVED)
}

/// Resolves what a `Location` or `Link` header names against the URL it came from.
pub(super) fn resolve(base: &str, reference: &str) -> Result<String, Failure> {
    let bad = |problem: &dyn std::fmt::Display| {
        Failure::unexpected_response(format!(
            "GET {}: it names a next address that is none, {:?}: {problem}",
            shown(base),
            shown(reference)
        ))
    };
    let base = Uri::parse(base).map_err(|error| bad(&error))?;
    let reference = UriRef::parse(reference).map_err(|error| bad(&error))?;
    let mut target = reference.resolve_against(&base).map_err(|error| bad(&error))?;
    target.set_fragment(None);
    Ok(target.into_string())
}

/// A URL for a message: without what may stand before the host, and without the values of
/// long query parameters.
pub fn shown(url: &str) -> String {
    let (address, query) = url.split_once('?').map_or((url, None), |(a, q)| (a, Some(q)));
    let mut text = match address.split_once("://") {
        Some((scheme, rest)) => {
            let (authority, path) = rest.find('/').map_or((rest, ""), |slash| rest.split_at(slash));
            let host = authority.rsplit('@').next().unwrap_or_default();
            format!("{scheme}://{host}{path}")
        }
        None => address.into(),
    };
    for (index, parameter) in query.iter().flat_map(|query| query.split('&')).enumerate() {
        text.push(if index == 0 { '?' } else { '&' });
        match parameter.split_once('=') {
            Some((name, value)) if value.len() > LONGEST_SHOWN_VALUE => {
                text.push_str(name);
                text.push_str("=…");
            }
            _ => text.push_str(parameter),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_values_and_user_names_are_not_shown() {
        let cursor = "Y3Vyc29yOnYyOpLPAAABhQ".repeat(3);
        assert_eq!(
            shown(&format!("https://me:secret@api.example.org/list?a=1&after={cursor}&b=%20")),
            "https://api.example.org/list?a=1&after=…&b=%20"
        );
        assert_eq!(shown("https://api.example.org"), "https://api.example.org");
        assert_eq!(
            shown("https://t.example.org/index.php?/api/v2/get_cases/1&limit=250"),
            "https://t.example.org/index.php?/api/v2/get_cases/1&limit=250"
        );
    }

    #[test]
    fn a_fragment_is_not_part_of_a_request() {
        let url = resolve("https://a.example.org/x?y=1", "?z=2#top").unwrap();
        assert_eq!(url, "https://a.example.org/x?z=2");
    }
}
