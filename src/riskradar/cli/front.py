"""What the verbs share: the applications, the kinds of their options, and how they print."""

from __future__ import annotations

import json
import sys
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

stored = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="The store of live data.")
app.add_typer(stored, name="data")

StoreUrl = Annotated[str, typer.Option("--store", help="the database; that of riskradar.toml here unless given", metavar="URL")]
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


def moment(text: str) -> datetime | None:
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


def put_json(content: Any) -> None:
    """Print one JSON object; a number that is not finite is a bug."""
    print(json.dumps(content, allow_nan=False, default=str))


def pairs(found: Any) -> str:
    """Names and what they are, in two columns."""
    width = max(len(name) for name in found)
    return "\n".join(f"{name.ljust(width)}  {about}" for name, about in found.items())


@contextmanager
def progress() -> Iterator[Callable[[str], None]]:
    """Show on a terminal which stage runs; elsewhere draw nothing."""
    if not sys.stderr.isatty():
        yield lambda name: None
        return
    from rich.console import Console

    with Console(stderr=True).status("starting") as status:
        yield status.update
