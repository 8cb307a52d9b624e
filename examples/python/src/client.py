"""Requests through the host.

The host holds the credential and adds it, tries again what passes by itself, and keeps to the
service's rate. What still fails becomes one of the contract's failures here: an answer that is
not what was asked for must never look like an empty list.
"""

import json
from dataclasses import dataclass
from urllib.parse import urlsplit

from componentize_py_types import Err, Ok
from wit_world.imports import outgoing_handler
from wit_world.imports.testops_datasource_types import Failure, FailureKind
from wit_world.imports.wasi_http_types import (
    ErrorCode,
    ErrorCode_InternalError,
    Fields,
    IncomingResponse,
    OutgoingRequest,
    Scheme_Http,
    Scheme_Https,
)
from wit_world.imports.streams import StreamError_Closed

CHUNK = 1 << 20


@dataclass(frozen=True)
class Answer:
    """A good answer: its JSON, and its headers by their lower-case names."""

    url: str
    body: object
    headers: dict[str, str]


def failure(kind: FailureKind, message: str, retry_after: int | None = None) -> Err[Failure]:
    """A failure to raise."""
    return Err(Failure(kind, message, retry_after))


def get(url: str) -> Answer:
    """Asks for JSON and waits for it. Raises a failure for anything else."""
    with send(url) as response:
        status = response.status()
        with response.headers() as fields:
            headers = {name.lower(): value.decode("latin-1") for name, value in fields.entries()}
        body = read(url, response)
    if status != 200:
        raise refused(url, status, headers)
    try:
        return Answer(url, json.loads(body), headers)
    except ValueError as error:
        message = f"GET {url}: the answer is not JSON: {error}"
        raise failure(FailureKind.UNEXPECTED_RESPONSE, message) from None


def refused(url: str, status: int, headers: dict[str, str]) -> Err[Failure]:
    """What a status other than 200 means."""
    wait = headers.get("retry-after", "")
    retry_after = min(int(wait), 2**32 - 1) if wait.isascii() and wait.isdigit() else None
    if status in (401, 403):
        kind = FailureKind.AUTH
    elif status in (404, 410):
        kind = FailureKind.NOT_FOUND
    elif status == 429:
        kind = FailureKind.RATE_LIMITED
    elif status in (408, 425) or status >= 500:
        kind = FailureKind.TRANSIENT
    else:
        kind = FailureKind.UNEXPECTED_RESPONSE
    return failure(kind, f"GET {url}: answered {status}", retry_after)


def send(url: str) -> IncomingResponse:
    """Sends a GET request and waits until the answer begins."""
    parts = urlsplit(url)
    headers = [("accept", b"application/json"), ("user-agent", b"circleci")]
    request = OutgoingRequest(Fields.from_list(headers))
    request.set_scheme(Scheme_Http() if parts.scheme == "http" else Scheme_Https())
    request.set_authority(parts.netloc)
    request.set_path_with_query(parts.path + (f"?{parts.query}" if parts.query else ""))
    try:
        future = outgoing_handler.handle(request, None)
    except Err as error:
        raise unanswered(url, error.value) from None
    with future, future.subscribe() as ready:
        ready.block()
        match future.get():
            case Ok(Ok(response)):
                return response
            case Ok(Err(code)):
                raise unanswered(url, code)
    raise failure(FailureKind.INTERNAL, f"GET {url}: the answer was taken twice")


def unanswered(url: str, code: ErrorCode) -> Err[Failure]:
    """Why there is no answer: the host's own words where it has some."""
    if isinstance(code, ErrorCode_InternalError) and code.value:
        reason = code.value
    else:
        reason = type(code).__name__.removeprefix("ErrorCode_")
    return failure(FailureKind.TRANSIENT, f"GET {url}: no answer: {reason}")


def read(url: str, response: IncomingResponse) -> bytes:
    """Reads a body to its end: half of one is a failure."""
    body = bytearray()
    with response.consume() as incoming, incoming.stream() as stream:
        while True:
            try:
                body += stream.blocking_read(CHUNK)
            except Err as error:
                if isinstance(error.value, StreamError_Closed):
                    return bytes(body)
                message = f"GET {url}: the answer broke off after {len(body)} bytes"
                raise failure(FailureKind.TRANSIENT, message) from None
