"""Forecasts of single assets of a stored run as answers."""

from __future__ import annotations

import datetime as dt
from typing import Any

from pydantic import BaseModel

from riskradar import nodes
from riskradar.html import words
from riskradar.html.assets import assets
from riskradar.serve.answers import HEAD, Paged, Share, shown
from riskradar.serve.problems import Missing
from riskradar.serve.scores import envelope
from riskradar.serve.shelf import View


class Asset(BaseModel, frozen=True):
    """An asset: what is expected of it in percent, by target (`titles` says of what), and the share of its own earlier forecasts that were lower.

    expected: null where nothing was forecast; percentile: null before the asset has a year of forecasts.
    """

    asset: str
    sector: str | None
    expected: dict[str, float | None]
    percentile: dict[str, Share | None]


class Gain(BaseModel, frozen=True):
    """Percent of squared error that a model of assets gains over another, with its 90 % interval; null where no outcome was known."""

    model: str
    reference: str
    target: str
    half: str
    value: float | None
    low: float | None
    high: float | None


class Fragile(Paged):
    """The assets of one session, the most fragile first: by the first of `titles`, as it was known then.

    assets: how many were forecast; note: what these forecasts do not claim; skill: how good they were, over what the run has evaluated.
    """

    model: str
    note: str
    titles: dict[str, str]
    assets: int
    rows: tuple[Asset, ...]
    skill: tuple[Gain, ...]

    model_config = shown({
        **HEAD, "next": None, "model": "ridge", "note": nodes.NOTE, "titles": {"log-drawdown/60": "largest fall over 60 sessions"},
        "assets": 20, "skill": [],
        "rows": [{"asset": "AMD", "sector": "Technology", "expected": {"log-drawdown/60": 20.5}, "percentile": {"log-drawdown/60": 0.53}}],
    })  # fmt: skip


def fragile(view: View, date: dt.date | None, limit: int, cursor: int) -> Fragile:
    """The assets of the last session, or of the last one by `date`, `limit` of them after the first `cursor`."""
    table = view.nodes
    if table is None:
        raise Missing("this run has no forecasts of assets; its setting nodes.names says which models would make them")
    if date is not None and date < table.dates[0].astype(object):
        raise Missing("no asset was forecast by that date; the run says from when on sessions were scored")
    found = nodes.fragile(table, date, cursor + limit)
    following = str(cursor + limit) if cursor + limit < found["assets"] else None
    told = view.record.about["nodes"]
    return Fragile(
        **envelope(view, found["date"]), next=following, model=found["model"], note=told["note"], titles=found["titles"], assets=found["assets"],
        rows=found["rows"][cursor:], skill=told["skill"],
    )  # fmt: skip


def listed(view: View, as_of: dt.date, replayed: bool) -> dict[str, Any]:
    """The list of the report; on an earlier day the one of that day, without the record that followed it."""
    section = assets(view.inputs)
    if not section or not replayed:
        return section
    table = view.nodes
    if table is None or as_of < table.dates[0].astype(object):
        return {}
    return {**section, **nodes.fragile(table, as_of), "day": words.day(as_of), "gains": []}
