"""Where jobs run: processes on this machine, or a Dask cluster; one joblib path, the same results."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from joblib import Parallel, parallel_config

from riskradar.errors import SourceError, UsageError
from riskradar.resume import code

SHARED = "100K"  # larger arrays go to local processes once, as memory that all of them map
PATIENCE = 15  # seconds in which a cluster must answer and show a worker


@contextmanager
def workers(jobs: int, dask: str, shared: Sequence[Any]) -> Iterator[Parallel]:
    """Run jobs in `jobs` processes (0: one per core), or on the cluster whose scheduler is at `dask`; results come as they are ready.

    shared: the objects that many jobs read; a cluster gets each of them once.
    UsageError when the address, the extra `dask` or a worker cannot be used; SourceError when the cluster does not answer or is lost.
    """
    if not dask:
        yield Parallel(n_jobs=jobs or -1, max_nbytes=SHARED, return_as="generator_unordered")
        return
    client = _client(dask)
    from distributed import KilledWorker
    from distributed.comm import CommClosedError

    try:
        _check(client, dask)
        with parallel_config(backend="dask", client=client, scatter=list(shared)):
            yield Parallel(n_jobs=-1, return_as="generator_unordered")
    except (KilledWorker, CommClosedError, TimeoutError, asyncio.CancelledError) as error:
        raise SourceError(f"the cluster at {dask} was lost ({type(error).__name__}); finished jobs are kept; start it and run again") from None
    finally:
        client.close(timeout=PATIENCE)


def _client(address: str) -> Any:
    parts = urlsplit(address)
    try:
        good = parts.scheme in ("tcp", "tls") and parts.hostname and parts.port
    except ValueError:  # a port that is no number
        good = False
    if not good:
        raise UsageError(f"no cluster can be at {address!r}; nothing was run; write --dask tcp://host:port, the address that the scheduler prints")
    try:
        from distributed import Client
    except ImportError:
        raise UsageError("a cluster needs the extra `dask`; nothing was run; install systemic-risk-radar[dask] here and on the workers") from None
    try:
        return Client(address, timeout=PATIENCE, set_as_default=False)
    except (OSError, TimeoutError) as error:
        raise SourceError(f"no Dask scheduler answers at {address} ({type(error).__name__}); nothing was run; start one or mend --dask") from None


def _check(client: Any, address: str) -> None:
    """Every worker must have a process to itself (threads of one process would share its BLAS) and the code of this machine."""
    try:
        client.wait_for_workers(1, timeout=PATIENCE)
    except TimeoutError:
        raise SourceError(f"the scheduler at {address} has no worker; nothing was run; start some with --nthreads 1") from None
    for worker, threads in client.nthreads().items():
        if threads != 1:
            raise UsageError(f"worker {worker} runs {threads} threads; nothing was run; start it with --nthreads 1 --nworkers {threads}")
    for worker, theirs in client.run(code, on_error="return").items():
        if theirs != code():
            raise UsageError(f"worker {worker} has other code or other versions than this machine; nothing was run; install the same on both")
