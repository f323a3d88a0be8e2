"""What goes in comes out, as of any moment, whichever database keeps it."""

import itertools
import threading
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from riskradar.data.quality import Refused, Value
from riskradar.data.sources import Cell, Payload
from riskradar.errors import StorageError, UsageError
from riskradar.store import Store, database, schema, verify
from riskradar.tables.observations import Observations

NOON = datetime(2020, 3, 20, 16, tzinfo=UTC)  # noon in New York: known from the 20th on
LATER = NOON + timedelta(days=30)


def observed(*rows):
    """Rows of (series, asset, ISO day, value, ISO known_at or None)."""
    return Observations.of_rows([(s, a, date.fromisoformat(d), float(v), k and date.fromisoformat(k)) for s, a, d, v, k in rows])


def at(day):
    """20:00 New York."""
    return datetime.fromisoformat(f"{day}T20:00:00").replace(tzinfo=ZoneInfo("America/New_York"))


def seen(store, moment):
    """Every row of a view, as text."""
    o = store.as_of(moment).observations()
    return [(*o.names[i], str(d), float(v), str(k)) for i, d, v, k in zip(o.of, o.date, o.value, o.known_at, strict=True)]


def counts(receipt):
    return receipt.received, receipt.stored, receipt.identical, receipt.corrected, receipt.quarantined


def test_a_correction_is_a_new_row_and_the_old_day_stays(store):
    first = observed(("close", "A", "2020-03-02", 10, None), ("vix", "", "2020-03-02", 30, "2020-03-03"))
    assert counts(store.append("s", first, NOON)) == (2, 2, 0, 0, 0)
    assert counts(store.append("s", observed(("close", "A", "2020-03-02", 11, None)), NOON)) == (1, 1, 0, 1, 0)
    assert seen(store, at("2020-03-19")) == [("close", "A", "2020-03-02", 10.0, "NaT"), ("vix", "", "2020-03-02", 30.0, "2020-03-03")]
    assert ("close", "A", "2020-03-02", 11.0, "2020-03-20") in seen(store, at("2020-03-20"))
    assert counts(store.append("s", observed(("close", "A", "2020-03-02", 11, None)), LATER)) == (1, 0, 1, 0, 0)
    assert counts(store.append("s", observed(("close", "A", "2020-03-02", 10, None)), LATER)) == (1, 1, 0, 1, 0)
    assert store.newest("s")["close", "A"] == {date(2020, 3, 2): 10.0}


@pytest.mark.parametrize("known", list(itertools.product(["2020-03-03", "2020-03-04", "2020-03-05", None], repeat=2)))
@pytest.mark.parametrize("values", [(1, 2), (2, 1), (1, 1)])
def test_all_interleavings_of_two_values_and_two_known_dates(tmp_path, known, values):
    """Whatever the order in which two vintages come, a view shows the rows known by its day and no other; again they change nothing."""
    store = Store.create(f"sqlite:///{tmp_path}/radar.db")
    rows = [("vix", "", "2020-03-02", v, k) for v, k in zip(values, known, strict=True)]
    for row in rows:
        store.append("s", observed(row), NOON)
    for day in ("2020-03-02", "2020-03-03", "2020-03-04", "2020-03-05", "2020-03-20"):
        visible = seen(store, at(day))
        assert all(k == "NaT" or k <= day for *_, k in visible)
        if None not in known and known[0] != known[1]:
            expected = sorted((k, float(v)) for v, k in zip(values, known, strict=True) if k <= day)
            assert [(k, v) for *_, v, k in visible] == expected
    before = seen(store, LATER)
    for row in rows if known[0] != known[1] and None not in known else []:
        assert counts(store.append("s", observed(row), LATER)) == (1, 0, 1, 0, 0)
    assert seen(store, LATER) == before


def test_rows_that_contradict_each_other_are_quarantined(store):
    receipt = store.append("s", observed(*(("close", "A", "2020-03-02", v, None) for v in (1, 2)), ("close", "B", "2020-03-02", 3, None)), NOON)
    assert counts(receipt) == (3, 1, 0, 0, 2)
    with database.transaction(store.engine, writes=False) as connection:
        kept = connection.execute(text("SELECT asset, value, rule FROM quarantine ORDER BY value")).all()
    assert kept == [("A", "1.0", "conflict"), ("A", "2.0", "conflict")]


def test_what_a_fetch_keeps(store):
    page = Payload("yahoo", "A", "https://host/A", NOON, b"{}")
    refused = [Refused(Cell("close", "A", "2020-03-03", "-5"), "nonpositive")]
    assert store.keep("yahoo", [page], [Value("close", "A", date(2020, 3, 2), 10.0, None)], refused, NOON) == 1
    assert store.payloads("yahoo", NOON) == [page]
    assert store.payloads("yahoo", LATER) == []
    assert store.newest("yahoo") == {("close", "A"): {date(2020, 3, 2): 10.0}}
    assert store.newest("other") == {}
    [told] = store.status()["sources"]
    assert (told["received"], told["stored"], told["quarantined"]) == (2, 1, 1)


def test_the_newest_values_of_a_window_are_those_of_the_whole(store):
    days = ("2020-02-03", "2020-03-02", "2020-03-03")
    for value, source in ((1, "one"), (2, "two"), (3, "one")):
        store.append(source, observed(*(("close", "A", day, value, None) for day in days)), NOON if value < 3 else LATER)
    since = date(2020, 3, 2)
    assert store.newest("one", since) == {("close", "A"): dict.fromkeys((since, date(2020, 3, 3)), 3.0)}
    assert store.newest("two", date(2020, 3, 4)) == {}
    assert (store.last_day("two"), store.last_day("none")) == (date(2020, 3, 3), None)


def test_of_two_sources_the_one_that_came_first_is_taken(store):
    store.append("one", observed(("close", "A", "2020-03-02", 10, None)), NOON)
    others = observed(("close", "A", "2020-03-02", 20, None), ("close", "A", "2020-03-03", 21, None), ("close", "B", "2020-03-02", 5, None))
    store.append("two", others, NOON)
    assert [(row[1], row[3]) for row in seen(store, LATER)] == [("A", 10.0), ("B", 5.0)]


def test_a_reader_waits_for_no_writer_and_sees_one_state(store):
    store.append("s", observed(("close", "A", "2020-03-02", 10, None)), NOON)
    with database.transaction(store.engine, writes=True) as connection:
        connection.execute(text("INSERT INTO names VALUES (77, 's', 'close', 'B', 'x')"))
        assert len(seen(store, LATER)) == 1  # in the same thread: it would hang for ever if it waited
        connection.rollback()


def test_two_ingests_at_once_lose_nothing(url):
    Store.create(url)
    batches = [observed(*(("close", f"N{n}", f"2020-03-{d:02d}", d, None) for d in range(1, 20))) for n in range(2)]
    threads = [threading.Thread(target=lambda b=b: [Store.open(url).append("s", b, NOON) for _ in range(5)]) for b in batches]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    store = Store.open(url)
    assert len(seen(store, LATER)) == 38
    assert [(s["batches"], s["received"], s["stored"]) for s in store.status()["sources"]] == [(10, 190, 38)]
    assert verify(store) == []


def test_a_second_writer_gives_up_in_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(database, "_SQLITE", (*database._SQLITE, "PRAGMA busy_timeout=50"))
    store = Store.create(f"sqlite:///{tmp_path}/radar.db")
    with database.transaction(store.engine, writes=True), pytest.raises(StorageError, match="locked by another writer; nothing was stored"):
        store.append("s", observed(("close", "A", "2020-03-02", 10, None)), NOON)


def test_an_older_store_is_brought_up_whole_or_not_at_all(url, monkeypatch):
    with monkeypatch.context() as old:
        old.setattr(schema, "MIGRATIONS", schema.MIGRATIONS[:1])
        Store.create(url)

    second = schema.MIGRATIONS[1]

    def dies(connection):
        second(connection)
        raise StorageError("killed in the middle")

    with monkeypatch.context() as broken:
        broken.setattr(schema, "MIGRATIONS", (schema.MIGRATIONS[0], dies))
        with pytest.raises(StorageError, match="killed"):
            Store.open(url)
    with monkeypatch.context() as old:
        old.setattr(schema, "MIGRATIONS", schema.MIGRATIONS[:1])
        assert Store.open(url).status()["schema"] == 1
    store = Store.open(url)
    assert store.status()["schema"] == len(schema.MIGRATIONS)
    assert counts(store.append("s", observed(*(("close", "A", "2020-03-02", v, None) for v in (1, 2))), NOON)) == (2, 0, 0, 0, 2)


def test_a_newer_store_is_left_alone(url, monkeypatch):
    with monkeypatch.context() as newer:
        newer.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, lambda connection: None))
        Store.create(url)
    have = len(schema.MIGRATIONS)
    with pytest.raises(StorageError, match=rf"schema {have + 1} .* knows {have}; nothing was changed; install a newer"):
        Store.open(url)


@pytest.mark.parametrize("bad", ["mysql://x/y", "sqlite://", "postgresql://host/db", "no url"])
def test_an_address_that_cannot_be_used(bad):
    with pytest.raises(UsageError, match="nothing was opened"):
        Store.open(bad)


def test_no_store_there(tmp_path):
    with pytest.raises(UsageError, match="riskradar init"):
        Store.open(f"sqlite:///{tmp_path}/radar.db")
    assert list(tmp_path.iterdir()) == []


def test_a_moment_needs_its_zone(store):
    with pytest.raises(UsageError, match="no time zone"):
        store.as_of(datetime(2020, 1, 1))
