"""The shape of the network: what is refused, how it starts, what it costs."""

import numpy as np
import pytest
import torch

from riskradar.models.networks import Weights
from riskradar.models.srr import network
from riskradar.models.srr.architecture import Architecture, succession
from riskradar.tables import Target
from tests.models.srr.markets import TARGETS, architecture, combinations, market


@pytest.mark.parametrize(
    "changed",
    [
        {"width": 9}, {"temporal": "none", "sequence": 3}, {"sequence": 1}, {"targets": (), "node_targets": ()}, {"quantiles": (0.5, 0.1)},
        {"quantiles": (1.0,)},
    ],
    ids=str,
)  # fmt: skip
def test_what_does_not_fit_is_refused(changed: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"width|snapshots|target|quantiles"):
        architecture(**changed)


def test_initial_weights() -> None:
    for settings in combinations()[::5]:
        first = settings.initial(3)
        assert {name: array.shape for name, array in first.items()} == settings.arrays()
        assert sum(array.size for array in first.values()) == settings.parameters()
        for name, array in first.items():
            assert (array == settings.initial(3)[name]).all()
            if array.ndim == 2:
                assert (array != settings.initial(4)[name]).any()


def test_succession_ties_equal_depths_and_equal_horizons_only() -> None:
    found = {(TARGETS[b].name, TARGETS[k].name) for k, below in succession(TARGETS) for b in below}
    assert found == {("10/5", "20/5"), ("20/10", "20/5"), ("20/10", "60/10")}
    other = (Target(5, 0.05), Target(20, 0.05, "fall"), Target(20, 0.0, "log-volatility"), Target(60, 0.0, "log-volatility"))
    assert all(not below for _, below in succession(other))


def test_cost_counts_the_products(monkeypatch: pytest.MonkeyPatch) -> None:
    """All matrix products of a forward pass, counted where they are made; messages and pooling apart."""
    settings = architecture(encoder="gcn", temporal="lstm", macro=0, context=0, join="pooled", node_targets=())
    counted = []

    def counting(weights: Weights, name: str, x: torch.Tensor) -> torch.Tensor:
        counted.append(x[..., 0].numel() * weights[name][0].numel())
        return plain(weights, name, x)

    plain = network.linear
    for module in ("network", "encoders", "fusion", "temporal"):
        monkeypatch.setattr(f"riskradar.models.srr.{module}.linear", counting)
    given = {name: torch.from_numpy(array[None]) for name, array in settings.initial(0).items()}
    block = network.Block.of(market(), "float64")
    network.forward(settings, given, network.Block(block.x, block.context, block.mask, block.present, block.pool, block.edges, 0), np.array([[3]]))
    convolved = settings.sequence * 9 * 3 * 2 * 8 * 8
    assert settings.cost(9, 0).score == sum(counted) + convolved


def test_cost_of_the_wide_default() -> None:
    """Linear in the edges, and 1 snapshot of 20 costs a twentieth of the encoder's part."""
    settings = Architecture(("correlation", "sector", "residual"), 7, TARGETS)
    less, more = settings.cost(44, 1000), settings.cost(44, 2000)
    assert more.snapshot - less.snapshot == 3 * 2 * 2 * 1000 * 32
    assert more.score - less.score == 20 * (more.snapshot - less.snapshot)
