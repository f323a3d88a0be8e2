"""What can go wrong in a request, as application/problem+json (RFC 9457): never a stack trace, and inert wherever it is shown."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from riskradar.errors import RadarError, UsageError

log = logging.getLogger("riskradar.serve")

MEDIA = "application/problem+json"
INERT = {b"<": b"\\u003c", b">": b"\\u003e", b"&": b"\\u0026"}  # inside JSON these stand in strings only


class Fault(BaseModel, frozen=True):
    """One part of a request that does not fit: where it stands, and why."""

    where: str
    why: str


class Problem(BaseModel):
    """RFC 9457: what is wrong, and what to do; `errors` lists the parts of the request that do not fit."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    errors: tuple[Fault, ...] = ()

    model_config = ConfigDict(frozen=True, json_schema_extra={
        "examples": [{"type": "about:blank", "title": "Not Found", "status": 404, "detail": "no such run; /v1/runs lists them", "errors": []}]
    })  # fmt: skip


class Refused(Exception):
    """An answer that is a problem; `detail` holds nothing that the caller sent but a shock that is not understood, quoted."""

    def __init__(self, status: int, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status, self.detail, self.headers = status, detail, headers


class Missing(Refused):
    """404: the thing that was asked for is not there."""

    def __init__(self, detail: str) -> None:
        super().__init__(404, detail)


def problem(status: int, detail: str, headers: Mapping[str, str] | None = None, errors: Sequence[Fault] = ()) -> Response:
    """A problem as a response."""
    told = Problem(title=HTTPStatus(status).phrase, status=status, detail=detail, errors=tuple(errors))
    return Response(inert(told.model_dump_json().encode()), status, headers, MEDIA)


def inert(body: bytes) -> bytes:
    """JSON that stays JSON wherever it is pasted: no tag begins in it."""
    for character, escape in INERT.items():
        body = body.replace(character, escape)
    return body


def install(app: FastAPI, page: Callable[[int, str], Response]) -> None:
    """Let every error of an application leave as a problem; a wrong address that a person typed, as a page that says so."""

    @app.exception_handler(Refused)
    async def refused(request: Request, error: Refused) -> Response:
        return problem(error.status, error.detail, error.headers)

    @app.exception_handler(HTTPException)
    async def known(request: Request, error: HTTPException) -> Response:
        if error.status_code == 404 and by_person(request):
            return page(404, "no page has this address; those that there are stand above")
        return problem(error.status_code, WORDS.get(error.status_code, "the request cannot be answered"), error.headers)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        faults = [fault(e) for e in error.errors()[:20]]
        if by_person(request):
            return page(422, "this page does not understand its address: " + "; ".join(f"{each.where}: {each.why}" for each in faults))
        return problem(422, "the request does not fit the description at /v1/openapi.json", errors=faults)

    @app.exception_handler(RadarError)
    async def radar(request: Request, error: RadarError) -> Response:
        log.warning("%s", error)
        if isinstance(error, UsageError):
            return problem(409, "the stored run does not allow this; the log of the server says why")
        return problem(500, "the stored run cannot be read; it was left as it is; the log of the server says why")


def by_person(request: Request) -> bool:
    """Whether a page was asked for, by a browser."""
    return request.method == "GET" and not request.url.path.startswith("/v1/") and "text/html" in request.headers.get("accept", "")


WORDS = {
    404: "nothing is here; /v1/openapi.json lists what is",
    400: "the request cannot be read",
    405: "this address does not know this method; the Allow header lists those it knows",
    413: "the request is too long",
}


def fault(error: Mapping[str, Any]) -> Fault:
    """Where and why a part does not fit; a name that the caller made up is not repeated."""
    where = error["loc"][:1] if error["type"] == "extra_forbidden" else error["loc"]
    return Fault(where=".".join(map(str, where)), why=error["msg"])
