// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The files of a recording: HAR 1.2, with large bodies beside it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use har::v1_2::Log;
use serde::Deserialize;
use serde_json::Value;
use test_dashboard_files::{Prepared, folder_of};

use super::bodies::{self, Attached};
use crate::{GateError, without_byte_order_mark};

/// The greatest body, in bytes, that is written into the recording itself.
pub(super) const LARGEST_INLINE: usize = 32 << 10;

/// The most bytes of a recording without the bodies in files: its structures take five times as
/// much.
const DOCUMENT: u64 = 128 << 20;

/// The most bytes of a URL in a recording, several times what servers take; and of its entry's
/// headers, how many. What is made of them is many times their size.
const LONGEST_URL: usize = 64 << 10;
const MOST_HEADERS: usize = 1_000;

/// The most bytes of all files of bodies that a recording names.
const BODIES: usize = 1 << 30;

/// Reads a recording, and for each of its entries the body that is in a file of its own. Entries
/// that name the same file share it.
pub(super) fn read(path: &Path) -> Result<(Log, Vec<Option<Bytes>>), GateError> {
    let bytes =
        test_dashboard_files::read(path, DOCUMENT).map_err(|error| cannot("read", path, error))?;
    // HAR 1.2 asks readers to ignore one.
    let bytes = without_byte_order_mark(&bytes);
    let log = parse(bytes).map_err(|reason| cannot("read", path, reason))?;
    for (index, entry) in log.entries.iter().enumerate() {
        let (url, headers) = (entry.request.url.len(), entry.response.headers.len());
        if url > LONGEST_URL || headers > MOST_HEADERS {
            let reason = format!(
                "entry {index} has a URL of {url} bytes and {headers} headers: at most {LONGEST_URL} and {MOST_HEADERS} are allowed"
            );
            return Err(cannot("read", path, reason));
        }
    }
    let names = bodies::names(bytes).map_err(|error| cannot("read", path, error))?;
    let mut read: HashMap<&str, Bytes> = HashMap::new();
    let mut total = 0;
    let mut attached = Vec::new();
    for (index, (entry, name)) in log.entries.iter().zip(&names).enumerate() {
        let cannot = |reason: String| {
            cannot("read", path, format!("entry {index} ({}): {reason}", entry.request.url))
        };
        let Some(name) = name else {
            attached.push(None);
            continue;
        };
        if !read.contains_key(name.as_str()) {
            let body = bodies::read(folder_of(path), name).map_err(cannot)?;
            total += body.len();
            if total > BODIES {
                let reason = format!("with its body in {name}, all bodies together exceed 1 GiB");
                return Err(cannot(reason));
            }
            read.insert(name, body);
        }
        attached.push(read.get(name.as_str()).cloned());
    }
    Ok((log, attached))
}

/// The recording in these bytes. Its structures are read from the text at once: `har`'s own reader
/// makes a tree of the whole document first, of 60 times its size.
fn parse(bytes: &[u8]) -> Result<Log, String> {
    #[derive(Deserialize)]
    struct Har<T> {
        log: T,
    }
    #[derive(Deserialize)]
    struct Version {
        version: String,
    }
    let found: Har<Version> = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    if found.log.version != har::HarVersion::V1_2.as_str() {
        return Err("it is not HAR version 1.2".to_owned());
    }
    let har: Har<Log> = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    Ok(har.log)
}

/// The files that a recording is in.
#[derive(Debug)]
pub(super) struct Files {
    /// The HAR file, then the bodies' files.
    pub paths: Vec<PathBuf>,
    /// All their bytes.
    pub bytes: u64,
}

/// Writes a recording, in the place of the one that was there: whole or not at all.
pub(super) fn write(path: &Path, mut log: Log) -> Result<Files, GateError> {
    let cannot_write = |reason: String| cannot("write", path, reason);
    let (bodies, names) = detach(&mut log).map_err(cannot_write)?;
    let mut document = serde_json::to_value(har::Har { log: har::Spec::V1_2(log) })
        .map_err(|error| cannot_write(error.to_string()))?;
    name(&mut document, names);
    let mut text =
        serde_json::to_string_pretty(&document).map_err(|error| cannot_write(error.to_string()))?;
    text.push('\n');
    if text.len() as u64 > DOCUMENT {
        let reason = format!("it has {} bytes; at most {DOCUMENT} are read", text.len());
        return Err(cannot_write(reason));
    }

    let folder = folder_of(path);
    let former = bodies::names_of(path).unwrap_or_default();
    let new = bodies::write(folder, &bodies).map_err(|error| cannot_write(error.to_string()))?;
    if let Err(error) = write_whole(path, text.as_bytes()) {
        bodies::remove(&new);
        return Err(cannot_write(error.to_string()));
    }
    bodies::tidy(path, &former);

    let bytes = text.len() + bodies.iter().map(|attached| attached.body.len()).sum::<usize>();
    let names = bodies.iter().map(|attached| folder.join(&attached.name));
    Ok(Files {
        paths: std::iter::once(path.to_path_buf()).chain(names).collect(),
        bytes: bytes as u64,
    })
}

/// Removes a recording, and the bodies that no other in its folder names.
///
/// # Errors
///
/// The system's.
pub fn discard(path: &Path) -> Result<(), GateError> {
    let former = bodies::names_of(path).unwrap_or_default();
    std::fs::remove_file(path).map_err(|error| cannot("remove", path, error))?;
    bodies::tidy(path, &former);
    Ok(())
}

/// Takes large bodies out of a recording, and gives the name of its file for each entry that had
/// one.
fn detach(log: &mut Log) -> Result<(Vec<Attached>, Vec<Option<String>>), String> {
    let mut detached: Vec<Attached> = Vec::new();
    let mut names = Vec::new();
    for entry in &mut log.entries {
        names.push(None);
        let content = &mut entry.response.content;
        if content.text.as_ref().is_none_or(|text| text.len() <= LARGEST_INLINE) {
            continue;
        }
        let body = from_text(content.text.as_deref(), content.encoding.as_deref())?;
        if body.len() <= LARGEST_INLINE {
            continue;
        }
        (content.text, content.encoding) = (None, None);
        let attached = Attached::new(body);
        names.pop();
        names.push(Some(attached.name.clone()));
        if !detached.contains(&attached) {
            detached.push(attached);
        }
    }
    Ok((detached, names))
}

/// Names the files of bodies in a recording's JSON: the HAR structures have no field for them.
fn name(document: &mut Value, names: Vec<Option<String>>) {
    let entries = document.pointer_mut("/log/entries").and_then(Value::as_array_mut);
    for (entry, name) in entries.into_iter().flatten().zip(names) {
        let content = entry.pointer_mut("/response/content").and_then(Value::as_object_mut);
        if let (Some(content), Some(name)) = (content, name) {
            content.insert("_file".to_owned(), name.into());
        }
    }
}

/// A body as text, or as base64 with the name of that encoding.
pub(super) fn as_text(body: &[u8]) -> (String, Option<String>) {
    match std::str::from_utf8(body) {
        Ok(text) => (text.to_owned(), None),
        Err(_) => (BASE64.encode(body), Some("base64".to_owned())),
    }
}

pub(super) fn from_text(text: Option<&str>, encoding: Option<&str>) -> Result<Bytes, String> {
    let text = text.unwrap_or("");
    match encoding {
        Some("base64") => BASE64.decode(text).map(Bytes::from).map_err(|error| error.to_string()),
        _ => Ok(Bytes::copy_from_slice(text.as_bytes())),
    }
}

/// Writes a file that is its owner's alone, and its folder if need be.
pub(super) fn write_whole(path: &Path, contents: &[u8]) -> std::io::Result<()> {
    let written = Prepared::private(path, contents).and_then(Prepared::commit);
    written.map_err(|error| error.reason)
}

pub(super) fn cannot(action: &'static str, path: &Path, reason: impl ToString) -> GateError {
    GateError::Recording { action, path: path.display().to_string(), reason: reason.to_string() }
}
