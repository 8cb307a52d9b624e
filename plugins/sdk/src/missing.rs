// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Items that a service listed and then did not find.

use crate::{Failure, FailureKind};

/// How many of the missing things a message names.
const NAMED: usize = 5;

/// Gathers what a list had and its own address then did not find.
///
/// "Not there" does not mean "deleted" for something that was listed a moment ago: a replica
/// may lag, a credential may list what it may not read, and a service in trouble answers 404 to
/// everything. So a reader reads on without it, keeps it open in its checkpoint, and ends the
/// partition with [`Missing::failure`]: the other rows are written, a person hears what is
/// missing, and the next run asks for it again.
///
/// ```
/// use test_dashboard_sdk::{Failure, Missing};
///
/// let mut missing = Missing::of("runs");
/// let jobs = missing.there("run 7", Err::<Vec<u32>, _>(Failure::not_found("answered 404")));
/// assert_eq!(jobs, Ok(None));
/// assert!(missing.failure().is_some_and(|failure| failure.message.contains("run 7")));
/// ```
#[derive(Debug)]
pub struct Missing {
    /// What is asked for, in the plural: `workflow runs`.
    things: &'static str,
    /// How many were asked for.
    asked: usize,
    /// How many of them were not there.
    count: usize,
    /// The names of the first few.
    names: Vec<String>,
    /// What the service said of the first.
    first: Option<Failure>,
}

impl Missing {
    /// For things of one sort, in the plural: `workflow runs`.
    #[must_use]
    pub fn of(things: &'static str) -> Self {
        Missing { things, asked: 0, count: 0, names: Vec::new(), first: None }
    }

    /// Takes note of what was got for a thing that had been listed, `name` for a person. None
    /// when it is not there.
    ///
    /// # Errors
    ///
    /// Every failure but `not-found`.
    pub fn there<T>(
        &mut self,
        name: impl Into<String>,
        got: Result<T, Failure>,
    ) -> Result<Option<T>, Failure> {
        self.asked += 1;
        match got {
            Err(failure) if failure.kind == FailureKind::NotFound => {
                self.count += 1;
                if self.names.len() < NAMED {
                    self.names.push(name.into());
                }
                self.first.get_or_insert(failure);
                Ok(None)
            }
            got => got.map(Some),
        }
    }

    /// What ends the partition, once all the rest is covered by a checkpoint; none when
    /// everything was there.
    #[must_use]
    pub fn failure(&self) -> Option<Failure> {
        let first = self.first.clone()?;
        let Missing { things, asked, count, .. } = self;
        let names = self.names.join(", ");
        let more = match count - self.names.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let message = format!(
            "{count} of {asked} {things} are listed and yet not found: {names}{more}. They may have been deleted just now, or the credential may not read them. The next run asks for them again ({first})"
        );
        Some(first.retold(FailureKind::NotFound, message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn not_there(n: usize) -> Result<(), Failure> {
        Err(Failure::not_found(format!("GET /runs/{n}/jobs: answered 404")))
    }

    #[test]
    fn nothing_missing_is_no_failure() {
        let mut missing = Missing::of("runs");
        assert_eq!(missing.there("run 1", Ok(1)), Ok(Some(1)));
        assert_eq!(missing.failure(), None);
    }

    #[test]
    fn the_failure_counts_and_names_what_is_missing() {
        let mut missing = Missing::of("runs");
        assert_eq!(missing.there("run 1", Ok(1)), Ok(Some(1)));
        for n in 2..9 {
            assert_eq!(missing.there(format!("run {n}"), not_there(n)), Ok(None));
        }
        let failure = missing.failure().unwrap();
        assert_eq!(failure.kind, FailureKind::NotFound);
        assert!(
            failure.message.starts_with(
                "7 of 8 runs are listed and yet not found: run 2, run 3, run 4, run 5, run 6 and 2 more."
            ),
            "{failure}"
        );
        assert!(failure.message.ends_with("(GET /runs/2/jobs: answered 404)"), "{failure}");
    }

    #[test]
    fn other_failures_pass() {
        let mut missing = Missing::of("runs");
        let broken = Failure::transient("answered 500");
        assert_eq!(missing.there("run 1", Err::<(), _>(broken.clone())), Err(broken));
        assert_eq!(missing.failure(), None);
    }
}
