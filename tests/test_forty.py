"""The bad inputs of the reliability charter that concern live data: each meets a store that holds a good week, and leaves it as it was."""

import json
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

import numpy as np
import pytest

from riskradar import ingest
from riskradar.errors import RadarError
from riskradar.store import Store
from tests.data.sources.standins import LOGIN, Reply, chart, packed, yahoo
from tests.test_ingest import CLOSES, FRIDAY, market

MONDAY = datetime(2026, 3, 9, 22, tzinfo=UTC)  # 18:00 in New York, in summer time by now


class Case(NamedTuple):
    """One bad input: what the host answers about AAA, at which moment, and what is made of it: a rule of refusal, a doubt, an error or nothing."""

    number: int
    reply: Reply
    refused: dict[str, int] = {}  # noqa: RUF012
    doubts: tuple[str, ...] = ()
    error: str = ""
    moment: datetime = MONDAY


def bars(text: str = "9.75", day: str = "2026-03-09", **changed: float | None) -> Reply:
    """The week and one more bar whose close is written as `text`."""
    tree = chart(CLOSES["AAA"] | {k.replace("d", "2026-03-0"): v for k, v in changed.items()} | {day: 123.0})
    del tree["chart"]["result"][0]["indicators"]["adjclose"]
    del tree["chart"]["result"][0]["indicators"]["quote"][0]["volume"]
    return Reply(json.dumps(tree).replace("123.0", text).encode())


def told(body: bytes = b"", **settings) -> Reply:
    return Reply(body, **settings)


CASES = (
    Case(1, bars("NaN"), {"nonfinite": 1}), Case(2, bars("Infinity"), {"nonfinite": 1}), Case(2, bars("1e309"), {"nonfinite": 1}),
    Case(2, bars('"1e400"'), {"nonfinite": 1}), Case(3, bars("-5"), {"nonpositive": 1}), Case(3, bars("0"), {"nonpositive": 1}),
    Case(6, bars()),
    Case(8, bars(d4=10.26), doubts=("rewrite",)), Case(9, bars("0.475"), {"split_suspect": 1}, ("split_suspect",)),
    Case(10, bars(d2=None, **{f"d{d}": CLOSES["AAA"][f"2026-03-0{d}"] / 4 for d in range(3, 7)}), {"rewrite": 5}, ("rewrite",)),
    Case(11, bars("7.35")), Case(20, bars(day="2026-03-08"), {"not_session": 1}),
    Case(23, bars(day="2026-03-07"), {"not_session": 1}), Case(27, bars(day="2026-03-10"), {"future": 1}),
    Case(24, bars(), {"provisional": 4}, moment=MONDAY.replace(hour=20, minute=5)),
    Case(29, told(status=429, headers={"Retry-After": "3600"}), error="left alone for 3600 s"),
    Case(29, told(status=429, headers={"Retry-After": "Mon, 09 Mar 2026 23:00:00 GMT"}), error="left alone for 3600 s"),
    Case(29, told(status=429), error="answers 429, 2 times"), Case(30, told(LOGIN), error="no data"), Case(30, told(), error="no data"),
    Case(30, told(b"{}"), error="no data"), Case(30, Reply(json.dumps(chart({})).encode()), error="no bars"),
    Case(31, packed(b"x" * 9999)._replace(body=packed(b"x" * 9999).body[:-4]), error="ends too early"),
    Case(31, told(b"{", length=99), error="cannot be reached"),
    Case(32, packed(bytes(9 << 20)), error="sends more than"), Case(32, told(b"[" * 200_000), error="no data"),
    Case(33, told(status=302, headers={"Location": "http://elsewhere.example/"}), error="not followed"),
    Case(33, told(status=301, headers={"Location": "file:///etc/passwd"}), error="not followed"),
    Case(33, told(status=307, headers={"Location": "http://169.254.169.254/latest"}), error="not followed"),
)  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case.number))
def test_a_bad_input_is_told_and_costs_nothing_else(case: Case, tmp_path) -> None:
    store = Store.create(f"sqlite:///{tmp_path}/store.db")
    with market(use="yahoo") as (config, client, _):
        ingest.fetch(store, config, FRIDAY, client)
    before = store.newest("yahoo")
    good = yahoo({"BBB": CLOSES["BBB"] | {"2026-03-09": 47.0}})
    both = {"yahoo": lambda path, query: case.reply if path.endswith("AAA") else good(path, query)}
    with market(case.moment, use="yahoo", **both) as (config, client, stands):
        report = ingest.fetch(store, config, case.moment, client).sources[0]
        asked = len(stands["yahoo"].asked)
    assert dict(report.rules) == case.refused
    assert tuple(d.rule for d in report.doubts) == case.doubts
    assert [case.error in str(error) for error in report.errors] == [True] * bool(case.error)
    assert all("\n" not in line and len(line) < 400 for line in report.lines())
    assert report.received == report.stored + report.refused + report.duplicates + report.empty
    assert asked <= 3
    after = store.newest("yahoo")
    for name, days in before.items():
        changed = {day for day, value in days.items() if after[name][day] != value}
        assert changed == ({date(2026, 3, 4)} if case.number == 8 and name == ("close", "AAA") else set())
    assert case.moment.hour == 20 or after["close", "BBB"][date(2026, 3, 9)] == 47.0  # the neighbour is kept
    as_it_was = store.as_of(FRIDAY + timedelta(hours=3)).observations()
    assert dict(zip(as_it_was.date.tolist(), as_it_was.value.tolist(), strict=True))[date(2026, 3, 6)]  # Friday can still be asked for
    assert np.isfinite(as_it_was.value).all()


ALONE = [case for case in CASES if case.error]


@pytest.mark.parametrize("case", ALONE, ids=lambda case: str(case.number))
def test_with_nothing_stored_it_is_exit_code_four_in_one_line(case: Case, tmp_path) -> None:
    with market(MONDAY, use="yahoo", yahoo=lambda path, query: case.reply) as (config, client, _), pytest.raises(RadarError) as caught:
        ingest.fetch(Store.create(f"sqlite:///{tmp_path}/store.db"), config, MONDAY, client)
    assert caught.value.code == 4
    assert case.error in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value).split("; ")) == 3


CSV = {
    14: ("date,asset,close\n2026-03-06,NA,1\n2026-03-06,TRUE,2\n2026-03-06,1E5,3\n", {}, {"NA", "TRUE", "1E5"}),
    15: ("date,asset,close\n2026-03-06,ＡＡＰＬ,1\n2026-03-06,АAPL,2\n2026-03-06,AAPL,3\n", {"bad_name": 2}, {"AAPL"}),
    16: ("date,asset,close\n2026-03-06,../../etc/passwd,1\n2026-03-06,'; DROP TABLE,2\n2026-03-06,CON,3\n", {"bad_name": 2}, {"CON"}),
    17: ("date,asset,close\n2026-03-06,<img src=x onerror=y>,1\n2026-03-06,{{7*7}},2\n2026-03-06,A,3\n", {"bad_name": 2}, {"A"}),
    18: ("date,asset,close\n2026-03-06,=cmd|'/c calc'!A1,1\n2026-03-06,@SUM,2\n2026-03-06,A,3\n", {"bad_name": 2}, {"A"}),
    20: ("date,asset,close\n2024-02-30,A,1\n2023-02-29,A,2\n2026-03-06,A,3\n", {"bad_date": 2}, {"A"}),
    21: ("date,asset,close\n2024-02-29,A,1\n", {}, {"A"}),
    22: ("date,asset,close\n01/02/2024,A,1\n2026-03-06,A,3\n", {"bad_date": 1}, {"A"}),
    23: ("date,asset,close\n2001-09-12,A,1\n2025-01-09,A,1\n2026-03-06,A,3\n", {"not_session": 2}, {"A"}),
    7: ("date,asset,close\n2026-03-06,A,1\n2026-03-06,A,1.5\n2026-03-05,A,3\n", {"conflict": 2}, {"A"}),
}  # fmt: skip


@pytest.mark.parametrize("number", CSV)
def test_a_bad_row_of_a_file_is_refused_alone(number: int, tmp_path) -> None:
    text, refused, assets = CSV[number]
    (tmp_path / "prices.csv").write_text(text, encoding="utf-8")
    store = Store.create(f"sqlite:///{tmp_path}/store.db")
    with market(MONDAY, use="csv") as (config, client, _):
        sources = config.sources.model_copy(update={"csv": config.sources.csv.model_copy(update={"prices": {"mine": tmp_path / "prices.csv"}})})
        report = ingest.fetch(store, config.model_copy(update={"sources": sources}), MONDAY, client).sources[0]
    assert dict(report.rules) == refused
    assert {asset for _, asset in store.newest("csv")} == assets


def test_headlines_that_want_to_do_harm_are_numbers_afterwards(tmp_path) -> None:
    """17, 18, 19: markup, formulas, line ends with headers, ten megabytes, broken UTF-8: what is stored of them is a count and a tone."""
    nasty = ["<script>alert(1)</script> crash", "=cmd|'/c calc'!A1", "fall\r\nBcc: x@example.com", "x" * (1 << 20), "{{7*7}} javascript:alert(1)"]
    items = "".join(f"<item><title><![CDATA[{t}]]></title><pubDate>Thu, 05 Mar 2026 12:00:00 GMT</pubDate></item>" for t in nasty).encode()
    feed = b'<?xml version="1.0"?><rss version="2.0"><channel>' + items.replace(b"crash", b"crash \xff\xfe") + b"</channel></rss>"
    store = Store.create(f"sqlite:///{tmp_path}/store.db")
    with market(use="rss", rss=lambda path, query: Reply(feed)) as (config, client, _):
        report = ingest.fetch(store, config, FRIDAY, client).sources[0]
    assert not report.errors
    assert set(store.newest("rss")) == {("n_headlines", ""), ("vader_mean", "")}
    assert store.newest("rss")["n_headlines", ""] == {date(2026, 3, 5): float(len(nasty))}
