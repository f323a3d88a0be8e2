"""Fusion of layers: weights that sum to one over the layers that are there."""

import numpy as np
import pytest
import torch

from riskradar.models.srr.fusion import fuse
from tests.models.srr.markets import architecture


def streams() -> list[torch.Tensor]:
    rng = np.random.default_rng(0)
    return [torch.from_numpy(rng.normal(size=(1, 3, 5, 8))) for _ in range(3)]


def weights(fusion: str) -> dict[str, torch.Tensor]:
    rng, arrays = np.random.default_rng(1), architecture(fusion=fusion).arrays()
    return {name: torch.from_numpy(rng.normal(size=(1, *dims))) for name, dims in arrays.items() if name.startswith("fusion")}


def run(fusion: str, z: list[torch.Tensor], present: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
    """What the layers add to a first embedding of zeros, and their weights."""
    mean = (torch.full((3, 5), 0.2, dtype=torch.float64), np.arange(3))
    fused = fuse(architecture(fusion=fusion), weights(fusion), torch.zeros_like(z[0]), tuple(z), present, mean)
    torch.testing.assert_close(fused.pooled(mean[0]), fused.nodes().mean(dim=2), msg="pooling before the sum")
    return fused.nodes(), fused.share


PRESENT = torch.tensor([[[1, 1, 1], [1, 0, 1], [0, 0, 0]]], dtype=torch.bool)


@pytest.mark.parametrize("fusion", ["attention", "mean"])
def test_weights_sum_to_one_over_the_layers_that_are_there(fusion: str) -> None:
    z = streams()
    fused, share = run(fusion, z, PRESENT)
    assert share is not None
    torch.testing.assert_close(share.sum(dim=2), torch.tensor([[1.0, 1.0, 0.0]], dtype=torch.float64))
    assert (share[~PRESENT] == 0).all()
    ratio = share[0, 0, 0] / share[0, 0, 2]
    full = run(fusion, z, torch.ones_like(PRESENT))[1]
    assert full is not None
    torch.testing.assert_close(share[0, 1, 0] / share[0, 1, 2], full[0, 1, 0] / full[0, 1, 2], msg="the others share what is left")
    torch.testing.assert_close(full[0, 0, 0] / full[0, 0, 2], ratio)
    torch.testing.assert_close(fused, sum(share[:, :, None, None, m] * z[m] for m in range(3)))


def test_semantic_attention_is_its_formula() -> None:
    z, given = streams(), weights("attention")
    score = torch.stack([(torch.tanh(v[0] @ given["fusion"][0] + given["fusion.bias"][0]) @ given["fusion.query"][0]).mean(dim=1) for v in z], dim=1)
    share = run("attention", z, torch.ones_like(PRESENT))[1]
    assert share is not None
    torch.testing.assert_close(share[0], torch.softmax(score, dim=1))


@pytest.mark.parametrize("fusion", ["attention", "mean", "concat"])
def test_an_absent_layer_changes_no_bit(fusion: str) -> None:
    z = streams()
    other = [z[0], torch.where(PRESENT[:, :, None, None, 1], z[1], z[1] + 1e3), z[2]]
    have, want = (run(fusion, values, PRESENT)[0] for values in (other, z))
    assert torch.equal(have, want)
