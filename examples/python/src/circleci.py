"""What CircleCI answers, as rows: no WebAssembly here, so plain Python tests it."""

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)

# The states in which a workflow changes no more.
FINISHED = {"success", "failed", "error", "canceled", "unauthorized", "not_run"}


@dataclass(frozen=True)
class Pipeline:
    """What a push, a schedule or a person started."""

    id: str
    number: int
    branch: str
    revision: str
    state: str
    trigger: str
    actor: str | None
    created_at: int


@dataclass(frozen=True)
class Workflow:
    """One of the workflows of a pipeline. `stopped_at` is none while it runs."""

    id: str
    pipeline_id: str
    name: str
    status: str
    created_at: int
    stopped_at: int | None

    @property
    def is_finished(self) -> bool:
        return self.status in FINISHED


class Fields:
    """The fields of an object of an answer. One that is missing is never made up."""

    def __init__(self, item: object) -> None:
        if not isinstance(item, dict):
            raise ValueError("an object was expected")
        self.item = item

    def get(self, name: str, *kinds: type):
        value = self.item.get(name)
        if not isinstance(value, kinds) or isinstance(value, bool):
            raise ValueError(f"{name} of {self.item.get('id')} is {value!r}")
        return value

    def inner(self, name: str) -> "Fields":
        return Fields(self.get(name, dict))


def items_of(body: object) -> tuple[list[object], str | None]:
    """A page's items, and the token of the next page; none on the last page."""
    page = Fields(body)
    return page.get("items", list), page.get("next_page_token", str, type(None)) or None


def pipeline_of(item: object) -> Pipeline:
    fields = Fields(item)
    vcs, trigger = fields.inner("vcs"), fields.inner("trigger")
    # A schedule has nobody who pressed a button.
    actor = trigger.get("actor", dict, type(None))
    return Pipeline(
        id=fields.get("id", str),
        number=fields.get("number", int),
        branch=vcs.get("branch", str),
        revision=vcs.get("revision", str),
        state=fields.get("state", str),
        trigger=trigger.get("type", str),
        actor=None if actor is None else Fields(actor).get("login", str),
        created_at=microseconds(fields.get("created_at", str)),
    )


def workflow_of(item: object, pipeline: Pipeline) -> Workflow:
    fields = Fields(item)
    stopped_at = fields.get("stopped_at", str, type(None))
    return Workflow(
        id=fields.get("id", str),
        pipeline_id=pipeline.id,
        name=fields.get("name", str),
        status=fields.get("status", str),
        created_at=microseconds(fields.get("created_at", str)),
        stopped_at=None if stopped_at is None else microseconds(stopped_at),
    )


def microseconds(text: str) -> int:
    """A moment such as 2026-01-04T08:15:00Z in microseconds since 1970."""
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    if moment.tzinfo is None:
        raise ValueError(f"{text} does not say its time zone")
    return (moment - EPOCH) // timedelta(microseconds=1)


class Watermark:
    """The number of the pipeline up to which nothing changes any more.

    CircleCI lists the newest pipeline first. A later run reads down to the watermark. It has to
    stay below a pipeline whose workflows have not all ended, however many after it have.
    """

    def __init__(self, known: int) -> None:
        self.known = known
        self.newest = known
        self.oldest_unfinished: int | None = None

    def take(self, pipeline: Pipeline, workflows: list[Workflow]) -> None:
        self.newest = max(self.newest, pipeline.number)
        # A pipeline that is being set up has no workflows yet.
        settled = pipeline.state in ("created", "errored")
        if not (settled and all(workflow.is_finished for workflow in workflows)):
            self.oldest_unfinished = min(self.oldest_unfinished or pipeline.number, pipeline.number)

    @property
    def next(self) -> int:
        if self.oldest_unfinished is None:
            return self.newest
        return min(self.newest, self.oldest_unfinished - 1)
