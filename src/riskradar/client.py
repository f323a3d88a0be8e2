"""A client of the radar's API in one file, of the standard library only: copy it wherever it is needed.

>>> radar = Client("http://127.0.0.1:8000")
>>> print(radar.now()["sentence"])
>>> for row in radar.history("vol+breadth", "20/5", start="2007-01-01"):
...     print(row["date"], row["probability"])
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
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

    token: what the server was started with, if it asks for one; run: `latest`, or the name of a stored run; patience: seconds to ask again while the
    server says that an answer is still being made. Raises Problem when the server refuses and OSError when it cannot be reached.
    """

    def __init__(
        self, url: str = "http://127.0.0.1:8000", token: str | None = None, run: str = "latest", timeout: float = 30.0, patience: float = 600.0
    ) -> None:
        if urlsplit(url).scheme not in ("http", "https"):
            raise ValueError(f"{url!r} is no http or https address")
        self.url, self.token, self.run, self.timeout, self.patience = url.rstrip("/"), token, run, timeout, patience
        self._kept: dict[str, tuple[str, Answer]] = {}
        self._open = build_opener(_Stay).open

    def get(self, *parts: str, **parameters: Any) -> Answer:
        """Any answer of the API: `get("runs")`, `get("runs", "latest", "network", "2008-10-10", layer=["correlation"])`."""
        query = urlencode({key: value for key, value in parameters.items() if value is not None}, doseq=True)
        path = "/v1/" + "/".join(quote(part, safe="") for part in parts) + (f"?{query}" if query else "")
        etag, kept = self._kept.get(path, ("", {}))
        answer, tag = self._send(path, {"If-None-Match": etag} if etag else {})
        if answer is None:
            return kept
        self._kept[path] = (tag, answer)
        return answer

    def _send(self, path: str, headers: dict[str, str], body: Answer | None = None) -> tuple[Answer | None, str]:
        """The answer and its tag, None where it is known already; asked again, within `patience`, while the server says that it is being made."""
        sent = None if body is None else json.dumps(body).encode()
        headers = {"Accept": "application/json", **({"Content-Type": "application/json"} if sent else {}), **headers}
        if self.token is not None:
            headers["Authorization"] = f"Bearer {self.token}"
        until = time.monotonic() + self.patience
        while True:
            try:
                with self._open(Request(self.url + path, sent, headers), timeout=self.timeout) as response:  # noqa: S310 - the scheme was checked
                    return json.load(response), response.headers.get("ETag", "")
            except HTTPError as error:
                with error:
                    if error.code == 304:
                        return None, ""
                    wait = float(error.headers.get("Retry-After") or 0) if error.code == 503 else 0.0
                    if not wait or time.monotonic() + wait > until:
                        raise _problem(error) from None
            time.sleep(wait)

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

    def nodes(self, date: str | None = None) -> Iterator[Answer]:
        """Forecasts of single assets, the most fragile first."""
        return self.pages("runs", self.run, "nodes", date=date, limit=5000)

    def leaderboard(self) -> Answer:
        """Every model on every target, with intervals."""
        return self.get("runs", self.run, "leaderboard")

    def alerts(self) -> Iterator[Answer]:
        """Every alarm of the workspace, newest first; `get("alerts")` also says where each target stands."""
        return self.pages("alerts")

    def track(self) -> Answer:
        """The track record: what was said before its outcome was known, and what came."""
        return self.get("track")

    def explain(self, date: str | None = None, target: str = "20/5", model: str = "", against: str | None = None) -> Answer:
        """Why a score is what it is, in terms that add up to it, or to its change since `against`."""
        return self.get("runs", self.run, "explain", date=date, target=target, model=model, against=against)

    def shocks(self, date: str | None = None) -> Answer:
        """Which shocks a session knows."""
        return self.get("runs", self.run, "shocks", date=date)

    def stress(self, date: str, shocks: Sequence[str] = (), reverse: str = "", model: str = "", target: str = "") -> Answer:
        """What the scores would have been under shocks such as "Financials returns -15%"; reverse: look for the smallest shock of a kind."""
        asked = {"date": date, "shocks": list(shocks), "reverse": reverse, "model": model, "target": target}
        return self._send(f"/v1/runs/{quote(self.run, safe='')}/stress", {}, asked)[0] or {}

    def network(self, date: str, *layers: str, edges: int = 2000) -> Answer:
        """The graphs of one date."""
        return self.get("runs", self.run, "network", date, layer=layers, edges=edges)

    def paths(self, date: str, source: str) -> Answer:
        """The strongest paths from an asset through the graphs of one date."""
        return self.get("runs", self.run, "network", date, "paths", source=source)


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
