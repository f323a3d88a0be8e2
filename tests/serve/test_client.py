"""The client of one file and the tools of the Model Context Protocol: the same answers as the API gives."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp.client.client import Client as ToolClient
from mcp.client.stdio import StdioServerParameters, stdio_client
from starlette.testclient import TestClient

from riskradar import client as client_file
from riskradar.client import Client, Problem
from riskradar.record import Record
from riskradar.serve import create_app
from riskradar.serve.security import Limits
from tests.serve.conftest import TOKEN, listening
from tests.serve.test_api import LATEST, get


@pytest.fixture(scope="module")
def locked(home: Path) -> Iterator[int]:
    with listening(create_app(home, token=TOKEN)) as found:
        yield found


def test_the_client_reads_what_the_api_says(port: int, client: TestClient, stored: Record) -> None:
    radar = Client(f"http://127.0.0.1:{port}")
    assert next(radar.runs())["run"] == stored.id
    assert radar.about()["models"] == list(stored.forecasts())
    assert radar.now() == get(client, f"{LATEST}/now")
    assert radar.now("ewma-vol", "2009-03-09") == get(client, f"{LATEST}/now", model="ewma-vol", date="2009-03-09")
    assert radar.leaderboard() == get(client, f"{LATEST}/leaderboard")
    assert radar.paths("2009-03-09", "A&B") == get(client, f"{LATEST}/network/2009-03-09/paths", source="A&B")
    assert radar.network("2009-03-09", "sector", edges=5)["edges"] == get(client, f"{LATEST}/network/2009-03-09", layer="sector", edges=5)["edges"]
    dates = [row["date"] for row in radar.history("vol+breadth")]
    assert dates == [str(d) for d in stored.forecasts()["vol+breadth"].dates]
    assert len(list(radar.labels(days=7))) == 7
    assert list(radar.nodes("2009-03-09")) == get(client, f"{LATEST}/nodes", date="2009-03-09")["rows"]
    assert [row["date"] for row in radar.pages("runs", "latest", "measures", "density", limit=200)] == [r["date"] for r in radar.measure("density")]


def test_the_client_asks_why_and_what_if(port: int, client: TestClient) -> None:
    radar = Client(f"http://127.0.0.1:{port}")
    assert radar.explain("2009-03-09", model="vol+breadth") == get(client, f"{LATEST}/explain", date="2009-03-09", model="vol+breadth")
    assert radar.shocks("2009-03-09") == get(client, f"{LATEST}/shocks", date="2009-03-09")
    asked = {"date": "2009-03-09", "shocks": ["market returns -10%"], "model": "vol+breadth"}
    assert radar.stress(**asked) == client.post(f"{LATEST}/stress", json=asked).json()
    with pytest.raises(Problem, match="422: shock 'joy' is not understood"):
        radar.stress("2009-03-09", ["joy"])


def test_the_client_waits_for_what_is_being_made(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from riskradar.serve import why

    made, explain = threading.Event(), why.explain
    monkeypatch.setattr(why, "explain", lambda *given: made.wait(20) and explain(*given))
    monkeypatch.setattr(client_file.time, "sleep", lambda seconds: made.set())
    with listening(create_app(home, limits=Limits(seconds=0.2))) as port:
        with pytest.raises(Problem, match="503"):
            Client(f"http://127.0.0.1:{port}", patience=1).explain("2009-03-09")
        assert Client(f"http://127.0.0.1:{port}", patience=60).explain("2009-03-10")["date"] == "2009-03-10"


def test_what_has_not_changed_is_not_sent_again(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    radar, read = Client(f"http://127.0.0.1:{port}"), []
    load = client_file.json.load
    monkeypatch.setattr(client_file.json, "load", lambda response: read.append(response.status) or load(response))
    assert radar.now() == radar.now()
    assert read == [200]


def test_the_client_says_why_it_was_refused(port: int, locked: int) -> None:
    with pytest.raises(Problem, match="404: no such run") as error:
        Client(f"http://127.0.0.1:{port}", run="none").now()
    assert error.value.status == 404
    with pytest.raises(Problem, match="date"):
        Client(f"http://127.0.0.1:{port}").now(date="tomorrow")
    with pytest.raises(Problem, match="401"):
        Client(f"http://127.0.0.1:{locked}").now()
    assert Client(f"http://127.0.0.1:{locked}", token=TOKEN).now()["run"]
    with pytest.raises(ValueError, match="no http"):
        Client("file:///etc/passwd")
    with pytest.raises(OSError, match="refused"):
        Client("http://127.0.0.1:9").now()


def test_the_client_needs_the_standard_library_alone(tmp_path: Path) -> None:
    """Copied elsewhere it runs with no package installed."""
    (tmp_path / "radar_client.py").write_text(Path(client_file.__file__).read_text())
    code = "import radar_client, sys; assert not [m for m in sys.modules if m.split('.')[0] in ('riskradar', 'pydantic', 'numpy')]"
    subprocess.run([sys.executable, "-S", "-c", code], cwd=tmp_path, check=True, timeout=60)


def test_the_tools_answer_the_official_client(home: Path, client: TestClient) -> None:
    """A real process over its standard input and output."""
    code = "from riskradar.cli import main; main()"
    process = StdioServerParameters(command=sys.executable, args=["-c", code, "mcp", "--home", str(home)], env=dict(os.environ))

    async def talk() -> list[Any]:
        async with ToolClient(stdio_client(process)) as tools:
            listed = await tools.list_tools()
            assert [tool.name for tool in listed.tools] == ["now", "history", "evaluate", "explain", "stress"]
            assert all(tool.annotations and tool.annotations.read_only_hint for tool in listed.tools)
            assert all(tool.description and tool.output_schema for tool in listed.tools)
            calls = [("now", {}), ("now", {"date": "2009-03-09"}), ("history", {"days": 3}), ("evaluate", {}), ("history", {"model": "none"}),
                     ("now", {"date": "tomorrow"}), ("now", {"run": "none"}), ("stress", {"date": "2009-03-09", "shocks": ["joy"]}),
                     ("explain", {"date": "2009-03-09"}), ("stress", {"date": "2009-03-09", "shocks": ["market returns -10%"]})]  # fmt: skip
            return [await tools.call_tool(name, arguments) for name, arguments in calls]

    now, then, history, board, *refused, explained, stressed = anyio.run(talk)
    assert explained.structured_content == get(client, f"{LATEST}/explain", date="2009-03-09")
    assert stressed.structured_content == client.post(f"{LATEST}/stress", json={"date": "2009-03-09", "shocks": ["market returns -10%"]}).json()
    assert now.structured_content == get(client, f"{LATEST}/now")
    assert then.structured_content == get(client, f"{LATEST}/now", date="2009-03-09")
    assert history.structured_content == get(client, f"{LATEST}/models/vol+breadth/history", days=3)
    assert board.structured_content == get(client, f"{LATEST}/leaderboard")
    assert all(found.is_error and "Traceback" not in found.content[0].text for found in refused)
    assert "models" in refused[0].content[0].text
