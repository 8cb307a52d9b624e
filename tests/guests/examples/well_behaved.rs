// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Does everything right: rows 1 to the setting `rows`, a checkpoint at every batch.

use test_dashboard_guests::{Behaviour, guest};

struct WellBehaved;

impl Behaviour for WellBehaved {}

guest!(WellBehaved);
