"""A panel from the store is the panel from the files, bit for bit; damage is found, named, and mended from the raw files."""

import json
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import select, text, update

from riskradar import api, config, data, record
from riskradar.cli import app
from riskradar.daily.workspace import enter
from riskradar.data import DataConfig
from riskradar.errors import InputError, StorageError, UsageError
from riskradar.store import Store, database, import_file, read, repair, schema, verify
from tests import markets

NOW = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A generated market as files: long prices with volume, wide macro, long sentiment with known_at; some cells are bad, some come twice."""
    folder = tmp_path_factory.mktemp("files")
    market = markets.ragged(300, seed=4)
    wide = pd.DataFrame(market.close, index=pd.DatetimeIndex(market.dates, name="date"), columns=market.assets)
    long = wide.melt(ignore_index=False, var_name="ticker", value_name="close").dropna().reset_index()
    long["volume"] = np.arange(len(long)) * 10.0
    long = pd.concat([long, long.iloc[5:9]])
    long["close"] = long["close"].map(repr)
    long.iloc[3, long.columns.get_loc("close")] = "-1"
    long.to_csv(folder / "prices.csv", index=False)
    facts = market.facts
    names = np.array(facts.series)[facts.of]
    rows = pd.DataFrame({"date": facts.date, "series": names, "value": facts.value, "known_at": facts.known_at})
    rows.to_parquet(folder / "macro.parquet")
    tones = pd.DataFrame({"date": market.dates[:50], "ticker": "A03", "vader_mean": np.linspace(-1, 1, 50), "n_headlines": 3})
    tones.to_csv(folder / "sentiment.csv", index=False)
    return folder


def settings(folder, **more):
    named = {"prices": "prices.csv", "macro": "macro.parquet", "sentiment": "sentiment.csv"}
    return DataConfig(**{name: str(folder / file) for name, file in named.items()}, calendar="observed", **more)


def filled(url, folder):
    store = Store.create(url)
    made = settings(folder)
    for setting in ("prices", "macro", "sentiment"):
        receipt = import_file(store, getattr(made, setting), setting, NOW)
        assert receipt.received == receipt.stored + receipt.identical + receipt.quarantined
    return store


def test_the_same_panel_as_from_files(url, files):
    store = filled(url, files)
    ours, _ = data.assemble(read(DataConfig(store=url, calendar="observed")), DataConfig(calendar="observed"))
    theirs, _ = data.load(settings(files))
    assert record.panel_hash(ours) == record.panel_hash(theirs)
    assert np.isfinite(ours.volume).sum() == np.isfinite(theirs.volume).sum() > 0
    told = store.status()["sources"][0]
    assert told["quarantined"] == 1
    assert verify(store) == []


def test_as_of_a_day_is_the_cut_of_the_files(tmp_path, files):
    url = f"sqlite:///{tmp_path}/radar.db"
    filled(url, files)
    made = settings(files)
    for cut in ("2000-06-01", "2000-12-29"):
        ours, _ = data.assemble(read(DataConfig(store=url, calendar="observed", as_of=cut)), made)
        theirs, _ = data.assemble(data.read(made).upto(cut), made)
        assert str(ours.dates[-1]) <= cut
        assert np.array_equal(ours.dates, theirs.dates)
        listed = [theirs.assets.index(name) for name in ours.assets]  # what has not come yet has no name either
        assert np.isnan(np.delete(theirs.close, listed, axis=1)).all()
        assert np.array_equal(ours.close, theirs.close[:, listed], equal_nan=True)
        for series in theirs.facts.series:
            assert np.array_equal(ours.facts.view(series, ours.dates), theirs.facts.view(series, ours.dates), equal_nan=True)


def test_the_same_panel_of_the_sample(tmp_path):
    url = f"sqlite:///{tmp_path}/radar.db"
    store = Store.create(url)
    from riskradar.data import sample

    panel, _ = data.load(DataConfig())
    for grid in sample.prices():
        frame = grid.data.rename_columns(list(grid.columns)).to_pandas()
        frame.to_csv(tmp_path / grid.name.removesuffix(".gz"), index=False)
        import_file(store, tmp_path / grid.name.removesuffix(".gz"), "prices", NOW)
    rows = [(name, sector, "stock") for sector, names in sample.SECTORS.items() for name in names] + [(sample.INDEX, "", "index")]
    pd.DataFrame(rows, columns=["ticker", "sector", "kind"]).to_csv(tmp_path / "sectors.csv", index=False)
    made = DataConfig(store=url, sectors=str(tmp_path / "sectors.csv"))
    assert record.panel_hash(data.assemble(read(made), made)[0]) == record.panel_hash(panel)


def test_a_store_moves_no_hash_but_as_of_does():
    plain = config.load("tiny")
    assert config.load("tiny", None, ["data.store=sqlite:///x/radar.db"]).hash() == plain.hash()
    assert config.load("tiny", None, ["data.as_of=2020-01-02"]).hash() != plain.hash()


def test_no_password_in_the_settings():
    with pytest.raises(UsageError, match="holds a password") as told:
        config.load("tiny", None, ["data.store=postgresql://me:canary@host/db?payloads=x"])
    assert "canary" not in str(told.value)


def test_init_puts_the_rows_on_a_server(url, tmp_path, monkeypatch, files):
    if url.startswith("sqlite"):
        with pytest.raises(UsageError, match="no PostgreSQL"):
            api.init(tmp_path / "s", server=url)
        return
    monkeypatch.chdir(tmp_path)
    server, _, _ = url.partition("&payloads=")
    for secret in (server.replace("radar@", "radar:canary@"), f"{server}&password=canary"):
        with pytest.raises(UsageError, match="password") as told:
            api.init(tmp_path / "a folder", server=secret)
        assert "canary" not in str(told.value)
        assert not (tmp_path / "a folder").exists()
    api.init(tmp_path / "a folder", server=server)
    api.data_import("", [files / "prices.csv"])
    made, store = enter(Path("riskradar.toml"))
    assert made.data.store.startswith("postgresql://")
    assert store.status()["sources"][0]["stored"] > 0


def test_a_series_that_sounds_like_a_price_is_refused(tmp_path):
    (tmp_path / "s.csv").write_text("date,ticker,close\n2020-01-02,A,1\n")
    store = Store.create(f"sqlite:///{tmp_path}/radar.db")
    with pytest.raises(InputError, match="rename it"):
        import_file(store, tmp_path / "s.csv", "sentiment", NOW)
    assert store.status()["sources"] == []


@pytest.mark.parametrize("table", ["names", "batches", "blocks", "payloads", "quarantine"])
def test_a_changed_byte_is_found_and_named(url, files, table):
    store = filled(url, files)
    column = {"names": "series", "batches": "moment", "blocks": "first", "payloads": "url", "quarantine": "value"}[table]
    with database.transaction(store.engine, writes=True) as connection:
        of = schema.METADATA.tables[table]
        now = connection.execute(select(of.c[column]).where(of.c.id == 1)).scalar_one()
        connection.execute(update(of).where(of.c.id == 1).values({column: now + (1 if isinstance(now, int) else "x")}))
    assert f"{table}: row 1 is not what was stored" in verify(store)
    if table in ("names", "blocks"):
        with pytest.raises(StorageError, match=f"{table}: row 1 is not what was stored"):
            store.as_of(NOW).observations()


def test_a_damaged_block_comes_back_from_the_raw_file(url, files):
    store = filled(url, files)
    before = read(DataConfig(store=url, calendar="observed"))
    with database.transaction(store.engine, writes=True) as connection:
        kept = bytes(connection.execute(text("SELECT data FROM blocks WHERE id = 2")).scalar_one())
        connection.execute(text("UPDATE blocks SET data = :data WHERE id = 2"), {"data": kept[:-1] + bytes([kept[-1] ^ 1])})
    assert repair(store) == ["blocks: row 2 restored from its raw payload"]
    assert verify(store) == repair(store) == []
    after = read(DataConfig(store=url, calendar="observed"))
    assert all(np.array_equal(after.tables[t].value, before.tables[t].value, equal_nan=True) for t in before.tables)


def test_a_damaged_raw_file_is_named_and_its_rows_stay(tmp_path, files):
    store = filled(f"sqlite:///{tmp_path}/radar.db", files)
    victim = sorted(store.payload_folder.iterdir())[0]
    content = bytearray(victim.read_bytes())
    content[len(content) // 2] ^= 1
    victim.write_bytes(bytes(content))
    [line] = verify(store)
    assert victim.name in line
    for setting in ("prices", "macro", "sentiment"):  # the same files again put it back
        import_file(store, getattr(settings(files), setting), setting, NOW)
    assert verify(store) == []


def test_a_file_that_is_no_database(tmp_path):
    Store.create(f"sqlite:///{tmp_path}/radar.db")
    (tmp_path / "radar.db").write_bytes(b"not a database" * 100)
    (tmp_path / "radar.db-wal").unlink(missing_ok=True)
    with pytest.raises(StorageError, match="is damaged"):
        Store.open(f"sqlite:///{tmp_path}/radar.db")


def test_the_command_line(tmp_path, files):
    from typer.testing import CliRunner

    def said(*words):
        done = CliRunner().invoke(app, [*words])
        assert done.exit_code == 0, done.output
        return done.stdout

    url = said("init", str(tmp_path / "s")).strip().removeprefix("data.store=")
    named = ("--prices", str(files / "prices.csv"), "--macro", str(files / "macro.parquet"))
    told = json.loads(said("data", "import", "--store", url, *named, "--json"))
    assert [one["identical"] for one in told.values()] == [8, 0]
    assert "file" in said("data", "status", "--store", url)
    assert "every row" in said("data", "verify", "--store", url)
    assert "no observation is damaged" in said("data", "repair", "--store", url)
    for name in ("all.parquet", "all.csv"):
        assert said("data", "export", str(tmp_path / name), "--store", url).startswith(f"{sum(one['stored'] for one in told.values()):,} rows")
    assert pd.read_parquet(tmp_path / "all.parquet")["value"].tolist() == pd.read_csv(tmp_path / "all.csv")["value"].tolist()
    assert said("data", "export", str(tmp_path / "none.csv"), "--store", url, "--as-of", "1980-01-01").startswith("0 rows")


def test_init_writes_the_settings_that_the_next_verbs_read(tmp_path, files, monkeypatch):
    from typer.testing import CliRunner

    monkeypatch.chdir(tmp_path)
    for words in (["init", "my store"], ["data", "import", "--prices", str(files / "prices.csv")], ["data", "status"], ["data", "verify"]):
        assert CliRunner().invoke(app, words).exit_code == 0
    written = Path("riskradar.toml").read_text()
    made, store = enter(Path("riskradar.toml"))
    assert made.data.store == f"sqlite:///{tmp_path}/my store/radar.db"
    assert store.status()["sources"][0]["stored"] > 0
    Path("riskradar.toml").write_text("[data]\nstore = 'sqlite:///mine.db'\n")
    api.init(Path("my store"))
    assert Path("riskradar.toml").read_text() == "[data]\nstore = 'sqlite:///mine.db'\n"
    Path("all.toml").write_text(re.sub(r"^# (\[?\w+( = .*|\])$)", r"\1", written.replace("use = []  ", "# "), flags=re.MULTILINE))
    full = config.load("standard", Path("all.toml"))
    assert full.sources.use == ("yahoo", "fred")
    assert (full.data.index, full.daily.model, full.alerts.target) == ("SPY", "ewma-vol", "20/10")


def test_the_calendar():

    assert api.data_calendar("XNYS", "2001-09-10", "2001-09-18") == ["2001-09-10", "2001-09-17", "2001-09-18"]
    assert len(api.data_calendar()) >= 8
    for wrong in (("XNIS",), ("XNYS", "tomorrow")):
        with pytest.raises(UsageError):
            api.data_calendar(*wrong)


def test_the_store_is_light():
    code = "import sys, riskradar.store; print({'torch', 'pandas'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True).stdout == "set()\n"
