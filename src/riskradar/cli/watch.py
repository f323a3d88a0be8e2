"""Verbs about live data: the store, the evening, the ledger, alarms."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from riskradar.cli.front import FINDING, Home, Json, Settings, StoreUrl, Workspace, app, moment, progress, put_json, stored


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(help="where the database and the raw files go", metavar="FOLDER")] = Path("store"),
    server: Annotated[str, typer.Option(help="PostgreSQL for the rows; the password comes from PGPASSWORD", metavar="URL")] = "",
) -> None:
    """Make a store for live data, and beside it a commented riskradar.toml, unless there is one; prints what data.store is to be."""
    from riskradar import api

    print(f"data.store={api.init(folder, server)}")
    typer.echo("its settings: riskradar.toml beside the folder (one that was there is kept); then: riskradar data import, train, update", err=True)


@stored.command("import")
def data_import(
    url: StoreUrl = "",
    prices: Annotated[list[Path] | None, typer.Option(help="wide or long prices; may be given several times", metavar="FILE")] = None,
    macro: Annotated[Path | None, typer.Option(help="macro series, as data.macro", metavar="FILE")] = None,
    sentiment: Annotated[Path | None, typer.Option(help="sentiment, as data.sentiment", metavar="FILE")] = None,
    as_json: Json = False,
) -> None:
    """Add files to the store; what it has already is counted, what differs is kept beside it as a correction."""
    from riskradar import api

    found = {name: vars(receipt) for name, receipt in api.data_import(url, prices or (), macro, sentiment).items()}
    if as_json:
        return put_json(found)
    return print("\n".join(f"{name}: " + ", ".join(f"{count:,} {what}" for what, count in counts.items()) for name, counts in found.items()))


@stored.command()
def status(url: StoreUrl = "", as_json: Json = False) -> None:
    """What the store holds, source by source."""
    from riskradar import text
    from riskradar.daily.workspace import store_here

    found = store_here(url).status()
    if as_json:
        return put_json(found)
    header = ("source", "batches", "received", "stored", "identical", "corrected", "quarantined", "last")
    print(f"schema {found['schema']}, {found['payloads']} raw payloads")
    return print(text.table(header, [[str(source[name]) for name in header] for source in found["sources"]]))


@stored.command()
def export(
    path: Annotated[Path, typer.Argument(help="a file that ends in .parquet or .csv", metavar="FILE")],
    url: StoreUrl = "",
    as_of: Annotated[str, typer.Option(help="what was known at 20:00 New York of this day; now unless given", metavar="DATE")] = "",
) -> None:
    """Write every value of the store, each vintage a row."""
    from riskradar import api

    print(f"{api.data_export(url, path, as_of):,} rows in {path}")


@stored.command()
def calendar(
    code: Annotated[str, typer.Argument(help="an exchange, as data.calendar names it")] = "XNYS",
    start: Annotated[str, typer.Option(help="first day", metavar="DATE")] = "",
    end: Annotated[str, typer.Option(help="last day", metavar="DATE")] = "",
    as_json: Json = False,
) -> None:
    """Print the sessions of an exchange; those of the next two weeks unless days are given."""
    from riskradar import api

    found = api.data_calendar(code, start, end)
    put_json({"calendar": code, "sessions": found}) if as_json else print("\n".join(found or ["no session"]))


@stored.command()
def verify(url: StoreUrl = "", as_json: Json = False) -> None:
    """Check every row and raw file of the store against its hash."""
    from riskradar.daily.workspace import store_here
    from riskradar.errors import StorageError
    from riskradar.store import verify

    found = verify(store_here(url))
    put_json({"found": found}) if as_json else print("\n".join(found or ["every row and every raw file is what was stored"]))
    if found:
        more = f", and {len(found) - 1} more" if found[1:] else ""
        raise StorageError(f"{found[0]}{more}; nothing was changed; riskradar data repair")


@stored.command()
def repair(url: StoreUrl = "", as_json: Json = False) -> None:
    """Put damaged rows back from the raw files where these give the same bytes; nothing is removed."""
    from riskradar.daily.workspace import store_here
    from riskradar.store import repair

    found = repair(store_here(url))
    put_json({"found": found}) if as_json else print("\n".join(found or ["no observation is damaged"]))


@app.command()
def train(config: Workspace = Path("riskradar.toml"), settings: Settings = None, home: Home = Path("runs"), as_json: Json = False) -> None:
    """Train on what the store of this workspace knows; the new run speaks if it is not worse than the one before."""
    from riskradar import api

    with progress() as stage:
        row = api.train(file=config, settings=settings or (), home=home, stage=stage)
    if as_json:
        return put_json(row)
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

    found = api.update(file=config, settings=settings or (), home=home, offline=offline, now=moment(as_of))
    if as_json:
        put_json(found.record())
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
    put_json(found) if as_json else print("\n".join(words.now(found)))
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
        put_json(found.record())
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
        return put_json(found) if as_json else print("\n".join(words.alarms(found)))
    found = api.alerts(file=config, ack=ack, note=note, silence=moment(silence), send=send)
    put_json(found) if as_json else print("\n".join(words.alerts(found)))
    if found["firing"]:
        raise typer.Exit(FINDING)
    return None
