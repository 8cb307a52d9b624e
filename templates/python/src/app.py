"""Things of an example service, as rows.

The service lists the things of a list in pages, those changed last at the end, and names the
next page in a `Link` header:

    GET /lists/7/things?sort=changed_at&per_page=3

A thing that changes moves to the end. So the checkpoint is the address of the first page that
was not read yet, or of the last page there is: from there the next run goes on.

The host calls `describe`, `check`, `plan` and `open`, and then the reader; wit/ says what each
of them may do. A raised `Err` with a `Failure` is an answer; any other exception is a fault of
the plugin, which the host can only show as a crash.
"""

import json

import client
import things
from wit_world import exports
from wit_world.exports.datasource import Batch, Partition, ProjectContext, Request
from wit_world.imports.testops_datasource_types import (
    Column,
    ColumnType_Float64,
    ColumnType_Int64,
    ColumnType_Text,
    ColumnType_Timestamp,
    CredentialKind,
    Description,
    FailureKind,
    Report,
    Setting,
    Table,
    TableMode,
    Value,
    Value_Float64,
    Value_Int64,
    Value_Null,
    Value_Text,
    Value_Timestamp,
)

# How many things a page has. Take as many as your service gives, often 100.
PER_PAGE = 3

THINGS = Table(
    name="templateplugin_things",
    description="A thing, as it is now.",
    mode=TableMode.MERGE,
    columns=[
        Column("id", ColumnType_Int64(), False, None, "The thing's number, which it keeps."),
        Column("title", ColumnType_Text(), False, None, "Its title; may be empty."),
        Column("state", ColumnType_Text(), False, None, "`open`, `done` or `dropped`."),
        Column("score", ColumnType_Float64(), True, None, "From 0 to 10; null while unjudged."),
        Column("created_at", ColumnType_Timestamp(), False, None, "When it was made."),
        Column("changed_at", ColumnType_Timestamp(), False, None, "When it changed last."),
    ],
    key=["id"],
)


def row_of(thing: things.Thing) -> list[Value]:
    """The values of a row, in the order of the table's columns."""
    return [
        Value_Int64(thing.id),
        Value_Text(thing.title),
        Value_Text(thing.state),
        Value_Null() if thing.score is None else Value_Float64(thing.score),
        Value_Timestamp(thing.created_at),
        Value_Timestamp(thing.changed_at),
    ]


class Datasource(exports.Datasource):
    """What the host calls."""

    def describe(self) -> Description:
        return Description(
            name="templateplugin",
            version="0.1.0",
            summary="Things of a service",
            default_base_url="https://api.example.com",
            hosts=[],
            credentials=[CredentialKind.BEARER],
            requests_per_minute=None,
            settings=[Setting("list", "The number of the list, such as 7", required=True)],
            tables=[THINGS],
            reports=[
                Report(
                    name="things",
                    description="All things of a list, as they are now",
                    tables=[THINGS.name],
                    exhaustive=False,
                )
            ],
        )

    def check(self, context: ProjectContext) -> str:
        read_page(first_page(context))
        return f"the list {list_number(context)} can be read"

    def plan(self, request: Request) -> list[Partition]:
        return [Partition(id=f"list-{list_number(request.context)}", data="")]

    def open(self, request: Request, partition: Partition, checkpoint: str | None) -> "Reader":
        # Who asks for days wants them read, whatever was read before: then all things are.
        if request.since is not None or request.until is not None:
            checkpoint = None
        known = checkpoint and checkpoint.startswith(request.context.base_url)
        return Reader(checkpoint if known else first_page(request.context))


class Reader(exports.datasource.Reader):
    """Reads page by page, with a checkpoint after each that is not the last."""

    def __init__(self, url: str) -> None:
        self.next_url: str | None = url
        self.rows: list[list[Value]] = []

    def next_batch(self, max_rows: int) -> Batch | None:
        while not self.rows:
            if self.next_url is None:
                return None
            page, self.next_url = read_page(self.next_url)
            self.rows = [row_of(thing) for thing in page]
        rows, self.rows = self.rows[:max_rows], self.rows[max_rows:]
        # A checkpoint covers all rows before it: the page's last rows carry it.
        return Batch(THINGS.name, rows, checkpoint=None if self.rows else self.next_url)


def read_page(url: str) -> tuple[list[things.Thing], str | None]:
    """A page's things, and the address of the next page."""
    answer = client.get(url)
    try:
        page = things.things_of(answer.body)
    except ValueError as error:
        raise client.failure(FailureKind.UNEXPECTED_RESPONSE, f"GET {url}: {error}") from None
    following = things.next_page(url, answer.headers.get("link"))
    if following == url:
        message = f"GET {url}: the page names itself as the next one"
        raise client.failure(FailureKind.UNEXPECTED_RESPONSE, message)
    return page, following


def first_page(context: ProjectContext) -> str:
    path = f"/lists/{list_number(context)}/things?sort=changed_at&per_page={PER_PAGE}"
    return context.base_url + path


def list_number(context: ProjectContext) -> int:
    number = json.loads(context.settings).get("list")
    if not isinstance(number, int):
        message = f"the setting list is {number!r}: a number such as 7 is wanted"
        raise client.failure(FailureKind.CONFIG, message)
    return number
