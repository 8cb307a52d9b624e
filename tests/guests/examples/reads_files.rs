// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Looks for folders and tries to read a file in each, and tells what it found.

use test_dashboard_guests::{Batch, Behaviour, Failure, Reading, guest, seen};
use wasip2::filesystem::preopens::get_directories;
use wasip2::filesystem::types::{DescriptorFlags, OpenFlags, PathFlags};

struct ReadsFiles;

impl Behaviour for ReadsFiles {
    fn next_batch(reading: &Reading, _max_rows: u32) -> Result<Option<Batch>, Failure> {
        let mut found = Vec::new();
        for (folder, name) in get_directories() {
            let opened = folder.open_at(
                PathFlags::empty(),
                "etc/passwd",
                OpenFlags::empty(),
                DescriptorFlags::READ,
            );
            found.push(format!("folder {name}: {:?}", opened.and_then(|file| file.read(100, 0))));
        }
        found.push(format!("found {} folders", found.len()));
        reading.once(|| Ok(seen(found)))
    }
}

guest!(ReadsFiles);
