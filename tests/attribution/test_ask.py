"""The question as a user asks it: what is filled in, what is refused, and what the sentences say."""

import json
import re
import sys
from itertools import pairwise

import numpy as np
import pytest

import riskradar as rr
from riskradar import cli, data, html, text
from riskradar.attribution import VIEWS, Explanation, ask, crises, explain
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
        if name != "forest":  # its few trees may say the same by chance
            learns = name in ("logistic", "snapshot-gcn")
            assert (abs(refit.adds) > 1e-6) is learns, "rules and the anchor never learn their score anew"
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
    ({"target": "20/40"}, "no target 20/40; nothing was explained; its targets are 5/3, 20/5"),
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


@pytest.mark.parametrize("name", ["vol+breadth", "snapshot-gcn"])
def test_a_profile_is_the_explanations_of_its_days(name: str, opened: Opened) -> None:
    target = Target.parse("20/5")
    found = crises.profile(opened, "2007", name, target, every=150)
    assert (found["crisis"], found["explained"], len(found["days"])) == ("gfc", -(-found["sessions"] // 150), found["explained"])
    leading = []
    for each in found["days"]:
        one = explain(opened, name, target, each["date"])
        terms = {crises.label(term): term.adds for term in one.of(*VIEWS["inputs"])}
        assert each["adds"] == pytest.approx(terms, abs=1e-12)
        assert (each["score"], each["reference"]) == pytest.approx((one.score, one.reference), abs=1e-12)
        leading.append(max(terms, key=lambda label: abs(terms[label])))
    led = found["leads"]["input"]
    assert [change["to"] for change in led["changes"]] == [b for a, b in pairwise(leading) if a != b]
    assert sum(led["shares"].values()) == pytest.approx(1)
    assert sum(found["families"].values()) == pytest.approx(1)
    assert sum(of["share"] for of in found["inputs"].values()) == pytest.approx(1)
    assert 1 <= found["spread"] <= len(found["inputs"])
    assert ("layer" in found["leads"]) is (name == "snapshot-gcn")
    assert f"what {name} made its scores of" in html.profile(found)


def test_an_input_that_is_read_on_some_days_only_adds_nothing_on_the_others() -> None:
    days = [crises._Day(f"2008-01-0{n}", float(n), 0.0, (Term("series", name, adds), Term("layer", "sector", 1.0), Term("feature", "sector", 0.0)))
            for n, (name, adds) in enumerate((("z_index_volatility", 3.0), ("z_vix", -3.0), ("z_vix", 0.5)), 1)]  # fmt: skip
    found = crises._made_of(days)
    assert {name: of["mean"] for name, of in found["inputs"].items()} == pytest.approx(
        {"z_index_volatility": 1.0, "sector graph": 1.0, "sector": 0.0, "z_vix": -2.5 / 3})  # fmt: skip
    assert found["families"] == pytest.approx({"prices": 3 / 9.5, "macro series": 3.5 / 9.5, "graph layers": 3 / 9.5})
    assert found["leads"]["input"]["changes"] == [{"date": "2008-01-02", "from": "z_index_volatility", "to": "z_vix"},
                                                  {"date": "2008-01-03", "from": "z_vix", "to": "sector graph"}]  # fmt: skip
    assert found["leads"]["input"]["at_highest"] == "sector graph"
    assert found["leads"]["layer"] == {"shares": {"sector graph": 1.0}, "at_highest": "sector graph", "changes": []}


def test_paths_and_nodes_of_a_day(opened: Opened) -> None:
    found = rr.pathways(opened, "B", DAY)
    assert set(found["layers"]) == {name for name in opened.graphs.layers if "~" not in name}
    t = opened.row(DAY)
    for name, told in found["layers"].items():
        graph = opened.graphs.layers[name].block(t, t + 1)[0]
        assert told["neighbours"] == np.count_nonzero(graph[:, opened.panel.assets.index("B")])
        for path in (*told["direct"], *told["onward"]):
            assert path["assets"][0] == "B"
            assert path["strength"] == pytest.approx(np.prod(path["edges"]))
    assert "In the correlation layer of 2006-03-01, B" in text.pathways(found)
    nodes = rr.importance(opened, DAY, "20/5", model="snapshot-gcn")["nodes"]
    terms = {term.name: term.adds for term in explain(opened, "snapshot-gcn", Target.parse("20/5"), DAY).of("node")}
    assert {node["name"]: node["adds"] for node in nodes} == pytest.approx({name: terms.get(name, 0.0) for name in "ABCDE"}, abs=1e-12)
    for key in ("adds", "debtrank", "strength"):
        assert sorted(node[f"{key}_rank"] for node in nodes) == [1, 2, 3, 4, 5]
        assert np.all(np.diff([abs(n[key]) for n in sorted(nodes, key=lambda n: n[f"{key}_rank"])]) <= 0)


@pytest.mark.parametrize(("arguments", "told"), [
    (["--show", "paths from Z"], "no asset 'Z'"),
    (["--show", "crisis 1987"], "no crisis '1987' .* dot-com"),
    (["--show", "crisis gfc", "--model", "rader"], "model 'rader' did not run"),
    (["--show", "crisis gfc", "--target", "20/40"], "no target 20/40"),
    (["--show", "crisis covid"], "scored no session of covid"),
    (["--show", "crisis gfc", "--date", DAY], "--date says nothing about 'crisis gfc'"),
    (["--show", "paths from"], "'paths from' is not understood"),
    (["--show", "edges"], "'edges' is not understood"),
    (["--show", "crisis gfc every few"], "'crisis gfc every few' is not understood"),
])  # fmt: skip
def test_a_view_that_is_not_there_is_refused_in_one_line(
    arguments: list[str], told: str, stored: Record, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(data, "read", lambda config: data.read_frame(prices(1), config))
    monkeypatch.setattr(sys, "argv", ["riskradar", "explain", stored.id, "--home", str(stored.folder.parent), *arguments])
    with pytest.raises(SystemExit) as end:
        cli.main()
    found = capsys.readouterr()
    assert (end.value.code, found.out, found.err.count("\n")) == (2, "", 1)
    assert re.search(told, found.err)


@pytest.mark.parametrize(("view", "key"), [("nodes", "nodes"), ("paths from A", "layers"), ("crisis gfc every 100", "leads")])
def test_views_print_text_and_json(
    view: str, key: str, stored: Record, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(data, "read", lambda config: data.read_frame(prices(1), config))
    for more in ([], ["--json"]):
        monkeypatch.setattr(sys, "argv", ["riskradar", "explain", stored.id, "--home", str(stored.folder.parent), "--show", view, *more])
        with pytest.raises(SystemExit) as end:
            cli.main()
        assert not end.value.code
    plain, _, last = capsys.readouterr().out.strip().rpartition("\n")
    assert key in json.loads(last)
    assert plain.count("\n") >= 2


def made(score: float, *terms: Term, **changed: object) -> Explanation:
    base: dict[str, object] = dict(  # noqa: C408
        run="r", model="radar", target=Target.parse("20/10"), date="2008-09-15", against=None, score=score, reference=0.0, probability=0.2,
        baseline="with every input at its mean", terms=terms, gap=0.0, steps=0, attention={},
    )  # fmt: skip
    return Explanation(**base | changed)  # type: ignore[arg-type]


def test_shares_are_told_only_where_terms_hardly_cancel() -> None:
    same = html.sentences(made(1.0, Term("series", "z_vix", 0.62, 2.0, 0.1), Term("series", "breadth", 0.38)))
    assert same[0].replace("\u202f", " ") == (
        "On 15 Sep 2008 radar puts the chance of a fall of 10 % or more in the index within 20 sessions at 20 %; "
        "its score, which ranks days, is 1.00."
    )
    assert same[1] == "That is 1.00 above what it says with every input at its mean (0.00)."
    assert "62\u202f% of that difference comes from VIX against its own history (2, usually 0.1) and 38\u202f% from" in same[2]
    apart = html.sentences(made(0.1, Term("series", "z_vix", 1.1), Term("series", "breadth", -1.0)))
    assert "The score is raised by VIX against its own history (+1.10); lowered by how far stocks stand" in apart[2]
    assert apart[2].endswith("(\u22121.00).")
    adds = zip("abcdefg", (2.0, -1.5, 1, -1, 0.5, -0.4, -0.1), strict=True)
    against = html.sentences(made(1.0, Term("node", "A", -0.1), Term("node", "B", 0.2)))
    assert against[2] == "Single assets add 0.10, the market as a whole adds 0.00. The score is raised by B (+0.20); lowered by A (\u22120.10)."
    both = html.sentences(made(0.5, *(Term("series", name, each, 2.0, 1.0) for name, each in adds)))
    assert both[2] == (
        "The score is raised by a (+2.00; 2, usually 1), c (+1.00; 2, usually 1) and e (+0.50; 2, usually 1); "
        "lowered by b (\u22121.50; 2, usually 1) and d (\u22121.00; 2, usually 1); 2 others \u22120.50 in all."
    )


def test_a_failed_check_is_a_warning() -> None:
    told = html.sentences(made(1.0, Term("series", "z_vix", 1.0), warnings=("seeds disagree",)))
    assert told[-1] == "Warning: seeds disagree."
