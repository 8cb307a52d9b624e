// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! What the tests share: a scripted server on loopback, and a gate to it.

use std::io::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::{Method, Request};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

use crate::{AddressPolicy, AllowList, GateOptions, RequestBudget, Session, Tape};

/// What the server does with one request.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    bytes: Vec<u8>,
    /// Leaves the connection open and silent instead of closing it.
    hangs: bool,
}

impl Reply {
    /// A whole answer.
    pub fn new(status: u16, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        Reply::claiming(body.len(), status, headers, body)
    }

    /// An answer that says it is as long as `length`, and ends after `body`.
    pub fn claiming(length: usize, status: u16, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        let mut head =
            format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n");
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        let bytes = [head.as_bytes(), b"\r\n", body].concat();
        Reply { bytes, hangs: false }
    }

    /// The same, and then nothing more.
    pub fn then_hangs(self) -> Reply {
        Reply { hangs: true, ..self }
    }
}

/// A server on loopback. It answers each connection once, and remembers what it was asked.
pub(crate) struct Server {
    pub origin: String,
    state: Arc<State>,
    task: tokio::task::JoinHandle<()>,
}

#[derive(Default)]
struct State {
    requests: Mutex<Vec<String>>,
    asked: Notify,
    closed: Notify,
}

impl Server {
    /// Answers the nth request (from 0) with what `reply` gives for its number and text.
    pub async fn new(reply: impl Fn(usize, &str) -> Reply + Send + Sync + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                serve(stream, &shared, &reply).await;
            }
        });
        Server { origin, state, task }
    }

    /// Answers with these in turn, and with the last of them from then on.
    pub async fn with(replies: Vec<Reply>) -> Server {
        Server::new(move |n, _| replies[n.min(replies.len() - 1)].clone()).await
    }

    /// What it was asked so far, each request as it came.
    pub fn requests(&self) -> Vec<String> {
        self.state.requests.lock().unwrap().clone()
    }

    /// Waits until a request has come.
    pub async fn asked(&self) {
        self.state.asked.notified().await;
    }

    /// Waits until a client has gone away while the server hung.
    pub async fn left(&self) {
        self.state.closed.notified().await;
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut stream: TcpStream, state: &State, reply: &impl Fn(usize, &str) -> Reply) {
    let Some(request) = read_request(&mut stream).await else { return };
    let number = state.requests.lock().unwrap().len();
    let reply = reply(number, &request);
    state.requests.lock().unwrap().push(request);
    let _ = stream.write_all(&reply.bytes).await;
    state.asked.notify_one();
    if reply.hangs {
        let _ = stream.read(&mut [0]).await;
        state.closed.notify_one();
    }
    let _ = stream.shutdown().await;
}

async fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
        let text = String::from_utf8_lossy(&bytes);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head
            .lines()
            .filter_map(|line| line.split_once(": "))
            .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
            .map_or(0, |(_, length)| length.parse().unwrap());
        if body.len() >= length {
            return Some(text.into_owned());
        }
    }
}

/// Options that allow these origins and this machine, with room for everything.
pub(crate) fn options(origins: &[&str]) -> GateOptions {
    GateOptions {
        datasource: "github".into(),
        allow: AllowList::new(origins).unwrap(),
        addresses: AddressPolicy::new(&["127.0.0.1"]).unwrap(),
        credential: None,
        requests_per_minute: None,
        max_concurrent: 8,
        max_attempts: 3,
        max_wait: Duration::from_secs(60),
        request_timeout: Duration::from_secs(60),
        max_response_bytes: 10_000_000,
        user_agent: "test-dashboard/0".into(),
        extra_root_certificates: Vec::new(),
    }
}

/// A session over the network with room for everything.
pub(crate) fn session() -> Session {
    session_of(None)
}

/// The same with a tape.
pub(crate) fn session_with(tape: impl Tape + 'static) -> Session {
    session_of(Some(Arc::new(tape)))
}

fn session_of(tape: Option<Arc<dyn Tape>>) -> Session {
    let budget =
        RequestBudget { max_requests: 100, max_response_bytes: 100_000_000, memory: 100_000_000 };
    Session::new("fenix/issues".into(), tape, budget)
}

pub(crate) fn get(url: &str) -> Request<Bytes> {
    request(Method::GET, url, "")
}

pub(crate) fn request(method: Method, url: &str, body: &str) -> Request<Bytes> {
    let body = Bytes::copy_from_slice(body.as_bytes());
    Request::builder().method(method).uri(url).body(body).unwrap()
}

pub(crate) fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}
