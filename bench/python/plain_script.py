# SPDX-FileCopyrightText: The test-dashboard authors
# SPDX-License-Identifier: MPL-2.0

"""The job as a plain script does it: requests, COPY into a staging table, upsert.

Usage: plain_script.py API_ADDRESS STATE DATABASE_URL
"""

import sys

import psycopg
import requests

TABLE = """
CREATE TABLE IF NOT EXISTS script_rows (
    id bigint PRIMARY KEY,
    run_id bigint NOT NULL,
    title text NOT NULL,
    details text,
    status text NOT NULL,
    priority bigint NOT NULL,
    suite text NOT NULL,
    milestone text,
    is_automated boolean NOT NULL,
    is_flaky boolean,
    duration double precision NOT NULL,
    coverage double precision,
    attempts bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    closed_at timestamptz
)
"""
COLUMNS = [
    "id", "run_id", "title", "details", "status", "priority", "suite", "milestone",
    "is_automated", "is_flaky", "duration", "coverage", "attempts",
    "created_at", "updated_at", "closed_at",
]


def rows(address, state):
    """All rows, page by page, over one connection."""
    with requests.Session() as session:
        url = f"{address}/{state}/rows?per_page=100"
        while url:
            response = session.get(url, timeout=60)
            response.raise_for_status()
            yield from response.json()
            url = response.links.get("next", {}).get("url")


def main():
    address, state, database = sys.argv[1:]
    columns = ", ".join(COLUMNS)
    updates = ", ".join(f"{name} = EXCLUDED.{name}" for name in COLUMNS[1:])
    with psycopg.connect(database) as connection, connection.cursor() as cursor:
        cursor.execute(TABLE)
        cursor.execute("CREATE TEMPORARY TABLE stage (LIKE script_rows) ON COMMIT DROP")
        with cursor.copy(f"COPY stage ({columns}) FROM STDIN") as copy:
            for row in rows(address, state):
                copy.write_row([row[name] for name in COLUMNS])
        cursor.execute(
            f"INSERT INTO script_rows ({columns}) SELECT {columns} FROM stage "
            f"ON CONFLICT (id) DO UPDATE SET {updates}"
        )


if __name__ == "__main__":
    main()
