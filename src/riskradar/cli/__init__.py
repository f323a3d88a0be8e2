"""The command line: one function per verb. Data goes to stdout, progress and errors to stderr."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from typing import Annotated

import typer

from riskradar.cli import runs, watch
from riskradar.cli.front import BUG, INTERRUPTED, app

__all__ = ["app", "main", "runs", "watch"]


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
