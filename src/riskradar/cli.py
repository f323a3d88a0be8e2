"""The command line: one function per verb. Data goes to stdout, progress and errors to stderr."""

from __future__ import annotations

import json
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

FINDING = 10
INTERRUPTED = 130
BUG = 70

app = typer.Typer(
    name="riskradar", no_args_is_help=True, add_completion=True, pretty_exceptions_enable=False, rich_markup_mode=None,
    help="How fragile is the market, why, and how far can that number be trusted.",
)  # fmt: skip

Preset = Annotated[str, typer.Argument(help="standard, wide, tiny, paper or paper-text")]
Settings = Annotated[list[str] | None, typer.Option("--set", help="over the preset, e.g. layers.correlation.window=20", metavar="KEY=VALUE")]
File = Annotated[Path | None, typer.Option("--config", help="a TOML file over the preset", metavar="FILE")]
Home = Annotated[Path, typer.Option(help="folder of the stored runs")]
Json = Annotated[bool, typer.Option("--json", help="print one JSON object")]
Dask = Annotated[str, typer.Option(help="a Dask cluster that does the work, instead of processes here", metavar="tcp://HOST:PORT")]
Full = Annotated[bool, typer.Option("--full", help="then each layer removed, crises left out and transferred, and placebos; says how long first")]
Confirm = Annotated[bool, typer.Option("--confirm", help="open the sealed half (2010 and later); adds a line to results/trials.jsonl")]
Workspace = Annotated[Path, typer.Option("--config", help="the settings of the workspace", metavar="FILE")]
RunName = Annotated[str, typer.Argument(help="name of a stored run, or the start of it", metavar="RUN")]


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
    with _progress() as stage:
        stored = api.run(None, preset, chosen, file=config, home=home, confirm=confirm, stage=stage)
        found = api.full_protocol(stored.id, home=home, stage=stage) if full else None
    if as_json:
        return _json({"about": stored.about, "evaluation": stored.evaluation, **({"full": found} if found else {})})
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
        return _json(found)
    if what == "model":
        print("\n".join(text.model(found)))
    elif "evaluation" in found:
        print(found["about"]["panel"]["text"], end="\n\n")
        _found(found["about"], found["evaluation"])
    elif found:
        print(text.table(("name", ""), [(name, "") for name in found]) if not any(found.values()) else _pairs(found))
    else:
        print(f"no {what} in {home}; `riskradar run` makes one")
    return None


@app.command()
def compare(first: RunName, second: RunName, home: Home = Path("runs"), as_json: Json = False) -> None:
    """Compare two stored runs, model by model, on the dates that both have."""
    from riskradar import api, text

    found = api.compare(first, second, home=home)
    if as_json:
        return _json(found)
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

    with _progress() as stage:
        found = api.audit(None, preset, settings or (), file=config, stage=stage)
    if as_json:
        _json(found.record())
    else:
        print("\n".join(found.lines()))
    if found.findings:
        raise typer.Exit(FINDING)


@app.command()
def report(
    run: RunName = "latest",
    out: Annotated[Path | None, typer.Option(help="where to write it; default: the run's folder")] = None,
    home: Home = Path("runs"),
    confirm: Confirm = False,
    as_json: Json = False,
) -> None:
    """Write the HTML report of a stored run again."""
    from riskradar import api

    path = api.report(run, home=home, out=out, confirm=confirm)
    _json({"report": str(path)}) if as_json else print(path)


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
    _json(found) if as_json else print(text.stress(found))


@app.command()
def explain(
    run: RunName = "latest",
    date: Annotated[str, typer.Option(help="session to explain; default: the last one", metavar="YYYY-MM-DD")] = "",
    target: Annotated[str, typer.Option(help="as 20/10: a fall of 10 % within 20 sessions")] = "",
    against: Annotated[str, typer.Option(help="explain the change since this session", metavar="YYYY-MM-DD")] = "",
    model: Annotated[str, typer.Option(help="default: radar, or the rule that it stands on")] = "",
    home: Home = Path("runs"),
    as_json: Json = False,
) -> None:
    """Explain a score: what features, series, layers, edges, assets and days add to it."""
    from riskradar import api, html

    found = api.explain(run, date or None, target, against=against or None, model=model, home=home)
    _json(found.record()) if as_json else print("\n".join(html.sentences(found)))


@app.command()
def train(config: Workspace = Path("riskradar.toml"), settings: Settings = None, home: Home = Path("runs"), as_json: Json = False) -> None:
    """Train on what the store of this workspace knows; the new run speaks if it is not worse than the one before."""
    from riskradar import api

    with _progress() as stage:
        row = api.train(file=config, settings=settings or (), home=home, stage=stage)
    if as_json:
        return _json(row)
    print(f"{row['run']} {'speaks' if row['promoted'] else 'is kept and does not speak'} ({row['model']}): {row['reason']}")
    return None


@app.command()
def update(
    config: Workspace = Path("riskradar.toml"),
    settings: Settings = None,
    offline: Annotated[bool, typer.Option("--offline", help="fetch nothing")] = False,
    as_of: Annotated[str, typer.Option(help="the moment of the update, with its zone; default: now", metavar="MOMENT")] = "",
    home: Home = Path("runs"),
    as_json: Json = False,
) -> None:
    """Fetch, score every new session, write it into the ledger with what it alarms, deliver. Safe to run again."""
    from riskradar import api
    from riskradar.daily import words
    from riskradar.errors import Withheld

    found = api.update(file=config, settings=settings or (), home=home, offline=offline, now=_moment(as_of))
    if as_json:
        _json(found.record())
    else:
        print("\n".join(words.evening(found.record())))
    if found.withheld:
        raise Withheld(f"the score of {found.rows[-1]['date']} is withheld ({found.withheld}); the row says so; riskradar now")


@app.command()
def now(config: Workspace = Path("riskradar.toml"), home: Home = Path("runs"), as_json: Json = False) -> None:
    """Say how fragile the market is now: probability, band, base rate, change, drivers, alerts, and the state of the data."""
    from datetime import UTC, datetime

    from riskradar.daily import words
    from riskradar.daily.now import now as present  # not through api, which loads what computes
    from riskradar.errors import Withheld

    found = present(config, home, datetime.now(UTC))
    _json(found) if as_json else print("\n".join(words.now(found)))
    if found["withheld"]:
        raise Withheld(f"withheld: {found['withheld']}; the ledger is unchanged; riskradar update")


@app.command()
def replay(
    date: Annotated[str, typer.Argument(help="a session of the ledger")],
    config: Workspace = Path("riskradar.toml"),
    settings: Settings = None,
    home: Home = Path("runs"),
    as_json: Json = False,
) -> None:
    """Make the scores of a session again from what was known then, bit for bit, or name what differs."""
    from riskradar import api

    found = api.replay(date, file=config, settings=settings or (), home=home)
    if as_json:
        _json(found.record())
    else:
        print(f"{found.date}: {'equal, bit for bit' if found.equal else 'NOT equal'}")
        print("\n".join(found.differs), end="\n" if found.differs else "")
    if not found.equal:
        raise typer.Exit(FINDING)


@app.command()
def alerts(
    config: Workspace = Path("riskradar.toml"),
    ack: Annotated[int, typer.Option(help="acknowledge the alarm of that number", metavar="NUMBER")] = 0,
    note: Annotated[str, typer.Option(help="with --ack or --silence: why")] = "",
    silence: Annotated[str, typer.Option(help="post nothing until then, as 2026-01-31T18:00-05:00", metavar="MOMENT")] = "",
    send: Annotated[bool, typer.Option("--send", help="deliver what waits, and alarm when the last score did not come")] = False,
    backtest: Annotated[str, typer.Option(help="what the rule would have done on a stored run, such as latest", metavar="RUN")] = "",
    home: Home = Path("runs"),
    as_json: Json = False,
) -> None:
    """See, acknowledge, silence and deliver alarms, or ask what the rule would have done."""
    from riskradar import api
    from riskradar.daily import words

    if backtest:
        found = api.alerts_backtest(backtest, file=config if config.exists() else None, home=home)
        return _json(found) if as_json else print("\n".join(words.alarms(found)))
    found = api.alerts(file=config, ack=ack, note=note, silence=_moment(silence), send=send)
    _json(found) if as_json else print("\n".join(words.alerts(found)))
    if found["firing"]:
        raise typer.Exit(FINDING)
    return None


@app.command()
def doctor(home: Home = Path("runs"), as_json: Json = False) -> None:
    """Check that everything that a run needs is here and works."""
    from riskradar import api

    checks = api.doctor(home=home)
    if as_json:
        _json([vars(c) for c in checks])
    else:
        print("\n".join(f"{'ok  ' if c.good else 'BAD '} {c.name}: {c.text}" for c in checks))
    if not all(c.good for c in checks):
        raise typer.Exit(2)


@app.callback(invoke_without_command=True)
def options(
    debug: Annotated[bool, typer.Option("--debug", help="show the traceback of an error")] = False,
    version: Annotated[bool, typer.Option("--version", help="print the version")] = False,
) -> None:
    """How fragile is the market, why, and how far can that number be trusted."""
    if debug:
        os.environ["RISKRADAR_DEBUG"] = "1"
    if version:
        import riskradar

        print(riskradar.__version__)
        raise typer.Exit


def main() -> None:
    """Entry point: errors become one line on stderr and an exit code."""
    from riskradar.errors import RadarError

    # joblib starts a worker again when it has grown; the job is not lost, so the user need not hear of it
    warnings.filterwarnings("ignore", "A worker stopped", UserWarning)
    logging.basicConfig(format="riskradar: %(message)s")
    logging.getLogger("riskradar").setLevel(logging.INFO)
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # a cluster that is lost is named in our own line
    try:
        app()
    except RadarError as error:
        _fail(str(error), error.code)
    except KeyboardInterrupt:
        _fail("interrupted; nothing was stored; run again", INTERRUPTED)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except Exception as error:  # noqa: BLE001 - the last line of defence
        _fail(f"a bug in riskradar: {type(error).__name__}: {error}; stored runs are unchanged; run again with --debug and report it", BUG)


def _fail(message: str, code: int) -> None:
    if os.environ.get("RISKRADAR_DEBUG"):
        raise
    print("riskradar: " + " ".join(message.split()), file=sys.stderr)
    sys.exit(code)


def _found(about: dict[str, Any], evaluation: dict[str, Any]) -> None:
    """What a run found: its leaderboard, or the paper's tables beside ours."""
    from riskradar import paper, text

    if about["kind"] == "replication":
        print("\n".join(paper.lines(about, evaluation)))
    else:
        tables = (text.leaderboard, text.headline, text.warnings, *((text.indicators,) if about.get("measures") else ()))
        print("\n\n".join(filter(None, (table(about, evaluation) for table in tables))), end="\n\n")
        print("\n".join(text.notes(about, evaluation)))


def _moment(text: str) -> datetime | None:
    """A moment with its zone, None where empty."""
    from datetime import datetime

    from riskradar.errors import UsageError

    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{text!r} is no moment; nothing was done; write it as 2026-01-30T18:30-05:00") from None
    if moment.tzinfo is None:
        raise UsageError(f"{text!r} has no time zone; nothing was done; write it as 2026-01-30T18:30-05:00")
    return moment


def _json(content: Any) -> None:
    print(json.dumps(content, allow_nan=False, default=str))


def _pairs(found: Any) -> str:
    width = max(len(name) for name in found)
    return "\n".join(f"{name.ljust(width)}  {about}" for name, about in found.items())


@contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    if not sys.stderr.isatty():
        yield lambda name: None
        return
    from rich.console import Console

    with Console(stderr=True).status("starting") as status:
        yield status.update
