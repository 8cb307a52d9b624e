// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! A whole run of a report: the plan, then every partition.

use test_dashboard_model::Partition;

use super::reading::{Place, Planned, Read, Stage, Stop, Variation};
use super::rehearsal::Exchange;
use super::tables::Committed;

/// A run from nothing.
pub struct Run {
    /// The planning.
    pub planned: Planned,
    /// The partitions, in the plan's order.
    pub parts: Vec<Part>,
    /// Where it ended.
    pub place: Place,
}

/// A partition of a run.
pub struct Part {
    /// The partition.
    pub partition: Partition,
    /// Where its reading began.
    pub from: Place,
    /// The reading.
    pub read: Read,
}

impl Run {
    /// Plans and reads everything, one partition after the other. A partition that fails does
    /// not keep the others from being read.
    pub async fn new(stage: &Stage, vary: Variation) -> Run {
        let planned = stage.plan(vary).await;
        let mut place =
            Place { committed: Committed::default(), bookmark: planned.bookmark.clone() };
        let mut parts = Vec::new();
        for partition in planned.outcome.as_deref().unwrap_or_default() {
            let from = Place {
                committed: Committed { checkpoint: None, ..place.committed.clone() },
                ..place
            };
            let read = stage.read(partition, &from, vary).await;
            place = read.place.clone();
            parts.push(Part { partition: partition.clone(), from, read });
        }
        Run { planned, parts, place }
    }

    /// Where and why it came to no good end, if it did.
    pub fn stop(&self) -> Option<(Option<&str>, &Stop, &[Exchange])> {
        if let Err(stop) = &self.planned.outcome {
            return Some((None, stop, &self.planned.exchanges));
        }
        self.parts.iter().find_map(|part| {
            let stop = part.read.stop.as_ref()?;
            Some((Some(part.partition.id.as_str()), stop, part.read.exchanges.as_slice()))
        })
    }

    /// Everything that was asked, in order.
    pub fn exchanges(&self) -> Vec<Exchange> {
        let parts = self.parts.iter().flat_map(|part| &part.read.exchanges);
        self.planned.exchanges.iter().chain(parts).cloned().collect()
    }
}
