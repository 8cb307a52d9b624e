// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The counts of rows and requests: their names, and their order, wherever they are shown,
//! serialized or kept in a column.

use std::ops::AddAssign;

use serde::Serialize;

macro_rules! counts {
    ($($(#[$about:meta])* $name:ident,)+) => {
        /// What a commit, a partition, a report or a run did.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
        pub struct Counts {
            $($(#[$about])* pub $name: u64,)+
        }

        impl Counts {
            /// The names, which are those of the columns in the history as well.
            pub const NAMES: [&'static str; [$(stringify!($name)),+].len()] =
                [$(stringify!($name)),+];

            /// The numbers, in the order of [`Counts::NAMES`].
            pub fn values(&self) -> [u64; Self::NAMES.len()] {
                [$(self.$name),+]
            }

            /// Looks each of them up by its name.
            ///
            /// # Errors
            ///
            /// The first that `look_up` returns.
            pub fn by_name<E>(
                mut look_up: impl FnMut(&'static str) -> Result<u64, E>,
            ) -> Result<Self, E> {
                Ok(Counts { $($name: look_up(stringify!($name))?,)+ })
            }
        }

        impl AddAssign for Counts {
            fn add_assign(&mut self, other: Counts) {
                $(self.$name += other.$name;)+
            }
        }
    };
}

counts! {
    /// Rows that the plugin delivered.
    rows_read,
    /// Rows that were not in the table before.
    rows_new,
    /// Rows that were in the table and differed.
    rows_changed,
    /// Rows that were in the table exactly like this.
    rows_unchanged,
    /// Rows that were deleted because they are gone upstream.
    rows_removed,
    /// Rejected rows: they do not fit their declaration.
    rows_rejected,
    /// Requests sent.
    requests,
    /// Bytes of all response bodies.
    response_bytes,
}

impl std::iter::Sum for Counts {
    fn sum<I: Iterator<Item = Counts>>(all: I) -> Counts {
        all.fold(Counts::default(), |mut sum, counts| {
            sum += counts;
            sum
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_count_is_read_by_its_name_added_and_told_in_one_order() {
        let place = |name: &str| Counts::NAMES.iter().position(|known| *known == name);
        let read = |name| place(name).map(|place| place as u64 + 1).ok_or(name);
        let counts = Counts::by_name(read).unwrap();
        let twice: Counts = [counts, counts].into_iter().sum();
        let sums: Vec<u64> = (1..=Counts::NAMES.len() as u64).map(|number| number * 2).collect();
        assert_eq!(twice.values().to_vec(), sums);
        let json = serde_json::to_value(twice).unwrap();
        for (name, value) in Counts::NAMES.iter().zip(twice.values()) {
            assert_eq!(json[name], value, "{name}");
        }
        assert_eq!(Counts::by_name(Err), Err("rows_read"));
    }
}
