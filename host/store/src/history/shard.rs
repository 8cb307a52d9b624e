// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Which of several processes reads which partition.
//!
//! Every shard decides for itself, from the partition's name alone: nobody hands out work, so
//! nobody has to be alive for the others to go on, and a shard that is started again on another
//! machine finds the same part.

use std::fmt;
use std::str::FromStr;

use crate::digest;
use crate::keys::PartitionKey;

/// The most shards that a run can have. A plugin plans some hundred partitions at most.
pub const MOST_SHARDS: u16 = 256;

/// One of the parts that a run is split into, written `2/4`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Shard {
    number: u16,
    count: u16,
}

impl Shard {
    /// The whole of a run, 1/1.
    pub const WHOLE: Shard = Shard { number: 1, count: 1 };

    /// The shard `number`, counted from 1, of `count`; none when there is no such shard.
    pub fn new(number: u16, count: u16) -> Option<Shard> {
        let fits = (1..=count).contains(&number) && count <= MOST_SHARDS;
        fits.then_some(Shard { number, count })
    }

    /// Which one it is, from 1.
    pub fn number(self) -> u16 {
        self.number
    }

    /// How many there are.
    pub fn count(self) -> u16 {
        self.count
    }

    /// Whether it is the whole of a run.
    pub fn is_whole(self) -> bool {
        self.count == 1
    }

    /// Whether the partition is this shard's. Of all shards of a run exactly one says so, and
    /// the same one in every version and on every machine: a partition that changed hands
    /// between two versions would be read by two shards, or by none.
    pub fn has(self, key: &PartitionKey) -> bool {
        let parts = [&key.project, &key.datasource, &key.report, &key.partition];
        let [a, b, c, d, e, f, g, h, ..] = digest::of(&parts.map(String::as_str));
        let number = u64::from_be_bytes([a, b, c, d, e, f, g, h]);
        number % u64::from(self.count) == u64::from(self.number - 1)
    }

    /// What the history calls a piece of this shard's work that is no partition, such as
    /// `(plan 2/4)`.
    pub fn step(self, name: &str) -> String {
        format!("({name} {self})")
    }

    /// Whether this shard, when it is started again, does what the history has under this name:
    /// its partitions, its own steps, and the steps of the run as a whole, which are done by
    /// whichever shard ends last.
    pub(crate) fn does(self, key: &PartitionKey) -> bool {
        match key.partition.strip_prefix('(') {
            Some(step) => !step.contains('/') || step.ends_with(&format!(" {self})")),
            None => self.has(key),
        }
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.count)
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Shard, String> {
        let shard = text.split_once('/').and_then(|(number, count)| {
            Shard::new(number.trim().parse().ok()?, count.trim().parse().ok()?)
        });
        shard.ok_or_else(|| {
            format!(
                "{text:?} is no shard such as 2/4, the second of four: from 1/1 to {MOST_SHARDS}/{MOST_SHARDS}"
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(partition: &str) -> PartitionKey {
        PartitionKey {
            project: "fenix".into(),
            datasource: "testrail".into(),
            report: "test-case-coverage".into(),
            partition: partition.into(),
        }
    }

    fn owner(partition: &str, count: u16) -> u16 {
        let shards = (1..=count).map(|number| Shard::new(number, count).unwrap());
        let owners: Vec<Shard> = shards.filter(|shard| shard.has(&key(partition))).collect();
        assert_eq!(owners.len(), 1, "{partition}: {owners:?}");
        owners[0].number()
    }

    #[test]
    fn a_partition_has_the_same_shard_in_every_version() {
        let owners = ["suite/1", "suite/2", "suite/3", "repository/515"].map(|id| owner(id, 4));
        assert_eq!(owners, [2, 2, 1, 3]);
        assert_eq!(owner("suite/1", 1), 1);
        assert_eq!(owner("suite/1", 256), 182);
    }

    #[test]
    fn partitions_are_spread_evenly() {
        for count in [2, 3, 4, 7, 16] {
            let mut held = vec![0_u32; usize::from(count)];
            for suite in 0..8_000 {
                held[usize::from(owner(&format!("suite/{suite}"), count) - 1)] += 1;
            }
            let fair = 8_000 / u32::from(count);
            let is_fair = |held: &u32| held.abs_diff(fair) < fair / 5;
            assert!(held.iter().all(is_fair), "{count}: {held:?}");
        }
    }

    #[test]
    fn of_what_is_no_partition_a_shard_does_its_own_and_what_is_everybodys() {
        let shard = Shard::new(2, 4).unwrap();
        assert_eq!(shard.step("plan"), "(plan 2/4)");
        assert!(shard.does(&key("(plan 2/4)")));
        assert!(shard.does(&key("(full)")));
        assert!(!shard.does(&key("(plan 12/4)")));
        assert!(!shard.does(&key("(plan 1/4)")));
    }

    #[test]
    fn shards_are_read_and_said() {
        for text in ["1/1", "2/4", "256/256"] {
            assert_eq!(text.parse::<Shard>().unwrap().to_string(), text);
        }
        for wrong in ["", "2", "0/4", "5/4", "-1/4", "1/257", "1/0", "2/4/8", "a/b", "1/99999"] {
            let error = wrong.parse::<Shard>().unwrap_err();
            assert!(error.contains("2/4, the second of four"), "{error}");
        }
    }
}
