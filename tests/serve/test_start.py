"""`riskradar serve` as a process: where it listens, what it refuses, how it ends."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from riskradar.client import Client
from riskradar.errors import UsageError
from riskradar.serve.start import bound, loopback, start

COMMAND = (sys.executable, "-c", "from riskradar.cli import main; main()", "serve")
OTHERS = ("0.0.0.0", "::", "192.0.2.1", "example.com", "", "127.0.0.1.example.com", "0")  # noqa: S104


def refused(*arguments: str, **environment: str) -> str:
    done = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=60, env={**os.environ, **environment}, check=False)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1), done.stderr
    return done.stderr


def test_another_address_needs_a_token(home: Path) -> None:
    told = refused("--host", "0.0.0.0", "--home", str(home), RISKRADAR_TOKEN="")  # noqa: S104
    assert "RISKRADAR_TOKEN is not set; nothing was started" in told


@pytest.mark.parametrize("host", OTHERS)
def test_only_loopback_is_loopback(host: str) -> None:
    assert not loopback(host)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_loopback(host: str) -> None:
    assert loopback(host)


def test_a_port_that_cannot_be_had_is_said(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(UsageError, match="in use; nothing was started"):
        start(home, port=taken.getsockname()[1])
    for host, port in (("127.0.0.1", 99_999), ("no such host", 8000)):
        with pytest.raises(UsageError, match="nothing was started"):
            bound(host, port)


def test_it_serves_until_interrupted(home: Path) -> None:
    command = [*COMMAND, "--port", "0", "--home", str(home)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        guard = threading.Timer(60, process.kill)
        guard.start()
        try:
            assert process.stderr
            found = re.search(r"http://127\.0\.0\.1:\d+", process.stderr.readline())
            assert found
            assert Client(found[0]).now()["sentence"]
            process.send_signal(signal.SIGINT)
            out, rest = process.communicate(timeout=30)
        finally:
            guard.cancel()
            process.kill()
    assert (process.returncode, out, rest) == (0, "", "")
