"""Everything known by a session as one hash, made session by session, so that one more costs no more than itself."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from riskradar.tables import Panel
from riskradar.tables.arrays import Int


@dataclass(frozen=True, eq=False)
class Inputs:
    """by_session [T]: SHA-256 of all that was known by each session, name by name; what is listed or published later changes none of them."""

    by_session: tuple[str, ...]
    state: Any

    @classmethod
    def of(cls, panel: Panel) -> Inputs:
        """The hashes of every session of a panel."""
        return cls((), hashlib.sha256()).after(panel)

    def after(self, panel: Panel) -> Inputs:
        """With the sessions of `panel` behind those that are here; its facts are those that became known since."""
        state, made, words = self.state.copy(), list(self.by_session), dict[bytes, bytes]()
        facts, starts = _facts(panel)
        for t in range(len(panel.dates)):
            seen = np.isfinite(panel.close[t])
            if panel.volume is not None:
                seen |= np.isfinite(panel.volume[t])
            names = np.flatnonzero(seen)
            sector = panel.sector[t, names]
            key = names.tobytes() + sector.tobytes()
            if key not in words:
                words[key] = "\n".join(_words(panel, names, sector)).encode()
            numbers = [panel.dates[t], panel.level[t], panel.close[t, names], panel.member[t, names]]
            numbers += [panel.volume[t, names]] if panel.volume is not None and np.isfinite(panel.volume[t]).any() else []
            state.update(words[key] + b"".join(array.tobytes() for array in numbers))
            state.update("\n".join(facts[starts[t] : starts[t + 1]]).encode())
            made.append(state.copy().hexdigest())
        return Inputs(tuple(made), state)


def _words(panel: Panel, names: Int, sector: Any) -> list[str]:
    """A line for each asset that was observed."""
    return [f"{panel.assets[i]}\t{panel.kind[i]}\t{panel.sectors[s] if s >= 0 else ''}" for i, s in zip(names, sector, strict=True)]


def _facts(panel: Panel) -> tuple[list[str], list[int]]:
    """A line for each fact in the order in which sessions learned of them, and where each session's begin, [T + 1]."""
    facts, named = panel.facts, [*panel.assets, ""]
    when = np.searchsorted(panel.dates, facts.known_at)
    columns = (facts.of.tolist(), facts.asset.tolist(), facts.date.tolist(), facts.known_at.tolist(), facts.value.tolist())
    lines = [f"{facts.series[of]}\t{named[asset]}\t{date}\t{known}\t{value.hex()}" for of, asset, date, known, value in zip(*columns, strict=True)]
    order = sorted(range(len(lines)), key=lambda row: (int(when[row]), lines[row]))
    starts = np.searchsorted(when[order], np.arange(len(panel.dates) + 1)).tolist()
    return [lines[row] for row in order], starts
