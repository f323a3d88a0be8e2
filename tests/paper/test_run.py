import numpy as np
import pytest

from riskradar import api, config
from riskradar.errors import InputError, UsageError
from riskradar.paper import PRESETS, load, text, verdicts
from riskradar.paper.learn import TITLES
from riskradar.record import Record
from riskradar.tables.forecast import same_kind
from tests.evaluate.conftest import make_forecast, make_labels
from tests.paper.conftest import SETTINGS


def test_stored_as_a_replication(replicated: Record) -> None:
    assert replicated.about["kind"] == "replication"
    forecasts = replicated.forecasts()
    assert set(forecasts) == set(TITLES)
    assert {f.kind for f in forecasts.values()} == {"replication"}
    assert len(replicated.labels()) == sum(w["test"] for w in replicated.evaluation["windows"].values())
    assert forecasts["static"].score.shape[0] == 2


def test_a_label_is_known_after_the_test_begins(replicated: Record) -> None:
    forecast = replicated.forecasts()["logistic"]
    assert (forecast.cutoff > forecast.dates).any()  # the paper's own leak: kind "live" would refuse it


def test_replications_refuse_to_be_joined_with_live(replicated: Record) -> None:
    level = np.linspace(1.0, 2.0, 300)
    live = make_forecast("live", make_labels(level), level)
    with pytest.raises(ValueError, match="refuse to be joined"):
        same_kind([live, replicated.forecasts()["static"]])


def test_compare_refuses_in_one_line(replicated: Record) -> None:
    with pytest.raises(UsageError, match="shares no table with other runs") as error:
        api.compare(replicated.id, replicated.id, home=replicated.folder.parent)
    assert "\n" not in str(error.value)


def test_show_and_report_work(replicated: Record) -> None:
    home = replicated.folder.parent
    shown = api.show(replicated.id, home=home)
    assert text.lines(shown["about"], shown["evaluation"])[0].startswith(("HOLDS", "FAILS", "OPEN"))
    before = (replicated.folder / "report.html").read_text("utf-8")
    assert api.report(replicated.id, home=home).read_text("utf-8") == before


def test_every_published_number_of_the_windows_is_shown(replicated: Record) -> None:
    lines = "\n".join(text.lines(replicated.about, replicated.evaluation))
    assert "inferred" in lines
    assert lines.count("Static GNN") >= 4
    assert "(0.248)" in lines


def test_verdicts_name_the_counts(replicated: Record) -> None:
    made = verdicts.all_of(replicated.evaluation)
    assert {v.state for v in made} <= {"holds", "fails", "open"}
    assert made[0].state == "holds"


def test_settings_are_the_papers(replicated: Record) -> None:
    assert set(api.show("config", preset="paper")["learners"]) == set(replicated.about["config"]["learners"])
    assert set(PRESETS) == {"paper", "paper-text"}


def test_a_typo_names_the_nearest_setting() -> None:
    with pytest.raises(UsageError, match="did you mean 'width'"):
        load("paper", None, ["learners.widht=3"])
    with pytest.raises(UsageError, match="has results for dot-com, gfc, covid only"):
        load("paper", None, ["protocol.windows={euro=[2010-01-01, 2012-12-31]}"])
    with pytest.raises(UsageError, match="only run and show know it"):
        config.load("paper")
    with pytest.raises(UsageError, match="did you mean 'paper'"):
        config.load("papr")


def test_prices_that_cover_no_window_are_refused() -> None:
    with pytest.raises(InputError, match="no window of the paper lies inside the prices"):
        api.run(None, "paper", (*SETTINGS, "data.start=2019-01-02"))


def test_a_window_beyond_the_prices_is_absent_with_the_reason(replicated: Record) -> None:
    assert replicated.evaluation["absent"] == {}
