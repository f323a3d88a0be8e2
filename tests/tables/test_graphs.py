"""Graphs: bits, groups and the block that joins them."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskradar.tables import Bits, Graphs, Groups
from tests.markets import days


@given(st.integers(0, 6), st.integers(0, 19), st.integers(0, 2**32 - 1))
def test_bits_pack_and_unpack(sessions: int, nodes: int, seed: int) -> None:
    edges = np.triu(np.random.default_rng(seed).random((sessions, nodes, nodes)) < 0.4, 1)
    both = edges | edges.transpose(0, 2, 1)
    layer = Bits.of(both)
    block = layer.block(0, sessions)
    assert block.dtype == np.float32
    assert (block == both).all()
    assert (Bits.of(edges).packed == layer.packed).all(), "only the upper triangle is read"
    assert layer.packed.nbytes == sessions * -(-nodes * (nodes - 1) // 16)
    assert (layer.rows(1, sessions).block(0, max(sessions - 1, 0)) == both[1:]).all()


def test_bits_of_the_wrong_width_are_refused() -> None:
    with pytest.raises(ValueError, match="packed"):
        Bits(5, np.zeros((3, 1), np.uint8))
    assert not Bits(5, np.zeros((3, 2), np.uint8)).packed.flags.writeable


@given(st.lists(st.lists(st.integers(-2, 3), min_size=5, max_size=5), min_size=1, max_size=4))
def test_groups_join_equal_codes(codes: list[list[int]]) -> None:
    block = Groups(np.array(codes, np.int16)).block(0, len(codes))
    for t, row in enumerate(codes):
        for i in range(5):
            for j in range(5):
                assert block[t, i, j] == float(i != j and row[i] == row[j] >= 0)


@pytest.fixture
def graphs() -> Graphs:
    rng = np.random.default_rng(1)
    layers = {"pairs": Bits.of(rng.random((30, 4, 4)) < 0.5), "groups": Groups(rng.integers(-1, 2, (30, 4)).astype(np.int16))}
    return Graphs(days(30), ("a", "b", "c", "d"), layers, {"tail": "no data"})


def test_block_stacks_the_layers_in_their_order(graphs: Graphs) -> None:
    block = graphs.block(5, 9)
    assert block.shape == (4, 2, 4, 4)
    for i, layer in enumerate(graphs.layers.values()):
        assert (block[:, i] == layer.block(5, 9)).all()


def test_rows_and_upto_cut_every_layer(graphs: Graphs) -> None:
    whole = graphs.block(0, 30)
    assert (graphs.rows(10, 20).block(2, 5) == whole[12:15]).all()
    cut = graphs.upto(graphs.dates[7])
    assert len(cut.dates) == 8
    assert (cut.block(0, 8) == whole[:8]).all()
    assert cut.absent == {"tail": "no data"}


def test_no_layers_is_an_empty_block(graphs: Graphs) -> None:
    assert replace(graphs, layers={}).block(3, 7).shape == (4, 0, 4, 4)


def test_nodes_occur_once(graphs: Graphs) -> None:
    with pytest.raises(ValueError, match="nodes repeats"):
        replace(graphs, nodes=("a", "b", "b", "d"))
