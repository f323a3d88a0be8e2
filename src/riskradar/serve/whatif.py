"""What a shock would do to the scores of a session, and which shocks a run knows, for the page, the API and its tools."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from pydantic import BaseModel, JsonValue

from riskradar import scenario
from riskradar.attribution import explainable, headline
from riskradar.html.words import day as write
from riskradar.reopen import Opened
from riskradar.scenario import words
from riskradar.scenario.grammar import Names
from riskradar.serve import scores
from riskradar.serve.answers import HEAD, Answer, Estimate, shown
from riskradar.serve.scores import envelope
from riskradar.serve.shelf import View
from riskradar.serve.why import mended
from riskradar.tables import Groups, Held
from riskradar.tables.arrays import day

PARTS = 50  # of the range of a macro series: one is a step of its slider
LEFT = 0.9  # of a series that was never 0 or below, at most, that its slider takes away
WORST = 3  # crises whose worst session is offered


class Stressed(Answer):
    """What the run would have said had the market been shocked on `date`: the record of riskradar.scenario, its sentences, and what is usual.

    usual: by target, how often the fall came (as far as known by then on a replayed session).
    """

    date: dt.date
    shocks: tuple[str, ...]
    sentences: tuple[str, ...]
    usual: dict[str, Estimate]
    found: dict[str, JsonValue]

    model_config = shown({**HEAD, "date": "2008-09-15", "shocks": ["JPM returns -15%"], "sentences": ["If JPM fell 15 % further ..."],
                          "usual": {"20/5": {"value": 0.18, "low": None, "high": None, "reason": ""}}, "found": {}})  # fmt: skip


class Dial(BaseModel, frozen=True):
    """A shock with a size: `before` + size + `after` are its words, and `rest` is the size that changes nothing; signed: + and - are written.

    reverse: the kind of shock whose smallest size over the alert line can be looked for.
    """

    name: str
    label: str
    group: str
    before: str
    after: str
    low: float
    high: float
    step: float
    rest: float
    signed: bool
    reverse: str


class Preset(BaseModel, frozen=True):
    """A scenario to begin with: sizes of dials by name, and the session that is repeated."""

    name: str
    sizes: dict[str, float]
    as_on: dt.date | None = None


class Allowed(Answer):
    """Which shocks a session knows: dials, members that may be removed, sessions that may be repeated (first to last), and who scores it.

    models: those that gave a score on the session, true where asking costs nothing; the others may have to learn again first.
    """

    date: dt.date
    first: dt.date
    last: dt.date
    models: dict[str, bool]
    targets: tuple[str, ...]
    target: str
    dials: tuple[Dial, ...]
    assets: tuple[str, ...]
    presets: tuple[Preset, ...]

    model_config = shown({**HEAD, "date": "2008-09-15", "first": "1990-01-03", "last": "2022-12-28", "models": {"vol+breadth": True},
                          "targets": ["20/5"], "target": "20/5", "dials": [], "assets": ["JPM"], "presets": []})  # fmt: skip


def stress(view: View, date: dt.date, shocks: Sequence[str], model: str, target: str, reverse: str = "") -> Stressed:
    """The scores, measures, layers and losses of one session before and after the shocks; UsageError when the data are no longer those of the run."""
    name = model or view.inputs.anchor
    view.forecast(name)
    opened, given = view.opened(), {"shocks": tuple(shocks), "reverse": reverse, "models": (name,), "target": target}

    def run() -> dict[str, Any]:
        wanted = scenario.read(None, given)
        return scenario.run(scenario.Day.of(opened, str(date), wanted.models, wanted.target), wanted)

    found = mended(run)
    usual = {told.target: told.base_rate for told in scores.now(view, name, date).targets}
    return Stressed(
        **envelope(view, str(date)), date=date, shocks=tuple(shocks), sentences=tuple(words.sentences(found)), usual=usual, found=found
    )


def allowed(view: View, date: dt.date | None) -> Allowed:
    """The shocks that a scored session knows, the last one unless a date is given; UsageError when the data are no longer those of the run."""
    wanted = str(date or view.scored[-1])
    opened = view.opened()
    t = mended(lambda: opened.row(wanted))
    able = {
        name: explainable(name, opened) for name, forecast in view.inputs.forecasts.items()
        if np.isfinite(forecast.score[:, forecast.dates == day(wanted), 0]).any()
    }  # fmt: skip
    panel = opened.panel.rows(0, t + 1)
    dials = tuple(_dials(opened, t))
    return Allowed(
        **envelope(view, wanted), date=wanted, first=str(panel.dates[1]), last=str(opened.panel.dates[-1]), models=able, dials=dials,
        targets=tuple(one.name for one in opened.labels.targets if one.binary), target=mended(lambda: headline(opened)).name,
        assets=tuple(panel.assets[i] for i in np.flatnonzero(panel.member[-1])),
        presets=tuple(_presets(opened, dials, view.record.evaluation.get("sealed"))),
    )  # fmt: skip


def _dials(opened: Opened, t: int) -> Iterator[Dial]:
    """The market and its sectors, its volatility, the macro series known on the session, and the layers that can be raised."""
    panel = opened.panel.rows(0, t + 1)
    names = Names.of(panel, opened.graphs.layers)
    some = sorted({panel.sectors[code] for code in panel.sector[-1][panel.member[-1]] if code >= 0})
    for name in ("market", *some):
        label, group = ("All names", "Market") if name == "market" else (name, "Sectors")
        yield Dial(name=f"{name} returns", label=label, group=group, before=f"{name} returns ", after="%", low=-40, high=20, step=1, rest=0,
                   signed=True, reverse=f"{name} returns")  # fmt: skip
        if name == "market":
            yield Dial(name="market volatility", label="Volatility of the month", group=group, before="market volatility x", after="",
                       low=0.5, high=5, step=0.25, rest=1, signed=False, reverse="volatility")  # fmt: skip
    for name in names.series:
        known = panel.facts.view(name, panel.dates)
        if math.isfinite(known[-1]) and np.nanmax(known) > np.nanmin(known):
            span = float(np.nanmax(known) - np.nanmin(known))
            step = 10.0 ** math.floor(math.log10(span / PARTS))
            least = min(span, LEFT * float(known[-1])) if np.nanmin(known) > 0 else span
            yield Dial(name=name, label=f"{name}, now {known[-1]:.4g}", group="Macro series", before=f"{name} ", after=" points",
                       low=-math.floor(least / step) * step, high=math.ceil(span / step) * step, step=step, rest=0, signed=True,
                       reverse=name)  # fmt: skip
    for name in names.layers:
        layer = opened.graphs.layers[name]
        if not isinstance(layer.drawn if isinstance(layer, Held) else layer, Groups):
            yield Dial(name=f"layer {name}", label=f"{name} graph", group="Who moves with whom", before=f"{name} ", after="", low=-0.5, high=0.5,
                       step=0.05, rest=0, signed=True, reverse=name)  # fmt: skip


def _presets(opened: Opened, dials: Sequence[Dial], sealed: str | None) -> Iterator[Preset]:
    """A fall of everything, of one sector, a wild month, names that move as one, and the worst session of each crisis before the sealed half."""
    have = {dial.name: dial for dial in dials}
    yield Preset(name="Everything \N{MINUS SIGN}10 %", sizes={"market returns": -10})
    sector = next((dial for dial in dials if dial.label == "Financials"), next((dial for dial in dials if dial.group == "Sectors"), None))
    if sector is not None:
        yield Preset(name=f"{sector.label} \N{MINUS SIGN}20 %", sizes={sector.name: -20})
    yield Preset(name="A month twice as wild", sizes={"market volatility": 2})
    if "vix" in have:
        yield Preset(name="VIX +20", sizes={"vix": min(20.0, have["vix"].high)})
    if "layer correlation" in have:
        yield Preset(name="Names move as one", sizes={"layer correlation": 0.3, "market returns": -5})
    with np.errstate(invalid="ignore"):
        fell = np.append(0.0, opened.panel.level[1:] / opened.panel.level[:-1] - 1)
    dates, worst = opened.panel.dates, list[tuple[float, str, Any]]()
    for name, (begin, end) in opened.config.split.crises.items():
        inside = np.flatnonzero((dates >= day(begin)) & (dates <= day(end)) & np.isfinite(fell))
        inside = inside[dates[inside] < day(sealed)] if sealed else inside
        if len(inside):
            low = inside[np.argmin(fell[inside])]
            worst.append((float(fell[low]), name, dates[low]))
    for _, name, date in sorted(worst)[:WORST]:
        yield Preset(name=f"As on {write(date)} ({name})", sizes={}, as_on=str(date))
