// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The services of the night: one server that is GitHub, TestRail, Taskcluster and Bitrise, for
//! five projects, in two nights.
//!
//! What a service holds follows from the moment alone, so that a run from scratch sees the same
//! world as the one that has followed it. The program reads the real clock. So the day between
//! the nights is pressed into the last fifty minutes before the test: plugins bear a service
//! whose clock is off by less than an hour.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::json;

use super::{bitrise, github, taskcluster, testrail};
use crate::support::testrail::authorization;
use crate::support::{Answer, Asked, Server};

pub const MINUTE: i64 = 60;
pub const HOUR: i64 = 60 * MINUTE;
pub const DAY: i64 = 24 * HOUR;
const BETWEEN_THE_NIGHTS: i64 = 50 * MINUTE;

pub const GITHUB_TOKEN: &str = "ghp_good";
pub const BITRISE_TOKEN: &str = "a-new-token";
pub const EXPIRED_BITRISE_TOKEN: &str = "an-expired-token";

/// What a project is called by the services.
pub struct Project {
    pub name: &'static str,
    pub testrail: i64,
    /// The repository's number.
    pub github: i64,
    /// The app's slug.
    pub bitrise: &'static str,
}

pub const PROJECTS: [Project; 5] = [
    Project { name: "fenix", testrail: 59, github: 501, bitrise: "a-fenix" },
    Project { name: "focus-android", testrail: 48, github: 502, bitrise: "a-focus-android" },
    Project { name: "reference-browser", testrail: 58, github: 503, bitrise: "a-reference" },
    Project { name: "firefox-ios", testrail: 14, github: 504, bitrise: "a-firefox-ios" },
    Project { name: "focus-ios", testrail: 27, github: 505, bitrise: "a-focus-ios" },
];

/// The project to which TestRail's milestones are closed in the first night.
pub const SHUT_OUT: &str = "focus-ios";

/// When the world is looked at, in seconds since 1970.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// The second night.
    pub today: i64,
    /// This night: nothing that is later is there.
    pub now: i64,
    pub is_second_night: bool,
}

/// Something that happens when the so-manieth request comes in, before it is answered.
struct Trap {
    requests_before: usize,
    spring: Box<dyn FnOnce() + Send>,
}

/// The services.
pub struct World {
    pub server: Server,
    is_second_night: Arc<AtomicBool>,
    trap: Arc<Mutex<Option<Trap>>>,
}

impl World {
    /// In the first night.
    pub fn start() -> Self {
        let today = jiff::Timestamp::now().as_second();
        let is_second_night = Arc::new(AtomicBool::new(false));
        let trap: Arc<Mutex<Option<Trap>>> = Arc::default();
        let (night, laid) = (Arc::clone(&is_second_night), Arc::clone(&trap));
        let server = Server::start(move |asked| {
            spring(&laid);
            let is_second_night = night.load(Ordering::SeqCst);
            let now = if is_second_night { today } else { today - BETWEEN_THE_NIGHTS };
            answer(asked, Moment { today, now, is_second_night })
        });
        World { server, is_second_night, trap }
    }

    /// A day later: what was down is up, and what was shut out is let in.
    pub fn next_night(&self) {
        self.is_second_night.store(true, Ordering::SeqCst);
    }

    /// Does something when so many more requests have come in, before the last is answered.
    pub fn at_request(&self, number: usize, spring: impl FnOnce() + Send + 'static) {
        let trap = Trap { requests_before: number - 1, spring: Box::new(spring) };
        *self.trap.lock().unwrap() = Some(trap);
    }

    /// That what was to happen has happened.
    #[track_caller]
    pub fn assert_sprung(&self) {
        assert!(self.trap.lock().unwrap().is_none(), "there were too few requests");
    }
}

fn spring(trap: &Mutex<Option<Trap>>) {
    let mut laid = trap.lock().unwrap();
    match &mut *laid {
        Some(Trap { requests_before: 0, .. }) => {}
        Some(trap) => {
            trap.requests_before -= 1;
            return;
        }
        None => return,
    }
    let Some(Trap { spring, .. }) = laid.take() else { return };
    drop(laid);
    spring();
}

/// Answers what is asked of any of the services.
pub fn answer(asked: &Asked, moment: Moment) -> Answer {
    let may_come_in = |expected: &str| asked.header("authorization") == Some(expected);
    let (service, below) = asked.target[1..].split_at(asked.target[1..].find('/').unwrap());
    match service {
        "testrail" if !may_come_in(&authorization()) => {
            testrail::error(401, "Authentication failed: invalid or missing user/password.")
        }
        "testrail" if is_shut_out(below) && !moment.is_second_night => {
            testrail::error(403, "You are not allowed to access the project.")
        }
        "testrail" => testrail::answer(below, moment),
        "github" if !may_come_in(&format!("Bearer {GITHUB_TOKEN}")) => {
            Server::json(401, json!({"message": "Bad credentials"}))
        }
        "github" => github::answer(asked, below, moment),
        "taskcluster" if !moment.is_second_night => {
            Server::answer(503, &[("content-type", "text/html")], "<h1>Service Unavailable")
        }
        "taskcluster" => taskcluster::answer(below, moment),
        "bitrise" if !may_come_in(BITRISE_TOKEN) => {
            Server::json(401, json!({"message": "Unauthorized"}))
        }
        "bitrise" => bitrise::answer(asked, below, moment),
        other => panic!("there is no service {other}"),
    }
}

fn is_shut_out(below: &str) -> bool {
    let project = PROJECTS.iter().find(|project| project.name == SHUT_OUT).unwrap();
    below.contains(&format!("/get_milestones/{}", project.testrail))
}

/// A moment as most services write it.
pub fn iso(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).unwrap().to_string()
}
