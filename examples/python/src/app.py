"""CircleCI's pipelines and their workflows, branch by branch.

    GET /project/gh/example/orchard/pipeline?branch=main   newest first, by next_page_token
    GET /pipeline/ID/workflow                              those of one pipeline

A branch is a partition, so that one that is gone fails alone. The checkpoint is the number up to
which all pipelines have ended (see `circleci.Watermark`), given at the end of the list, because
the list begins with what is newest: what was read of it so far says nothing of what is older. A run
over a window reads everything for the same reason: after it, older pipelines would count as known.
"""

import json
from collections.abc import Callable, Iterator
from typing import TypeVar
from urllib.parse import quote

import circleci
import client
from wit_world import exports
from wit_world.exports.datasource import Batch, Partition, ProjectContext, Request
from wit_world.imports.testops_datasource_types import (
    Column,
    ColumnType,
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
    Value_Int64,
    Value_Null,
    Value_Text,
    Value_Timestamp,
)

T = TypeVar("T")
INTEGER, TEXT, MOMENT = ColumnType_Int64(), ColumnType_Text(), ColumnType_Timestamp()


def column(name: str, kind: ColumnType, description: str, nullable: bool = False) -> Column:
    return Column(name, kind, nullable, None, description)


def key(name: str, description: str) -> Column:
    """A text that is part of a key says how long it can get: CircleCI's ids are UUIDs."""
    return Column(name, TEXT, False, 36, description)


PIPELINES = Table(
    name="circleci_pipelines",
    description="A pipeline: what a push, a schedule or a person started.",
    mode=TableMode.MERGE,
    columns=[
        key("id", "CircleCI's id of the pipeline."),
        column("number", INTEGER, "Counts the pipelines of a project."),
        column("branch", TEXT, "The branch that it ran on."),
        column("revision", TEXT, "The commit that it ran on."),
        column("state", TEXT, "`created` once its workflows are there, `errored` without any."),
        column("trigger_type", TEXT, "What started it: `webhook`, `schedule`, `api`."),
        column("actor", TEXT, "Who started it; null for a schedule.", nullable=True),
        column("created_at", MOMENT, "When it was started."),
    ],
    key=["id"],
)
WORKFLOWS = Table(
    name="circleci_workflows",
    description="A workflow of a pipeline.",
    mode=TableMode.MERGE,
    columns=[
        key("id", "CircleCI's id of the workflow."),
        key("pipeline_id", "The pipeline, as in circleci_pipelines."),
        column("name", TEXT, "Its name in the project's configuration."),
        column("status", TEXT, "`success`, `failed`, `running`, `on_hold` and others."),
        column("created_at", MOMENT, "When it was made."),
        column("stopped_at", MOMENT, "When it ended; null until then.", nullable=True),
    ],
    key=["id"],
)


def text(value: str | None) -> Value:
    return Value_Null() if value is None else Value_Text(value)


def moment(value: int | None) -> Value:
    return Value_Null() if value is None else Value_Timestamp(value)


def pipeline_row(pipeline: circleci.Pipeline) -> list[Value]:
    return [
        text(pipeline.id),
        Value_Int64(pipeline.number),
        text(pipeline.branch),
        text(pipeline.revision),
        text(pipeline.state),
        text(pipeline.trigger),
        text(pipeline.actor),
        moment(pipeline.created_at),
    ]


def workflow_row(workflow: circleci.Workflow) -> list[Value]:
    return [
        text(workflow.id),
        text(workflow.pipeline_id),
        text(workflow.name),
        text(workflow.status),
        moment(workflow.created_at),
        moment(workflow.stopped_at),
    ]


class Datasource(exports.Datasource):
    """What the host calls."""

    def describe(self) -> Description:
        return Description(
            name="circleci",
            version="0.1.0",
            summary="Pipelines and workflows of CircleCI",
            default_base_url="https://circleci.example.com/api/v2",
            hosts=[],
            credentials=[CredentialKind.HEADER],
            requests_per_minute=300,
            settings=[
                Setting("project-slug", "CircleCI's name of the project: gh/ORG/REPOSITORY", True),
                Setting("branches", 'The branches to read, such as ["main", "release/2.4"]', True),
            ],
            tables=[PIPELINES, WORKFLOWS],
            reports=[
                Report(
                    name="pipelines",
                    description="Pipelines of the configured branches, with their workflows",
                    tables=[PIPELINES.name, WORKFLOWS.name],
                    exhaustive=False,
                )
            ],
        )

    def check(self, context: ProjectContext) -> str:
        slug = setting(context, "project-slug", str)
        client.get(f"{context.base_url}/project/{quote(slug)}")
        return f"the project {slug} can be read"

    def plan(self, request: Request) -> list[Partition]:
        branches = setting(request.context, "branches", list)
        # The id takes fewer characters than a branch may have: % is not among them.
        return [Partition(f"branch:{quote(name).replace('%', ':')}", name) for name in branches]

    def open(self, request: Request, partition: Partition, checkpoint: str | None) -> "Reader":
        has_window = request.since is not None or request.until is not None
        known = 0 if has_window else int(checkpoint or 0)
        return Reader(request.context, partition.data, known)


class Reader(exports.datasource.Reader):
    """Gives out what `read` makes of a branch, in batches that the host can take."""

    def __init__(self, context: ProjectContext, branch: str, known: int) -> None:
        self.parts = read(context, branch, known)
        self.part: Batch | None = None

    def next_batch(self, max_rows: int) -> Batch | None:
        part = self.part or next(self.parts, None)
        if part is None:
            return None
        now, rest = part.rows[:max_rows], part.rows[max_rows:]
        self.part = Batch(part.table, rest, part.checkpoint) if rest else None
        return Batch(part.table, now, None if rest else part.checkpoint)


def read(context: ProjectContext, branch: str, known: int) -> Iterator[Batch]:
    """The pipelines of a branch that are newer than the known ones, each page with its
    workflows, and the checkpoint after the last."""
    slug = quote(setting(context, "project-slug", str))
    url = f"{context.base_url}/project/{slug}/pipeline?branch={quote(branch, safe='')}"
    watermark = circleci.Watermark(known)
    for page in pages(url, circleci.pipeline_of):
        new = [pipeline for pipeline in page if pipeline.number > known]
        workflows: list[circleci.Workflow] = []
        for pipeline in new:
            own = workflows_of(context, pipeline)
            watermark.take(pipeline, own)
            workflows += own
        if new:
            yield Batch(PIPELINES.name, [pipeline_row(pipeline) for pipeline in new], None)
        if workflows:
            yield Batch(WORKFLOWS.name, [workflow_row(workflow) for workflow in workflows], None)
        if len(new) < len(page):
            break
    if watermark.next != known:
        yield Batch(PIPELINES.name, [], str(watermark.next))


def workflows_of(context: ProjectContext, pipeline: circleci.Pipeline) -> list[circleci.Workflow]:
    url = f"{context.base_url}/pipeline/{pipeline.id}/workflow"
    found = pages(url, lambda item: circleci.workflow_of(item, pipeline))
    return [workflow for page in found for workflow in page]


def pages(url: str, item_of: Callable[[object], T]) -> Iterator[list[T]]:
    """The pages of a list, to its end."""
    token: str | None = None
    while True:
        separator = "&" if "?" in url else "?"
        here = url if token is None else f"{url}{separator}page-token={quote(token, safe='')}"
        answer = client.get(here)
        try:
            items, following = circleci.items_of(answer.body)
            page = [item_of(item) for item in items]
        except ValueError as error:
            message = f"GET {here}: {error}"
            raise client.failure(FailureKind.UNEXPECTED_RESPONSE, message) from None
        yield page
        if following is None:
            return
        if following == token:
            message = f"GET {here}: the page names itself as the next one"
            raise client.failure(FailureKind.UNEXPECTED_RESPONSE, message)
        token = following


def setting(context: ProjectContext, name: str, kind: type[T]) -> T:
    value = json.loads(context.settings).get(name)
    if not isinstance(value, kind) or not value:
        message = f"the setting {name} is {value!r}: {kind.__name__} is wanted"
        raise client.failure(FailureKind.CONFIG, message)
    return value
