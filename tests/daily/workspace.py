"""A workspace in a folder of its own: a generated market in a store, a few rules trained on its first years."""

import json
import shutil
import threading
from dataclasses import dataclass
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np

from riskradar import api
from riskradar.store import Store
from riskradar.tables.observations import Observations
from tests import markets

SESSIONS, TRAINED = 1600, 1530  # an alarm begins a week after the training
NETWORK = (  # the same with a network that reads graphs
    ('names = ["ewma-vol", "vol+breadth", "logistic-vol"]', 'names = ["snapshot-gcn"]\nseeds = 2\n[models.snapshot]\nwidth = 4\nhead_hidden = 4\n'
     "[models.snapshot.train]\nepochs = 1"),
    ('model = "ewma-vol"', 'model = "snapshot-gcn"'),
)  # fmt: skip
SETTINGS = """
preset = "tiny"

[data]
store = "sqlite:///{folder}/radar.db"
calendar = "observed"
start = 2000-01-03

[measures]
names = ["average-correlation"]

[models]
names = ["ewma-vol", "vol+breadth", "logistic-vol"]

[split]
first = 2002-01-02

[evaluate]
start = 2002-01-02
draws = 20

[daily]
model = "ewma-vol"
late = 4

[alerts]
target = "20/5"
rate = 0.4
"""


@dataclass(frozen=True)
class Workspace:
    """file: the settings; home: the runs; dates and close [T, N] of the whole market."""

    file: Path
    dates: np.ndarray
    close: np.ndarray

    @property
    def home(self):
        return self.file.parent / "runs"

    @property
    def store(self):
        return Store.open(f"sqlite:///{self.file.parent}/radar.db")

    def evening(self, t):
        """23:00 UTC of session t, in the early evening of New York."""
        return datetime.fromisoformat(f"{self.dates[t]}T23:00:00+00:00")

    def add(self, start, stop, at=None, close=None):
        """The closes of sessions start ... stop-1, as they come on the evening of the last of them."""
        values = self.close if close is None else close
        rows = [("close", f"A{i:02d}", self.dates[t].item(), float(values[t, i]), None)
                for t in range(start, stop) for i in range(values.shape[1]) if np.isfinite(values[t, i])]  # fmt: skip
        self.store.append("file", Observations.of_rows(rows), at or self.evening(stop - 1))

    def at(self, moment):
        """An update at a moment."""
        return api.update(file=self.file, home=self.home, now=moment, offline=True)

    def update(self, t):
        """The update on the evening of session t."""
        return self.at(self.evening(t))

    def train(self, t, **more):
        return api.train(file=self.file, home=self.home, now=self.evening(t), **more)


def closes(sessions=SESSIONS):
    """Dates and closes of the whole market."""
    return markets.days(sessions), markets.walk(sessions, 5, 3)


def made(folder, settings=(), trained=TRAINED, sessions=SESSIONS):
    """A trained workspace in a folder."""
    Store.create(f"sqlite:///{folder}/radar.db")
    file = folder / "riskradar.toml"
    text = SETTINGS.format(folder=folder)
    for old, new in settings:
        assert old in text
        text = text.replace(old, new)
    file.write_text(text)
    place = Workspace(file, *closes(sessions))
    place.add(0, trained)
    place.train(trained - 1)
    return place


def copied(place, folder):
    """The same workspace in another folder."""
    shutil.copytree(place.file.parent, folder)
    file = folder / "riskradar.toml"
    file.write_text(file.read_text().replace(str(place.file.parent), str(folder)))
    return Workspace(file, place.dates, place.close)


class Receiver:
    """An HTTP address that notes the keys that it was sent; while it is `down` it takes nothing."""

    def __init__(self):
        self.keys, self.bodies, self.down = [], [], False
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if not outer.down:
                    outer.keys.append(self.headers["Idempotency-Key"])
                    outer.bodies.append(body)
                self.send_response(503 if outer.down else 204)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
