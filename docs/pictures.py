"""Take the pictures of the guide: the pages of `riskradar serve` over a stored run, with a ledger made evening by evening from the sample.

    python docs/pictures.py RUN ...     writes docs/pictures/*.png; RUN: folders of stored runs, of which the newest is shown; its data must be there

The ledger belongs to a small workspace: rules that learned until the end of 2006, then an update on every evening until 29 February 2008.
"""

import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import uvicorn
from PIL import Image
from playwright.sync_api import Browser, sync_playwright

from riskradar import api, data
from riskradar.alert import FIRING
from riskradar.client import Client, Problem
from riskradar.daily import workspace
from riskradar.data import DataConfig
from riskradar.serve import create_app
from riskradar.serve.pages import NAV
from riskradar.serve.security import Limits
from riskradar.serve.start import bound
from riskradar.serve.workplace import Workplace
from riskradar.store import Store, import_file

OUT = Path(__file__).parent / "pictures"
CHROMIUM = "/usr/bin/chromium"
LEARNED, SEEN, UNTIL = date(2006, 12, 29), date(2007, 10, 1), date(2008, 2, 29)  # alarms before SEEN are acknowledged
SHOTS = (*((path, 1440, "light") for path, _ in NAV), ("/", 1440, "dark"), ("/network", 1440, "dark"), ("/", 390, "light"), ("/alerts", 390, "dark"))
HEIGHTS = {1440: 1180, 390: 844}
MOST = 150_000  # bytes
PATIENCE = 300  # seconds
SETTINGS = """
preset = "tiny"

[data]
store = "sqlite:///{folder}/radar.db"

[models]
names = ["ewma-vol", "breadth", "vol+breadth"]

[labels]
targets = ["5/3", "20/5", "20/10", "60/10"]

[daily]
model = "vol+breadth"

[alerts]
target = "20/10"
"""


def evening(day: date) -> datetime:
    """An hour after a session is complete, in winter and in summer."""
    return datetime(day.year, day.month, day.day, 23, 30, tzinfo=UTC)


def ledger(folder: Path) -> Workplace:
    """A workspace on the sample, scored every evening."""
    url, file, runs = f"sqlite:///{folder}/radar.db", folder / "riskradar.toml", folder / "runs"
    panel, _ = data.assemble(data.read(DataConfig()), DataConfig())
    panel.frame().to_csv(folder / "prices.csv", index_label="date")
    import_file(Store.create(url), folder / "prices.csv", "prices", evening(LEARNED))
    file.write_text(SETTINGS.format(folder=folder))
    api.train(file=file, home=runs, settings=[f"data.end={LEARNED}"], now=evening(LEARNED))
    for day in panel.dates[(panel.dates >= np.datetime64(LEARNED)) & (panel.dates <= np.datetime64(UNTIL))].tolist():
        changed = api.update(file=file, home=runs, offline=True, now=evening(day)).changed
        if day < SEEN and any(row["state"] == FIRING for row in changed):
            number = max(row["id"] for row in api.alerts(file=file, now=evening(day))["log"])
            api.alerts(file=file, now=evening(day), ack=number, note="the desk has cut its exposure by a third")
    return Workplace(*workspace.enter(file), runs, lambda: evening(UNTIL))


@contextmanager
def served(home: Path, place: Workplace) -> Iterator[str]:
    """The address of a server over runs and a ledger."""
    socket = bound("127.0.0.1", 0)
    app = create_app(home, place=place, limits=Limits(rate=1e6, burst=10**6))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, log_level="warning"))
    thread = threading.Thread(target=server.run, args=([socket],))
    thread.start()
    try:
        yield f"http://127.0.0.1:{socket.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


def drawn(address: str) -> None:
    """Wait until the graphs of the run are built, which takes longer than a browser should wait."""
    radar = Client(address, timeout=60)
    for _ in range(PATIENCE):
        try:
            radar.network(radar.about()["as_of"])
            return
        except Problem as problem:
            if problem.status != 503:
                raise
            time.sleep(1)


def taken(browser: Browser, address: str, path: str, width: int, theme: str) -> None:
    """One picture, drawn to the end and packed into few colours."""
    out = OUT / f"{path.strip('/') or 'overview'}-{width}-{theme}.png"
    with browser.new_context(viewport={"width": width, "height": HEIGHTS[width]}, color_scheme=theme) as context:  # type: ignore[arg-type]
        page = context.new_page()
        page.goto(address + path, wait_until="load")
        for place in ("#stage", "#network"):
            if page.locator(place).count():
                page.locator(place).scroll_into_view_if_needed()
                page.wait_for_selector(f"{place}[data-drawn]")
        page.evaluate("scrollTo(0, 0)")
        page.wait_for_timeout(300)
        end = page.evaluate("document.querySelector('footer').getBoundingClientRect().bottom")
        page.screenshot(path=out, clip={"x": 0, "y": 0, "width": width, "height": min(end, HEIGHTS[width])})
    with Image.open(out) as picture:
        picture.convert("RGB").quantize(128, dither=Image.Dither.NONE).save(out, optimize=True)
    size = out.stat().st_size
    if size > MOST:
        raise SystemExit(f"{out} has {size:,} bytes, {MOST:,} are allowed")


def main() -> None:
    """Make the ledger, start the server, take every picture."""
    OUT.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "shown"
        for run in map(Path, sys.argv[1:]):
            shutil.copytree(run, home / run.name)
        place = ledger(Path(folder))
        with served(home, place) as address, sync_playwright() as playwright:
            drawn(address)
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--hide-scrollbars"])
            for shot in SHOTS:
                taken(browser, address, *shot)


if __name__ == "__main__":
    main()
