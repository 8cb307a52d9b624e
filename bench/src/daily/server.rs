// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The mock TestRail and Bitrise: one port, and a conversation over standard input and output.
//!
//! A line on standard input is a command, and is answered by a line of JSON:
//!
//! | Command | What happens | Answer |
//! |---|---|---|
//! | `yesterday`, `today` | what is newer is hidden from now on; requests are counted from 0 | the checks that the tables have to pass after a load |
//! | `asked` | | how many requests there were |

use std::convert::Infallible;
use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use anyhow::{Context as _, bail};
use bytes::Bytes;
use http::{Request, Response, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde::Serialize;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::bitrise::Bitrise;
use super::call::Reply;
use super::testrail::TestRail;
use super::world::{Check, Size};

struct Api {
    testrail: TestRail,
    bitrise: Bitrise,
    size: Size,
    /// What is newer is hidden.
    now: AtomicI64,
    asked: AtomicU64,
}

/// Serves until standard input ends.
///
/// # Errors
///
/// When no port is free, or a command is unknown.
pub async fn serve(size: Size) -> anyhow::Result<()> {
    let api = Arc::new(Api {
        testrail: TestRail::new(&size),
        bitrise: Bitrise::new(&size),
        now: AtomicI64::new(size.yesterday),
        size,
        asked: AtomicU64::new(0),
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.context("no port on 127.0.0.1")?;
    say(&format!("http://{}", listener.local_addr()?))?;
    tokio::select! {
        failed = accept(listener, Arc::clone(&api)) => failed,
        done = obey(&api) => done,
    }
}

fn say(answer: &impl Serialize) -> anyhow::Result<()> {
    println!("{}", serde_json::to_string(answer)?);
    Ok(std::io::stdout().flush()?)
}

async fn obey(api: &Api) -> anyhow::Result<()> {
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        match line.as_str() {
            "yesterday" => say(&api.move_to(api.size.yesterday))?,
            "today" => say(&api.move_to(api.size.today))?,
            "asked" => say(&api.asked.load(Ordering::SeqCst))?,
            other => bail!("the mock has no command {other:?}"),
        }
    }
    Ok(())
}

async fn accept(listener: TcpListener, api: Arc<Api>) -> anyhow::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::task::spawn(connection(stream, Arc::clone(&api)));
    }
}

async fn connection(stream: TcpStream, api: Arc<Api>) {
    let service = service_fn(|request: Request<Incoming>| {
        let answer = api.answer(&request);
        async move { Ok::<_, Infallible>(answer) }
    });
    let http = hyper::server::conn::http1::Builder::new();
    if let Err(error) = http.serve_connection(TokioIo::new(stream), service).await {
        eprintln!("a connection to the mock broke: {error}");
    }
}

impl Api {
    fn move_to(&self, now: i64) -> Vec<Check> {
        self.now.store(now, Ordering::SeqCst);
        self.asked.store(0, Ordering::SeqCst);
        let mut checks = self.testrail.checks(now);
        checks.extend(self.bitrise.checks(now));
        checks
    }

    fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let now = self.now.load(Ordering::SeqCst);
        let query = request.uri().query().unwrap_or_default();
        let (status, body): Reply = match request.uri().path() {
            "/index.php" => self.testrail.answer(query, now),
            path => match path.strip_prefix("/v0.1/") {
                Some(path) => self.bitrise.answer(path, query, now),
                None => (404, serde_json::json!({"message": "Not Found"})),
            },
        };
        let mut answer = Response::new(Full::new(Bytes::from(body.to_string())));
        *answer.status_mut() = http::StatusCode::from_u16(status).unwrap_or_default();
        let json = header::HeaderValue::from_static("application/json; charset=utf-8");
        answer.headers_mut().insert(header::CONTENT_TYPE, json);
        answer
    }
}
