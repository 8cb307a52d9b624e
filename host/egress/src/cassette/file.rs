//! The files of recordings.

use std::io::Write as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;

use crate::GateError;

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

pub(super) fn write_whole(path: &Path, contents: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    // Its owner's alone from the start, and beside its destination, so that the renaming is
    // one step.
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(contents)?;
    file.write_all(b"\n")?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

pub(super) fn cannot(action: &'static str, path: &Path, reason: impl ToString) -> GateError {
    GateError::Recording { action, path: path.display().to_string(), reason: reason.to_string() }
}

pub(super) fn with_source(error: &har::Error) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}
