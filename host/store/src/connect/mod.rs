// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Reaching a server, whichever engine it has: addresses and passwords, sockets and TLS, waiting for
//! one that is away, and a pool of connections that log in anew.

pub(crate) mod absence;
pub(crate) mod connection;
pub(crate) mod error;
pub(crate) mod login;
pub(crate) mod password;
pub(crate) mod pool;
pub(crate) mod socket;
pub(crate) mod tls;
pub(crate) mod trouble;
pub(crate) mod tunnel;
