"""The regime indicator: every row says what it is, and a changed byte shows."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from riskradar import backtest, exchange
from riskradar.errors import UsageError
from riskradar.models import ModelsConfig
from riskradar.split import SplitConfig
from riskradar.tables import Forecast
from tests import markets

NAMES = ("base-rate", "ewma-vol", "library", "garch", "beta-map", "pool")
MARKS = {"config_hash": "c", "panel_hash": "p"}


@pytest.fixture(scope="module")
def made(line: markets.Line) -> dict[str, Forecast]:
    split = SplitConfig.model_validate({"first": str(line.labels.dates[-30])})
    config = ModelsConfig(names=NAMES)
    return backtest.run(line.features, line.graphs, line.labels, config, split, backtest.BacktestConfig(jobs=1)).forecasts


def test_rows_hold_probability_band_base_rate_and_level(made: dict[str, Forecast], line: markets.Line) -> None:
    rows = exchange.regime(made, line.labels, "pool", MARKS, {str(made["pool"].dates[-1]): ["volatility"]})
    targets = [t.name for t in line.labels.targets if t.binary]
    assert [(row["date"], row["target"]) for row in rows] == [(str(d), t) for d in made["pool"].dates for t in targets]
    assert all(row["band"][0] <= row["band"][1] for row in rows)
    assert rows[-1]["drivers"] == ["volatility"]
    assert not rows[0]["drivers"]
    for row in rows:
        assert row["level"] == exchange.level(row["probability"], row["base_rate"])
        assert exchange.verify(row)
        assert not exchange.verify(row | {"probability": row["probability"] + 1e-9})
    assert [exchange.level(*pair) for pair in ((0.1, 0.2), (0.2, 0.2), (0.4, 0.2), (np.nan, 0.2), (0.1, np.nan))] == [
        "low", "raised", "high", "withheld", "unknown"]  # fmt: skip


def test_a_single_number_has_no_band(made: dict[str, Forecast], line: markets.Line) -> None:
    assert {tuple(row["band"]) for row in exchange.regime(made, line.labels, "ewma-vol", MARKS)} == {(None, None)}


def test_both_files_hold_the_rows(made: dict[str, Forecast], line: markets.Line, tmp_path: Path) -> None:
    rows = exchange.regime(made, line.labels, "pool", MARKS)
    exchange.write(rows, tmp_path / "r.jsonl")
    exchange.write(rows, tmp_path / "r.parquet")
    assert [json.loads(text) for text in (tmp_path / "r.jsonl").read_text().splitlines()] == rows
    frame = pd.read_parquet(tmp_path / "r.parquet")
    assert frame["probability"].tolist() == [row["probability"] for row in rows]
    with pytest.raises(UsageError, match="jsonl"):
        exchange.write(rows, tmp_path / "r.csv")


def test_only_live_rows_that_exist_leave_the_house(made: dict[str, Forecast], line: markets.Line) -> None:
    with pytest.raises(UsageError, match="no row 'x'"):
        exchange.regime(made, line.labels, "x", MARKS)
    with pytest.raises(UsageError, match="only live"):
        exchange.regime({"pool": replace(made["pool"], kind="transfer")}, line.labels, "pool", MARKS)
