// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Never comes back from `describe`, which is called before anything is known of it.

use test_dashboard_guests::{Behaviour, Description, guest};

struct LoopsInDescribe;

impl Behaviour for LoopsInDescribe {
    fn describe() -> Description {
        loop {
            std::hint::spin_loop();
        }
    }
}

guest!(LoopsInDescribe);
