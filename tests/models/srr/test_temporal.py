"""Temporal encoders against torch.nn, and lines that come and go."""

import numpy as np
import pytest
import torch

from riskradar.models.srr.temporal import remember, take
from tests.models.srr.markets import architecture

Weights = dict[str, torch.Tensor]


def weights(temporal: str, seeds: int = 1) -> Weights:
    rng = np.random.default_rng(0)
    arrays = architecture(temporal=temporal).arrays().items()
    mine = ("gru.", "lstm.", "time.", "position")
    return {name: torch.from_numpy(0.5 * rng.normal(size=(seeds, *dims))) for name, dims in arrays if name.startswith(mine)}


def windows(seeds: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    """States of seven snapshots on three lines, and five windows of four."""
    rng = np.random.default_rng(1)
    return torch.from_numpy(rng.normal(size=(seeds, 7, 3, 8))), torch.from_numpy(rng.integers(0, 7, (seeds, 5, 4)))


def peer(temporal: str, given: Weights) -> torch.nn.Module:
    if temporal == "transformer":
        layer = torch.nn.TransformerEncoderLayer(8, 2, 32, 0.0, batch_first=True, dtype=torch.float64)
        names = {"self_attn.in_proj_": "project", "self_attn.out_proj.": "mix", "linear1.": "wide", "linear2.": "narrow"}
        names |= {"norm1.": "norm1", "norm2.": "norm2"}
        state = {
            f"{theirs}weight": given[f"time.{ours}"].mT if given[f"time.{ours}"].ndim == 2 else given[f"time.{ours}"]
            for theirs, ours in names.items()
        }
        layer.load_state_dict(state | {f"{theirs}bias": given[f"time.{ours}.bias"] for theirs, ours in names.items()})
        return layer
    layer = {"gru": torch.nn.GRU, "lstm": torch.nn.LSTM}[temporal](8, 8, batch_first=True, dtype=torch.float64)
    layer.load_state_dict({
        "weight_ih_l0": given[f"{temporal}.input"].T, "weight_hh_l0": given[f"{temporal}.hidden"].T, "bias_ih_l0": given[f"{temporal}.input.bias"],
        "bias_hh_l0": given[f"{temporal}.hidden.bias"],
    })  # fmt: skip
    return layer


@pytest.mark.parametrize("temporal", ["gru", "lstm", "transformer"])
def test_an_encoder_is_the_one_of_torch(temporal: str) -> None:
    """The causal transformer's last row, with every earlier row masked from what follows it."""
    given, (states, place) = weights(temporal, 2), windows(2)
    have = remember(architecture(temporal=temporal), given, states, place, None)
    for s in range(2):
        own = {name: w[s] for name, w in given.items()}
        read = states[s][place[s]].transpose(1, 2).reshape(15, 4, 8)  # windows and lines, then steps
        with torch.no_grad():
            if temporal == "transformer":
                causal = torch.nn.Transformer.generate_square_subsequent_mask(4, dtype=torch.float64)
                want = peer(temporal, own).train()(read + own["position"], src_mask=causal)[:, -1]
            else:
                want = peer(temporal, own)(read)[0][:, -1]
        torch.testing.assert_close(have[s].reshape(15, 8), want, rtol=0, atol=1e-12)


@pytest.mark.parametrize("temporal", ["gru", "lstm", "transformer"])
def test_a_line_that_takes_no_part_is_passed_over(temporal: str) -> None:
    given, (states, _) = weights(temporal), windows()
    place, mask = torch.tensor([[[0, 1, 2, 3]]]), torch.ones(1, 7, 3, dtype=torch.bool)
    mask[0, 1, 0] = mask[0, :, 1] = False
    out = remember(architecture(temporal=temporal), given, states, place, mask)
    moved = states.clone()
    moved[0, 1, 0] += 1e3
    assert torch.equal(remember(architecture(temporal=temporal), given, moved, place, mask), out)
    assert torch.isfinite(out).all(), "a line that is never there"
    if temporal != "transformer":  # the transformer counts positions by date
        short = remember(architecture(temporal=temporal), given, states, torch.tensor([[[0, 2, 3]]]), None)
        torch.testing.assert_close(out[:, :, 0], short[:, :, 0])
        assert (out[:, :, 1] == 0).all()


@pytest.mark.parametrize("temporal", ["gru", "lstm", "transformer"])
def test_gradients(temporal: str) -> None:
    given, (states, place) = weights(temporal), windows()
    mask = torch.from_numpy(np.random.default_rng(2).random((1, 7, 3)) < 0.7)

    def run(states: torch.Tensor, *arrays: torch.Tensor) -> torch.Tensor:
        return remember(architecture(temporal=temporal), dict(zip(given, arrays, strict=True)), states, place[:, :2], mask)

    assert torch.autograd.gradcheck(run, [t.requires_grad_() for t in (states, *given.values())])


def test_take() -> None:
    values, place = torch.arange(24.0).view(2, 4, 3), torch.tensor([[3, 0], [1, 1]])
    assert torch.equal(take(values, place), torch.stack([values[0][place[0]], values[1][place[1]]]))
