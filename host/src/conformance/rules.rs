// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The rules that a plugin is checked against: their names, their meanings, and the failures that
//! match a fault.

use std::fmt;

use test_dashboard_model::FailureKind;

use super::rehearsal::Fault;

/// One rule. Its name is how it is reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// `describe` is pure.
    DescribesItselfTheSame,
    /// What it declares can be.
    DeclaresWhatCanBe,
    /// A run over a recording succeeds.
    ReplaysItsRecordings,
    /// Nothing that was recorded is left out.
    AsksForAllThatWasRecorded,
    /// The next page is asked for.
    FollowsPages,
    /// Only the base URL and the declared hosts are asked.
    AsksDeclaredHostsOnly,
    /// No request is one that no plugin may make.
    MakesPermittedRequests,
    /// Planning twice gives the same.
    PlansTheSamePartitions,
    /// Rows fit their declaration.
    DeliversDeclaredRows,
    /// Batches are as small as the host wants them.
    RespectsMaxRows,
    /// Reading twice gives the same.
    SecondRunGivesTheSame,
    /// A full refresh leaves nothing out.
    FullRunDeliversAll,
    /// Going on from a checkpoint loses nothing.
    ResumesFromEveryCheckpoint,
    /// A fault ends in a failure or in the right rows.
    Survives(Trouble),
    /// The contract's formal rules.
    KeepsTheContract,
    /// No traps.
    DoesNotCrash,
    /// No budget is used up.
    StaysInItsBudgets,
}

/// A fault as rules know it, so that they can be sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Trouble(u8);

impl Trouble {
    fn fault(self) -> Fault {
        Fault::ALL.get(usize::from(self.0)).copied().unwrap_or(Fault::Unauthorized)
    }
}

impl Rule {
    /// The rule about this fault.
    pub fn about(fault: Fault) -> Rule {
        let index = Fault::ALL.iter().position(|other| *other == fault).unwrap_or(0);
        Rule::Survives(Trouble(u8::try_from(index).unwrap_or(0)))
    }

    /// Every rule, in the order of the answer.
    pub fn all() -> Vec<Rule> {
        let before = [
            Rule::DescribesItselfTheSame,
            Rule::DeclaresWhatCanBe,
            Rule::ReplaysItsRecordings,
            Rule::AsksForAllThatWasRecorded,
            Rule::FollowsPages,
            Rule::AsksDeclaredHostsOnly,
            Rule::MakesPermittedRequests,
            Rule::PlansTheSamePartitions,
            Rule::DeliversDeclaredRows,
            Rule::RespectsMaxRows,
            Rule::SecondRunGivesTheSame,
            Rule::FullRunDeliversAll,
            Rule::ResumesFromEveryCheckpoint,
        ];
        let after = [Rule::KeepsTheContract, Rule::DoesNotCrash, Rule::StaysInItsBudgets];
        before.into_iter().chain(Fault::ALL.map(Rule::about)).chain(after).collect()
    }

    /// Whether it can be tried without a recording.
    pub fn is_static(self) -> bool {
        matches!(self, Rule::DescribesItselfTheSame | Rule::DeclaresWhatCanBe)
    }

    /// Whether it is broken or holds wherever the plugin runs, whatever is tried there.
    pub fn holds_throughout(self) -> bool {
        matches!(
            self,
            Rule::AsksDeclaredHostsOnly
                | Rule::MakesPermittedRequests
                | Rule::KeepsTheContract
                | Rule::DoesNotCrash
                | Rule::StaysInItsBudgets
        )
    }

    /// What the rule asks of a plugin, in a sentence.
    pub fn meaning(self) -> String {
        let text = match self {
            Rule::DescribesItselfTheSame => {
                "describe makes no requests and answers the same in every fresh instance, whatever the clock says"
            }
            Rule::DeclaresWhatCanBe => {
                "every database can hold its names, columns, keys and reports"
            }
            Rule::ReplaysItsRecordings => {
                "a run over each recording ends without a failure and asks for nothing that is not in it"
            }
            Rule::AsksForAllThatWasRecorded => "a run asks for every answer of its recording",
            Rule::FollowsPages => {
                "where answers of a report name a next page, at least one such page is asked for"
            }
            Rule::AsksDeclaredHostsOnly => {
                "requests go to the base URL's origin and to the hosts that describe lists"
            }
            Rule::MakesPermittedRequests => {
                "no request has a header that is the host's to set, or a user name in its URL"
            }
            Rule::PlansTheSamePartitions => {
                "planning twice against the same answers gives the same partitions"
            }
            Rule::DeliversDeclaredRows => {
                "every row fits its table's declaration, and only tables of the report are filled"
            }
            Rule::RespectsMaxRows => {
                "batches of at most 1 and at most 7 rows give the same tables as large ones"
            }
            Rule::SecondRunGivesTheSame => {
                "two runs from scratch against the same answers give the same tables"
            }
            Rule::FullRunDeliversAll => {
                "a full refresh delivers every row that a run from scratch delivers"
            }
            Rule::ResumesFromEveryCheckpoint => {
                "resuming from any checkpoint, with the tables as they were when it was committed, gives the same tables"
            }
            Rule::KeepsTheContract => {
                "partitions' ids, checkpoints and texts are what the contract says"
            }
            Rule::DoesNotCrash => "no call ends in a trap",
            Rule::StaysInItsBudgets => {
                "no budget is used up; after a fault, requests are not repeated endlessly"
            }
            Rule::Survives(trouble) => {
                let fault = trouble.fault();
                let kinds: Vec<String> = fitting(fault).iter().map(ToString::to_string).collect();
                return format!(
                    "with {fault} at any request it ends in a failure of the kind {}, or in exactly the right rows, and nothing is lost afterwards",
                    kinds.join(" or ")
                );
            }
        };
        text.to_string()
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Rule::DescribesItselfTheSame => "describes-itself-the-same",
            Rule::DeclaresWhatCanBe => "declares-what-can-be",
            Rule::ReplaysItsRecordings => "replays-its-recordings",
            Rule::AsksForAllThatWasRecorded => "asks-for-all-that-was-recorded",
            Rule::FollowsPages => "follows-pages",
            Rule::AsksDeclaredHostsOnly => "asks-declared-hosts-only",
            Rule::MakesPermittedRequests => "makes-permitted-requests",
            Rule::PlansTheSamePartitions => "plans-the-same-partitions",
            Rule::DeliversDeclaredRows => "delivers-declared-rows",
            Rule::RespectsMaxRows => "respects-max-rows",
            Rule::SecondRunGivesTheSame => "second-run-gives-the-same",
            Rule::FullRunDeliversAll => "full-run-delivers-all",
            Rule::ResumesFromEveryCheckpoint => "resumes-from-every-checkpoint",
            Rule::KeepsTheContract => "keeps-the-contract",
            Rule::DoesNotCrash => "does-not-crash",
            Rule::StaysInItsBudgets => "stays-in-its-budgets",
            Rule::Survives(trouble) => match trouble.fault() {
                Fault::RateLimited => "survives-rate-limit",
                Fault::ServerError => "survives-server-error",
                Fault::CutConnection => "survives-cut-connection",
                Fault::HalfAPage => "survives-half-a-page",
                Fault::Html => "survives-html",
                Fault::Slow => "survives-slow-answer",
                Fault::Unauthorized => "survives-401",
            },
        })
    }
}

/// The kinds of failure that fit a fault. The host tries again at once what is transient and
/// leaves the service alone where it asks for that, so a fault that passes by itself has to be
/// told as one; a person can only mend what is told as a matter of credentials.
pub fn fitting(fault: Fault) -> &'static [FailureKind] {
    use FailureKind::{Auth, NotFound, RateLimited, Transient, UnexpectedResponse};
    match fault {
        Fault::RateLimited => &[RateLimited, Transient],
        Fault::ServerError | Fault::CutConnection | Fault::Slow => &[Transient],
        Fault::HalfAPage | Fault::Html => &[UnexpectedResponse, Transient],
        Fault::Unauthorized => &[Auth, NotFound],
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_rule_has_a_name_of_its_own_and_says_what_it_means() {
        let rules = Rule::all();
        let names: HashSet<String> = rules.iter().map(ToString::to_string).collect();
        assert_eq!(names.len(), rules.len());
        for name in &names {
            assert!(name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'));
        }
        for fault in Fault::ALL {
            assert!(rules.contains(&Rule::about(fault)), "{fault}");
        }
        let documented = include_str!("../../../docs/plugin-check.md");
        for rule in &rules {
            assert!(documented.contains(&format!("| `{rule}` |")), "{rule} is not documented");
        }
        for fault in Fault::ALL {
            let kinds: Vec<String> =
                fitting(fault).iter().map(|kind| format!("`{kind}`")).collect();
            let row = documented
                .lines()
                .find(|line| line.starts_with(&format!("| `{}` |", Rule::about(fault))));
            assert!(row.unwrap().ends_with(&format!("| {} |", kinds.join(", "))), "{row:?}");
        }
        let meaning = Rule::about(Fault::Unauthorized).meaning();
        assert!(meaning.contains("401") && meaning.contains("auth or not-found"), "{meaning}");
    }
}
