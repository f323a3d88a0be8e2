"""The question as a user asks it: what is filled in, what is refused, and what the sentences say."""

import json
import sys

import numpy as np
import pytest

import riskradar as rr
from riskradar import cli, data, html
from riskradar.attribution import VIEWS, Explanation, ask, explain
from riskradar.attribution.table import REFIT, Term
from riskradar.errors import UsageError, Withheld
from riskradar.record import Record
from riskradar.reopen import Opened, reopen
from riskradar.tables import Target
from tests.test_api import prices
from tests.test_reopen import NAMES, SETTINGS

DAY, BEFORE = "2006-03-01", "2005-11-01"


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Record:
    return rr.run(prices(1), "tiny", SETTINGS, home=tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def opened(stored: Record) -> Opened:
    return reopen(stored, prices(1))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("against", [None, BEFORE])
def test_a_change_is_the_sum_of_its_terms(name: str, against: str | None, opened: Opened) -> None:
    found = explain(opened, name, Target.parse("20/5"), DAY, against)
    forecast = opened.record.forecasts()[name]
    days = [int(np.searchsorted(forecast.dates, np.datetime64(day))) for day in (DAY, against) if day]
    scores = [forecast.score[:, day, 0, 1].mean() for day in days]
    assert found.score == pytest.approx(scores[0])
    assert abs(found.gap) <= 2e-3
    for kinds in VIEWS.values():
        assert found.reference + sum(t.adds for t in found.of(*kinds)) + found.gap == pytest.approx(found.score, abs=1e-9)
    if against:
        assert found.reference == pytest.approx(scores[1])
        (refit,) = found.of("refit")
        assert refit.name == REFIT
        assert (abs(refit.adds) > 1e-6) is (name == "logistic"), "the others were not trained in between, or never learn their score"
    assert len(json.dumps(found.record(), allow_nan=False)) > 100
    assert len(found.frame()) == len(found.terms)


def test_against_itself_nothing_has_moved(opened: Opened) -> None:
    found = explain(opened, "snapshot-gcn", Target.parse("20/5"), DAY, DAY)
    assert all(term.adds == 0 for term in found.terms if term.kind != "refit")
    assert "It has not moved" in html.sentences(found)[1]


def test_what_is_not_given_is_filled_in(opened: Opened) -> None:
    found = ask(opened)
    assert (found.model, found.target.name, found.date) == ("vol+breadth", "5/3", str(opened.features.dates[-1]))
    assert ask(opened, model="forest", target="20/5").stability is None, "a forest has no share of an asset"
    assert ask(opened, model="snapshot-gcn").stability is not None


@pytest.mark.parametrize(("question", "told"), [
    ({"target": "20/40"}, "no target 20/40; its targets are 5/3, 20/5"),
    ({"target": "soon"}, "'soon' is not understood"),
    ({"model": "logisti"}, "did you mean 'logistic'"),
    ({"date": "2006-03-04"}, "2006-03-04 is no session of .*; the nearest are 2006-03-03 and 2006-03-06"),
    ({"date": "2001-03-01"}, "did not score 2001-03-01 in .*; the nearest is 2003-01-02"),
    ({"against": "1066"}, "is no session"),
    ({"against": "yesterday"}, "'yesterday' is no date"),
])  # fmt: skip
def test_what_cannot_be_answered_is_refused_in_one_line(question: dict[str, str], told: str, opened: Opened) -> None:
    with pytest.raises(UsageError, match=told) as refusal:
        ask(opened, **question)
    assert "\n" not in str(refusal.value)


def test_a_score_that_was_withheld_is_not_explained(stored: Record) -> None:
    young = reopen(stored, prices(1))
    values = young.features.values.copy()
    values[young.row(DAY)] = np.nan
    blind = Opened(stored, young.config, young.panel, rr.tables.Features(
        young.features.dates, young.features.nodes, young.features.names, values, young.features.context_names, young.features.context,
        young.features.member, {}), young.graphs, young.labels)  # fmt: skip
    with pytest.raises(Withheld, match="gave no score for 5/3 on 2006-03-01"):
        ask(blind, DAY, model="snapshot-gcn")


def test_the_command_prints_what_the_library_says(stored: Record, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(data, "read", lambda config: data.read_frame(prices(1), config))
    home = str(stored.folder.parent)
    arguments = ["riskradar", "explain", stored.id, "--date", DAY, "--against", BEFORE, "--target", "20/5", "--home", home]
    monkeypatch.setattr(sys, "argv", arguments)
    with pytest.raises(SystemExit):
        cli.main()
    out = capsys.readouterr().out
    assert out.startswith("On 1 Mar 2006 vol+breadth puts the chance of a fall of 5")
    monkeypatch.setattr(sys, "argv", [*arguments, "--json"])
    with pytest.raises(SystemExit):
        cli.main()
    found = json.loads(capsys.readouterr().out)
    assert found["date"] == DAY
    assert html.sentences(rr.explain(stored.id, DAY, "20/5", against=BEFORE, home=stored.folder.parent)) == out.strip().split("\n")
    monkeypatch.setattr(sys, "argv", ["riskradar", "explain", "1999", "--home", home])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


def made(score: float, *terms: Term, **changed: object) -> Explanation:
    base: dict[str, object] = dict(  # noqa: C408
        run="r", model="radar", target=Target.parse("20/10"), date="2008-09-15", against=None, score=score, reference=0.0, probability=0.2,
        baseline="with every input at its mean", terms=terms, gap=0.0, steps=0, attention={},
    )  # fmt: skip
    return Explanation(**base | changed)  # type: ignore[arg-type]


def test_shares_are_told_only_where_terms_hardly_cancel() -> None:
    same = html.sentences(made(1.0, Term("series", "z_vix", 0.62, 2.0, 0.1), Term("series", "breadth", 0.38)))
    assert same[0].replace("\u202f", " ") == (
        "On 15 Sep 2008 radar puts the chance of a fall of 10 % or more in the index within 20 sessions at 20 %; its score is 1.00."
    )
    assert same[1] == "That is 1.00 above what it says with every input at its mean (0.00)."
    assert "62\u202f% of the rise comes from VIX against its own history (2, usually 0.1) and 38\u202f% from" in same[2]
    apart = html.sentences(made(0.1, Term("series", "z_vix", 1.1), Term("series", "breadth", -1.0)))
    assert "+1.10 comes from VIX against its own history and \u22121.00 from how far" in apart[2]


def test_a_failed_check_is_a_warning() -> None:
    told = html.sentences(made(1.0, Term("series", "z_vix", 1.0), warnings=("seeds disagree",)))
    assert told[-1] == "Warning: seeds disagree."
