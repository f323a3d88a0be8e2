"""A client of the radar's API in one file, of the standard library only: copy it wherever it is needed.

>>> radar = Client("http://127.0.0.1:8000")
>>> print(radar.now()["sentence"])
>>> for row in radar.history("vol+breadth", "20/5", start="2007-01-01"):
...     print(row["date"], row["probability"])
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote, urlencode, urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

Answer = dict[str, Any]


class Problem(Exception):
    """The server's refusal (RFC 9457): `status`, `detail`, and the parts of the request that do not fit."""

    def __init__(self, status: int, detail: str, errors: list[dict[str, str]]) -> None:
        super().__init__(f"{status}: {detail}" + "".join(f"; {e['where']}: {e['why']}" for e in errors))
        self.status, self.detail, self.errors = status, detail, errors


class Client:
    """The API of one server; an answer that has not changed is not sent again.

    token: what the server was started with, if it asks for one; run: `latest`, or the name of a stored run. Raises Problem when the server refuses
    and OSError when it cannot be reached.
    """

    def __init__(self, url: str = "http://127.0.0.1:8000", token: str | None = None, run: str = "latest", timeout: float = 30.0) -> None:
        if urlsplit(url).scheme not in ("http", "https"):
            raise ValueError(f"{url!r} is no http or https address")
        self.url, self.token, self.run, self.timeout = url.rstrip("/"), token, run, timeout
        self._kept: dict[str, tuple[str, Answer]] = {}
        self._open = build_opener(_Stay).open

    def get(self, *parts: str, **parameters: Any) -> Answer:
        """Any answer of the API: `get("runs")`, `get("runs", "latest", "network", "2008-10-10", layer=["correlation"])`."""
        query = urlencode({key: value for key, value in parameters.items() if value is not None}, doseq=True)
        path = "/v1/" + "/".join(quote(part, safe="") for part in parts) + (f"?{query}" if query else "")
        etag, kept = self._kept.get(path, ("", {}))
        headers = {"Accept": "application/json", **({"If-None-Match": etag} if etag else {})}
        if self.token is not None:
            headers["Authorization"] = f"Bearer {self.token}"
        try:
            with self._open(Request(self.url + path, headers=headers), timeout=self.timeout) as response:  # noqa: S310 - the scheme was checked
                answer: Answer = json.load(response)
        except HTTPError as error:
            with error:
                if error.code == 304:
                    return kept
                raise _problem(error) from None
        self._kept[path] = (response.headers.get("ETag", ""), answer)
        return answer

    def pages(self, *parts: str, **parameters: Any) -> Iterator[Answer]:
        """The rows of a table, page after page."""
        cursor: str | None = None
        while True:
            page = self.get(*parts, **parameters, cursor=cursor)
            yield from page["rows"]
            cursor = page.get("next")
            if cursor is None:
                return

    def runs(self) -> Iterator[Answer]:
        """The stored runs, newest first."""
        return self.pages("runs")

    def about(self) -> Answer:
        """What the run holds: its models, targets, layers and measures."""
        return self.get("runs", self.run)

    def now(self, model: str = "", date: str | None = None) -> Answer:
        """The chance of each fall on the last session, or on an earlier date as it was known then."""
        return self.get("runs", self.run, "now", model=model, date=date)

    def history(self, model: str, target: str = "20/5", **span: Any) -> Iterator[Answer]:
        """A forecast over time; span: start, end, days."""
        return self.pages("runs", self.run, "models", model, "history", target=target, limit=5000, **span)

    def labels(self, target: str = "20/5", **span: Any) -> Iterator[Answer]:
        """What came after each session."""
        return self.pages("runs", self.run, "labels", target=target, limit=5000, **span)

    def measure(self, name: str, **span: Any) -> Iterator[Answer]:
        """A classic measure over time."""
        return self.pages("runs", self.run, "measures", name, limit=5000, **span)

    def leaderboard(self) -> Answer:
        """Every model on every target, with intervals."""
        return self.get("runs", self.run, "leaderboard")

    def alerts(self) -> Iterator[Answer]:
        """Every alarm of the workspace, newest first; `get("alerts")` also says where each target stands."""
        return self.pages("alerts")

    def track(self) -> Answer:
        """The track record: what was said before its outcome was known, and what came."""
        return self.get("track")

    def network(self, date: str, *layers: str, edges: int = 2000) -> Answer:
        """The graphs of one date."""
        return self.get("runs", self.run, "network", date, layer=layers, edges=edges)


class _Stay(HTTPRedirectHandler):
    """A token goes to the server that was named and to no other: redirects are not followed."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


def _problem(error: HTTPError) -> Problem:
    try:
        told = json.load(error)
        return Problem(error.code, str(told["detail"]), list(told.get("errors", [])))
    except (ValueError, KeyError, TypeError):
        return Problem(error.code, error.reason, [])
