// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The mock API: pages of rows that were rendered before anyone asks, so that serving them
//! costs next to nothing.
//!
//! | Path | Answer |
//! |---|---|
//! | `/STATE/rows?per_page=100&page=1` | an array; `Link: <…>; rel="next"` leads on, as at GitHub |
//! | `/STATE/envelope?limit=250&offset=0` | `{offset, limit, size, _links: {next, prev}, rows: […]}`, as at TestRail |
//!
//! STATE is `original` or `changed`.

use std::collections::HashMap;
use std::convert::Infallible;
use std::io::Write as _;
use std::sync::Arc;

use anyhow::Context as _;
use bytes::Bytes;
use clap::Args;
use futures::stream;
use http::{Request, Response, StatusCode, header};
use http_body_util::StreamBody;
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream};

use crate::rows::{Facts, Rows, State};

/// What is served.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// How many rows.
    #[arg(long, default_value_t = 100_000)]
    rows: u64,
    /// Leave the changed state out, which halves the memory.
    #[arg(long)]
    only_original: bool,
}

/// The line that the mock prints when it is ready.
#[derive(Debug, Serialize, Deserialize)]
pub struct Ready {
    /// Its address, `http://127.0.0.1:PORT`.
    pub address: String,
    /// What a table has to hold after a load of the original state.
    pub original: Facts,
    /// The same for the changed state.
    pub changed: Facts,
}

/// Serves until standard input ends, which it does at the latest when whoever started this
/// is gone.
///
/// # Errors
///
/// When no port is free.
pub async fn serve(args: &ServeArgs) -> anyhow::Result<()> {
    let api = Arc::new(Api::render(args)?);
    let listener = TcpListener::bind("127.0.0.1:0").await.context("no port on 127.0.0.1")?;
    let ready = Ready {
        address: format!("http://{}", listener.local_addr()?),
        original: api.original.facts,
        changed: api.changed.facts,
    };
    println!("{}", serde_json::to_string(&ready)?);
    std::io::stdout().flush()?;
    let mut input = tokio::io::stdin();
    let mut ignored = Vec::new();
    tokio::select! {
        failed = accept(listener, api) => failed,
        _ = input.read_to_end(&mut ignored) => Ok(()),
    }
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

/// Both states of the data.
struct Api {
    original: Served,
    changed: Served,
}

/// One state, in a form that is sent without copying.
struct Served {
    rows: Rows,
    text: Bytes,
    facts: Facts,
}

impl Served {
    fn render(count: u64, state: State) -> anyhow::Result<Self> {
        let mut rows = Rows::render(count, state)?;
        let text = Bytes::from(std::mem::take(&mut rows.text));
        Ok(Served { facts: rows.facts, rows, text })
    }
}

type Pieces = stream::Iter<std::array::IntoIter<Result<Frame<Bytes>, Infallible>, 3>>;
type Answer = Response<StreamBody<Pieces>>;

impl Api {
    fn render(args: &ServeArgs) -> anyhow::Result<Self> {
        let changed = if args.only_original { 0 } else { args.rows };
        Ok(Api {
            original: Served::render(args.rows, State::Original)?,
            changed: Served::render(changed, State::Changed)?,
        })
    }

    fn answer(&self, request: &Request<Incoming>) -> Answer {
        let query = request.uri().query().unwrap_or_default();
        let query: HashMap<&str, &str> =
            query.split('&').filter_map(|pair| pair.split_once('=')).collect();
        let number = |name: &str, otherwise: usize| {
            query.get(name).and_then(|text| text.parse().ok()).unwrap_or(otherwise)
        };
        let mut path = request.uri().path().trim_matches('/').split('/');
        let served = match path.next() {
            Some("original") => &self.original,
            Some("changed") => &self.changed,
            _ => return not_found(),
        };
        match path.next() {
            Some("rows") => {
                let host = request.headers().get(header::HOST);
                let host = host.and_then(|host| host.to_str().ok()).unwrap_or_default();
                let url = format!("http://{host}{}", request.uri().path());
                served.linked(&url, number("per_page", 30), number("page", 1).max(1))
            }
            Some("envelope") => {
                let path = request.uri().path();
                served.envelope(path, number("limit", 250).min(250), number("offset", 0))
            }
            _ => not_found(),
        }
    }
}

impl Served {
    fn linked(&self, url: &str, per_page: usize, page: usize) -> Answer {
        let first = per_page.saturating_mul(page - 1);
        let last_page = self.rows.len().div_ceil(per_page.max(1));
        let mut answer = self.array("[", first, per_page, "]".into());
        if page < last_page {
            let link = format!(
                "<{url}?per_page={per_page}&page={}>; rel=\"next\", <{url}?per_page={per_page}&page={last_page}>; rel=\"last\"",
                page + 1
            );
            if let Ok(link) = link.parse() {
                answer.headers_mut().insert(header::LINK, link);
            }
        }
        answer
    }

    fn envelope(&self, path: &str, limit: usize, offset: usize) -> Answer {
        let link = |offset: usize| format!("{path}?limit={limit}&offset={offset}");
        let size = self.rows.len().saturating_sub(offset).min(limit);
        let next = (offset + size < self.rows.len()).then(|| link(offset + limit));
        let prev = (offset > 0).then(|| link(offset.saturating_sub(limit)));
        let links = json!({ "next": next, "prev": prev });
        let head = format!(
            "{{\"offset\":{offset},\"limit\":{limit},\"size\":{size},\"_links\":{links},\"rows\":["
        );
        self.array(&head, offset, limit, "]}".into())
    }

    fn array(&self, begin: &str, first: usize, count: usize, end: Bytes) -> Answer {
        let rows = self.text.slice(self.rows.range(first, count));
        body(StatusCode::OK, [Bytes::copy_from_slice(begin.as_bytes()), rows, end])
    }
}

fn not_found() -> Answer {
    let message = Bytes::from_static(b"{\"message\":\"no such list\"}");
    body(StatusCode::NOT_FOUND, [message, Bytes::new(), Bytes::new()])
}

fn body(status: StatusCode, pieces: [Bytes; 3]) -> Answer {
    let length = pieces.iter().map(Bytes::len).sum::<usize>();
    let pieces = pieces.map(|piece| Ok(Frame::data(piece)));
    let mut answer = Response::new(StreamBody::new(stream::iter(pieces)));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_LENGTH, length.into());
    headers.insert(
        header::CONTENT_TYPE,
        header::HeaderValue::from_static("application/json; charset=utf-8"),
    );
    answer
}
