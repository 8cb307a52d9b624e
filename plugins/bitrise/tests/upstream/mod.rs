// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! A Bitrise with a few apps: it filters, sorts, pages and forgets as the real one does, while
//! builds are triggered, run, wait, end, and are deleted.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use serde_json::{Value as Json, json};
use test_dashboard_bitrise::Bitrise;
use test_dashboard_sdk::jiff::SignedDuration;
use test_dashboard_sdk::testing::{self, FakeHttp, MemoryHost, Reply};
use test_dashboard_sdk::{Failure, Request, Timestamp, Value, http};

pub const BASE: &str = "https://api.example.org";
/// What an environment of a build holds, and no table may.
pub const SECRET: &str = "hunter2-keystore-password";
pub const DAY: i64 = 86_400;

/// One build, whose state follows from the time.
#[derive(Debug, Clone)]
pub struct Build {
    pub slug: String,
    pub app: String,
    pub number: i64,
    pub triggered: i64,
    /// From when on the list has it.
    pub visible: i64,
    /// When a machine takes it, was ready, and when it ends; none while it is on hold.
    pub runs: Option<[i64; 3]>,
    /// What its status will be.
    pub outcome: i64,
    /// What it will produce: the slugs of artifacts.
    pub artifacts: Vec<String>,
    /// Everything that may be null is.
    pub is_bare: bool,
}

impl Build {
    pub fn is_settled(&self, now: i64) -> bool {
        self.runs.is_some_and(|[.., ends]| ends <= now)
    }

    fn json(&self, now: i64) -> Json {
        let past = |at: i64| if at <= now { Json::from(text(at)) } else { Json::Null };
        let times = self.runs.map_or([Json::Null, Json::Null, Json::Null], |runs| runs.map(past));
        let [started, prepared, finished] = times;
        let settled = self.is_settled(now);
        let maybe = |value: Json| if self.is_bare { Json::Null } else { value };
        // Some builds have a status before they have an end, and are not settled.
        let is_decided =
            self.number % 7 == 0 && self.runs.is_some_and(|[_, ready, _]| ready <= now);
        let status = if settled || is_decided { self.outcome } else { 0 };
        json!({
            "slug": self.slug,
            "build_number": self.number,
            "status": status,
            "status_text": status_text(status),
            "abort_reason": null,
            "is_on_hold": self.runs.is_none(),
            "triggered_at": text(self.triggered),
            "triggered_workflow": "primary",
            "triggered_by": maybe(json!("webhook")),
            "branch": maybe(json!("main")),
            "tag": null,
            "commit_hash": maybe(json!(format!("{:040x}", self.number / 3))),
            "commit_message": maybe(json!("Fixes the 🦊\n\nFor good.")),
            "commit_view_url": null,
            "pull_request_id": 0,
            "pull_request_target_branch": null,
            "pull_request_view_url": null,
            "machine_type_id": maybe(json!("g2.4core")),
            "stack_identifier": maybe(json!("osx-xcode-26")),
            "started_on_worker_at": maybe(started),
            "environment_prepare_finished_at": maybe(prepared),
            "finished_at": finished,
            "original_build_params": {
                "branch": "main",
                "environments": [{"mapped_to": "KEYSTORE", "value": SECRET}],
            },
        })
    }
}

fn status_text(status: i64) -> &'static str {
    match status {
        0 => "in-progress",
        1 => "success",
        2 => "error",
        3 => "aborted",
        4 => "aborted-with-success",
        _ => panic!("{status}"),
    }
}

fn text(second: i64) -> String {
    Timestamp::from_second(second).expect("a moment").to_string()
}

pub fn second(text: &str) -> i64 {
    text.parse::<Timestamp>().expect("a moment").as_second()
}

/// Something that happens after a request, whose address it is given.
type Event = Box<dyn FnMut(&mut World, &str)>;
/// What is answered instead, given the number of the request from 0 and its address.
type Fault = Box<dyn FnMut(usize, &str) -> Option<Reply>>;

/// What Bitrise holds.
#[derive(Default)]
pub struct World {
    pub now: i64,
    pub apps: Vec<String>,
    pub builds: BTreeMap<String, Build>,
    /// Builds and artifacts that somebody deleted.
    pub deleted: BTreeSet<String>,
    /// Apps that exist no more, or that the token cannot see any more.
    pub hidden: BTreeSet<String>,
    pub builds_kept: i64,
    pub artifacts_kept: i64,
    /// The greatest page that is given, whatever is asked for.
    pub page_size: usize,
    /// Empty lists are null.
    pub empty_is_null: bool,
    /// Lists have all builds, whatever days are asked for.
    pub ignores_days: bool,
    pub after_request: Option<Event>,
    pub fault: Option<Fault>,
    requests: usize,
}

impl World {
    pub fn put(&mut self, build: Build) {
        self.builds.insert(build.slug.clone(), build);
    }

    /// Adds a build that ran for ten minutes, two minutes after it was triggered, and produced
    /// an artifact.
    pub fn put_settled(&mut self, app: &str, triggered: i64) -> String {
        let number = i64::try_from(self.builds.len()).expect("a few") + 1;
        let slug = format!("{number:016x}");
        self.put(Build {
            slug: slug.clone(),
            app: app.into(),
            number,
            triggered,
            visible: triggered,
            runs: Some([triggered + 120, triggered + 150, triggered + 750]),
            outcome: 1,
            artifacts: vec![format!("artifact-{slug}-1")],
            is_bare: false,
        });
        slug
    }

    pub fn build(&mut self, slug: &str) -> &mut Build {
        self.builds.get_mut(slug).expect("a build")
    }

    /// Whether the API has a build at this moment.
    pub fn has(&self, build: &Build) -> bool {
        build.visible <= self.now
            && build.triggered > self.now - self.builds_kept
            && !self.deleted.contains(&build.slug)
            && !self.hidden.contains(&build.app)
    }

    /// Answers as Bitrise does.
    fn answer(&mut self, url: &str) -> Reply {
        let number = self.requests;
        self.requests += 1;
        if let Some(reply) = self.fault.as_mut().and_then(|fault| fault(number, url)) {
            return reply;
        }
        let reply = self.good_answer(url);
        if let Some(mut event) = self.after_request.take() {
            event(self, url);
            self.after_request.get_or_insert(event);
        }
        reply
    }

    fn good_answer(&self, url: &str) -> Reply {
        let below = url.strip_prefix(BASE).expect("below the base URL");
        let (path, query) = below.split_once('?').unwrap_or((below, ""));
        let query = Query(query);
        if query.number("limit").is_some_and(|limit| !(1..=50).contains(&limit)) {
            return Reply::json(400, r#"{"message": "limit must be between 1 and 50"}"#);
        }
        let segments: Vec<&str> = path.split('/').skip(1).collect();
        let is_seen = |app: &str| self.apps.iter().any(|a| a == app) && !self.hidden.contains(app);
        match segments[..] {
            ["apps"] => {
                let apps = self.apps.iter().map(String::as_str).filter(|app| is_seen(app));
                self.page(apps.collect(), app_json, &query)
            }
            ["apps", app, ..] if !is_seen(app) => not_found(),
            ["apps", app, "builds"] => {
                self.page(self.list(app, &query), |slug| self.builds[slug].json(self.now), &query)
            }
            ["apps", app, "builds", slug, ..] => {
                let found = self.builds.get(slug);
                match found.filter(|build| build.app == app && self.has(build)) {
                    None => not_found(),
                    Some(build) if segments.len() == 4 => {
                        Reply::json(200, &json!({"data": build.json(self.now)}).to_string())
                    }
                    Some(build) => self.page(self.artifacts(build), artifact_json, &query),
                }
            }
            _ => panic!("nothing is at {path}"),
        }
    }

    /// The builds of an app, newest first. The seconds that a filter names are not included.
    fn list(&self, app: &str, query: &Query) -> Vec<&str> {
        let day = |name| query.number(name).filter(|_| !self.ignores_days);
        let (after, before) = (day("after"), day("before"));
        let mut builds: Vec<&Build> = self.builds.values().collect();
        builds.retain(|build| {
            build.app == app
                && after.is_none_or(|after| build.triggered > after)
                && before.is_none_or(|before| build.triggered < before)
                && self.has(build)
        });
        builds.sort_by_key(|build| std::cmp::Reverse((build.triggered, build.number)));
        builds.iter().map(|build| build.slug.as_str()).collect()
    }

    fn artifacts<'a>(&self, build: &'a Build) -> Vec<&'a str> {
        let is_kept =
            build.is_settled(self.now) && build.triggered > self.now - self.artifacts_kept;
        let kept = build.artifacts.iter().filter(|slug| is_kept && !self.deleted.contains(*slug));
        kept.map(String::as_str).collect()
    }

    fn page(&self, slugs: Vec<&str>, item: impl Fn(&str) -> Json, query: &Query) -> Reply {
        let limit = query.number("limit").map_or(50, |limit| limit as usize).min(self.page_size);
        let begin = match query.get("next") {
            None => 0,
            Some(next) => match slugs.iter().position(|slug| *slug == next) {
                Some(position) => position,
                None => return not_found(),
            },
        };
        let mut paging = json!({"total_item_count": slugs.len(), "page_item_limit": limit});
        if let Some(slug) = slugs.get(begin + limit) {
            paging["next"] = json!(slug);
        } else if begin > 0 {
            // Both ends of a list are in use: without `next`, and with an empty one.
            paging["next"] = json!("");
        }
        let page: Vec<Json> = slugs[begin..].iter().take(limit).map(|slug| item(slug)).collect();
        let data = if page.is_empty() && self.empty_is_null { Json::Null } else { json!(page) };
        Reply::json(200, &json!({"data": data, "paging": paging}).to_string())
    }
}

fn not_found() -> Reply {
    Reply::json(404, r#"{"message": "Not Found"}"#)
}

struct Query<'a>(&'a str);

impl Query<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        self.0.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
    }

    fn number(&self, name: &str) -> Option<i64> {
        self.get(name).map(|text| text.parse().expect("a number"))
    }
}

fn app_json(slug: &str) -> Json {
    json!({
        "slug": slug, "title": format!("App {slug} 🦊"), "project_type": "android",
        "provider": "github", "repo_owner": "mozilla-mobile", "repo_slug": slug,
        "repo_url": null, "is_disabled": false, "is_public": true, "status": 1,
        "owner": {"account_type": "organization", "name": "Mozilla", "slug": "4babd835c067be82"},
        "avatar_url": null,
    })
}

fn artifact_json(slug: &str) -> Json {
    let is_bare = slug.ends_with('3');
    let maybe = |value: Json| if is_bare { Json::Null } else { value };
    json!({
        "slug": slug, "title": maybe(json!("app-debug 🦊.apk")),
        "artifact_type": maybe(json!("android-apk")), "file_size_bytes": maybe(json!(17_179_869_184_i64)),
        "is_public_page_enabled": maybe(json!(false)),
        "artifact_meta": maybe(json!({"app_info": {"version_name": "148.0"}})),
    })
}

/// A Bitrise, shared between a test and the web. Clones are the same.
#[derive(Clone)]
pub struct Upstream(pub Rc<RefCell<World>>);

impl Upstream {
    /// With these apps and no builds, on this day.
    pub fn new(apps: &[&str], now: &str) -> Self {
        Upstream(Rc::new(RefCell::new(World {
            now: second(now),
            apps: apps.iter().map(|app| String::from(*app)).collect(),
            builds_kept: 200 * DAY,
            artifacts_kept: 90 * DAY,
            page_size: 50,
            ..World::default()
        })))
    }

    pub fn change<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        change(&mut self.0.borrow_mut())
    }

    pub fn pass(&self, seconds: i64) {
        self.change(|world| world.now += seconds);
    }

    /// From now on, answers of this function in place of good ones. Requests count from 0.
    pub fn fault(&self, fault: impl FnMut(usize, &str) -> Option<Reply> + 'static) {
        self.change(|world| {
            world.requests = 0;
            world.fault = Some(Box::new(fault));
        });
    }

    pub fn no_fault(&self) {
        self.change(|world| world.fault = None);
    }

    pub fn after_request(&self, event: impl FnMut(&mut World, &str) + 'static) {
        self.change(|world| world.after_request = Some(Box::new(event)));
    }

    pub fn http(&self) -> FakeHttp {
        let upstream = self.clone();
        FakeHttp::serve(move |request: &http::Request| {
            assert!(request.headers.iter().all(|(name, _)| name == "accept"));
            upstream.change(|world| world.answer(&request.url))
        })
    }

    pub fn request(&self, report: &str, http: &FakeHttp) -> Request {
        let (now, apps) = self.change(|world| (world.now, world.apps.clone()));
        let mut context = testing::context(http, json!({"app-slugs": apps}));
        context.now = Timestamp::from_second(now).expect("a moment");
        testing::request(report, context)
    }

    /// Runs a report, and says what it asked for.
    pub fn pump(&self, host: &mut MemoryHost, report: &str) -> Result<Vec<String>, Failure> {
        let http = self.http();
        host.run::<Bitrise>(&self.request(report, &http))?;
        Ok(http.requests().iter().map(|url| url.replace(BASE, "")).collect())
    }

    /// The same as a full refresh.
    pub fn pump_all(&self, host: &mut MemoryHost, report: &str) -> Result<Vec<String>, Failure> {
        let http = self.http();
        let request = Request { full: true, ..self.request(report, &http) };
        host.run::<Bitrise>(&request)?;
        Ok(http.requests().iter().map(|url| url.replace(BASE, "")).collect())
    }

    /// The same over a window.
    pub fn pump_window(
        &self,
        host: &mut MemoryHost,
        report: &str,
        since: i64,
        until: i64,
    ) -> Result<(), Failure> {
        let moment = |second| Some(Timestamp::from_second(second).expect("a moment"));
        let (since, until) = (moment(since), moment(until));
        host.run::<Bitrise>(&Request { since, until, ..self.request(report, &self.http()) })
    }

    /// What a full refresh from nothing gives now.
    pub fn fresh(&self, report: &str) -> MemoryHost {
        let mut host = MemoryHost::new();
        self.pump_all(&mut host, report).expect("a full refresh of an undisturbed upstream");
        host
    }
}

/// A table's rows by their slugs.
pub fn by_slug(host: &MemoryHost, table: &str) -> BTreeMap<String, Vec<Value>> {
    let rows = host.rows(table).into_iter().cloned();
    rows.map(|row| match &row[0] {
        Value::Text(slug) => (slug.clone(), row),
        other => panic!("{other:?}"),
    })
    .collect()
}

pub fn slugs(host: &MemoryHost, table: &str) -> Vec<String> {
    by_slug(host, table).into_keys().collect()
}

pub fn hours(hours: i64) -> SignedDuration {
    SignedDuration::from_hours(hours)
}
