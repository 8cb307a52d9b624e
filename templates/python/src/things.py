"""What one page of a list is: its rows, and where the next page is.

Nothing here knows of WebAssembly, so plain Python tests it: `python3 -m unittest discover tests`.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from urllib.parse import urljoin

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


@dataclass(frozen=True)
class Thing:
    """One thing of a list, as the service has it."""

    id: int
    title: str
    state: str
    score: float | None
    created_at: int
    changed_at: int


def things_of(page: object) -> list[Thing]:
    """The things of a page. Raises ValueError for a page that is not as documented."""
    if not isinstance(page, list):
        raise ValueError("a list of things was expected")
    return [thing_of(item) for item in page]


def thing_of(item: object) -> Thing:
    """One thing. A field that is missing or of another kind is never made up."""
    if not isinstance(item, dict):
        raise ValueError("a thing is not an object")

    def field(name: str, *kinds: type):
        value = item.get(name)
        if not isinstance(value, kinds) or isinstance(value, bool):
            raise ValueError(f"{name} of the thing {item.get('id')} is {value!r}")
        return value

    score = field("score", int, float, type(None))
    return Thing(
        id=field("id", int),
        title=field("title", str),
        state=field("state", str),
        score=None if score is None else float(score),
        created_at=microseconds(field("created_at", str)),
        changed_at=microseconds(field("changed_at", str)),
    )


def microseconds(text: str) -> int:
    """A moment such as 2026-01-04T08:15:00Z in microseconds since 1970."""
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    if moment.tzinfo is None:
        raise ValueError(f"{text} does not say its time zone")
    return (moment - EPOCH) // timedelta(microseconds=1)


def next_page(url: str, link: str | None) -> str | None:
    """The address of the page after `url`, from its Link header; none after the last page."""
    for target, parameters in re.findall(r"<([^>]*)>([^,<]*)", link or ""):
        if re.search(r';\s*rel="?next"?\s*(;|$)', parameters):
            return urljoin(url, target)
    return None
