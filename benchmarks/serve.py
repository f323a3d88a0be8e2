"""What an answer of the API costs beside a bare JSON route of the same framework, measured in the same run.

    python benchmarks/serve.py [RUNS [SECONDS]]     writes results/benchmarks/serve.json; RUNS: the folder of the stored runs

Each server is a process of its own on loopback, asked over one connection that is kept open. Cost is the CPU time of the server for a request, the
least of REPEATS, so that a busy machine does not count; a ratio of 50 % means that the route costs twice what the bare one does. Then the latest
score is asked one request after the other for SECONDS, which is the rate that the connection carries (a burst is faster than a minute), then as long
at 5 % of that rate (idle) and at 70 %; times are from when a request was due to its answer. The bare route is asked likewise: what it suffers is the
machine's doing.
"""

import json
import platform
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import numpy as np

COUNT, REPEATS, SECONDS = 2_000, 5, 60
OUT = Path(__file__).resolve().parent.parent / "results" / "benchmarks" / "serve.json"
START = """
import sys, uvicorn
from pathlib import Path
from riskradar.serve.start import bound
place = bound("127.0.0.1", 0)
print(place.getsockname()[1], flush=True)
{app}
config = uvicorn.Config(app, log_config=None, log_level="critical", proxy_headers=False, server_header=False, timeout_keep_alive=600)
uvicorn.Server(config).run(sockets=[place])
"""
BARE = """
from fastapi import FastAPI
app = FastAPI()
@app.get("/")
async def bare():
    return {"ok": True}
"""
RADAR = """
from riskradar.serve import create_app
from riskradar.serve.security import Limits
app = create_app(Path(sys.argv[1]), limits=Limits(rate=1e9, burst=10**9))
"""
LATEST = "/v1/runs/latest"
ROUTES = {
    "the latest score": (f"{LATEST}/now", "", 0.50),
    "the latest score, not changed": (f"{LATEST}/now", "If-None-Match: {etag}\r\n", None),
    "a year of history": (f"{LATEST}/models/vol+breadth/history?days=250", "", 0.15),
    "a year of history, compressed": (f"{LATEST}/models/vol+breadth/history?days=250", "Accept-Encoding: gzip\r\n", None),
    "a year of history, CSV": (f"{LATEST}/models/vol+breadth/history?days=250&format=csv", "", None),
    "the leaderboard": (f"{LATEST}/leaderboard", "", None),
}  # fmt: skip


class Asked:
    """A server process and one open connection to it."""

    def __init__(self, process, port):
        self.pid, self.connection = process.pid, socket.create_connection(("127.0.0.1", port))
        self.file = self.connection.makefile("rb")

    def ask(self, path, headers=""):
        """One request: its status, its ETag and the bytes of its body."""
        self.connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n".encode())
        status, found = int(self.file.readline().split()[1]), {}
        while (line := self.file.readline()) != b"\r\n":
            name, _, value = line.partition(b":")
            found[name.lower()] = value.strip()
        return status, found.get(b"etag", b"").decode(), self.file.read(int(found.get(b"content-length", b"0")))

    def cpu(self):
        """Seconds that the thread of the server has computed, to the nanosecond."""
        return int(Path(f"/proc/{self.pid}/schedstat").read_text().split()[0]) / 1e9

    def cost(self, path, headers="", count=COUNT):
        """CPU seconds of the server for a request."""
        headers = headers.format(etag=self.ask(path)[1])
        start = self.cpu()
        for _ in range(count):
            status, _, _ = self.ask(path, headers)
        assert status == (304 if "None" in headers else 200), status
        return (self.cpu() - start) / count

    def carries(self, path, seconds):
        """Requests a second, one after the other."""
        start, count = time.perf_counter(), 0
        while time.perf_counter() < start + seconds:
            self.ask(path)
            count += 1
        return count / (time.perf_counter() - start)

    def times(self, path, rate, seconds):
        """Seconds from the moment at which each request was due to its answer, at a steady rate."""
        start, out = time.perf_counter(), []
        for k in range(int(rate * seconds)):
            due = start + k / rate
            if (early := due - time.perf_counter()) > 0:  # a sleep of nothing costs a fifth of a request, and one that is late would never catch up
                time.sleep(early)
            assert self.ask(path)[0] == 200
            out.append(time.perf_counter() - due)
        return {"requests": len(out), **{f"p{q}": round(1000 * float(np.percentile(out, q)), 3) for q in (50, 99, 99.9)}}


@contextmanager
def served(app, *arguments):
    command = [sys.executable, "-c", START.format(app=app), *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Asked(process, int(process.stdout.readline()))
        finally:
            process.terminate()


def main():
    home = sys.argv[1] if len(sys.argv) > 1 else "runs"
    seconds = int(sys.argv[2]) if len(sys.argv) > 2 else SECONDS
    with served(BARE) as bare, served(RADAR, home) as radar:
        radar.ask(f"{LATEST}/now")
        costs = [(bare.cost("/"), {name: radar.cost(path, headers) for name, (path, headers, _) in ROUTES.items()}) for _ in range(REPEATS)]
        least = min(cost for cost, _ in costs)
        rows = {}
        for name, (path, _, wanted) in ROUTES.items():
            cost = min(each[name] for _, each in costs)
            rows[name] = {"microseconds": round(1e6 * cost), "ratio": round(least / cost, 3), "wanted": wanted, "bytes": len(radar.ask(path)[2])}
        asked = {"the latest score": (radar, f"{LATEST}/now"), "bare": (bare, "/")}
        most, load = {}, {}
        for name, (server, path) in asked.items():
            most[name] = server.carries(path, seconds)
            load[name] = {what: server.times(path, share * most[name], seconds) for what, share in (("idle", 0.05), ("at 70 %", 0.7))}
    told = {"date": str(date.today()), "python": platform.python_version(), "bare_microseconds": round(1e6 * least), "routes": rows,
            "requests_a_second": {name: round(rate) for name, rate in most.items()}, "seconds": seconds, "milliseconds": load,
            "p99_ratio": {name: round(found["at 70 %"]["p99"] / found["idle"]["p99"], 2) for name, found in load.items()}}  # fmt: skip
    OUT.write_text(json.dumps(told, indent=1) + "\n")
    print(json.dumps(told, indent=1))


if __name__ == "__main__":
    main()
