"""The pages in a browser: no error, no request to another host, nothing that a screen reader or a keyboard cannot use, no name that runs."""

import itertools
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Route, expect, sync_playwright

from riskradar.record import Record
from riskradar.serve import create_app
from riskradar.serve.pages import NAV
from tests.serve.conftest import NAMES, listening
from tests.serve.hostile import TEXTS

CHROMIUM = Path("/usr/bin/chromium")
PAGES = tuple(path for path, _ in NAV)
SIZES = {"wide": {"width": 1440, "height": 900}, "phone": {"width": 390, "height": 844}}
SHIFT = """() => new Promise(done => { let total = 0;
  new PerformanceObserver(list => list.getEntries().forEach(entry => { if (!entry.hadRecentInput) total += entry.value; }))
    .observe({ type: 'layout-shift', buffered: true });
  setTimeout(() => done(total), 50); })"""
TABBED = "() => { const e = document.activeElement; return e === document.body ? '' : (e.id || e.textContent.trim()).slice(0, 40); }"

MADE = """() => [...document.querySelectorAll("*")].filter(e =>
  [...e.attributes].some(a => /^on/i.test(a.name) || (/href|src|action/i.test(a.name) && !/^(\\/|#|\\?|data:,)/.test(a.value)))
  || e.matches("script:not([src]), img, iframe, object, embed, base, meta[http-equiv], marquee, video, math, template, noscript")
).map(e => e.outerHTML.slice(0, 80))"""

pytestmark = pytest.mark.skipif(not CHROMIUM.exists(), reason="no chromium here: the pages were not opened")


class Tab:
    """A page, with what it asked for and what it complained of."""

    def __init__(self, page: Page, origin: str) -> None:
        self.page, self.origin = page, origin
        self.trouble: list[str] = []
        page.on("console", lambda message: self.trouble.append(message.text) if message.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: self.trouble.append(str(error)))
        page.on("dialog", lambda dialog: self.trouble.append(f"dialog {dialog.message}"))
        page.on("request", lambda request: None if request.url.startswith((origin, "data:", "blob:")) else self.trouble.append(request.url))

    def open(self, path: str) -> "Tab":
        """The page, when all that it draws is drawn."""
        self.page.goto(self.origin + path, wait_until="load")
        if self.page.locator("#stage").count():
            self.page.locator("#stage").scroll_into_view_if_needed()
            self.page.wait_for_selector("#stage[data-drawn]")
        if self.page.locator("#making").count():
            self.page.wait_for_selector("#explained, #scenario, h1:has-text('nothing to show')")
        if self.page.locator("#scenario").count():
            self.page.wait_for_selector("#scenario[data-drawn]", state="attached")
        if self.page.locator("#network").count():
            self.page.wait_for_selector("#network[data-drawn]")
        return self

    def drawn(self, place: str) -> str:
        """What a script says that it has drawn."""
        return self.page.locator(place).get_attribute("data-drawn") or ""

    def until_other(self, place: str, before: str) -> str:
        """What is drawn next."""
        self.page.wait_for_function("([place, before]) => { const now = document.querySelector(place).dataset.drawn; return now && now !== before; }",
                                    arg=[place, before])  # fmt: skip
        return self.drawn(place)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield made
        made.close()


@pytest.fixture
def tab(browser: Browser, port: int) -> Iterator[Tab]:
    with browser.new_context(viewport=SIZES["wide"]) as context:  # type: ignore[arg-type]
        made = Tab(context.new_page(), f"http://127.0.0.1:{port}")
        yield made
        assert made.trouble == []


@pytest.mark.parametrize(("size", "theme"), [("wide", "light"), ("phone", "dark")])
@pytest.mark.parametrize("path", PAGES)
def test_every_page_is_quiet_and_can_be_read(browser: Browser, port: int, path: str, size: str, theme: str) -> None:
    with browser.new_context(viewport=SIZES[size], color_scheme=theme) as context:  # type: ignore[arg-type]
        tab = Tab(context.new_page(), f"http://127.0.0.1:{port}").open(path)
        assert tab.page.locator("html").get_attribute("data-theme") == theme
        assert tab.page.evaluate("document.documentElement.scrollWidth") == SIZES[size]["width"]
        assert tab.page.evaluate(SHIFT) < 0.01
        found = Axe().run(tab.page).response["violations"]
        serious = [(each["id"], each["nodes"][0]["html"][:120]) for each in found if each["impact"] in ("serious", "critical")]
        assert serious == []
        assert tab.page.locator("h1").count() == 1
        assert tab.page.locator("img").count() == 0
        assert tab.trouble == []


def test_the_timeline_changes_row_target_and_range(tab: Tab) -> None:
    page = tab.open("/").page
    before = tab.drawn("#stage")
    page.locator("#targets button", has_text="5/3").click()
    assert " 5/3 " in tab.until_other("#stage", before)
    with page.expect_response(lambda answer: "target=5%2F3" in answer.url and "start=2" in answer.url) as finer:
        page.locator("#zooms button").last.click()
    assert finer.value.ok
    page.locator("#model").select_option("logistic-vol")
    page.wait_for_url("**model=logistic-vol#time")
    page.wait_for_selector("#stage[data-drawn^='logistic-vol']")
    assert page.get_by_text("No exact terms").count() == 1


def test_the_sealed_half_is_drawn_as_such(tab: Tab, sealed: Record) -> None:
    page = tab.open(f"/?run={sealed.id}").page
    assert page.get_by_text("sealed half: what came is not told").count() == 1


def test_the_network_follows_layers_dates_and_names(tab: Tab) -> None:
    page = tab.open("/network").page
    assert page.locator("#asset option").all_text_contents() == sorted(NAMES)
    count = page.locator("#count-a").text_content()
    before = tab.drawn("#network")
    page.locator("#layers input").first.uncheck()
    before = tab.until_other("#network", before)
    assert page.locator("#count-a").text_content() != count
    page.locator("#range").fill("40")
    before = tab.until_other("#network", before)
    assert page.locator("#date-a").input_value() == before.split()[0]
    page.locator("#date-b").fill("2009-03-04")
    assert tab.until_other("#network", before).split()[1] == "2009-03-04"
    assert "b=2009-03-04" in page.url
    page.locator("#asset").select_option("A&B")
    assert page.locator("#asset-title").text_content() == "A&B"
    assert page.locator("#asset-rows tr").count() >= 4
    before = tab.drawn("#network")
    page.locator("#date-a").fill("2009-03-09")
    tab.until_other("#network", before)
    told = page.request.get(f"{tab.origin}/v1/runs/latest/network/2009-03-09/paths", params={"source": "A&B"}).json()
    chains = [" › ".join(path["assets"]) for layer in told["layers"] for path in layer["onward"][:3]]
    assert len(chains) > 1
    expect(page.locator("#chains td:not(.n)")).to_have_text(chains)
    dates = [page.locator(f"#date-{side}").input_value() for side in "ab"]
    page.reload()
    page.wait_for_selector("#network[data-drawn]")
    assert [page.locator(f"#date-{side}").input_value() for side in "ab"] == dates


def test_a_day_is_explained_and_compared_by_keyboard(tab: Tab) -> None:
    page = tab.open("/explain").page
    page.locator("#target").select_option("20/5")
    page.locator("[name=date]").fill("2009-03-09")
    page.get_by_role("button", name="Explain").press("Enter")
    page.wait_for_url("**date=2009-03-09**")
    page.wait_for_selector("#explained")
    assert page.locator(".fall .whole").count() == 2
    scores = [float((page.locator(".fall .whole .n").nth(k).text_content() or "").replace("\u2212", "-")) for k in (0, 1)]
    page.locator("[name=against]").fill("2008-09-15")
    page.get_by_role("button", name="Explain").click()
    page.wait_for_url("**against=2008-09-15")
    page.wait_for_selector("text=Score on 15 Sep 2008")
    assert float((page.locator(".fall .whole .n").last.text_content() or "").replace("\u2212", "-")) == scores[1]
    assert page.locator(".imp tbody tr").count() == len(NAMES)


def test_a_scenario_is_run_changed_and_turned_round(tab: Tab) -> None:
    page = tab.open("/scenarios?date=2009-03-09&target=20/5&model=vol%2Bbreadth").page
    assert tab.drawn("#scenario") == ""
    page.locator("#presets button").first.click()
    assert tab.until_other("#scenario", "-").strip() == "market returns -10%"
    said = page.locator("#said").text_content() or ""
    assert said.startswith("If the market fell 10\u202f% further on 9 Mar 2009")
    share = page.locator("#chances .on td").last.text_content() or ""
    assert share.replace("\u202f", "").endswith("%")
    page.locator("#dials input[type=range]").first.focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    assert tab.until_other("#scenario", "market returns -10% ").strip() == "market returns -7%"
    page.locator("#remove").select_option("A&B")
    page.locator("#as-on").fill("2008-09-15")
    page.locator("#run").click()
    assert tab.until_other("#scenario", "market returns -7% ").strip() == "as on 2008-09-15 market returns -7% remove A&B"
    assert "riskradar stress" in (page.locator("#command").text_content() or "")
    page.locator("#reset").click()
    page.locator("#reverse").click()
    assert tab.until_other("#scenario", "as on 2008-09-15 market returns -7% remove A&B ").strip() == "market returns"
    assert (page.locator("#smallest").text_content() or "").startswith("Reverse stress")


def test_what_a_scenario_answers_is_text(tab: Tab) -> None:
    def poison(route: Route) -> None:
        texts, found = itertools.cycle(TEXTS), route.fetch().json()
        names = {key: found["found"][key] for key in ("rows", "target", "model", "alert_line")}
        route.fulfill(json={**poisoned(found, texts), "found": {**poisoned(found["found"], texts), **names, "warnings": [*TEXTS], "notes": [*TEXTS]}})

    tab.page.route("**/stress", poison)
    page = tab.open("/scenarios?date=2009-03-09").page
    page.locator("#presets button").first.click()
    tab.until_other("#scenario", "-")
    page.locator("details summary").first.click()
    assert page.evaluate(MADE) == []
    assert TEXTS[0] in (page.locator("#beyond").text_content() or "")


def test_a_hostile_name_is_a_name(tab: Tab) -> None:
    page = tab.open("/network").page
    for name in (name for name in NAMES if "<" in name):
        page.locator("#asset").select_option(name)
        assert page.locator("#asset-title").text_content() == name
    assert page.locator("#pairs img, #pairs script, #asset-rows b").count() == 0
    assert "<b>" in (page.locator("#asset-said").text_content() or "")


def test_a_page_can_be_used_by_keyboard(tab: Tab) -> None:
    page = tab.open("/").page
    page.keyboard.press("Tab")
    assert page.evaluate(TABBED) == "Skip to content"
    seen = []
    for _ in range(40 + len(NAV)):
        page.keyboard.press("Tab")
        seen.append(page.evaluate(TABBED))
    assert seen[1 : len(NAV) + 2] == [*(name for _, name in NAV), "theme"]
    assert {"model", "5/3", "20/5", "All"} <= set(seen)
    page.locator("#theme").focus()
    was = page.locator("html").get_attribute("data-theme")
    page.keyboard.press("Enter")
    assert page.locator("html").get_attribute("data-theme") != was
    page.reload()
    assert page.locator("html").get_attribute("data-theme") != was


def test_two_runs_are_compared_by_keyboard(tab: Tab) -> None:
    page = tab.open("/runs").page
    page.locator("input[name=second]").last.check()
    page.get_by_role("button", name="Compare the two").press("Enter")
    page.wait_for_url("**first=*")
    assert "differs" in (page.locator("h1").text_content() or "")


def test_an_unknown_run_is_an_empty_page_that_helps(browser: Browser, port: int) -> None:
    with browser.new_context() as context:
        tab = Tab(context.new_page(), f"http://127.0.0.1:{port}").open("/?run=nothing")
        assert tab.page.get_by_role("link", name="The stored runs").count() == 1


def poisoned(value: Any, texts: Iterator[str]) -> Any:
    """The same shape with a hostile text in place of every text."""
    if isinstance(value, dict):
        return {key: poisoned(inner, texts) for key, inner in value.items()}
    if isinstance(value, list):
        return [poisoned(inner, texts) for inner in value]
    return next(texts) if isinstance(value, str) else value


@pytest.fixture(scope="module")
def hostile(stored: Record, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A server over a run whose account and evaluation say hostile things wherever they say something in words."""
    home, texts = tmp_path_factory.mktemp("hostile"), itertools.cycle(TEXTS)
    shutil.copytree(stored.folder, home / stored.id)
    about, evaluation = json.loads(json.dumps(stored.about)), json.loads(json.dumps(stored.evaluation))
    for key in ("environment", "intake"):
        about[key] = poisoned(about[key], texts)
    for names in ("models", "layers", "measures"):
        for told in about[names].values():
            told |= {key: next(texts) for key in ("about", "source", "unit") if key in told}
    about["panel"] |= {"text": next(texts), "index": next(texts)}
    about["protocol"] = poisoned(about["protocol"], texts) | {"split": "2010-01-01"}
    about |= {f"{kind}absent": {next(texts): next(texts) for _ in TEXTS} for kind in ("", "features_", "layers_", "measures_")}
    evaluation |= {"absent": {text: text for text in TEXTS}, "definitions": [{"term": text, "text": text} for text in TEXTS]}
    for row in evaluation["rows"]:
        row["event"]["reason"] = next(texts)
        for cell in row["targets"].values():
            cell["auroc_onset"] |= {"value": None, "reason": next(texts)}
    (home / stored.id / "run.json").write_text(json.dumps(about))
    (home / stored.id / "evaluation.json").write_text(json.dumps(evaluation))
    with listening(create_app(home)) as port:
        yield port


@pytest.mark.parametrize("path", PAGES)
def test_no_text_of_a_run_becomes_a_part_of_a_page(browser: Browser, hostile: int, path: str) -> None:
    with browser.new_context() as context:
        tab = Tab(context.new_page(), f"http://127.0.0.1:{hostile}").open(path)
        tab.page.mouse.move(400, 400)
        assert tab.page.evaluate(MADE) == []
        silent = ("/alerts", "/track", "/runs", "/network")
        assert path in silent or any(text in tab.page.locator("main").inner_text() for text in TEXTS if "<" in text)
        assert tab.trouble == []


def test_no_name_of_an_asset_becomes_a_part_of_the_network(tab: Tab) -> None:
    def renamed(route: Route) -> None:
        found = route.fetch().json()
        nodes = [{"asset": text, "kind": text, "sector": text, "member": True, "degree": {"sector": 2}} for text in TEXTS]
        edges = [{"layer": "sector", "source": a, "target": b, "weight": 1.0} for a, b in itertools.pairwise(TEXTS)]
        layers = [{**layer, "layer": "sector", "about": TEXTS[0]} for layer in found["layers"][:1]]
        route.fulfill(json={**found, "nodes": nodes, "edges": edges, "layers": layers, "absent": {text: text for text in TEXTS}})

    tab.page.route("**/network/*", renamed)
    onward = [{"assets": TEXTS, "strength": 0.1, "edges": []}]
    tab.page.route("**/paths?*", lambda route: route.fulfill(json={"layers": [{"layer": TEXTS[0], "onward": onward}], "meaning": TEXTS[0]}))
    page = tab.open("/network").page
    for text in TEXTS:
        page.locator("#asset").select_option(value=text)
        assert page.locator("#asset-title").text_content() == text
    expect(page.locator("#chains td").first).to_have_text(" › ".join(TEXTS))
    assert page.evaluate(MADE) == []
