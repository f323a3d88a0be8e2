"""The page itself: inputs in, one HTML text out."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

import pandas as pd
from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

from riskradar.html import account, board, evidence, words
from riskradar.html.assets import assets
from riskradar.html.depth import depth
from riskradar.html.indicators import indicators
from riskradar.html.inputs import Inputs
from riskradar.html.layers import layers
from riskradar.html.lead import lead
from riskradar.html.timeline import timeline
from riskradar.html.why import why
from riskradar.tables import Forecast, LayerSummary

PLOTLY = "vendor/plotly-cartesian.min.js"


def build(
    about: Mapping[str, Any], evaluation: Mapping[str, Any], forecasts: Mapping[str, Forecast], labels: pd.DataFrame,
    measures: pd.DataFrame | None = None, summary: LayerSummary | None = None, falls: pd.DataFrame | None = None,
) -> str:  # fmt: skip
    """One self-contained HTML page of a stored run: no request leaves it, and every text in it is inert.

    about, evaluation: run.json and evaluation.json; labels: date, level, onset and one column per target; measures: dates by measures;
    summary: the layers over time; falls: quantiles of the forward falls. A run that stored none of the last three says so in their place.
    """
    inputs = Inputs(about, evaluation, forecasts, labels, measures, summary, falls)
    drawn, graphs, classic = timeline(inputs), layers(inputs), indicators(inputs)
    charts = [*graphs["charts"], *classic["charts"]]
    scripts = [read(PLOTLY), read("templates/page.js")] if drawn or charts else []
    return (
        environment()
        .get_template("page.html")
        .render(
            about=about,
            evaluation=evaluation,
            lead=lead(inputs),
            board=board.board(inputs),
            headline=board.headline(inputs),
            halves=board.halves(inputs),
            timeline=drawn,
            figure=inert({"timeline": drawn["figure"] if drawn else None, "charts": charts}) if scripts else "",
            depth=depth(inputs),
            why=why(inputs),
            assets=assets(inputs),
            curves=evidence.curves(inputs),
            warnings=evidence.warnings(inputs),
            aligned=evidence.aligned(inputs),
            alarm_tables=evidence.alarm_tables(inputs),
            intake=account.intake(inputs),
            layers=graphs,
            indicators=classic,
            absent=account.absent(inputs),
            settings=account.settings(inputs),
            limits=account.limits(inputs),
            style=read("templates/page.css"),
            scripts=scripts,
            policy=policy(scripts),
        )
    )


def sentence(about: Mapping[str, Any], evaluation: Mapping[str, Any], forecasts: Mapping[str, Forecast], labels: pd.DataFrame) -> str:
    """The answer of a run in one line: the chance of the first headline fall on the last scored day, beside the usual."""
    return str(lead(Inputs(about, evaluation, forecasts, labels))["plain"])


def anchor(about: Mapping[str, Any], evaluation: Mapping[str, Any], forecasts: Mapping[str, Forecast]) -> str:
    """The model that answers first; see Inputs.anchor."""
    return Inputs(about, evaluation, forecasts, pd.DataFrame()).anchor


def limits(about: Mapping[str, Any], evaluation: Mapping[str, Any], forecasts: Mapping[str, Forecast], labels: pd.DataFrame) -> list[tuple[str, str]]:
    """What a run cannot tell: heading and sentences, as its page says them."""
    return account.limits(Inputs(about, evaluation, forecasts, labels))


def inert(value: Any) -> str:
    """JSON that no HTML parser and no script parser can read as anything else."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)  # ASCII only, so U+2028 and U+2029 are escaped already
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def policy(scripts: list[str]) -> str:
    """A content security policy that runs these scripts and nothing else, and lets nothing be fetched."""
    hashes = " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(s.encode()).digest()).decode()}'" for s in scripts) or "'none'"
    return f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"


@cache
def read(path: str, package: str = "riskradar.html") -> str:
    """A file of a package as text."""
    return resources.files(package).joinpath(path).read_text("utf-8")


@cache
def environment(package: str = "riskradar.html") -> Environment:
    """Templates of a package over the shared ones here, with their ways to write numbers; every text is escaped and a missing name is an error."""
    found = ChoiceLoader([PackageLoader(package), PackageLoader("riskradar.html")])
    made = Environment(loader=found, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    writers = {write.__name__: write for write in (words.share, words.rare, words.number, words.signed, words.plain, words.day, words.count)}
    made.filters |= writers
    made.globals |= {**writers, "between": words.between}
    return made
