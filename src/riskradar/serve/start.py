"""Start the server: which address it may have, and what it refuses."""

from __future__ import annotations

import ipaddress
import logging
import os
import socket
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import uvicorn

from riskradar.errors import RadarError, UsageError
from riskradar.serve import workplace
from riskradar.serve.app import create_app
from riskradar.serve.problems import Refused
from riskradar.serve.security import LOOPBACK

log = logging.getLogger("riskradar")

TOKEN = "RISKRADAR_TOKEN"  # noqa: S105 - the name of the variable
CONNECTIONS = 512


def start(home: Path, host: str = "127.0.0.1", port: int = 8000, allow: Sequence[str] = (), file: Path | None = None) -> None:
    """Serve the runs in `home` until interrupted; allow: names beside loopback and `host` by which the server is reached.

    file: the settings of the workspace whose ledger and alarms are shown, riskradar.toml where it is. UsageError for a file without a store,
    when another address than loopback is asked for without a token in RISKRADAR_TOKEN, and when the port is taken.
    """
    token = os.environ.get(TOKEN) or None
    if token is None and not loopback(host):
        raise UsageError(f"{host} can be reached from other machines and {TOKEN} is not set; nothing was started; set it, or leave --host away")
    own = f"[{host}]" if ":" in host else host
    app = create_app(home, place=workplace.found(home, file), token=token, hosts={*LOOPBACK, own, *allow})
    taken = bound(host, port)
    config = uvicorn.Config(app, log_config=None, log_level="warning", proxy_headers=False, server_header=False, limit_concurrency=CONNECTIONS)
    with suppress(Refused, RadarError):
        app.state.shelf.view().inputs  # noqa: B018 - read before the first page is asked for, which then need not wait
    log.info(f"http://{own}:{taken.getsockname()[1]} shows the runs in {home}; stop it with Ctrl-C")
    with suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=[taken])


def loopback(host: str) -> bool:
    """Whether an address can be reached from this machine only."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def bound(host: str, port: int) -> socket.socket:
    """A socket that listens at an address; UsageError when it cannot be had."""
    found = None
    try:
        if not 0 <= port <= 65_535:
            raise OSError(0, "ports run from 0 to 65535")
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        found = socket.socket(family, kind, protocol)
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind(address)
        found.listen(CONNECTIONS)
    except OSError as error:
        if found is not None:
            found.close()
        raise UsageError(f"cannot listen on {host} port {port}: {error.strerror}; nothing was started; choose another --port") from None
    return found
