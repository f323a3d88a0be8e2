"""A fetch keeps what came, tells what did not, repeats itself without a trace, and never shows a key."""

import json
import logging
from contextlib import ExitStack, contextmanager
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from riskradar import data, ingest, store
from riskradar.config import Config
from riskradar.data import DataConfig
from riskradar.data.calendar import exchange
from riskradar.data.sources import SOURCES, Cell, Client, Keys, Payload, Source
from riskradar.errors import RadarError, SourceError, UsageError
from riskradar.registry import Registry
from riskradar.store import Store, database, rows, schema
from riskradar.store.blocks import NEVER
from tests.data.sources.standins import LOGIN, Reply, fred, gdelt, packed, reddit, rss, serving, stooq, yahoo

FRIDAY = datetime(2026, 3, 6, 23, tzinfo=UTC)  # 18:00 in New York
SUNDAY = FRIDAY + timedelta(days=2)
DAYS = ("2026-03-02", "2026-03-03", "2026-03-04", "2026-03-05", "2026-03-06")
CLOSES = {"AAA": dict(zip(DAYS, (10.0, 10.5, 10.25, 9.0, 9.5), strict=True)), "BBB": dict(zip(DAYS, (50.0, 51.0, 49.5, 45.0, 46.0), strict=True))}
VIX = [("1776-07-04", day, str(20 + i)) for i, day in enumerate(DAYS)]
NFCI = [("2026-03-04", "2026-02-27", "-0.5"), ("2026-03-05", "2026-02-27", "-0.4")]
NEWS = [("Thu, 05 Mar 2026 15:00:00 GMT", "Acme plunges on default fears"), ("Thu, 05 Mar 2026 16:00:00 GMT", "Stocks crash"), ("?", "Undated")]
CANARY = "canary/key+with odd parts"


class Shelf(Store):
    """A store on disk, with a way to look at all of it."""

    @property
    def rows(self):
        """Every stored row: source, series, asset, day, value, the day it became known (None: the lag table says)."""
        with database.transaction(self.engine, writes=False) as connection:
            of = {row["id"]: (row["source"], row["series"], row["asset"]) for row in rows.checked(connection, schema.NAMES)}
            return [
                (*of[n], date.fromordinal(d + 719163), v, None if k == NEVER else date.fromordinal(k + 719163))
                for block in rows.blocks(connection)
                for n, d, k, v in zip(block.of.tolist(), block.date.tolist(), block.known.tolist(), block.value.tolist(), strict=True)
            ]

    @property
    def refused(self):
        with database.transaction(self.engine, writes=False) as connection:
            return [(row["value"], row["rule"]) for row in rows.checked(connection, schema.QUARANTINE)]


@pytest.fixture
def shelf(tmp_path):
    return Shelf.create(f"sqlite:///{tmp_path}/store.db")


@contextmanager
def market(moment: datetime = FRIDAY, environ: dict[str, str] | None = None, use: str = "yahoo fred stooq gdelt rss reddit", **handlers):
    """A configuration that points at stand-ins of all hosts, and a client that does not wait."""
    keys = {"RISKRADAR_FRED_KEY": "key-of-fred", "RISKRADAR_STOOQ_KEY": "key-of-stooq", "RISKRADAR_REDDIT_KEY": "id-of-reddit",
            "RISKRADAR_REDDIT_SECRET": "secret-of-reddit"} if environ is None else environ  # fmt: skip
    serve = {
        "yahoo": yahoo(CLOSES), "fred": fred({"VIXCLS": VIX, "NFCI": NFCI}, {"NFCI": ["2026-03-04", "2026-03-05"]}),
        "stooq": stooq({"aaa.us": CLOSES["AAA"], "bbb.us": CLOSES["BBB"]}), "rss": rss(NEWS),
        "gdelt": gdelt({"2026-03-05": -2.5, "2026-03-06": -1.0}),
        "reddit": reddit([("2026-03-05T15:00:00+00:00", "Acme crashes"), ("2026-03-04T15:00:00+00:00", "calm")]),
    } | handlers  # fmt: skip
    with ExitStack() as stack:
        stands = {name: stack.enter_context(serving(handler)) for name, handler in serve.items()}
        quick = {"rate": 1e9, "tries": 2, "total": 5.0}
        sections = {name: quick | {"base_url": stand.url} for name, stand in stands.items() if name != "rss"}
        sections["yahoo"] |= {"through": "http", "max_bytes": 8 << 20}
        sections["fred"] |= {"series": {"vix": "VIXCLS", "nfci": "NFCI"}, "chunk": 1}
        sections["reddit"] |= {"oauth_url": stands["reddit"].url}
        sections["rss"] = quick | {"feeds": {"news": stands["rss"].url + "/feed"}}
        sections |= {"use": use.split(), "assets": ["AAA", "BBB"], "sentiment": {"firms": {"AAA": ["Acme"]}}}
        client = Client(Keys(keys), now=lambda: moment, sleep=lambda seconds: None, chance=lambda: 0.0)
        yield Config.model_validate({"sources": sections}), client, stands


def with_sources(config: Config, **changed) -> Config:
    return config.model_copy(update={"sources": config.sources.model_copy(update=changed)})


def test_a_full_fetch(shelf) -> None:
    with market() as (config, client, _):
        report = ingest.fetch(shelf, config, FRIDAY, client)
    assert [s.source for s in report.sources] == ["yahoo", "fred", "stooq", "gdelt", "rss", "reddit"]
    for s in report.sources:
        assert s.received == s.stored + s.refused + s.duplicates + s.empty
        assert not s.errors
    assert {(a, d.isoformat()): v for source, series, a, d, v, _ in shelf.rows if source == "yahoo" and series == "close"} == {
        (asset, day): close for asset, of in CLOSES.items() for day, close in of.items()
    }
    assert [row[3:] for row in shelf.rows if row[1] == "nfci"] == [
        (date(2026, 2, 27), -0.5, date(2026, 3, 4)), (date(2026, 2, 27), -0.4, date(2026, 3, 5)),
    ]  # fmt: skip
    assert all(known is None for _, series, *_, known in shelf.rows if series in ("close", "vix"))  # history is dated by the lag table
    assert {row[1:3] for row in shelf.rows if row[0] == "rss"} == {(s, a) for s in ("n_headlines", "vader_mean") for a in ("", "AAA")}
    assert shelf.refused == [("Undated", "bad_date")]
    assert json.loads(json.dumps(report.record()))["sources"][0]["last"] == "2026-03-06"
    assert "yahoo: 30 cells: 30 stored, 0 known already; last day 2026-03-06" in report.lines()


def test_a_second_fetch_stores_nothing_new(shelf) -> None:
    with market() as (config, client, _):
        ingest.fetch(shelf, config, FRIDAY, client)
        rows = list(shelf.rows)
        again = ingest.fetch(shelf, config, FRIDAY, client)
    assert shelf.rows == rows
    assert [s.stored for s in again.sources] == [0] * 6
    assert not any(s.doubts for s in again.sources)


def test_a_rewritten_day_became_known_now(shelf) -> None:
    thursday = FRIDAY - timedelta(days=1)
    with market(thursday, use="yahoo") as (config, client, _):
        ingest.fetch(shelf, config, thursday, client)
    before = len(shelf.rows)
    changed = {"AAA": CLOSES["AAA"] | {"2026-03-04": 10.3}, "BBB": CLOSES["BBB"]}
    with market(use="yahoo", yahoo=yahoo(changed)) as (config, client, _):
        report = ingest.fetch(shelf, config, FRIDAY, client)
    fresh = [row for row in shelf.rows[before:] if row[1] == "close"]
    assert sorted((row[2], row[3].isoformat(), *row[4:]) for row in fresh) == [
        ("AAA", "2026-03-04", 10.3, FRIDAY.date()), ("AAA", "2026-03-06", 9.5, None), ("BBB", "2026-03-06", 46.0, None),
    ]  # fmt: skip
    assert {(d.rule, d.series) for d in report.sources[0].doubts} == {("rewrite", "close"), ("rewrite", "adj_close")}
    assert ("yahoo", "close", "AAA", date(2026, 3, 4), 10.25, None) in shelf.rows  # the old vintage is still there


def test_headlines_that_a_feed_has_forgotten_still_count(shelf) -> None:
    with market(use="rss") as (config, client, _):
        ingest.fetch(shelf, config, FRIDAY, client)
    later = rss([("Thu, 05 Mar 2026 17:00:00 GMT", "Acme rallies"), NEWS[0]])
    with market(SUNDAY, use="rss", rss=later) as (config, client, _):
        ingest.fetch(shelf, config, SUNDAY, client)
    counts = [(row[3], row[4], row[5]) for row in shelf.rows if row[1:3] == ("n_headlines", "AAA")]
    assert counts == [(date(2026, 3, 5), 1.0, FRIDAY.date()), (date(2026, 3, 5), 2.0, SUNDAY.date())]


def test_the_running_day_of_news_waits(shelf) -> None:
    with market(use="rss yahoo", rss=rss([("Fri, 06 Mar 2026 15:00:00 GMT", "Stocks crash")])) as (config, client, _):
        report = ingest.fetch(shelf, config, FRIDAY, client)
    assert (report.sources[0].received, report.sources[0].last) == (0, None)


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        ({"yahoo": lambda p, q: Reply(status=429, headers={"Retry-After": "3600"})}, "left alone for 3600 s"),
        ({"yahoo": lambda p, q: Reply(LOGIN)}, "no data"),
        ({"yahoo": lambda p, q: Reply(status=503)}, "answers 503, 2 times"), ({"yahoo": lambda p, q: Reply(b"{}")}, "no data"),
        ({"yahoo": lambda p, q: Reply(b'{"chart"', length=500)}, "cannot be reached"), ({"yahoo": yahoo({})}, "yahoo has no AAA"),
        ({"yahoo": lambda p, q: Reply(status=302, headers={"Location": "http://elsewhere.example/"})}, "redirects to http://elsewhere.example"),
        ({"yahoo": lambda p, q: packed(bytes(9 << 20))}, "sends more than 8,388,608 bytes"),
    ],
)  # fmt: skip
def test_what_came_is_kept_when_a_source_fails(shelf, tmp_path, broken, says: str) -> None:
    with market(use="yahoo fred", **broken) as (config, client, stands):
        report = ingest.fetch(shelf, config, FRIDAY, client)
        failed, good = report.sources
        assert says in str(failed.errors[0])
        assert (failed.received, failed.last, good.stored, good.errors) == (0, None, 7, ())
        assert len(stands["yahoo"].asked) <= 4  # two names, two tries each
        with pytest.raises(RadarError, match=str(failed.errors[0]).split(";")[0].replace("(", r"\(").replace(")", r"\)")) as caught:
            ingest.fetch(Store.create(f"sqlite:///{tmp_path}/empty.db"), with_sources(config, use=("yahoo",)), FRIDAY, client)
    assert caught.value.code == 4
    assert "\n" not in str(caught.value)


def test_a_host_is_not_hammered_for_every_name(shelf) -> None:
    names = [f"A{i}" for i in range(50)]
    with market(use="yahoo", yahoo=lambda p, q: Reply(status=500)) as (config, client, stands):
        many = with_sources(config, assets=tuple(names))
        with pytest.raises(SourceError):
            ingest.fetch(shelf, many, FRIDAY, client)
        assert len(stands["yahoo"].asked) == 4


def test_a_missing_name_costs_nothing_but_itself(shelf) -> None:
    with market(use="yahoo", yahoo=yahoo({"BBB": CLOSES["BBB"]})) as (config, client, _):
        report = ingest.fetch(shelf, config, FRIDAY, client)
    assert [str(e).split(" (")[0] for e in report.sources[0].errors] == ["yahoo has no AAA"]
    assert {row[2] for row in shelf.rows} == {"BBB"}


def test_a_page_that_fails_leaves_nothing_of_its_name(shelf) -> None:
    good = fred({"VIXCLS": VIX, "NFCI": NFCI}, {"NFCI": ["2026-03-04", "2026-03-05"]})

    def handler(path: str, query: dict[str, str]) -> Reply:
        return Reply(b"oops", length=99) if query.get("offset") == "4" else good(path, query)

    with market(use="fred", fred=handler) as (config, client, _):
        paged = with_sources(config, fred=config.sources.fred.model_copy(update={"page": 2}))
        report = ingest.fetch(shelf, paged, FRIDAY, client)
        assert {row[1] for row in shelf.rows} == {"nfci"}
        assert len(report.sources[0].errors) == 1
        whole = ingest.fetch(shelf, config, FRIDAY, client)
    assert {row[1] for row in shelf.rows} == {"nfci", "vix"}
    assert not whole.sources[0].errors


def test_everything_stored_stays_when_all_hosts_are_gone(shelf) -> None:
    with market(use="yahoo fred") as (config, client, _):
        ingest.fetch(shelf, config, FRIDAY, client)
    rows = list(shelf.rows)
    gone = Client(Keys({"RISKRADAR_FRED_KEY": "key-of-fred"}), now=lambda: SUNDAY, sleep=lambda seconds: None)
    report = ingest.fetch(shelf, config, SUNDAY, gone)
    assert all("cannot be reached" in str(s.errors[0]) for s in report.sources)
    assert [s.last for s in report.sources] == [date(2026, 3, 6)] * 2
    assert shelf.rows == rows


def test_a_key_that_is_not_set(shelf) -> None:
    with market(use="fred", environ={}) as (config, client, stands), pytest.raises(UsageError, match="RISKRADAR_FRED_KEY is not set"):
        ingest.fetch(shelf, config, FRIDAY, client)
    assert not stands["fred"].asked


def test_nothing_to_fetch(shelf) -> None:
    assert ingest.fetch(shelf, Config.model_validate({"sources": {"use": []}}), FRIDAY).sources == ()
    with pytest.raises(UsageError, match=r"sources\.assets"):
        ingest.fetch(shelf, Config.model_validate({"sources": {"use": ["yahoo"]}}), FRIDAY)
    with pytest.raises(UsageError, match="no time zone"):
        ingest.fetch(shelf, Config(), FRIDAY.replace(tzinfo=None))


@pytest.mark.parametrize("wrong", [False, True])
def test_a_canary_key_is_never_seen(shelf, tmp_path, wrong: bool, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture) -> None:
    """Not in any log, payload, row, report or error, even where the host sends it back."""
    caplog.set_level(logging.DEBUG)
    shown = ""
    environ = dict.fromkeys(("RISKRADAR_FRED_KEY", "RISKRADAR_STOOQ_KEY", "RISKRADAR_REDDIT_KEY", "RISKRADAR_REDDIT_SECRET"), CANARY)

    def echo(path: str, query: dict[str, str]) -> Reply:
        key = query.get("api_key") or query.get("apikey") or ""
        if wrong:
            return Reply(f"<html>the key {key} is unknown</html>".encode())
        observation = {"date": DAYS[0], "value": "1", "note": key}
        if "api_key" in query:
            return Reply(json.dumps({"count": 1, "vintage_dates": [], "observations": [observation]}).encode())
        return Reply(f"Date,Open,High,Low,Close,Volume,Key\n{DAYS[0]},1,1,1,1,1,{key}\n".encode())

    with market(use="yahoo fred stooq reddit", environ=environ, fred=echo, stooq=echo) as (config, client, _):
        report = ingest.fetch(shelf, config, FRIDAY, client)
        shown = repr(config) + repr(client) + str(config.model_dump())
    shown += caplog.text + "".join(capsys.readouterr()) + repr(report) + "\n".join(report.lines()) + json.dumps(report.record())
    kept = [p for name in config.sources.use for p in shelf.payloads(name, FRIDAY - timedelta(days=1))]
    assert len(kept) >= 3
    shown += "".join(p.url + p.content.decode() + repr(p) for p in kept) + repr(shelf.rows) + repr(shelf.refused)
    assert "HTTP Request" in caplog.text
    assert wrong or b"***" in b"".join(p.content for p in kept if p.source in ("fred", "stooq"))
    shown += "".join(f.read_bytes().decode("latin-1") for f in tmp_path.rglob("*") if f.is_file())  # payloads are packed: those are read above
    for form in (CANARY, "canary%2F", "canary/key%2B", "canary\\/key", "key+with", "odd+parts", "odd%20parts", "token-of-reddit"):
        assert form not in shown, form


def test_a_source_of_ones_own(shelf) -> None:
    """Another package, or a notebook, brings a source; it is fetched, judged and stored like ours."""
    def fetch(client, config, request, name):
        return [Payload("mine", name, "memory:", request.moment, b"2026-03-05,1.5")]

    def parse(payload):
        day, value = payload.content.decode().split(",")
        return [Cell("vix", "", day, value)]

    assert isinstance(SOURCES, Registry)
    SOURCES["mine"] = Source(lambda config, request: ("one",), fetch, parse)
    try:
            report = ingest.fetch(shelf, Config.model_validate({"sources": {"use": ["mine"]}}), FRIDAY, Client(Keys({})))
    finally:
        del SOURCES["mine"]
    assert (report.sources[0].stored, shelf.rows[0][:5]) == (1, ("mine", "vix", "", date(2026, 3, 5), 1.5))


def test_the_panel_from_the_store_is_the_panel_from_files(shelf, tmp_path) -> None:
    """What was fetched from the stand-ins, and the same numbers in files, bit for bit."""
    days = [str(day) for day in exchange("XNYS").days[-1400:] if day <= np.datetime64("2026-03-06")][-60:]
    chance = np.random.default_rng(3)
    closes = {name: dict(zip(days, (40 * np.exp(np.cumsum(0.02 * chance.standard_normal(60)))).tolist(), strict=True)) for name in ("AAA", "BBB")}
    del closes["BBB"][days[20]]
    vix = [("1776-07-04", day, f"{level:.2f}") for day, level in zip(days, 20 + chance.random(60), strict=True)]
    with market(use="yahoo fred", yahoo=yahoo(closes), fred=fred({"VIXCLS": vix, "NFCI": NFCI}, {"NFCI": ["2026-03-04", "2026-03-05"]})) as made:
        config, client, _ = made
        report = ingest.fetch(shelf, with_sources(config, days=120), FRIDAY + timedelta(hours=3), client)
    assert not any(source.refused or source.errors for source in report.sources)
    rows_of = [f"{day},{name},{close!r},1000" for name, of in closes.items() for day, close in of.items()]
    (tmp_path / "prices.csv").write_text("\n".join(["date,asset,close,volume", *rows_of, ""]))
    facts = [f"{day},vix,{level}," for _, day, level in vix] + [f"{day},nfci,{value},{known}" for known, day, value in NFCI]
    (tmp_path / "macro.csv").write_text("\n".join(["date,series,value,known_at", *facts, ""]))
    files, _ = data.load(DataConfig(prices=str(tmp_path / "prices.csv"), macro=str(tmp_path / "macro.csv")))
    settings = DataConfig(store=f"sqlite:///{tmp_path}/store.db", as_of=date(2026, 3, 6))
    stored, _ = data.assemble(store.read(settings), settings)
    for name in ("close", "member", "volume", "level"):
        np.testing.assert_array_equal(getattr(stored, name), getattr(files, name))
    for name in ("of", "asset", "date", "known_at", "value"):
        np.testing.assert_array_equal(getattr(stored.facts, name), getattr(files.facts, name))
    assert (stored.assets, stored.facts.series) == (files.assets, files.facts.series)
    np.testing.assert_array_equal(stored.dates, files.dates)
