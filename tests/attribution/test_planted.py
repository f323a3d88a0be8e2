"""Planted drivers (the 20 seeds are in prove/explain.py): an explanation of the network that counts them names them."""

import numpy as np
import pytest
from prove import explain
from prove.explain import ORACLE, TRUE_SNAPSHOT, Market, oracle, recall

from riskradar.attribution import Read

SEED = 100  # not one of those of the proof


def test_the_oracle_counts_the_planted_edges_and_its_explanation_names_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explain, "TRAINED", 60)
    monkeypatch.setattr(explain, "TESTED", 60)
    market = Market.of(SEED, 1.0)
    assert market.share == pytest.approx(explain.SHARE, abs=0.15)
    found = []
    for end in market.shown(4):
        read = Read.of((market.panel, market.features, market.graphs), end, 0, market.fold.cutoff)
        atoms = oracle(market, read)
        at = end - explain.SEQUENCE + 1 + TRUE_SNAPSHOT
        stressed = market.group[at] == 1
        count = market.edges[at, explain.TRUE_LAYER][np.ix_(stressed, stressed)].sum() / 2
        assert atoms.reference == 0, "without an edge there is nothing to count"
        assert atoms.total == pytest.approx(count, abs=2), "stress is seen through noise"
        found.append(recall(market, atoms, end))
    for name in ("assets", "assets net", "edges", "layer", "snapshot"):
        assert np.mean([row[name] for row in found]) >= ORACLE, name
        assert np.mean([row[f"{name} decoy"] for row in found]) <= 0.1, name
