// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Files that somebody else may have written: opened once, as regular files, and read no further
//! than expected.
//!
//! A link to `/dev/zero` never ends, a pipe that nobody writes into never begins, and a file that
//! is looked at before it is opened may be another one by then.
//!
//! Files of one's own are written whole or not at all, by [`Prepared`].

mod prepared;

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rustix::fs::OFlags;

pub use prepared::{Prepared, WriteError, folder_of};

const MIB: u64 = 1 << 20;

/// The most bytes of a file that people write: a configuration, a lock file, certificates.
pub const WRITTEN_BY_HAND: u64 = 2 * MIB;
/// The most bytes of a recording, of a body beside it, and of a golden file.
pub const RECORDED: u64 = 256 * MIB;

/// Opens a regular file. A link is followed.
///
/// # Errors
///
/// The system's; [`ErrorKind::InvalidInput`] for what is no regular file, which is not waited for.
pub fn open(path: &Path) -> io::Result<File> {
    // Without it a pipe would be waited for until somebody writes into it.
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(OFlags::NONBLOCK.bits().cast_signed())
        .open(path)?;
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io::Error::new(ErrorKind::InvalidInput, "it is not a regular file")),
    }
}

/// Reads a regular file of at most so many bytes. More than that is never read, also where the
/// file grows in the meantime.
///
/// # Errors
///
/// As [`open`]; [`ErrorKind::FileTooLarge`].
pub fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let file = open(path)?;
    let size = file.metadata()?.len();
    let too_large = || {
        let most = match most {
            most if most < MIB => format!("{most} bytes"),
            most => format!("{} MiB", most / MIB),
        };
        let reason = format!("it has more than {most}, the most that is read");
        io::Error::new(ErrorKind::FileTooLarge, reason)
    };
    if size > most {
        return Err(too_large());
    }
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
    file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most { Err(too_large()) } else { Ok(bytes) }
}

/// Reads the text of a regular file, without the byte order mark that some editors write.
///
/// # Errors
///
/// As [`read`]; [`ErrorKind::InvalidData`] for what is not UTF-8.
pub fn read_text(path: &Path, most: u64) -> io::Result<String> {
    let text = String::from_utf8(read(path, most)?).map_err(|error| {
        io::Error::new(ErrorKind::InvalidData, format!("it is not UTF-8: {}", error.utf8_error()))
    })?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_regular_file_is_neither_read_nor_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
        assert!(made.success());
        let link = folder.path().join("zero");
        std::os::unix::fs::symlink("/dev/zero", &link).unwrap();
        for path in [folder.path(), &pipe, &link] {
            let error = read(path, MIB).unwrap_err();
            assert_eq!(error.to_string(), "it is not a regular file", "{}", path.display());
        }
        let missing = read(&folder.path().join("missing"), MIB).unwrap_err();
        assert_eq!(missing.kind(), ErrorKind::NotFound);
    }

    #[test]
    fn no_more_is_read_than_may_be_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        File::create(&path).unwrap().set_len(2 * MIB).unwrap();
        assert_eq!(read(&path, 2 * MIB).unwrap().len() as u64, 2 * MIB);
        for (most, said) in [(2 * MIB - 1, "more than 1 MiB"), (9, "more than 9 bytes")] {
            let error = read(&path, most).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::FileTooLarge);
            assert!(error.to_string().contains(said), "{error}");
        }
        // The system says 0 bytes of a file that it makes up while it is read.
        if Path::new("/proc/self/maps").exists() {
            assert_eq!(
                read(Path::new("/proc/self/maps"), 9).unwrap_err().kind(),
                ErrorKind::FileTooLarge
            );
        }
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_a_text() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, "\u{feff}jobs = 1").unwrap();
        assert_eq!(read_text(&path, MIB).unwrap(), "jobs = 1");
        std::fs::write(&path, b"caf\xe9").unwrap();
        assert!(read_text(&path, MIB).unwrap_err().to_string().starts_with("it is not UTF-8"));
    }
}
