"""The sector layer against a plain loop."""

import numpy as np

from riskradar import layers
from riskradar.layers import LayersConfig
from riskradar.layers.sector import SectorConfig, sector
from riskradar.tables import Groups, Panel
from tests.markets import panel, walk


def test_members_with_the_same_label_are_joined_on_each_date(ragged: Panel) -> None:
    groups = sector(ragged, SectorConfig())
    assert isinstance(groups, Groups)
    block = groups.block(0, 330)
    for t in (0, 54, 55, 164, 165, 300, 329):
        for i in range(10):
            for j in range(10):
                both = i != j and ragged.member[t, i] and ragged.member[t, j]
                assert block[t, i, j] == float(both and ragged.sector[t, i] == ragged.sector[t, j] >= 0), (t, i, j)
    assert (block[164] != block[165]).any(), "a dated change of sector shows on its day"


def test_unknown_sectors_are_no_group() -> None:
    labels = np.array([[-1, -1, 0, 0]], np.int16).repeat(5, axis=0)
    groups = sector(panel(walk(5, 4, 0), sector=labels), SectorConfig())
    assert isinstance(groups, Groups)
    expected = np.zeros((4, 4))
    expected[2, 3] = expected[3, 2] = 1
    assert (groups.block(0, 5) == expected).all()


def test_without_labels_the_layer_is_absent_with_the_reason() -> None:
    built = layers.build(panel(walk(5, 4, 0)), LayersConfig())
    assert "data.sectors" in built.absent["sector"]
    assert list(built.layers) == ["correlation"]
    assert built.block(0, 5).shape == (5, 1, 4, 4)
