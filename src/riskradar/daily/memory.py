"""The market of the last evening, kept by a process that goes on, so that the next session costs no more than itself.

It is added to only where that gives the same bits as reading everything again: where the store has rows about new sessions alone.
After anything else (a correction, a new name, another file, a store put back from a copy) the whole is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np

from riskradar import labels
from riskradar.config import Config
from riskradar.daily import market as markets
from riskradar.daily.carried import CARRIED, tail
from riskradar.daily.grown import Grown
from riskradar.daily.market import Market, level_only, of_system, without
from riskradar.daily.news import News
from riskradar.daily.session import Weight, following, joined, level_after
from riskradar.features import FEATURES, YEAR, values_of
from riskradar.health import RECENT
from riskradar.layers import kind_of, settings_of
from riskradar.scenario.line import graphs_with
from riskradar.store import Store
from riskradar.tables import Panel
from riskradar.tables.arrays import Float

ROOM = 64  # sessions that a panel keeps beyond what anything reads: they may be scored together


@dataclass(frozen=True, eq=False)
class Kept:
    """A market, what the store has said beyond it, what index and features carry into its next session, and room for their rows."""

    market: Market
    news: News
    weight: Weight
    states: Mapping[str, Any]
    values: Grown
    member: Grown


class Memory:
    """The markets of one run from one store, evening after evening."""

    def __init__(self, store: Store, config: Config, graphs: int) -> None:
        """graphs: sessions whose graphs a score reads, 0 for none."""
        self.store, self.config, self.graphs = store, config, graphs
        self.given = config.data.model_copy(update={"end": None})
        self._whole: tuple[Market, date, int, Mapping[str, str]] | None = None
        self._kept: Kept | None = None

    def market(self, until: date, batch: int, last: np.datetime64, after: np.datetime64) -> Market | None:
        """The market up to `last` that daily.market.read gives, bit for bit, though its panel and graphs may begin later.

        None where no session after `after` is there.
        """
        found = self._added(until, batch, last)
        if found is None:
            panel, hashes = markets.read(self.store, self.config, until, batch, last)
            if panel.dates[-1] <= after:
                return None
            found = Market.of(panel, self.config, with_graphs=bool(self.graphs))
            self._whole, self._kept = (found, until, batch, hashes), None
        return found if found.dates[-1] > after else None

    def _added(self, until: date, batch: int, last: np.datetime64) -> Market | None:
        """The market that is kept, with the sessions that are new; None where the whole must be read."""
        if self._kept is None and self._whole is not None and _grows(self._whole[0]):
            market, read_on, read_to, hashes = self._whole
            news = News.of(self.store, self.given, market.panel, read_on, read_to, hashes)
            self._kept = None if news is None else _kept(market, news)
        kept, self._whole = self._kept, None
        heard = kept.news.heard(self.store, batch) if kept else None
        told = heard.told(kept.market.dates[-1], until, last, self.given.calendar) if kept and heard else None
        if kept is None or told is None or last < kept.market.dates[-1]:
            return None
        news, rows = told
        if len(rows):
            new = following(kept.market.panel, rows, news.names, news.files, until, self.store, self.given)
            if new is None or len(new.dates) > ROOM:
                return None
            kept = _longer(kept, new, self.config, self.graphs)
        self._kept = replace(kept, news=news)
        return kept.market


def _grows(market: Market) -> bool:
    """Whether every table can go on from what it carries: no feature remembers in its own way, no label reads all assets."""
    remembers = {name for name in (*market.features.names, *market.features.context_names) if not FEATURES[name].reads}
    return remembers <= set(CARRIED) and all(target.kind != "share" for target in market.labels.targets)


def _kept(market: Market, news: News) -> Kept:
    """What a market that was read as a whole carries."""
    names = (*market.features.names, *market.features.context_names)
    states = {name: CARRIED[name].start(market.panel) for name in names if name in CARRIED}
    return Kept(market, news, Weight.of(market.panel), states, Grown.of(market.features.values), Grown.of(market.features.member))


def _longer(kept: Kept, new: Panel, config: Config, history: int) -> Kept:
    """With the sessions of a panel that come next."""
    before, rows = kept.market, len(new.dates)
    level, weight = level_after(before.panel, new, kept.weight, config.data.index)
    new = replace(new, level=level)
    panel = _tail(before.panel, new, _reach(before, config) + ROOM)
    values, context, states = _columns(kept, _recent(panel), rows)
    grown = kept.values.with_rows(values), kept.member.with_rows(new.member)
    dates = np.append(before.dates, new.dates)
    features = replace(
        before.features, dates=dates, values=grown[0].array, context=np.append(before.features.context, context, axis=0), member=grown[1].array
    )  # fmt: skip
    n = len(before.graphs.dates)
    drawn = before.graphs.rows(max(n - history - ROOM, 0), n)
    graphs = graphs_with(drawn, panel, config.layers, rows) if history else without(features)
    alone = level_only(dates, np.append(before.labels.level, level), panel.index)
    outcomes = labels.build(alone, of_system(config.labels))
    market = Market(panel, features, graphs, outcomes, before.inputs.after(new))
    return Kept(market, kept.news, weight, states, *grown)


def _reach(market: Market, config: Config) -> int:
    """The sessions that the row of one session reads in a panel, at most."""
    features = [FEATURES[name].reads for name in (*market.features.names, *market.features.context_names)]
    drawn = [kind_of(name).reads(settings_of(name, config.layers)) for name in market.graphs.layers]
    return max(*features, *drawn, RECENT, YEAR)


def _tail(before: Panel, new: Panel, sessions: int) -> Panel:
    """The newest sessions of both, with all facts."""
    first = max(len(before.dates) - sessions, 0)

    def both(name: str) -> Any:
        old = getattr(before, name)
        return None if old is None else np.concatenate([old[first:], getattr(new, name)])

    columns = {name: both(name) for name in ("dates", "close", "member", "sector", "level", "volume")}
    return replace(before, **columns, facts=joined(before.facts, new.facts))


def _recent(panel: Panel) -> Panel:
    """With the facts alone that are not too old on its first session."""
    facts = panel.facts
    fresh = (panel.dates[0] - facts.date).astype(np.int64) <= facts.max_age[facts.of]
    return panel if fresh.all() else replace(panel, facts=facts.take(fresh))


def _columns(kept: Kept, panel: Panel, rows: int) -> tuple[Float, Float, dict[str, Any]]:
    """Features of the last `rows` sessions of a panel, [R, N, F] and [R, M], and what they carry then."""
    states: dict[str, Any] = {}

    def column(name: str) -> Float:
        feature = FEATURES[name]
        if name not in kept.states:
            return values_of(feature, tail(panel, feature.reads, rows))[-rows:]
        with np.errstate(invalid="ignore", divide="ignore"):
            values, states[name] = CARRIED[name].step(panel, rows, kept.states[name])
        return np.where(panel.member[-rows:], values, np.nan) if feature.axis == "node" else values

    features = kept.market.features
    node, context = ([column(name) for name in names] for names in (features.names, features.context_names))
    values = np.stack(node, axis=2) if node else np.empty((rows, len(panel.assets), 0))
    return values, np.stack(context, axis=1) if context else np.empty((rows, 0)), states
