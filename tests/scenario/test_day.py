"""A run under shocks: what must not move, what must move as foretold, and the past that nobody touches."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import riskradar as rr
from riskradar import features, layers
from riskradar.errors import UsageError
from riskradar.evaluate.alarms import real_time_threshold
from riskradar.features import log_returns
from riskradar.layers import LayersConfig
from riskradar.layers.sentiment import arrivals
from riskradar.measures import MEASURES
from riskradar.reopen import Opened
from riskradar.scenario import Day, Scenario, read, run, stress
from riskradar.scenario.day import Tables
from riskradar.scenario.line import after, features_after, graphs_after, measures_at
from riskradar.scenario.market import SPELL, Moves, moves, shocked
from riskradar.tables import Graphs, Panel
from tests.markets import bits
from tests.scenario.conftest import DATE

ONE_OF_EACH = ("Financials returns -15%", "market volatility x2", "hy_oas +300bp", "correlation +0.3", "residual +0.2", "sentiment Energy -2sd",
               "remove E", "as on 2003-03-03")  # fmt: skip


def same(first: Tables, second: Tables) -> None:
    """Equal bit for bit: closes, level, facts, features and graphs."""
    for a, b in zip(first, second, strict=True):
        names = {Panel: ("close", "level", "member")}.get(type(a), ()) or (("values", "context", "member") if not isinstance(a, Graphs) else ())
        for name in names:
            assert np.array_equal(getattr(a, name), getattr(b, name), equal_nan=True)
    assert np.array_equal(first[0].facts.value, second[0].facts.value)
    T = len(first[0].dates)
    assert np.array_equal(first[2].block(T - 30, T), second[2].block(T - 30, T))


def whole_line(day: Day, panel: Panel) -> Tables:
    """The line of the run on a whole panel, without any shortcut."""
    config = day.opened.config
    return panel, features.build(panel, config.features), layers.build(panel, config.layers)


def test_what_does_not_cancel_is_not_lost(day: Day) -> None:
    for texts in (("sentiment all +2sd", "sentiment Energy -2sd"), ("market volatility x3", "market volatility x0.5")):
        assert day.after(day.shocks(texts))[1].rows


@pytest.mark.parametrize("texts", [
    (), ("market returns -0%",), ("market volatility x1",), ("vix +0%", "hy_oas +0bp"), ("correlation +0.0",), (f"as on {DATE}",),
    ("market returns -7.3%", "market returns +7.3%"), ("A returns -10%", "A returns +20%", "A returns -10%"), ("vix +0.1 points", "vix -10bp"),
    ("market volatility x4", "market volatility x0.5", "A volatility x5", "market volatility x0.5", "A volatility x0.2"),
    ("correlation +0.3", "correlation -0.3"), ("vix +30%", "vix -30%"), ("sentiment all +2sd", "sentiment all -2sd"),
])  # fmt: skip
def test_no_shock_and_opposite_shocks_change_nothing(day: Day, texts: tuple[str, ...]) -> None:
    then, _ = day.after(day.shocks(texts))
    same(day.before, then)
    assert then is day.before


def test_a_stress_without_effect_is_the_stored_score(day: Day) -> None:
    found = stress(day, Scenario(shocks=("market returns -3%", "market returns +3%")))
    for row in found["rows"]:
        forecast = day.opened.record.forecasts()[row["model"]]
        t = int(np.searchsorted(forecast.dates, day.date))
        for k, target in enumerate(forecast.targets):
            cell = row["targets"][target.name]
            assert cell["before"] == cell["after"]
            assert cell["before"]["score"] == float(forecast.score[:, t, 0, k].mean())
    assert found["drivers"] == found["nodes"] == found["warnings"] == []
    assert found["losses"]["first"] == found["losses"]["spread"] == 0


@pytest.mark.parametrize("texts", [(text,) for text in ONE_OF_EACH[:3] + ONE_OF_EACH[5:]] + [tuple(ONE_OF_EACH[:3])])
def test_the_short_way_is_the_whole_line(day: Day, texts: tuple[str, ...]) -> None:
    then, by = day.after(day.shocks(texts))
    panel, built, graphs = whole_line(day, shocked(day.before[0], by, day.opened.config.data))
    T = len(panel.dates)
    assert (bits(then[1].values) == bits(built.values)).all()
    assert (bits(then[1].context) == bits(built.context)).all()
    assert np.array_equal(then[2].block(T - SPELL - 5, T), graphs.block(T - SPELL - 5, T))
    names, settings = tuple(day.opened.record.about["measures"]), day.opened.config.measures
    assert list(measures_at(panel, then[2], settings, names).values()) == pytest.approx(
        [float(v[-1]) for v in (MEASURES[n].build(panel, graphs, settings) for n in names)], nan_ok=True, abs=0
    )


def test_only_the_last_session_moves_and_later_data_are_not_read(opened: Opened) -> None:
    later = np.arange(len(opened.panel.dates))[:, None] > opened.row(DATE)
    late = replace(opened.panel, close=np.where(later, opened.panel.close * 3, opened.panel.close))
    texts = ("Financials returns -15%", "hy_oas +300bp", "correlation +0.3")
    a, b = Day.of(opened, DATE, ("vix",)), Day.of(replace(opened, panel=late), DATE, ("vix",))
    first, second = (day.after(day.shocks(texts))[0] for day in (a, b))
    same(first, second)
    assert len(first[0].dates) == opened.row(DATE) + 1
    t = opened.row(DATE)
    assert np.array_equal(first[0].close[:t], opened.panel.close[:t], equal_nan=True)
    assert (bits(first[1].values[:t]) == bits(opened.features.values[:t])).all()
    assert np.array_equal(first[2].block(t - 50, t), opened.graphs.block(t - 50, t))


def test_closes_move_as_told(day: Day) -> None:
    panel = day.before[0]
    then, _ = day.after(day.shocks(("Financials returns -15%", "A returns -5%")))
    ratio = then[0].close[-1] / panel.close[-1]
    assert ratio == pytest.approx([0.8, 0.85, 1, 1, 1, 1, 1, 1])
    stretched = day.after(day.shocks(("market volatility x2",)))[0][0]
    old, new = (log_returns(p.close)[-SPELL:] for p in (panel, stretched))
    assert new - new.mean(axis=0) == pytest.approx(2 * (old - old.mean(axis=0)), abs=1e-12)
    assert (stretched.close[-1] == panel.close[-1]).all()
    gone = day.after(day.shocks(("remove E",)))[0]
    assert not gone[0].member[-1, 4]
    assert not gone[2].block(len(panel.dates) - 1, len(panel.dates))[0, :, 4].any()


def test_a_scenario_equal_to_a_past_day_gives_its_score(opened: Opened, day: Day) -> None:
    """The day is taken away and brought back: from a day with other returns and macro values, by a scenario, to the score of the run."""
    panel = day.before[0]
    close, level = panel.close.copy(), panel.level.copy()
    wrong = np.linspace(0.9, 1.1, close.shape[1])
    close[-1] *= wrong
    value = panel.facts.value.copy()
    vix = np.flatnonzero((panel.facts.of == panel.facts.series.index("vix")) & (panel.facts.known_at == panel.dates[-1]))
    value[vix] += 7
    level[-1] = level[-2] * float(np.mean(close[-1] / close[-2]))
    other = replace(panel, close=close, level=level, facts=replace(panel.facts, value=value))
    growth = 1 / wrong - 1
    by = Moves(growth, 0.0, np.ones(len(wrong)), {"vix": -7.0}, np.zeros(len(wrong)), np.zeros(len(wrong), bool), ())
    then = after((other, *whole_line(day, other)[1:]), opened.config, by, {})
    assert then[0].level[-1] == pytest.approx(panel.level[-1], rel=1e-12)
    for name in day.names:
        assert day.scored(name, then) == pytest.approx(day.scored(name, day.before), abs=1e-6)
    past = "2003-03-03"
    back = Day.of(opened, past, day.names)
    again, _ = back.after(back.shocks((f"as on {past}",)))
    for name in day.names:
        stored = opened.record.forecasts()[name]
        row = int(np.searchsorted(stored.dates, np.datetime64(past)))
        assert (bits(back.scored(name, again)[:, 0]) == bits(stored.score[:, row, 0])).all()


def test_as_on_brings_the_returns_and_macro_changes_of_that_day(opened: Opened, day: Day) -> None:
    past, t = opened.row("2003-03-03"), opened.row(DATE)
    then, _ = day.after(day.shocks(("as on 2003-03-03",)))
    assert log_returns(then[0].close)[-1] == pytest.approx(log_returns(opened.panel.close)[past], abs=1e-12)
    assert np.log(then[0].level[-1] / then[0].level[-2]) == pytest.approx(np.log(opened.panel.level[past] / opened.panel.level[past - 1]), abs=1e-12)
    for series in ("vix", "hy_oas"):
        now = then[0].facts.view(series, then[0].dates)
        was = opened.panel.facts.view(series, opened.panel.dates)
        assert now[-1] - now[-2] == pytest.approx(was[past] - was[past - 1], abs=1e-9)
        assert now[-2] == was[t - 1]


def test_who_was_not_there_takes_the_mean_of_the_sector(opened: Opened, day: Day) -> None:
    then, by = day.after(day.shocks(("as on 1998-06-15",)))
    past = log_returns(opened.panel.close)[opened.row("1998-06-15")]
    assert np.exp(log_returns(then[0].close)[-1, 7]) == pytest.approx(np.exp(past[[2, 3]]).mean())
    assert "1 members without a return" in by.notes[0]


def test_sentiment_moves_by_its_own_deviation(day: Day) -> None:
    panel = day.before[0]
    then, _ = day.after(day.shocks(("sentiment Energy -2sd",)))
    old, new = (arrivals(p.facts, "vader_mean", p.dates, len(p.assets)) for p in (panel, then[0]))
    energy = [2, 3, 7]
    for i in range(8):
        known = old[-250:, i][np.isfinite(old[-250:, i])]
        now = old[-1, i] if np.isfinite(old[-1, i]) else known.mean()
        assert new[-1, i] == pytest.approx(now - 2 * known.std(ddof=1)) if i in energy else np.array_equal(new[:, i], old[:, i], equal_nan=True)
    assert np.array_equal(new[:-1], old[:-1], equal_nan=True)


def test_a_threshold_gives_way_and_weights_gain(day: Day) -> None:
    T = len(day.before[0].dates)
    lifted, _ = day.after(day.shocks(("correlation +0.3", "residual +0.2")))
    config = LayersConfig.model_validate({"names": ("correlation",), "correlation": {"window": 20, "threshold": 0.2}})
    wanted = layers.build(day.before[0], config)
    assert np.array_equal(lifted[2].layers["correlation"].block(T - 1, T), wanted.layers["correlation"].block(T - 1, T))
    before, after_ = (g.layers["residual"].block(T - 1, T)[0] for g in (day.before[2], lifted[2]))
    joined = before > 0
    assert joined.any()
    assert after_[joined] == pytest.approx(np.minimum(before[joined] + 0.2, 1))
    assert not after_[~joined].any()
    with pytest.raises(UsageError, match="joins by label"):
        day.after(day.shocks(("sector +0.3",)))


def test_what_a_panel_cannot_do_is_refused(day: Day, opened: Opened) -> None:
    for texts, told in (
        (("market returns -60%", "Financials returns -40%"), "loss of everything"),
        (tuple(f"remove {name}" for name in "ABCDEFGH"), "leave no member"),
        (("as on 1998-01-02",), "no session with one before it"),
        (("vix -100%",), "vix would be 0 and has never been 0 or below"),
        (("as on 2003-03-02",), "nearest are 2003-02-28 and 2003-03-03"),
    ):
        with pytest.raises(UsageError, match=told):
            day.after(day.shocks(texts))
    early = Day.of(opened, "2001-01-02", ("vix",))
    then = early.before[0].rows(0, 40)
    with pytest.raises(UsageError, match="H has no close"):
        moves(then, early.shocks(("H returns -5%",)), opened.config.data, opened.panel)


def test_inputs_beyond_training_are_named(day: Day) -> None:
    found = stress(day, Scenario(shocks=("vix +500 points",)))
    assert any(line.startswith("VIX at ") and "the highest value seen in training" in line for line in found["warnings"])
    assert not any("vix" in line for line in stress(day, Scenario(shocks=("A returns -0.01%",)))["warnings"])


def test_a_removed_asset_falls_inside_the_network_in_which_it_stood(day: Day) -> None:
    found = stress(day, Scenario(shocks=("remove A",)))["losses"]
    T = len(day.before[0].dates)
    joined = day.before[2].layers["correlation"].block(T - 1, T)[0, 0] > 0
    assert joined.any()
    assert found["first"] == pytest.approx(1 / 8)
    assert found["lost"] == ["A"]
    assert found["spread"] == found["spread_before"] > 0


def test_what_nothing_reads_is_said(day: Day) -> None:
    assert stress(day, Scenario(shocks=("dgs10 +50bp",)))["notes"][0].startswith("nothing that this run reads on the day moved")
    assert stress(day, Scenario(shocks=("vix +0.1 points",)))["notes"] == []


def test_the_record_is_plain_json_and_reads_as_sentences(day: Day, tmp_path: Path) -> None:
    (tmp_path / "bank.csv").write_text("debtor,creditor,amount,equity\nA,B,20,50\nB,A,5,40\n")
    (tmp_path / "shocks.toml").write_text(f'shocks = ["Financials returns -15%"]\nexposures = "{tmp_path / "bank.csv"}"\n')
    asked = read(tmp_path / "shocks.toml", {"shocks": ("vix +10 points",), "models": ("vix",)})
    found = run(Day.of(day.opened, DATE, asked.models), asked)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["shocks"] == ["Financials returns -15%", "vix +10 points"]
    assert found["losses"]["network"] == "exposures of bank.csv"
    assert found["losses"]["first"] == pytest.approx(0.15)
    assert found["losses"]["spread"] > 0
    told = rr.api.stress(day.opened, DATE, ["Financials returns -15%"], model="vix")
    assert "market-implied weights of the layer correlation (no balance sheet" in told["losses"]["network"]


@pytest.mark.parametrize(("content", "told"), [
    ("shock = ['vix +1%']", "no setting 'shock'.*did you mean 'shocks'"), ("shocks = 3", "setting shocks"), ("shocks = [", "cannot be read"),
])  # fmt: skip
def test_files_that_are_refused(content: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "shocks.toml").write_text(content)
    with pytest.raises(UsageError, match=told):
        read(tmp_path / "shocks.toml", {})


def test_unknown_days_models_and_targets_are_refused(opened: Opened) -> None:
    for date, models, target, told in (
        ("2004-06-13", (), "", "no session"), ("2004-02-30", (), "", "is no date"), ("1999-01-04", (), "", "did not score"),
        (DATE, ("vixx",), "", "did you mean 'vix'"), (DATE, (), "20/6", "did you mean '20/5'"),
    ):  # fmt: skip
        with pytest.raises(UsageError, match=told):
            Day.of(opened, date, models, target)
    with pytest.raises(UsageError, match="needs a shock"):
        rr.api.stress(opened, DATE)


def test_features_and_graphs_of_an_unshocked_day_are_those_of_the_run(opened: Opened) -> None:
    for date in ("2001-01-02", "2001-03-01", "2002-11-29", DATE):
        panel, built, graphs = Day.of(opened, date, ("vix",)).before
        for rows in (1, SPELL):
            assert (bits(features_after(built, panel, rows).values) == bits(built.values)).all()
            assert (bits(features_after(built, panel, rows).context) == bits(built.context)).all()
            again, T = graphs_after(graphs, panel, opened.config.layers, rows, {}), len(panel.dates)
            assert np.array_equal(again.block(T - rows - 5, T), graphs.block(T - rows - 5, T))


def test_the_alert_line_reads_the_past_only(opened: Opened, day: Day) -> None:
    forecast, labels = opened.record.forecasts()[day.headline].upto(DATE), opened.labels.upto(DATE)
    score = np.full(len(labels.dates), np.nan)
    score[np.searchsorted(labels.dates, forecast.dates)] = forecast.score[0, :, 0, day.position(day.target)]
    assert np.isfinite(day.line)
    assert day.line == real_time_threshold(score, labels, day.target, opened.config.evaluate.false_alarm_rate)[-1]
