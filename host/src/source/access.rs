// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The only way to call a plugin for a project, used by runs, `check`, `plugin check` and `plugin
//! test`.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use jiff::Timestamp;
use test_dashboard_egress::{Gate, Session, Tape};

use crate::config::Limits;
use crate::plugin::{Instance, InstanceOptions, Plugin, PluginError};

/// A plugin, the gate that its requests go through, and the budgets of its instances.
#[derive(Clone)]
pub struct Access {
    /// The plugin.
    pub plugin: Arc<Plugin>,
    /// Its gate.
    pub gate: Gate,
    /// The budgets.
    pub limits: Arc<Limits>,
}

impl Access {
    /// To this plugin, within the budgets that it was loaded with.
    pub fn new(plugin: &Arc<Plugin>, gate: Gate) -> Self {
        Access { plugin: Arc::clone(plugin), gate, limits: Arc::clone(plugin.limits()) }
    }

    /// The same within other budgets.
    #[must_use]
    pub fn within(&self, limits: Limits) -> Self {
        Access { limits: Arc::new(limits), ..self.clone() }
    }

    /// A session for the requests of one instance, which are counted in `meter` as well.
    pub fn session(
        &self,
        label: String,
        tape: Option<Arc<dyn Tape>>,
        meter: Arc<AtomicU64>,
    ) -> Session {
        Session::metered(label, tape, self.limits.requests(), meter)
    }

    /// A fresh instance whose requests go through the gate in `session`.
    ///
    /// # Errors
    ///
    /// As [`Plugin::instantiate`].
    pub async fn instantiate(
        &self,
        label: String,
        session: Session,
        now: Timestamp,
    ) -> Result<Instance, PluginError> {
        let options = InstanceOptions { label, gate: Some((self.gate.clone(), session)), now };
        self.plugin.instantiate_within(Arc::clone(&self.limits), options).await
    }
}
