"""The sections of layers and of classic indicators, from made-up runs and from a generated market end to end."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import riskradar as rr
from riskradar import evaluate, record
from riskradar.evaluate import EvaluateConfig
from riskradar.html import indicators, layers, series
from riskradar.html.inputs import Inputs
from riskradar.layers import LAYERS
from riskradar.measures import MEASURES
from riskradar.tables import Labels, LayerSummary, Measures
from tests.html.conftest import Stored
from tests.html.reader import Reader
from tests.test_api import OWN, prices

HOSTILE = "<img src=x onerror=alert(1)></script>"
NAMES = ("turbulence", "mst-length", "density")  # one that knows, one whose negative knows, one that is constant


def measured(labels: Labels) -> Measures:
    y = np.nan_to_num(labels.system("20/5"))
    good = y + 0.5 * np.random.default_rng(3).normal(size=len(y))
    good[:300] = np.nan
    return Measures(labels.dates, NAMES, np.stack([good, -good, 0 * y], axis=1), {"ciss": "no series vix"})


def about_measures(table: Measures, labels: Labels) -> dict[str, Any]:
    config = EvaluateConfig(draws=20, end=None, min_events=3)
    scores = evaluate.measures_as_scores(table, labels, {n: MEASURES[n].rises for n in table.names}, config)
    return {n: {"about": f"{n} in words", "source": "A 2001", "unit": "share", "rises": MEASURES[n].rises, **scores[n]} for n in table.names}


def summed(dates: np.ndarray) -> LayerSummary:
    """Two layers: a thresholded one that starts late, and one of fixed density whose edges live a week."""
    R, rng = len(dates), np.random.default_rng(2)
    density = np.stack([rng.random(R) / 2, np.full(R, 0.1)], axis=1)
    density[:20, 0] = np.nan
    survival = np.stack([np.full((R, 3), 0.9), np.full((R, 3), 0.25)], axis=1)
    overlap, chance = np.full((R, 1), 0.2), np.full((R, 1), np.nan)
    chance[::13] = 0.1
    weight = np.stack([np.ones(R), rng.random(R)], axis=1)
    return LayerSummary(dates, ("correlation", "tree"), "week", (4, 13, 52), density, weight, survival, overlap, chance)


@pytest.fixture(scope="module")
def inputs(run: Stored, labels: Labels) -> Inputs:
    table = measured(labels)
    about = {
        **run.about, "measures": about_measures(table, labels), "measures_absent": table.absent, "layers_absent": {"macro": "no series of rates"},
        "layers": {"correlation": {"about": "rho", "noise": 6.1e-5}, "tree": {"about": "spanning tree", "noise": None}},
    }  # fmt: skip
    return Inputs(about, run.evaluation, run.forecasts, run.labels, table.frame(), summed(labels.dates[5::5]))


def read(inputs: Inputs) -> Reader:
    return Reader(Stored(dict(inputs.about), dict(inputs.evaluation), dict(inputs.forecasts), inputs.labels).page(inputs.measures, inputs.summary))


@pytest.fixture(scope="module")
def page(inputs: Inputs) -> Reader:
    return read(inputs)


def test_every_layer_and_measure_is_on_the_page(page: Reader) -> None:
    assert page.crossed == []
    for name in (*NAMES, "correlation", "tree"):
        assert name in page.text
    assert "absent: no series of rates" in page.text
    assert "absent, no series vix" in page.text
    assert "fixed by construction, 10\u202f% of pairs" in page.text
    assert "0.006\u202f%" in page.text
    assert "undefined: constant score" in page.text


def test_charts_hold_what_was_stored(page: Reader, inputs: Inputs) -> None:
    figure = json.loads(next(text for tag, attributes, text in page.raw if attributes.get("id") == "figure"))
    charts = {c["name"]: c for c in figure["charts"]}
    assert [c["name"] for c in charts["layers"]["choices"]] == ["correlation", "tree"]
    density, noise, survival, chance = charts["layers"]["choices"][0]["lines"]
    assert inputs.summary is not None
    np.testing.assert_allclose(np.array(density["y"], float), inputs.summary.density[:, 0], atol=5e-5)
    assert {y for y in noise["y"] if y is not None} == {0.0001}
    assert set(survival["y"]) == {0.9}
    np.testing.assert_allclose(np.array(chance["y"], float), inputs.summary.density[:, 0], atol=5e-5)
    assert {c["name"] for c in charts["measures"]["choices"]} == set(NAMES)
    for chart in charts.values():
        assert len(chart["layout"]["shapes"]) == len(inputs.evaluation["events"])
        assert all(len(line["y"]) == len(chart["x"]) for c in chart["choices"] for line in c["lines"])
        assert any(a.get("id") == f"plot-{chart['name']}" for a in page.of("div"))
        assert any(a.get("id") == f"pick-{chart['name']}" for a in page.of("select"))


def test_scores_are_those_of_the_record(inputs: Inputs) -> None:
    for table in indicators.indicators(inputs)["tables"]:
        rows = {r["name"]: r for r in table["rows"]}
        target = inputs.targets[table["place"]]["name"]
        assert rows["turbulence"]["onset"] == inputs.about["measures"]["turbulence"]["targets"][target]["auroc_onset"]
        assert table["rows"][-1]["name"] == "density", "undefined ones come last"
    first = indicators.indicators(inputs)["tables"][0]
    assert first["finding"] == "2 of 2 ranked calm days better than chance"
    assert {r["better"] for r in first["rows"] if r["onset"]["value"] is not None} == {True}


def test_a_wrong_sign_is_counted_apart() -> None:
    def row(low: float | None, high: float | None) -> dict[str, Any]:
        return {"onset": {"low": low, "high": high}, "better": low is not None and low > 0.5, "worse": high is not None and high < 0.5}

    rows = [row(0.6, 0.7), row(0.2, 0.4), row(None, None), row(0.4, 0.6)]
    assert indicators.finding(rows) == "1 of 3 ranked calm days better than chance; 1 ranked them the wrong way round"
    assert indicators.finding(rows[1:]) == "None of 2 ranked calm days better than chance; 1 ranked them the wrong way round"
    assert indicators.finding(rows[2:3]) == "No indicator could be judged"


def test_layers_show_what_moves(inputs: Inputs) -> None:
    found = layers.layers(inputs)
    fixed, free = found["rows"][1], found["rows"][0]
    assert (free["kind"], fixed["kind"]) == ("density", "mean weight")
    assert fixed["half_life"] == "2.0 weeks"
    assert free["half_life"] == "more than 52 weeks"
    assert found["title"] == "Half of the edges are gone after more than 52 weeks (correlation) and 2.0 weeks (tree)"
    assert found["first"][0]["times"] == pytest.approx(2)
    assert found["overlaps"] == "1 of 1 pairs of layers share more edges than chance would"


@pytest.mark.parametrize(
    ("survival", "age"),
    [
        ((0.5, 0.25), "4.0 weeks"), ((0.7, 0.35), "5.9 weeks"), ((0.9, 0.8), "more than 8 weeks"), ((0.9, None), "more than 4 weeks"),
        ((0.0, 0.0), "less than 4 weeks"), ((None, None), ""),
    ],
)  # fmt: skip
def test_half_life_is_read_off_between_lags(survival: tuple[float | None, ...], age: str) -> None:
    assert layers.half_life((4, 8), survival, "week") == age


def test_small_charts_keep_every_extreme() -> None:
    values = np.random.default_rng(0).normal(size=3000)
    values[500:900] = np.nan
    kept = series.turning(values)
    assert np.nanmax(values) in values[kept]
    assert np.nanmin(values) in values[kept]
    assert kept == sorted(kept)
    assert len(kept) <= 200
    assert np.isnan(values[kept]).any(), "a gap stays a gap"


def test_weeks_are_shown_by_their_extreme_on_the_side_of_stress() -> None:
    dates = np.arange(np.datetime64("2001-01-03", "D"), np.datetime64("2001-01-16", "D"))
    values = np.arange(13.0)
    values[5:12] = np.nan
    at, high = series.weekly(dates, values, True)
    assert [str(d) for d in at] == ["2001-01-03", "2001-01-08", "2001-01-15"]
    np.testing.assert_array_equal(high, [4, np.nan, 12])
    np.testing.assert_array_equal(series.weekly(dates, values, False)[1], [0, np.nan, 12])


def test_a_run_that_stored_neither_says_so(run: Stored) -> None:
    text = Reader(run.page()).text
    assert "stored without its layers over time" in text
    assert "stored without its measures" in text


def test_nothing_built_is_said(inputs: Inputs) -> None:
    assert inputs.measures is not None
    assert inputs.summary is not None
    none = np.empty((0, 0))
    empty = LayerSummary(inputs.summary.dates[:0], (), "week", (4, 13, 52), none, none, np.empty((0, 0, 3)), none, none)
    text = read(replace(inputs, measures=inputs.measures[[]], summary=empty)).text
    assert "No graph layer was built" in text
    assert "No measure could be built" in text
    assert "absent, no series of rates" in text


def test_one_layer_has_no_pair_and_no_edge_is_undefined(inputs: Inputs) -> None:
    R = 40
    nan = np.full((R, 1), np.nan)
    dates = np.datetime64("1996-01-01", "D") + 7 * np.arange(R)
    lonely = LayerSummary(dates, ("correlation",), "week", (4, 13, 52), nan, nan, np.full((R, 1, 3), np.nan), np.empty((R, 0)), np.empty((R, 0)))
    found = read(replace(inputs, summary=lonely))
    assert "undefined: not one edge on these dates; noise alone would join 0.006\u202f% of pairs" in found.text
    assert not any(a.get("id") == "plot-overlap" for a in found.of("div"))


def test_hostile_names_stay_text(inputs: Inputs) -> None:
    assert inputs.measures is not None
    about = {**inputs.about, "measures": {HOSTILE: {**inputs.about["measures"]["turbulence"], "about": HOSTILE, "unit": HOSTILE}}}
    page = read(replace(inputs, about=about, measures=inputs.measures[["turbulence"]].rename(columns={"turbulence": HOSTILE})))
    assert page.of("img") == []
    assert page.crossed == []
    assert len(page.of("script")) == 3


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> record.Record:
    """A generated market through the whole line, with every layer and most measures, some assets listed late."""
    market = prices(7, 1500)
    market.iloc[:900, 4] = np.nan
    names = [name for name in LAYERS if name not in ("sentiment", "denoised")]
    chosen = [f"layers.names={names}", "measures.names=['average-correlation','turbulence','density','ciss','mes']"]
    small = ["layers.residual.window=60", "layers.filter.window=60", "layers.tail.window=60"]
    settings = [s for s in OWN if not s.startswith("evaluate.draws")]
    return rr.run(market, "tiny", [*settings, "evaluate.draws=20", *chosen, *small], home=tmp_path_factory.mktemp("runs"))


def test_a_market_end_to_end(whole: record.Record) -> None:
    text = Reader((whole.folder / "report.html").read_text("utf-8")).text
    found, about = whole.layers(), whole.about
    assert found is not None
    assert set(found.names) | set(about["layers_absent"]) == set(LAYERS) - {"sentiment", "denoised"}
    assert set(about["layers_absent"]) == {"sector", "residual-within", "residual-across", "exposure", "macro"}
    for name in (*found.names, *about["layers_absent"], *about["measures"], *about["measures_absent"]):
        assert name in text
    assert about["layers"]["correlation"]["noise"] > 0
    assert about["layers"]["tree"]["noise"] is None
    assert whole.measures() is not None
    assert list(whole.measures().columns) == list(about["measures"])  # type: ignore[union-attr]


def test_a_stored_run_is_drawn_again_the_same(whole: record.Record, tmp_path: Path) -> None:
    again = rr.report(whole.id, home=whole.folder.parent, out=tmp_path / "again.html")
    assert again.read_text("utf-8") == (whole.folder / "report.html").read_text("utf-8")


def test_an_older_run_is_still_drawn(whole: record.Record, tmp_path: Path) -> None:
    for name in ("layers", "measures"):
        (whole.folder / f"{name}.parquet").rename(tmp_path / name)
    try:
        text = Reader(rr.report(whole.id, home=whole.folder.parent, out=tmp_path / "old.html").read_text("utf-8")).text
    finally:
        for name in ("layers", "measures"):
            (tmp_path / name).rename(whole.folder / f"{name}.parquet")
    assert "stored without its layers over time" in text
    assert isinstance(pd.read_parquet(whole.folder / "layers.parquet"), pd.DataFrame)
