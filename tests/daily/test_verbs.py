"""The verbs of an evening on the command line: what they print, and their exit codes."""

import json
import os
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from riskradar.cli import app
from riskradar.errors import UsageError, Withheld
from tests.daily.workspace import TRAINED
from tests.test_imports import HEAVY

NUMERIC = ("torch", "sklearn", "pandas", "joblib", "plotly")


def verb(place, *words, home=True):
    """Exit code and output; errors of ours come as they are."""
    where = ["--config", str(place.file), *(["--home", str(place.home)] if home else [])]
    done = CliRunner().invoke(app, [*words, *where])
    if isinstance(done.exception, UsageError | Withheld):
        raise done.exception
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.stdout


def test_an_evening_on_the_command_line(place):
    date = str(place.dates[TRAINED - 1])
    code, out = verb(place, "update", "--offline", "--as-of", place.evening(TRAINED - 1).isoformat())
    assert (code, out.splitlines()[0]) == (0, f"1 sessions scored, {date} to {date}")
    assert verb(place, "update", "--offline", "--as-of", place.evening(TRAINED - 1).isoformat())[1].startswith("nothing new to score")
    assert verb(place, "replay", date) == (0, f"{date}: equal, bit for bit\n")
    code, out = verb(place, "alerts", "--json", home=False)
    assert (code, json.loads(out)["waiting"]) == (10 if json.loads(out)["firing"] else 0, [])
    with pytest.raises(Withheld, match="days ago"):
        verb(place, "now")
    code, out = verb(place, "alerts", "--backtest", "latest")
    assert (code, "the same alarms moved in time at random" in out) == (0, True)
    for words in (("update", "--as-of", "2024-01-01"), ("update", "--as-of", "soon"), ("alerts", "--silence", "2024-01-01T10:00")):
        with pytest.raises(UsageError, match="nothing was done"):
            verb(place, *words, home=words[0] == "update")


def test_a_replay_that_is_not_equal_ends_with_ten(place):
    place.update(TRAINED - 1)
    model = next(place.home.glob("*/fitted/*.safetensors"))
    model.write_bytes(model.read_bytes()[:-1] + b"x")
    code, out = verb(place, "replay", str(place.dates[TRAINED - 1]))
    assert (code, "NOT equal" in out, str(model) in out) == (10, True, True)
    with pytest.raises(UsageError, match="the ledger has no score of 1999-01-04"):
        verb(place, "replay", "1999-01-04")


def test_now_answers_without_loading_what_computes(place):
    place.update(TRAINED - 1)
    code = f"""
import sys
from datetime import datetime
from pathlib import Path
import riskradar.cli
from riskradar.daily import words
from riskradar.daily.now import now
print("\\n".join(words.now(now(Path({str(place.file)!r}), Path(), datetime.fromisoformat({place.evening(TRAINED - 1).isoformat()!r})))))
print("LOADED", *({{m.split('.')[0] for m in sys.modules}} & set({HEAVY!r})))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True, env=os.environ)
    shown, loaded = done.stdout.rsplit("LOADED", 1)
    assert not set(loaded.split()) & set(NUMERIC)
    assert f"{place.dates[TRAINED - 1]}  ewma-vol  run " in shown
    assert "% of the members observed" in shown


def test_now_without_a_workspace_tells_the_newest_run(trained, tmp_path):
    done = CliRunner().invoke(app, ["now", "--home", str(trained.home), "--config", str(tmp_path / "riskradar.toml"), "--json"])
    found = json.loads(done.stdout)
    assert found["date"] == str(trained.dates[TRAINED - 1])
    assert {row["target"] for row in found["targets"]} == {"5/3", "20/5"}
    assert isinstance(done.exception, Withheld)
