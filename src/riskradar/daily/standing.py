"""Where the alarm rule stands on the newest session of the ledger: each target's state, score and threshold, from what was known then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import pairwise
from typing import Any

import numpy as np

from riskradar import alert, labels
from riskradar import config as configuration
from riskradar.alert import ACKNOWLEDGED, FIRING, AlertsConfig, Watched
from riskradar.config import Config
from riskradar.daily import market as markets
from riskradar.daily.speaker import headline
from riskradar.daily.spoken import Spoken
from riskradar.evaluate.alarms import CALM_DAYS
from riskradar.record import Record
from riskradar.store import Store

SHOWN = 252  # sessions


@dataclass(frozen=True)
class Standing:
    """One target on its newest session `days[-1]`: in alarm or not, and since when; days: the sessions before, a year of them at most.

    watched: it is the target whose alarms are told; reason: why score or threshold is undefined, which changes no state.
    """

    target: str
    watched: bool
    firing: bool
    since: str
    reason: str
    days: tuple[Watched, ...]


def standings(store: Store, run: Record, config: AlertsConfig, said: Sequence[Mapping[str, Any]], log: Sequence[Mapping[str, Any]]) -> list[Standing]:
    """The rule on the newest of the rows `said`, for each target that they speak of; run: the one that made the newest row.

    The watched target stands as the log of its alarms says; for the others the rule is followed from the first score of the run on.
    """
    newest = said[-1]
    made = configuration.check(run.about["config"], Config)
    panel, _ = markets.read(store, made, date.fromisoformat(newest["read"]), newest["batch"], np.datetime64(newest["date"]))
    known, own = labels.build(panel, made.labels), run.forecasts()[newest["model"]]
    past, watched = replace(Spoken.none(), new=said).over(own, panel.dates).scores, headline(own.targets, config.target)
    first = int(np.searchsorted(panel.dates, own.dates[0]))
    out = []
    for k, target in enumerate(own.targets):
        if target.binary:
            days = alert.watch(past[:, k], known, target.name, config.rate, first)
            told = [row for row in log if row["rule"] == target.name] if target.name == watched else []
            out.append(Standing(target.name, target.name == watched, *_state(days, told), _undefined(days[-1]), tuple(days[-SHOWN:])))
    return out


def _state(days: Sequence[Watched], log: Sequence[Mapping[str, Any]]) -> tuple[bool, str]:
    """Whether in alarm, and since when: by the log, or by the sessions themselves where it is empty."""
    if log:
        moved = [row for row in log if row["state"] != ACKNOWLEDGED]
        return alert.standing(log) in (FIRING, ACKNOWLEDGED), str(moved[-1]["date"])
    changed = [later.date for earlier, later in pairwise(days) if earlier.state != later.state]
    return days[-1].state == FIRING, changed[-1] if changed else days[0].date


def _undefined(last: Watched) -> str:
    if np.isnan(last.threshold):
        return f"no threshold: fewer than {CALM_DAYS} calm days are known"
    return f"no score on {last.date}: it was withheld" if np.isnan(last.score) else ""
