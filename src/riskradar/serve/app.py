"""The application: the API and the pages behind one gate."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.middleware.gzip import GZipMiddleware
from fastapi.openapi.utils import get_openapi

import riskradar
from riskradar.serve import pages, problems, questions, v1, watch
from riskradar.serve.problems import Problem
from riskradar.serve.security import LOOPBACK, Guard, Limits
from riskradar.serve.shelf import Shelf
from riskradar.serve.wire import Again, Wire
from riskradar.serve.workplace import Workplace

ABOUT = (
    "Everything that the pages show. Nothing but an acknowledgement changes anything. Every answer about a run names it, its day and the hashes of "
    "its settings and data; undefined is null."
)


def create_app(
    home: Path, *, place: Workplace | None = None, token: str | None = None, hosts: Collection[str] = LOOPBACK, origins: Collection[str] = (),
    limits: Limits | None = None,
) -> FastAPI:  # fmt: skip
    """The server over the runs in `home` and, where there is one, the ledger of a workspace, as an ASGI application.

    token: what every caller must show, None on loopback only; hosts: the names by which the server is reached; origins: pages elsewhere that may
    ask, as scheme://host:port; they still cannot read an answer from a browser, since no CORS header is sent.
    """
    limits = limits or Limits()
    shelf, wire = Shelf(home), Wire(limits)
    app = FastAPI(
        title="Systemic Risk Radar", version=riskradar.__version__, description=ABOUT, openapi_url="/v1/openapi.json", docs_url=None, redoc_url=None,
        redirect_slashes=False,
    )  # fmt: skip
    app.state.shelf = shelf
    problems.install(app, pages.astray)
    app.include_router(v1.router(shelf, wire))
    app.include_router(pages.router(shelf))
    app.include_router(questions.router(shelf, wire))
    app.include_router(watch.api(shelf, wire, place))
    app.include_router(watch.site(shelf, place))
    app.add_middleware(GZipMiddleware, minimum_size=1_000, compresslevel=6)
    app.add_middleware(Again, wire=wire)
    app.add_middleware(Guard, token=token, hosts=hosts, origins=origins, limits=limits)
    app.openapi = partial(described, app, token is not None)  # type: ignore[method-assign]
    return app


def described(app: FastAPI, locked: bool) -> dict[str, Any]:
    """The OpenAPI description, with the shape of a problem and, where the server is locked, the token."""
    if app.openapi_schema is None:
        made = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        made["components"]["schemas"] |= {**problem.pop("$defs"), "Problem": problem}
        if locked:
            made["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
            made["security"] = [{"token": []}]
        app.openapi_schema = made
    return app.openapi_schema
