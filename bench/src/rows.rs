// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The rows that the mock API serves: made up, the same every time, and of the sizes that
//! results of tests have.
//!
//! There are two states of them. In [`State::Changed`] a tenth of the rows differ from
//! [`State::Original`], spread evenly over all pages.

use serde::{Deserialize, Serialize};

/// The identifier of the first row. Service identifiers are rarely small.
const FIRST_ID: u64 = 1_000_000_000;
/// One of so many rows is another in the changed state.
pub const CHANGED_ONE_IN: u64 = 10;

const WORDS: &[&str] = &[
    "address",
    "bar",
    "bookmark",
    "collection",
    "download",
    "home",
    "keyboard",
    "language",
    "link",
    "login",
    "menu",
    "onboarding",
    "page",
    "password",
    "permission",
    "print",
    "private",
    "reader",
    "search",
    "settings",
    "share",
    "shortcut",
    "sync",
    "tab",
    "toolbar",
    "tracking",
    "translation",
    "wallpaper",
    "widget",
    "zoom",
    "Lesezeichen",
    "préférences",
    "検索",
    "🐞",
];
const STATUSES: &[&str] =
    &["passed", "passed", "passed", "failed", "blocked", "retest", "untested"];
const SUITES: &[&str] =
    &["smoke/home", "smoke/tabs", "regression/search", "regression/settings/privacy", "l10n"];

/// A state of the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// As it is at first.
    Original,
    /// With a tenth of the rows changed.
    Changed,
}

impl State {
    /// How the mock's addresses and the plugin's setting call it.
    pub fn name(self) -> &'static str {
        match self {
            State::Original => "original",
            State::Changed => "changed",
        }
    }
}

/// One row as it is served, with its columns in the order of the table's.
#[derive(Serialize)]
struct Row<'a> {
    id: u64,
    run_id: u64,
    title: &'a str,
    details: Option<&'a str>,
    status: &'a str,
    priority: u64,
    suite: &'a str,
    milestone: Option<&'a str>,
    is_automated: bool,
    is_flaky: Option<bool>,
    duration: f64,
    coverage: Option<f64>,
    attempts: u64,
    created_at: jiff::Timestamp,
    updated_at: jiff::Timestamp,
    closed_at: Option<jiff::Timestamp>,
}

/// What a table has to hold after a load: enough to see that every row arrived, whole, and
/// from which state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// How many rows there are.
    pub rows: i64,
    /// The sum of all attempts. It tells the states apart.
    pub attempts: i64,
    /// How many rows have details.
    pub details: i64,
    /// The characters of all titles.
    pub title_characters: i64,
}

/// All rows of one state as JSON, separated by commas: a page is a slice of it.
pub struct Rows {
    /// `{…},{…},…,`
    pub text: Vec<u8>,
    /// Where each row begins, and at last where the text ends.
    starts: Vec<usize>,
    /// What a table has to hold after it was loaded.
    pub facts: Facts,
}

impl Rows {
    /// Renders `count` rows.
    ///
    /// # Errors
    ///
    /// None of these rows has one; serialising returns a result all the same.
    pub fn render(count: u64, state: State) -> anyhow::Result<Self> {
        let mut rows = Rows {
            text: Vec::with_capacity(usize::try_from(count)? * 700),
            starts: Vec::with_capacity(usize::try_from(count)? + 1),
            facts: Facts::default(),
        };
        for index in 0..count {
            rows.starts.push(rows.text.len());
            rows.push(index, state)?;
        }
        rows.starts.push(rows.text.len());
        Ok(rows)
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.starts.len() - 1
    }

    /// Where the rows from `first` on, at most `count`, lie in the text, without the last
    /// comma.
    pub fn range(&self, first: usize, count: usize) -> std::ops::Range<usize> {
        let end = first.saturating_add(count).min(self.len());
        if first >= end { 0..0 } else { self.starts[first]..self.starts[end] - 1 }
    }

    fn push(&mut self, index: u64, state: State) -> anyhow::Result<()> {
        let random = mix(index);
        let title = sentence(random, 5 + random % 5);
        let details = sentence(mix(random), 20 + random % 16).replace(" menu ", ":\n\t\"menu\" ");
        let milestone = format!("{}.0", 140 + random % 12);
        let is_changed = state == State::Changed && index % CHANGED_ONE_IN == 3;
        let created = 1_767_225_600 + i64::try_from(index * 13 + random % 13)?;
        let time = |seconds: i64| jiff::Timestamp::from_second(created + seconds);
        let elapsed = i64::try_from(random % 90_000)?;
        let row = Row {
            id: FIRST_ID + index,
            run_id: 40_000 + index / 500,
            title: &title,
            details: (random % 10 < 7).then_some(details.as_str()),
            status: if is_changed { "passed-on-retry" } else { pick(STATUSES, random >> 8) },
            priority: 1 + random % 4,
            suite: pick(SUITES, random >> 16),
            milestone: (!random.is_multiple_of(3)).then_some(milestone.as_str()),
            is_automated: random % 5 > 1,
            is_flaky: (!random.is_multiple_of(4)).then_some(random.is_multiple_of(7)),
            duration: (random % 600_000) as f64 / 1_000.0,
            coverage: random.is_multiple_of(2).then_some((random % 10_000) as f64 / 10_000.0),
            attempts: 1 + (random >> 24) % 3 + u64::from(is_changed),
            created_at: time(0)?,
            updated_at: time(elapsed + i64::from(is_changed))?,
            closed_at: (random % 5 > 1).then(|| time(elapsed)).transpose()?,
        };
        self.facts.rows += 1;
        self.facts.attempts += i64::try_from(row.attempts)?;
        self.facts.details += i64::from(row.details.is_some());
        self.facts.title_characters += i64::try_from(title.chars().count())?;
        serde_json::to_writer(&mut self.text, &row)?;
        self.text.push(b',');
        Ok(())
    }
}

/// The finalizer of SplitMix64: neighbours get unlike numbers.
fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

fn pick<'a>(from: &[&'a str], random: u64) -> &'a str {
    let length = from.len() as u64;
    usize::try_from(random % length).ok().and_then(|index| from.get(index)).copied().unwrap_or("")
}

fn sentence(seed: u64, words: u64) -> String {
    let mut random = seed;
    let mut text = String::new();
    for _ in 0..words {
        random = mix(random);
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(pick(WORDS, random));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(rows: &Rows, first: usize, count: usize) -> Vec<serde_json::Value> {
        let slice = &rows.text[rows.range(first, count)];
        serde_json::from_slice(&[b"[", slice, b"]"].concat()).unwrap()
    }

    #[test]
    fn a_page_is_a_slice_and_the_last_one_is_short() {
        let rows = Rows::render(25, State::Original).unwrap();
        let ids = |first, count| {
            let page = parsed(&rows, first, count);
            page.iter().map(|row| row["id"].as_u64().unwrap() - FIRST_ID).collect::<Vec<_>>()
        };
        assert_eq!(ids(0, 3), [0, 1, 2]);
        assert_eq!(ids(20, 10), [20, 21, 22, 23, 24]);
        assert_eq!(ids(25, 10), [] as [u64; 0]);
        assert_eq!(parsed(&rows, 0, 1)[0].as_object().unwrap().len(), 16);
    }

    #[test]
    fn a_tenth_of_the_rows_differ_between_the_states() {
        let original = Rows::render(1_000, State::Original).unwrap();
        let changed = Rows::render(1_000, State::Changed).unwrap();
        let pairs = parsed(&original, 0, 1_000).into_iter().zip(parsed(&changed, 0, 1_000));
        assert_eq!(pairs.filter(|(before, after)| before != after).count(), 100);
        assert_eq!(changed.facts.attempts, original.facts.attempts + 100);
    }

    #[test]
    fn rows_have_the_size_of_real_ones() {
        let rows = Rows::render(1_000, State::Original).unwrap();
        let average = rows.text.len() / rows.len();
        assert!((500..700).contains(&average), "{average} bytes");
    }
}
