// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! What a database brings along. A new one is a folder that implements this, a variant of
//! [`Engine`](super::Engine) and a line of its [`driver`](super::Engine::driver).

use std::fmt;
use std::sync::Arc;

use sqlx::error::DatabaseError;

use super::privileges::Need;
use crate::connect::login::{Parts, Place};
use crate::connect::trouble::Trouble;

/// Why an address makes no sense.
#[derive(Debug)]
pub(crate) struct Unusable(pub(crate) String);

/// An address that is none; it is not repeated, since it may hold a password.
pub(crate) fn does_not_parse(address: &str, error: &dyn fmt::Display) -> Unusable {
    let scheme = address.split(':').next().unwrap_or_default();
    Unusable(format!(
        "the {scheme} address does not parse: {error}; special characters in user and password have to be percent-encoded"
    ))
}

/// A kind of database.
pub(crate) trait Driver: Sync {
    /// As a person calls it.
    fn name(&self) -> &'static str;

    /// What its addresses begin with, and how the configuration calls it.
    fn names(&self) -> &'static [&'static str];

    /// What an address looks like.
    fn form(&self) -> &'static str;

    /// Whether an address is its own.
    fn takes(&self, address: &str) -> bool {
        address.split_once(':').is_some_and(|(scheme, _)| self.names().contains(&scheme))
    }

    /// Reads an address that it takes.
    fn parse(&self, address: &str) -> Result<Arc<dyn Place>, Unusable>;

    /// A server in parts; none where it has no servers.
    fn server(&self, parts: &Parts<'_>) -> Option<Arc<dyn Place>>;

    /// What an error means; none of an error of another kind of database.
    fn trouble(&self, error: &dyn DatabaseError) -> Option<Trouble>;

    /// At which character of a statement an error is, from 1, where the server tells that.
    fn position(&self, _error: &dyn DatabaseError) -> Option<usize> {
        None
    }

    /// Whether its users are asked for this privilege.
    fn asks_for(&self, need: Need) -> bool;

    /// Whether the server names this privilege in its refusal.
    fn names_in(&self, _refusal: &str, _need: Need) -> bool {
        false
    }

    /// The statements by which a server's owner gives a user these privileges.
    fn grant(&self, needs: &[Need], user: &str, database: &str) -> Vec<String>;

    /// What helps a person where these are missing.
    fn remedy(&self, needs: &[Need], user: &str, database: &str) -> String {
        self.grant(needs, user, database).join("; ")
    }

    /// What helps where no connection is to be had for want of a privilege.
    fn remedy_to_connect(&self, remedy: String) -> String {
        remedy
    }

    /// The statements by which a server's owner lets a user read what is there.
    fn grants_to_read(&self, _user: &str, _database: &str) -> Vec<String> {
        vec![]
    }

    /// The statement by which `pump` lets a user read what is to come, where that is another one.
    fn grant_to_read_later(&self, _user: &str, _pump: &str) -> Option<String> {
        None
    }

    /// What helps a user who may not read.
    fn remedy_to_read(&self, user: &str, database: &str) -> String {
        self.grants_to_read(user, database).join("; ")
    }

    /// The statements by which a server's owner lets a user see who holds a lock.
    fn grants_to_see_locks(&self, _user: &str) -> Vec<String> {
        vec![]
    }
}
