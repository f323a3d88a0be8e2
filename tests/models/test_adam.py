"""The optimiser against the one of torch: decay, clipping and the cycle, each seed by itself."""

import numpy as np
import pytest
import torch

from riskradar.models.adam import Adam, rate_of
from riskradar.models.dense import TrainConfig

SETTINGS = {
    "plain": TrainConfig(rate=0.01),
    "decay": TrainConfig(rate=0.01, weight_decay=0.3),
    "clip": TrainConfig(rate=0.01, clip=0.7),
    "cycle": TrainConfig(rate=0.01, schedule="onecycle", warmup=0.1),
    "all": TrainConfig(rate=0.006, weight_decay=0.02, clip=1.0, schedule="onecycle", warmup=0.25),
}
TOTAL = 40


@pytest.mark.parametrize("name", SETTINGS)
def test_a_step_is_the_one_of_torch(name: str) -> None:
    config = SETTINGS[name]
    first, slopes = np.random.default_rng(0).normal(size=(2, 9)), np.random.default_rng(1).normal(size=(TOTAL, 2, 9))
    adam = Adam.begin(torch.from_numpy(first.copy()))
    for step, slope in enumerate(slopes, 1):
        adam.step(torch.from_numpy(slope), config, step, TOTAL)
    for s in range(2):
        weights = torch.from_numpy(first[s].copy()).requires_grad_()
        theirs = torch.optim.AdamW([weights], lr=config.rate, weight_decay=config.weight_decay)
        cycle = torch.optim.lr_scheduler.OneCycleLR(theirs, config.rate, TOTAL, pct_start=config.warmup, cycle_momentum=False)
        for step, slope in enumerate(slopes, 1):
            if config.schedule == "constant":
                theirs.param_groups[0]["lr"] = config.rate
            weights.grad = torch.from_numpy(slope[s])
            if config.clip:
                torch.nn.utils.clip_grad_norm_([weights], config.clip)
            theirs.step()
            if step < TOTAL:
                cycle.step()
        np.testing.assert_allclose(adam.weights[s].numpy(), weights.detach().numpy(), rtol=0, atol=1e-12)


@pytest.mark.parametrize("total", [1, 2, 3, 10, 400])
def test_a_cycle_climbs_and_falls(total: int) -> None:
    config = TrainConfig(rate=0.5, schedule="onecycle", warmup=0.3)
    rates = [rate_of(config, step, total) for step in range(1, total + 1)]
    assert all(0 < rate <= 0.5 for rate in rates)
    top = int(np.argmax(rates))
    assert (np.diff(rates[: top + 1]) > 0).all()
    assert (np.diff(rates[top:]) < 0).all()
    assert total < 10 or (rates[0] == pytest.approx(0.02) and rates[-1] == pytest.approx(0.5 / 25e4))
