"""Proof: every page of stored runs opens in Chromium without an error, a request to another host, a shift after it is drawn or a barrier.

    python prove/walk.py [RUNS]     writes proofs/walk.json; RUNS: the folder of the stored runs, of which the newest is shown; its data must be there

Each page is opened wide and as on a phone, light and dark: console errors, requests to other hosts, layout shift, what axe finds serious, and text
wider than the screen. Then the hand is measured, as medians: the first paint of the overview, the answer to a choice on its timeline, and the way of
the network from a scrubbed date to its drawing.
"""

import itertools
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.serve.conftest import listening
from tests.serve.test_pages_browser import CHROMIUM, PAGES, SHIFT, SIZES, Tab

from riskradar.serve import create_app
from riskradar.serve.security import Limits

OUT = Path("proofs/walk.json")
BARS = {"first paint": 1000.0, "timeline": 100.0, "network": 500.0}  # milliseconds
MOST_SHIFT, TRIES, PATIENCE = 0.01, 9, 300_000
PAINT = "() => performance.getEntriesByName('first-contentful-paint')[0].startTime"
ANSWER = """([place, act]) => new Promise(done => {
  const stage = document.querySelector(place), start = performance.now();
  new MutationObserver((_, seen) => { seen.disconnect(); requestAnimationFrame(() => done(performance.now() - start)); })
    .observe(stage, { attributes: true, attributeFilter: ["data-drawn"] });
  if (act.value === null) document.querySelectorAll(act.on)[act.nth].click();
  else {
    const bar = document.querySelector(act.on);
    bar.value = act.value;
    for (const kind of ["input", "change"]) bar.dispatchEvent(new Event(kind, { bubbles: true }));
  }
})"""


def walked(tab: Tab, path: str, width: int) -> list[str]:
    """What is wrong with a page."""
    page = tab.open(path).page
    wrong = [*tab.trouble]
    if (shift := page.evaluate(SHIFT)) >= MOST_SHIFT:
        wrong.append(f"shifts by {shift:.3f}")
    if (needed := page.evaluate("document.documentElement.scrollWidth")) != width:
        wrong.append(f"{needed} pixels wide")
    return wrong + [f"axe: {each['id']}" for each in Axe().run(page).response["violations"] if each["impact"] in ("serious", "critical")]


def timed(tab: Tab) -> dict[str, float]:
    """Milliseconds from a hand's move to what it draws."""
    paint = [tab.open("/").page.evaluate(PAINT) for _ in range(TRIES)]
    buttons = tab.page.locator("#targets button").count()
    chosen = [tab.page.evaluate(ANSWER, ["#stage", {"on": "#targets button", "nth": 1 + k % (buttons - 1), "value": None}]) for k in range(TRIES)]
    page = tab.open("/network").page
    last = int(page.locator("#range").get_attribute("max") or 0)
    places = [str(last * (k + 1) // (TRIES + 2)) for k in range(TRIES)]
    scrubbed = [page.evaluate(ANSWER, ["#network", {"on": "#range", "nth": 0, "value": place}]) for place in places]
    return {"first paint": median(paint), "timeline": median(chosen), "network": median(scrubbed)}


def main(home: Path) -> None:
    """Walk, measure, judge."""
    app, wrong = create_app(home, limits=Limits(rate=1e6, burst=10**6)), {}
    with listening(app) as port, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for path, size, theme in itertools.product(PAGES, SIZES, ("light", "dark")):
            with browser.new_context(viewport=SIZES[size], color_scheme=theme) as context:
                context.set_default_timeout(PATIENCE)
                if found := walked(Tab(context.new_page(), f"http://127.0.0.1:{port}"), path, SIZES[size]["width"]):
                    wrong[f"{path} {size} {theme}"] = found
        with browser.new_context(viewport=SIZES["wide"]) as context:
            context.set_default_timeout(PATIENCE)
            took = timed(Tab(context.new_page(), f"http://127.0.0.1:{port}"))
        browser.close()
    slow = [f"{name} {took[name]:.0f} ms, bar {bar:.0f}" for name, bar in BARS.items() if took[name] > bar]
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps({"date": f"{datetime.now(UTC):%Y-%m-%d}", "pages": len(PAGES), "wrong": wrong, "milliseconds": took}, indent=1))
    print(f"{len(PAGES)} pages in 4 forms; {'; '.join(f'{name} {ms:.0f} ms' for name, ms in took.items())}")
    for line in [*(f"{name}: {'; '.join(found)}" for name, found in wrong.items()), *slow]:
        print(line)
    sys.exit(1 if wrong or slow else 0)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "runs"))
