"""Envelopes of the sister systems: checked, round trip, and read like any other facts."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from riskradar import data, exchange, features, layers
from riskradar.data import DataConfig
from riskradar.data.exchange import AimmFile, AimmWindow, Envelope, SpaEvent, SpaFile, SpaRun, parse_envelope, read_envelope, write_envelope
from riskradar.errors import InputError, UsageError
from riskradar.features import FeaturesConfig
from riskradar.layers import LayersConfig
from tests import markets

RUN = SpaRun(run_id="1", direction="down", start=date(2020, 2, 20), end=date(2020, 2, 28), duration_bars=7, pct_change=-12.8, max_drawdown_pct=-12.8)
EVENT = SpaEvent(date=date(2020, 2, 21), headline="=cmd()|'<script>' outbreak spreads")
SPA = SpaFile(ticker="A00", runs=(RUN,), events=(EVENT,))
WINDOW = AimmWindow(risk_score=0.8, risk_level="high", evaluation_date=date(2021, 1, 27), contributing_signal_types=("volume",))
AIMM = AimmFile(ticker="A01", windows=(WINDOW,))


@pytest.mark.parametrize("envelope", [SPA, AIMM], ids=["spa", "aimm"])
def test_round_trip(envelope: Envelope, tmp_path: Path) -> None:
    write_envelope(envelope, tmp_path / "e.json")
    assert read_envelope(tmp_path / "e.json") == envelope


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "schema": ({"schema": "spa"}, "schema"),
    "no schema": ({"ticker": "A"}, "schema"),
    "score above 1": ({"windows": [WINDOW.model_dump(mode="json") | {"risk_score": 1.01}]}, "windows.0.risk_score"),
    "score not finite": ({"windows": [WINDOW.model_dump(mode="json") | {"risk_score": float("nan")}]}, "windows.0.risk_score"),
    "level": ({"windows": [WINDOW.model_dump(mode="json") | {"risk_level": "severe"}]}, "windows.0.risk_level"),
    "date": ({"windows": [WINDOW.model_dump(mode="json") | {"evaluation_date": "2021-02-30"}]}, "windows.0.evaluation_date"),
    "more": ({"weights": [1]}, "weights"),
    "ticker": ({"ticker": ""}, "ticker"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_malformed_envelope_is_refused_in_one_line_that_names_the_field(case: str) -> None:
    change, field = BAD[case]
    content = {"ticker": "A"} if case == "no schema" else AIMM.model_dump(mode="json", by_alias=True) | change
    with pytest.raises(InputError, match=field) as refused:
        parse_envelope(content, "x.json")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("change", [{"pct_change": 3.0}, {"end": "2020-02-19"}, {"duration_bars": 0}, {"direction": "flat"}])
def test_a_run_that_contradicts_itself_is_refused(change: dict[str, Any]) -> None:
    content = SPA.model_dump(mode="json", by_alias=True)
    content["runs"][0] |= change
    with pytest.raises(InputError, match=r"runs\.0"):
        parse_envelope(content, "x.json")


@pytest.mark.parametrize("text", ["", "{", "[NaN]", "\x00", "[" * 100_000, "3"])
def test_what_is_not_an_envelope_is_refused_in_one_line(text: str, tmp_path: Path) -> None:
    (tmp_path / "e.json").write_text(text)
    with pytest.raises(InputError, match="nothing was kept"):
        read_envelope(tmp_path / "e.json")


def files(folder: Path) -> tuple[DataConfig, Any]:
    market = markets.panel(markets.walk(200, 4, 5))
    market.frame().to_csv(folder / "prices.csv", index_label="date")
    paths = []
    for asset in ("A00", "A01"):
        own = exchange.patterns(market, asset, [SpaEvent(date=market.dates[50].item(), headline="an event")])
        write_envelope(own, folder / f"{asset}.json")
        paths.append(str(folder / f"{asset}.json"))
    windows = tuple(AimmWindow(risk_score=0.9, risk_level="high", evaluation_date=market.dates[t].item()) for t in range(100, 110))
    for asset in ("A02", "A03"):
        write_envelope(AimmFile(ticker=asset, windows=windows), folder / f"{asset}.json")
        paths.append(str(folder / f"{asset}.json"))
    return DataConfig(prices=str(folder / "prices.csv"), calendar="observed", exchange=tuple(paths)), market


def test_files_show_in_features_and_in_the_layer(tmp_path: Path) -> None:
    config, market = files(tmp_path)
    panel, intake = data.assemble(data.read(config), config)
    assert sum("exchange" in line or ".json" in line for line in intake.lines()) == 4
    built = features.build(panel, FeaturesConfig(node=("spa_bars", "spa_change", "spa_events", "run_length"), context=()))
    bars, length = built.column("spa_bars"), built.column("run_length")
    ended = np.flatnonzero(np.diff(np.sign(length[:, 0])) != 0) + 1
    assert (bars[ended[ended > 1], 0] == length[ended[ended > 1] - 1, 0]).mean() > 0.95
    assert np.isnan(bars[:, 2]).all()
    assert np.nanmax(built.column("spa_events")) == 1
    graphs = layers.build(panel, LayersConfig.model_validate({"names": ["manipulation"], "manipulation": {"signal": "aimm"}}))
    drawn = graphs.block(0, len(panel.dates))[:, 0]
    assert drawn[105, 2, 3] == 1
    assert not drawn[100].any()
    assert not drawn[:, :2].any()
    assert exchange.disagreements(exchange.patterns(panel, "A00"), market) == []


def test_an_unknown_ticker_is_refused_cell_by_cell(tmp_path: Path) -> None:
    config, _ = files(tmp_path)
    write_envelope(AimmFile(ticker="ELSEWHERE", windows=AIMM.windows), tmp_path / "A03.json")
    _, intake = data.assemble(data.read(config), config)
    assert {row.reason for row in intake.refused} == {"not_in_prices"}


def test_a_run_of_one_session_measured_from_its_first_close_is_told() -> None:
    market = markets.panel(np.array([[100.0], [110.0], [99.0], [99.0]]))
    own = exchange.patterns(market, "A00")
    wrong = own.model_copy(update={"runs": tuple(run.model_copy(update={"pct_change": 0.0}) for run in own.runs)})
    told = exchange.disagreements(wrong, market)
    assert len(told) == 2
    assert "measured from its first close" in told[0]
    assert "+10.00 %" in told[0]
    moved = own.model_copy(update={"runs": (own.runs[0].model_copy(update={"duration_bars": 2}),)})
    assert "no such run" in exchange.disagreements(moved, market)[0]
    with pytest.raises(UsageError, match="no asset"):
        exchange.patterns(market, "B")


def test_schemas_are_json() -> None:
    for model in (SpaFile, AimmFile):
        assert json.dumps(model.model_json_schema())
