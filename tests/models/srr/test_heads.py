"""Heads: order by construction, and losses against reference values."""

import warnings
from itertools import pairwise, permutations

import numpy as np
import pytest
import torch
from scipy.special import expit

from riskradar.models.srr.heads import cross_entropy, focal, ordered, pinball, softplus
from riskradar.tables import Target
from tests.models.srr.markets import TARGETS, architecture

MANY = tuple(Target(h, d, kind) for h in (5, 20, 60) for d in (0.03, 0.05, 0.1) for kind in ("drawdown", "fall"))
SETS = {"default": TARGETS, "lattice": MANY, "one": TARGETS[:1], "continuous": (Target(20, 0.0, "log-volatility"),)}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", SETS)
def test_longer_is_never_less_likely_and_deeper_never_more(name: str, dtype: torch.dtype) -> None:
    """10,000 random inputs, of any size: no rounding turns the order."""
    targets, settings = SETS[name], architecture(targets=SETS[name])
    columns, rng = settings.columns(targets), np.random.default_rng(0)
    raw = torch.from_numpy(rng.normal(size=(10_000, len(columns))) * 10 ** rng.uniform(-3, 4, (10_000, 1))).to(dtype)
    out = ordered(settings, raw, targets)
    probability = expit(out.double().numpy())
    for (c, one), (d, two) in permutations(enumerate(columns), 2):
        a, b = targets[one.target], targets[two.target]
        alike = a.binary and b.binary and (a.kind, a.share) == (b.kind, b.share)
        if alike and ((a.depth == b.depth and a.horizon < b.horizon) or (a.horizon == b.horizon and a.depth > b.depth)):
            assert (out[:, c] <= out[:, d]).all(), f"{a.name} above {b.name}"
            assert (probability[:, c] <= probability[:, d]).all()
    for (c, one), (d, two) in pairwise(enumerate(columns)):
        if one.target == two.target:
            assert (out[:, c] <= out[:, d]).all(), "quantiles cross"


def test_every_strict_order_can_be_reached_and_no_other_pair_is_tied() -> None:
    """20/10 <= 20/5 and 20/10 <= 60/10, but 5/3 may stand anywhere."""
    rng, settings = np.random.default_rng(0), architecture(targets=TARGETS)
    out = ordered(settings, torch.from_numpy(rng.normal(size=(1000, len(settings.columns(TARGETS)))) * 4), TARGETS)
    at = {TARGETS[column.target].name: c for c, column in enumerate(settings.columns(TARGETS))}
    for one, two in (("5/3", "20/5"), ("5/3", "60/10"), ("20/5", "60/10"), ("10/5", "20/10")):
        below = (out[:, at[one]] < out[:, at[two]]).double().mean()
        assert 0.05 < below < 0.95, f"{one} and {two} are tied"


def test_focal_loss_has_its_published_values() -> None:
    p = torch.tensor([0.9, 0.5, 0.1], dtype=torch.float64)
    logit, one = torch.logit(p), torch.ones(3, dtype=torch.float64)
    want = torch.tensor([0.00105361, 0.173287, 1.865094], dtype=torch.float64)
    torch.testing.assert_close(focal(logit, one, 1.0, 2.0), want, rtol=1e-5, atol=0)
    torch.testing.assert_close(focal(logit, one, 0.25, 2.0), 0.25 * want, rtol=1e-5, atol=0)
    torch.testing.assert_close(focal(-logit, 0 * one, 0.25, 2.0), 0.75 * want, rtol=1e-5, atol=0)
    torch.testing.assert_close(focal(logit, one, 0.5, 0.0), 0.5 * cross_entropy(logit, one))


def test_losses_are_those_of_the_libraries() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        from sklearn.metrics import mean_pinball_loss
    rng = np.random.default_rng(0)
    logit, y = torch.from_numpy(rng.normal(size=200) * 20), torch.from_numpy(rng.integers(0, 2, 200).astype(float))
    torch.testing.assert_close(cross_entropy(logit, y), torch.nn.functional.binary_cross_entropy_with_logits(logit, y, reduction="none"))
    for level in (0.1, 0.5, 0.9):
        have = pinball(logit[:, None], y[:, None], [level]).mean()
        assert have.item() == pytest.approx(mean_pinball_loss(y.numpy(), logit.numpy(), alpha=level))


def test_gradients() -> None:
    settings = architecture()
    raw = torch.from_numpy(np.random.default_rng(0).normal(size=(4, len(settings.columns(TARGETS))))).requires_grad_()
    assert torch.autograd.gradcheck(lambda r: ordered(settings, r, TARGETS), raw)
    assert torch.autograd.gradcheck(softplus, raw)
    y = (raw.detach() > 0).double()
    assert torch.autograd.gradcheck(lambda r: focal(r, y, 0.25, 2.0), raw)
    zero = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.grad(cross_entropy(zero, zero.detach()), zero)[0] == 0.5
