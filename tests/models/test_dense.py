"""Shapes, first weights and snapshots."""

import numpy as np
import pytest

from riskradar.models.dense import Shape, Snapshots, initial, parameters
from tests.models.graphs import SHAPES, snapshots

# The paper prints 4,737 and 29,697 (figure 4); its section 5.8 describes the network of 1,857, and 7,681 is that one's encoder with a GRU.
PUBLISHED = {
    1857: Shape("snapshot", 32, 16), 4737: Shape("snapshot", 64), 7681: Shape("temporal", 32, sequence=5), 29697: Shape("temporal", 64, sequence=5),
}  # fmt: skip


@pytest.mark.parametrize("count", PUBLISHED)
def test_the_paper_s_parameter_counts(count: int) -> None:
    assert parameters(PUBLISHED[count]) == count
    assert sum(array.size for array in initial(PUBLISHED[count], 0).values()) == count


def test_first_weights_depend_on_the_seed_alone() -> None:
    shape = PUBLISHED[29697]
    one, again, other = (initial(shape, seed) for seed in (3, 3, 4))
    for name, dims in shape.arrays().items():
        assert one[name].shape == dims
        assert (one[name] == again[name]).all()
        bound = 0.0 if name.startswith("gcn") and name.endswith("bias") else np.sqrt(6 / sum(dims)) if name.startswith("gcn") else 1 / 8
        assert np.abs(one[name]).max() <= bound
        if bound:
            assert (one[name] != other[name]).any()
            assert one[name].size == 1 or np.abs(one[name]).max() > 0.7 * bound


def test_a_snapshot_network_reads_one_snapshot() -> None:
    with pytest.raises(ValueError, match="one snapshot"):
        Shape("snapshot", sequence=2)
    assert all(parameters(shape) for shape in SHAPES.values())


def test_normalised_by_hand() -> None:
    """A path 0 - 1 - 2 and a masked node 3 that is joined to all."""
    a = np.zeros((1, 4, 4), np.float32)
    for i, j in ((0, 1), (1, 2), (0, 3), (1, 3), (2, 3)):
        a[0, i, j] = a[0, j, i] = 1
    graph = Snapshots(np.ones((1, 4, 1), np.float32), a, np.array([[True, True, True, False]]))
    third, sixth = 1 / 3, 1 / np.sqrt(6)
    want = [[1 / 2, sixth, 0, 0], [sixth, third, sixth, 0], [0, sixth, 1 / 2, 0], [0, 0, 0, 0]]
    np.testing.assert_allclose(graph.normalised("float64")[0], want, atol=1e-15)


def test_moments_are_those_of_the_nodes_that_take_part() -> None:
    graph = snapshots()
    mean, scale = graph.moments()
    values = graph.x[graph.mask]
    np.testing.assert_allclose(mean, values.mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(scale, values.std(axis=0), atol=1e-6)
    standard = graph.standardised(mean, scale)
    np.testing.assert_allclose(standard.x[graph.mask].std(axis=0), 1, atol=1e-5)
    assert (standard.x[~graph.mask] == 0).all()
    constant = Snapshots(np.ones_like(graph.x), graph.a, graph.mask)
    assert (constant.standardised(*constant.moments()).x == 0).all()
    nobody = Snapshots(graph.x, graph.a, np.zeros_like(graph.mask))
    assert (nobody.moments()[1] == 1).all()


def test_a_node_that_takes_part_needs_all_its_features() -> None:
    graph = snapshots()
    x = graph.x.copy()
    x[2, 0, 1] = np.nan
    with pytest.raises(ValueError, match="mask it"):
        Snapshots(x, graph.a, graph.mask)


def test_compact_leaves_out_only_nodes_that_never_take_part() -> None:
    graph = snapshots()
    mask = graph.mask.copy()
    mask[:, 4] = False
    small = Snapshots(graph.x, graph.a, mask).compact()
    keep = [0, 1, 2, 3, 5, 6, 7, 8]
    assert (small.mask == mask[:, keep]).all()
    assert (small.x == np.where(mask[:, keep, None], graph.x[:, keep], 0)).all()
    assert (small.a == Snapshots(graph.x, graph.a, mask).a[:, keep][:, :, keep]).all()
