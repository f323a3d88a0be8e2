"""Each source against a stand-in of its host: what it asks, what it makes of the answer, and of every wrong answer."""

import itertools
import json
import random
import re
from datetime import UTC, date, datetime

import pytest

from riskradar.data.sentiment import SentimentConfig
from riskradar.data.sources import SOURCES, Cell, Client, Keys, Missing, Payload, Request, SourcesConfig
from riskradar.errors import RadarError, SourceError
from tests.data.sources.standins import LOGIN, Reply, chart, fred, gdelt, js, reddit, rss, serving, stooq, yahoo

MOMENT = datetime(2026, 3, 6, 23, tzinfo=UTC)
KEYS = {
    "RISKRADAR_FRED_KEY": "key-of-fred", "RISKRADAR_STOOQ_KEY": "key-of-stooq", "RISKRADAR_REDDIT_KEY": "id-of-reddit",
    "RISKRADAR_REDDIT_SECRET": "secret-of-reddit",
}  # fmt: skip
REQUEST = Request(("AAA", "BBB"), date(2026, 3, 2), date(2026, 3, 6), MOMENT, SentimentConfig(firms={"AAA": ("Acme",)}))
BARS = {"2026-03-02": 10.0, "2026-03-03": 10.5, "2026-03-04": None, "2026-03-05": 11.25}


def fetched(name: str, handler, *replies: Reply, items: tuple[str, ...] = (), **settings):
    """The payloads and cells of each item of one source, or the error instead."""
    with serving(handler, *replies) as stand:
        quick = {"rate": 1e9, "tries": 2, "total": 5.0}
        section = {name: quick | {k: v.replace("HERE", stand.url) if isinstance(v, str) else v for k, v in settings.items()}}
        if name == "rss":
            section["rss"]["feeds"] = {"news": stand.url + "/feed"}
        else:
            section[name]["base_url"] = stand.url
        config = getattr(SourcesConfig.model_validate(section), name)
        source, out = SOURCES[name], {}
        with Client(Keys(KEYS), now=lambda: MOMENT, sleep=lambda seconds: None, chance=lambda: 0.0) as client:
            for item in items or source.names(config, REQUEST):
                try:
                    payloads = source.fetch(client, config, REQUEST, item)
                    out[item] = payloads, [cell for payload in payloads for cell in source.parse(payload)]
                except RadarError as error:
                    out[item] = error
        return out, stand.asked


def test_yahoo() -> None:
    handler = yahoo({"AAA": BARS, "B-B": {"2026-03-05": 7.0}})
    out, asked = fetched("yahoo", handler, through="http", symbols={"BBB": "B-B"})
    _, cells = out["AAA"]
    assert [c for c in cells if c.series == "close"] == [Cell("close", "AAA", d, "" if v is None else str(v)) for d, v in BARS.items()]
    assert {c.series for c in cells} == {"close", "adj_close", "volume"}
    assert [(c.asset, c.value) for c in out["BBB"][1] if c.series == "close"] == [("BBB", "7.0")]
    assert asked[0][0] == "/v8/finance/chart/AAA"
    assert asked[0][1]["interval"] == "1d"


def test_yahoo_keeps_splits_dividends_and_numbers_as_written() -> None:
    body = json.dumps(chart(BARS, {"2026-03-03": "4:1", "2026-03-05": "1:8"}, {"2026-03-05": 0.22})).replace("10.5", "1e400").replace("11.25", "NaN")
    out, _ = fetched("yahoo", lambda path, query: Reply(body.encode()), items=("AAA",), through="http")
    _, cells = out["AAA"]
    assert [c[2:4] for c in cells if c.series == "split"] == [("2026-03-03", "4.0"), ("2026-03-05", "0.125")]
    assert [c[2:4] for c in cells if c.series == "dividend"] == [("2026-03-05", "0.22")]
    assert [c.value for c in cells if c.series == "close"] == ["10.0", "1e400", "", "NaN"]


def test_yahoo_dates_bars_by_the_exchange() -> None:
    tokyo = chart({"2026-03-02": 5.0})
    tokyo["chart"]["result"][0]["meta"]["exchangeTimezoneName"] = "Asia/Tokyo"
    tokyo["chart"]["result"][0]["timestamp"] = [int(datetime(2026, 3, 3, 0, 0, tzinfo=UTC).timestamp())]  # nine o'clock on the 3rd
    out, _ = fetched("yahoo", lambda path, query: js(tokyo), items=("AAA",), through="http")
    assert out["AAA"][1][0].day == "2026-03-03"


def test_yahoo_through_yfinance(monkeypatch: pytest.MonkeyPatch) -> None:
    requests = pytest.importorskip("requests")
    data = pytest.importorskip("yfinance.data")

    class Here(requests.adapters.HTTPAdapter):
        def send(self, request, **settings):
            request.url = re.sub(r"https://[^/]+", stand.url, request.url)
            return super().send(request, **settings)

    def handler(path: str, query: dict[str, str]) -> Reply:
        if "getcrumb" in path:
            return Reply(b"crumb-of-yahoo")
        return prices(path, query) if "chart" in path else Reply(b"", headers={"Set-Cookie": "A3=x; Path=/"})

    prices = yahoo({"AAA": BARS})
    with serving(handler) as stand, requests.Session() as session, Client(Keys({}), now=lambda: MOMENT) as client:
        session.mount("https://", Here())
        signed = data.YfData(session=session)
        monkeypatch.setattr(signed, "_session", session)
        monkeypatch.setattr(signed, "_crumb", None)
        monkeypatch.setattr(signed, "_cookie", "x")
        source, config = SOURCES["yahoo"], SourcesConfig().yahoo
        payloads = source.fetch(client, config, REQUEST, "AAA")
        assert [c.value for c in source.parse(payloads[0]) if c.series == "close"] == ["10.0", "10.5", "", "11.25"]
        assert payloads[0].url.startswith("https://query2.finance.yahoo.com/v8/finance/chart/AAA?period1=")
        with pytest.raises(Missing, match="yahoo has no ZZZ"):
            source.fetch(client, config, REQUEST, "ZZZ")
    assert any("chart" in path for path, _ in stand.asked)


def test_fred_without_vintages_pages() -> None:
    rows = [("1776-07-04", f"2026-03-0{d}", v) for d, v in ((2, "18.5"), (3, "."), (4, "19"), (5, "20.25"))]
    out, asked = fetched("fred", fred({"VIXCLS": rows}), series={"vix": "VIXCLS"}, page=3)
    payloads, cells = out["vix"]
    assert cells == [Cell("vix", "", f"2026-03-0{d}", v) for d, v in ((2, "18.5"), (3, ""), (4, "19"), (5, "20.25"))]
    assert len(payloads) == len(asked) == 2
    assert all("key-of-fred" not in p.url for p in payloads)


@pytest.mark.parametrize("chunk", [1, 2, 3, 1000])
@pytest.mark.parametrize("seed", range(4))
def test_fred_vintages_are_the_same_in_windows_of_any_length(chunk: int, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311
    days = [f"2026-03-{d:02d}" for d in range(2, 7)]
    published = sorted(chance.sample([f"2026-03-{d:02d}" for d in range(6, 29)], 7))
    rows = sorted({(p, d): (p, d, str(chance.randint(1, 3))) for p in published for d in chance.sample(days, 2)}.values())
    rows = [row for i, row in enumerate(rows) if next((r[2] for r in reversed(rows[:i]) if r[1] == row[1]), None) != row[2]]  # a change is a vintage
    out, _ = fetched("fred", fred({"NFCI": rows}, {"NFCI": sorted({p for p, _, _ in rows})}), series={"nfci": "NFCI"}, chunk=chunk)
    assert sorted(out["nfci"][1]) == sorted(Cell("nfci", "", d, v, date.fromisoformat(p)) for p, d, v in rows)


def test_fred_without_any_vintage_leaves_publication_to_the_lag_table() -> None:
    out, _ = fetched("fred", fred({"NFCI": [("1776-07-04", "2026-03-02", "1")]}), series={"nfci": "NFCI"})
    assert out["nfci"][1] == [Cell("nfci", "", "2026-03-02", "1", None)]


def test_stooq() -> None:
    handler = stooq({"aaa.us": {"2026-03-02": 10.0, "2026-03-03": 11.5}, "^b": {"2026-03-02": 7.0}})
    out, asked = fetched("stooq", handler, symbols={"BBB": "^b"})
    days = (("2026-03-02", "10.0"), ("2026-03-03", "11.5"))
    assert out["AAA"][1] == [Cell(s, "AAA", d, v) for d, c in days for s, v in (("close", c), ("volume", "1000"))]
    assert out["BBB"][1][0] == Cell("close", "BBB", "2026-03-02", "7.0")
    assert (asked[0][1]["d1"], asked[0][1]["d2"]) == ("20260302", "20260306")


def test_gdelt_leaves_the_running_day() -> None:
    out, asked = fetched("gdelt", gdelt({"2026-03-05": -1.25, "2026-03-06": -2.0}), queries={"gdelt_tone": "recession"})
    assert out["gdelt_tone"][1] == [Cell("gdelt_tone", "", "2026-03-05", "-1.25")]
    assert asked[0][1]["query"] == "recession"


def test_gdelt_with_escapes_that_json_does_not_have() -> None:
    body = rb'{"query_details":{"title":"it\'s a \_x"},"timeline":[{"data":[{"date":"20260305T000000Z","value":-1.5}]}]}'
    out, _ = fetched("gdelt", lambda path, query: Reply(body))
    assert out["gdelt_tone"][1][0].value == "-1.5"


def test_rss() -> None:
    dates = ("Thu, 05 Mar 2026 18:00:00 -0500", "not a date", "Fri, 06 Mar 2026 09:00:00 GMT")
    handler = rss(list(zip(dates, ("Acme plunges", "Stocks rise", "<script>x</script> up"), strict=True)))
    out, _ = fetched("rss", handler)
    cells = out["news"][1]
    assert [(c.series, c.day) for c in cells] == [("headline", day) for day in ("2026-03-05T23:00:00+00:00", "", "2026-03-06T09:00:00+00:00")]
    assert [c.value for c in cells][:2] == ["Acme plunges", "Stocks rise"]
    assert cells[2].value == "<script>x</script> up"  # a text to be scored, shown nowhere


def test_rss_entity_bomb() -> None:
    body = b'<?xml version="1.0"?><!DOCTYPE r [<!ENTITY a0 "ha">' + b"".join(
        f'<!ENTITY a{i} "{f"&a{i - 1};" * 10}">'.encode() for i in range(1, 12)
    ) + b'<!ENTITY f SYSTEM "file:///etc/passwd">]><rss version="2.0"><channel><item><title>&a11;&f;</title></item></channel></rss>'  # fmt: skip
    out, _ = fetched("rss", lambda path, query: Reply(body))
    found = out["news"]
    assert isinstance(found, SourceError) or all(len(c.value) <= 1000 and "root:" not in c.value for c in found[1])


def test_reddit_keeps_counts_and_tones_only() -> None:
    posts = [("2026-03-05T15:00:00+00:00", "Acme plunges"), ("2026-03-05T14:00:00+00:00", "$AAA crashes"), ("2026-03-04T15:00:00+00:00", "all calm")]
    out, asked = fetched("reddit", reddit(posts), oauth_url="HERE", subreddits=["stocks", "investing"])
    payloads, cells = out["stocks+investing"]
    assert {c[:4] for c in cells if c.series == "reddit_n_headlines"} == {
        ("reddit_n_headlines", *rest) for rest in (("", "2026-03-04", "1.0"), ("", "2026-03-05", "2.0"), ("AAA", "2026-03-05", "2.0"))
    }  # fmt: skip
    assert all(float(c.value) < 0 for c in cells if c.series == "reddit_vader_mean" and c.day == "2026-03-05")
    stored = payloads[0].content + payloads[0].url.encode()
    for word in (b"plunges", b"somebody", b"token-of-reddit", b"secret-of-reddit"):
        assert word not in stored
    assert [path for path, _ in asked] == ["/api/v1/access_token", "/r/stocks+investing/new", "/r/stocks+investing/new"]


def test_reddit_leaves_the_day_on_which_its_list_was_cut() -> None:
    posts = [("2026-03-05T15:00:00+00:00", "a"), ("2026-03-04T14:00:00+00:00", "b"), ("2026-03-04T13:00:00+00:00", "c")]
    out, _ = fetched("reddit", reddit(posts), oauth_url="HERE", pages=1)
    assert {c.day for c in out["stocks+investing"][1]} == {"2026-03-05"}


WRONG = {
    "a page to log in": Reply(LOGIN), "an empty body": Reply(b""), "an empty object": Reply(b"{}"),
    "half an object": Reply(b'{"chart": {"result": [{"meta'), "a list": Reply(b"[1, 2]"), "deep nesting": Reply(b"[" * 100_000),
    "binary": Reply(bytes(range(256))), "null": Reply(b"null"), "an image": Reply(b"\x89PNG\r\n"), "another object": Reply(b'{"a": 1}'),
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG)
@pytest.mark.parametrize("name", ["yahoo", "fred", "stooq", "gdelt", "rss", "reddit"])
def test_what_is_no_data_is_refused_in_one_line(name: str, what: str) -> None:
    settings = {"yahoo": {"through": "http"}, "reddit": {"oauth_url": "HERE"}}.get(name, {})
    out, _ = fetched(name, lambda path, query: WRONG[what], **settings)
    for error in out.values():
        assert isinstance(error, SourceError), error
        assert "\n" not in str(error)
        assert error.code == 4
        assert len(str(error).split("; ")) == 3  # what is wrong; what was kept; what to do


MISSING = {
    "yahoo": (yahoo({}), {"through": "http"}), "fred": (fred({}), {}), "stooq": (stooq({}), {}), "gdelt": (gdelt({}), {}), "rss": (rss([]), {}),
}  # fmt: skip


@pytest.mark.parametrize("name", MISSING)
def test_a_name_that_a_source_does_not_have(name: str) -> None:
    handler, settings = MISSING[name]
    out, _ = fetched(name, handler, **settings)
    assert all(isinstance(error, Missing) for error in out.values()), out


def test_a_yahoo_chart_without_bars_is_missing() -> None:
    out, _ = fetched("yahoo", lambda path, query: js(chart({})), through="http")
    assert all(isinstance(error, Missing) for error in out.values())


@pytest.mark.parametrize(
    ("name", "reply", "says"),
    [
        ("stooq", Reply(b"Exceeded the daily hits limit"), "daily limit"), ("stooq", Reply(b"Get your apikey:\n1. Open"), "Get your apikey"),
        ("stooq", Reply(b"Date,Open,High,Low,Close,Volume\n2026-03-02,1,1,1,1,1\n2026-03-03,1,1"), "damaged line"),
        ("fred", js({"error_message": "Bad Request. The value for variable api_key (key-of-fred) is not registered."}, 400), "RISKRADAR_FRED_KEY"),
        ("gdelt", Reply(b"The specified phrase is too short.", headers={"Content-Type": "text/html"}), "phrase is too short"),
        ("reddit", Reply(b"Forbidden", 403), "refuses access"), ("yahoo", Reply(b"Unauthorized", 401), "refuses access"),
        ("yahoo", Reply(b"Edge: teapot", 418), "answers 418"),
    ],
)  # fmt: skip
def test_what_a_source_tells_is_passed_on_without_its_key(name: str, reply: Reply, says: str) -> None:
    settings = {"yahoo": {"through": "http"}, "reddit": {"oauth_url": "HERE"}}.get(name, {})
    out, _ = fetched(name, lambda path, query: reply, **settings)
    for error in out.values():
        assert says in str(error)
        assert not any(key in str(error) for key in KEYS.values())


@pytest.mark.parametrize("name", ["fred", "stooq", "reddit"])
def test_a_key_that_is_not_set_is_named(name: str) -> None:
    source, config = SOURCES[name], getattr(SourcesConfig(), name)
    unit = source.names(config, REQUEST)[0]
    with Client(Keys({})) as client, pytest.raises(RadarError, match=rf"RISKRADAR_{name.upper()}_\w+ is not set") as caught:
        source.fetch(client, config, REQUEST, unit)
    assert caught.value.code == 2


def test_csv_files(tmp_path) -> None:
    files = {"long": "date,ticker,close,volume\n2026-03-02,NA,10,5\n2026-03-02,TRUE,1e400,6\n", "wide": "Date,AAA,BBB\n2026-03-02,1,\n"}
    said = "2026-03-02,cpi,2.5,2026-03-05\n2026-03-02,cpi,2.6,2026-03-06T21:30:00-05:00\n"
    facts = {"long": f"date,series,value,known_at\n{said}", "wide": "date,vix\n2026-03-02,20\n"}
    for kind, texts in (("prices", files), ("facts", facts)):
        for label, text in texts.items():
            (tmp_path / f"{kind}-{label}.csv").write_text(text)
    config = SourcesConfig.model_validate({"csv": {k: {n: str(tmp_path / f"{k}-{n}.csv") for n in files} for k in ("prices", "facts")}}).csv
    source = SOURCES["csv"]
    with Client(Keys({}), now=lambda: MOMENT) as client:
        cells = {name: source.parse(source.fetch(client, config, REQUEST, name)[0]) for name in source.names(config, REQUEST)}
    rows = (("NA", "10", "5"), ("TRUE", "1e400", "6"))
    assert cells["prices long"] == [Cell(s, a, "2026-03-02", v) for a, c, n in rows for s, v in (("close", c), ("volume", n))]
    assert cells["prices wide"] == [Cell("close", "AAA", "2026-03-02", "1"), Cell("close", "BBB", "2026-03-02", "")]
    assert cells["facts long"] == [Cell("cpi", "", "2026-03-02", v, date(2026, 3, d)) for v, d in (("2.5", 5), ("2.6", 7))]
    assert cells["facts wide"] == [Cell("vix", "", "2026-03-02", "20")]


@pytest.mark.parametrize("content", [
    b"", b"date,A\n", b"date,A\n2026-03-02,1,2\n", b"day,A\n2026-03-02,1\n", b"\xff\xfe\x00", b'date,A\n"2026-03-02,1\n',
    b"date,asset,ticker,close\n2026-03-02,A,B,1\n", b"date,A,known_at\n2026-03-02,1,2026-03-02 16:00\n",
])  # fmt: skip
def test_a_file_that_is_no_table(content: bytes) -> None:
    with pytest.raises(SourceError) as caught:
        SOURCES["csv"].parse(Payload("csv", "prices mine", "file:mine", MOMENT, content))
    assert "\n" not in str(caught.value)


def test_parsers_survive_noise() -> None:
    """Bytes of a good answer with a few of them changed: cells or a declared error, nothing else."""
    chance = random.Random(7)  # noqa: S311
    good = {
        "yahoo": json.dumps(chart(BARS, {"2026-03-03": "4:1"}, {"2026-03-05": 0.2})).encode(),
        "fred": fred({"V": [("1776-07-04", "2026-03-02", "1")]})("/fred/series/observations", {
            "api_key": "key-of-fred", "series_id": "V", "limit": "9", "observation_start": "2026-03-01", "observation_end": "2026-03-09"}).body,
        "stooq": b"Date,Open,High,Low,Close,Volume\n2026-03-02,1,1,1,1,1\n", "gdelt": gdelt({"2026-03-02": 1.0})("", {"query": "x"}).body,
        "rss": rss([("Fri, 06 Mar 2026 09:00:00 GMT", "up")])("", {}).body, "reddit": b'{"tones": [["a", "b", "2026-03-02", "1.0"]]}',
        "csv": b"date,A,B\n2026-03-02,1,2\n",
    }  # fmt: skip
    for (name, body), _ in itertools.product(good.items(), range(150)):
        noisy = bytearray(body)
        for _ in range(chance.randint(1, 4)):
            noisy[chance.randrange(len(noisy))] = chance.choice(b'{}[]",:0-9.eN\x00\xff<>')
        for cut in (len(noisy), chance.randrange(len(noisy))):
            try:
                cells = SOURCES[name].parse(Payload(name, "prices x", "http://h/?realtime_start=2026-03-01", MOMENT, bytes(noisy[:cut])))
            except SourceError:
                continue
            assert all(isinstance(cell.value, str) and isinstance(cell.day, str) for cell in cells)
