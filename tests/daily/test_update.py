"""One evening after the other: what is scored, when, and that nothing is scored twice."""

import json
import sqlite3
from datetime import timedelta

import numpy as np
import pytest
from sqlalchemy import select

from riskradar import api, record
from riskradar.attribution import drivers
from riskradar.errors import UsageError
from riskradar.reopen import reopen
from riskradar.store import Store, database, ledger
from riskradar.store.schema import SCORES, signed
from riskradar.tables.observations import Observations
from tests.daily.workspace import NETWORK, TRAINED, copied, made

LATER = ("made_at", "read", "batch", "late", "hash")  # when a row was made, not what it says


def said(rows):
    return [{key: value for key, value in row.items() if key not in LATER} for row in rows]


def test_evenings_one_by_one_say_what_one_backfill_says(trained, place, tmp_path):
    other, evenings = copied(trained, tmp_path / "other"), []
    first = place.update(TRAINED - 1)
    assert [row["date"] for row in first.rows] == [str(place.dates[TRAINED - 1])] * 2
    for t in range(TRAINED, TRAINED + 8):
        place.add(t, t + 1)
        evenings += place.update(t).rows
    other.update(TRAINED - 1)
    other.add(TRAINED, TRAINED + 8)
    at_once = other.update(TRAINED + 7).rows
    assert len(evenings) == 16
    assert said(evenings) == said(at_once)
    assert not place.update(TRAINED + 7).rows
    found = api.replay(evenings[4]["date"], file=place.file, home=place.home)
    assert (found.equal, found.differs) == (True, ())
    now = api.now(file=place.file, home=place.home, moment=place.evening(TRAINED + 7))
    assert (now["date"], now["withheld"]) == (evenings[-1]["date"], "")
    assert all(0 < row["probability"] < 1 and row["drivers"] for row in now["targets"])


def test_a_network_that_reads_graphs_says_the_same_day_by_day(tmp_path):
    (tmp_path / "one").mkdir()
    one = made(tmp_path / "one", NETWORK, trained=700, sessions=703)
    other = copied(one, tmp_path / "other")
    evenings = list(one.update(699).rows)
    for t in range(700, 703):
        one.add(t, t + 1)
        evenings += one.update(t).rows
    other.add(700, 703)
    assert said(evenings) == said(other.update(702).rows)
    assert all(row["probability"] is not None and row["band"][0] < row["band"][1] for row in evenings)
    assert api.replay(evenings[-1]["date"], file=one.file, home=one.home).equal
    opened = reopen(record.load(one.home, "latest"))
    assert {date for date, _ in drivers.of_run(opened, "snapshot-gcn")} == {str(one.dates[699])}
    for kept in (opened.record.folder / "fitted").iterdir():
        kept.unlink()
    assert drivers.of_run(opened, "snapshot-gcn") == {}


def test_a_revision_leaves_what_was_said_and_its_replay(place):
    place.update(TRAINED - 1)
    place.add(TRAINED, TRAINED + 2)
    place.update(TRAINED + 1)
    other = place.close.copy()
    other[TRAINED - 30 : TRAINED + 1] *= 1.02
    place.add(TRAINED - 30, TRAINED + 1, place.evening(TRAINED + 2), other)
    place.add(TRAINED + 2, TRAINED + 3)
    assert len(place.update(TRAINED + 2).rows) == 2
    for t in range(TRAINED - 1, TRAINED + 3):
        found = api.replay(str(place.dates[t]), file=place.file, home=place.home)
        assert (found.equal, found.differs) == (True, ())


def test_a_name_that_is_imported_later_without_its_dates_changes_no_replay(place):
    place.update(TRAINED - 1)
    late = Observations.of_rows([("close", "ZZ", place.dates[t].item(), 10.0 + t % 7, None) for t in range(TRAINED)])
    place.store.append("file", late, place.evening(TRAINED))
    assert api.replay(str(place.dates[TRAINED - 1]), file=place.file, home=place.home).equal


def test_a_session_with_too_few_closes_is_withheld_and_says_why(place):
    thin = place.close.copy()
    thin[TRAINED, 1:] = np.nan
    thin[TRAINED, 0:2] = place.close[TRAINED, 0:2]
    place.add(TRAINED, TRAINED + 1, close=thin)
    found = place.update(TRAINED)
    assert "40% of the members have a close" in found.withheld
    assert [(row["state"], row["probability"], row["score"]) for row in found.rows[-2:]] == [("withheld", None, None)] * 2
    now = api.now(file=place.file, moment=place.evening(TRAINED))
    assert "40% of the members" in now["withheld"]
    assert api.replay(found.rows[-1]["date"], file=place.file, home=place.home).equal


def test_an_old_score_is_not_shown_as_one_of_today(place):
    place.update(TRAINED - 1)
    found = api.now(file=place.file, moment=place.evening(TRAINED - 1) + timedelta(days=6))
    assert "6 days ago" in found["withheld"]
    assert {row["probability"] for row in found["targets"]} == {None}
    json.dumps(found, allow_nan=False)


def test_a_new_run_speaks_only_if_it_is_not_worse(place):
    place.add(TRAINED, TRAINED + 20)
    again = place.train(TRAINED + 17)
    assert again["promoted"] == 1  # the same rule: the same scores on the days that both scored
    better = place.train(TRAINED + 18, settings=["models.names=['base-rate', 'trend']", "daily.model='trend'"])
    worse = place.train(TRAINED + 19)
    assert (better["promoted"], worse["promoted"]) == (1, 0), worse["reason"]
    losses = [float(word) for word in worse["reason"].split() if word.startswith("0.")]
    assert losses[0] > losses[1]
    assert len(list(place.home.glob("*/run.json"))) == 4
    assert {row["run"] for row in place.update(TRAINED + 19).rows} == {better["run"]}


def test_without_a_run_that_speaks_nothing_is_scored(tmp_path):
    Store.create(f"sqlite:///{tmp_path}/radar.db")
    file = tmp_path / "riskradar.toml"
    file.write_text(f'[data]\nstore = "sqlite:///{tmp_path}/radar.db"\n')
    with pytest.raises(UsageError, match="no run speaks yet"):
        api.update(file=file, home=tmp_path / "runs", offline=True)
    with pytest.raises(UsageError, match="no score was made yet"):
        api.now(file=file, home=tmp_path / "runs")
    file.write_text("[data]\n")
    with pytest.raises(UsageError, match=r"names no data\.store"):
        api.update(file=file, offline=True)


def test_a_changed_byte_is_found_and_named(place):
    place.update(TRAINED - 1)
    date = str(place.dates[TRAINED - 1])
    model = next(place.home.glob("*/fitted/*.safetensors"))
    whole = model.read_bytes()
    model.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    found = api.replay(date, file=place.file, home=place.home)
    assert not found.equal
    assert str(model) in found.differs[0]
    model.write_bytes(whole)
    with sqlite3.connect(place.file.parent / "radar.db") as database:
        block, data = database.execute("select id, data from blocks order by id desc limit 1").fetchone()
        database.execute("update blocks set data = ? where id = ?", (data[:-1] + bytes([data[-1] ^ 1]), block))
    database.close()
    assert f"blocks: row {block}" in api.replay(date, file=place.file, home=place.home).differs[0]
    with sqlite3.connect(place.file.parent / "radar.db") as database:
        database.execute("update blocks set data = ? where id = ?", (data, block))
        database.execute("update scores set said = replace(said, '0.', '1.') where id = 2")
    database.close()
    assert "scores: row 2" in api.replay(date, file=place.file, home=place.home).differs[0]
    with place.store.engine.connect() as connection:
        assert list(ledger.broken(connection)) == [f"scores: row 2 ({date} 20/5) is not what was stored"]


def test_a_score_that_is_signed_anew_breaks_the_chain(place):
    place.add(TRAINED, TRAINED + 1)
    place.update(TRAINED)
    with database.transaction(place.store.engine, writes=True) as connection:
        row = dict(connection.execute(select(SCORES).where(SCORES.c.id == 2)).mappings().one())
        forged = signed({**row, "said": row["said"].replace("0.", "1.")})
        connection.execute(SCORES.update().where(SCORES.c.id == 2).values(forged))
        assert list(ledger.broken(connection)) == [f"scores: row 3 ({place.dates[TRAINED]} 5/3) does not follow the one before"]
