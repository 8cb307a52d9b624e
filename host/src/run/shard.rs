// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Determines which shard of a run this process reads: from the command line, or from the platform
//! that started it.

use test_dashboard_store::{MOST_SHARDS, Shard};

use crate::config::Environment;
use crate::usage_error::UsageError;

/// The part of a run that a process reads; by default all of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Which part: 1 of 1 is a run by itself.
    pub shard: Shard,
    /// What all parts of this run have in common, and no other run has; none for a run by itself.
    pub key: Option<String>,
}

impl Default for Part {
    fn default() -> Self {
        Part { shard: Shard::WHOLE, key: None }
    }
}

impl Part {
    /// Whether other processes read other parts of the run.
    pub fn is_shared(&self) -> bool {
        self.key.is_some()
    }
}

/// Shards by their numbers: `2/4`, `2/4 and 4/4`, `1/4, 2/4 and 4/4`.
pub fn shards(numbers: &[u16], count: u16) -> String {
    let texts: Vec<String> = numbers.iter().map(|number| format!("{number}/{count}")).collect();
    match texts.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
        None => String::new(),
    }
}

/// The part that is meant. Flags win over variables, and what
/// names a shard wins over what a platform implies:
///
/// | Shard | Key |
/// |---|---|
/// | `--shard`, `TEST_DASHBOARD_SHARD` | `--run-key`, `TEST_DASHBOARD_RUN_KEY` |
/// | Cloud Run: `CLOUD_RUN_TASK_INDEX` (from 0), `CLOUD_RUN_TASK_COUNT` | `CLOUD_RUN_EXECUTION` |
/// | Kubernetes: `JOB_COMPLETION_INDEX` (from 0), `TEST_DASHBOARD_SHARDS` | |
/// | | GitHub: `GITHUB_REPOSITORY`, `GITHUB_RUN_ID` |
///
/// Cloud Run sets its variables in every task of a job, and the execution's name is the same in
/// all of them, also when a task is tried again
/// (<https://cloud.google.com/run/docs/container-contract#jobs-env-vars>).
///
/// Kubernetes sets the index in the Pods of an Indexed Job and no count
/// (<https://kubernetes.io/docs/concepts/workloads/controllers/job/#completion-mode>). It sets
/// nothing that could be the key: the Pod's host name has the Job's name in it, and a Job that
/// is deleted and created again has the same name and is another run. Taken for the same it
/// would find everything done already, and read nothing.
///
/// GitHub's number of a workflow run is unique within a repository and stays when failed jobs
/// are run again
/// (<https://docs.github.com/en/actions/reference/workflows-and-actions/variables>).
///
/// # Errors
///
/// [`UsageError`] for what is no shard, an index without a count, and shards without a key.
pub fn part(
    shard: Option<Shard>,
    key: Option<&str>,
    environment: &Environment,
) -> Result<Part, UsageError> {
    let meant = match shard {
        Some(shard) => Some(shard),
        None => implied(environment)?,
    };
    match meant {
        None if key.is_some() => Err(UsageError::new(
            "--run-key names a run that shards share: give --shard I/N to say which of them this is",
        )),
        Some(shard) if !shard.is_whole() => {
            Ok(Part { shard, key: Some(run_key(key, environment)?) })
        }
        _ => Ok(Part::default()),
    }
}

fn implied(environment: &Environment) -> Result<Option<Shard>, UsageError> {
    if let Some(text) = environment.get("TEST_DASHBOARD_SHARD") {
        let shard = text.parse().map_err(|error| {
            UsageError::new(format!("the environment variable TEST_DASHBOARD_SHARD: {error}"))
        });
        return shard.map(Some);
    }
    if let Some(index) = environment.get("CLOUD_RUN_TASK_INDEX") {
        let count = environment.get("CLOUD_RUN_TASK_COUNT").unwrap_or("1");
        return of_index(("CLOUD_RUN_TASK_INDEX", index), ("CLOUD_RUN_TASK_COUNT", count));
    }
    let Some(index) = environment.get("JOB_COMPLETION_INDEX") else { return Ok(None) };
    let Some(count) = environment.get("TEST_DASHBOARD_SHARDS") else {
        return Err(UsageError::new(format!(
            "JOB_COMPLETION_INDEX is {index}, so this is one of several Pods of a Job, and Kubernetes does not say of how many: set TEST_DASHBOARD_SHARDS to the Job's `completions`, or read everything in this one with --shard 1/1"
        )));
    };
    of_index(("JOB_COMPLETION_INDEX", index), ("TEST_DASHBOARD_SHARDS", count))
}

/// The shard of an index that counts from 0.
fn of_index(
    (index_name, index): (&str, &str),
    (count_name, count): (&str, &str),
) -> Result<Option<Shard>, UsageError> {
    let shard = index.parse::<u16>().ok().zip(count.parse().ok());
    let shard = shard.and_then(|(index, count)| Shard::new(index.checked_add(1)?, count));
    shard.map(Some).ok_or_else(|| {
        UsageError::new(format!(
            "the environment variables {index_name} = {index:?} and {count_name} = {count:?} are not a valid shard: an index counts from 0, and at most {MOST_SHARDS} shards are allowed"
        ))
    })
}

fn run_key(flag: Option<&str>, environment: &Environment) -> Result<String, UsageError> {
    let named = flag.or(environment.get("TEST_DASHBOARD_RUN_KEY"));
    if let Some(key) = named.map(str::trim).filter(|key| !key.is_empty()) {
        return Ok(key.to_string());
    }
    if let Some(execution) = environment.get("CLOUD_RUN_EXECUTION") {
        return Ok(format!("cloud-run {execution}"));
    }
    if let Some(id) = environment.get("GITHUB_RUN_ID") {
        let repository = environment.get("GITHUB_REPOSITORY").unwrap_or_default();
        return Ok(format!("github {repository} {id}"));
    }
    Err(UsageError::new(
        "shards share one run, and nothing here names it: give all of them the same --run-key (or TEST_DASHBOARD_RUN_KEY), a name that no other run has. In Kubernetes that is the Pod's label batch.kubernetes.io/controller-uid",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of<const N: usize>(variables: [(&str, &str); N]) -> Result<Part, String> {
        part(None, None, &Environment::of(variables)).map_err(|error| error.to_string())
    }

    fn is(shard: &str, key: &str) -> Result<Part, String> {
        Ok(Part { shard: shard.parse().unwrap(), key: Some(key.into()) })
    }

    const CLOUD_RUN: [(&str, &str); 3] = [
        ("CLOUD_RUN_TASK_INDEX", "1"),
        ("CLOUD_RUN_TASK_COUNT", "4"),
        ("CLOUD_RUN_EXECUTION", "pump-x7k2p"),
    ];

    #[test]
    fn nothing_is_split_that_nobody_splits() {
        assert_eq!(of([]), Ok(Part::default()));
        assert_eq!(
            of([("GITHUB_RUN_ID", "7"), ("TEST_DASHBOARD_RUN_KEY", "x")]),
            Ok(Part::default())
        );
        assert_eq!(
            of([("TEST_DASHBOARD_SHARD", ""), ("TEST_DASHBOARD_SHARDS", "4")]),
            Ok(Part::default())
        );
        assert_eq!(
            of([("CLOUD_RUN_TASK_INDEX", "0"), ("CLOUD_RUN_TASK_COUNT", "1")]),
            Ok(Part::default())
        );
        assert_eq!(of([("TEST_DASHBOARD_SHARD", "1/1")]), Ok(Part::default()));
    }

    #[test]
    fn each_platform_says_which_shard_it_is() {
        assert_eq!(of(CLOUD_RUN), is("2/4", "cloud-run pump-x7k2p"));
        let github = [
            ("TEST_DASHBOARD_SHARD", "3/4"),
            ("GITHUB_REPOSITORY", "mozilla/pump"),
            ("GITHUB_RUN_ID", "7"),
        ];
        assert_eq!(of(github), is("3/4", "github mozilla/pump 7"));
        let kubernetes = [
            ("JOB_COMPLETION_INDEX", "0"),
            ("TEST_DASHBOARD_SHARDS", "4"),
            ("TEST_DASHBOARD_RUN_KEY", "1b2c"),
        ];
        assert_eq!(of(kubernetes), is("1/4", "1b2c"));
    }

    #[test]
    fn what_is_said_wins_over_what_is_implied() {
        let environment = Environment::of(CLOUD_RUN);
        let given = "1/2".parse().ok();
        let meant = part(given, Some("mine"), &environment);
        assert_eq!(meant.map_err(|error| error.to_string()), is("1/2", "mine"));
        assert_eq!(part("1/1".parse().ok(), None, &environment), Ok(Part::default()));
        let variable = [&CLOUD_RUN[..], &[("TEST_DASHBOARD_SHARD", "4/4")]].concat();
        let variable = Environment::of::<4>(variable.try_into().unwrap());
        let meant = part(None, None, &variable).unwrap();
        assert_eq!(meant.shard.to_string(), "4/4");
    }

    #[test]
    fn what_is_missing_is_named() {
        for (told, error) in [
            (of([("TEST_DASHBOARD_SHARD", "5/4")]), "TEST_DASHBOARD_SHARD: \"5/4\" is no shard"),
            (of([("TEST_DASHBOARD_SHARD", "2/4")]), "--run-key"),
            (of([("JOB_COMPLETION_INDEX", "1")]), "set TEST_DASHBOARD_SHARDS"),
            (
                of([("JOB_COMPLETION_INDEX", "1"), ("TEST_DASHBOARD_SHARDS", "2")]),
                "batch.kubernetes.io/controller-uid",
            ),
            (
                of([("JOB_COMPLETION_INDEX", "4"), ("TEST_DASHBOARD_SHARDS", "4")]),
                "JOB_COMPLETION_INDEX = \"4\"",
            ),
            (
                of([("CLOUD_RUN_TASK_INDEX", "0"), ("CLOUD_RUN_TASK_COUNT", "10000")]),
                "at most 256 shards",
            ),
        ] {
            let found = told.unwrap_err();
            assert!(found.contains(error), "{error:?} is not in {found:?}");
        }
        let alone = part(None, Some("x"), &Environment::of([])).unwrap_err().to_string();
        assert!(alone.contains("--shard I/N"), "{alone}");
        let empty = part("1/2".parse().ok(), Some(" "), &Environment::of([])).unwrap_err();
        assert!(empty.to_string().contains("nothing here names it"), "{empty}");
    }

    #[test]
    fn the_page_for_operators_names_every_variable() {
        let page = include_str!("../../../docs/operating.md");
        for source in include_str!("shard.rs").split("environment.get(\"").skip(1) {
            let name = source.split('"').next().unwrap();
            assert!(page.contains(&format!("`{name}`")), "{name} is not in docs/operating.md");
        }
    }
}
