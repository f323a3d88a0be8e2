"""Verbs about runs: make, see, compare, audit, report, explain, stress, serve."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from riskradar.cli.front import FINDING, Confirm, Dask, File, Full, Home, Json, Preset, RunName, Settings, app, pairs, progress, put_json


@app.command()
def run(
    preset: Preset = "standard",
    settings: Settings = None,
    config: File = None,
    confirm: Confirm = False,
    dask: Dask = "",
    full: Full = False,
    home: Home = Path("runs"),
    as_json: Json = False,
) -> None:
    """Run the whole line on prices: leaderboard printed, report written."""
    from riskradar import api, text
    from riskradar.errors import UsageError

    if full and not confirm:
        raise UsageError("--full looks at both halves; nothing was run; add --confirm")
    chosen = [*(settings or ()), *([f"backtest.dask={dask}"] if dask else [])]
    with progress() as stage:
        stored = api.run(None, preset, chosen, file=config, home=home, confirm=confirm, stage=stage)
        found = api.full_protocol(stored.id, home=home, stage=stage) if full else None
    if as_json:
        return put_json({"about": stored.about, "evaluation": stored.evaluation, **({"full": found} if found else {})})
    print(stored.about["sentence"], end="\n\n")
    print(stored.about["panel"]["text"])
    print("\n".join(stored.about["intake"]["lines"]), end="\n\n")
    _found(stored.about, stored.evaluation)
    print()
    print("seconds: " + ", ".join(f"{name} {s:.1f}" for name, s in stored.about["seconds"].items()))
    if found:
        print("\n" + text.full(found), end="\n\n")
        print(f"full protocol: {stored.folder / 'full.html'}")
    print(f"report: {stored.folder / 'report.html'}")
    return None


@app.command()
def show(
    what: Annotated[str, typer.Argument(help="runs, config, features, layers, measures, models, model, or a stored run")] = "runs",
    name: Annotated[str, typer.Argument(help="with `model`: which one")] = "",
    preset: Annotated[str, typer.Option(help="preset for config and models")] = "standard",
    settings: Settings = None,
    home: Home = Path("runs"),
    as_json: Json = False,
) -> None:
    """Show what exists: runs, settings, features, layers, measures, models, one model with its size and cost, or one stored run."""
    from riskradar import api, text

    found = api.show(what, name, home=home, preset=preset, settings=settings or ())
    if as_json or what == "config":
        return put_json(found)
    if what == "model":
        print("\n".join(text.model(found)))
    elif "evaluation" in found:
        print(found["about"]["panel"]["text"], end="\n\n")
        _found(found["about"], found["evaluation"])
    elif found:
        print(text.table(("name", ""), [(name, "") for name in found]) if not any(found.values()) else pairs(found))
    else:
        print(f"no {what} in {home}; `riskradar run` makes one")
    return None


@app.command()
def compare(first: RunName, second: RunName, home: Home = Path("runs"), as_json: Json = False) -> None:
    """Compare two stored runs, model by model, on the dates that both have."""
    from riskradar import api, text

    found = api.compare(first, second, home=home)
    if as_json:
        return put_json(found)
    rows = []
    for name, pair in found.items():
        base, other = pair["rows"]
        for target in pair["targets"]:
            cells = [pair["rows"][row]["targets"].get(target["name"]) for row in (base, other)]
            if None not in cells:
                gap = cells[1]["paired"].get(base)
                scores = (text.number(c["auroc_onset"]) for c in cells)
                rows.append((name, target["name"], *scores, text.number(gap, signed=True), text.interval(gap), str(target["sessions"])))
    print(text.table(("model", "target", first, second, "ONSET difference", "90 % interval", "sessions"), rows))
    return None


@app.command()
def audit(preset: Preset = "standard", settings: Settings = None, config: File = None, as_json: Json = False) -> None:
    """Look for the future in every number: cut the data at each session and see whether anything before it moves."""
    from riskradar import api

    with progress() as stage:
        found = api.audit(None, preset, settings or (), file=config, stage=stage)
    if as_json:
        put_json(found.record())
    else:
        print("\n".join(found.lines()))
    if found.findings:
        raise typer.Exit(FINDING)


@app.command()
def report(
    run: RunName = "latest",
    out: Annotated[Path | None, typer.Option(help="default: the run's folder; .jsonl or .parquet: the regime indicator instead")] = None,
    home: Home = Path("runs"),
    confirm: Confirm = False,
    as_json: Json = False,
) -> None:
    """Write the HTML report of a stored run again."""
    from riskradar import api

    path = api.report(run, home=home, out=out, confirm=confirm)
    put_json({"report": str(path)}) if as_json else print(path)


@app.command()
def stress(
    run: RunName,
    date: Annotated[str, typer.Option(help="the session that is shocked", metavar="YYYY-MM-DD")],
    shock: Annotated[list[str] | None, typer.Option(help='e.g. "Financials returns -15%", "hy_oas +300bp", "correlation +0.3"; repeatable')] = None,
    file: Annotated[Path | None, typer.Option(help="a TOML file: shocks, reverse, models, target, exposures, layer")] = None,
    as_on: Annotated[str, typer.Option("--as-on", help="with the returns and macro changes of another day", metavar="YYYY-MM-DD")] = "",
    reverse: Annotated[str, typer.Option(help='the smallest shock of a kind that reaches the alert line, e.g. "returns" or "vix"')] = "",
    home: Home = Path("runs"),
    as_json: Json = False,
) -> None:
    """Shock one day of a stored run: scores, measures, layers and losses before and after."""
    from riskradar import api, text

    found = api.stress(run, date, [*([f"as on {as_on}"] if as_on else []), *(shock or ())], file=file, reverse=reverse, home=home)
    put_json(found) if as_json else print(text.stress(found))


@app.command()
def explain(
    run: RunName = "latest",
    date: Annotated[str, typer.Option(help="session to explain; default: the last one", metavar="YYYY-MM-DD")] = "",
    target: Annotated[str, typer.Option(help="as 20/10: a fall of 10 % within 20 sessions")] = "",
    against: Annotated[str, typer.Option(help="explain the change since this session", metavar="YYYY-MM-DD")] = "",
    model: Annotated[str, typer.Option(help="default: radar, or the rule that it stands on")] = "",
    show: Annotated[str, typer.Option(help='instead: "nodes", "paths from XLF", or "crisis 2008 [every 20]"', metavar="VIEW")] = "",
    home: Home = Path("runs"),
    as_json: Json = False,
) -> None:
    """Explain a score: what features, series, layers, edges, assets and days add to it."""
    from riskradar import api, html, text
    from riskradar.attribution import crises
    from riskradar.errors import UsageError

    what, _, name = show.removeprefix("paths ").partition(" ")
    given = {"date": date, "target": target, "against": against, "model": model}
    takes = {"": tuple(given), "nodes": ("date", "target", "model"), "from": ("date",), "crisis": ("target", "model")}
    if what not in takes or bool(name) != (what in ("from", "crisis")):
        raise UsageError(f'--show {show!r} is not understood; nothing was computed; write nodes, "paths from XLF" or "crisis 2008"')
    if stray := [option for option, value in given.items() if value and option not in takes[what]]:
        raise UsageError(f"--{stray[0]} says nothing about {show!r}; nothing was computed; leave it out")
    if what == "crisis":
        crisis, _, every = name.partition(" every ")
        if not (every or "1").isdigit() or every == "0":
            raise UsageError(f'--show {show!r} is not understood; nothing was computed; write "crisis 2008 every 20" for every 20th session')
        profile = api.profile(run, crisis, target, model=model, every=int(every or crises.EVERY), home=home)
        return put_json(profile) if as_json else print(html.profile(profile))
    if what == "from":
        paths = api.pathways(run, name, date or None, home=home)
        return put_json(paths) if as_json else print(text.pathways(paths))
    if what == "nodes":
        nodes = api.importance(run, date or None, target, model=model, home=home)
        return put_json(nodes) if as_json else print(text.importance(nodes))
    found = api.explain(run, date or None, target, against=against or None, model=model, home=home)
    return put_json(found.record()) if as_json else print("\n".join(html.sentences(found)))


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="address to listen on; another than loopback needs a token in RISKRADAR_TOKEN")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="port to listen on")] = 8000,
    allow: Annotated[list[str] | None, typer.Option(help="a further name that the server is reached by", metavar="NAME")] = None,
    home: Home = Path("runs"),
    config: Annotated[Path | None, typer.Option(help="settings of the workspace that is shown; riskradar.toml if here", metavar="FILE")] = None,
) -> None:
    """Show the stored runs as pages and as an API under /v1, on this machine only unless a token is set."""
    from riskradar import api

    api.serve(home=home, host=host, port=port, allow=allow or (), file=config)


@app.command()
def mcp(home: Home = Path("runs")) -> None:
    """Answer a language model's tools over standard input and output (Model Context Protocol): now, history, evaluate, explain, stress."""
    from riskradar import api

    api.mcp(home=home)


@app.command()
def doctor(home: Home = Path("runs"), as_json: Json = False) -> None:
    """Check that everything that a run needs is here and works."""
    from riskradar import api

    with progress() as stage:
        stage("a short run")
        checks = api.doctor(home=home)
    if as_json:
        put_json([vars(c) for c in checks])
    else:
        print("\n".join(f"{'ok  ' if c.good else 'BAD '} {c.name}: {c.text}" for c in checks))
    if not all(c.good for c in checks):
        raise typer.Exit(2)


def _found(about: dict[str, Any], evaluation: dict[str, Any]) -> None:
    """What a run found: its leaderboard, or the paper's tables beside ours."""
    from riskradar import paper, text

    if about["kind"] == "replication":
        print("\n".join(paper.lines(about, evaluation)))
    else:
        tables = (text.leaderboard, text.headline, text.warnings, *((text.indicators,) if about.get("measures") else ()), text.assets)
        print("\n\n".join(filter(None, (table(about, evaluation) for table in tables))), end="\n\n")
        print("\n".join(text.notes(about, evaluation)))
