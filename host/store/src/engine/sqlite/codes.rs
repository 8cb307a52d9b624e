// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! SQLite's error codes, with the names that its documentation gives them. A code that is not here is an
//! error that nothing is done about.

use crate::connect::trouble::Trouble::{
    self, AtLimit, Busy, Cancelled, DiskFull, Duplicate, Lost, Privilege,
};

/// <https://www.sqlite.org/rescode.html>. An extended code has its primary one in its low eight
/// bits, and that one's meaning unless it stands here itself.
pub(crate) const CODES: &[(u32, &str, Trouble)] = &[
    (3, "SQLITE_PERM", Privilege),
    (5, "SQLITE_BUSY", Busy),
    (6, "SQLITE_LOCKED", Busy),
    (7, "SQLITE_NOMEM", AtLimit),
    (8, "SQLITE_READONLY", Privilege),
    (9, "SQLITE_INTERRUPT", Cancelled),
    (13, "SQLITE_FULL", DiskFull),
    (14, "SQLITE_CANTOPEN", Lost),
    (15, "SQLITE_PROTOCOL", Busy),
    (23, "SQLITE_AUTH", Privilege),
    // A write that failed, as past a quota or a limit on the size of files.
    (778, "SQLITE_IOERR_WRITE", DiskFull),
    (1555, "SQLITE_CONSTRAINT_PRIMARYKEY", Duplicate),
    (2067, "SQLITE_CONSTRAINT_UNIQUE", Duplicate),
    (2579, "SQLITE_CONSTRAINT_ROWID", Duplicate),
];

pub(crate) fn meaning(code: u32) -> Trouble {
    let of = |code: u32| CODES.iter().find(|(known, ..)| *known == code);
    let known = of(code).or_else(|| of(code & 0xff));
    known.map_or(Trouble::Other, |(.., trouble)| *trouble)
}
