"""A stored run opened again: the same tables, the same models, the same scores; and what is refused."""

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import riskradar as rr
from riskradar import backtest, record
from riskradar.errors import StorageError, UsageError
from riskradar.record import Record
from riskradar.reopen import Opened, reopen
from tests.markets import bits
from tests.test_api import OWN, prices

NAMES = ("vol+breadth", "logistic", "forest", "snapshot-gcn", "radar-anchor")
SETTINGS = [*OWN, f"models.names={list(NAMES)}", "models.seeds=2", "models.forest.trees=4", "models.snapshot.width=4",
            "models.snapshot.train.epochs=1", "split.first=2003-01-02", "evaluate.start=2003-01-02"]  # fmt: skip


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Record:
    return rr.run(prices(1), "tiny", SETTINGS, home=tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def opened(stored: Record) -> Opened:
    return reopen(stored, prices(1))


@pytest.mark.parametrize("name", NAMES)
def test_it_scores_as_the_run_did(name: str, stored: Record, opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    forecast = stored.forecasts()[name]
    for seed in range(len(forecast.score)):
        for date in ("2003-01-02", "2006-03-01", str(forecast.dates[-1])):
            made, t = opened.score(name, date, seed), int(np.searchsorted(forecast.dates, np.datetime64(date)))
            assert (bits(made.score) == bits(forecast.score[seed, t])).all()
            assert (bits(made.probability) == bits(forecast.probability[seed, t])).all()
    monkeypatch.setattr(backtest, "fit_seeds", lambda *arguments: pytest.fail("learned twice"))
    again = reopen(stored, prices(1)).score(name, "2006-03-01")
    assert (bits(again.score) == bits(forecast.score[0, int(np.searchsorted(forecast.dates, np.datetime64("2006-03-01")))])).all()


def test_its_tables_are_those_of_the_run(stored: Record, opened: Opened) -> None:
    assert record.panel_hash(opened.panel) == stored.about["panel"]["hash"]
    assert opened.config.hash() == stored.about["config_hash"]
    assert np.array_equal(opened.labels.system("5/3"), stored.outcomes().system("5/3"), equal_nan=True)
    assert set(opened.line().base) == set(NAMES)


@pytest.mark.parametrize(("model", "date", "told"), [
    ("vol+bread", "2003-01-02", r"did not run \(did you mean 'vol\+breadth'\?\); models of .* are vol\+breadth, logistic"),
    ("logistic", "2003-01-04", r"2003-01-04 is no session of .*; the nearest are 2003-01-03 and 2003-01-06"),
    ("logistic", "2002-12-31", r"logistic did not score 2002-12-31 in .*; the nearest is 2003-01-02"),
    ("logistic", "9/11", r"'9/11' is no date; write it as 2008-09-15"),
    ("logistic", "2099-01-01", r"2099-01-01 is no session of .*; the nearest is 20"),
])  # fmt: skip
def test_what_was_not_scored_is_refused(opened: Opened, model: str, date: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        opened.fitted(model, date)


def test_a_seed_that_did_not_run_is_refused(opened: Opened) -> None:
    with pytest.raises(UsageError, match=r"seed 2 in .*; its seeds are 0, 1"):
        opened.fitted("forest", "2003-01-02", 2)


def test_other_data_are_refused(stored: Record) -> None:
    with pytest.raises(UsageError, match="no longer those of"):
        reopen(stored, prices(2))


def test_a_model_that_is_no_longer_the_same_is_refused(opened: Opened) -> None:
    opened.fitted("logistic", "2003-01-02")
    path = opened.record.folder / "fitted" / "logistic-0-2003-01-02.safetensors"
    before = path.read_bytes()
    save_file({"weights": 2 * load_file(path)["weights"]}, path)
    with pytest.raises(StorageError, match="not what the run learned"):
        opened.fitted("logistic", "2003-01-02")
    path.write_bytes(b"nonsense")
    with pytest.raises(StorageError, match="cannot be read"):
        opened.fitted("logistic", "2003-01-02")
    path.write_bytes(before)


def test_what_is_learned_anew_must_be_the_same(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(opened.record.about["learned"], "logistic/0/2004-01-02", "0" * 64)
    with pytest.raises(StorageError, match="learns something else"):
        opened.fitted("logistic", "2004-03-01")
    assert not (opened.record.folder / "fitted" / "logistic-0-2004-01-02.safetensors").exists()
