"""The regime indicator: every row says what it is, and a changed byte shows."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from riskradar import backtest, exchange
from riskradar.errors import InputError, UsageError
from riskradar.models import ModelsConfig
from riskradar.split import SplitConfig
from riskradar.tables import Forecast
from tests import markets

NAMES = ("base-rate", "ewma-vol", "library", "garch", "beta-map", "pool")
DRIVER = {"name": "breadth", "adds": 0.25, "value": 1.5}
MARKS = {"config_hash": "c", "panel_hash": "p"}


@pytest.fixture(scope="module")
def made(line: markets.Line) -> dict[str, Forecast]:
    split = SplitConfig.model_validate({"first": str(line.labels.dates[-30])})
    config = ModelsConfig(names=NAMES)
    return backtest.run(line.features, line.graphs, line.labels, config, split, backtest.BacktestConfig(jobs=1)).forecasts


def test_rows_hold_probability_band_base_rate_and_level(made: dict[str, Forecast], line: markets.Line) -> None:
    targets = [t.name for t in line.labels.targets if t.binary]
    rows = exchange.regime(made, line.labels, "pool", MARKS, {(str(made["pool"].dates[-1]), targets[-1]): [DRIVER]})
    assert rows[-1]["drivers"] == [DRIVER]
    assert not rows[-2]["drivers"]
    assert [(row["date"], row["target"]) for row in rows] == [(str(d), t) for d in made["pool"].dates for t in targets]
    assert all(row["band"][0] <= row["band"][1] for row in rows)
    for row in rows:
        assert row["level"] == exchange.level(row["probability"], row["base_rate"])
        assert exchange.verify(row)
        assert not exchange.verify(row | {"probability": row["probability"] + 1e-9})
    assert [exchange.level(*pair) for pair in ((0.1, 0.2), (0.2, 0.2), (0.4, 0.2), (np.nan, 0.2), (0.1, np.nan))] == [
        "low", "raised", "high", "withheld", "unknown"]  # fmt: skip


def test_a_single_number_has_no_band(made: dict[str, Forecast], line: markets.Line) -> None:
    assert {tuple(row["band"]) for row in exchange.regime(made, line.labels, "ewma-vol", MARKS)} == {(None, None)}


def test_both_files_hold_the_rows(made: dict[str, Forecast], line: markets.Line, tmp_path: Path) -> None:
    first = str(made["pool"].dates[0])
    rows = exchange.regime(made, line.labels, "pool", MARKS, {(first, "20/5"): [DRIVER, DRIVER | {"value": 1 / 3}]})
    exchange.write(rows, tmp_path / "r.jsonl")
    exchange.write(rows, tmp_path / "r.parquet")
    assert exchange.read(tmp_path / "r.jsonl") == exchange.read(tmp_path / "r.parquet") == rows
    assert sum(len(row["drivers"]) for row in rows) == 2
    frame = pd.read_parquet(tmp_path / "r.parquet")
    assert frame["probability"].tolist() == [row["probability"] for row in rows]
    with pytest.raises(UsageError, match="jsonl"):
        exchange.write(rows, tmp_path / "r.csv")


def test_a_file_that_is_not_as_it_was_written_is_refused_in_one_line(made: dict[str, Forecast], line: markets.Line, tmp_path: Path) -> None:
    rows = exchange.regime(made, line.labels, "pool", MARKS)
    for name, bad in {"number": {"probability": 0.5}, "schema": {"schema": "riskradar.regime/9"}, "driver": {"drivers": [DRIVER]}}.items():
        for ending in exchange.ENDINGS:
            path = tmp_path / f"{name}{ending}"
            exchange.write([*rows[:3], rows[3] | bad], path)
            with pytest.raises(InputError, match="row 4 is not as it was written"):
                exchange.read(path)
    for text in ("", "{", "[1]", '"a"\n'):
        for ending in exchange.ENDINGS:
            path = tmp_path / f"bad{ending}"
            path.write_text(text)
            if text or ending == ".parquet":
                with pytest.raises(InputError, match="nothing was read"):
                    exchange.read(path)
    with pytest.raises(UsageError, match="neither"):
        exchange.read(tmp_path / "rows.csv")


def test_only_live_rows_that_exist_leave_the_house(made: dict[str, Forecast], line: markets.Line) -> None:
    with pytest.raises(UsageError, match="no row 'x'"):
        exchange.regime(made, line.labels, "x", MARKS)
    with pytest.raises(UsageError, match="only live"):
        exchange.regime({"pool": replace(made["pool"], kind="transfer")}, line.labels, "pool", MARKS)
