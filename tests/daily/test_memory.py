"""A market that goes on from the evening before is, bit for bit, the market that is read as a whole."""

from datetime import datetime, timedelta

import numpy as np
import pytest

from riskradar import config as configuration
from riskradar.config import Config
from riskradar.daily import market as markets
from riskradar.daily.market import Market
from riskradar.daily.memory import CARRIED, Memory
from riskradar.data.calendar import exchange
from riskradar.features import FEATURES
from riskradar.store import Store, database, ledger
from riskradar.tables.observations import Observations

FIRST, SESSIONS, HISTORY = 540, 562, 3
LAYERS = ("correlation", "residual", "correlation~shuffled")
ASSETS = tuple(f"A{i}" for i in range(7))


def bits(array):
    return np.ascontiguousarray(array).tobytes()


class Exchange:
    """A store that hears of one session after the other: closes, volumes, an index and macro series with their lags."""

    def __init__(self, folder, **settings):
        self.store = Store.create(f"sqlite:///{folder}/radar.db")
        days = exchange("XNYS").days
        at = int(np.searchsorted(days, np.datetime64("2001-01-02")))
        self.days = days[at : at + SESSIONS]
        rng = np.random.default_rng(3)
        self.close = 50 * np.exp(np.cumsum(rng.normal(0, 0.02, (SESSIONS, len(ASSETS))), axis=0))
        self.close[:50, 6] = np.nan  # listed later
        self.close[500:, 5] = np.nan  # gone before the first evening
        self.close[rng.random(self.close.shape) < 0.01] = np.nan
        self.macro = {name: 2 + np.abs(np.cumsum(rng.normal(0, 0.1, SESSIONS))) for name in ("vix", "term_10y_3m", "baa10y", "spx")}
        given = {
            "data": {"store": "x", "calendar": "XNYS", "start": "1990-01-01", **settings}, "labels": {"units": "nodes"},
            "layers": {"names": list(LAYERS), "residual": {"window": 30, "refresh": "monthly"}},
            "features": {"node": [n for n, f in FEATURES.items() if f.axis == "node" and not f.needs],
                         "context": [n for n, f in FEATURES.items() if f.axis == "context"]},
        }  # fmt: skip
        self.config = configuration.check(given, Config)

    def cells(self, t):
        day = self.days[t].item()
        rows = [("close", name, day, float(self.close[t, i]), None) for i, name in enumerate(ASSETS) if np.isfinite(self.close[t, i])]
        rows += [("volume", name, day, 1000.0 + t * i, None) for i, name in enumerate(ASSETS) if np.isfinite(self.close[t, i])]
        return rows + [(name, "", day, float(values[t]), None) for name, values in self.macro.items()]

    def add(self, start, stop, more=()):
        rows = [row for t in range(start, stop) for row in self.cells(t)]
        self.store.append("file", Observations.of_rows([*rows, *more]), self.evening(stop - 1))

    def evening(self, t):
        return datetime.fromisoformat(f"{self.days[t]}T23:00:00+00:00")

    def both(self, memory, t, *, with_graphs=True):
        """The market that goes on, and the one that is read as a whole."""
        found, given = self.goes_on(memory, t)
        panel, _ = READ(self.store, self.config, *given)
        return found, Market.of(panel, self.config, with_graphs=with_graphs)

    def goes_on(self, memory, t):
        """The market that goes on, and what it was asked for."""
        with database.transaction(self.store.engine, writes=False) as connection:
            batch = ledger.last_batch(connection)
        given = markets.reading_day(self.evening(t)), batch, self.days[t]
        return memory.market(*given, self.days[t - 1]), given


READ = markets.read


@pytest.fixture
def reads(monkeypatch):
    """How often the whole was read."""
    found = []

    def read(*given):
        found.append(given)
        return READ(*given)

    monkeypatch.setattr(markets, "read", read)
    return found


def equal(found, whole):
    """Every table on the sessions that both have."""
    n, g, T = len(found.panel.dates), len(found.graphs.dates), len(whole.dates)
    panel = whole.panel.rows(T - n, T)
    assert bits(found.dates) == bits(whole.dates)
    for name in ("close", "member", "sector", "level", "volume", "dates"):
        assert bits(getattr(found.panel, name)) == bits(getattr(panel, name)), name
    assert facts(found.panel.facts) == facts(whole.panel.facts)
    assert (found.panel.assets, found.panel.kind, found.panel.sectors) == (panel.assets, panel.kind, panel.sectors)
    for table, names in (("features", ("values", "context", "member")), ("labels", ("values", "known", "onset", "level"))):
        for name in names:
            assert bits(getattr(getattr(found, table), name)) == bits(getattr(getattr(whole, table), name)), (table, name)
    assert found.inputs.by_session == whole.inputs.by_session
    drawn = whole.graphs.rows(T - g, T)
    if drawn.layers:
        assert list(found.graphs.layers) == list(drawn.layers)
        assert bits(found.graphs.block(0, g)) == bits(drawn.block(0, g))


def facts(found):
    columns = (found.of.tolist(), found.asset.tolist(), found.date.tolist(), found.known_at.tolist(), found.value.tolist())
    return sorted(zip(*columns, strict=True)), found.series


def evenings(place, reads, stop=SESSIONS, more=None, memory=None):
    """One after the other; the whole is read at the first, and where it has to be."""
    memory = memory or Memory(place.store, place.config, HISTORY)
    place.add(0, FIRST)
    place.both(memory, FIRST - 1)
    for t in range(FIRST, stop):
        place.add(t, t + 1, more(t) if more else ())
        if t % 3 and t < stop - 1:
            place.goes_on(memory, t)
        else:
            equal(*place.both(memory, t, with_graphs=t == stop - 1))
    return len(reads)


@pytest.mark.parametrize("index", ["equal-weight", "spx", "A0", "auto"])
def test_a_market_goes_on_without_reading_the_whole_again(tmp_path, reads, index):
    assert evenings(Exchange(tmp_path, index=index), reads, FIRST + 4) == 1


def test_corrections_new_names_and_lost_sessions_are_read_as_a_whole(tmp_path, reads):
    place = Exchange(tmp_path)

    def more(t):
        day = place.days[t].item()
        late = place.days[t - 9].item()
        return {
            FIRST + 2: [("close", "A1", late, 1.5, day)], FIRST + 5: [("close", "NEW", day, 8.0, None)],
            FIRST + 8: [("vix", "", late, 77.0, day)], FIRST + 11: [("cpi", "", late, 3.0, day)],
            FIRST + 14: [("close", "A2", day + timedelta(days=1), 9.0, None)], FIRST + 18: [("vix", "", day - timedelta(days=70), 5.0, day)],
        }.get(t, ())  # fmt: skip

    assert evenings(place, reads, FIRST + 20, more) == 4


def test_what_a_file_says_otherwise_is_read_as_a_whole(tmp_path, reads):
    sectors = tmp_path / "sectors.csv"
    sectors.write_text("asset,sector\n" + "".join(f"{name},{'AB'[i % 2]}\n" for i, name in enumerate(ASSETS)))
    place = Exchange(tmp_path, sectors=str(sectors))
    memory = Memory(place.store, place.config, HISTORY)
    assert evenings(place, reads, FIRST + 4, memory=memory) == 1
    sectors.write_text(sectors.read_text().replace("A0,A", "A0,B"))
    place.add(FIRST + 4, FIRST + 5)
    equal(*place.both(memory, FIRST + 4))
    assert len(reads) == 2


def test_several_sessions_at_once_a_long_absence_and_a_step_back(tmp_path, reads):
    place = Exchange(tmp_path)
    memory = Memory(place.store, place.config, HISTORY)
    place.add(0, FIRST - 80)
    place.both(memory, FIRST - 81)
    for start, stop in ((FIRST - 80, FIRST - 79), (FIRST - 79, FIRST - 70), (FIRST - 70, FIRST), (FIRST, FIRST + 3)):
        place.add(start, stop)
        equal(*place.both(memory, stop - 1))
    assert len(reads) == 2
    equal(*place.both(memory, FIRST))


def test_each_feature_that_remembers_all_sessions_carries_what_it_needs():
    assert {name for name, feature in FEATURES.items() if not feature.reads} == set(CARRIED)
