"""Whom a headline is about and its tone: on a labelled sample, and case by case."""

import csv
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from riskradar.data.sentiment import Headline, Names, SentimentConfig, daily, finbert, vader
from riskradar.data.sentiment.tone import lexicon
from riskradar.errors import UsageError

HERE = Path(__file__).parent
NEUTRAL = 0.05  # of the compound score; the usual threshold of VADER


def labelled():
    with (HERE / "headlines.csv").open() as file:
        return list(csv.DictReader(file))


def firms():
    with (HERE / "firms.csv").open() as file:
        return {row["asset"]: tuple(row["names"].split("|")) for row in csv.DictReader(file)}


def test_the_sample_is_large_and_mixed() -> None:
    signs = [row["sign"] for row in labelled()]
    assert len(signs) >= 150
    assert min(signs.count(s) for s in ("-1", "0", "1")) >= 35


def test_matches_on_the_labelled_sample() -> None:
    names = Names(firms())
    found = [(set(names.find(row["headline"])), set(row["assets"].split())) for row in labelled()]
    right, told = sum(len(f & t) for f, t in found), sum(len(f) for f, _ in found)
    assert right / told >= 0.97
    assert right / sum(len(t) for _, t in found) >= 0.9


def test_signs_on_the_labelled_sample() -> None:
    rows = [row for row in labelled() if row["sign"] != "0"]
    tones = vader()([row["headline"] for row in rows])
    right = sum(tone * int(row["sign"]) > NEUTRAL for tone, row in zip(tones, rows, strict=True))
    assert right / len(rows) >= 0.85


@pytest.mark.parametrize(
    ("text", "assets"),
    [
        ("$AAPL up", ["AAPL"]), ("AAPL up", ["AAPL"]), ("aapl up", []), ("AAPLE up", []), ("XAAPL up", []), ("AAPL-linked notes", []),
        ("(AAPL) up", ["AAPL"]), ("NASDAQ: AAPL up", ["AAPL"]), ("AAPL UP AS IT RISES", []), ("$A up", ["A"]), ("A new high", []),
        ("NYSE:A up", ["A"]), ("ALL in", []), ("$ALL in", ["ALL"]), ("IT spending", []), ("Apple’s board meets", ["AAPL"]), ("Apple harvest", []),
        ("Pineapple shares", []), ("apple shares", []), ("Apple Inc. up", ["AAPL"]), ("Bank of Americana", []),
        ("Bank of America-led group", ["BAC"]), ("Allstate, GE and $T", ["T"]), ("BRK.B and AAPL.L", []), ("", []),
        ("Goldman upgrades Apple", ["AAPL"]), ("Goldman Sachs cuts 3,000 jobs", ["GS"]), ("Apple cut to sell at Goldman", ["AAPL"]),
        ("$AAPL, $A, $ALL", ["A", "AAPL", "ALL"]),
    ],
)  # fmt: skip
def test_matching(text: str, assets: list[str]) -> None:
    assert list(Names(firms()).find(text)) == assets


def test_names_with_signs_are_taken_literally() -> None:
    assert Names({"T": ("AT&T",), "X": ("A.B(C",)}).find("AT&T and A.B(C fall") == ("T", "X")
    assert Names({}).find("Anything") == ()


def test_a_phrase_counts_before_its_words() -> None:
    texts = ["rate cut", "cuts dividend", "Bear  market", "bear"]
    tone = dict(zip(texts, vader()(texts), strict=True))
    assert tone["rate cut"] > 0 > tone["cuts dividend"]
    assert tone["Bear  market"] < -0.4
    assert abs(tone["bear"]) < 0.2


@pytest.mark.parametrize("text", [
    "", " ", "\x00\x1b[31m", "<script>alert(1)</script>", "=cmd|'/c calc'!A1", "\ud800", "\u202eabc", "🎉" * 500, "up " * 100_000, "a" * 100_000,
])  # fmt: skip
def test_odd_texts_have_a_tone_between_minus_one_and_one(text: str) -> None:
    assert np.abs(vader()([text])).max() <= 1


def test_the_lexicon_is_on_the_scale_of_vader() -> None:
    valence, _ = lexicon()
    assert len(valence) > 300
    assert all(-4 <= v <= 4 for v in valence.values())


def test_days_end_at_the_radars_moment() -> None:
    config = SentimentConfig(firms={"AAA": ("Acme",)})
    said = [
        Headline("Acme plunges", datetime(2026, 3, 5, 0, 59, tzinfo=UTC)), Headline("Acme  Plunges", datetime(2026, 3, 4, 12, tzinfo=UTC)),
        Headline("Stocks soar", datetime(2026, 3, 5, 1, 1, tzinfo=UTC)), Headline("Stocks soar", datetime(2026, 3, 6, 2, tzinfo=UTC)),
    ]  # fmt: skip
    rows = daily(said, config, datetime(2026, 3, 6, 1, 30, tzinfo=UTC))
    assert [(r.series, r.asset, r.day.isoformat(), r.value) for r in rows if r.series == "n_headlines"] == [
        ("n_headlines", "", "2026-03-04", 1.0), ("n_headlines", "", "2026-03-05", 1.0), ("n_headlines", "AAA", "2026-03-04", 1.0),
    ]  # fmt: skip
    assert daily(reversed(said), config, datetime(2026, 3, 6, 1, 30, tzinfo=UTC)) == rows
    assert daily([], config, datetime(2026, 3, 6, tzinfo=UTC)) == []


def test_finbert_says_what_it_lacks(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(UsageError, match="FinBERT needs transformers"):
        finbert(str(tmp_path))
    monkeypatch.setitem(sys.modules, "transformers", SimpleNamespace(pipeline=None))
    with pytest.raises(UsageError, match=r"has no config\.json"):
        finbert(str(tmp_path))


def test_finbert_is_asked_for_its_own_folder_only(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The call that a folder gets; the model itself is a stand-in, since none is at hand."""
    asked = {}

    def pipeline(task, **settings):
        asked.update(settings, task=task)
        label = {"LABEL": [{"label": "Positive", "score": 0.2}, {"label": "negative", "score": 0.7}, {"label": "neutral", "score": 0.1}]}
        return lambda texts, **how: [label["LABEL"] for _ in texts] if how == {"top_k": None, "truncation": True} else None

    (tmp_path / "config.json").write_text("{}")
    monkeypatch.setitem(sys.modules, "transformers", SimpleNamespace(pipeline=pipeline))
    np.testing.assert_allclose(finbert(str(tmp_path))(["a", "b"]), [-0.5, -0.5])
    assert asked["model_kwargs"] == {"local_files_only": True, "use_safetensors": True}
    assert asked["model"] == asked["tokenizer"] == str(tmp_path)
