# SPDX-FileCopyrightText: The test-dashboard authors
# SPDX-License-Identifier: MPL-2.0

"""The job as dlt does it: its rest_api source, declared types, merge.

Usage: dlt_pipeline.py API_ADDRESS STATE DATABASE_URL WORKING_FOLDER
"""

import sys

import dlt
from dlt.sources.rest_api import rest_api_source

TYPES = {
    "id": "bigint", "run_id": "bigint", "title": "text", "details": "text", "status": "text",
    "priority": "bigint", "suite": "text", "milestone": "text", "is_automated": "bool",
    "is_flaky": "bool", "duration": "double", "coverage": "double", "attempts": "bigint",
    "created_at": "timestamp", "updated_at": "timestamp", "closed_at": "timestamp",
}
NULLABLE = {"details", "milestone", "is_flaky", "coverage", "closed_at"}


def main():
    address, state, database, folder = sys.argv[1:]
    source = rest_api_source({
        "client": {"base_url": f"{address}/{state}/", "paginator": {"type": "header_link"}},
        "resources": [{
            "name": "rows",
            "endpoint": {"path": "rows", "params": {"per_page": 100}},
            "primary_key": "id",
            "write_disposition": "merge",
            "table_name": "rows",
            "columns": {
                name: {"data_type": kind, "nullable": name in NULLABLE}
                for name, kind in TYPES.items()
            },
        }],
    })
    pipeline = dlt.pipeline(
        pipeline_name="bench",
        pipelines_dir=folder,
        destination=dlt.destinations.postgres(database),
        dataset_name="dlt_bench",
    )
    pipeline.run(source).raise_on_failed_jobs()


if __name__ == "__main__":
    main()
