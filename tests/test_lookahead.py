"""The audit must find every planted leak by name, and nothing on a clean line."""

import dataclasses
import functools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from riskradar import backtest, config, data, labels, lookahead, split
from riskradar.features import FEATURES, Feature, lag
from riskradar.lookahead import Line
from riskradar.measures import MEASURES, Measure
from riskradar.tables import Labels

T, NAMES = 340, ("AA", "BB", "CC", "DD", "EE", "FF")
CLEAN = ("features.node=['return']", "features.context=[]", "layers.names=[]", "measures.names=[]", "models.names=[]")


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Files of a small market with gaps, a late listing, revised and late macro rows, and a sector that changes on a known day."""
    folder = tmp_path_factory.mktemp("market")
    rng = np.random.default_rng(5)
    days = pd.bdate_range("2001-01-02", periods=420)
    sessions = data.calendar.exchange("XNYS").days
    days = days[np.isin(days.to_numpy("datetime64[D]"), sessions)][:T]
    steps = rng.standard_t(4, (T, len(NAMES))) * 0.012 + rng.standard_t(4, (T, 1)) * 0.01
    prices = pd.DataFrame(100 * np.exp(np.cumsum(steps, axis=0)), index=days.strftime("%Y-%m-%d"), columns=NAMES)
    prices.iloc[:70, 5] = np.nan
    for name, start, stop in (("BB", 100, 104), ("CC", 180, 181), ("DD", 250, 263), ("AA", 300, 302)):
        prices.loc[prices.index[start:stop], name] = np.nan
    prices.to_csv(folder / "prices.csv", index_label="date")
    yields = pd.DataFrame({"series": "dgs10", "date": prices.index, "value": 5 + np.cumsum(rng.normal(0, 0.05, T)), "known_at": ""})
    spread = pd.DataFrame({"series": "baa10y", "date": prices.index, "value": 2 + np.cumsum(rng.normal(0, 0.03, T)), "known_at": ""})
    first = pd.DataFrame({"series": "survey", "date": prices.index[:-15:10], "value": rng.normal(0, 1, len(prices.index[:-15:10]))})
    first["known_at"] = [prices.index[i + 4] for i in range(0, T - 15, 10)]
    second = first.assign(value=first["value"] + 1, known_at=[prices.index[i + 14] for i in range(0, T - 15, 10)])
    pd.concat([yields, spread, first, second]).to_csv(folder / "macro.csv", index=False)
    sectors = [("2001-01-02", n, "Tech" if i < 3 else "Energy") for i, n in enumerate(NAMES)] + [(prices.index[200], "AA", "Energy")]
    pd.DataFrame(sectors, columns=["known_at", "asset", "sector"]).to_csv(folder / "sectors.csv", index=False)
    return {name: str(folder / f"{name}.csv") for name in ("prices", "macro", "sectors")}


SHORT = tuple(f"measures.{name}=40" for name in ("absorption_window", "turbulence_window", "connectedness_window", "tail_window"))


def audit(market: dict[str, str], *settings: str, line: Line | None = None) -> lookahead.Audit:
    sources = [f"data.{name}={path}" for name, path in market.items()]
    base = ["labels.targets=['5/3']", "split.first=2001-09-04", "layers.correlation.window=10"]
    made = config.load("tiny", None, [*base, "data.start=2001-01-02", *sources, *settings])
    return lookahead.audit(data.read(made.data), made, line, jobs=1)


def found(result: lookahead.Audit) -> set[str]:
    return {finding.component for finding in result.findings}


def test_a_slice_late_in_the_file_is_audited(market: dict[str, str]) -> None:
    result = audit(market, *CLEAN, "data.start=2002-03-01", "data.end=2002-04-15", "split.first=2002-03-01")
    assert not result.findings
    assert result.compared["cold cut"]


def test_clean_line_has_no_finding(market: dict[str, str]) -> None:
    result = audit(market, "models.names=['base-rate', 'ewma-vol', 'logistic-vol']", *SHORT)
    assert result.findings == ()
    assert result.compared["diagonal"] > 50_000
    checks = {"diagonal", "prefix", "poison", "shuffle", "cold cut", "what it learned", "its score", "known too early", "folds"}
    assert checks <= result.compared.keys()
    assert "no leak found" in result.lines()[0]


def test_an_index_that_overflows_in_a_shuffled_future_is_no_warning(market: dict[str, str], tmp_path: Path) -> None:
    prices = pd.read_csv(market["prices"], index_col="date")
    prices["AA"] /= 1e8
    prices.to_csv(tmp_path / "prices.csv")
    assert audit({**market, "prices": str(tmp_path / "prices.csv")}, *CLEAN).findings == ()


ASSETS = (*CLEAN, "nodes.names=['ridge']", "nodes.targets=['log-volatility/5']", "nodes.years=0", "split.first=2002-03-01")


def test_forecasts_of_assets_are_audited(market: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    clean = audit(market, *ASSETS)
    assert clean.findings == ()
    assert clean.compared["what it learned"] >= 1
    assert clean.compared["its score"] == 1 + len(NAMES)
    monkeypatch.setitem(FEATURES, "beta", LEAKING_FEATURES["scaled"])
    assert found(audit(market, *ASSETS)) == {"model of assets ridge"}


def frame(x: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame(x)


def last_rows(panel, window):
    out = panel.close.copy()
    out[-3:] = frame(out[-3:]).mean().to_numpy()
    return out


def nearest(panel, window):
    facts, code = panel.facts, panel.facts.series.index("dgs10")
    rows = facts.of == code
    if not rows.any():
        return np.full(len(panel.dates), np.nan)
    gap = np.abs((panel.dates[:, None] - facts.date[rows][None, :]).astype(int)) * 2 - (panel.dates[:, None] < facts.date[rows][None, :])
    return facts.value[rows][gap.argmin(axis=1)]


LEAKING_FEATURES = {
    "centred": Feature(lambda p, w: frame(p.close).rolling(5, center=True).mean().to_numpy(), 5, 0, "centred window"),
    "backfilled": Feature(lambda p, w: frame(p.close).bfill().mean(axis=1).to_numpy(), 1, 0, "gaps filled from the future", "context"),
    "interpolated": Feature(lambda p, w: frame(p.close).interpolate().mean(axis=1).to_numpy(), 1, 0, "gaps drawn straight", "context"),
    "last-rows": Feature(last_rows, 3, 0, "the last three rows are smoothed together"),
    "scaled": Feature(lambda p, w: ((frame(p.close) - frame(p.close).mean()) / frame(p.close).std()).to_numpy(), 0, 0, "full-sample scaler"),
    "above-quantile": Feature(lambda p, w: (frame(p.close) > frame(p.close).quantile(0.9)).to_numpy(float), 0, 0, "full-sample quantile"),
}


@pytest.mark.parametrize("name", LEAKING_FEATURES)
def test_leaking_feature_is_found(name: str, market: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FEATURES, name, LEAKING_FEATURES[name])
    axis = LEAKING_FEATURES[name].axis
    assert found(audit(market, *CLEAN, f"features.{axis}=['{name}']")) == {f"feature {name}"}


def test_nearest_date_join_is_found(market: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FEATURES, "nearest", Feature(nearest, 1, 0, "nearest-date join", "context", ("dgs10",)))
    assert found(audit(market, *CLEAN, "features.context=['nearest']")) == {"feature nearest"}


def test_feature_that_reads_more_than_it_declares_is_found(market: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FEATURES, "long", Feature(lambda p, w: lag(p.close, 9), 9, 5, "declares 5 sessions, reads 10"))
    assert found(audit(market, *CLEAN, "features.node=['long']")) == {"feature long"}


LEAKING_MEASURES = {
    "tomorrow": Measure(lambda p, g, c: np.append(p.level[1:], np.nan), lambda c: 2, "day", "the next close", "", 1),
    "density-ahead": Measure(
        lambda p, g, c: np.append(g.layers["correlation"].block(1, len(p.dates)).sum(axis=(1, 2)), np.nan).astype(float), lambda c: 2, "day",
        "edges of the next graph", "", 1, graph=True,
    ),
    "by-row": Measure(
        lambda p, g, c: np.repeat(p.level[::7], 7)[: len(p.level)], lambda c: 20, "week", "a stride counted from the first row at hand", "", 1
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LEAKING_MEASURES)
def test_leaking_measure_is_found(name: str, market: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MEASURES, name, LEAKING_MEASURES[name])
    settings = ("features.node=['return']", "features.context=[]", "layers.names=['correlation']", "models.names=[]")
    assert found(audit(market, *settings, f"measures.names=['{name}']")) == {f"measure {name}"}


def test_label_off_by_one_is_found(market: dict[str, str]) -> None:
    def later(panel, settings):
        right = labels.build(panel, settings)
        values = np.full_like(right.values, np.nan)
        values[:-1] = right.values[1:]
        values[np.isnat(right.known)[:, None]] = np.nan
        return Labels(right.dates, right.units, right.targets, values, right.known, right.onset, right.level)

    assert "label 5/3" in found(audit(market, *CLEAN, line=Line(label=later)))


def test_positives_known_early_are_found(market: dict[str, str]) -> None:
    def early(panel, settings):
        right = labels.build(panel, settings)
        values, known = right.values.copy(), right.known.copy()
        for t in range(len(right.dates)):
            for k in range(1, 5):
                fallen = t + k < len(right.dates) and labels.worst_drawdown(panel.level[t : t + k + 1, None], k)[0, 0] >= 0.03
                if fallen:
                    values[t, 0, 0], known[t, 0] = 1.0, right.dates[t + k]
                    break
        return Labels(right.dates, right.units, right.targets, values, known, right.onset, right.level)

    assert found(audit(market, *CLEAN, line=Line(label=early))) == {"label 5/3"}


def test_purge_in_rows_is_found(market: dict[str, str]) -> None:
    def rows(labels_, settings, refit_years):
        """Purging 5 rows of a long table of 6 names purges less than one session."""
        return [
            dataclasses.replace(fold, train=np.arange(len(labels_.dates))[:, None] < fold.start - 5 // len(NAMES))
            for fold in split.folds(labels_, settings, refit_years)
        ]

    assert "split" in found(audit(market, *CLEAN, "models.names=['base-rate']", line=Line(fold=rows)))


def test_same_day_macro_is_found(market: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    def same_day(raw, settings):
        facts = raw.tables["facts"]
        return data.assemble(dataclasses.replace(raw, tables=raw.tables | {"facts": dataclasses.replace(facts, known_at=facts.date)}), settings)

    assert found(audit(market, *CLEAN, "features.context=['credit']", line=Line(assemble=same_day))) == {"feature credit"}


def survey(panel, window):
    return panel.facts.view("survey", panel.dates)


def test_future_vintage_is_found(market: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    def newest(raw, settings):
        facts = raw.tables["facts"]
        known = facts.known_at.copy()
        for key in {(o, d) for o, d in zip(facts.of, facts.date, strict=True)}:
            same = np.flatnonzero((facts.of == key[0]) & (facts.date == key[1]))
            value = facts.value[same[np.argmax(known[same])]]
            facts.value[same] = value
        return data.assemble(raw, settings)

    monkeypatch.setitem(FEATURES, "survey", Feature(survey, 1, 1, "a survey with vintages", "context", ("survey",)))
    copied = functools.partial(_with_copies, newest)
    assert found(audit(market, *CLEAN, "features.context=['survey']")) == set()
    assert found(audit(market, *CLEAN, "features.context=['survey']", line=Line(assemble=copied))) == {"feature survey"}


def _with_copies(assemble, raw, settings):
    """Let a leaking loader write into its own copy of the rows."""
    facts = raw.tables["facts"]
    mine = dataclasses.replace(facts, value=facts.value.copy())
    return assemble(dataclasses.replace(raw, tables=raw.tables | {"facts": mine}), settings)


def test_sector_map_of_a_later_date_is_found(market: dict[str, str]) -> None:
    def newest(raw, settings):
        rows = raw.tables["sectors"]
        last = {a: i for i, a in enumerate(rows.asset)}  # the newest label of each asset, as if it had always been known
        never = np.full(len(rows), np.datetime64("NaT"), "datetime64[D]")
        early = dataclasses.replace(rows, value=np.array([rows.value[last[a]] for a in rows.asset]), date=never, known_at=never)
        return data.assemble(dataclasses.replace(raw, tables=raw.tables | {"sectors": early}), settings)

    assert "panel sector" in found(audit(market, *CLEAN, line=Line(assemble=newest)))


def test_cache_without_cut_off_is_found(market: dict[str, str]) -> None:
    kept: dict[str, object] = {}

    def cached(raw, settings):
        return kept.setdefault(settings.prices, data.assemble(raw, settings))

    assert "source rows" in found(audit(market, *CLEAN, line=Line(assemble=cached)))


def test_threshold_chosen_on_the_test_is_found(market: dict[str, str]) -> None:
    def chosen(score, known, target, rate):
        y = known.system(target)
        candidates = np.nanquantile(score, np.linspace(0.5, 0.99, 40)) if np.isfinite(score).any() else np.array([np.nan])
        best = max(candidates, key=lambda c: np.nansum(y[score >= c]) - rate * np.sum(score >= c))
        return np.full(len(score), best)

    settings = ("features.context=['index_below_high', 'z_index_volatility']", "features.node=[]", "layers.names=[]", "models.names=[]")
    assert "alarm threshold" in found(audit(market, *settings, line=Line(threshold=chosen)))


def test_calibration_on_the_test_is_found(market: dict[str, str]) -> None:
    def everything(model, features, graphs, known, fold, seed):
        return model.fit(features, graphs, known, seed=seed)

    assert "model base-rate" in found(audit(market, *CLEAN, "models.names=['base-rate']", line=Line(fit=everything)))


def test_hash_of_what_was_learned_sees_one_bit() -> None:
    class Learned:
        def __init__(self, value: float) -> None:
            self.value = value

        def state(self) -> dict[str, np.ndarray]:
            return {"w": np.array([self.value])}

    assert backtest.learned(Learned(1.0)) != backtest.learned(Learned(np.nextafter(1.0, 2)))
    assert backtest.learned(Learned(0.0)) != backtest.learned(Learned(-0.0))
