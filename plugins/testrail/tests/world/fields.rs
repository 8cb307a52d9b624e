// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Definitions of case fields, as an instance has them.

use serde_json::{Value as JsonValue, json};

pub fn field(type_id: i64, name: &str, label: &str, items: &str) -> JsonValue {
    // TestRail's numbers are unique; these are, too.
    json!({
        "id": name.len() + label.len(), "type_id": type_id, "system_name": name, "name": name, "label": label,
        "is_active": true, "configs": [{
            "context": {"is_global": true, "project_ids": null}, "options": {"items": items},
        }],
    })
}

/// The fields of an instance as the dashboards know it.
pub fn case_fields() -> JsonValue {
    let status = "1, Untriaged\n2, Suitable\n3, Unsuitable\n4, Completed\n5, Disabled";
    let parts = "1, Functional\n2, Smoke & sanity\n6, FxA, sync\n7, Other";
    json!([
        field(6, "custom_automation_status", "Automation status", status),
        field(6, "custom_automation_coverage", "Coverage", "1, None\n2, Partial\n3, Full"),
        field(12, "custom_sub_test_suites", "Sub-suites", parts),
    ])
}
