// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! What one odd field costs: replays a recording with one field after another made odd.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::{FakeHttp, MemoryHost};
use crate::{Datasource, FailureKind, Request, Value};

/// What odd fields may cost, see [`odd_fields_cost_their_rows`].
#[derive(Debug, Clone, Copy)]
pub struct OddFields<'a> {
    /// The fields that a partition fails for: those of a page itself, ids, and what more than
    /// one row is made of.
    pub needed: &'a [&'a str],
    /// Fields in which anything may stand, such as those of a column of JSON. They are not tried.
    pub anything: &'a [&'a str],
    /// Tables whose rows say something of other rows, and so may differ.
    pub derived: &'a [&'a str],
}

/// Replays a recording as often as it has fields, each time with something in one of them that
/// no type takes. Each time either a partition fails and names the field, which has to be one of
/// those that are needed, or all rows are as they were but for some that are missing, of which
/// at least one was handed over to be rejected. Gives the fields that were not without effect.
///
/// Panics when it is otherwise.
pub fn odd_fields_cost_their_rows<D: Datasource>(
    recording: &str,
    request: impl Fn(&FakeHttp) -> Request,
    may: OddFields<'_>,
) -> Vec<String> {
    let run = |recording: &str| {
        let mut host = MemoryHost::new().rejecting();
        let outcome = host.run::<D>(&request(&FakeHttp::har(recording)));
        (host, outcome)
    };
    let tables: Vec<String> = D::describe().tables.into_iter().map(|table| table.name).collect();
    let tables: Vec<&String> =
        tables.iter().filter(|table| !may.derived.contains(&table.as_str())).collect();
    let (sound, outcome) = run(recording);
    outcome.expect("the recording replays");
    let mut with_effect = Vec::new();
    for (field, recording) in with_one_odd_field(recording, may.anything) {
        let (host, outcome) = run(&recording);
        match outcome {
            Err(failure) => {
                assert_eq!(failure.kind, FailureKind::UnexpectedResponse, "{field}: {failure}");
                assert!(failure.message.contains(&field), "{field} is not named: {failure}");
                assert!(may.needed.contains(&field.as_str()), "{field} fails: {failure}");
            }
            Ok(()) if host == sound && host.rejected().is_empty() => continue,
            Ok(()) => {
                assert!(!host.rejected().is_empty(), "{field} costs rows that are not rejected");
                for table in &tables {
                    let were: Vec<&Vec<Value>> = sound.rows(table);
                    let others = host.rows(table).into_iter().filter(|row| !were.contains(row));
                    assert_eq!(others.count(), 0, "{field} changes rows of {table}");
                }
            }
        }
        with_effect.push(field);
    }
    with_effect
}

/// The recording with one odd field, for each that its answers have. Of a list it is one in the
/// middle.
fn with_one_odd_field(
    recording: &str,
    anything: &[&str],
) -> impl Iterator<Item = (String, String)> {
    let har: Json = serde_json::from_str(recording).expect("a HAR file is JSON");
    let entries = har["log"]["entries"].as_array().expect("a HAR file has log.entries");
    let mut bodies: Vec<Json> = Vec::new();
    let mut places: BTreeMap<String, Vec<(usize, String)>> = BTreeMap::new();
    for (index, entry) in entries.iter().enumerate() {
        let text = entry["response"]["content"]["text"].as_str().unwrap_or_default();
        let body = serde_json::from_str(text).unwrap_or_default();
        let url = entry["request"]["url"].as_str().unwrap_or_default();
        let kind: String = url.chars().filter(|c| !c.is_ascii_digit()).collect();
        gather(&body, String::new(), &mut |place| {
            if place.split('/').any(|name| anything.contains(&name)) {
                return;
            }
            let general: String = place.chars().filter(|c| !c.is_ascii_digit()).collect();
            let at = (index, place.to_owned());
            places.entry(format!("{kind} {general}")).or_default().push(at);
        });
        bodies.push(body);
    }
    let chosen: Vec<(usize, String)> =
        places.into_values().map(|mut all| all.swap_remove(all.len() / 2)).collect();
    chosen.into_iter().map(move |(index, place)| {
        let mut body = bodies[index].clone();
        let field = body.pointer_mut(&place).expect("it was found there");
        // Any object may do where one is expected of which all parts may be absent.
        *field = if field.is_object() { json!(17.5) } else { json!({"odd": [true]}) };
        let mut har = har.clone();
        har["log"]["entries"][index]["response"]["content"]["text"] = body.to_string().into();
        let field = place.rsplit('/').find(|name| name.parse::<usize>().is_err());
        (field.unwrap_or_default().to_owned(), har.to_string())
    })
}

/// Calls `found` with the place of every member of an object.
fn gather(value: &Json, place: String, found: &mut impl FnMut(&str)) {
    match value {
        Json::Array(items) => items.iter().enumerate().for_each(|(index, item)| {
            gather(item, format!("{place}/{index}"), found);
        }),
        Json::Object(members) => members.iter().for_each(|(name, member)| {
            let place = format!("{place}/{}", name.replace('~', "~0").replace('/', "~1"));
            found(&place);
            gather(member, place, found);
        }),
        _ => {}
    }
}
