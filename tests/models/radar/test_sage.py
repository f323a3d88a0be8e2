"""Messages over lists against dense products, and the network against itself in a stack."""

import numpy as np
import pytest
import torch

from riskradar.errors import UsageError
from riskradar.models.radar.days import Days, gather
from riskradar.models.radar.ground import INPUTS
from riskradar.models.radar.lists import Lists
from riskradar.models.radar.nodes import RECIPE
from riskradar.models.radar.sage import Mean, NodeDays, Sage, _batch, centred, forward, outputs
from riskradar.models.train import Samples, train
from riskradar.tables import Graphs, Groups
from tests.models.radar.conftest import Nodes


@pytest.fixture(scope="module")
def days(nodes: Nodes) -> Days:
    return gather(nodes.features, INPUTS)


@pytest.fixture(scope="module")
def lists(nodes: Nodes) -> Lists:
    return Lists.of(nodes.graphs, "residual")


def dense(nodes: Nodes, days: Days, t: int) -> np.ndarray:
    """Row-normalised weights between the nodes that take part on t."""
    who = days.node[days.day == t]
    a = nodes.graphs.layers["residual"].block(t, t + 1)[0][np.ix_(who, who)].astype(float)
    total = a.sum(axis=1, keepdims=True)
    return np.divide(a, total, out=np.zeros_like(a), where=total > 0)


def test_messages_are_the_dense_product_and_slopes_its_transpose(nodes: Nodes, days: Days, lists: Lists) -> None:
    rows = np.array([[300, 450, 40], [700, 310, 459]])
    batch = _batch(days.start, rows)
    rng = np.random.default_rng(0)
    h = torch.tensor(rng.normal(size=(*batch.pick.shape, 5)).astype(np.float32), requires_grad=True)
    slope = torch.tensor(rng.normal(size=h.shape).astype(np.float32))
    out = Mean.apply(h, lists.of_days(days), rows, batch.begin)
    out.backward(slope)
    seen = 0
    for s in range(2):
        for b in range(3):
            a = dense(nodes, days, rows[s, b])
            span = slice(batch.begin[s, b], batch.begin[s, b] + len(a))
            np.testing.assert_allclose(out[s, span].detach(), a @ h[s, span].detach().numpy(), atol=1e-6)
            np.testing.assert_allclose(h.grad[s, span], a.T @ slope[s, span].numpy(), atol=1e-6)
            seen += np.count_nonzero(a)
    assert seen > 50
    every = lists.mean(days, days.x)
    np.testing.assert_allclose(every[days.day == 450], dense(nodes, days, 450) @ days.x[days.day == 450], atol=1e-5)


def test_one_day_is_what_training_saw(nodes: Nodes, days: Days, lists: Lists) -> None:
    """The dense product of a forecast and the lists of a batch give the same network."""
    network = Sage(len(INPUTS), 4, 8, 0.0)
    rng = np.random.default_rng(1)
    weights = {name: rng.normal(size=(1, *dims)).astype(np.float32) for name, dims in network.arrays().items()}
    rows = np.array([[450, 700]])
    batch = _batch(days.start, rows)
    x = torch.from_numpy(days.x[batch.pick])
    tables = lists.of_days(days)
    given = {name: torch.from_numpy(array) for name, array in weights.items()}
    together = centred(forward(given, x, lambda h: Mean.apply(h, tables, rows, batch.begin)), batch)[0].numpy()
    for b, t in enumerate(rows[0]):
        alone = outputs(weights, days.x[days.day == t], dense(nodes, days, t).astype(np.float32))
        np.testing.assert_allclose(alone, together[batch.segment[0] == b], atol=1e-5)
        np.testing.assert_allclose(alone.mean(axis=0), 0, atol=1e-5)


@pytest.mark.parametrize("message", [True, False])
def test_a_seed_in_a_stack_is_the_seed_alone_and_begins_as_nothing(days: Days, lists: Lists, message: bool) -> None:
    y = np.random.default_rng(0).normal(size=(len(days.x), 4)).astype(np.float32)
    y[np.random.default_rng(1).random(y.shape) < 0.2] = np.nan
    network = Sage(len(INPUTS), 4, 8, 0.1, message)
    config = RECIPE.model_copy(update={"steps": 12, "batch": 3, "dtype": "float64"})
    samples = Samples(NodeDays(days, lists, y), np.arange(300, 700, 7), ())
    stack = train(network, samples, (0, 1, 2), config)
    for s, seed in enumerate((0, 1, 2)):
        alone = train(network, samples, (seed,), config)
        for name, array in alone.weights.items():
            np.testing.assert_allclose(stack.weights[name][s], array[0], atol=1e-10)
    assert stack.curves[-1].mean() < stack.curves[0].mean() or len(stack.curves) == 1
    first = {name: array[None].astype(np.float32) for name, array in network.initial(5).items()}
    assert not outputs(first, days.x[days.day == 600], None).any()


def test_the_twin_differs_in_the_message_alone() -> None:
    graph, twin = Sage(26, 4), Sage(26, 4, message=False)
    assert graph.arrays() == twin.arrays()
    assert sum(np.prod(dims) for dims in graph.arrays().values()) == 6340  # wide study, section 5
    assert all((graph.initial(3)[name] == array).all() for name, array in twin.initial(3).items())


def test_other_layers_are_refused(nodes: Nodes) -> None:
    groups = Graphs(nodes.graphs.dates, nodes.graphs.nodes, {"sector": Groups(nodes.panel.sector)}, {"tree": "too short"})
    with pytest.raises(UsageError, match="nearest neighbours"):
        Lists.of(groups, "sector")
    with pytest.raises(UsageError, match="too short"):
        Lists.of(groups, "tree")
