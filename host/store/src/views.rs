// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The views for people and dashboards, those of `views/` and an operator's own: made when the
//! tables that they read are there, made anew when their text or that of a view below them changes
//! or a person has dropped them, and dropped when an operator's folder is gone.
//!
//! Which views there are is data, see [`data`]; the words that their text has for what differs
//! between the databases are in [`words`]. `docs/views.md` describes them to a person.
//!
//! A view is replaced where the database can do so: whoever may read it still may, and what
//! others have built on it stays. PostgreSQL cannot when columns go or change; then the view is
//! dropped, made and granted again in one transaction, with those of ours that read it, and where
//! something else depends on it, it stays as it was, which is on record until it is mended. What
//! others have made under the name of a view is left alone: each view is marked, and its mark is
//! on record.

pub mod bigquery;
mod data;
mod making;
mod sql;
mod words;

use std::collections::{BTreeSet, HashMap};

use sha2::{Digest, Sha256};

use crate::connect::trouble::Trouble;
use crate::error::StoreError;
use crate::session::DatabaseSession;
use crate::session::patience::Retries;
use crate::session::schema;
use crate::session::schema::{Relation, Schema};
use crate::sql::fields::Fields;
use crate::sql::list as joined;
use crate::store::Store;
use crate::write::catalogue::{lock, unlock};
use crate::write::drift::{Drift, missing};
use data::{Part, View};
use making::{dependants, disown, drop_view, keep, make, why};

pub use data::{Views, WrongView};

/// What became of the views.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ViewChanges {
    /// The names of those that were made or renewed.
    pub made: Vec<String>,
    /// Of those that were dropped: the operator has them no more.
    pub dropped: Vec<String>,
}

impl ViewChanges {
    fn count(&self) -> usize {
        self.made.len() + self.dropped.len()
    }
}

impl Store {
    /// What is not as the host has made it, by name: tables and columns first.
    ///
    /// # Errors
    ///
    /// When the database or its catalogue cannot be read.
    pub async fn drift(&self, views: &Views) -> Result<Vec<Drift>, StoreError> {
        let mut session = self.session().await?;
        let mut drift = missing(&mut session, "comparing the catalogue with the database").await?;
        drift.extend(problems(&mut session, views).await?);
        Ok(drift)
    }

    /// Makes the views whose tables are there, and drops those that were this operator's.
    ///
    /// # Errors
    ///
    /// [`StoreError::Views`] when some cannot be made, such as without the right to: the others
    /// are made, the tables are not touched, and [`Store::drift`] tells until it is mended.
    pub async fn refresh_views(&self, views: &Views) -> Result<ViewChanges, StoreError> {
        Retries::with_locks(self.waits).over(|| self.refresh_views_once(views)).await
    }

    async fn refresh_views_once(&self, views: &Views) -> Result<ViewChanges, StoreError> {
        let mut session = self.session().await?;
        let seen = look(&mut session, views).await?;
        seen.left_alone().for_each(|drift| tracing::warn!("{drift}"));
        seen.incomplete().for_each(|drift| tracing::info!("{drift}"));
        if seen.gone.is_empty() && !seen.stands.iter().any(Stand::is_to_be_made) {
            return Ok(ViewChanges::default());
        }
        lock(&mut session).await?;
        // Looked at again, now that no other host makes views.
        let made = change_all(&mut session, views).await;
        let unlocked = unlock(&mut session, made.is_ok()).await;
        let (changes, failed) = made?;
        unlocked?;
        if failed.is_empty() {
            return Ok(changes);
        }
        let failed = joined(failed, "\n", |(view, reason)| format!("{view}: {reason}"));
        Err(StoreError::Views { database: self.name(), failed })
    }
}

/// How it stands with all views.
struct Seen<'a> {
    stands: Vec<Stand<'a>>,
    /// What is on record of this operator's views whose folders are gone.
    gone: Vec<(String, Record)>,
    /// Operators' views, and what they need that is neither table nor view.
    missing: Vec<(&'a View, BTreeSet<&'a str>)>,
}

impl Seen<'_> {
    fn left_alone(&self) -> impl Iterator<Item = Drift> {
        let other = |stand: &Stand<'_>| Drift::OtherView { view: stand.view.name.clone() };
        self.stands.iter().filter(|stand| stand.is_other).map(other)
    }

    fn incomplete(&self) -> impl Iterator<Item = Drift> {
        self.missing.iter().map(|(view, missing)| Drift::IncompleteView {
            view: view.name.clone(),
            file: view.file.clone(),
            missing: joined(missing, ", ", |name| (*name).to_owned()),
        })
    }
}

/// How it stands with a view that there should be.
struct Stand<'a> {
    view: &'a View,
    /// What of it can be made, in the database's words.
    parts: Vec<(&'a Part, String)>,
    query: String,
    digest: String,
    /// There is a table or view of its name.
    is_there: bool,
    /// Somebody else has made that.
    is_other: bool,
    /// It is there, and as it should be.
    is_made: bool,
    /// What is on record of it.
    record: Record,
    /// Whose own view it is.
    origin: Option<&'a str>,
}

impl Stand<'_> {
    fn is_to_be_made(&self) -> bool {
        !self.is_other && !self.is_made
    }
}

/// What is on record of a view.
#[derive(Default)]
struct Record {
    /// Of the text that it was made from; none: the host never made it.
    digest: Option<String>,
    /// Of what the database had to tell it by, when it was made.
    mark: Option<String>,
    /// Whose own view it is; it stands before the mark.
    origin: Option<String>,
    error: Option<String>,
}

/// What a person should know of the views, by name.
async fn problems(session: &mut DatabaseSession, views: &Views) -> Result<Vec<Drift>, StoreError> {
    let seen = look(session, views).await?;
    let mut problems: Vec<Drift> = seen.left_alone().chain(seen.incomplete()).collect();
    let old =
        |view: String, record: Record| record.error.map(|reason| Drift::OldView { view, reason });
    let to_be_made = seen.stands.into_iter().filter(Stand::is_to_be_made);
    problems.extend(to_be_made.filter_map(|stand| old(stand.view.name.clone(), stand.record)));
    problems.extend(seen.gone.into_iter().filter_map(|(view, record)| old(view, record)));
    problems.sort_by_key(Drift::what);
    Ok(problems)
}

async fn look<'a>(session: &mut DatabaseSession, views: &'a Views) -> Result<Seen<'a>, StoreError> {
    let doing = "looking which views there are";
    // Of the plugins' tables, what is there.
    let mut tables = schema::catalogued(session, doing).await?;
    let there = schema::columns(session, doing).await?;
    tables.retain(|table, columns| match there.get(table) {
        Some(present) => {
            columns.retain(|column| present.contains(column));
            true
        }
        None => false,
    });
    let relations = schema::relations(session, doing).await?;
    let mut records = records(session, doing).await?;
    let dialect = session.dialect.clone();
    let (mut stands, mut missing) = (Vec::<Stand>::new(), Vec::new());
    let is_gone = |name: &str, record: &Record| {
        record.origin.is_some()
            && record.origin.as_deref() == views.origin()
            && !views.names().any(|view| view == name)
    };
    for view in views.all() {
        // An operator's view may read what no plugin has made.
        let has = |name: &str| {
            let is_left = || records.get(name).is_none_or(|record| !is_gone(name, record));
            tables.contains_key(name)
                || view.is_own && relations.contains_key(name) && is_left()
                || stands.iter().any(|below| below.view.name == name && !below.is_other)
        };
        let lacks: BTreeSet<&str> = match view.is_own {
            true => view.needs().map(String::as_str).filter(|need| !has(need)).collect(),
            false => BTreeSet::new(),
        };
        let parts: Vec<(&Part, String)> = view
            .parts
            .iter()
            .filter(|part| part.needs.iter().all(|need| has(need)))
            .map(|part| (part, words::spell(&part.select, part.table(), &tables, dialect.as_ref())))
            .collect();
        if !lacks.is_empty() {
            missing.push((view, lacks));
        }
        if parts.is_empty() {
            continue;
        }
        let union = joined(&parts, "\nUNION ALL\n", |(_, sql)| sql.clone());
        let query = match &view.around {
            // The last line of the union may be a comment.
            Some(around) => words::spell(around, "", &tables, dialect.as_ref())
                .replace("{parts}", &format!("{union}\n")),
            None => union,
        };
        let below = stands.iter().filter(|below| view.needs().any(|need| *need == below.view.name));
        let text = below.fold(query.clone(), |text, below| text + "\n" + &below.digest);
        let digest = digest(&view.name, &text);
        let record = records.remove(&view.name).unwrap_or_default();
        let found = relations.get(&view.name);
        let is_other = found.is_some_and(|found| !is_ours(found, &record));
        let is_made = !is_other
            && found.is_some()
            && (record.mark.is_some() || found.is_some_and(is_hidden))
            && record.digest.as_ref() == Some(&digest);
        let origin = views.origin().filter(|_| view.is_own);
        let is_made = is_made && record.origin.as_deref() == origin;
        let is_there = found.is_some();
        stands.push(Stand {
            view,
            parts,
            query,
            digest,
            is_there,
            is_other,
            is_made,
            record,
            origin,
        });
    }
    // Of what somebody else has put in its place only the record goes.
    let mut gone: Vec<(String, Record)> =
        records.into_iter().filter(|(name, record)| is_gone(name, record)).collect();
    for (name, record) in &mut gone {
        if !relations.get(name).is_some_and(|found| is_ours(found, record)) {
            record.digest = None;
        }
    }
    gone.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(Seen { stands, gone, missing })
}

fn is_ours(found: &Relation, record: &Record) -> bool {
    // Without a mark on record it was made before there were marks, or its making was broken off.
    let is_as_made = |mark: &String| is_hidden(found) || mark_of(found).starts_with(mark);
    found.is_view && record.digest.is_some() && record.mark.as_ref().is_none_or(is_as_made)
}

/// MySQL shows an empty text to whoever lacks the privilege to see it.
fn is_hidden(found: &Relation) -> bool {
    found.mark.as_deref() == Some("")
}

fn mark_of(found: &Relation) -> String {
    digest("", found.mark.as_deref().unwrap_or_default())
}

async fn records(
    session: &mut DatabaseSession,
    doing: &str,
) -> Result<HashMap<String, Record>, StoreError> {
    let mut records: HashMap<String, Record> = HashMap::new();
    let sql = "SELECT view_name, digest FROM catalogue_views";
    let read = |row: &Fields| Ok((row.text("view_name")?, row.text("digest")?));
    for (name, digest) in session.read(doing, sql, vec![], read).await? {
        records.entry(name).or_default().digest = Some(digest);
    }
    let sql = "SELECT view_name, mark, error FROM catalogue_view_states";
    let read = |row: &Fields| {
        Ok((row.text("view_name")?, row.optional_text("mark")?, row.optional_text("error")?))
    };
    for (name, mark, error) in session.read(doing, sql, vec![], read).await? {
        let record = records.entry(name).or_default();
        record.error = error;
        record.mark = mark;
        if let Some((origin, mark)) = record.mark.as_deref().and_then(|mark| mark.split_once(':')) {
            record.origin = Some(origin.to_owned());
            record.mark = Some(mark.to_owned()).filter(|mark| !mark.is_empty());
        }
    }
    Ok(records)
}

/// The mark as it is on record: after the origin of an operator's view, cut to the column's length.
fn recorded(origin: Option<&str>, mark: Option<String>) -> Option<String> {
    match origin {
        Some(origin) => Some(format!("{origin}:{:.47}", mark.unwrap_or_default())),
        None => mark,
    }
}

fn digest(name: &str, query: &str) -> String {
    let digest = Sha256::digest(format!("{name}\n{query}"));
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

type Failed = Vec<(String, String)>;

/// Makes what is to be made and drops what is to be dropped: what was, and why the rest was not.
async fn change_all(
    session: &mut DatabaseSession,
    views: &Views,
) -> Result<(ViewChanges, Failed), StoreError> {
    let mut changes = ViewChanges::default();
    // One view may be in the way of another until it is renewed.
    loop {
        let before = changes.count();
        let failed = change(session, views, &mut changes).await?;
        if failed.is_empty() || changes.count() == before {
            return Ok((changes, failed));
        }
    }
}

async fn change(
    session: &mut DatabaseSession,
    views: &Views,
    changes: &mut ViewChanges,
) -> Result<Failed, StoreError> {
    let mut failed = Failed::new();
    let Seen { stands, gone, .. } = look(session, views).await?;
    for (at, stand) in stands.iter().enumerate() {
        let Stand { view, record, origin, .. } = stand;
        let waits = failed.iter().any(|(below, _)| view.needs().any(|need| need == below));
        if !stand.is_to_be_made() || waits {
            continue;
        }
        let above = above(stand, &stands[at + 1..]);
        match make(session, stand, &above).await {
            Ok(()) if changes.made.contains(&view.name) => {}
            Ok(()) => changes.made.push(view.name.clone()),
            Err(error) if error.is_transient() => return Err(error),
            Err(error) => {
                let reason = why(session, stand, &error).await?;
                if record.digest.is_none() {
                    // What is made under its name from now on is somebody else's.
                    disown(session, &view.name).await?;
                }
                let mark = recorded(*origin, record.mark.clone());
                keep(session, &view.name, mark, Some(&reason)).await?;
                failed.push((view.name.clone(), reason));
            }
        }
    }
    for (name, record) in gone {
        match drop_view(session, &name, &record).await {
            Ok(true) => changes.dropped.push(name),
            Ok(false) => {}
            Err(error) if error.is_transient() => return Err(error),
            Err(error) => {
                let reason = match error.is(Trouble::DependedOn) {
                    true => {
                        format!("its folder is gone, but {}", dependants(session, &name).await?)
                    }
                    false => format!("its folder is gone, but: {}", error.in_short()),
                };
                let mark = recorded(record.origin.as_deref(), record.mark);
                keep(session, &name, mark, Some(&reason)).await?;
                failed.push((name, reason));
            }
        }
    }
    Ok(failed)
}

/// Those of these views that read this one, also through others, and are there.
fn above<'a>(stand: &Stand<'_>, later: &'a [Stand<'a>]) -> Vec<&'a Stand<'a>> {
    let mut above: Vec<&Stand<'_>> = Vec::new();
    for other in later.iter().filter(|other| other.is_there && !other.is_other) {
        let is_below =
            |need: &String| *need == stand.view.name || above.iter().any(|s| s.view.name == *need);
        if other.view.needs().any(is_below) {
            above.push(other);
        }
    }
    above
}
