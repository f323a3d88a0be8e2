"""Every model that can be explained: its terms add up, exactly where they are exact, and say what was asked."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_limits

from riskradar import models
from riskradar.attribution import VIEWS, Read, attribute
from riskradar.attribution.networks import gcn_score
from riskradar.attribution.paths import integrate
from riskradar.attribution.table import terms
from riskradar.backtest import fit_fold, score_day
from riskradar.errors import UsageError
from riskradar.models import MODELS, Fitted, ModelsConfig
from riskradar.models.dense import Shape, initial
from riskradar.models.srr.model import SrrConfig
from riskradar.split import Fold
from tests.markets import SMALL, TINY, Line

CUT = 1150
EXACT = ("ewma-vol", "vix", "trend", "breadth", "vol+breadth", "vix+breadth", "vix+breadth+credit", "vix+breadth+hy", "har", "logistic-vol",
         "logistic", "forest", "library", "garch", "beta-map", "pool", "equal-pool", "radar-anchor")  # fmt: skip
PATHS = ("snapshot-gcn", "temporal-gcn", "srr", "radar", "radar-no-graph", "radar-shuffled")
PARTS = {
    "gcn, nodes": SrrConfig(width=8, heads=2, depth=2, sequence=3, encoder="gcn", place="nodes", join="both", train=SMALL),
    "transformer": SrrConfig(width=8, heads=2, depth=1, sequence=2, encoder="transformer", temporal="lstm", fusion="mean", train=SMALL),
    "attention": SrrConfig(width=8, heads=2, depth=1, sequence=2, encoder="attention", temporal="transformer", train=SMALL),
}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    with threadpool_limits(1):
        yield


def fit(name: str, line: Line, config: ModelsConfig = TINY) -> tuple[Fitted, Fold]:
    fold = Fold("test", CUT, len(line.labels.dates), line.labels.known <= line.labels.dates[CUT], line.labels.dates[CUT], "live")
    return fit_fold(models.make(name, config), line.features, line.graphs, line.labels, fold, 0), fold


def read(line: Line, fold: Fold, t: int, k: int = 1) -> Read:
    return Read.of((line.panel, line.features, line.graphs), t, k, fold.cutoff)


def test_every_model_is_explained_or_says_the_same_every_day(line: Line) -> None:
    assert {*EXACT, *PATHS, "base-rate", "always-on"} == set(MODELS)
    for name in ("base-rate", "always-on"):
        with pytest.raises(UsageError, match="nothing to explain"):
            attribute(*(lambda made: (made[0], read(line, made[1], 1200)))(fit(name, line)))


@pytest.mark.parametrize("name", [*EXACT, *PATHS])
def test_the_terms_add_up(name: str, line: Line) -> None:
    fitted, fold = fit(name, line)
    for t in (CUT, 1339):
        atoms = attribute(fitted, read(line, fold, t))
        score = score_day(fitted, line.features, line.graphs, t).score[0, 1]
        assert abs(score - atoms.reference - atoms.total) <= (1e-12 if name in EXACT else 1e-3), t
        assert (atoms.steps > 0) is (name in PATHS)
        views = terms(atoms, line.features.nodes)
        for kinds in VIEWS.values():
            assert sum(term.adds for term in views.values() if term.kind in kinds) == pytest.approx(atoms.total, abs=1e-9), kinds
        for layer in atoms.edges:
            inside = sum(term.adds for term in views.values() if term.kind == "edge" and term.name.endswith(f", {layer}"))
            assert inside == pytest.approx(views["layer", layer].adds, abs=1e-9)


@pytest.mark.parametrize("part", PARTS)
def test_every_part_of_the_full_network_adds_up(part: str, line: Line) -> None:
    fitted, fold = fit("srr", line, TINY.model_copy(update={"srr": PARTS[part]}))
    atoms = attribute(fitted, read(line, fold, 1339))
    score = score_day(fitted, line.features, line.graphs, 1339).score[0, 1]
    assert abs(score - atoms.reference - atoms.total) <= 1e-3
    assert any(edges.adds.any() for edges in atoms.edges.values()) is (part != "attention"), "plain attention reads no graph"


def test_a_logit_is_the_sum_of_slope_times_distance(line: Line) -> None:
    """By hand: the mean over members of one feature, times its slope."""
    fitted, fold = fit("logistic", line)
    atoms = attribute(fitted, read(line, fold, 1339))
    values = line.features.column("volatility_20")
    daily = np.array([row[use].mean() if use.any() else np.nan for row, use in zip(values, line.features.member & np.isfinite(values), strict=True)])
    usual = np.nanmean(daily[line.features.dates <= fold.cutoff])
    place = atoms.features.index("volatility_20")
    assert atoms.by_node[0, :, place].sum() == pytest.approx(fitted.state()["weights"][1, 2] * (daily[1339] - usual))
    assert atoms.values["volatility_20"] == pytest.approx(daily[1339])
    assert atoms.usual["volatility_20"] == pytest.approx(usual)


def test_an_input_that_a_forest_does_not_use_adds_nothing(line: Line) -> None:
    fitted, fold = fit("forest", line)
    atoms = attribute(fitted, read(line, fold, 1339))
    used = {fitted.inputs[f] for f in fitted.state()["feature"] if f >= 0}  # type: ignore[attr-defined]
    assert used
    for name, adds in zip(atoms.series, atoms.market[0], strict=True):
        assert name in used or adds == 0


def network(kind: str) -> tuple[Shape, dict[str, torch.Tensor], list[np.ndarray], np.ndarray]:
    rng = np.random.default_rng(3)
    shape = Shape("temporal", 6, 0, 4, 2, 3) if kind == "temporal" else Shape("snapshot", 6, 5, 4, 2)
    weights = {name: torch.from_numpy(array)[None] for name, array in initial(shape, 0).items()}
    k, n = shape.sequence, 7
    mask = np.ones((k, n), bool)
    mask[0, 2] = False
    a = np.triu(rng.random((k, n, n)) < 0.5, 1) * rng.random((k, n, n))
    a = (a + a.transpose(0, 2, 1)) * (mask[:, :, None] & mask[:, None, :])
    return shape, weights, [rng.normal(size=(k, n, 4)) * mask[:, :, None], a], mask


@pytest.mark.parametrize("kind", ["snapshot", "temporal"])
def test_captum_finds_the_same(kind: str) -> None:
    """The same network, nodes and weights in float64, integrated with the same steps."""
    captum = pytest.importorskip("captum.attr")
    shape, weights, inputs, mask = network(kind)
    score = gcn_score(shape, weights, mask, 1)
    ours = integrate(score, inputs, [np.zeros_like(each) for each in inputs], tolerance=np.inf, first=50)

    def batched(x: torch.Tensor, a: torch.Tensor) -> torch.Tensor:
        return torch.stack([score(pair) for pair in zip(x, a, strict=True)])

    given = tuple(torch.from_numpy(each)[None] for each in inputs)
    theirs = captum.IntegratedGradients(batched).attribute(given, n_steps=50, method="gausslegendre")
    assert ours.steps == 50
    for one, other in zip(ours.adds, theirs, strict=True):
        np.testing.assert_allclose(one, other[0].detach().numpy(), atol=1e-6, rtol=0)
        assert np.abs(one).max() > 1e-3


def test_the_line_is_halved_where_it_bends() -> None:
    def bent(inputs: object) -> torch.Tensor:
        (x,) = inputs  # type: ignore[misc]
        return (torch.relu(x - 0.613) * 40).sum()

    rough, fine = (integrate(bent, [np.ones(1)], [np.zeros(1)], tolerance=each) for each in (1.0, 1e-2))
    assert fine.steps > rough.steps
    assert abs(fine.gap) <= 1e-2
    assert fine.steps < 200, "uniform steps need thousands"
    assert fine.end - fine.start == pytest.approx(40 * 0.387)
