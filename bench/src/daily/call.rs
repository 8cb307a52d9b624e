// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! A request to TestRail, taken apart, and the forms of the answers.

use std::collections::HashMap;

use serde_json::{Value as JsonValue, json};

/// The most that a page holds.
pub const PAGE: usize = 250;

/// What is answered: a status and a body.
pub type Reply = (u16, JsonValue);

/// A request, taken apart.
pub struct Call<'a> {
    /// The method's name, such as `get_runs`.
    pub method: &'a str,
    /// What it is about: a project, a run or a plan.
    pub id: Option<i64>,
    /// The filters, the limit and the offset.
    pub parameters: HashMap<&'a str, i64>,
}

impl<'a> Call<'a> {
    /// None when it is not of TestRail's form.
    pub fn of(call: &'a str) -> Option<Self> {
        let mut parts = call.strip_prefix("/api/v2/")?.split('&');
        let path = parts.next()?;
        let (method, id) = match path.split_once('/') {
            Some((method, id)) => (method, Some(id.parse().ok()?)),
            None => (path, None),
        };
        let mut parameters = HashMap::new();
        for part in parts {
            let (name, value) = part.split_once('=')?;
            parameters.insert(name, value.parse().ok()?);
        }
        Some(Call { method, id, parameters })
    }

    /// Whether the filters of this name let a time pass. They leave out the second they name.
    pub fn admits(&self, name: &str, time: i64) -> bool {
        let bound = |side: &str| self.parameters.get(format!("{name}_{side}").as_str());
        bound("after").is_none_or(|after| time > *after)
            && bound("before").is_none_or(|before| time < *before)
    }

    /// Whether the filter by completion lets something pass.
    pub fn admits_completed(&self, is_completed: bool) -> bool {
        self.parameters.get("is_completed").is_none_or(|wanted| (*wanted != 0) == is_completed)
    }

    /// A page of a list.
    pub fn list<T>(
        &self,
        key: &str,
        items: impl Iterator<Item = T>,
        json: impl Fn(&T) -> JsonValue,
    ) -> Reply {
        let number = |name, otherwise| self.parameters.get(name).copied().unwrap_or(otherwise);
        let limit = usize::try_from(number("limit", PAGE as i64)).unwrap_or(0);
        let offset = usize::try_from(number("offset", 0)).unwrap_or(0);
        if !(1..=PAGE).contains(&limit) {
            return error("Field :limit is out of range.");
        }
        let mut items = items.skip(offset);
        let page: Vec<JsonValue> = items.by_ref().take(limit).map(|item| json(&item)).collect();
        let id = self.id.map(|id| format!("/{id}")).unwrap_or_default();
        let next = items.next().map(|_| {
            format!("/api/v2/{}{id}&limit={limit}&offset={}", self.method, offset + limit)
        });
        let body = json!({"offset": offset, "limit": limit, "size": page.len(),
                          "_links": {"next": next, "prev": null}, key: page});
        (200, body)
    }
}

/// One thing, or TestRail's words for a number that it does not know.
pub fn found<T>(thing: Option<T>, json: impl Fn(T) -> JsonValue, field: &str) -> Reply {
    match thing {
        Some(thing) => (200, json(thing)),
        None => error(&format!("Field :{field} is not valid.")),
    }
}

/// TestRail's form of an error.
pub fn error(message: &str) -> Reply {
    (400, json!({ "error": message }))
}
