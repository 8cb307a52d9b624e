// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Lists: page by page, or held until they are known to be whole.
//!
//! GitHub tells the pages of a list apart by a cursor (`after=…`), or counts them (`page=2`).
//! Counted pages shift while they are read: what is added or moves to the front makes an item
//! come twice, which does no harm, but what is deleted lets one slip between two pages, and
//! nothing shows it. An incremental run loses little by that: the next change or the next full
//! refresh brings the item. A full refresh removes from the tables what it does not see, so it
//! holds a counted list and reads it again until two readings agree, or until it has as many items
//! as GitHub says that there are.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::DeserializeOwned;
use test_dashboard_sdk::http::{LinkPages, RequestBuilder, Response, shown};
use test_dashboard_sdk::{Failure, log};

use crate::api::{explain, explain_one};

/// How often a list that changes all the time is read before it is given up.
const MOST_READINGS: usize = 5;
/// How many items of a list that was held are handed on at once.
const HELD_PAGE: usize = 1_000;

/// What comes in lists.
pub trait Listed: DeserializeOwned {
    /// What a token has to be allowed to read.
    const PERMISSION: &'static str;
    /// Whether its list is a repository's. That of another thing, such as a run, may be missing
    /// while the repository is there.
    const OF_REPOSITORY: bool = true;
    /// GitHub's number of it.
    fn id(&self) -> i64;

    /// Its items, and of how many in all, where the list says so.
    ///
    /// # Errors
    ///
    /// When the page is no such list.
    fn page(answer: &Response) -> Result<(Vec<Self>, Option<usize>), Failure> {
        Ok((answer.json()?, None))
    }
}

/// A list that can be read from its begin as often as need be.
pub struct List<T> {
    request: RequestBuilder,
    repository: String,
    items: PhantomData<fn() -> T>,
}

/// A list as it was when it was read.
pub enum Whole<T> {
    /// All items, ordered by their numbers.
    Items(Vec<T>),
    /// It has at least so many items, which may not all be reachable.
    TooMany(usize),
}

impl<T: Listed> List<T> {
    /// The list that a request begins to read.
    pub fn new(request: RequestBuilder, repository: &str) -> Self {
        List { request, repository: repository.into(), items: PhantomData }
    }

    /// Its pages; the first is asked for at once, and each other ahead of its use.
    pub fn pages(&self) -> Pages<T> {
        self.pages_of(LinkPages::start(self.request.clone()))
    }

    /// Its pages, none of which is asked for before it is wanted.
    pub fn lazy_pages(&self) -> Pages<T> {
        self.pages_of(LinkPages::lazily(self.request.clone()))
    }

    fn pages_of(&self, pages: LinkPages) -> Pages<T> {
        let repository = self.repository.clone();
        Pages { pages, repository, total: None, is_counted: false, items: PhantomData }
    }

    /// All items, once the list is known to be whole: the rest of `pages`, and what was `read`
    /// of them already.
    ///
    /// # Errors
    ///
    /// When a page does not come, or the list never is the same twice.
    pub fn whole(&self, pages: Pages<T>, read: Vec<T>) -> Result<Vec<T>, Failure> {
        match self.read_whole(pages, read, usize::MAX)? {
            Whole::Items(items) => Ok(items),
            Whole::TooMany(total) => Err(Failure::internal(format!("{total} items in a list"))),
        }
    }

    /// The same for a list of which fewer items than it has may be reachable: as many as that, or
    /// more. It shows from its first page, and no other is asked for.
    ///
    /// # Errors
    ///
    /// As [`whole`](Self::whole).
    pub fn whole_if_reachable(&self, reachable: usize) -> Result<Whole<T>, Failure> {
        self.read_whole(self.lazy_pages(), Vec::new(), reachable)
    }

    fn read_whole(
        &self,
        mut pages: Pages<T>,
        read: Vec<T>,
        reachable: usize,
    ) -> Result<Whole<T>, Failure> {
        let mut items: BTreeMap<i64, T> = by_id(read);
        let mut before: Option<Vec<i64>> = None;
        for _ in 0..MOST_READINGS {
            while let Some(page) = pages.next_page()? {
                items.extend(by_id(page));
                // A count at the limit is the limit, and not the count.
                if let Some(total) = pages.total.filter(|total| *total >= reachable) {
                    return Ok(Whole::TooMany(total));
                }
            }
            let ids: Vec<i64> = items.keys().copied().collect();
            let is_whole = match pages.total {
                Some(total) => ids.len() == total,
                None => !pages.is_counted,
            };
            if !is_whole && before.as_ref() == Some(&ids) && pages.total.is_some() {
                log::warn(format!(
                    "{}: two readings agree on {} items, of which GitHub counts {}",
                    shown(self.request.url()),
                    ids.len(),
                    pages.total.unwrap_or_default()
                ));
            }
            if is_whole || before.as_ref() == Some(&ids) {
                return Ok(Whole::Items(items.into_values().collect()));
            }
            before = Some(ids);
            items.clear();
            pages = self.lazy_pages();
        }
        Err(Failure::transient(format!(
            "GET {}: the list was another one each of the {MOST_READINGS} times that it was read: try again when less happens in {}",
            shown(self.request.url()),
            self.repository
        )))
    }
}

fn by_id<T: Listed>(items: Vec<T>) -> BTreeMap<i64, T> {
    items.into_iter().map(|item| (item.id(), item)).collect()
}

/// The pages of a list. Only a good answer without a next page ends it.
pub struct Pages<T> {
    pages: LinkPages,
    repository: String,
    total: Option<usize>,
    is_counted: bool,
    items: PhantomData<fn() -> T>,
}

impl<T: Listed> Pages<T> {
    /// # Errors
    ///
    /// When a page does not come or is no list of these items.
    pub fn next_page(&mut self) -> Result<Option<Vec<T>>, Failure> {
        let page = self.pages.next_page();
        let explain = if T::OF_REPOSITORY { explain } else { explain_one };
        let page = page.map_err(|failure| explain(failure, &self.repository, T::PERMISSION))?;
        let Some(page) = page else { return Ok(None) };
        let next = self.pages.next_url().and_then(|url| url.split_once('?'));
        self.is_counted |=
            next.is_some_and(|(_, query)| !query.split('&').any(|p| p.starts_with("after=")));
        let (items, total) = T::page(&page)?;
        self.total = total;
        Ok(Some(items))
    }
}

/// What a report reads its items from.
pub enum Feed<T> {
    /// Page by page, as they come.
    Live(Box<Pages<T>>),
    /// Not begun; for a full refresh, which may not lose any.
    Unread(List<T>),
    /// Held until it was whole.
    Held(std::vec::IntoIter<T>),
}

impl<T: Listed> Feed<T> {
    /// Page by page, but held until it is known to be whole where a full refresh needs that.
    pub fn of(list: List<T>, is_full: bool) -> Self {
        if is_full { Feed::Unread(list) } else { Feed::Live(Box::new(list.pages())) }
    }

    /// Some more items; none at the end.
    ///
    /// # Errors
    ///
    /// When a page does not come, or a list that has to be whole never is.
    pub fn next_page(&mut self) -> Result<Option<Vec<T>>, Failure> {
        match self {
            Feed::Live(pages) => pages.next_page(),
            Feed::Held(items) => {
                let page: Vec<T> = items.by_ref().take(HELD_PAGE).collect();
                Ok(Some(page).filter(|page| !page.is_empty()))
            }
            Feed::Unread(list) => {
                let mut pages = list.pages();
                let first = pages.next_page()?.unwrap_or_default();
                if !pages.is_counted {
                    *self = Feed::Live(Box::new(pages));
                    return Ok(Some(first));
                }
                *self = Feed::Held(list.whole(pages, first)?.into_iter());
                self.next_page()
            }
        }
    }

    /// Whether pages were counted that went straight on: then one item may have slipped
    /// between them.
    pub fn is_counted(&self) -> bool {
        matches!(self, Feed::Live(pages) if pages.is_counted)
    }
}

impl<T> fmt::Debug for List<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("List").field("request", &self.request).finish_non_exhaustive()
    }
}
